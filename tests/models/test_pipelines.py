"""Pipelines of diffusers sit exams: tiny ones of several families, made on the spot."""

import json
import shutil

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Conditioning
from worldlaw.testing import check_model

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),  # what diffusers and transformers warn of is theirs
]

STEPS = {"num_inference_steps": 2}
QUIET = {**STEPS, "guidance_scale": 1.0}
FAMILIES = {
    "wan_image_to_video": ("ImageToVideo", QUIET),
    "svd_image_to_video": ("ImageToVideo", STEPS),
    "ltx_image_to_video": ("ImageToVideo", QUIET),
    "cogvideo_image_to_video": ("ImageToVideo", QUIET),
    "wan_video_to_video": ("VideoToVideo", {**QUIET, "strength": 0.9}),
    "ltx_video_to_video": ("VideoToVideo", QUIET),
    "cogvideo_video_to_video": ("VideoToVideo", {**QUIET, "strength": 0.9}),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a family's tiny pipeline."""
    import tiny_pipelines

    made = {}

    def folder(family):
        if family not in made:
            made[family] = str(tmp_path_factory.mktemp(family))
            getattr(tiny_pipelines, family)(made[family])
        return made[family]

    return folder


@pytest.fixture
def model(saved):
    def build(family, **options):
        from worldlaw.models import pipelines

        kind, own = FAMILIES[family]
        return getattr(pipelines, kind)(**{"path": saved(family), **own, **options})

    return build


def question(clips=1, *, context=3, size=(32, 32), fps=8.0):
    frames = np.random.default_rng(0).integers(0, 256, (clips, context, *size, 3), np.uint8)
    words = tuple(f"one red ball moves {way}" for way in ("right", "a view", "the")[:clips])
    return Conditioning(frames, fps, tuple(map(str, range(clips))), text=words)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_keeps_the_contract_of_a_model_and_hangs_on_its_seed(model, family):
    built = model(family)
    check_model(built, question(2))
    one, other = (built.generate(question(), 5, np.array([seed])) for seed in (1, 2))
    assert (one != other).any()
    assert built.sampler_steps == 2


def test_the_frames_that_a_pipeline_draws_of_the_given_ones_are_not_among_the_new(model):
    """The new frames of i2v begin after the picture: with one given frame, at the second that is drawn."""
    built, given = model("wan_image_to_video"), question(context=1)
    seen = {}

    def drawn(**call):
        seen.update(call)
        frames = np.arange(call["num_frames"], dtype=float)[:, None, None, None] / 255
        return type("Output", (), {"frames": [np.broadcast_to(frames, (call["num_frames"], 32, 32, 3))]})

    built.pipeline.__class__ = type("Told", (), {"__call__": lambda self, **call: drawn(**call)})
    answer = built.generate(given, 5, np.array([1]))
    assert answer[0, :, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert seen["num_frames"] == 9  # 1 + 2 latents of four frames: the least that holds six
    assert seen["prompt"] == given.text[0]
    assert (np.asarray(seen["image"]) == given.frames[0, -1]).all()


def test_a_pipeline_that_redraws_is_shown_the_given_frames_and_then_the_last_one_standing_still(model):
    built, given = model("cogvideo_video_to_video"), question()
    shown = built._shown([*map(_picture, given.frames[0])], 5)
    assert shown["lead"] == 3
    assert len(shown["video"]) == 9
    assert all((np.asarray(each) == given.frames[0, 2]).all() for each in shown["video"][3:])
    built.generate(given, 5, np.array([1]))
    assert any("repeated" in each for each in built.adjustments)


def _picture(frame):
    from PIL import Image

    return Image.fromarray(frame)


def test_the_frame_rate_goes_where_the_call_has_a_place_for_it(model, monkeypatch):
    for family, name in (("ltx_image_to_video", "frame_rate"), ("svd_image_to_video", "fps")):
        built, seen = model(family), {}
        original = type(built.pipeline).__call__

        def listen(self, *, seen=seen, original=original, **call):
            seen.update(call)
            return original(self, **call)

        monkeypatch.setattr(type(built.pipeline), "__call__", listen)
        built.generate(question(fps=12.0), 2, np.array([1]))
        assert seen[name] == 12
        assert ("prompt" in seen) == (family != "svd_image_to_video")


def test_a_size_that_a_codec_cannot_take_is_rounded_and_said(model):
    built = model("wan_image_to_video")
    answer = built.generate(question(context=1, size=(36, 52)), 3, np.array([1]))
    assert answer.shape == (1, 3, 36, 52, 3)
    assert built.adjustments == {"drawn at 48 x 32, resized from and to 52 x 36"}


def test_a_size_of_ones_own_is_kept(model):
    built = model("wan_image_to_video", height=48, width=64)
    built.generate(question(context=1), 3, np.array([1]))
    assert built.adjustments == {"drawn at 64 x 48, resized from and to 32 x 32"}


@pytest.mark.parametrize(
    ("family", "options", "says"),
    [
        ("wan_image_to_video", {"guidance": 1}, "did you mean 'guidance_scale'"),
        ("wan_image_to_video", {"num_frames": 9}, "num_frames"),
        ("svd_image_to_video", {"negative_prompt": "blurry"}, "negative_prompt"),
        ("wan_image_to_video", {"dtype": "float8"}, "dtype"),
        ("wan_image_to_video", {"path": "nowhere"}, "model_index.json"),
    ],
)
def test_what_a_pipeline_cannot_take_is_refused(model, family, options, says):
    with pytest.raises(BadInput, match=says):
        model(family, **options)


def test_a_pipeline_of_the_other_kind_is_refused(saved):
    from worldlaw.models.pipelines import VideoToVideo

    with pytest.raises(BadInput, match="WanImageToVideoPipeline takes no video"):
        VideoToVideo(path=saved("wan_image_to_video"))


@pytest.mark.parametrize(
    ("part", "name"), [("vae", "diffusion_pytorch_model"), ("text_encoder", "pytorch_model")]
)
def test_weights_that_could_run_code_are_not_read(saved, tmp_path, part, name):
    import torch

    from worldlaw.models.pipelines import ImageToVideo

    folder = tmp_path / "pickled"
    shutil.copytree(saved("wan_image_to_video"), folder)
    next((folder / part).glob("*.safetensors")).unlink()
    torch.save({}, folder / part / f"{name}.bin")
    with pytest.raises(BadInput, match="cannot be loaded"):
        ImageToVideo(path=str(folder))


@pytest.mark.parametrize("part", [["os", "system"], ["my_vae", "VAE"]])
def test_code_that_lies_in_the_folder_is_not_run(saved, tmp_path, part):
    from worldlaw.models.pipelines import ImageToVideo

    folder = tmp_path / "foreign"
    shutil.copytree(saved("wan_image_to_video"), folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "vae": part}))
    (folder / "vae" / "my_vae.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BadInput, match="code of its own"):
        ImageToVideo(path=str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("family", ["wan_image_to_video", "wan_video_to_video"])
def test_a_pipeline_sits_an_exam(saved, tmp_path, capsys, family):
    paper = tmp_path / "short.yaml"
    paper.write_text(
        "name: short\nvideo: {width: 64, height: 48, num_frames: 8, fps: 8, context: 2}\n"
        "sections:\n  fall: {scenario: parabola, questions: 2}\n"
    )
    kind, options = FAMILIES[family]
    told = [f"--option={name}={value}" for name, value in {**options, "path": saved(family)}.items()]
    model = f"worldlaw.models.pipelines:{kind}"
    assert (
        main(["exam", "run", str(paper), "--model", model, "--out", str(tmp_path), "--no-score", *told]) == 0
    )
    declared = json.loads((tmp_path / "answers" / "answers.json").read_text())
    assert declared["sampler_steps"] == 2
    assert len(declared["settings"]["adjustments"]) == 1
    with np.load(tmp_path / "answers" / "fall-0001__0.npz") as file:
        assert file["video"].shape == (8, 48, 64, 3)

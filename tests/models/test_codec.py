"""Codecs: causal, of any length, resumable to the bit, good enough, and seen in a report."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from worldlaw.cli import main
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.types import Conditioning
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.models import codecs
from worldlaw.models.autoencoders.codec import STATISTICS
from worldlaw.models.autoencoders.video_vae import WEIGHTS, Lesson, VideoVAE
from worldlaw.models.checkpoint import share
from worldlaw.models.networks.video_autoencoder import Up, levels
from worldlaw.models.training import loop, processes
from worldlaw.models.video_dit import VideoDiT
from worldlaw.report.tables import leaderboard
from worldlaw.testing import check_codec, check_model, make_recipe

TINY = {"channels": 4, "width": 8, "blocks": 1, "steps": 4, "batch": 4, "warm_up": 1}
STRIDES = [(1, 2, 2), (1, 4, 4), (2, 4, 4), (4, 8, 8), (4, 2, 2), (2, 1, 1)]

pytestmark = pytest.mark.usefixtures("one_thread")


def untaught(stride):
    """A codec whose every weight is random, so that nothing is hidden behind a zero."""
    torch.manual_seed(0)
    codec = VideoVAE(stride=stride, **TINY)
    for value in codec.network.parameters():
        torch.nn.init.normal_(value, std=0.3)
    codec.mean, codec.deviation = torch.zeros(4), torch.ones(4)
    return codec


def video(frames, size=16, clips=2):
    return torch.rand(clips, frames, size, size, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1


def clips(num_clips=8, resolution=16, num_frames=6):
    return make_recipe("uniform_motion", resolution=resolution, num_frames=num_frames, num_clips=num_clips)


# Time


@pytest.mark.parametrize("stride", STRIDES)
def test_a_later_frame_changes_no_earlier_latent_and_no_earlier_decoded_frame(stride):
    codec, before = untaught(stride), video(10)
    step = stride[0]
    for changed in (1, 4, 9):
        after = before.clone()
        after[:, changed:] = -after[:, changed:]
        first, second = codec.encode(before), codec.encode(after)
        cover = -(-changed // step)  # the latent that covers the changed frame
        torch.testing.assert_close(first[:, :cover], second[:, :cover], atol=1e-6, rtol=0)
        assert (first[:, cover] - second[:, cover]).abs().max() > 1e-4
        kept = 1 + step * (cover - 1)
        torch.testing.assert_close(
            codec.decode(first, 10)[:, :kept], codec.decode(second, 10)[:, :kept], atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("stride", STRIDES)
def test_the_first_frame_can_be_encoded_alone(stride):
    codec, whole = untaught(stride), video(9)
    torch.testing.assert_close(codec.encode(whole[:, :1]), codec.encode(whole)[:, :1], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("frames", "step", "latents"), [(32, 4, 9), (33, 4, 9), (34, 4, 10), (1, 4, 1), (2, 2, 2), (16, 1, 16)]
)
def test_any_length_is_padded_with_its_last_frame_and_cropped(frames, step, latents):
    codec, shown = untaught((step, 4, 4)), video(frames, size=8, clips=1)
    made = codec.encode(shown)
    assert made.shape == (1, latents, 2, 2, 4) == (1, *codec.size((frames, 8, 8)))
    assert codec.decode(made, frames).shape == shown.shape
    if frames == 32:
        padded = torch.cat([shown, shown[:, -1:]], dim=1)
        torch.testing.assert_close(codec.encode(padded), made, atol=1e-6, rtol=0)


def test_what_is_given_is_encoded_alone_and_a_latent_counts_by_the_share_of_its_frames():
    codec, shown = untaught((4, 4, 4)), video(16, size=8)
    latents, mask = codec.given(shown[:, :3], 16)  # latent 1 covers frames 1 to 4, of which 1 and 2 are given
    assert mask[0, :, 0, 0, 0].tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert codec.whole(3) == 1
    torch.testing.assert_close(latents[:, :2], codec.encode(shown[:, :3]))
    assert not latents[:, 2:].any()
    _, mask = codec.given(shown[:, :14], 16)  # frame 16 is padding and does not count: 1 of 3 in latent 4
    assert mask[0, :, 0, 0, 0].tolist() == pytest.approx([1, 1, 1, 1, 1 / 3])
    assert [codec.whole(context) for context in (1, 4, 5, 8, 9)] == [1, 1, 2, 2, 3]


def test_where_the_time_stride_fits_the_mask_is_binary():
    codec, shown = untaught((2, 4, 4)), video(9, size=8)
    latents, mask = codec.given(shown[:, :3], 9)
    assert mask[0, :, 0, 0, 0].tolist() == [1, 1, 0, 0, 0]
    torch.testing.assert_close(latents[:, :2], codec.encode(shown)[:, :2], atol=1e-6, rtol=0)


def test_levels_halve_space_first_and_time_last():
    assert list(levels((4, 8, 8))) == [(True, False), (True, True), (True, True)]
    assert list(levels((1, 1, 1))) == [(False, False)]


def test_upsampling_starts_as_the_nearest_neighbour():
    torch.manual_seed(0)
    up = Up(3, 2, space=True, time=True)
    x = torch.randn(1, 3, 1, 2, 2).expand(-1, -1, 3, -1, -1)  # a still video
    y = up(x)
    assert y.shape == (1, 2, 5, 4, 4)
    torch.testing.assert_close(y[..., ::2, ::2], y[..., 1::2, 1::2])
    torch.testing.assert_close(y[:, :, 1:2], y[:, :, 2:3])


# Learning


@pytest.mark.slow
def test_resumed_training_gives_the_same_weights_to_the_bit(tmp_path, monkeypatch):
    def taught(folder, **changes):
        folder.mkdir(exist_ok=True)
        codec = VideoVAE(stride=(2, 4, 4), **{**TINY, "checkpoint_minutes": 0.0, **changes})
        codec.fit(clips(), folder, seed=0)
        return (folder / WEIGHTS).read_bytes(), (folder / STATISTICS).read_text()

    for name, changes in (("plain", {}), ("critics", {"adversarial": 0.1, "adversarial_start": 1})):
        whole = taught(tmp_path / f"{name}-whole", **changes)
        with monkeypatch.context() as patch:
            patch.setattr(processes, "mean", breaks_at(2))
            with pytest.raises(KeyboardInterrupt):
                taught(tmp_path / f"{name}-broken", **changes)
        assert not (tmp_path / f"{name}-broken" / WEIGHTS).exists()
        assert taught(tmp_path / f"{name}-broken", **changes) == whole
        assert taught(tmp_path / f"{name}-other", steps=5, **changes) != whole


def breaks_at(step):
    left = [step]

    def mean(loss):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return loss

    return mean


def test_critics_change_what_is_learnt_and_only_from_their_start_on(tmp_path):
    def taught(name, **changes):
        (tmp_path / name).mkdir()
        VideoVAE(stride=(2, 4, 4), **TINY, **changes).fit(clips(), tmp_path / name, seed=0)
        return (tmp_path / name / WEIGHTS).read_bytes()

    plain = taught("plain")
    assert taught("heard", adversarial=1.0, adversarial_start=2) != plain
    assert taught("late", adversarial=1.0, adversarial_start=4) == plain


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    with pytest.raises(Failed, match="the loss is nan at step 1"):
        VideoVAE(**{**TINY, "stride": (1, 4, 4), "kl": float("nan")}).fit(clips(), tmp_path, seed=0)


@pytest.mark.slow
def test_a_tiny_codec_overfits_four_clips(tmp_path):
    source = clips(4, resolution=32, num_frames=5)
    options = {
        "stride": (2, 4, 4),
        "channels": 8,
        "width": 16,
        "blocks": 1,
        "steps": 100,
        "batch": 4,
        "warm_up": 10,
        "learning_rate": 5e-3,
        "ema": 0.9,
    }
    VideoVAE(**options).fit(source, tmp_path, seed=0)
    codec = VideoVAE(**options).load(tmp_path)
    true = source.read(range(4))
    error = ((codec.reconstruct(true).astype(float) - true) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 25  # dB; white pictures have 16
    latents = codec.encode(loop.to_network(torch.from_numpy(true)))
    assert latents.mean(dim=(0, 1, 2, 3)).abs().max() < 1e-3
    torch.testing.assert_close(latents.std(dim=(0, 1, 2, 3)), torch.ones(8), atol=0.01, rtol=0)


# In an experiment


def raw(**changes):
    base = {
        "name": "latent",
        "video": {"resolution": 16, "num_frames": 6, "fps": 5},
        "context": 3,
        "worlds": {
            "uniform_motion": {
                "train": {"clips": 6},
                "test": {"id": {"clips": 2}, "fast": {"clips": 2, "region": {"speed": [5, 6]}}},
            }
        },
        "codecs": {"small": {"codec": "video_vae", "options": {**TINY, "stride": [2, 4, 4], "steps": 2}}},
        "models": {
            "latent": {
                "model": "dit",
                "options": {"codec": "small", "steps": 2, "batch": 2, "warm_up": 1, "sampling_steps": 2},
            }
        },
        "metrics": ["velocity_error", "measured_share", "psnr"],
    }
    return {**base, **changes}


@pytest.mark.slow
def test_an_experiment_with_a_codec_has_its_row_after_the_floor_and_without_a_rank(tmp_path):
    done = run(parse_experiment(raw()), tmp_path)
    plan = done.plan
    table = pq.read_table(plan.evaluate.folder / "results.parquet")
    rows = table.to_pylist()
    assert {(row["predictor"], row["kind"]) for row in rows} == {
        ("floor", "floor"),
        ("small", "codec"),
        ("latent", "model"),
    }
    quality = {
        name: [row["value"] for row in rows if row["metric"] == "psnr" and row["predictor"] == name]
        for name in ("floor", "small")
    }
    assert len(quality["small"]) == 4
    assert max(quality["small"]) < min(quality["floor"])  # hardly taught
    board = [(row["predictor"], row["rank"]) for row in leaderboard(table) if row["region"] == "OOD"]
    assert board == [("floor", None), ("small", None), ("latent", 1)]
    page = done.path.read_text()
    places = [page.index(f'data-predictor="{name}"') for name in ("floor", "small", "latent")]
    assert places == sorted(places)
    assert "small <small>true video, redrawn</small>" in page
    again = run(parse_experiment(raw()), tmp_path)
    assert again.made == []


@pytest.mark.slow
def test_workers_teach_and_ask_codecs_as_one_process_does_and_sheets_change_nothing(tmp_path):
    base, shown = raw(), {}
    base["worlds"]["uniform_motion"]["train"] = {"clips": 6, "stored": False}
    base["codecs"]["still"] = {"codec": "video_vae", "options": {**TINY, "stride": [1, 4, 4], "steps": 2}}
    model = base["models"]["latent"]
    base["models"]["latent"] = {**model, "seeds": [0, 1], "options": {**model["options"], "state": True}}
    for workers in (1, 2):
        for spec in (*base["codecs"].values(), *base["models"].values()):
            spec["options"]["sample_steps"] = 3 - workers
        plan = run(parse_experiment(base), tmp_path / str(workers), until="generate", workers=workers).plan
        drawn = plan.redraw | plan.generate
        shown[workers] = {
            place: [path.read_bytes() for path in sorted(artifact.folder.glob("clips-*.arrow"))]
            for place, artifact in drawn.items()
        }
        for artifact in (*plan.codecs.values(), *plan.train.values()):
            assert len([*artifact.folder.glob("samples/step-*.png")]) == workers
    assert len(shown[1]) == 8
    assert shown[1] == shown[2]


def test_what_a_codec_costs_is_counted_by_its_shape():
    codec = VideoVAE(stride=(1, 2, 2), channels=4, width=8, blocks=1)
    first = codec._cost(Lesson(codec.network, None), (5, 16, 16))
    wider = codec._cost(Lesson(codec.network, None), (5, 16, 32))
    assert first.tokens == 5 * 8 * 8
    assert wider == (2 * first.tokens, 2 * first.flops)
    head = 2 * 5 * 8 * 8 * (9 * 8) * (4 * 3)  # the last convolution, before its channels become places
    assert first.flops > 3 * head


def test_a_codec_is_in_the_key_of_what_sees_through_it_and_its_name_is_not(tmp_path):
    def key(codec, name="small"):
        model = {"model": "dit", "options": {"codec": name, "steps": 2}}
        made = parse_experiment(raw(codecs={name: codec}, models={"latent": model}))
        return make_plan(made, tmp_path).train["uniform_motion", "latent"].key

    options = {**TINY, "stride": [2, 4, 4]}
    first = key({"codec": "video_vae", "options": options})
    assert first == key({"codec": "video_vae", "options": {**options, "time_limit": 5.0}}, name="other")
    assert first != key({"codec": "video_vae", "options": {**options, "width": 16}})


def test_pixels_stay_pixels_whatever_codecs_there_are(tmp_path):
    def key(**changes):
        options = {"steps": 2, **changes.pop("options", {})}
        made = parse_experiment(raw(models={"latent": {"model": "dit", "options": options}}, **changes))
        return make_plan(made, tmp_path).train["uniform_motion", "latent"].key

    assert key() == key(codecs={}) == key(options={"codec": None})


def test_a_transformer_on_latents_keeps_the_contract(tmp_path):
    recipe = make_recipe("collision", resolution=16, num_frames=8)
    for name in ("codec", "model"):
        (tmp_path / name).mkdir()
    options = {**TINY, "stride": (4, 4, 4), "steps": 1}
    VideoVAE(**options).fit(recipe, tmp_path / "codec", seed=0)
    model = VideoDiT(codec="any", steps=2, batch=4, warm_up=1, sampling_steps=2)
    model.see_through(VideoVAE(**options).load(tmp_path / "codec"))
    model.fit(recipe, tmp_path / "model", context=3, seed=0)
    model = model.load(tmp_path / "model", recipe)
    torch.nn.init.normal_(model.network.head.weight, std=0.02)  # an untaught network would say zero
    given = Conditioning(recipe.read(range(4), 3), 10.0, ("a", "b", "c", "d"))
    check_model(model, given)
    other = dataclasses.replace(given, frames=given.frames.copy())
    other.frames[:, 2] = 255 - other.frames[:, 2]  # seen through a latent that is given in part
    seeds = np.arange(4)
    assert not np.array_equal(model.generate(other, 5, seeds), model.generate(given, 5, seeds))


def test_a_codec_that_a_joint_model_sees_through_must_be_joint_too():
    worlds = {**raw()["worlds"], "parabola": raw()["worlds"]["uniform_motion"]}
    models = {"latent": {"model": "dit", "together": True, "options": {"codec": "small"}}}
    with pytest.raises(BadInput, match=r"codecs\.small\.together: true"):
        parse_experiment(raw(worlds=worlds, models=models))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codecs": {"a": {"codec": "video_va"}}}, "unknown codec 'video_va'; did you mean 'video_vae'?"),
        ({"codecs": {"latent": {"codec": "video_vae"}}}, "the name 'latent' is taken"),
        ({"codecs": {"smal": {"codec": "video_vae"}}}, "unknown codec 'small'; did you mean 'smal'?"),
        ({"codecs": {}}, "the experiment has no codecs"),
        ({"codecs": {"a": {"codec": "pathlib:Path"}}}, "expected a class derived from Codec"),
        ({"codecs": {"small": {"codec": "video_vae", "option": {}}}}, "did you mean 'options'?"),
    ],
)
def test_a_faulty_codec_is_one_line(change, said):
    with pytest.raises(BadInput) as caught:
        parse_experiment(raw(**change))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stride": [3, 4, 4]}, "powers of two"),
        ({"stride": [1, 4, 8]}, "as many rows as columns"),
        ({"widht": 8}, "did you mean 'width'?"),
        ({"optimizer": "muon"}, "taught by adamw"),
        ({"stride": [1, 32, 32]}, "cannot cut frames of 16 x 16"),
        ({"channels": 0}, "channels: expected at least 1"),
    ],
)
def test_options_that_do_not_fit_are_one_line_before_any_clip_is_made(options, said, tmp_path):
    with pytest.raises(BadInput) as caught:
        run(parse_experiment(raw(codecs={"small": {"codec": "video_vae", "options": options}})), tmp_path)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_sees_no_latents(tmp_path):
    recipe = make_recipe("collision", resolution=16, num_frames=8)
    model = VideoDiT(preset="nano", steps=1, batch=4)
    model.fit(recipe, tmp_path, context=3, seed=0)
    inputs = {"model": "dit", "options": {"preset": "nano"}, "context": 3, "seed": 0}
    share(tmp_path, {"inputs": inputs, "results": {"clips": len(recipe)}, "made": {}}, tmp_path / "shared")
    checkpoint = str(tmp_path / "shared")
    assert VideoDiT(checkpoint=checkpoint).codec is None
    with pytest.raises(BadInput, match="sees pixels; remove codec 'small'"):
        VideoDiT(checkpoint=checkpoint, codec="small")


def test_a_patch_that_does_not_divide_the_latents_is_one_line(tmp_path):
    experiment = raw()
    experiment["models"]["latent"]["options"]["patch"] = [2, 2, 3]
    with pytest.raises(BadInput, match="latents of 4 x 4 x 4 are not made of patches of 2 x 2 x 3"):
        run(parse_experiment(experiment), tmp_path, until="train")


def test_without_torch_a_codec_says_what_to_install():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from worldlaw.models import codecs\n"
        "for name in codecs.names():\n"
        "    try: codecs.get(name)\n"
        "    except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'worldlaw[torch]'" in done.stdout
    assert "pip install 'worldlaw[diffusers]'" in done.stdout


def test_weights_of_another_network_are_bad_input(tmp_path):
    VideoVAE(stride=(2, 4, 4), **TINY).fit(clips(), tmp_path, seed=0)
    with pytest.raises(BadInput, match="not the weights of this network"):
        VideoVAE(stride=(2, 4, 4), **{**TINY, "width": 16}).load(tmp_path)
    (tmp_path / STATISTICS).write_text(json.dumps({"mean": [0.0], "deviation": [1.0]}))
    with pytest.raises(BadInput, match="not the statistics of 4 channels"):
        VideoVAE(stride=(2, 4, 4), **TINY).load(tmp_path)


# Published codecs


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Tiny untaught autoencoders in the layout of diffusers, by class, each with its folder."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    made = {
        "AutoencoderKL": diffusers.AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            scaling_factor=0.18215,
            shift_factor=0.1,
        ),
        "AutoencoderKLWan": diffusers.AutoencoderKLWan(
            base_dim=4,
            z_dim=4,
            dim_mult=[1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[True, True],
            latents_mean=[0.1, 0.2, 0.3, 0.4],
            latents_std=[1.0, 2.0, 1.0, 0.5],
        ),
    }
    folders = {}
    for name, network in made.items():
        folders[name] = tmp_path_factory.mktemp(name)
        network.save_pretrained(folders[name])
    return made, folders


def loaded(folder, into):
    kind = codecs.get("diffusers")
    kind(folder=str(folder)).fit(clips(), into, seed=0)
    return kind(folder=str(folder)).load(into)


def test_a_published_autoencoder_of_frames_answers_as_diffusers_does(published, tmp_path):
    networks, folders = published
    theirs, ours, shown = (
        networks["AutoencoderKL"].eval(),
        loaded(folders["AutoencoderKL"], tmp_path),
        video(3),
    )
    assert ours.stride == (1, 2, 2)
    with torch.no_grad():
        frames = shown.flatten(0, 1).permute(0, 3, 1, 2)
        latents = theirs.encode(frames).latent_dist.mode()
        again = theirs.decode(latents).sample.permute(0, 2, 3, 1).unflatten(0, (2, 3))
    expected = ((latents - 0.1) * 0.18215).permute(0, 2, 3, 1).unflatten(0, (2, 3))
    torch.testing.assert_close(ours.compress(shown), expected)
    torch.testing.assert_close(ours.decode(ours.encode(shown), 3), again, atol=1e-5, rtol=1e-4)


def test_a_published_causal_autoencoder_answers_as_diffusers_does(published, tmp_path):
    networks, folders = published
    theirs, ours = networks["AutoencoderKLWan"].eval(), loaded(folders["AutoencoderKLWan"], tmp_path)
    assert ours.stride == (4, 4, 4)
    shown = video(9)
    with torch.no_grad():
        latents = theirs.encode(shown.permute(0, 4, 1, 2, 3)).latent_dist.mode()
        again = theirs.decode(latents).sample.permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(
        ours.compress(shown)[..., 1], (latents.permute(0, 2, 3, 4, 1)[..., 1] - 0.2) / 2.0
    )
    torch.testing.assert_close(ours.decode(ours.encode(shown), 9), again, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", codecs.names())
def test_every_codec_keeps_the_contract(name, published, tmp_path):
    for folder in published[1].values() if name == "diffusers" else [None]:
        options = {"folder": str(folder)} if folder else {**TINY, "stride": (4, 4, 4)}
        into = tmp_path / (folder.name if folder else name)
        into.mkdir()
        codecs.get(name)(**options).fit(clips(), into, seed=0)
        check_codec(codecs.get(name)(**options).load(into), clips().read(range(4)))


def test_the_key_of_a_published_codec_is_its_content_not_its_place(published, tmp_path):
    _, folders = published
    kind, here = codecs.get("diffusers"), folders["AutoencoderKL"]
    first = kind.content({"folder": str(here)})
    for path in here.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert kind.content({"folder": str(tmp_path)}) == first
    weights = tmp_path / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    assert kind.content({"folder": str(tmp_path)}) != first


def test_a_folder_without_an_autoencoder_is_one_line(published, tmp_path, capsys):
    _, folders = published
    kind, config = codecs.get("diffusers"), tmp_path / "config.json"
    with pytest.raises(BadInput, match=r"no config.json"):
        kind(folder=str(tmp_path))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    config.write_text('{"_class_name": "AutoencoderKLWann"}')
    with pytest.raises(BadInput, match=r"did you mean 'AutoencoderKLWan'\?"):
        kind(folder=str(tmp_path))
    config.write_text("[]")
    with pytest.raises(BadInput, match="not the config of an autoencoder"):
        kind(folder=str(tmp_path))
    config.write_bytes((folders["AutoencoderKL"] / "config.json").read_bytes())
    with pytest.raises(BadInput, match="cannot be loaded") as caught:
        kind(folder=str(tmp_path))
    assert "\n" not in str(caught.value)
    path = tmp_path / "experiment.yaml"
    path.write_text(json.dumps(raw(codecs={"small": {"codec": "diffusers", "options": {"folder": "none"}}})))
    assert main(["run", str(path), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "codec small: none: no config.json" in said[0]

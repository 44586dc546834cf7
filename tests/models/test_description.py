"""What is said beside pixels: only who asks is told, and who is told makes use of it."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from worldlaw.core.errors import BadInput
from worldlaw.core.types import Body, Conditioning, Description, Scene
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.models import VideoModel
from worldlaw.models.networks.description_encoder import ROOM, StateInput, TextInput
from worldlaw.models.networks.diffusion import Regression
from worldlaw.models.networks.dit import PRESETS, DiT, DiTSize
from worldlaw.models.training.loop import fit
from worldlaw.models.training.training_options import Training
from worldlaw.models.video_dit import WEIGHTS, VideoDiT
from worldlaw.testing import check_model, make_recipe
from worldlaw.worlds import scenarios
from worldlaw.worlds.scene_description import numbers_of, sentence_of

TINY = DiTSize(2, 32, 2)
RATE = 1e-2
TOLD = [{"state": True}, {"text": True}, {"state": True, "text": True}]

pytestmark = pytest.mark.usefixtures("one_thread")


class Twins:
    """Two clips with the same first frame: a square goes right in one and left in the other."""

    shape, fps = (4, 16, 16), 5.0

    def __init__(self):
        self.frames = np.full((2, 4, 16, 16, 3), 255, np.uint8)
        for way in (0, 1):
            for frame in range(4):
                left = 6 + (2 * frame if way == 0 else -2 * frame)
                self.frames[way, frame, 6:10, left : left + 4] = (255, 0, 0)

    def __len__(self):
        return 2

    def read(self, indices, num_frames=None):
        return self.frames[list(indices), :num_frames]

    def describe(self, indices):
        state = np.array([[2.0], [-2.0]], np.float32)[list(indices)]
        return Description(state, tuple(("moves right", "moves left")[i] for i in indices))


def test_a_scene_is_told_in_numbers_and_in_a_sentence():
    bodies = (
        Body("ball", 0.834, "red", 0.7, (2.5, 4.126), (2.31, 0.0)),
        Body("square", 1.2, "orange", 1.44, (7.0, 4.0), (-1.0, -1.0)),
        Body("ring", 1.0, "blue", 1.0, (5.0, 5.0), (0.0, 0.0)),
    )
    scene = Scene("any", {}, bodies)
    assert sentence_of(scene) == (
        "A red ball of radius 0.83 m starts at (2.50, 4.13) m and moves right at 2.31 m/s; "
        "an orange square of half side 1.20 m starts at (7.00, 4.00) m and moves at 225 degrees at 1.41 m/s; "
        "a blue ring of outer radius 1.00 m starts at (5.00, 5.00) m and rests."
    )
    assert numbers_of(scene)[:6] == (0.834, 0.7, 2.5, 4.126, 2.31, 0.0)
    assert len(numbers_of(scene)) == 18


def test_a_network_that_takes_pixels_only_has_nothing_to_be_told_with():
    torch.manual_seed(0)
    plain = DiT(PRESETS["micro"], channels=3, patch=(2, 8, 8))
    assert sum(value.numel() for value in plain.parameters()) == 2_336_960
    told = DiT(PRESETS["micro"], channels=3, patch=(2, 8, 8), numbers=6, text=True).state_dict()
    more = {name for name in told if name.split(".")[0] in ("state", "text", "readings")}
    assert set(plain.state_dict()) == set(told) - more
    assert more


def test_numbers_count_by_their_spread_in_training_and_may_be_missing():
    numbers = StateInput(3, 8)
    table = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0]], np.float32)
    numbers.measure(Description(table))
    assert numbers.mean.tolist() == [2.0, 5.0, 2.0]
    assert numbers.scale.tolist() == [1.0, 1.0, 1.0]
    assert numbers(numbers.read(Description(table))).isfinite().all()
    short = numbers.read(Description(table[:, :2]))
    assert torch.equal(numbers(short)[0], numbers(numbers.read(Description(table)))[0])
    with pytest.raises(BadInput, match="taught with 3 numbers a clip; found 4"):
        numbers.read(Description(np.zeros((1, 4), np.float32)))


def test_texts_fill_one_length_and_a_longer_one_is_refused():
    words = TextInput()
    words.measure(Description(text=("ab", "abcd")))
    read = words.read(Description(text=("é", "")))
    assert read.shape == (2, 4 + ROOM)
    assert read[0, :3].tolist() == [0xC3, 0xA9, 256]
    with pytest.raises(BadInput, match=f"at most {4 + ROOM} bytes; found {5 + ROOM}"):
        words.read(Description(text=("x" * (5 + ROOM),)))


def last_loss(folder, *, steps, **told):
    folder.mkdir()
    source = Twins()
    torch.manual_seed(0)
    network = DiT(TINY, channels=3, patch=(2, 8, 8), **told)
    network.measure(source.describe([0, 1]))
    options = Training(steps=steps, batch=8, warm_up=10, precision="fp32", learning_rate=RATE, muon_rate=0.02)
    fit(
        network,
        Regression(),
        source,
        folder,
        context=1,
        seed=0,
        options=options,
        say=str,
        tell=lambda chosen: network.tell(source.describe(chosen)),
    )
    return float((folder / "log.csv").read_text().splitlines()[-1].split(",")[1])


FUTURES = Twins().frames[:, 1:] / 127.5 - 1
MEAN_OF_BOTH = ((FUTURES - FUTURES.mean(axis=0)) ** 2).mean()  # the best loss that one frame allows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "told"), [(300, {"numbers": 1}), (300, {"text": True})], ids=["state", "text"]
)
def test_what_one_frame_does_not_show_is_learnt_from_what_is_said(steps, told, tmp_path):
    assert last_loss(tmp_path / "told", steps=steps, **told) < 0.5 * MEAN_OF_BOTH


@pytest.mark.slow
def test_what_is_not_said_is_not_learnt(tmp_path):
    assert last_loss(tmp_path / "untold", steps=200) > 0.9 * MEAN_OF_BOTH


def clips(name="collision", num_clips=8):
    return make_recipe(name, resolution=16, num_frames=8, num_clips=num_clips)


def asked_about(source, count=4, context=4):
    said = source.describe(range(count))
    ids = tuple(str(i) for i in range(count))
    return Conditioning(source.read(range(count), context), 10.0, ids, said.state, said.text)


@pytest.mark.parametrize("options", TOLD, ids=["state", "text", "both"])
def test_a_model_that_is_told_more_keeps_the_contract_and_heeds_what_it_is_told(options, tmp_path):
    source = clips()
    options = {**options, "steps": 2, "batch": 4, "accumulate": 2, "sampling_steps": 2}
    model = VideoDiT(**options)
    model.fit(source, tmp_path, context=4, seed=0)
    model = VideoDiT(**options).load(tmp_path, source)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.network.parameters():  # after two steps gates are all but shut
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    given = asked_about(source)
    check_model(model, given, num_new_frames=4)
    answers = model.generate(given, 4, np.arange(4))
    for name, other in (("state", given.state[::-1].copy()), ("text", given.text[::-1])):
        changed = model.generate(dataclasses.replace(given, **{name: other}), 4, np.arange(4))
        assert np.array_equal(changed, answers) != options.get(name, False)


def test_scales_of_numbers_are_kept_as_they_were_measured(tmp_path):
    source = clips()
    VideoDiT(state=True, steps=3, batch=4).fit(source, tmp_path, context=4, seed=0)
    state = source.describe(range(8)).state
    saved = load_file(tmp_path / WEIGHTS)
    np.testing.assert_allclose(saved["state.mean"], state.mean(axis=0), rtol=1e-6)
    spread = state.astype(np.float64).std(axis=0)
    np.testing.assert_allclose(saved["state.scale"], np.where(spread > 1e-6, spread, 1), rtol=1e-5)


def test_who_asks_and_is_not_told_says_so(tmp_path):
    source = clips()
    model = VideoDiT(state=True, steps=1, batch=4)
    with pytest.raises(BadInput, match="needs clips that are described"):
        model.fit(Mute(source), tmp_path, context=4, seed=0)
    model.fit(source, tmp_path, context=4, seed=0)
    with pytest.raises(BadInput, match="expected the state of every clip"):
        model.generate(dataclasses.replace(asked_about(source), state=None), 4, np.arange(4))
    with pytest.raises(BadInput, match="found 12 numbers a clip; state is False"):
        VideoDiT(text=True).load(tmp_path, source)
    with pytest.raises(BadInput, match="a mirrored clip is not what its state and text says"):
        VideoDiT(state=True, text=True, mirror=True)


def test_damaged_weights_are_bad_input(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(BadInput, match="not the weights of this network"):
        VideoDiT().load(tmp_path, clips())


class Mute:
    """Frames only."""

    def __init__(self, source):
        self.shape, self.fps, self.read = source.shape, source.fps, source.read
        self._size = len(source)

    def __len__(self):
        return self._size


class Curious(VideoModel):
    """Notes what it is told, and stands still."""

    learns = True
    told: list = []  # of every instance: a run makes its own

    def __init__(self, *, wants=()):
        self.wants = wants

    @classmethod
    def asks(cls, options):
        return tuple(options.get("wants", ()))

    def fit(self, clips, folder, *, context, seed):
        said = clips.describe([len(clips) - 1, 0]) if hasattr(clips, "describe") else None
        Curious.told.append(said)
        (folder / "learnt").write_text("nothing")

    def generate(self, given, num_new_frames, seeds):
        Curious.told.append(Description(given.state, given.text))
        return np.repeat(given.frames[:, -1:], num_new_frames, axis=1)


def experiment(*wants, **options):
    world = {"train": {"clips": 4}, "test": {"id": {"clips": 3}}}
    return parse_experiment(
        {
            "name": "told",
            "video": {"resolution": 16, "num_frames": 6, "fps": 10},
            "worlds": {"uniform_motion": world, "collision": world},
            "models": {
                "curious": {"model": "test_description:Curious", "options": {"wants": list(wants)}, **options}
            },
        }
    )


def test_a_model_that_does_not_ask_is_not_told(tmp_path):
    Curious.told.clear()
    run(experiment(), tmp_path, until="generate")
    assert Curious.told[:2] == [None, None]
    assert all(said == Description() for said in Curious.told[2:])
    assert len(Curious.told) == 4


def test_a_model_is_told_what_it_asks_for_and_no_more(tmp_path):
    Curious.told.clear()
    run(experiment("state", together=True), tmp_path, until="generate")
    (learnt, *asked) = Curious.told
    assert learnt.text is None
    assert all(said.text is None for said in asked)
    assert learnt.state.shape == (2, 12)  # the last clip has two bodies, the first one
    assert np.isfinite(learnt.state).sum(axis=1).tolist() == [12, 6]
    assert [said.state.shape[1] for said in asked] == [6, 12]
    Curious.told.clear()
    done = run(experiment("text"), tmp_path, until="generate")
    scenario = scenarios.get("collision")()
    expected = [
        scenario.sentence(done.plan.experiment.recipe("collision", split).scene(0)[0])
        for split in ("train", "id")
    ]
    assert [said.text[place] for said, place in zip(Curious.told[1::2], (1, 0), strict=True)] == expected
    assert all(said.state is None for said in Curious.told)


def test_what_is_asked_for_is_in_the_key(tmp_path):
    plans = [make_plan(experiment(*wants), tmp_path) for wants in ((), ("state",), ("state", "text"))]
    assert len({plan.train["collision", "curious"].key for plan in plans}) == 3
    assert len({plan.generate["collision", "curious", "id"].key for plan in plans}) == 3
    assert "description" not in plans[0].train["collision", "curious"].inputs
    assert plans[1].train["collision", "curious"].inputs["description"] == 1

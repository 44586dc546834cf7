"""What is said beside pixels: only who asks is told, and who is told makes use of it."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from worldlaw.config import parse_experiment
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Body, Conditioning, Description, Scene
from worldlaw.models import VideoModel
from worldlaw.models.description import ROOM, StateInput, TextInput
from worldlaw.models.diffusion import Regression
from worldlaw.models.dit import PRESETS, DiT, DiTSize
from worldlaw.models.training import Training, fit
from worldlaw.models.video_dit import WEIGHTS, VideoDiT
from worldlaw.pipeline import run
from worldlaw.plan import make_plan
from worldlaw.testing import check_model, make_recipe
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.describe import numbers_of, sentence_of
from worldlaw.worlds.recipe import Recipe

TINY = DiTSize(2, 32, 2)
STEPS = 200
TOLD = [{"state": True}, {"text": True}, {"state": True, "text": True}]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


@pytest.mark.parametrize("preset", ["micro", "S"])
def test_a_network_that_takes_pixels_only_is_what_it_was(preset):
    with torch.device("meta"):
        plain = DiT(PRESETS[preset], channels=3, patch=(2, 8, 8)).state_dict()
        told = DiT(PRESETS[preset], channels=3, patch=(2, 8, 8), numbers=6, text=True).state_dict()
    more = {name for name in told if name.split(".")[0] in ("state", "text", "readings")}
    assert set(plain) == set(told) - more
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
    options = Training(steps=steps, batch=8, warm_up=10, precision="fp32", learning_rate=3e-3)
    fit(
        network, Regression(), source, folder, context=1, seed=0, options=options, say=str,
        tell=lambda chosen: network.tell(source.describe(chosen)),
    )  # fmt: skip
    return float((folder / "log.csv").read_text().splitlines()[-1].split(",")[1])


@pytest.mark.parametrize("told", [{"numbers": 1}, {"text": True}], ids=["state", "text"])
def test_what_one_frame_does_not_show_is_learnt_from_what_is_said(told, tmp_path):
    # Without a word the best answer is the mean of the two futures.
    futures = Twins().frames[:, 1:] / 127.5 - 1
    best = ((futures - futures.mean(axis=0)) ** 2).mean()
    assert last_loss(tmp_path / "told", steps=STEPS, **told) < 0.5 * best
    assert last_loss(tmp_path / "untold", steps=STEPS) > 0.9 * best

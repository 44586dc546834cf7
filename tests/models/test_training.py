"""Training: resumable to the bit, the same on one process or two, blind to states."""

import dataclasses
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tiny_training
from tiny_training import clips, taught
from worldlaw.clips.store import Clip, Clips, shard_name, write_shard
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.types import Conditioning
from worldlaw.models import models
from worldlaw.models.networks.diffusion import RectifiedFlow
from worldlaw.models.training.loop import schedule
from worldlaw.models.training.training_options import Training
from worldlaw.models.training.training_state import CHECKPOINT
from worldlaw.models.video_dit import WEIGHTS, VideoDiT

pytestmark = pytest.mark.usefixtures("one_thread")


def same(first, second):
    return all(torch.equal(first.average[name], value) for name, value in second.average.items())


class StopsAt(RectifiedFlow):
    """Breaks off, as a kill would, before the loss of some step."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def times(self, count, generator):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().times(count, generator)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_resumed_training_gives_the_same_weights_to_the_bit(optimizer, precision, tmp_path):
    changes = {"optimizer": optimizer, "precision": precision, "checkpoint_minutes": 0.0}
    whole = taught(tmp_path / "whole", **changes)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path / "broken", process=StopsAt(3), **changes)
    resumed = taught(tmp_path / "broken", **changes)
    assert resumed.step == whole.step == 6
    assert same(whole, resumed)


def test_another_seed_or_more_steps_give_other_weights(tmp_path):
    assert not same(taught(tmp_path / "a"), taught(tmp_path / "b", steps=7))


def test_micro_batches_add_up_to_the_batch(tmp_path):
    whole = taught(tmp_path / "whole", precision="fp32", optimizer="adamw")
    parts = taught(tmp_path / "parts", precision="fp32", optimizer="adamw", accumulate=2)
    for name, value in whole.average.items():
        torch.testing.assert_close(parts.average[name], value, atol=2e-4, rtol=1e-3)


@pytest.mark.slow
def test_training_learns(tmp_path):
    taught(tmp_path, clips(1), steps=200, batch=8, warm_up=10)
    lines = (tmp_path / "log.csv").read_text().splitlines()[1:]
    losses = [float(line.split(",")[1]) for line in lines]
    assert losses[-1] < 0.3 * losses[0]


def test_states_are_never_looked_at(tmp_path):
    recipe = clips()
    for folder, spoil in (("kept", False), ("spoilt", True)):
        rows = []
        for index in range(len(recipe)):
            scene, _ = recipe.scene(index)
            truth = recipe.trajectory(scene)
            frames = recipe.frames(scene, truth)
            if spoil:
                truth = dataclasses.replace(truth, position=np.full_like(truth.position, np.nan))
            rows.append(Clip(index, frames, scene, truth))
        (tmp_path / folder).mkdir()
        write_shard(tmp_path / folder / shard_name(0), rows, fps=10.0)
    first, second = (
        taught(tmp_path / f"train-{name}", Clips(tmp_path / name).frames_only())
        for name in ("kept", "spoilt")
    )
    assert same(first, second)


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return str(asked.getsockname()[1])


@pytest.mark.slow
def test_two_processes_give_the_loss_of_one(tmp_path):
    script = """
import os, sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny_training import taught
from worldlaw.models.training import processes
torch.set_num_threads(1)
with processes.join_processes():
    taught(Path({folder!r}), precision="fp32", steps=50, optimizer="adamw")
"""
    taught(tmp_path / "1", precision="fp32", steps=50, optimizer="adamw")
    code = script.format(tests=os.path.dirname(tiny_training.__file__), folder=str(tmp_path / "2"))
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": "2"}
    ranks = [{**os.environ, **place, "RANK": str(rank)} for rank in range(2)]
    running = [subprocess.Popen([sys.executable, "-c", code], env=env) for env in ranks]
    assert [process.wait(120) for process in running] == [0, 0]
    losses = [
        float((tmp_path / world / "log.csv").read_text().splitlines()[-1].split(",")[1]) for world in "12"
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint_kept(tmp_path):
    class Breaks(StopsAt):
        def error(self, answer, data, noise, time):
            return super().error(answer, data, noise, time) * (float("nan") if self.left == 0 else 1.0)

    with pytest.raises(Failed, match="the loss is nan at step 4"):
        taught(tmp_path, process=Breaks(4), checkpoint_minutes=0.0)
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert saved["step"] == 3
    assert all(torch.isfinite(value).all() for value in saved["network"].values())


def test_a_time_limit_ends_with_a_checkpoint_to_go_on_from(tmp_path):
    with pytest.raises(Failed, match="the time limit ended training at step 1 of 6"):
        taught(tmp_path, time_limit=0.0)
    whole = taught(tmp_path / "whole")
    resumed = taught(tmp_path)
    assert same(whole, resumed)


def test_a_damaged_checkpoint_is_bad_input(tmp_path):
    taught(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:1000])
    with pytest.raises(BadInput, match="not a checkpoint of this network"):
        taught(tmp_path, steps=8)


def test_the_learning_rate_warms_up_and_ends_at_nothing():
    options = Training(steps=100, warm_up=10)
    assert schedule(0, options) == pytest.approx(0.1)
    assert schedule(10, options) == 1.0
    assert schedule(55, options) == pytest.approx(0.5)
    assert schedule(100, options) == pytest.approx(0.0, abs=1e-12)


def test_answers_are_the_same_one_by_one_and_sixteen_at_once(tmp_path):
    source = clips(20)
    model = VideoDiT(steps=3, batch=4, sampling_steps=3)
    model.fit(source, tmp_path, context=4, seed=0)
    torch.nn.init.normal_(model.network.head.weight, std=0.02)  # an untaught network would say zero
    frames, seeds = source.read(range(20), 4), np.arange(20)
    together = model.generate(Conditioning(frames, 10.0, tuple("abcdefghijklmnopqrst")), 4, seeds)
    for index in (0, 7, 19):
        alone = model.generate(Conditioning(frames[[index]], 10.0, ("x",)), 4, seeds[[index]])
        np.testing.assert_array_equal(alone[0], together[index])
    assert not np.array_equal(together[0], model.generate(Conditioning(frames, 10.0, ()), 4, seeds + 1)[0])


@pytest.mark.parametrize("process", ["rectified_flow", "v_prediction", "regression"])
def test_every_process_is_taught_saved_and_loaded(process, tmp_path):
    source = clips()
    options = {"process": process, "steps": 2, "batch": 4, "sampling_steps": 2}
    model = VideoDiT(**options)
    model.fit(source, tmp_path, context=4, seed=0)
    assert set(load_file(tmp_path / WEIGHTS)) == set(model.network.state_dict())
    again = VideoDiT(**options).load(tmp_path, source)
    given = Conditioning(source.read([0, 1], 4), 10.0, ("a", "b"))
    first = again.generate(given, 4, np.array([1, 2]))
    np.testing.assert_array_equal(
        first, VideoDiT(**options).load(tmp_path, source).generate(given, 4, np.array([1, 2]))
    )


def test_a_misspelt_option_gets_the_nearest_one():
    with pytest.raises(BadInput, match=r"unknown preset 'mikro'; did you mean 'micro'\?"):
        VideoDiT(preset="mikro")
    with pytest.raises(BadInput, match=r"unknown option of dit 'step'; did you mean 'steps'\?"):
        VideoDiT(step=3)
    with pytest.raises(BadInput, match="cannot be cut into 3"):
        VideoDiT(batch=4, accumulate=3)


def test_without_torch_the_model_says_what_to_install():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from worldlaw.models import models\n"
        "assert 'dit' in models.names()\n"
        "try: models.get('dit')\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'worldlaw[torch]'" in done.stdout
    assert models.names()[-1] == "dit"

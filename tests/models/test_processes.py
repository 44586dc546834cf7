"""Several processes: one run, one writer, the same training; when one fails, all end with one line."""

import csv
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import tiny_training
from tiny_training import taught
from worldlaw.cli import main
from worldlaw.models.training import processes

EXPERIMENT = """
name: crew
context: 3
video: {resolution: 16, num_frames: 8, fps: 10}
worlds:
  uniform_motion: {train: {clips: 12, stored: false}, test: {id: {clips: 2}}}
codecs:
  small:
    codec: video_vae
    options: {steps: 12, batch: 4, warm_up: 2, precision: fp32, stride: [2, 4, 4], width: 8, blocks: 1}
models:
  dit:
    model: dit
    seeds: [0, 1]
    options: &options
      {steps: 12, batch: 4, warm_up: 2, precision: fp32, sampling_steps: 1, checkpoint_steps: 4, preset: nano}
  latent: {model: dit, options: {<<: *options, codec: small}}
  told: {model: dit, options: {<<: *options, shard: true, state: true, text: true, sample_steps: 12}}
metrics: [velocity_error]
"""
SHARDED = """
import os, sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny_training import taught
from worldlaw.models.training import processes
torch.set_num_threads(1)
with processes.join_processes():
    for optimizer in ("adamw", "muon"):
        folder = Path({folder!r}) / optimizer
        options = dict(shard=True, precision="fp32", optimizer=optimizer, muon_rate=0.02)
        taught(folder, steps=4, checkpoint_steps=4, **options)
        taught(folder, steps=8, **options)
"""


def start(command, port, extra=()):
    """Two processes of a command, as torchrun would start them."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *command, *(extra[rank] if extra else ())],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


def ended(running):
    said = [process.communicate(timeout=600) for process in running]
    return [process.returncode for process in running], said


def loss(folder):
    with open(folder / "log.csv", newline="") as handle:
        return float([*csv.DictReader(handle)][-1]["loss"])


@pytest.mark.slow
def test_two_processes_make_one_run_with_the_training_of_one(tmp_path):
    path = tmp_path / "crew.yaml"
    path.write_text(EXPERIMENT)
    running = start(
        ["-m", "worldlaw", "run", str(path), "--out", str(tmp_path / "two"), "--workers", "2"], 29631
    )
    assert main(["run", str(path), "--out", str(tmp_path / "one"), "--workers", "1"]) == 0
    codes, said = ended(running)
    assert codes == [0, 0], said
    assert said[0][0].splitlines() == [str(tmp_path / "two" / "crew" / "report.html")]
    assert said[1] == ("", "")
    folders = {path.parent.name for path in (tmp_path / "one").glob("train-*/log.csv")}
    assert len(folders) == 5
    assert folders == {path.parent.name for path in (tmp_path / "two").glob("train-*/log.csv")}
    for name in folders:
        one, two = (tmp_path / out / name for out in ("one", "two"))
        assert loss(two) == pytest.approx(loss(one), abs=1e-5)
        first, second = (load_file(next(folder.glob("*.safetensors"))) for folder in (one, two))
        assert {key: value.shape for key, value in first.items()} == {
            key: value.shape for key, value in second.items()
        }
        if "state.mean" in first:
            assert torch.equal(first["state.mean"], second["state.mean"])


@pytest.mark.slow
def test_cut_weights_give_the_loss_of_whole_ones_and_are_saved_whole(tmp_path):
    running = start(
        ["-c", SHARDED.format(tests=os.path.dirname(tiny_training.__file__), folder=str(tmp_path))], 29632
    )
    expected = {}
    for optimizer in ("adamw", "muon"):
        folder = tmp_path / f"whole-{optimizer}"
        options = {"precision": "fp32", "optimizer": optimizer, "muon_rate": 0.02}
        taught(folder, steps=4, **options)
        expected[optimizer] = taught(folder, steps=8, **options)
    codes, said = ended(running)
    assert codes == [0, 0], said
    for optimizer, state in expected.items():
        assert loss(tmp_path / optimizer) == pytest.approx(loss(tmp_path / f"whole-{optimizer}"), abs=1e-5)
        saved = torch.load(tmp_path / optimizer / "checkpoint.pt", weights_only=True)
        for name, value in state.network.state_dict().items():
            assert saved["network"][name].shape == value.shape
            # Muon orthogonalises in bf16, whose rounding follows the cut; one that saw only its own part of
            # a matrix would be off by 1e-2.
            assert (saved["network"][name] - value).abs().max() < (4e-3 if optimizer == "muon" else 2e-4)


@pytest.mark.slow
def test_when_one_fails_all_end_and_one_says_why(tmp_path):
    path = tmp_path / "crew.yaml"
    path.write_text(EXPERIMENT)
    extra = [["--set", "models.dit.options.steps=100000"], ["--set", "models.dit.options.batch=5"]]
    command = ["-m", "worldlaw", "run", str(path), "--out", str(tmp_path / "runs"), "--workers", "1"]
    codes, said = ended(start(command, 29633, extra))
    assert codes[0] in (1, 2)
    assert codes[1] == 2
    lines = [line for _, err in said for line in err.splitlines()]
    assert lines == ["worldlaw: process 1: batch: 5 clips cannot be shared by 2 processes"]


def test_alone_nothing_is_shared():
    network = nn.Linear(2, 2)
    assert processes.place() == (0, 1)
    assert processes.spread(network, shard=True) is network
    assert processes.agree(True, False) == (True, False)
    assert processes.broadcast("word") == "word"

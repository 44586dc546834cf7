"""Beside the weights: speeds, sheets, checkpoints and limits, which must leave the weights alone."""

import csv
import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from tiny_training import TINY, clips, taught
from worldlaw.cli import main
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.types import Description
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.run import run
from worldlaw.models.networks.diffusion import RectifiedFlow
from worldlaw.models.networks.dit import DiT, attention
from worldlaw.models.training import loop, sample_sheets, throughput
from worldlaw.models.training.training_options import Training
from worldlaw.models.video_dit import WEIGHTS, VideoDiT

pytestmark = pytest.mark.usefixtures("one_thread")


def log(folder):
    with open(folder / throughput.LOG, newline="") as handle:
        return [
            {name: float(value) for name, value in row.items() if value} for row in csv.DictReader(handle)
        ]


@pytest.mark.parametrize("numbers", [0, 5])
def test_counted_operations_are_those_that_pytorch_counts(numbers):
    network = DiT(TINY, channels=3, patch=(2, 8, 8), numbers=numbers, text=numbers > 0)
    said = Description(np.zeros((1, numbers), np.float32), ("some words",))
    network.measure(said)
    video = torch.zeros((1, 8, 16, 24, 3))
    with (
        FlopCounterMode(display=False) as counter,
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    ):
        network(video, video, video[..., :1], torch.zeros(1), **network.tell(said))
    assert throughput.forward_flops(network, (8, 16, 24)) == counter.get_total_flops()
    assert throughput.num_tokens(network, (8, 16, 24)) == 4 * 2 * 3


def test_the_log_says_how_fast_and_how_near_to_the_peak(tmp_path):
    taught(tmp_path, steps=3, peak_tflops=0.5)
    (row,) = log(tmp_path)
    assert row["step"] == 3
    assert row["tokens_per_second"] == pytest.approx(row["clips_per_second"] * 4 * 2 * 2, rel=0.01)
    network = DiT(TINY, channels=3, patch=(2, 8, 8))
    per_clip = 3 * throughput.forward_flops(network, (8, 16, 16))
    assert row["tflops"] * 1e12 == pytest.approx(row["clips_per_second"] * per_clip, rel=0.01)
    assert row["share_of_peak"] == pytest.approx(row["tflops"] / 0.5, rel=0.01)


def test_rows_of_steps_that_were_lost_are_dropped_and_older_logs_go_on(tmp_path):
    (tmp_path / throughput.LOG).write_text("step,loss,clips_per_second\n50,0.5,10.0\n100,0.4,11.0\n150,0.3,")
    options = {"batch": 4, "cost": throughput.Cost(1, 1), "peak": 1.0, "tensorboard": False}
    throughput.Meter(tmp_path, step=100, **options).row(120, 0.25)
    rows = log(tmp_path)
    assert [row["step"] for row in rows] == [50, 100, 120]
    assert [row["loss"] for row in rows] == [0.5, 0.4, 0.25]
    assert rows[1]["clips_per_second"] == 11.0


def test_the_measured_peak_moves_no_random_stream():
    throughput._measured_peak.cache_clear()
    before = torch.get_rng_state()
    peak = throughput.measured_peak(torch.device("cpu"), torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    assert 1e8 < peak < 1e13  # of one thread of any processor


@pytest.mark.slow
def test_sheets_speeds_and_checkpoints_change_no_weight(tmp_path):
    board = importlib.util.find_spec("tensorboard") is not None
    plain = {"steps": 4, "batch": 4, "warm_up": 1, "sampling_steps": 2, "sample_minutes": None}
    rich = {**plain, "sample_steps": 1, "checkpoint_steps": 1, "tensorboard": board, "peak_tflops": 1.0}
    networks = []
    for name, options in (("plain", plain), ("rich", rich)):
        model = VideoDiT(**options)
        (tmp_path / name).mkdir()
        model.fit(clips(), tmp_path / name, context=3, seed=0)
        networks.append((tmp_path / name / WEIGHTS).read_bytes())
    assert networks[0] == networks[1]
    assert not (tmp_path / "plain" / sample_sheets.FOLDER).exists()
    drawn = sorted(path.name for path in (tmp_path / "rich" / sample_sheets.FOLDER).iterdir())
    assert drawn == [f"step-{step:06d}.png" for step in (1, 2, 3, 4)]
    assert (tmp_path / "rich" / "tensorboard").exists() == board


def test_a_sheet_shows_each_truth_above_its_rollout_and_few_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_sheets, "KEPT", 2)
    source = clips(2)
    sheets = sample_sheets.Sheets(source, tmp_path, context=3)
    for step in (5, 10, 15):
        path = sheets.draw(step, lambda given, new: np.zeros((len(given), new, 16, 16, 3), np.uint8))
    assert sorted(p.name for p in path.parent.iterdir()) == ["step-000010.png", "step-000015.png"]
    picture = np.asarray(Image.open(path))
    side = sample_sheets.SMALLEST + sample_sheets.GAP
    assert picture.shape == (4 * side + sample_sheets.GAP, 8 * side + sample_sheets.GAP, 3)
    for row, column, expected in ((0, 7, source.read([0])[0, 7]), (3, 2, source.read([1])[0, 2])):
        top, left = row * side + sample_sheets.GAP, column * side + sample_sheets.GAP
        shown = picture[top : top + sample_sheets.SMALLEST : 4, left : left + sample_sheets.SMALLEST : 4]
        np.testing.assert_array_equal(shown, expected)
    assert (picture[side + 10, 3 * side + 10 : 4 * side - 10] == 0).all()


def test_checkpoints_come_by_steps(tmp_path, monkeypatch):
    steps = []
    saved = loop.save_checkpoint
    monkeypatch.setattr(
        loop, "save_checkpoint", lambda state, path: (steps.append(state.step), saved(state, path))
    )
    taught(tmp_path, checkpoint_steps=2)
    assert steps == [2, 4, 6]


def test_attention_for_short_sequences_is_attention():
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 40, 16) for _ in range(3))
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    found = attention(*(part.bfloat16() for part in (query, key, value)))
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)


def test_tensorboard_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match=r"pip install 'worldlaw\[tensorboard\]'"):
        taught(tmp_path, tensorboard=True)


@pytest.mark.parametrize("name", ["checkpoint_steps", "sample_steps", "peak_tflops"])
def test_a_period_of_nothing_is_bad_input(name):
    with pytest.raises(BadInput, match=f"{name}: expected more than 0; found 0"):
        VideoDiT(**{name: 0})


def test_options_of_running_are_options():
    fields = {field.name for field in dataclasses.fields(Training)}
    assert set(VideoDiT.runtime_options) <= fields


def test_a_loss_that_is_no_number_is_found_at_its_own_step(tmp_path):
    with pytest.raises(Failed, match="the loss is nan at step 2;"):
        taught(tmp_path, process=_breaks_at(2))


def _breaks_at(step):
    class Breaks(RectifiedFlow):
        calls = 0

        def error(self, answer, data, noise, time):
            Breaks.calls += 1
            return super().error(answer, data, noise, time) * (float("nan") if Breaks.calls == step else 1.0)

    return Breaks()


EXPERIMENT = """
name: limited
video: {resolution: 16, num_frames: 8, fps: 10}
worlds:
  uniform_motion: {train: {clips: 8, stored: false}, test: {id: {clips: 1}}}
models:
  copy_last_frame:
  dit: {model: dit, options: {steps: 3, batch: 4, warm_up: 1, time_limit: 1000}}
"""


def test_a_time_limit_on_the_command_line_stops_training_and_says_how_to_go_on(tmp_path, capsys):
    path = tmp_path / "limited.yaml"
    path.write_text(EXPERIMENT)
    words = ["train", str(path), "--out", str(tmp_path / "runs"), "--workers", "1"]
    assert main([*words, "--time-limit", "0.001s"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "the time limit ended training at step 1 of 3" in said[-1]
    assert said[-1].endswith("run it again to go on")
    assert main([*words, "--time-limit", "2h"]) == 0
    assert "going on from step 1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_time_limit_reaches_models_that_workers_teach(tmp_path):
    raw = yaml.safe_load(EXPERIMENT)
    raw["models"] = {"dit": {**raw["models"]["dit"], "seeds": [0, 1]}}
    experiment = parse_experiment(raw)
    with pytest.raises(Failed, match="the time limit ended training at step 1 of 3"):
        run(experiment, tmp_path, until="train", workers=2, time_limit=0.001)


@pytest.mark.parametrize("text", ["soon", "-5", "0m", "nan", "infh", ""])
def test_a_time_that_is_none_is_bad_input(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "x.yaml", f"--time-limit={text}"])
    assert ended.value.code == 2
    assert "expected a time such as 90s, 30m or 2h" in capsys.readouterr().err

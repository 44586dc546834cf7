"""Checkpoints that travel: shared, read again, refused, and used by an experiment in place of a training."""

import hashlib
import json
import shutil
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from worldlaw.cli import main
from worldlaw.core.artifact import read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Conditioning
from worldlaw.experiment import run
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.export import export
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.stages.evaluate import RESULTS
from worldlaw.models import checkpoint
from worldlaw.models.checkpoint import CARD, WEIGHTS, read_card
from worldlaw.models.video_dit import VideoDiT

TINY = {
    "preset": "nano",
    "patch": [2, 8, 8],
    "steps": 3,
    "batch": 4,
    "sampling_steps": 2,
    "sample_minutes": None,
}


def experiment(options, **changes):
    return parse_experiment(
        {
            "name": "tiny",
            "video": {"resolution": 16, "num_frames": 8, "fps": 5.0},
            "worlds": {"uniform_motion": {"train": {"clips": 6}, "test": {"id": {"clips": 3}}}},
            "models": {"net": {"model": "dit", "options": options, **changes}},
            "metrics": ["velocity_error"],
        }
    )


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A tiny training, and the checkpoint that is made of it."""
    root = tmp_path_factory.mktemp("runs")
    plan = run.run(experiment(TINY), root, until="train").plan
    folder = plan.train["uniform_motion", "net"].folder
    out = root / "shared"
    assert export(folder, out, "checkpoint") == 6
    return folder, out


def test_a_shared_checkpoint_answers_as_its_training_does_to_half_precision(taught):
    folder, out = taught
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), dtype=np.uint8)
    given = Conditioning(frames, 5.0, ("a", "b"))
    here = VideoDiT(**TINY).load(folder, None).generate(given, 5, np.arange(2))
    there = VideoDiT(checkpoint=str(out), sampling_steps=2).generate(given, 5, np.arange(2))
    assert np.abs(here.astype(int) - there).max() <= 1
    assert (out / WEIGHTS).stat().st_size < 0.52 * (folder / WEIGHTS).stat().st_size


def test_a_card_says_where_the_weights_come_from(taught):
    card = read_card(str(taught[1]))
    made = read_manifest(taught[0])["made"]
    assert card["options"]["preset"] == "nano"
    assert (card["training_clips"], card["steps"], card["context"], card["clip"]) == (6, 3, 3, [8, 16, 16])
    assert card["made"]["versions"]["torch"] == made["versions"]["torch"]


def test_an_experiment_uses_a_checkpoint_instead_of_teaching(taught, tmp_path):
    asked = experiment({"checkpoint": str(taught[1]), "sampling_steps": 2})
    done = run.run(asked, tmp_path, until="evaluate")
    assert not done.plan.train
    rows = pq.read_table(done.path / RESULTS).to_pylist()
    assert {row["training_clips"] for row in rows if row["predictor"] == "net"} == {6}


def test_other_weights_are_another_key(taught, tmp_path):
    def key():
        asked = experiment({"checkpoint": str(tmp_path / "copy"), "sampling_steps": 2})
        return make_plan(asked, tmp_path).generate["uniform_motion", "net", "id"].key

    shutil.copytree(taught[1], tmp_path / "copy")
    before = key()
    card = json.loads((tmp_path / "copy" / CARD).read_text())
    weights = bytearray((tmp_path / "copy" / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (tmp_path / "copy" / WEIGHTS).write_bytes(weights)
    with pytest.raises(BadInput, match="is not the file that its card was written for"):
        key()
    card["weights"] = hashlib.sha256(weights).hexdigest()
    (tmp_path / "copy" / CARD).write_text(json.dumps(card))
    assert key() != before


def test_clips_of_another_size_are_refused_in_one_line(taught):
    frames = np.zeros((1, 3, 32, 32, 3), np.uint8)
    net = VideoDiT(checkpoint=str(taught[1]))
    with pytest.raises(
        BadInput, match=r"taught on 8 frames of 16 x 16 with 3 given; these clips have 8 frames of 32"
    ):
        net.generate(Conditioning(frames, 5.0, ("a",)), 5, np.arange(1))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"checkpoint": "mikro"}, "unknown checkpoint 'mikro'; did you mean 'micro'"),
        ({"checkpoint": "./nowhere"}, "expected a folder with model.json and model.safetensors; found none"),
    ],
)
def test_a_checkpoint_that_is_none_is_refused(options, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        run.run(experiment(options), tmp_path)


def test_seeds_of_a_checkpoint_are_refused(taught):
    with pytest.raises(BadInput, match=r"models\.net\.seeds: a checkpoint has learnt already; remove it"):
        experiment({"checkpoint": str(taught[1])}, seeds=[0, 1])


def test_retrain_teaches_what_a_checkpoint_would_stand_for(taught, tmp_path, capsys):
    path = tmp_path / "x.yaml"
    options = {**TINY, "checkpoint": str(taught[1])}
    path.write_text(run.dump(experiment(options)))
    assert main(["train", str(path), "--out", str(tmp_path / "runs"), "--retrain", "--workers", "1"]) == 0
    (folder,) = (tmp_path / "runs").glob("train-*")
    assert (folder / WEIGHTS).exists()
    path.write_text(run.dump(experiment(TINY)))
    assert main(["train", str(path), "--out", str(tmp_path / "runs"), "--retrain"]) == 2
    assert "no model of" in capsys.readouterr().err


def test_without_torch_an_optional_model_is_left_out_and_the_page_says_what_to_install(
    taught, tmp_path, monkeypatch
):
    for name in [name for name in sys.modules if name.startswith("worldlaw.models.video_dit")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    asked = experiment({"checkpoint": str(taught[1])}, optional=True)
    page = run.run(asked, tmp_path).path.read_text()
    assert "not examined" in page
    assert "pip install &#39;worldlaw[torch]&#39;" in page
    with pytest.raises(BadInput, match="install the extra"):
        experiment({"checkpoint": str(taught[1])})


def test_what_is_no_network_cannot_be_shared(tmp_path):
    asked = parse_experiment({**experiment(TINY).model_dump(), "models": {"nearest_clip": None}})
    plan = run.run(asked, tmp_path, until="train").plan
    with pytest.raises(BadInput, match="of a trained network"):
        export(plan.train["uniform_motion", "nearest_clip"].folder, tmp_path / "out", "checkpoint")


def test_the_checkpoint_that_ships_is_small_and_says_what_it_is():
    card = read_card("micro")
    size = sum(path.stat().st_size for path in checkpoint.SHIPPED.rglob("*") if path.is_file())
    assert size <= 8e6
    assert (card["clip"], card["context"]) == ([16, 32, 32], 3)
    assert (checkpoint.SHIPPED / "micro" / "README.md").read_text().startswith("# ")

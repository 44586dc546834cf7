"""What a stage reads is what was written: damage is found before it is used, made anew, and said."""

import contextlib
import io
import json
import os
import re
import shutil

import pytest

from worldlaw.cli import main
from worldlaw.clips.store import Shard
from worldlaw.core.artifact import MANIFEST
from worldlaw.core.errors import BadInput
from worldlaw.core.progress import Quiet
from worldlaw.experiment.check import check
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.export import export
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run

pytest.importorskip("torch")

EXPERIMENT = parse_experiment(
    {
        "name": "tiny",
        "context": 2,
        "video": {"resolution": 16, "num_frames": 6},
        "shard_clips": 2,
        "worlds": {"uniform_motion": {"train": {"clips": 4}, "test": {"id": {"clips": 3}}}},
        "models": {
            "learner": {
                "model": "dit",
                "options": {"preset": "nano", "steps": 2, "batch": 2, "warm_up": 1, "sampling_steps": 1},
            }
        },
        "references": ["nearest_case", "state_model"],
        "metrics": ["velocity_error", "measured_share", "solved"],
        "look": ["track_frechet"],
    }
)
EVALUATED = ("results.parquet", "models.json", "training_speed.json", "sets.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undamaged run: its folder and its plan."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(EXPERIMENT, folder).plan


@pytest.fixture
def runs(whole, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(whole[0], tmp_path / "runs")


class Notes(Quiet):
    """Keeps what a run says."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def again(runs, until="evaluate"):
    """Run once more; returns what was said."""
    notes = Notes()
    with contextlib.redirect_stderr(io.StringIO()):
        run(EXPERIMENT, runs, until=until, progress=notes)
    return notes.notes


def one(runs, pattern):
    """The file of an artifact, whose manifest says which split it is of if several have one of that name."""
    found = sorted(runs.glob(pattern))
    return next((path for path in found if '"split": "id"' in (path.parent / MANIFEST).read_text()), found[0])


def flip(path, at=None):
    """Flip one bit, half-way through the file unless somebody says where."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 4
    path.unlink()
    path.write_bytes(content)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def place_of_positions(path):
    """Where in a shard the true positions of its first clip lie."""
    positions = Shard(path)._batch["position"][0].values.to_numpy()
    return path.read_bytes().index(positions.tobytes()) + 6  # the highest bits of a double: another place


def remove(runs, *stages):
    for stage in stages:
        for folder in runs.glob(f"{stage}-*"):
            shutil.rmtree(folder)


def assert_same_numbers(whole, runs):
    """That a run says to the byte what the undamaged one says, and that all its artifacts are sound."""
    folder = whole[1].evaluate.folder.name
    for name in EVALUATED:
        assert (runs / folder / name).read_bytes() == (whole[0] / folder / name).read_bytes(), name
    for path in runs.glob(f"*-*/{MANIFEST}"):
        assert check(path.parent)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("damage", [truncate, flip, zero])
@pytest.mark.parametrize(
    "pattern",
    ["train-*/model.safetensors", "train-*/model.json", "train-*/checkpoint.pt", "train-*/state_model.*"],
)
def test_damaged_weights_are_made_anew_and_not_certified(whole, runs, pattern, damage):
    path = one(runs, pattern)
    before = path.read_bytes()
    damage(path)
    remove(runs, "generate", "track", "evaluate")
    (said,) = [note for note in again(runs) if "made anew" in note]
    assert str(path) in said
    assert (
        path.suffix == ".pt" or path.read_bytes() == before
    )  # a checkpoint has its writer's file name in it
    assert_same_numbers(whole, runs)


@pytest.mark.parametrize(
    ("pattern", "later"),
    [
        ("simulate-*/clips-00000.arrow", ("track", "evaluate")),
        ("generate-*/manifest.json", ("track", "evaluate")),
        ("track-*/tracks-00000.arrow", ("evaluate",)),
        ("evaluate-*/results.parquet", ()),
    ],
)
def test_a_flipped_bit_never_reaches_what_is_made_from_it(whole, runs, pattern, later):
    path = one(runs, pattern)
    flip(path, place_of_positions(path) if path.parent.name.startswith("simulate") else None)
    remove(runs, *later)
    assert any(str(path) in note and "made anew" in note for note in again(runs))
    assert_same_numbers(whole, runs)


@pytest.mark.parametrize("damage", [truncate, flip, zero, lambda path: path.unlink()])
@pytest.mark.parametrize("name", [*EVALUATED, MANIFEST])
def test_a_damaged_file_of_the_results_is_made_anew_with_its_reason(whole, runs, name, damage):
    path = one(runs, f"evaluate-*/{name}")
    damage(path)
    unfinished = name == MANIFEST and not path.exists()  # which is no damage
    said = [note for note in again(runs, until="report") if str(path) in note and "made anew" in note]
    assert len(said) == (not unfinished)
    assert_same_numbers(whole, runs)
    page = "tiny/report.html"
    assert (runs / page).read_bytes() == (whole[0] / page).read_bytes()


@pytest.mark.parametrize("stage", ["simulate", "train", "generate", "track", "evaluate"])
@pytest.mark.parametrize("damage", [truncate, flip, zero, lambda path: path.unlink()])
def test_the_check_of_a_run_finds_a_damaged_manifest_below_it(runs, stage, damage, capsys):
    assert main(["check", str(runs / "tiny")]) == 0
    damage(one(runs, f"{stage}-*/{MANIFEST}"))
    assert main(["check", str(runs / "tiny")]) == 2


@pytest.mark.parametrize("name", ["experiment.yaml", "report.html", MANIFEST])
def test_the_check_of_a_run_finds_damage_to_its_own_files(runs, name, capsys):
    flip(runs / "tiny" / name)
    assert main(["check", str(runs / "tiny")]) == 2


def test_the_record_of_a_run_is_not_an_artifacts_manifest(runs):
    shutil.copy(one(runs, f"track-*/{MANIFEST}"), runs / "tiny" / MANIFEST)
    with pytest.raises(BadInput, match="not the record of a run"):
        check(runs / "tiny")


def test_what_a_manifest_counts_is_not_believed_when_it_was_changed(whole, runs):
    path = one(runs, f"simulate-*/{MANIFEST}")
    path.write_text(re.sub(r'"clips": 3', '"clips": 4', path.read_text()))
    assert any("its digest differs; it is made anew" in note for note in again(runs))
    assert_same_numbers(whole, runs)


def test_an_artifact_of_an_older_version_is_made_anew_with_a_word(whole, runs):
    path = one(runs, f"track-*/{MANIFEST}")
    old = json.loads(path.read_text())
    del old["digest"]
    path.write_text(json.dumps(old))
    assert any("of an older version" in note for note in again(runs))
    assert_same_numbers(whole, runs)


@pytest.mark.parametrize("pattern", ["simulate-*/clips-00000.arrow", "track-*/tracks-00000.arrow"])
def test_files_of_two_artifacts_that_changed_places_are_found(whole, runs, pattern):
    first, second, *_ = sorted(runs.glob(pattern))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert check(first.parent)[1] != []
    remove(runs, "evaluate")
    assert any("made anew" in note for note in again(runs))
    assert_same_numbers(whole, runs)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["simulate-*/clips-00000.arrow", "track-*/tracks-00000.arrow"])
def test_of_an_artifact_that_was_not_finished_no_damaged_or_foreign_part_is_gone_on_with(
    whole, runs, pattern
):
    first, second, *_ = sorted(runs.glob(pattern))
    before = first.read_bytes()
    simulated = first.parent.name.startswith("simulate")
    for damaged in (
        lambda: flip(first, place_of_positions(first) if simulated else None),
        lambda: flip(first, before.index(b'"fps": ') + 7),
        lambda: flip(first, before.rindex(b'"fps": ') + 7),
        lambda: truncate(first),
        lambda: first.write_bytes(second.read_bytes()),
    ):
        (first.parent / MANIFEST).unlink()
        damaged()
        remove(runs, "evaluate")
        again(runs)
        assert first.read_bytes() == before
        assert_same_numbers(whole, runs)


def test_of_an_unfinished_training_no_damaged_checkpoint_is_gone_on_with(whole, runs):
    path = one(runs, "train-*/checkpoint.pt")
    (path.parent / MANIFEST).unlink()
    flip(path)
    with pytest.raises(BadInput, match=r"checkpoint\.pt: .*delete it to begin anew"):
        again(runs)
    path.unlink()
    again(runs)
    assert_same_numbers(whole, runs)


def test_no_training_goes_on_from_the_checkpoint_of_another(runs):
    other = EXPERIMENT.model_copy(update={"seed": 1})
    folder = make_plan(other, runs).train["uniform_motion", "learner"].folder
    folder.mkdir()
    shutil.copy(one(runs, "train-*/checkpoint.pt"), folder)
    with pytest.raises(BadInput, match="the checkpoint of train-"), contextlib.redirect_stderr(io.StringIO()):
        run(other, runs, until="train")


def test_of_an_unfinished_training_damaged_weights_are_made_from_the_checkpoint(whole, runs):
    for path in runs.glob("train-*/*.safetensors"):
        (path.parent / MANIFEST).unlink()
        flip(path)
    remove(runs, "generate", "evaluate")
    again(runs)
    assert_same_numbers(whole, runs)


def test_intact_shards_are_kept_when_another_is_damaged(runs):
    path = one(runs, "simulate-*/clips-00001.arrow")
    before = path.with_name("clips-00000.arrow").stat().st_mtime_ns
    flip(path)
    truncate(path)
    again(runs)
    assert path.with_name("clips-00000.arrow").stat().st_mtime_ns == before


def test_a_shard_alone_says_that_its_positions_were_changed(runs, tmp_path):
    path = shutil.copy(one(runs, "simulate-*/clips-00000.arrow"), tmp_path / "clips-00000.arrow")
    assert check(path)[1] == []
    flip(path, place_of_positions(path))
    assert "its digest differs" in check(path)[1][0]


def test_damaged_weights_are_not_exported(runs, tmp_path):
    path = one(runs, "train-*/model.safetensors")
    flip(path)
    with pytest.raises(BadInput, match=r"model\.safetensors: not the bytes that were written"):
        export(path.parent, tmp_path / "out", "checkpoint")

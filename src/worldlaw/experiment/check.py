"""Is it sound? For a clip shard, an artifact folder and an experiment file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from worldlaw.clips import arrow_files
from worldlaw.clips.store import Shard
from worldlaw.clips.tracks import read_tracks_file
from worldlaw.core.artifact import (
    MANIFEST,
    altered_files,
    checksum,
    data_files,
    key_of,
    read_manifest,
    read_record,
)
from worldlaw.core.errors import BadInput
from worldlaw.experiment.config import load_experiment
from worldlaw.experiment.plan import make_plan

ItemWrapper = Callable[[Iterable[str]], Iterable[str]]


def check(path: Path, *, progress: ItemWrapper = iter) -> tuple[str, list[str]]:
    """What a path holds, and its faults, one line each; ``progress`` wraps the names of the files to read.

    Raises BadInput for what is none of the three.
    """
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder")
    if path.is_dir():
        return _check_folder(path, progress)
    if path.suffix in (".yaml", ".yml"):
        experiment = load_experiment(path)
        splits = sum(1 + len(world.test) for world in experiment.worlds.values())
        return f"an experiment with {len(experiment.worlds)} worlds and {splits} splits", []
    if path.suffix == ".arrow":
        beside = path.with_name(MANIFEST)
        if beside.exists() and read_manifest(path.parent)["sha256"].get(path.name) != checksum(path):
            return "a damaged shard", [f"{path}: not the bytes that {beside} tells of"]
        return _check_shard(path)
    raise BadInput(
        f"{path}: expected a clip shard (.arrow), an artifact folder or an experiment file (.yaml)"
    )


def _check_shard(path: Path) -> tuple[str, list[str]]:
    arrow_files.verify_file.cache_clear()  # what this process found before is not the question
    try:
        if path.name.startswith("tracks-"):
            return f"tracks of {len(read_tracks_file(path))} clips", []
        shard = Shard(path)
        faults = shard.check()
    except BadInput as error:
        return "a damaged shard", [str(error)]
    frames, height, width = shard.shape
    return f"{len(shard)} clips of {frames} frames of {height} x {width}", faults


def _check_folder(folder: Path, progress: ItemWrapper) -> tuple[str, list[str]]:
    if (folder / "experiment.yaml").exists():
        return _check_run(folder, progress)
    manifest = read_manifest(folder)
    stage, files = manifest["stage"], manifest["files"]
    faults: list[str] = []
    if manifest["key"] != key_of({"stage": stage, **manifest["inputs"]}):
        faults.append(
            f"{folder / MANIFEST}: the key does not belong to the inputs: they were changed by hand"
        )
    altered = altered_files(folder, manifest)
    faults += altered.values()
    faults += [f"{folder / name}: not in the manifest" for name in data_files(folder) if name not in files]
    for name in progress(sorted(files)):
        path = folder / name
        if path.suffix == ".arrow" and path.is_file() and path.stat().st_size == files[name]:
            faults += _check_shard(path)[1]
    return f"{stage} artifact, {len(files)} file{'s' if len(files) > 1 else ''}", sorted(faults)


def _check_run(folder: Path, progress: ItemWrapper) -> tuple[str, list[str]]:
    """The folder of an experiment: every complete artifact that it was made from, and what its record says.

    An artifact is asked about if it has a manifest, or if the record says that it was complete.
    """
    faults: list[str] = []
    recorded: set[str] = set()
    if (folder / MANIFEST).exists():
        record = read_record(folder / MANIFEST)
        if "artifacts" not in record:
            raise BadInput(f"{folder / MANIFEST}: not the record of a run; run the experiment again")
        recorded = {entry["folder"] for entry in record["artifacts"] if entry["complete"]}
        for name, digest in record["sha256"].items():
            if not (folder / name).exists():
                faults.append(f"{folder / name}: missing")
            elif checksum(folder / name) != digest:
                faults.append(f"{folder / name}: not the bytes that were written: its checksum differs")
    plan = make_plan(load_experiment(folder / "experiment.yaml"), folder.parent)
    planned = {artifact.folder.name for _, artifact in plan.artifacts()}
    there = {name for name in planned if (folder.parent / name / MANIFEST).exists()}
    for name in progress(sorted(there | recorded)):
        try:
            faults += _check_folder(folder.parent / name, iter)[1]
        except BadInput as error:
            faults.append(str(error))
    summary = f"a run with {len(there)} of {len(planned)} artifacts complete"
    done = recorded and len(there) == len(planned)
    return summary if done else f"{summary}, not finished; those there", faults

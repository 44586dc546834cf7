"""Is it sound? For a clip shard, an artifact folder and an experiment file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from worldlaw.clips.store import Shard
from worldlaw.clips.tracks import read_tracks_file
from worldlaw.config import load_experiment
from worldlaw.core.artifact import MANIFEST, checksum, data_files, key_of, missing_files, read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.plan import make_plan

Progress = Callable[[Iterable[str]], Iterable[str]]


def check(path: Path, *, progress: Progress = iter) -> tuple[str, list[str]]:
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
        if beside.exists() and _altered(path.parent, path.name, read_manifest(path.parent)["sha256"]):
            return "a damaged shard", [f"{path}: not the bytes that {beside} tells of"]
        return _check_shard(path)
    raise BadInput(
        f"{path}: expected a clip shard (.arrow), an artifact folder or an experiment file (.yaml)"
    )


def _check_shard(path: Path) -> tuple[str, list[str]]:
    try:
        if path.name.startswith("tracks-"):
            return f"tracks of {len(read_tracks_file(path))} clips", []
        shard = Shard(path)
        faults = shard.check()
    except BadInput as error:
        return "a damaged shard", [str(error)]
    frames, height, width = shard.shape
    return f"{len(shard)} clips of {frames} frames of {height} x {width}", faults


def _check_folder(folder: Path, progress: Progress) -> tuple[str, list[str]]:
    if (folder / "experiment.yaml").exists():
        return _check_run(folder, progress)
    manifest = read_manifest(folder)
    stage, files = manifest["stage"], manifest["files"]
    faults = []
    if manifest["key"] != key_of({"stage": stage, **manifest["inputs"]}):
        faults.append(
            f"{folder / MANIFEST}: the key does not belong to the inputs: they were changed by hand"
        )
    missing = missing_files(folder, manifest)
    faults += missing.values()
    faults += [f"{folder / name}: not in the manifest" for name in data_files(folder) if name not in files]
    for name in progress(sorted(files.keys() - missing.keys())):
        path = folder / name
        if path.suffix == ".arrow":
            faults += _check_shard(path)[1]
        if _altered(folder, name, manifest["sha256"]):
            faults.append(f"{path}: not the bytes that were written: its checksum differs")
    return f"{stage} artifact, {len(files)} file{'s' if len(files) > 1 else ''}", sorted(faults)


def _check_run(folder: Path, progress: Progress) -> tuple[str, list[str]]:
    """The folder of an experiment: every complete artifact that it was made from."""
    plan = make_plan(load_experiment(folder / "experiment.yaml"), folder.parent)
    complete = {artifact.folder.name for _, artifact in plan.artifacts() if artifact.complete}
    faults: list[str] = []
    for name in progress(sorted(complete)):
        faults += _check_folder(folder.parent / name, iter)[1]
    total = len({artifact.folder.name for _, artifact in plan.artifacts()})
    summary = f"a run with {len(complete)} of {total} artifacts complete"
    return summary if len(complete) == total else f"{summary}, not finished; those there", faults


def _altered(folder: Path, name: str, checksums: dict[str, str]) -> bool:
    """Whether a file holds other bytes than the manifest says."""
    return name in checksums and checksum(folder / name) != checksums[name]

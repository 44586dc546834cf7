"""Is it sound? For a clip shard, an artifact folder and an experiment file."""

from __future__ import annotations

from pathlib import Path

from worldlaw.clips.store import Shard
from worldlaw.clips.tracks import read_tracks_file
from worldlaw.config import load_experiment
from worldlaw.core.artifact import MANIFEST, key_of, read_manifest
from worldlaw.core.errors import BadInput


def check(path: Path) -> tuple[str, list[str]]:
    """What a path holds, and its faults, one line each. Raises BadInput for what is none of the three."""
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder")
    if path.is_dir():
        return _check_folder(path)
    if path.suffix in (".yaml", ".yml"):
        experiment = load_experiment(path)
        splits = sum(1 + len(world.test) for world in experiment.worlds.values())
        return f"an experiment with {len(experiment.worlds)} worlds and {splits} splits", []
    if path.suffix == ".arrow":
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


def _check_folder(folder: Path) -> tuple[str, list[str]]:
    manifest = read_manifest(folder)
    faults = []
    try:
        stage, key, inputs, files = (manifest[name] for name in ("stage", "key", "inputs", "files"))
    except KeyError as error:
        return "an artifact", [f"{folder / MANIFEST}: no {error}"]
    if key != key_of({"stage": stage, **inputs}):
        faults.append(
            f"{folder / MANIFEST}: the key does not belong to the inputs: they were changed by hand"
        )
    for name, size in files.items():
        path = folder / name
        if not path.exists():
            faults.append(f"{path}: missing")
        elif path.stat().st_size != size:
            faults.append(f"{path}: {path.stat().st_size} bytes; the manifest says {size}")
        elif path.suffix == ".arrow":
            faults += _check_shard(path)[1]
    return f"a {stage} artifact of {len(files)} files", faults

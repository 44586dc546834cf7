"""Tracks on disk: Arrow files beside the clips that they were read from, one row a clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.clips.arrow_files import add_optional, flat_array, read_batch, write_batch
from worldlaw.clips.store import OPTIONAL_TYPES, STATE_TYPES, optional_arrays
from worldlaw.core.errors import BadInput
from worldlaw.core.types import TRAJECTORY_ARRAYS, Detections, Tracks, Trajectory

FORMAT = 2
_EXTRA_TYPES = {"frame": pa.int64(), "position": pa.float64(), "size": pa.float64(), "color": pa.float64()}
_WIDTHS = {"position": (2,), "color": (3,)}
SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64()),
        pa.field("shape", pa.list_(pa.string())),
        *(pa.field(name, pa.list_(kind)) for name, kind in STATE_TYPES.items()),
        *(pa.field(f"extra_{name}", pa.list_(kind)) for name, kind in _EXTRA_TYPES.items()),
    ]
)


@dataclass(frozen=True)
class TrackedClip:
    """What a tracker read from one clip."""

    index: int
    shape: tuple[str, ...]  # of each tracked body, as it looks in the given frames
    tracks: Tracks


def tracks_name(number: int) -> str:
    """File name of the tracks of a shard."""
    return f"tracks-{number:05d}.arrow"


def write_tracks(path: Path, rows: Iterable[TrackedClip], *, fps: float) -> None:
    """Write the tracks of some clips, atomically."""
    columns: dict[str, list] = {field.name: [] for field in SCHEMA}
    optional: dict[str, list] = {name: [] for name in OPTIONAL_TYPES}
    for row in rows:
        columns["index"].append(row.index)
        columns["shape"].append(list(row.shape))
        for name in TRAJECTORY_ARRAYS:
            columns[name].append(getattr(row.tracks.bodies, name).ravel())
        for name in OPTIONAL_TYPES:
            optional[name].append(flat_array(row.tracks.bodies, name))
        for name in _EXTRA_TYPES:
            columns[f"extra_{name}"].append(getattr(row.tracks.extra, name).ravel())
    schema = add_optional(SCHEMA, columns, optional, OPTIONAL_TYPES)
    write_batch(path, columns, schema, {"tracks": FORMAT, "fps": fps})


def read_tracks(folder: Path) -> list[TrackedClip]:
    """All tracks of a folder, in order of clip. Raises BadInput for a file that is not complete."""
    return [row for path in sorted(folder.glob("tracks-*.arrow")) for row in read_tracks_file(path)]


def read_tracks_file(path: Path, *, folder_name: str = "") -> list[TrackedClip]:
    """The tracks of one file, in order of clip.

    Raises BadInput if it is damaged, or was written for another folder than the one that is named, if any.
    """
    batch, about = read_batch(path, SCHEMA, "file of tracks", version=("tracks", FORMAT))
    try:
        if folder_name not in ("", about["folder"]):
            raise BadInput(f"{path}: tracks of {about['folder']}, another artifact")
        fps = float(about["fps"])
        return [_row(batch, row, fps) for row in range(batch.num_rows)]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: not a complete file of tracks; delete it and run again") from error


def _row(batch: pa.RecordBatch, row: int, fps: float) -> TrackedClip:
    shape = tuple(batch["shape"][row].as_py())

    def array(column: str, name: str, *lead: int) -> np.ndarray:
        flat = batch[column][row].values.to_numpy(zero_copy_only=False)
        return (flat.astype(np.float64) if flat.dtype == np.float32 else flat).reshape(
            *lead, *_WIDTHS.get(name, ())
        )

    bodies: dict[str, Any] = {name: array(name, name, -1, len(shape)) for name in TRAJECTORY_ARRAYS}
    bodies |= optional_arrays(batch, row, len(shape))
    extra = {name: array(f"extra_{name}", name, -1) for name in _EXTRA_TYPES}
    return TrackedClip(
        batch["index"][row].as_py(), shape, Tracks(Trajectory(dt=1 / fps, **bodies), Detections(**extra))
    )

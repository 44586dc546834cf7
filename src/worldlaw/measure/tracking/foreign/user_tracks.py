"""Tracks by the user's own tracker, from a CSV file, as if we had seen them."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.types import LOST, VISIBLE, Detections, Tracks, Trajectory
from worldlaw.measure.tracking.foreign.contours import FAR, circle
from worldlaw.measure.tracking.foreign.things import Seen, Things

NEEDED = ("frame", "object", "x", "y")
ALLOWED = (*NEEDED, "radius", "visible")
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


def read_tracks_csv(
    path: Path, *, num_frames: int, fps: float, extent: tuple[float, float] | None, height: int
) -> Seen:
    """Tracks from a CSV file with a header: frame, object, x, y, and if wanted radius, visible.

    ``frame`` counts from 0, ``object`` is any name, ``x`` and ``y`` are pixels of a picture of ``height``
    rows, from its left and top edge; a frame without a row, without x and y, or with ``visible`` 0 is lost.
    Other columns are left aside and noted. Raises BadInput, with the line, for anything else.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{path}: cannot be read as CSV: {reason}") from error
    header = [name.strip().lower() for name in lines[0]] if lines else []
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise BadInput(f"{path}: the first line must name the columns {', '.join(NEEDED)}; no {missing[0]!r}")
    twice = [name for name in ALLOWED if header.count(name) > 1]
    if twice:
        raise BadInput(f"{path}: two columns are named {twice[0]!r}")
    others = [name for name in header if name not in ALLOWED]
    known: dict[str, dict[int, tuple[float, float, float]]] = {}
    for number, cells in enumerate(lines[1:], 2):
        if not cells:
            continue
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise BadInput(f"{where}: {len(cells)} values for {len(header)} columns")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        name, frame, point = _row(row, where, num_frames)
        if not name:
            raise BadInput(f"{where}: the object has no name")
        if frame in known.setdefault(name, {}):
            raise BadInput(f"{where}: object {name!r} has two rows for frame {frame}")
        known[name][frame] = point
    if not known:
        raise BadInput(f"{path}: no rows below the header")
    return _seen(known, num_frames, fps, extent, height, path, others)


def _row(row: dict[str, str], where: str, num_frames: int) -> tuple[str, int, tuple[float, float, float]]:
    try:
        frame = int(row["frame"])
    except ValueError:
        raise BadInput(f"{where}: frame: expected a whole number; found {row['frame']!r}") from None
    if not 0 <= frame < num_frames:
        raise BadInput(f"{where}: frame {frame} is not within 0 to {num_frames - 1}")
    visible = row.get("visible", "").lower()
    if visible not in ("", *YES, *NO):
        raise BadInput(f"{where}: visible: expected 1 or 0; found {row['visible']!r}")
    x, y, radius = (_number(row.get(name, ""), name, where) for name in ("x", "y", "radius"))
    if math.isnan(x) != math.isnan(y):
        raise BadInput(f"{where}: x and y: expected both or neither")
    if radius <= 0:
        raise BadInput(f"{where}: radius: expected more than 0; found {radius:g}")
    return row["object"], frame, (math.nan, math.nan, math.nan) if visible in NO else (x, y, radius)


def _number(cell: str, name: str, where: str) -> float:
    """NaN for an empty cell. Raises BadInput for what is no finite number."""
    if cell.lower() in ("", "nan"):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise BadInput(f"{where}: {name}: expected a number; found {cell!r}")
    return value


def _seen(
    known: dict,
    num_frames: int,
    fps: float,
    extent: tuple[float, float] | None,
    height: int,
    path: Path,
    others: list[str],
) -> Seen:
    names = tuple(known)
    values = np.full((num_frames, len(names), 3), np.nan)  # x, y, radius
    for b, name in enumerate(names):
        for frame, point in known[name].items():
            values[frame, b] = point
    measured = np.isfinite(values[..., 0])  # (T, B)
    tall = 1.0 if extent is None else extent[1]
    scale = height / tall
    position = np.stack([values[..., 0] / scale, tall - values[..., 1] / scale], axis=-1)
    first = measured.argmax(axis=0)
    start = values[first, np.arange(len(names))]
    radius = start[:, 2]
    unit = circle(1.0)
    outline = unit.outline * radius[:, None, None]
    things = Things(
        name=names,
        position=start[:, :2],
        radius=radius,
        color=np.zeros((len(names), 3), np.uint8),
        box=np.stack([start[:, 0] - radius, start[:, 1] - radius, 2 * radius, 2 * radius], axis=1),
        disc=np.ones(len(names), bool),
        outline=outline,
        normal=np.repeat(unit.normal[None], len(names), axis=0),
        inner=np.linalg.norm(outline, axis=-1) * 0.9,
        outer=np.full(outline.shape[:2], FAR),
        body=unit.body * radius[:, None, None],
        shade=np.ones(len(names)),
        paint=np.full((len(names), 1, 3), np.nan),
        frame=first,
    )
    bodies = Trajectory(
        dt=1 / fps,
        position=position,
        size=values[..., 2] / scale,
        color=np.full((*measured.shape, 3), np.nan),
        status=np.where(measured, VISIBLE, LOST).astype(np.int8),
        confidence=measured.astype(float),
    )
    notes = (f"{path}: left aside: {', '.join(others)}",) if others else ()
    uncertainty = np.full(measured.shape, np.nan)
    return Seen(things, Tracks(bodies, Detections.none()), uncertainty, notes=notes)

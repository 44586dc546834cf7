"""One video file in, evidence out: decoded, followed, brought into the units that are known."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int, UInt8

from worldlaw.clips.films import SUFFIXES, read_film
from worldlaw.core.errors import BadInput, Failed, blame
from worldlaw.core.types import OPTIONAL_ARRAYS, TRAJECTORY_ARRAYS, Detections, Tracks, Trajectory
from worldlaw.judge.evidence.hints import VideoHints
from worldlaw.judge.evidence.video_evidence import VideoEvidence, evidence_of
from worldlaw.judge.judgement import FEWEST_FRAMES, Judgement, judge
from worldlaw.measure.tracking.foreign import Seen, read_tracks_csv, see

SMALLEST = 24  # pixels: the shorter side of a picture in which something can be followed
FRAMES = (".png", ".jpg", ".jpeg")  # what a folder of frames holds


@dataclass(frozen=True)
class JudgedVideo:
    """A video that was judged, or why it could not be read."""

    name: str
    path: Path
    fault: str = ""  # one line; then there is nothing else
    evidence: VideoEvidence | None = None
    judgement: Judgement | None = None
    size: tuple[int, int, int] = (0, 0, 0)  # frames, width, height in pixels
    fps: float = math.nan  # Hz, that time was counted by; NaN: in frames
    rate_from: str = ""  # file, hints or nothing
    notes: tuple[str, ...] = ()


def find_videos(places: list[Path]) -> list[tuple[str, Path]]:
    """Name and path of every video among files and folders, in the order given; those of a folder sorted.

    A folder that holds pictures and no video is one video. Names are paths below the folder given; videos
    of one name have as many of their folders before it as tell them apart. Raises BadInput for what is not
    there and for a folder with nothing in it.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for place in places:
        if not place.exists():
            raise BadInput(f"{place}: no such file or folder")
        if not (place.is_file() or place.is_dir()):
            raise BadInput(f"{place}: neither a file nor a folder")
        inside = [(place.name, place)] if place.is_file() else _inside(place)
        if not inside:
            raise BadInput(
                f"{place}: no videos here; expected {', '.join(SUFFIXES)}, or folders of PNG or JPEG frames"
            )
        for name, path in inside:
            found.setdefault(Path(os.path.realpath(path)), (name, path))
    return _told_apart(found)


def _told_apart(found: dict[Path, tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Names that differ: those of one name grow by a folder of their path until they do."""
    names = {place: name for place, (name, _) in found.items()}
    while True:
        every = list(names.values())
        alike = [place for place, name in names.items() if every.count(name) > 1]
        if not alike:
            return [(names[place], path) for place, (_, path) in found.items()]
        for place in alike:
            num = len(PurePosixPath(names[place]).parts) + 1
            names[place] = PurePosixPath(*place.parts[-num:]).as_posix()


def watch(name: str, path: Path, hints: VideoHints) -> JudgedVideo:
    """Read, follow and judge one video; what cannot be read, or breaks us, has its fault in the answer."""
    try:
        with blame(name):
            return _watch(name, path, hints)
    except (BadInput, Failed) as error:
        said = " ".join(str(error).split())
        return JudgedVideo(name, path, fault=said.removeprefix(f"{path}: ").removeprefix(f"{name}: "))


def _watch(name: str, path: Path, hints: VideoHints) -> JudgedVideo:
    film = read_film(path, least_frames=1)
    num, height, width, _ = film.frames.shape
    unfit = ""
    if min(height, width) < SMALLEST:
        unfit = f"too small: {width} x {height} pixels; at least {SMALLEST} each way are needed"
    with _hinted():
        extent = _extent(width, height, hints)
    fps = hints.fps or film.fps
    timed = bool(np.isfinite(fps) and fps > 0)
    rate = float(fps) if timed else 1.0
    judged = not unfit and num >= FEWEST_FRAMES
    seen = _seen(film.frames, rate, extent, hints) if judged else None
    notes = [line for _, line in film.notes]
    if not film.steady and not hints.fps:
        notes.append("its frames are unevenly spaced in time; judged as if they were not")
    if seen is None:
        evidence = nothing_seen(num, width / height, unfit=unfit)
    else:
        notes += seen.notes
        evidence = evidence_from(seen, height, width, extent=extent, timed=timed, surfaces=hints.surfaces)
    return JudgedVideo(
        name,
        path,
        "",
        evidence,
        judge(evidence, gravity=hints.gravity),
        (num, width, height),
        rate if timed else math.nan,
        ("hints" if hints.fps else "file") if timed else "",
        tuple(notes),
    )


def evidence_from(
    seen: Seen,
    height: int,
    width: int,
    *,
    extent: tuple[float, float] | None,
    timed: bool,
    surfaces: tuple[tuple[float, float, float, float], ...] | None = None,
) -> VideoEvidence:
    """What a tracker saw in frames of so many pixels as evidence; untimed tracks have a dt of 1."""
    view = (width / height, 1.0) if extent is None else extent
    pixel = view[1] / height
    things = seen.things
    return evidence_of(
        seen.tracks,
        seen.uncertainty,
        names=things.name,
        extent=view,
        height=height,
        reach=np.where(things.disc, things.radius, things.box[:, 2:].max(axis=1) / 2) * pixel,
        scaled=extent is not None,
        timed=timed,
        moving_camera=seen.moving_camera,
        unfit="" if seen.cut is None else f"the picture is cut at frame {seen.cut}",
        surfaces=surfaces
        and tuple(
            (x0 * pixel, view[1] - y0 * pixel, x1 * pixel, view[1] - y1 * pixel)
            for x0, y0, x1, y1 in surfaces
        ),
    )


def nothing_seen(num_frames: int, aspect: float, *, unfit: str = "") -> VideoEvidence:
    """Evidence of a video in which there is nothing to follow, or that is ``unfit`` to be judged."""
    empty = np.zeros((num_frames, 0))
    places, status = np.zeros((num_frames, 0, 2)), np.zeros((num_frames, 0), np.int8)
    bodies = Trajectory(1.0, places, empty, np.zeros((num_frames, 0, 3)), status, empty)
    tracks = Tracks(bodies, Detections.none())
    return evidence_of(tracks, empty, names=(), extent=(aspect, 1.0), height=1, timed=False, unfit=unfit)


@contextlib.contextmanager
def _hinted() -> Iterator[None]:
    """Say of what is wrong with hints that it is the hints."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"hints: {error}") from error


def _extent(width: int, height: int, hints: VideoHints) -> tuple[float, float] | None:
    """Width and height of the picture in m, in square pixels; None if nobody knows them."""
    if hints.scale:
        return (width / hints.scale, height / hints.scale)
    if hints.extent is None:
        return None
    if abs(hints.extent[0] / hints.extent[1] * height / width - 1) > 0.02:
        said = " x ".join(f"{side:g}" for side in hints.extent)
        raise BadInput(f"an extent of {said} m does not fit {width} x {height} pixels")
    return (width / height * hints.extent[1], hints.extent[1])


def _seen(
    frames: np.ndarray, fps: float, extent: tuple[float, float] | None, hints: VideoHints
) -> Seen | None:
    """What a tracker saw; None if there is nothing to follow."""
    num, height, width, _ = frames.shape
    if hints.tracks is not None:
        view = (width / height, 1.0) if extent is None else extent
        with _hinted():
            _check_separator(hints.tracks)
            seen = read_tracks_csv(hints.tracks, num_frames=num, fps=fps, extent=view, height=height)
            _check_places(hints.tracks, seen, view, (width, height))
        return seen
    if hints.boxes or hints.points:
        with _hinted():
            return see(frames, fps=fps, boxes=hints.boxes, points=hints.points, extent=extent)
    return see_from_anywhere(frames, fps=fps, extent=extent)


def _check_separator(path: Path) -> None:
    """Raises BadInput for a table whose columns are parted by something else than commas."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline().strip()
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in header and "," not in header:
            raise BadInput(f"{path}: columns are parted by {name}; expected commas")


def _check_places(path: Path, seen: Seen, view: tuple[float, float], size: tuple[int, int]) -> None:
    """Raises BadInput for places more than the picture's own size outside of it."""
    position = seen.tracks.bodies.position
    far = (np.abs(position / np.array(view) - 0.5) > 1.5).any(axis=-1)  # NaN is not far
    if far.any():
        frame, thing = map(int, np.argwhere(far)[0])
        raise BadInput(
            f"{path}: object {seen.things.name[thing]!r} is far outside the picture of {size[0]} x {size[1]} "
            f"pixels in frame {frame}; x and y are to be pixels from its left and top edge"
        )


def see_from_anywhere(
    frames: UInt8[np.ndarray, "T H W 3"], *, fps: float, extent: tuple[float, float] | None
) -> Seen | None:
    """What a tracker sees; it starts at another frame if the first shows nothing. None if none does.

    The backdrop stands still, so frames may be shown in another order: backwards, or from the middle on.
    """
    num = len(frames)
    forward = np.arange(num)
    for order in (forward, forward[::-1], *(np.roll(forward, -num * part // 4) for part in (2, 1, 3))):
        with contextlib.suppress(BadInput):
            return in_order(see(frames[order], fps=fps, extent=extent), order)
    return None


def in_order(seen: Seen, order: Int[np.ndarray, " T"]) -> Seen:
    """Tracks of frames that were shown in some order, each with the frame that it is of."""
    back = np.argsort(order)
    bodies, extra = seen.tracks.bodies, seen.tracks.extra
    names = (*TRAJECTORY_ARRAYS, *OPTIONAL_ARRAYS)
    arrays = {name: values[back] for name in names if (values := getattr(bodies, name)) is not None}
    first = np.argsort(order[extra.frame], kind="stable")
    detections = Detections(
        order[extra.frame][first], extra.position[first], extra.size[first], extra.color[first]
    )
    tracks = Tracks(dataclasses.replace(bodies, **arrays), detections)
    cut = seen.cut
    if cut is not None:  # shown backwards, the other scene begins where this one does
        cut = int(order[cut] if order[cut] >= order[cut - 1] else order[cut - 1])
    return dataclasses.replace(seen, tracks=tracks, uncertainty=seen.uncertainty[back], cut=cut)


def _inside(folder: Path) -> list[tuple[str, Path]]:
    """The videos of a folder, and its sub-folders of frames."""
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if any(part.startswith(".") for part in place.parts):
            continue
        if (path.is_file() and path.suffix.lower() in SUFFIXES) or (path.is_dir() and _holds_frames(path)):
            found.append((place.as_posix(), path))
    if not found and _holds_frames(folder):
        found.append((folder.name, folder))
    return found


def _holds_frames(folder: Path) -> bool:
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return any(path.suffix.lower() in FRAMES for path in files) and not any(
        path.suffix.lower() in SUFFIXES for path in files
    )

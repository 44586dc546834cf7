"""What somebody knows of their videos beforehand: scale, rate, gravity, where things are and surfaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.strict_files import Place, Strict, explain, parse_json, read_yaml

T = TypeVar("T")
# No picture, rate or pull is larger, and squares and products of such numbers stay finite.
Number = Annotated[float, Field(ge=-1e9, le=1e9)]
Length = Annotated[float, Field(ge=1e-9, le=1e9)]
Rows = list[list[Number | str]]
Line = list[Number]  # px: x, y, x, y


@dataclass(frozen=True)
class VideoHints:
    """What is known of one video; None: not known."""

    scale: float | None = None  # pixels a metre
    extent: tuple[float, float] | None = None  # m, width and height of the picture
    fps: float | None = None  # Hz
    gravity: tuple[float, float] | None = None  # m/s² (or in the units there are), y up
    surfaces: tuple[tuple[float, float, float, float], ...] | None = None  # px; (): there are none
    boxes: Rows | None = None  # px: frame, left, top, width, height, name
    points: Rows | None = None  # px: frame, x, y, name
    tracks: Path | None = None  # CSV of the user's own tracker


class _Known(Strict):
    scale: Length | None = None
    extent: list[Length] | None = Field(default=None, min_length=2, max_length=2)
    fps: float | None = Field(default=None, ge=1e-6, le=100_000)
    gravity: list[Number] | None = Field(default=None, min_length=2, max_length=2)
    surfaces: Literal["none"] | list[Line] | None = None


class _File(_Known):
    videos: dict[str, _Known] = {}
    boxes: dict[str, Rows] = {}
    points: dict[str, Rows] = {}
    tracks: str | None = None


@dataclass(frozen=True)
class HintFile:
    """A file of hints: what holds for all videos, and what for some."""

    path: Path
    known: _File = field(default_factory=_File)

    def of(self, video: str) -> VideoHints:
        """What is known of one video. Raises BadInput if its own CSV of tracks is not there."""
        known = self.known.model_dump(exclude={"videos", "boxes", "points", "tracks"})
        own = _named(self.known.videos, video)
        if own is not None:
            said = own.model_dump(exclude_none=True)
            if "scale" in said or "extent" in said:
                known |= {"scale": None, "extent": None}
            known |= said
        surfaces = known.pop("surfaces")
        tracks = None
        if self.known.tracks is not None:
            folder = self.path.parent / self.known.tracks
            own_place = folder / PurePosixPath(video).with_suffix(".csv")
            tracks = own_place if own_place.is_file() else folder / f"{PurePosixPath(video).stem}.csv"
            if not tracks.is_file():
                raise BadInput(f"{video}: no tracks of it; expected {tracks}")
        return VideoHints(
            scale=known["scale"],
            extent=_pair(known["extent"]),
            fps=known["fps"],
            gravity=_pair(known["gravity"]),
            surfaces=() if surfaces == "none" else surfaces and tuple(map(tuple, surfaces)),
            boxes=_named(self.known.boxes, video),
            points=_named(self.known.points, video),
            tracks=tracks,
        )

    def check(self, videos: Iterable[str]) -> None:
        """Raises BadInput for hints about a video that is not among these."""
        known = {name for video in videos for name in _names(video)}
        for said in (self.known.videos, self.known.boxes, self.known.points):
            for name in said:
                if name not in known:
                    raise unknown(f"video in {self.path}", name, known)


def read_hints(path: Path | None) -> HintFile:
    """A file of hints in JSON (or YAML); without one, nothing is known.

    Raises BadInput, in one line, for whatever is wrong with it.
    """
    if path is None:
        return HintFile(Path())
    raw = _read_json(path) if path.suffix.lower() == ".json" else read_yaml(path, "a file of hints")
    if not isinstance(raw, Mapping):
        raise BadInput(f"{path}: expected an object with hints; found {str(raw)[:40]!r}")
    try:
        known = _File.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error, _keys)}") from error
    for each in (known, *known.videos.values()):
        if each.scale is not None and each.extent is not None:
            raise BadInput(f"{path}: scale and extent say the same; give one of them")
        for line in each.surfaces or [] if each.surfaces != "none" else []:
            if len(line) != 4:
                raise BadInput(f"{path}: surfaces: expected [x, y, x, y] in pixels; found {line}")
    return HintFile(path, known)


def _read_json(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return read_yaml(path, "a file of hints")  # which says what is there instead
    except OSError as error:
        raise BadInput(f"{path}: expected a file of hints ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected a file of hints; found bytes that are no text") from error
    try:
        return parse_json(text)
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}") from error


def _keys(place: Place) -> Iterable[str]:
    return _Known.model_fields if place[:1] == ("videos",) else _File.model_fields


def _names(video: str) -> tuple[str, ...]:
    """What a video may be called in a file of hints: its name here, its file's name, that without suffix."""
    path = PurePosixPath(video)
    return video, path.name, path.stem


def _named(said: Mapping[str, T], video: str) -> T | None:
    return next((said[name] for name in _names(video) if name in said), None)


def _pair(values: Any) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))

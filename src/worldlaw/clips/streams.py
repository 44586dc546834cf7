"""Video streams of mp4, mov, WebM, mkv and avi files as films, decoded by PyAV."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.clips.film import Encoding, Film, Note, check_size, line_of
from worldlaw.clips.media import pyav
from worldlaw.core.errors import BadInput

DEMUXERS = {"mp4": "mov", "webm": "matroska", "avi": "avi"}
TICK = 0.0011  # s


def read_stream(path: Path, kind: str, most_pixels: int) -> Film:
    """The film of a file's first video stream. Raises BadInput, OSError or ValueError if it is damaged."""
    av = pyav()
    try:
        return _read(av, path, kind, most_pixels)
    except av.FFmpegError as error:
        raise ValueError(line_of(error)) from error


def _read(av: Any, path: Path, kind: str, most_pixels: int) -> Film:
    notes: list[Note] = []
    pictures = _Pile()
    times: list[float | None] = []
    rotation, corrupt = 0, 0
    with (
        path.open("rb") as file,
        av.open(file, "r", format=DEMUXERS[kind], metadata_errors="ignore") as source,
    ):
        if not source.streams.video:
            raise BadInput(f"{path}: no video stream in it")
        stream = source.streams.video[0]
        context = stream.codec_context
        if context is None or not context.name:
            raise BadInput(f"{path}: its codec is not known here")
        context.thread_count, context.thread_type = 1, "NONE"
        check_size(
            path, max(1, stream.frames), context.height or 1, context.width or 1, most_pixels=most_pixels
        )
        # One for all frames, and one thread: otherwise this costs many times what decoding does.
        reformatter = av.video.reformatter.VideoReformatter()
        try:
            for frame in source.decode(stream):
                check_size(path, len(pictures) + 1, frame.height, frame.width, most_pixels=most_pixels)
                rotation = frame.rotation
                corrupt += frame.is_corrupt
                if not pictures.add(reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()):
                    raise BadInput(f"{path}: its frames differ in size")
                times.append(frame.time)
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, BadInput) or not len(pictures):
                raise
            notes.append(("damaged", f"breaks off after {len(pictures)} frames: {line_of(error)}"))
        if not len(pictures):
            raise BadInput(f"{path}: no frame can be decoded")
        if not notes and len(source.streams) == 1:
            notes += _ending(times, (source.duration or 0) / 1e6)
        if corrupt:
            notes.append(("damaged", f"{corrupt} of {len(pictures)} frames are damaged"))
        aspect = stream.sample_aspect_ratio
        if aspect and aspect != 1:
            notes.append(("pixels", f"its pixels are not square ({aspect}); taken as they are stored"))
        rate = float(stream.average_rate or stream.guessed_rate or math.nan)
        codec = {"libdav1d": "av1", "libaom-av1": "av1"}.get(context.name, context.name)
        encoding = _encoding(path, codec, context.pix_fmt or "", len(pictures), stream)
    frames = pictures.frames
    if turns := round(rotation / 90) % 4:
        frames = np.ascontiguousarray(np.rot90(frames, turns, axes=(1, 2)))
        notes.append(("rotated", f"shown turned by {rotation} degrees, as the file says"))
    time, told = _times(times, rate)
    notes += told
    container = {"webm": "webm" if path.suffix.lower() == ".webm" else "matroska"}.get(kind, kind)
    return Film(frames, time, container, codec, encoding, tuple(notes))


class _Pile:
    """Frames of one size on top of each other, in memory once."""

    def __init__(self) -> None:
        self._frames = np.empty((0, 0, 0, 3), np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, picture: np.ndarray) -> bool:
        """Put a frame on top; False if it has another size."""
        if not self._count:
            self._frames = np.empty((16, *picture.shape), np.uint8)
        elif picture.shape != self._frames.shape[1:]:
            return False
        elif self._count == len(self._frames):
            self._frames.resize((2 * self._count, *picture.shape), refcheck=False)
        self._frames[self._count] = picture
        self._count += 1
        return True

    @property
    def frames(self) -> np.ndarray:
        """(T, H, W, 3)."""
        return self._frames[: self._count]


def _ending(times: Sequence[float | None], duration: float) -> list[Note]:
    """A note if a file says that it lasts longer, in s, than its frames do."""
    known = [time for time in times if time is not None]
    if len(known) < 2:
        return []
    longest = float(np.diff(known).max())
    if duration <= known[-1] + 2.5 * longest:
        return []
    return [("damaged", f"breaks off after {len(times)} frames, at {known[-1]:.3g} of {duration:.3g} s")]


def _times(times: Sequence[float | None], rate: float) -> tuple[np.ndarray | None, list[Note]]:
    """Times since the first frame (T,) s, from the frames' own or else from the rate."""
    known = np.array([np.nan if time is None else time for time in times], float)
    if np.isfinite(known).all() and (np.diff(known) > 0).all():
        known = known - known[0]
        even = np.arange(len(known)) / rate
        # Some containers' clocks tick in milliseconds: frames that are even but for that are even.
        return even if (np.abs(known - even) <= TICK).all() else known, []
    if math.isfinite(rate) and rate > 0:
        return np.arange(len(known)) / rate, [("times", f"frames without times of their own: {rate:g} Hz")]
    return None, [("times", "neither frames nor file say when they are")]


_X264 = re.compile(rb"x26[45] [^\x00]*? options: ([ -~]+)")


def _encoding(path: Path, codec: str, pixels: str, num_frames: int, stream: Any) -> Encoding:
    """What the file says of its compression: x264 and x265 write their settings into it."""
    with path.open("rb") as file:
        found = _X264.search(file.read(1 << 20))
    if found:
        said = dict(part.partition("=")[::2] for part in found[1].decode("ascii").split())
        for name in ("crf", "qp"):
            if re.fullmatch(r"\d+(\.\d+)?", said.get(name, "")):
                fps = float(stream.average_rate or 0)
                settings = found[1].decode("ascii") if codec == "h264" else ""
                return Encoding(codec, pixels, name, float(said[name]), fps=fps, settings=settings)
    rate = stream.codec_context.bit_rate
    fps = float(stream.average_rate or 0)
    if codec in _LOSSLESS:
        return Encoding("raw")
    bits = rate / fps if rate and fps else 8 * path.stat().st_size / num_frames
    return Encoding(codec, pixels, "bits", float(round(bits)), fps=fps)


_LOSSLESS = ("ffv1", "rawvideo", "png", "huffyuv", "utvideo")

"""Animated pictures and folders of stills as films."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, JpegImagePlugin, UnidentifiedImageError

from worldlaw.clips.film import Encoding, Film, Note, check_size, line_of
from worldlaw.core.errors import BadInput

STILLS = (".png", ".jpg", ".jpeg")
HELD = 0.2  # of a duration: how near to a multiple of the shortest one it is that many frames


def read_picture(path: Path, kind: str, most_pixels: int) -> Film:
    pictures: list[np.ndarray] = []
    durations: list[int] = []
    notes: list[Note] = []
    with Image.open(path, formats=[kind]) as picture:
        width, height = picture.size
        check_size(path, 1, height, width, most_pixels=most_pixels)
        try:
            for frame in ImageSequence.Iterator(picture):
                check_size(path, len(pictures) + 1, height, width, most_pixels=most_pixels)
                pictures.append(np.asarray(frame.convert("RGB")))
                durations.append(round(frame.info.get("duration", 0)))  # ms; known once it is decoded
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            if isinstance(error, BadInput) or not pictures:
                raise
            notes.append(("damaged", f"breaks off after {len(pictures)} frames: {line_of(error)}"))
    frames, times = np.stack(pictures), None
    if min(durations) > 0:
        times = np.cumsum([0, *durations[:-1]]) / 1000
        step = min(durations)
        count = np.array(durations) / step
        whole = np.maximum(np.round(count), 1).astype(int)
        if (np.abs(count - whole) <= HELD).all():
            check_size(path, int(whole.sum()), height, width, most_pixels=most_pixels)
            frames = np.repeat(frames, whole, axis=0)
            # The mean step of the frames: 16 Hz is 62.5 ms, which no whole number of milliseconds is.
            times = np.arange(len(frames)) * (sum(durations) / whole.sum() / 1000)
    encoding = Encoding("gif")
    if kind == "webp":
        with path.open("rb") as file:
            lossless = b"VP8L" in file.read()
        encoding = Encoding("raw") if lossless else Encoding("webp", "lossy")
    return Film(frames, times, kind, kind, encoding, tuple(notes))


def is_frame(path: Path) -> bool:
    """Whether a file in a folder of frames is one of them, by its name."""
    return path.suffix.lower() in STILLS and not path.name.startswith(".")


def read_folder(path: Path, most_pixels: int) -> Film:
    found = sorted(
        (one for one in path.iterdir() if is_frame(one)),
        key=lambda one: natural(one.name),
    )
    if not found:
        raise BadInput(f"{path}: no PNG or JPEG frames in this folder")
    sizes, kinds, pictures = set(), set(), []
    encoding = Encoding("raw")
    for place, one in enumerate(found):
        if one.exists() and not one.is_file():
            raise BadInput(f"{one}: no regular file")
        try:
            with Image.open(one, formats=["PNG", "JPEG"]) as picture:
                sizes.add(picture.size)
                kinds.add("jpeg" if picture.format == "JPEG" else "png")
                if len(sizes) > 1:
                    raise BadInput(f"{one}: {picture.size[0]} x {picture.size[1]}; the frames before differ")
                width, height = picture.size
                check_size(path, len(found), height, width, most_pixels=most_pixels)
                if picture.mode.startswith("I"):
                    raise BadInput(f"{one}: 16 bits a channel; expected 8")
                if place == 0 and isinstance(picture, JpegImagePlugin.JpegImageFile):
                    tables = tuple(tuple(table) for _, table in sorted(picture.quantization.items()))
                    sampling = JpegImagePlugin.get_sampling(picture)
                    encoding = Encoding("jpeg", "", "tables", math.nan, tables, sampling)
                pictures.append(np.asarray(picture.convert("RGB")))
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
            raise BadInput(f"{one}: not a readable picture ({one.stat().st_size} bytes)") from error
    if len(kinds) > 1:
        raise BadInput(f"{path}: PNG and JPEG frames in one folder")
    return Film(np.stack(pictures), None, "folder", kinds.pop(), encoding)


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts frame_2 before frame_10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((0, int(part)) if part.isascii() and part.isdigit() else (1, part) for part in parts)

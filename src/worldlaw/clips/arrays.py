"""Arrays on disk as films: never unpickled, and looked at by their headers before anything is made."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.clips.film import LEAST_FPS, MOST_FPS, Encoding, Film, Note, check_size, line_of
from worldlaw.core.errors import BadInput

CHANNELS = (1, 3, 4)
MOST_BYTES = 2_000_000_000  # of one array, unpacked in about 10 s; 64 frames of 832 x 480 have 77 MB


def read_array(path: Path, kind: str, most_pixels: int) -> Film:
    fps = math.nan
    if kind == "npy":
        with path.open("rb") as file:
            array = _array(path, "it", file, path.stat().st_size, most_pixels)
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                video = [name for name in names if name not in ("fps",)]
                chosen = "video" if "video" in video else video[0] if len(video) == 1 else None
                if chosen is None:
                    listed = ", ".join(sorted(video)[:5]) or "nothing"
                    raise BadInput(f"{path}: expected an array named video, or a single one; found {listed}")
                with archive.open(names[chosen]) as member:
                    array = _array(path, chosen, member, names[chosen].file_size, most_pixels)
                if "fps" in names:
                    with archive.open(names["fps"]) as member:
                        fps = _number(path, _array(path, "fps", member, names["fps"].file_size, most_pixels))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise BadInput(f"{path}: not a readable npz file: {line_of(error)}") from error
    frames, notes = _as_video(path, array)
    time = np.arange(len(frames)) / fps if math.isfinite(fps) else None
    return Film(frames, time, kind, "raw", Encoding("raw"), tuple(notes))


def _array(path: Path, name: str, file: Any, size: int, most_pixels: int) -> np.ndarray:
    """An array of numbers, once its header says that it is one and no larger than may be."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise BadInput(f"{path}: {name} holds Python objects (a pickle), which are never opened")
    if dtype.kind not in "buif":
        raise BadInput(f"{path}: {name} is {dtype}; expected uint8")
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes <= size and name != "fps":
        check_size(path, *_layout(path, shape)[:3], most_pixels=most_pixels)
    if num_bytes > min(size, MOST_BYTES):
        raise BadInput(f"{path}: {name} declares shape {shape} of {dtype}, more than there is or may be")
    content = file.read(num_bytes)
    if len(content) < num_bytes:
        raise BadInput(f"{path}: {name} breaks off: {len(content)} of {num_bytes} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _layout(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Frames, height, width and channels of an array of some shape, which is looked at before its content."""
    inner = shape[1:] if len(shape) == 5 and shape[0] == 1 else shape
    if len(inner) == 3:
        inner = (*inner, 1)
    elif len(inner) == 4 and inner[-1] not in CHANNELS and inner[1] in CHANNELS:
        inner = (inner[0], *inner[2:], inner[1])
    if len(inner) != 4 or inner[-1] not in CHANNELS:
        raise BadInput(f"{path}: shape {shape!s:.100}; expected (T, H, W, 3)")
    if 0 in inner:
        raise BadInput(f"{path}: shape {shape}, an array of nothing")
    return inner


def _number(path: Path, array: np.ndarray) -> float:
    value = float(array.ravel()[0]) if array.size == 1 else math.nan
    if not LEAST_FPS <= value <= MOST_FPS:
        line = f"expected a number from {LEAST_FPS:g} to {MOST_FPS:,.0f}; found {array!r:.60}"
        raise BadInput(f"{path}: fps: {line}")
    return value


def _as_video(path: Path, array: np.ndarray) -> tuple[np.ndarray, list[Note]]:
    """An array as (T, H, W, 3) uint8, and what was done to make it so."""
    notes: list[Note] = []
    shape = array.shape
    if array.ndim == 5 and shape[0] == 1:
        array, shape = array[0], shape[1:]
        notes.append(("axes", "a batch of one video: its first axis is left out"))
    if array.ndim == 4 and shape[-1] not in CHANNELS:
        array = np.moveaxis(array, 1, -1)
        notes.append(("axes", f"{shape} taken as (T, {shape[1]}, H, W)"))
    elif array.ndim == 3:
        array = array[..., None]
    if array.dtype.kind == "b":
        raise BadInput(f"{path}: true and false; expected uint8")
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise BadInput(f"{path}: {int((~np.isfinite(array)).sum())} values are NaN or infinite")
        low, high = float(array.min()), float(array.max())
        if low < -1e-3 or high > 1 + 1e-3:
            raise BadInput(f"{path}: floats from {low:.3g} to {high:.3g}; expected uint8, or 0 to 1")
        array = np.rint(255 * np.clip(array, 0, 1)).astype(np.uint8)
        notes.append(("floats", "floats in [0, 1] rounded to 8 bits"))
    elif array.dtype != np.uint8:
        if array.min() < 0 or array.max() > 255:
            raise BadInput(f"{path}: {array.dtype} from {array.min()} to {array.max()}; expected uint8")
        notes.append(("integers", f"{array.dtype} taken as uint8"))
        array = array.astype(np.uint8)
    if array.shape[-1] == 1:
        notes.append(("grey", "one channel taken as grey"))
        array = np.repeat(array, 3, axis=-1)
    elif array.shape[-1] == 4:
        notes.append(("alpha", "the fourth channel is left out"))
        array = array[..., :3]
    return np.ascontiguousarray(array), notes

"""Any video file in, frames and their times out; what a file is comes from its first bytes.

Containers are opened as what they are and never guessed further, so that no playlist or reference in a file
makes the decoder open another one; arrays are read without pickle; declared sizes are looked at before
anything of that size is made.
"""

from __future__ import annotations

import struct
import tokenize
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from worldlaw.clips.arrays import read_array
from worldlaw.clips.film import MOST_PIXELS, Encoding, Film, Note, line_of
from worldlaw.clips.pictures import read_folder, read_picture
from worldlaw.clips.streams import read_stream
from worldlaw.core.errors import BadInput

VIDEOS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
PICTURES = (".gif", ".webp")
ARRAYS = (".npz", ".npy")
SUFFIXES = (*VIDEOS, *PICTURES, *ARRAYS)
# What the libraries raise for files whose bytes were changed (tests change some at random).
DAMAGED = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    EOFError,
    IndexError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)

__all__ = ["MOST_PIXELS", "SUFFIXES", "Encoding", "Film", "Note", "read_film"]


def read_film(path: Path, *, most_pixels: int = MOST_PIXELS, least_frames: int = 2) -> Film:
    """Read an mp4, mov, WebM, mkv, avi, GIF, WebP, npz or npy file, or a folder of PNG or JPEG frames.

    Frame times are kept, also where they are uneven; frames that a GIF or WebP shows for a multiple of its
    shortest time are repeated, since writers merge equal ones. A file that breaks off gives the frames before
    that, with a note. Arrays are uint8 (T, H, W, 3), in an npz named ``video`` or the only one, with an
    optional number ``fps``; floats in [0, 1], grey, RGBA and (T, 3, H, W) are taken with a note. The same
    file gives the same frames every time: one thread decodes.
    Raises BadInput in one line for whatever else is found: nothing there, no video in it, fewer frames than
    ``least_frames``, more than ``most_pixels`` in all, Python objects in an array, a missing PyAV.
    """
    path = Path(path)
    if path.is_dir():
        film = read_folder(path, most_pixels)
    elif path.exists() and not path.is_file():
        raise BadInput(f"{path}: no regular file")
    else:
        kind = _kind(path)
        try:
            if kind in ("gif", "webp"):
                film = read_picture(path, kind, most_pixels)
            elif kind in ("npz", "npy"):
                film = read_array(path, kind, most_pixels)
            else:
                film = read_stream(path, kind, most_pixels)
        except BadInput:
            raise
        except MemoryError as error:
            raise BadInput(f"{path}: larger than the memory there is") from error
        except DAMAGED as error:
            size = path.stat().st_size
            raise BadInput(f"{path}: not a readable {kind} video ({size} bytes): {line_of(error)}") from error
    if len(film.frames) < least_frames:
        raise BadInput(f"{path}: {len(film.frames)} frame; a video has at least {least_frames}")
    return film


_MOV = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def _kind(path: Path) -> str:
    """What a file is, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    if not head:
        raise BadInput(f"{path}: empty (0 bytes)")
    if head[4:8] in _MOV:
        return "mp4"
    starts = {b"\x1aE\xdf\xa3": "webm", b"GIF8": "gif", b"PK\x03\x04": "npz", b"\x93NUMPY": "npy"}
    for magic, kind in starts.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return {b"AVI ": "avi", b"WEBP": "webp"}.get(head[8:12], "avi")
    suffix = path.suffix.lower()
    expected = f"expected {', '.join(SUFFIXES)}, or a folder of PNG or JPEG frames"
    if suffix in SUFFIXES:
        size = path.stat().st_size
        raise BadInput(f"{path}: not a readable {suffix[1:]} video ({size} bytes): it does not begin as one")
    raise BadInput(f"{path}: cannot read {suffix or 'a file without a suffix'}; {expected}")

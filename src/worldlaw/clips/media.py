"""Videos written for people and foreign models: mp4, GIF, WebP, film strips; never the data we measure."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from worldlaw.core.artifact import atomic_path
from worldlaw.core.errors import BadInput

MISSING_AV = "mp4 needs PyAV: pip install av"
MP4_QUALITY = 12  # H.264 constant rate factor: 0 is lossless, 18 is called visually lossless
STRIP_FRAMES = 8
LONGEST = {".gif": 655.35, ".webp": 16_777.215}  # s: what the formats have room for
SEPARATOR = 2  # pixels between the pictures of a strip
SEPARATOR_COLOR = 160  # of 255: seen on white and on black


def write_video(path: Path, frames: UInt8[np.ndarray, "T H W 3"], fps: float) -> None:
    """Write a video, atomically, in the format that the suffix names; the same frames give the same bytes.

    .mp4 is H.264 (``encode_mp4``), .gif and .webp repeat for ever, .webp is lossless, .gif is if no frame has
    more than 256 colours, and .png is one picture: ``film_strip``. GIF keeps time in hundredths of a second,
    WebP in thousandths. Raises BadInput for another suffix, and for .mp4 if PyAV is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _ENCODERS:
        raise BadInput(
            f"{path}: cannot write {suffix or 'a file without a suffix'}; expected {', '.join(_ENCODERS)}"
        )
    longest = LONGEST.get(suffix, math.inf)
    if 1 / fps > longest:
        raise BadInput(
            f"{path}: {suffix[1:]} shows a frame for at most {longest:g} s; found {fps:g} frames a second"
        )
    encoded = _ENCODERS[suffix](frames, fps)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def encode_mp4(frames: UInt8[np.ndarray, "T H W 3"], fps: float, *, quality: int = MP4_QUALITY) -> bytes:
    """An mp4 file with H.264 video (yuv420p, BT.601), which every browser and player shows.

    ``quality`` is the constant rate factor; less is better and larger. Colour is stored at half resolution,
    which no setting avoids: edges of coloured bodies move by a fraction of a pixel. H.264 wants even sides:
    an odd height or width gets one more row or column, a copy of the last. Encoded by one thread, so that the
    bytes do not depend on the machine's cores. Raises BadInput if PyAV is not installed.
    """
    av = pyav()
    _, height, width, _ = frames.shape
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        # Without mbtree=0 the bytes of clips of 64 pixels and less differed from call to call: x264's vector
        # code for it seems to read beyond narrow pictures.
        stream.options = {"crf": str(quality), "preset": "medium", "x264-params": "mbtree=0"}
        stream.codec_context.thread_count = 1
        # Said in the file, or players guess the matrix from the size of the picture and shift the colours.
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.SMPTE170M
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        for picture in padded:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        out.mux(stream.encode())
    return buffer.getvalue()


def encode_webp(
    frames: UInt8[np.ndarray, "T H W 3"],
    fps: float,
    *,
    hold: float = 0.0,
    lossless: bool = True,
    effort: int = 6,
) -> bytes:
    """An animated WebP file that repeats for ever; ``hold`` is how many s longer the last frame stays.

    ``effort`` is 0 to 6; more is smaller and slower.
    """
    duration = [round(1000 / fps)] * len(frames)
    duration[-1] += round(1000 * hold)
    return _save(frames, "WEBP", save_all=True, duration=duration, loop=0, lossless=lossless, method=effort)


def film_strip(
    frames: UInt8[np.ndarray, "T H W 3"], *, num_frames: int = STRIP_FRAMES
) -> UInt8[np.ndarray, "H V 3"]:
    """Evenly spaced frames side by side, the first and the last among them, with a thin line between them."""
    count = min(num_frames, len(frames))
    chosen = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
    line = np.full((frames.shape[1], SEPARATOR, 3), SEPARATOR_COLOR, np.uint8)
    parts = [part for picture in chosen for part in (line, picture)]
    return np.concatenate(parts[1:], axis=1)


def _encode_gif(frames: np.ndarray, fps: float) -> bytes:
    return _save(frames, "GIF", save_all=True, duration=1000 / fps, loop=0)


def _encode_png(frames: np.ndarray, fps: float) -> bytes:
    return _save(film_strip(frames)[None], "PNG")


_ENCODERS = {".mp4": encode_mp4, ".gif": _encode_gif, ".webp": encode_webp, ".png": _encode_png}


def _save(frames: np.ndarray, kind: str, **options: Any) -> bytes:
    first, *rest = [Image.fromarray(np.ascontiguousarray(picture)) for picture in frames]
    if rest:
        options["append_images"] = rest
    buffer = io.BytesIO()
    first.save(buffer, kind, **options)
    return buffer.getvalue()


def pyav() -> Any:
    """PyAV. Raises BadInput with the extra to install if it is missing."""
    try:
        import av
        import av.video.reformatter
    except ImportError as error:
        raise BadInput(MISSING_AV) from error
    return av

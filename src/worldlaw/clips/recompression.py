"""Frames passed through a film's own codec: what a perfect answer would have lost on the same way."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from worldlaw.clips.film import Encoding
from worldlaw.clips.media import pyav

ASSUMED = Encoding("h264", "yuv420p", "crf", 23.0)  # what most tools write unless told otherwise
WEBP_QUALITY = 80  # the libraries' own default
# Codec -> encoder and options: one thread, so that the bytes do not depend on the machine's cores.
_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "medium", "x264-params": "mbtree=0"}),  # mbtree: see media.encode_mp4
    "hevc": ("libx265", {"preset": "fast", "x265-params": "log-level=none:pools=none:frame-threads=1"}),
    "vp8": ("libvpx", {"deadline": "good", "cpu-used": "4"}),
    "vp9": ("libvpx-vp9", {"deadline": "good", "cpu-used": "5"}),
    "av1": ("libsvtav1", {"preset": "8", "svtav1-params": "lp=1"}),
    "mpeg4": ("mpeg4", {}),
    "mjpeg": ("mjpeg", {}),
}


def recompress(
    frames: UInt8[np.ndarray, "T H W 3"], encoding: Encoding, fps: float
) -> tuple[UInt8[np.ndarray, "T H W 3"], str]:
    """The frames encoded as a film was and decoded again, and in a few words how.

    ``fps`` is used where the film's file does not say a rate; x264's settings are those in the file. Where it
    does not tell how strongly it was compressed, as many bits are spent on a frame as the file has; WebP is
    taken at quality 80, GIF at 256 colours a frame; a codec that cannot be written here is stood in for by
    H.264 at crf 23. Sides are padded to even ones where the codec wants it, and cut again.
    Raises BadInput if PyAV is not installed and needed.
    """
    if encoding.codec == "raw":
        return frames, "lossless"
    if encoding.codec == "jpeg":
        options = {
            "qtables": [list(table) for table in encoding.tables],
            "subsampling": max(encoding.sampling, 0),
        }
        return _each(frames, "JPEG", options), "jpeg, the first frame's tables"
    if encoding.codec == "webp":
        return _each(frames, "WEBP", {"quality": WEBP_QUALITY}), f"webp quality {WEBP_QUALITY} (assumed)"
    if encoding.codec == "gif":
        few = [Image.fromarray(frame).convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
        return np.stack([np.asarray(frame.convert("RGB")) for frame in few]), "gif, 256 colours (assumed)"
    if encoding.codec in _ENCODERS:
        if not encoding.control:
            encoding = dataclasses.replace(encoding, control=ASSUMED.control, amount=ASSUMED.amount)
        # An encoder may be missing, or refuse a size.
        with contextlib.suppress(pyav().FFmpegError):
            return _through(frames, encoding, fps), str(encoding)
    through = _through(frames, ASSUMED, fps)
    return through, f"{ASSUMED} (assumed: {encoding.codec} cannot be written here)"


def _each(frames: np.ndarray, kind: str, options: Mapping[str, object]) -> np.ndarray:
    out = np.empty_like(frames)
    for t, frame in enumerate(frames):
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, kind, **options)
        with Image.open(buffer, formats=[kind]) as picture:
            out[t] = np.asarray(picture.convert("RGB"))
    return out


def _through(frames: np.ndarray, encoding: Encoding, fps: float) -> np.ndarray:
    """Encode and decode in memory."""
    av = pyav()
    _, height, width, _ = frames.shape
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    name, options = _ENCODERS[encoding.codec]
    rate = Fraction(min(max(encoding.fps or fps, 0.01), 1e4)).limit_denominator(1001)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream(name, rate=rate)
        known = {one.name for one in stream.codec_context.codec.video_formats or ()}
        stream.width, stream.height = padded.shape[2], padded.shape[1]
        stream.pix_fmt = encoding.pixels if encoding.pixels in known else sorted(known, key=_plainest)[0]
        context = stream.codec_context
        context.thread_count = 1
        if encoding.control == "bits":
            context.bit_rate = max(1000, round(encoding.amount * rate))
            stream.options = dict(options)
        else:
            told = {"x264-params": told_settings(encoding.settings)} if encoding.settings else {}
            if " analyse=0:0 " in encoding.settings:
                told["preset"] = "ultrafast"  # the only one without partitions, which no parameter says
            stream.options = {**options, **told, encoding.control: f"{encoding.amount:g}"}
        context.colorspace = av.video.reformatter.Colorspace.SMPTE170M
        full = encoding.codec == "mjpeg" or stream.pix_fmt.startswith("yuvj")
        ranges = av.video.reformatter.ColorRange
        context.color_range = ranges.JPEG if full else ranges.MPEG
        for picture in padded:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        out.mux(stream.encode())
    buffer.seek(0)
    result = np.empty_like(frames)
    reformatter = av.video.reformatter.VideoReformatter()
    with av.open(buffer, "r", format="matroska") as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_count, stream.codec_context.thread_type = 1, "NONE"
        for t, frame in enumerate(source.decode(stream)):
            result[t] = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()[:height, :width]
    return result


# What x264 writes into files -> what it wants to be told.
_SETTINGS = {
    "ref": "ref",
    "me": "me",
    "subme": "subme",
    "me_range": "merange",
    "mixed_ref": "mixed-refs",
    "chroma_me": "chroma-me",
    "trellis": "trellis",
    "8x8dct": "8x8dct",
    "fast_pskip": "fast-pskip",
    "cabac": "cabac",
    "nr": "nr",
    "decimate": "dct-decimate",
    "bframes": "bframes",
    "b_pyramid": "b-pyramid",
    "b_adapt": "b-adapt",
    "b_bias": "b-bias",
    "weightb": "weightb",
    "weightp": "weightp",
    "keyint": "keyint",
    "keyint_min": "min-keyint",
    "scenecut": "scenecut",
    "rc_lookahead": "rc-lookahead",
    "mbtree": "mbtree",
    "qcomp": "qcomp",
    "qpmin": "qpmin",
    "qpmax": "qpmax",
    "qpstep": "qpstep",
    "ip_ratio": "ipratio",
    "pb_ratio": "pbratio",
}
_DIRECT = {"0": "none", "1": "spatial", "2": "temporal", "3": "auto"}
_PARTITIONS = {"i4x4": 0x1, "i8x8": 0x2, "p8x8": 0x10, "p4x4": 0x20, "b8x8": 0x100}
# x264's AVX code of mbtree seems to read beyond pictures: its bytes differ from call to call, often where the
# picture is narrow. Its SSE code's did not, in 25 calls at each of nine sizes.
STEADY = "sse4.2"


def told_settings(settings: str) -> str:
    """Parameters that make x264 encode with the settings that it wrote into a file.

    Settings not known here, or that are no plain numbers or words, are left to x264.
    """
    said = dict(part.partition("=")[::2] for part in settings.split())
    told = {
        name: said[key]
        for key, name in _SETTINGS.items()
        if re.fullmatch(r"-?\w+(\.\d+)?", said.get(key, ""))
    }
    if told.get("keyint") == "infinite":
        told["keyint"] = "1000"
    if said.get("direct") in _DIRECT:
        told["direct"] = _DIRECT[said["direct"]]
    if found := re.fullmatch(r"[0-9a-fx]{1,6}:(0|0x[0-9a-f]{1,4})", said.get("analyse", "")):
        chosen = [name for name, bit in _PARTITIONS.items() if int(found[1], 16) & bit]
        told["partitions"] = ",".join(chosen) or "none"
    if re.fullmatch(r"\d+(:\d+\.\d+)?", said.get("aq", "")):
        told |= dict(zip(("aq-mode", "aq-strength"), said["aq"].split(":"), strict=False))
    if re.fullmatch(r"-?\d+\.\d+:-?\d+\.\d+", said.get("psy_rd", "")):
        told["psy-rd"] = said["psy_rd"].replace(":", ",")
    if re.fullmatch(r"[01]:-?\d+:-?\d+", said.get("deblock", "")):
        on, *strengths = said["deblock"].split(":")
        told |= {"deblock": ",".join(strengths)} if on == "1" else {"no-deblock": "1"}
    if told.get("mbtree") == "1":
        told["asm"] = STEADY
    return ":".join(f"{name}={value}" for name, value in told.items())


def _plainest(pixels: str) -> tuple[bool, bool, str]:
    return pixels != "yuv420p", not pixels.endswith("420p"), pixels

"""Truth, prediction and nearest training clip as film strips, moved by the page's CSS.

A strip holds all frames of a clip in one picture. It is several times smaller than an animated picture, all
strips of a page run in step, and they can be paused, stepped through, and left still for readers who ask
for less motion.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from worldlaw.core.types import Trajectory

BUDGET = 4_200_000  # bytes of all strips of a page, as base64
OUTLINE_ROWS = 128  # outlines are drawn on frames of at least so many rows
MAX_SIDE = 16_000  # pixels; the format ends at 16,383
DIM = 0.72  # how far towards the background the truth is dimmed under an outline


@dataclass(frozen=True)
class Example:
    """One clip, a predictor beside the truth."""

    true_video: UInt8[np.ndarray, "T H W 3"]
    shown_video: UInt8[np.ndarray, "T H W 3"] | None  # the generated video; None for a predictor on states
    truth: Trajectory
    tracked: Trajectory  # what was measured in the rollout, or predicted
    context: int  # K, the number of frames that were given
    extent: tuple[float, float] = (10.0, 10.0)  # m, width and height of the view
    # Index, and video, of the training clip nearest in motion; None where there is none to show.
    training_clip: int | None = None
    training_video: UInt8[np.ndarray, "T H W 3"] | None = None


@dataclass(frozen=True)
class FilmStrips:
    """One clip as two or three strips, frames from top to bottom."""

    truth: str  # data URI
    shown: str  # data URI
    num_frames: int
    context: int
    seconds: float  # length of the clip
    aspect: float  # width over height of a frame
    training: str | None = None  # data URI of the nearest training clip
    training_clip: int | None = None


def film(example: Example, allowance: int, *, lossless: bool = True) -> FilmStrips | None:
    """The strips of an example in at most ``allowance`` bytes; None if that cannot be done.

    Lossless if that fits and is wanted (grain takes long), then lossy, then smaller.
    """
    shown = example.shown_video if example.shown_video is not None else outline_frames(example)
    truth = example.true_video
    if shown.shape[0] != truth.shape[0]:
        raise ValueError(f"expected a rollout of {truth.shape[0]} frames; found {shown.shape[0]}")
    videos = [truth, shown]
    if example.training_video is not None:
        videos.append(example.training_video)
    encoded = [strip(video, allowance // len(videos), lossless=lossless) for video in videos]
    if any(uri is None for uri in encoded):
        return None
    num_frames, height, width, _ = truth.shape
    return FilmStrips(
        truth=str(encoded[0]),
        shown=str(encoded[1]),
        num_frames=num_frames,
        context=example.context,
        seconds=num_frames * example.truth.dt,
        aspect=width / height,
        training=encoded[2] if len(encoded) > 2 else None,
        training_clip=example.training_clip if len(encoded) > 2 else None,
    )


def outline_frames(example: Example) -> UInt8[np.ndarray, "T H W 3"]:
    """The truth, dimmed, with a ring where each body was predicted to be, for those that draw no pixels."""
    video = example.true_video
    scale = max(1, -(-OUTLINE_ROWS // video.shape[1]))
    video = video.repeat(scale, axis=1).repeat(scale, axis=2).astype(np.float32)
    background = np.median(video[0].reshape(-1, 3), axis=0)
    canvas = background + (1 - DIM) * (video - background)
    ink = np.zeros(3) if background.mean() > 127 else np.full(3, 255.0)
    _, height, width, _ = canvas.shape
    coverage = ring_coverage(example.tracked, height, width, example.extent)
    canvas += coverage[..., None] * (ink.astype(np.float32) - canvas)
    return np.rint(canvas).astype(np.uint8)


def ring_coverage(tracked: Trajectory, height: int, width: int, extent: tuple[float, float]) -> np.ndarray:
    """(T, H, W) share of each pixel covered by rings, 2 px thick, around the bodies that have a position."""
    pixels_per_metre = height / extent[1]
    column = (np.arange(width) + 0.5).astype(np.float32)
    row = (np.arange(height) + 0.5).astype(np.float32)
    coverage = np.zeros((tracked.num_frames, height, width), np.float32)
    for body in range(tracked.num_bodies):
        size = tracked.size[:, body]
        known = size[np.isfinite(size)]
        size = np.where(np.isfinite(size), size, np.median(known) if len(known) else 0.3)
        for frame in np.flatnonzero(np.isfinite(tracked.position[:, body]).all(axis=-1)):
            x, y = tracked.position[frame, body] * pixels_per_metre
            distance = np.hypot(column - x, (row - (height - y))[:, None])
            radius = max(size[frame] * pixels_per_metre - 1, 2.0)
            np.maximum(coverage[frame], np.clip(1.5 - np.abs(distance - radius), 0, 1), out=coverage[frame])
    return coverage


def strip(video: UInt8[np.ndarray, "T H W 3"], allowance: int, *, lossless: bool = True) -> str | None:
    """All frames from top to bottom as a data URI of at most ``allowance`` bytes; None if that cannot be."""
    from PIL import Image

    num_frames, height, width, _ = video.shape
    image = Image.fromarray(np.ascontiguousarray(video).reshape(num_frames * height, width, 3))
    options: Sequence[dict[str, object]] = (
        {"lossless": True, "quality": 50, "method": 2},
        {"quality": 75, "method": 2},
        {"quality": 40, "method": 2},
    )
    for shrink in (1, 2, 4, 8):
        size = (max(1, width // shrink), num_frames * max(1, height // shrink))
        if max(size) > MAX_SIDE:
            continue
        smaller = image if shrink == 1 else _shrunk(video, shrink)
        for option in options if lossless else options[1:]:
            buffer = io.BytesIO()
            smaller.save(buffer, "WEBP", **option)
            uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
            if len(uri) <= allowance:
                return uri
    return None


def _shrunk(video: np.ndarray, shrink: int):  # type: ignore[no-untyped-def]
    """Means over blocks within each frame, so that no frame bleeds into the next."""
    from PIL import Image

    num_frames, height, width, _ = video.shape
    rows, columns = max(1, height // shrink), max(1, width // shrink)
    cut = video[:, : rows * shrink, : columns * shrink]
    blocks = cut.reshape(num_frames, rows, cut.shape[1] // rows, columns, cut.shape[2] // columns, 3)
    mean = np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return Image.fromarray(mean.reshape(num_frames * rows, columns, 3))

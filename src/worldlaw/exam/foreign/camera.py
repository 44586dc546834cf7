"""Did the camera move? If it did, a later frame, shifted, fits the first better than it does as it is."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

SEARCHED = 60  # rows of the picture that is looked at, about
FARTHEST = 10  # of its pixels that a shift may be, either way
LEAST = 1.5  # pixels of it: less is not told from none
BETTER = 0.8  # of the difference left without a shift: what may be left with it
CHANGED = 0.4  # levels of difference that are more than noise
SHARE = 0.45  # of the picture that has to agree: the rest may be things
DETAIL = 1.4  # pixels of it: coarser changes are light


def moved(video: UInt8[np.ndarray, "T H W 3"]) -> bool:
    """Whether the scene as a whole is elsewhere a third through, at two thirds or at the end than at first.

    A camera that turns or zooms about the middle is not noticed, nor one before a backdrop of one colour.
    """
    times = sorted({len(video) // 3, 2 * len(video) // 3, len(video) - 1} - {0})
    factor = max(1, round(min(video.shape[1:3]) / SEARCHED))
    first = _detail(video[0], factor)
    return any(_shifted(first, _detail(video[t], factor)) for t in times)


def _detail(frame: np.ndarray, factor: int) -> np.ndarray:
    """A frame in grey, shrunk, without what changes slowly across it."""
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    grey = frame[: height * factor, : width * factor].mean(axis=-1, dtype=np.float32)
    small = grey.reshape(height, factor, width, factor).mean(axis=(1, 3))
    small = ndimage.gaussian_filter(small, 0.7)
    return small - ndimage.gaussian_filter(small, DETAIL)


def _shifted(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the second picture is the first, shifted."""
    reach = min(FARTHEST, min(first.shape) // 4)
    inner = first[reach:-reach, reach:-reach]
    kept = int(SHARE * inner.size)
    rows, columns = inner.shape
    best, at, still = np.inf, (0, 0), np.inf
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            piece = second[reach + down : reach + down + rows, reach + right : reach + right + columns]
            left = float(np.partition(np.abs(piece - inner), kept, axis=None)[:kept].mean())
            if left < best:
                best, at = left, (down, right)
            if down == right == 0:
                still = left
    return bool(np.hypot(*at) >= LEAST and still > CHANGED and best < BETTER * still)

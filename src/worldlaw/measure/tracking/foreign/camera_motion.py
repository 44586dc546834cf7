"""Did the camera move, or was the picture cut? A later frame, shifted, then fits an earlier one better."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from worldlaw.measure.tracking.foreign.backdrop import Backdrop

SEARCHED = 60  # rows of the picture that is looked at, about
FARTHEST = 10  # of its pixels that a shift may be, either way
LEAST = 1.5  # pixels of it: less is not told from none
BETTER = 0.8  # of the difference left without a shift: what may be left with it
CHANGED = 0.4  # levels of difference that are more than noise
FEWEST = 12  # rows or columns of it that can be compared
SHARE = 0.45  # of the picture that has to agree: the rest may be things
DETAIL = 1.4  # pixels of it: coarser changes are light
GAPS = (1, 2, 4)  # frames between two that are compared closely
PLACES = 4  # in the video at which that is done
OTHER_SCENE = 10.0  # levels, over the channels, by which a pixel of another scene differs
MOST_PIXELS = 0.6  # of the picture that differ across a cut
FEW_PIXELS = 0.3  # that differ from frame to frame otherwise


def camera_moved(video: UInt8[np.ndarray, "T H W 3"]) -> bool:
    """Whether the scene as a whole is elsewhere in some frame than in another, or nearer or farther.

    The first frame is compared with those a third through, at two thirds and at the end, and frames with
    those 1, 2 and 4 later. A camera before a backdrop of one colour is not noticed, nor one that turns.
    """
    last = len(video) - 1
    far = sorted({(0, t) for t in (len(video) // 3, 2 * len(video) // 3, last) if t > 0})
    starts = np.linspace(0, max(last - GAPS[-1], 0), PLACES).round().astype(int)
    near = sorted({(int(t), int(t) + gap) for t in starts for gap in GAPS if t + gap <= last} - set(far))
    factor = max(1, round(min(video.shape[1:3]) / SEARCHED))
    detail = {t: _detail(video[t], factor) for t in sorted({t for pair in far + near for t in pair})}
    if any(_shifted(detail[a], detail[b]) for a, b in far):
        return True
    if any(_changed(detail[a], detail[b]) and _shifted(detail[a], detail[b]) for a, b in near):
        return True
    return any(_zoomed(detail[a], detail[b]) for a, b in far)


def cut_at(video: UInt8[np.ndarray, "T H W 3"], backdrop: Backdrop) -> int | None:
    """The first frame of another scene; None if there is but one.

    Most of the picture differs from the frame before, whatever the light, and little does between the two
    frames before and the two after: so two frames are needed on either side.
    """
    dark = np.zeros(len(video), bool) if backdrop.dark is None else backdrop.dark
    shown = np.flatnonzero(~dark)
    if len(shown) < 4:
        return None
    grid = max(1, round(min(video.shape[1:3]) / SEARCHED))
    height, width = video.shape[1] // grid, video.shape[2] // grid

    def shrunk(frame: np.ndarray) -> np.ndarray:
        blocks = frame[: height * grid, : width * grid].reshape(height, grid, width, grid, 3)
        return blocks.mean(axis=(1, 3), dtype=np.float32)

    small = np.stack([shrunk(video[t]) for t in shown])
    change = np.array([_unlike(a, b) for a, b in itertools.pairwise(small)])  # (shown - 1,)
    for k in range(1, len(change) - 1):
        quiet = max(change[k - 1], change[k + 1]) < FEW_PIXELS
        if change[k] > MOST_PIXELS and quiet and _unlike(small[k - 1], small[k + 2]) > MOST_PIXELS:
            return int(shown[k + 1])
    return None


def _unlike(first: np.ndarray, second: np.ndarray) -> float:
    """The share of pixels that differ between two frames, in the same light."""
    light = np.median((second + 1) / (first + 1), axis=(0, 1))
    return float((np.linalg.norm(second - first * light, axis=-1) > OTHER_SCENE).mean())


def _detail(frame: np.ndarray, factor: int) -> np.ndarray:
    """A frame in grey, shrunk, without what changes slowly across it."""
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    grey = frame[: height * factor, : width * factor].mean(axis=-1, dtype=np.float32)
    small = grey.reshape(height, factor, width, factor).mean(axis=(1, 3))
    small = ndimage.gaussian_filter(small, 0.7)
    return small - ndimage.gaussian_filter(small, DETAIL)


def _shifted(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the second picture is the first, shifted."""
    shift = _shift(first, second)
    return shift is not None and bool(np.hypot(*shift) >= LEAST)


def _zoomed(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the quarters of a picture went apart from the middle, all of them, or towards it."""
    ways = []
    for (down, right), at in _quarters(first.shape):
        shift = _shift(first[at], second[at])
        if shift is None:
            return False
        ways.append((shift[0] * down, shift[1] * right))
    outward = np.array(ways)  # (4, 2)
    return bool((outward >= 1).all() or (outward <= -1).all())


def _changed(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether most of at least three quarters of a picture changed: a large thing changes fewer."""
    count = 0
    for _, at in _quarters(first.shape):
        change = np.abs(second[at] - first[at]).ravel()
        kept = int(SHARE * change.size)
        count += float(np.partition(change, kept)[:kept].mean()) > CHANGED
    return count >= 3


def _quarters(shape: tuple[int, ...]) -> list[tuple[tuple[int, int], tuple[slice, slice]]]:
    """Which way, down and right, each quarter of a picture lies, and where."""
    halves = [[(-1, slice(0, side // 2)), (1, slice(side // 2, side))] for side in shape]
    return [((down, right), (rows, columns)) for (down, rows), (right, columns) in itertools.product(*halves)]


def _shift(first: np.ndarray, second: np.ndarray) -> tuple[int, int] | None:
    """By how much down and right the second picture is the first, shifted; None if it is not."""
    reach = min(FARTHEST, min(first.shape) // 4)
    inner = first[reach:-reach, reach:-reach]
    kept = int(SHARE * inner.size)
    rows, columns = inner.shape
    if min(rows, columns) < FEWEST:
        return None

    def left(down: int, right: int) -> float:
        piece = second[reach + down : reach + down + rows, reach + right : reach + right + columns]
        return float(np.partition(np.abs(piece - inner), kept, axis=None)[:kept].mean())

    still = left(0, 0)
    if still <= CHANGED:
        return None
    ways = range(-reach, reach + 1)
    best, at = min((left(*shift), shift) for shift in itertools.product(ways, ways))
    return at if best < BETTER * still else None

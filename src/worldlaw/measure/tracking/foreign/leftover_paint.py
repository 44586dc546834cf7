"""Paint that belongs to no thing found: another thing, one that went astray, or a speck of the backdrop."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from worldlaw.measure.tracking.foreign import foreign_kernels
from worldlaw.measure.tracking.foreign.backdrop import Backdrop
from worldlaw.measure.tracking.foreign.thing_finder import COARSE
from worldlaw.measure.tracking.foreign.thing_fit import Fit, Frame, block_thing
from worldlaw.measure.tracking.foreign.things import Things

STEP = 16.0  # levels from the backdrop at which paint belongs to something
ROOTED = 0.8  # share of paint left over that is as it always was, if it is but a speck of the backdrop
SMALLEST = 0.15  # of the area of the smallest thing: what is less is no extra thing

Piece = tuple[np.ndarray, float, np.ndarray, bool]  # middle (2,) px, area px², mean colour, always there


def leftover_pieces(
    frame: Frame, fits: list[Fit | None], things: Things, backdrop: Backdrop, rooted: np.ndarray
) -> list[Piece]:
    """Paint that belongs to no thing found."""
    height, width, _ = frame.pixels.shape
    factor = shrink_factor(frame.pixels.shape)
    away = np.empty((height // factor, width // factor), np.float32)
    foreign_kernels.unlike_ground(frame.pixels, frame.gain, backdrop.picture, factor, backdrop.shade, away)
    step = max(STEP, 4 * backdrop.noise / factor)
    paint = ndimage.uniform_filter(away, 3) > step
    for b, fit in enumerate(fits):
        if fit is not None:
            grown = np.zeros(away.shape)
            margin = max(2.5, 0.15 * things.radius[b]) / factor
            block_thing(grown, 0, 0, things, b, fit.place, fit.angle, fit.scale, margin, factor)
            paint &= grown == 0
    labels, count = ndimage.label(paint)
    if not count:
        return []
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    least = max(SMALLEST * math.pi * float(things.radius.min()) ** 2 / factor**2, 9.0)
    pieces = []
    always_so = rooted & _as_standing(frame, backdrop) if rooted.size else None
    places = ndimage.find_objects(labels)
    for k in np.flatnonzero(area >= least):
        place = places[k]
        inside = labels[place] == k + 1
        # A thin rim is what the outline of a thing left over.
        if ndimage.binary_erosion(inside, np.ones((3, 3))).sum() < 0.2 * inside.sum():
            continue
        y, x = np.nonzero(inside)
        middle = np.array([x.mean() + place[1].start, y.mean() + place[0].start]) + 0.5
        at = (
            np.clip((y + place[0].start) * factor + factor // 2, 0, height - 1),
            np.clip((x + place[1].start) * factor + factor // 2, 0, width - 1),
        )
        color = np.median(frame.pixels[at] / frame.gain, axis=0)
        always = always_so is not None and bool(always_so[place][inside].mean() > ROOTED)
        pieces.append((middle * factor, float(area[k]) * factor**2, color, always))
    return pieces


def rooted_paint(video: np.ndarray, things: Things, backdrop: Backdrop) -> np.ndarray:
    """Of the shrunken picture: what was there from the first, or a thing stood before it then."""
    start = backdrop.start
    if backdrop.standing is None:
        return np.zeros((0, 0), bool)
    rooted = _as_standing(Frame(video[start], backdrop.gain[start]), backdrop)
    factor = shrink_factor(video.shape[1:])
    for b in np.flatnonzero(things.frame <= start).tolist():
        margin = (0.4 * things.radius[b] + 4) / factor
        covered = np.zeros(rooted.shape)
        block_thing(covered, 0, 0, things, b, things.position[b], 0.0, 1.0, margin, factor)
        rooted |= covered != 0
    return rooted


def _as_standing(frame: Frame, backdrop: Backdrop) -> np.ndarray:
    """Where a frame, shrunken, is as the median of all."""
    factor = shrink_factor(frame.pixels.shape)
    away = np.empty((frame.pixels.shape[0] // factor, frame.pixels.shape[1] // factor), np.float32)
    foreign_kernels.unlike_ground(frame.pixels, frame.gain, backdrop.standing, factor, 1.0, away)
    return ndimage.uniform_filter(away, 3) < max(STEP, 4 * backdrop.noise / factor)


def shrink_factor(shape: tuple[int, ...]) -> int:
    """How many times smaller in each direction the picture is in which paint is looked for."""
    return max(1, round(min(shape[:2]) / COARSE))

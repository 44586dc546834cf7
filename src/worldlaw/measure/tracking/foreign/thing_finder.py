"""(first frames) -> things: what stands out from its surroundings, or moves, or was pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from worldlaw.core.errors import BadInput
from worldlaw.measure.tracking.foreign import foreign_kernels
from worldlaw.measure.tracking.foreign.backdrop import (
    LEAST_FRAMES,
    Backdrop,
    inpaint,
    read_backdrop,
    without,
)
from worldlaw.measure.tracking.foreign.thing_view import (
    LEAST_STEP,
    ThingLook,
    has_edge,
    look_at,
    paints_of,
    things_of,
)
from worldlaw.measure.tracking.foreign.things import Piece, Things

COARSE = 144  # rows at which a picture is searched
STANDS_OUT, ADJOINS = 6.0, 3.5  # distance from the surroundings, in their own spread
PLAIN = 4.0  # levels by which a backdrop of one colour varies
SHARP = 0.3  # share of its depth by which a drawn edge changes in a px; a shadow's is softer
LEAST_PART = 0.2  # of what moved of a seed that lies well within it: less is a rim
OTHER = 45.0  # levels between the colours of a thing and those of furniture that it touches
LEAST_RADIUS = 2.0  # px of the searched picture


Rows = Sequence[Sequence] | None


def describe(frames: UInt8[np.ndarray, "K H W 3"], *, boxes: Rows = None, points: Rows = None) -> Things:
    """What things the first frame that is not black shows, the largest first; all frames tell what moves.

    ``boxes`` (rows of frame, left, top, width, height, name; px) or ``points`` (frame, x, y, name), the name
    optional, say where they are instead, in their order. Raises BadInput if there is nothing to see.
    """
    things, _ = find(frames, read_backdrop(frames), boxes=boxes, points=points)
    return things


def find(
    frames: np.ndarray, backdrop: Backdrop, *, boxes: Rows = None, points: Rows = None
) -> tuple[Things, Backdrop]:
    """The things of the first frame, or those pointed at, and the backdrop without them."""
    start = backdrop.start
    first = frames[start]
    height, width, _ = first.shape
    if len(frames) < LEAST_FRAMES:
        backdrop = replace(backdrop, picture=(first / backdrop.gain[start]).astype(np.float32))
    suspect, moved = _suspect(first, backdrop)
    pointed = pointed_at(boxes, points, len(frames), (height, width))
    for seed in pointed:
        suspect |= ndimage.binary_dilation(seed.area, iterations=2)
    guess = inpaint(backdrop.picture, suspect)
    if _drawn(first, replace(backdrop, picture=guess), suspect):
        backdrop = replace(backdrop, shade=1.0)
    seeds = pointed
    if not pointed:
        seeds = _standing_out(first, replace(backdrop, picture=guess), suspect)
        seeds, furniture = _parted(first, backdrop, seeds, moved)
        suspect &= ~furniture
    paints = []
    for seed in seeds:
        radius = np.sqrt(seed.area.sum() / np.pi)
        core = ndimage.binary_erosion(seed.area, iterations=max(1, round(0.2 * radius)))
        picture = frames[seed.frame] / backdrop.gain[seed.frame]
        paints.append(paints_of(picture, core if core.any() else seed.area))
    if seeds and len(frames) >= LEAST_FRAMES:
        backdrop = without(frames, backdrop, suspect, np.concatenate(paints))
    else:
        backdrop = replace(backdrop, picture=guess)
    looks = []
    for seed, paint in zip(seeds, paints, strict=True):
        frame, gain = frames[seed.frame], backdrop.gain[seed.frame]
        look = look_at(frame, gain, backdrop, seed.area, paint)
        share = float(moved[seed.area].mean())
        if look is not None and (pointed or has_edge(frame / gain, look, backdrop.noise, share)):
            looks.append(replace(look, frame=seed.frame, name=seed.name))
        elif pointed:
            raise BadInput(f"{seed.name}: nothing there stands out from its surroundings")
    if not looks:
        raise BadInput("the first frame shows nothing that stands out, so there is nothing to follow")
    if not pointed:
        looks.sort(key=lambda look: (-look.radius, tuple(look.position)))
        looks = [look for k, look in enumerate(looks) if not any(_holds(one, look) for one in looks[:k])]
    return things_of(looks), backdrop


def _holds(one: ThingLook, other: ThingLook) -> bool:
    """Whether another look is but a part of one."""
    return bool(np.linalg.norm(one.position - other.position) < 0.7 * one.radius)


@dataclass(frozen=True)
class Seed:
    """Where a thing is, roughly."""

    area: Bool[np.ndarray, "H W"]
    frame: int = 0
    name: str = ""


def pointed_at(boxes: Rows, points: Rows, num_frames: int, shape: tuple[int, int]) -> list[Seed]:
    """What hints point at. Raises BadInput for a row that does not fit the video."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    seeds = []
    for kind, given, count in (("box", boxes, 5), ("point", points, 3)):
        for k, row in enumerate(given or ()):
            who = str(row[count]) if len(row) > count else f"{kind} {k}"
            numbers = [value for value in row[:count] if isinstance(value, int | float)]
            if len(numbers) < count or len(row) > count + 1 or not np.isfinite(numbers).all():
                expected = "frame, left, top, width, height" if kind == "box" else "frame, x, y"
                raise BadInput(f"{who}: expected {expected} and perhaps a name; found {list(row)}")
            frame, x, y, *size = numbers
            if frame != int(frame) or not 0 <= frame < num_frames:
                raise BadInput(f"{who}: frame {frame} is not within 0 to {num_frames - 1}")
            half = [side / 2 for side in size] or [max(shape[0] / 50, 2.0)] * 2
            if size:
                x, y = x + half[0], y + half[1]
            area = ((columns - x) / max(half[0], 0.5)) ** 2 + ((rows - y) / max(half[1], 0.5)) ** 2 < 1
            if not area.any() or min(half) <= 0:
                raise BadInput(f"{who}: lies outside the picture of {shape[1]} x {shape[0]}")
            seeds.append(Seed(area, int(frame), who))
    return seeds


def _suspect(first: np.ndarray, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool: where the first frame stands out or is not as usual, and where it is not as usual."""
    height, width, _ = first.shape
    factor = max(1, round(min(height, width) / COARSE))
    gain = backdrop.gain[backdrop.start]
    small = _shrunk(first / gain, factor)
    suspect = _grown(_outstanding(ndimage.gaussian_filter(small, (0.8, 0.8, 0))), STANDS_OUT, ADJOINS)
    change = np.zeros(suspect.shape, np.float32)
    foreign_kernels.unlike_ground(first, gain, backdrop.picture, factor, 1.0, change)
    step = max(LEAST_STEP, 4 * backdrop.noise / factor)
    moved = _grown(ndimage.uniform_filter(change, 3), 1.5 * step, step)
    suspect = ndimage.binary_dilation(suspect | moved, iterations=2)
    return _enlarged(suspect, factor, (height, width)), _enlarged(moved, factor, (height, width))


def _drawn(first: np.ndarray, backdrop: Backdrop, suspect: np.ndarray) -> bool:
    """Whether something that could be a shadow by its colour has an edge that no shadow has."""
    rest = backdrop.picture[~suspect][::7]
    if not len(rest) or np.quantile(np.abs(rest - np.median(rest, axis=0)), 0.9) > PLAIN:
        return False  # light from somewhere
    gain = backdrop.gain[backdrop.start]
    away = np.zeros((2, *suspect.shape), np.float32)
    foreign_kernels.unlike_ground(first, gain, backdrop.picture, 1, backdrop.shade, away[0])
    foreign_kernels.unlike_ground(first, gain, backdrop.picture, 1, 1.0, away[1])
    step = max(LEAST_STEP, 4 * backdrop.noise)
    surely = ndimage.binary_dilation(ndimage.uniform_filter(away[0], 3) > step, iterations=3)
    perhaps = (ndimage.uniform_filter(away[1], 3) > 1.5 * step) & suspect & ~surely
    labels, _ = ndimage.label(perhaps)
    bright = ndimage.gaussian_filter((first / gain).mean(axis=-1), 0.7)
    slope = np.hypot(ndimage.sobel(bright, 0), ndimage.sobel(bright, 1)) / 8  # levels per px
    for k, place in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[place] == k
        if inside.sum() < np.pi * (2 * LEAST_RADIUS) ** 2:
            continue
        depth = float(np.median(away[1][place][inside])) / np.sqrt(3)
        around = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in place)
        part = labels[around] == k
        rim = ndimage.binary_dilation(part, iterations=2) & ~ndimage.binary_erosion(part) & ~surely[around]
        if rim.sum() > 12 and np.quantile(slope[around][rim], 0.75) > SHARP * depth:
            return True
    return False


def _standing_out(first: np.ndarray, backdrop: Backdrop, suspect: np.ndarray) -> list[Seed]:
    """What of the suspect pixels is unlike the backdrop, piece by piece."""
    height, width, _ = first.shape
    factor = max(1, round(min(height, width) / COARSE))
    away = np.zeros((height // factor, width // factor), np.float32)
    gain = backdrop.gain[backdrop.start]
    foreign_kernels.unlike_ground(first, gain, backdrop.picture, factor, backdrop.shade, away)
    step = max(LEAST_STEP, 4 * backdrop.noise / factor)
    found = _enlarged(ndimage.uniform_filter(away, 3) > step, factor, (height, width)) & suspect
    labels, _ = ndimage.label(found)
    seeds = []
    for k, place in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[place] == k
        if inside.sum() >= np.pi * (LEAST_RADIUS * factor) ** 2:
            area = np.zeros((height, width), bool)
            area[place] = inside
            seeds.append(Seed(area, backdrop.start))
    return seeds


def _parted(
    first: np.ndarray, backdrop: Backdrop, seeds: list[Seed], moved: np.ndarray
) -> tuple[list[Seed], np.ndarray]:
    """Seeds without the furniture that they touch, and (H, W) bool where that is.

    What of a seed stays as it is in the first frame, is of other colours than the rest and reaches the edge
    of the picture, as a table that a ball rolls on, is furniture.
    """
    gain = backdrop.gain[backdrop.start]
    picture = first / gain
    lit = np.zeros(moved.shape, np.float32)
    foreign_kernels.unlike_ground(first, gain, backdrop.picture, 1, backdrop.shade, lit)
    unshaded = ndimage.uniform_filter(lit, 3) > max(LEAST_STEP, 4 * backdrop.noise)  # no shadow on furniture
    furniture = np.zeros(moved.shape, bool)
    inner = np.zeros(moved.shape, bool)
    inner[1:-1, 1:-1] = True
    parted = []
    for seed in seeds:
        part = seed.area & moved & unshaded
        still = seed.area & ~ndimage.binary_dilation(moved, iterations=2)
        core = ndimage.binary_erosion(part, iterations=2)
        if not (still & ~inner).any() or core.sum() < LEAST_PART * part.sum() or not core.any():
            parted.append(seed)
            continue
        paint = paints_of(picture, core)
        away = np.linalg.norm(picture[still][:, None] - paint, axis=-1).min(axis=1)
        if np.median(away) < OTHER:
            parted.append(seed)
            continue
        furniture |= seed.area & ~part
        labels, count = ndimage.label(part)
        largest = 1 + int(np.bincount(labels.ravel(), minlength=count + 1)[1:].argmax())
        parted.append(replace(seed, area=labels == largest))
    return parted, furniture


def _outstanding(picture: np.ndarray) -> np.ndarray:
    """(h, w): how far colours are from a smooth background's, in its own spread (Mahalanobis)."""
    height, width, _ = picture.shape
    y, x = np.mgrid[:height, :width]
    x, y = 2 * x / width - 1, 2 * y / height - 1
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    every = (slice(None, None, 2), slice(None, None, 2))
    part, colors = basis[every].reshape(-1, 6), picture[every].reshape(-1, 3)
    weight = np.ones(len(part))
    for _ in range(10):
        weighted = part * weight[:, None]
        coefficients = np.linalg.solve(part.T @ weighted + 1e-6 * np.eye(6), weighted.T @ colors)
        rest = colors - part @ coefficients
        spread = (rest * weight[:, None]).T @ rest / weight.sum() + LEAST_SPREAD**2 * np.eye(3)
        distance = np.einsum("ni,ij,nj->n", rest, np.linalg.inv(spread), rest)
        typical = max(float(np.median(distance)) / 2.366, 1e-3)  # the median of chi-squared with three
        if typical > 1:
            spread, distance = spread * typical, distance / typical
        weight = 1 / (1 + (distance / 6) ** 2)
    rest = picture - basis @ coefficients
    return np.sqrt(np.einsum("hwi,ij,hwj->hw", rest, np.linalg.inv(spread), rest))


LEAST_SPREAD = 4.0  # levels


def _grown(values: np.ndarray, high: float, low: float) -> np.ndarray:
    """Where values exceed ``low`` in pieces that somewhere exceed ``high``."""
    labels, count = ndimage.label(values > low)
    if not count:
        return np.zeros(values.shape, bool)
    strong = np.zeros(count + 1, bool)
    strong[np.unique(labels[values > high])] = True
    strong[0] = False
    return strong[labels]


def _shrunk(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    cut = picture[: height * factor, : width * factor]
    return cut.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))


def _enlarged(mask: np.ndarray, factor: int, shape: tuple[int, int]) -> np.ndarray:
    """A mask of a searched picture on that of the whole one."""
    larger = np.zeros(shape, bool)
    full = np.repeat(np.repeat(mask, factor, axis=0), factor, axis=1)
    larger[: full.shape[0], : full.shape[1]] = full
    return larger


def without_things(video: np.ndarray, backdrop: Backdrop, things: Things) -> Backdrop:
    """The backdrop without things that were described before."""
    _, height, width, _ = video.shape
    suspect = np.zeros((height, width))
    for b in range(things.num_things):
        x, y = things.position[b]
        foreign_kernels.block(suspect, 0, 0, x, y, things.outline[b], things.normal[b], 0.0, 1.0, 4.0)
    moved = np.zeros((height, width), np.float32)
    start = backdrop.start
    foreign_kernels.unlike_ground(video[start], backdrop.gain[start], backdrop.picture, 1, 1.0, moved)
    step = max(LEAST_STEP, 4 * backdrop.noise)
    full = (suspect < 0) | ndimage.binary_dilation(ndimage.uniform_filter(moved, 3) > step, iterations=2)
    paint = np.concatenate(list(things.paint))
    if len(video) >= LEAST_FRAMES:
        return without(video, backdrop, full, paint)
    return replace(backdrop, picture=inpaint(backdrop.picture, full))


def late_look(video: np.ndarray, backdrop: Backdrop, pieces: list[Piece]) -> ThingLook | None:
    """A look at what was found in several frames, in the first of them in which it is whole."""
    _, height, width, _ = video.shape
    usual = float(np.median([piece[3] for piece in pieces]))
    reach = np.sqrt(usual / np.pi)
    for frame, x, y, area, *_ in pieces:
        inside = reach + 1 < x < width - reach - 1 and reach + 1 < y < height - reach - 1
        if not inside or not 0.8 * usual < area < 1.3 * usual:
            continue
        t = int(frame)
        rows, columns = np.mgrid[:height, :width]
        seed = (columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 < (0.7 * reach) ** 2
        corrected = video[t] / backdrop.gain[t]
        look = look_at(video[t], backdrop.gain[t], backdrop, seed, paints_of(corrected, seed))
        if look is not None and has_edge(corrected, look, backdrop.noise, 1.0):
            return replace(look, frame=t)
    return None

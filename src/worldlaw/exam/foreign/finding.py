"""(first frames) -> things: what stands out from its surroundings, or moves, or was pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from worldlaw.core.errors import BadInput
from worldlaw.exam.foreign import kernels
from worldlaw.exam.foreign.backdrop import LEAST_FRAMES, Backdrop, inpainted, read_backdrop, without
from worldlaw.exam.foreign.things import NUM_ANGLES, Things

COARSE = 144  # rows at which a picture is searched
STANDS_OUT, ADJOINS = 6.0, 3.5  # distance from the surroundings, in their own spread
LEAST_STEP = 14.0  # levels: what differs less is no thing
LEAST_RADIUS = 2.0  # px of the searched picture
PAINTS = 6
MOVED = 0.2  # share of a thing's pixels that change in the course of the video if it moves
ROUND = 0.06  # rms of a circle's radius below which an outline is a disc


Rows = Sequence[Sequence] | None


def describe(frames: UInt8[np.ndarray, "K H W 3"], *, boxes: Rows = None, points: Rows = None) -> Things:
    """What things the first frame shows, the largest first; all frames given tell what moves.

    ``boxes`` (rows of frame, left, top, width, height, name; px) or ``points`` (frame, x, y, name), the name
    optional, say where they are instead, in their order. Raises BadInput if there is nothing to see.
    """
    things, _ = find(frames, read_backdrop(frames), boxes=boxes, points=points)
    return things


def find(
    frames: np.ndarray, backdrop: Backdrop, *, boxes: Rows = None, points: Rows = None
) -> tuple[Things, Backdrop]:
    """The things of the first frame, or those pointed at, and the backdrop without them."""
    first = frames[0]
    height, width, _ = first.shape
    if len(frames) < LEAST_FRAMES:
        backdrop = replace(backdrop, picture=(first / backdrop.gain[0]).astype(np.float32))
    suspect, moved = _suspect(first, backdrop)
    pointed = pointed_at(boxes, points, len(frames), (height, width))
    for seed in pointed:
        suspect |= ndimage.binary_dilation(seed.area, iterations=2)
    guess = inpainted(backdrop.picture, suspect)
    seeds = pointed or _standing_out(first, replace(backdrop, picture=guess), suspect)
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
        if look is not None and (pointed or _bounded(frame / gain, look, backdrop.noise, share)):
            looks.append(replace(look, frame=seed.frame, name=seed.name))
        elif pointed:
            raise BadInput(f"{seed.name}: nothing there stands out from its surroundings")
    if not looks:
        raise BadInput("the first frame shows nothing that stands out, so there is nothing to follow")
    if not pointed:
        looks.sort(key=lambda look: (-look.radius, tuple(look.position)))
    return things_of(looks), backdrop


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
    small = _shrunk(first / backdrop.gain[0], factor)
    suspect = _grown(_outstanding(ndimage.gaussian_filter(small, (0.8, 0.8, 0))), STANDS_OUT, ADJOINS)
    change = np.zeros(suspect.shape, np.float32)
    kernels.unlike_ground(first, backdrop.gain[0], backdrop.picture, factor, change, False)
    step = max(LEAST_STEP, 5 * backdrop.noise / factor)
    moved = _grown(ndimage.uniform_filter(change, 3), 1.5 * step, step)
    suspect = ndimage.binary_dilation(suspect | moved, iterations=2)
    return _enlarged(suspect, factor, (height, width)), _enlarged(moved, factor, (height, width))


def _standing_out(first: np.ndarray, backdrop: Backdrop, suspect: np.ndarray) -> list[Seed]:
    """What of the suspect pixels is unlike the backdrop, piece by piece."""
    height, width, _ = first.shape
    factor = max(1, round(min(height, width) / COARSE))
    away = np.zeros((height // factor, width // factor), np.float32)
    kernels.unlike_ground(first, backdrop.gain[0], backdrop.picture, factor, away, True)
    step = max(LEAST_STEP, 5 * backdrop.noise / factor)
    found = _enlarged(ndimage.uniform_filter(away, 3) > step, factor, (height, width)) & suspect
    labels, _ = ndimage.label(found)
    seeds = []
    for k, place in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[place] == k
        if inside.sum() >= np.pi * (LEAST_RADIUS * factor) ** 2:
            area = np.zeros((height, width), bool)
            area[place] = inside
            seeds.append(Seed(area))
    return seeds


@dataclass(frozen=True)
class Look:
    """One thing in one frame."""

    position: np.ndarray  # (2,) px
    radius: float
    color: np.ndarray
    box: tuple[float, ...]
    disc: bool
    outline: np.ndarray  # (A,)
    paint: np.ndarray  # (P, 3)
    frame: int = 0
    name: str = ""


def things_of(looks: list[Look]) -> Things:
    """Things from looks at each."""
    return Things(
        name=tuple(look.name or f"thing {k}" for k, look in enumerate(looks)),
        position=np.array([look.position for look in looks]),
        radius=np.array([look.radius for look in looks]),
        color=np.array([look.color for look in looks]).astype(np.uint8),
        box=np.array([look.box for look in looks]),
        disc=np.array([look.disc for look in looks]),
        outline=np.array([look.outline for look in looks]),
        paint=np.array([look.paint for look in looks]),
        frame=np.array([look.frame for look in looks]),
    )


def paints_of(picture: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"]) -> np.ndarray:
    """(P, 3): the colours of a surface: means of clusters, begun along its strongest direction of change."""
    colors = picture[mask].astype(float)
    colors = colors[:: max(1, len(colors) // 2000)]
    center = colors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((colors - center).T) + 1e-6 * np.eye(3) if len(colors) > 1 else np.eye(3))
    along = (colors - center) @ axes[:, -1]
    levels = np.quantile(along, (np.arange(PAINTS) + 0.5) / PAINTS)
    paint = center + levels[:, None] * axes[:, -1]
    for _ in range(5):
        nearest = ((colors[:, None] - paint[None]) ** 2).sum(axis=-1).argmin(axis=1)
        for k in range(PAINTS):
            if (nearest == k).any():
                paint[k] = colors[nearest == k].mean(axis=0)
    return paint


def look_at(
    frame: np.ndarray, gain: np.ndarray, backdrop: Backdrop, seed: np.ndarray, paint: np.ndarray
) -> Look | None:
    """A thing that covers about ``seed``, from the pixels that are like its surface and not its backdrop."""
    rows, columns = np.nonzero(seed)
    reach = 0.5 * max(np.ptp(rows), np.ptp(columns)) + 1
    margin = int(0.6 * reach + 6)
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    bottom = min(frame.shape[0], rows.max() + margin + 1)
    right = min(frame.shape[1], columns.max() + margin + 1)
    alike = np.empty((bottom - top, right - left))
    nothing = np.zeros((0, 3))
    kernels.likeness(frame, gain, backdrop.picture, paint, nothing, backdrop.noise_power, left, top, alike)
    solid = ndimage.uniform_filter(alike, 3) > 0.5
    labels, _ = ndimage.label(solid)
    counts = np.bincount(labels[seed[top:bottom, left:right] & solid], minlength=1)
    if counts.sum() == 0:
        return None
    mask = labels == counts.argmax()
    holes = ndimage.binary_fill_holes(mask) & ~mask
    if holes.sum() < 0.15 * mask.sum():
        mask |= holes
    area = float(mask.sum())
    radius = np.sqrt(area / np.pi)
    y, x = np.nonzero(mask)
    middle = np.array([x.mean() + 0.5, y.mean() + 0.5])
    outline = _outline(mask, alike, middle)
    edge = (frame, left, top, least_change(backdrop.noise))
    out = np.empty(10)
    kernels.fit(
        *edge, alike, np.full(NUM_ANGLES, radius), *middle, 0.0, 1.0, 1.0, num_rays(radius),
        max(0.45 * radius, 3.0), max(3.0, 0.12 * radius), False, out,
    )  # fmt: skip
    uneven = float(np.std(outline) / np.mean(outline))
    disc = bool(out[4] < max(ROUND * radius, 0.7) and out[5] > 0.85 and uneven < ROUND + 0.4 / radius)
    if disc:
        middle, radius = out[:2].copy(), radius * out[3]
        outline = np.full(NUM_ANGLES, radius)
    else:
        middle, outline = _sharpened(edge, alike, middle, outline)
        radius = float(np.sqrt(np.mean(outline**2)))
    at = (slice(top, bottom), slice(left, right))
    inner = ndimage.binary_erosion(mask, iterations=max(1, round(0.12 * radius)))
    inner = inner if inner.any() else mask
    picture = frame[at] / gain
    color = np.median(picture[inner], axis=0)
    box = tuple(map(float, (left + x.min(), top + y.min(), np.ptp(x) + 1, np.ptp(y) + 1)))
    return Look(
        middle + np.array([left, top]), float(radius), np.clip(color * gain, 0, 255).round(), box, disc,
        outline, paints_of(picture, inner),
    )  # fmt: skip


def _bounded(picture: np.ndarray, look: Look, noise: float, moved: float) -> bool:
    """Whether the picture changes across a thing's outline: a place where nothing is has no edge.

    What did not move must also stand out more than the surroundings change by themselves.
    """
    angles = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    ray = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    gap = max(2.0, 0.15 * look.radius)
    inner, outer = np.maximum(look.outline - gap, 0.3 * look.outline), look.outline + gap
    x, y = (look.position + ray * np.stack([inner, outer])[..., None] - 0.5).T  # (A, 2) each
    colors = np.stack(
        [ndimage.map_coordinates(picture[..., c], [y, x], order=1, mode="nearest") for c in range(3)]
    )
    across = colors[..., 0] - colors[..., 1]
    step = np.linalg.norm(ndimage.gaussian_filter1d(across, 1.5, axis=1, mode="wrap"), axis=0)
    least = max(LEAST_STEP, 2 * noise) * (1 + 4 / look.radius)  # a speck must be strong
    if moved < MOVED:
        lag = round(2 * gap)
        smooth = ndimage.uniform_filter(picture, (3, 3, 1))
        rough = np.linalg.norm(smooth[:, lag:] - smooth[:, :-lag], axis=-1)[::2, ::2]
        least = max(2 * least, 3 * float(np.quantile(rough, 0.75)))
    return bool((step > least).mean() > 0.6)


def least_change(noise: float) -> float:
    """Levels by which colours change across an edge that is to be measured."""
    return max(LEAST_STEP, 1.5 * noise)


def num_rays(radius: float) -> int:
    """Rays that meet an outline about every second pixel."""
    return int(np.clip(round(np.pi * radius), 16, NUM_ANGLES))


def _outline(mask: np.ndarray, alike: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """(A,) px: how far a mask reaches in every direction, seen from far away."""
    reach = np.hypot(*mask.shape)
    radii = np.arange(0.25, reach, 0.25)
    angles = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    x = middle[0] + np.outer(np.cos(angles), radii) - 0.5
    y = middle[1] + np.outer(np.sin(angles), radii) - 0.5
    values = ndimage.map_coordinates(
        ndimage.binary_dilation(mask, iterations=2) * np.maximum(alike, 0), [y, x], order=1
    )
    hit = values > 0.5
    last = hit.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)
    outline = np.where(hit.any(axis=1), radii[last] + 0.125, 1.0)
    return ndimage.gaussian_filter1d(outline, 0.7, mode="wrap")


def _sharpened(
    edge: tuple, alike: np.ndarray, middle: np.ndarray, outline: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An outline moved to where colours change, about the middle of what it holds."""
    frame, left, top, least = edge
    beyond = np.zeros(NUM_ANGLES)
    state = np.zeros(NUM_ANGLES, np.int64)
    half = max(2.5, 0.06 * float(outline.mean()))
    kernels.meet(alike, outline, *middle, 0.0, 1.0, NUM_ANGLES, half, beyond, state)
    kernels.meet_colors(
        frame, middle[0] + left, middle[1] + top, outline, 0.0, 1.0, NUM_ANGLES, half, least, beyond, state
    )
    outline = np.maximum(outline + np.where(state == 1, beyond, 0.0), 0.5)
    angles = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
    points = outline[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    following = np.roll(points, -1, axis=0)
    double = points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]  # of each triangle's area
    shift = ((points + following) * double[:, None]).sum(axis=0) / (3 * double.sum())
    moved = points - shift
    turn = np.unwrap(np.arctan2(moved[:, 1], moved[:, 0]))
    if (np.diff(turn) <= 0).any():
        return middle, outline  # seen from there a part hides another
    about = np.interp(angles, turn, np.hypot(*moved.T), period=2 * np.pi)
    return middle + shift, about


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


def cleared(video: np.ndarray, backdrop: Backdrop, things: Things) -> Backdrop:
    """The backdrop without things that were described before."""
    _, height, width, _ = video.shape
    suspect = np.zeros((height, width))
    for b in range(things.num_things):
        x, y = things.position[b]
        kernels.block(suspect, 0, 0, x, y, things.outline[b], 0.0, 1.0, 4.0)
    moved = np.zeros((height, width), np.float32)
    kernels.unlike_ground(video[0], backdrop.gain[0], backdrop.picture, 1, moved, False)
    step = max(LEAST_STEP, 5 * backdrop.noise)
    full = (suspect < 0) | ndimage.binary_dilation(ndimage.uniform_filter(moved, 3) > step, iterations=2)
    paint = np.concatenate(list(things.paint))
    if len(video) >= LEAST_FRAMES:
        return without(video, backdrop, full, paint)
    return Backdrop(inpainted(backdrop.picture, full), backdrop.gain, backdrop.noise)


def late_look(video: np.ndarray, backdrop: Backdrop, pieces: list[tuple[float, ...]]) -> Look | None:
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
        if look is not None and _bounded(corrected, look, backdrop.noise, 1.0):
            return replace(look, frame=t)
    return None

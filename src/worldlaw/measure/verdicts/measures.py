"""Seven questions to a clip of rigid bodies, each answered by one number: 0 where nothing is wrong.

The frames are far apart (a third of a second in the study), so several contacts may lie between two of them.
Whatever could be explained by a contact that was not seen is therefore not held against a clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from worldlaw.measure.verdicts.clip_geometry import ClipGeometry
from worldlaw.measure.verdicts.separation_kernels import passages

REST = 0.25  # of g dt²: a body whose points all move less than this in an interval is at rest
RESTING = 3  # intervals after which a body that does not move is at rest: one bounce lasts less
LONGEST = 3  # intervals: half of the time over which a parabola is followed
UNSEEN = 3  # frames
WINDOW = 3  # intervals over which a group of bodies may not gain energy


@dataclass(frozen=True)
class MeasuredFault:
    """A number, and what it is about."""

    value: float  # NaN where it cannot be measured
    body: int = -1  # -1 for none or for all
    frame: int = -1
    other: int = -1  # the other body; B for a wall


def penetration(sight: ClipGeometry) -> MeasuredFault:
    """How deep a body is in another or beyond a wall at a frame, m; or how impossible its way round was.

    Depth is the largest distance of a point of either outline from the boundary of the other, inside it. A
    body whose centre crosses another between two frames, or while it is not found for up to ``UNSEEN``, would
    have had to go round: what that way is longer than its speed allows counts as depth too
    (``geometry.passages``).
    """
    num_bodies = sight.num_bodies
    gaps = np.concatenate([sight.gaps, sight.walls.min(axis=2, keepdims=True)], axis=2)
    gaps[:, np.arange(num_bodies), np.arange(num_bodies)] = np.inf
    gaps[:, sight.fixed, num_bodies] = np.inf
    depth = np.maximum(-_without_nan(gaps, np.inf), 0.0)
    depth[: sight.context] = 0.0
    return _largest(np.maximum(depth, _through(sight, depth.shape)))


def deformation(sight: ClipGeometry) -> MeasuredFault:
    """Share of a body's area that looks otherwise than its silhouette, in two frames on end."""
    misfit = sight.tracks.bodies.misfit
    if misfit is None:
        return MeasuredFault(np.nan)
    lasting = np.fmin(misfit[:-1], misfit[1:])
    lasting[: sight.context - 1] = np.nan
    return _largest(_without_nan(lasting, 0.0), first_frame=1)


def vanish(sight: ClipGeometry) -> MeasuredFault:
    """In how many generated frames a body is missing that nothing hides: the most of any body."""
    missing = sight.missing[sight.context :]
    count = missing.sum(axis=0)
    if not count.any():
        return MeasuredFault(0.0)
    body = int(count.argmax())
    return MeasuredFault(float(count[body]), body, sight.context + int(missing[:, body].argmax()))


def duplicate(sight: ClipGeometry) -> MeasuredFault:
    """Area that belongs to no body, summed over the generated frames, m² x frames."""
    extra = sight.tracks.extra
    later = extra.frame >= sight.context
    if not later.any():
        return MeasuredFault(0.0)
    return MeasuredFault(float(np.pi * (extra.size[later] ** 2).sum()), -1, int(extra.frame[later].min()))


def floating(sight: ClipGeometry) -> MeasuredFault:
    """How far a body at rest is from all that could hold it, m.

    At rest: no point of it moves by more than ``REST`` g dt² in ``RESTING`` intervals on end. Held: by the
    floor, a fixed body, or a body that is held itself; the distance is the largest gap on the chain to the
    floor that has the smallest such gap (bottleneck path).
    """
    fall = float(np.linalg.norm(sight.fall))
    if fall == 0:
        return MeasuredFault(np.nan)
    resting = _resting(sight)
    height = np.zeros((sight.num_frames, sight.num_bodies))
    for t in range(max(RESTING, sight.context), sight.num_frames):
        candidates = resting[t - RESTING] & ~sight.fixed
        if candidates.any():
            lowest = np.minimum.reduce([_held(sight, t - k) for k in range(RESTING + 1)])
            height[t] = np.where(candidates, np.maximum(lowest, 0.0), 0.0)
    return _largest(_without_nan(height, 0.0))


def uncaused_motion(sight: ClipGeometry) -> MeasuredFault:
    """How far a body comes to be from where it must be while nothing touches it, m.

    The largest of: the way of a fixed body from its first place; the way of a free body from its parabola,
    2 x(t) - x(t - dt) + g dt², and its turning from an even one, at its reach; the same way, without turning,
    over steps of up to ``LONGEST`` intervals in which it stays free; the way in one interval of a body that
    was at rest with all that it touches, less twice its last one (what topples from rest grows).
    Free and touching nothing is who is farther from all others, on the way over both intervals, than
    ``ClipGeometry.margin`` and what each may have been off its chord (``ClipGeometry.slack``).
    """
    away = np.zeros((sight.num_frames, sight.num_bodies))
    turned = np.abs(sight.angle - sight.angle[0]) * sight.outlines.reach
    moved = np.linalg.norm(sight.position - sight.position[0], axis=-1) + turned
    away[:, sight.fixed] = moved[:, sight.fixed]
    free, still = _free(sight), _undisturbed(sight)
    position, angle = sight.expected
    off = np.linalg.norm(sight.position - position, axis=-1)
    off += np.abs(sight.angle - angle) * np.where(sight.outlines.radius > 0, 0.0, sight.outlines.reach)
    away[2:] = np.where(free, off[2:], away[2:])
    for step in range(2, LONGEST + 1):
        off = _off_parabola(sight, step)
        lasting = np.logical_and.reduce([free[k : k + len(off)] for k in range(2 * step - 1)])
        away[2 * step :] = np.where(lasting, np.fmax(off, away[2 * step :]), away[2 * step :])
    growth = np.maximum(sight.travel[RESTING:] - 2 * sight.travel[RESTING - 1 : -1], 0.0)
    later = away[RESTING + 1 :]
    away[RESTING + 1 :] = np.where(still, np.fmax(growth, _without_nan(later, 0.0)), later)
    away[: sight.context] = 0.0
    return _largest(_without_nan(away, 0.0))


def energy_gain(sight: ClipGeometry) -> MeasuredFault:
    """By how much the mechanical energy of bodies that can only have lost some has grown, m of height.

    In units of the weight of the bodies: masses are areas. For a group of bodies that come near none but each
    other and fixed ones, over at most ``WINDOW`` intervals, and for all bodies over any time: the least that
    they have in an interval (kinetic energy of the mean velocity and turning, potential energy in the middle
    of the chord) less the most that they had at a frame before (with the greater of the velocities that the
    intervals before and after it give for the frame in free motion; half as much again for discs, which may
    spin unseen).
    """
    weight = float(np.linalg.norm(sight.gravity))
    movers = np.flatnonzero(~sight.fixed)
    if weight == 0 or not len(movers):
        return MeasuredFault(np.nan)
    least, most = _least_energy(sight)[:, movers], _most_energy(sight)[:, movers]
    mass = sight.outlines.area[movers]
    near = _near(sight)[:, movers][:, :, movers]
    found = MeasuredFault(0.0)
    for j in range(max(1, sight.context - 1), len(least)):
        linked = np.zeros(near.shape[1:], bool)
        for i in range(j, max(j - WINDOW, 0) - 1, -1):  # from frame i to interval j
            linked |= near[i]
            if i == j:
                continue
            for group in _groups(linked):
                gain = float(mass[group] @ (least[j] - most[i])[group] / mass[group].sum())
                if gain > found.value:
                    found = MeasuredFault(gain, int(movers[group[0]]), j + 1)
    total = mass @ least.T / mass.sum(), mass @ most.T / mass.sum()
    ceiling = np.fmin.accumulate(total[1])
    for j in range(max(1, sight.context - 1), len(least)):
        gain = float(total[0][j] - ceiling[j - 1])
        if gain > found.value:
            found = MeasuredFault(gain, -1, j + 1)
    return found


MEASURES: dict[str, Callable[[ClipGeometry], MeasuredFault]] = {
    measure.__name__: measure
    for measure in (penetration, deformation, vanish, duplicate, floating, uncaused_motion, energy_gain)
}
UNITS = {
    "penetration": "m",
    "deformation": "",
    "vanish": "frames",
    "duplicate": "m² frames",
    "floating": "m",
    "uncaused_motion": "m",
    "energy_gain": "m",
}


def _largest(values: np.ndarray, *, first_frame: int = 0) -> MeasuredFault:
    """The largest of values [frame, body] or [frame, body, other]."""
    if not values.size or not values.max() > 0:
        return MeasuredFault(0.0)
    frame, body, *other = (int(k) for k in np.unravel_index(values.argmax(), values.shape))
    return MeasuredFault(float(values.max()), body, frame + first_frame, *other)


def _without_nan(values: np.ndarray, instead: float) -> np.ndarray:
    return np.where(np.isnan(values), instead, values)


def _later(values: np.ndarray, step: int) -> np.ndarray:
    """Each row's next (step 1) or last (step -1) one; NaN at the end."""
    out = np.full_like(values, np.nan)
    if step > 0:
        out[:-1] = values[1:]
    else:
        out[1:] = values[:-1]
    return out


def _through(sight: ClipGeometry, shape: tuple[int, ...]) -> np.ndarray:
    """(T, B, B + 1) m: by how much each passage that ends at a frame was impossible.

    A body goes at most as far in an interval as it went in the one before, and what it falls on the way more.
    """
    out = np.zeros(shape)
    fall = float(np.linalg.norm(sight.fall))
    for count in range(1, UNSEEN + 2):  # intervals from where a body was last seen to where it is seen again
        if sight.num_frames <= count:
            break
        unseen = np.ones((sight.num_frames - count, sight.num_bodies), bool)
        for k in range(1, count):
            unseen &= ~sight.found[k : k - count]
        before, after = np.full(unseen.shape, np.nan), np.full(unseen.shape, np.nan)
        before[1:], after[:-1] = sight.travel[:-count], sight.travel[count:]
        chord = np.linalg.norm(sight.position[count:] - sight.position[:-count], axis=-1) / count
        fastest = np.where(np.isnan(before), np.fmax(after, chord), before)
        path = np.where(sight.fixed, 0.0, fastest * count + fall * count * (count + 1) / 2)
        passed = passages(
            sight.outlines,
            (sight.position[:-count], sight.angle[:-count]),
            (sight.position[count:], sight.angle[count:]),
            ~sight.fixed,
            path,
        )
        passed[~unseen] = 0.0
        out[count:, :, : sight.num_bodies] = np.maximum(out[count:, :, : sight.num_bodies], passed)
    out[: sight.context] = 0.0
    return out


def _held(sight: ClipGeometry, t: int) -> np.ndarray:
    """(B,) m: the largest gap on each body's best chain of neighbours to the floor or a fixed body."""
    best = np.where(sight.fixed, -np.inf, sight.walls[t, :, 2])
    gaps = _without_nan(sight.gaps[t], 0.0)  # a body that is not found may be anywhere
    best = _without_nan(best, 0.0)
    for _ in range(sight.num_bodies):
        through = np.minimum(best, np.maximum(gaps, best[None, :]).min(axis=1))
        if np.array_equal(through, best):
            break
        best = through
    return best


def _far(sight: ClipGeometry, swept: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(I, B) bool: in these intervals a body came near nothing; ``own`` (I, B) is its own slack in m."""
    others = np.concatenate([sight.slack, np.zeros((len(own), 1))], axis=1)
    clear = swept > own[:, :, None] + others[:, None, :] + sight.margin  # False where NaN
    return clear.all(axis=2)


def _free(sight: ClipGeometry) -> np.ndarray:
    """(T - 2, B) bool: whether a body has nothing to leave its parabola for over two intervals."""
    first = _far(sight, sight.swept, sight.slack)[:-1]
    second = _far(sight, sight.expected_swept, np.zeros_like(sight.slack))[1:]
    return first & second & ~sight.fixed


def _off_parabola(sight: ClipGeometry, step: int) -> np.ndarray:
    """(T - 2 step, B) m: |x(t + s) - 2 x(t) + x(t - s) - g s²| for steps of some intervals."""
    place = sight.position
    bend = place[2 * step :] - 2 * place[step:-step] + place[: -2 * step] - sight.fall * step**2
    return np.linalg.norm(bend, axis=-1)


def _near(sight: ClipGeometry) -> np.ndarray:
    """(I, B, B) bool: bodies that may have touched in an interval."""
    slack = sight.slack[:, :, None] + sight.slack[:, None, :]
    return ~(sight.swept[:, :, : sight.num_bodies] > slack + sight.margin)


def _resting(sight: ClipGeometry) -> np.ndarray:
    """(T - RESTING, B) bool: whether a body was at rest from that frame on over ``RESTING`` intervals."""
    quiet = sight.travel < REST * float(np.linalg.norm(sight.fall))
    count = max(sight.num_frames - RESTING, 0)
    return np.logical_and.reduce([quiet[k : k + count] for k in range(RESTING)])


def _undisturbed(sight: ClipGeometry) -> np.ndarray:
    """(T - RESTING - 1, B) bool: at rest with all that it touches, and nobody comes in the next interval."""
    resting = _resting(sight) | sight.fixed
    movers = ~sight.fixed
    touching = _near(sight)
    out = np.zeros((max(sight.num_frames - RESTING - 1, 0), sight.num_bodies), bool)
    for i in range(RESTING, sight.num_frames - 1):
        linked = (touching[i] | touching[i - 1]) & movers[:, None] & movers[None, :]
        for group in _groups(linked):
            out[i - RESTING, group] = resting[i - RESTING][group].all()
    return out & movers


def _groups(linked: np.ndarray) -> list[np.ndarray]:
    """Connected components of a symmetric relation."""
    left, groups = list(range(len(linked))), []
    while left:
        group, edge = {left[0]}, [left[0]]
        while edge:
            new = {int(k) for k in np.flatnonzero(linked[edge.pop()])} - group
            group |= new
            edge += new
        groups.append(np.array(sorted(group)))
        left = [k for k in left if k not in group]
    return groups


def _least_energy(sight: ClipGeometry) -> np.ndarray:
    """(I, B) m: the least energy by weight that each body has in an interval."""
    weight = float(np.linalg.norm(sight.gravity))
    up = -np.asarray(sight.gravity) / weight
    height = sight.position @ up
    turning = np.diff(sight.angle, axis=0) ** 2 * sight.outlines.gyration
    kinetic = (sight.shift**2 + turning) / (2 * sight.dt**2 * weight)
    return kinetic + (height[1:] + height[:-1]) / 2


def _most_energy(sight: ClipGeometry) -> np.ndarray:
    """(I, B) m: the most energy by weight that each body has at the frame before an interval."""
    weight = float(np.linalg.norm(sight.gravity))
    up = -np.asarray(sight.gravity) / weight
    velocity = np.diff(sight.position, axis=0) / sight.dt
    half = np.asarray(sight.gravity) * sight.dt / 2
    after = ((velocity - half) ** 2).sum(axis=-1)
    before = np.full_like(after, np.nan)
    before[1:] = ((velocity[:-1] + half) ** 2).sum(axis=-1)
    turning = (np.diff(sight.angle, axis=0) / sight.dt) ** 2 * sight.outlines.gyration
    turning = np.fmax(turning, _later(turning, -1))
    kinetic = np.where(sight.outlines.radius > 0, 1.5, 1.0) * np.fmax(after, before) + turning
    return kinetic / (2 * weight) + (sight.position @ up)[:-1]

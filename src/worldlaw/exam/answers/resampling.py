"""Tracks at other times than their frames': places are interpolated, pixels never are.

Between two frames a body lies on the cubic through the four nearest places (Lagrange). A cubic swings about
an impact, so a motion is first cut where it kinks, and between the last frame before and the first one after
the two sides are continued until they meet. ``docs/answers.md`` has what that gains over straight lines.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from worldlaw.core.types import LOST, VISIBLE, Detections, Tracks

SAME = 1e-4  # of a step in time: so near to a frame is that frame
KINK = 12.0  # times the usual change of acceleration: more is an impact
LEAST_KINK = 0.02  # of a body's size: less of a kink in a step is not told from noise


def resample(tracks: Tracks, time: Float[np.ndarray, " S"], at: Float[np.ndarray, " T"]) -> Tracks:
    """Tracks whose S frames were taken at ``time`` (s, rising) as they are at the even times ``at`` (s).

    At the time of a frame everything is as in that frame. Between two frames a body is measured only if it
    is in both; its status is otherwise that of the one in which it is not. Before the first and after the
    last frame it is lost. Angles go like places; size, colour, confidence and misfit change evenly.
    Detections that belong to no body are those of the frame nearest in time, the earlier of two, if that is
    no further than a step: as many per frame as before.
    Raises ValueError if the number of times is not that of the frames.
    """
    bodies = tracks.bodies
    if len(time) != bodies.num_frames:
        raise ValueError(f"{len(time)} times for {bodies.num_frames} frames")
    step = float(np.median(np.diff(time)))
    left = np.clip(np.searchsorted(time, at + SAME * step, side="right") - 1, 0, len(time) - 1)
    right = np.minimum(left + 1, len(time) - 1)
    exact = np.abs(at - time[left]) <= SAME * step
    right = np.where(exact, left, right)
    outside = (at < time[0] - SAME * step) | (at > time[-1] + SAME * step)
    span = np.where(right > left, time[right] - time[left], 1.0)
    share = np.where(exact, 0.0, (at - time[left]) / span)[:, None]  # (T, 1)

    def evenly(values: np.ndarray) -> np.ndarray:
        weight = share.reshape(len(at), *[1] * (values.ndim - 1))
        found = np.where(weight == 0, values[left], (1 - weight) * values[left] + weight * values[right])
        found[outside] = np.nan
        return found

    status = np.where(bodies.status[left] != VISIBLE, bodies.status[left], bodies.status[right])
    status[outside] = LOST
    known = np.isfinite(bodies.position).all(axis=-1)
    both = known[left] & known[right] & ~outside[:, None]
    curve = np.full((len(at), bodies.num_bodies, 3), np.nan)
    angle = np.full(bodies.size.shape, np.nan) if bodies.angle is None else bodies.angle
    for b in range(bodies.num_bodies):
        states = np.concatenate([bodies.position[:, b], angle[:, b, None]], axis=1)  # (S, 3)
        sizes = bodies.size[np.isfinite(bodies.size[:, b]), b]
        size = float(np.median(sizes)) if len(sizes) else 0.0
        curve[:, b] = _curve(states, known[:, b], size, time, at, left, exact)
    curve[~both] = np.nan
    dt = float(at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else bodies.dt
    trajectory = dataclasses.replace(
        bodies,
        dt=dt,
        position=curve[..., :2],
        size=evenly(bodies.size),
        color=evenly(bodies.color),
        status=status.astype(bodies.status.dtype),
        confidence=np.nan_to_num(evenly(bodies.confidence)),
        angle=None if bodies.angle is None else curve[..., 2],
        misfit=None if bodies.misfit is None else evenly(bodies.misfit),
    )
    nearest = np.where(exact | (share[:, 0] <= 0.5), left, right)
    nearest = np.where(np.abs(at - time[nearest]) <= step * (1 + SAME), nearest, -1)
    return Tracks(trajectory, _shown(tracks.extra, nearest))


def _shown(extra: Detections, frame: np.ndarray) -> Detections:
    """For every new frame the detections of the old ``frame`` (T,); -1 has none."""
    rows = [np.flatnonzero(extra.frame == old) for old in frame]
    chosen = np.concatenate([*rows, np.zeros(0, np.int64)]).astype(np.int64)
    new = np.repeat(np.arange(len(frame)), [len(row) for row in rows])
    return Detections(new, extra.position[chosen], extra.size[chosen], extra.color[chosen])


def _curve(
    states: np.ndarray,
    known: np.ndarray,
    size: float,
    time: np.ndarray,
    at: np.ndarray,
    left: np.ndarray,
    exact: np.ndarray,
) -> np.ndarray:
    """States (T, 3), x and y in m and the angle, of one body at the times ``at``, from (S, 3)."""
    out = np.full((len(at), states.shape[1]), np.nan)
    for start, stop in _runs(known):
        breaks = _kinks(states[start:stop, :2], size) + start
        edges = [start, *(breaks + 1).tolist(), stop]
        inside = (left >= start) & (left < stop)
        for low, high in itertools.pairwise(edges):
            for place in np.flatnonzero(inside & (left >= low) & (left < high)):
                i, t = int(left[place]), at[place]
                if exact[place]:
                    out[place] = states[i]
                elif i + 1 < high:
                    out[place] = _through(states, time, low, high, i, t)
                elif high < stop:
                    after = edges[edges.index(high) + 1]
                    out[place] = _meeting(states, time, (low, high), (high, after), t)
    return out


def _runs(known: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of frames in which a body is measured."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _kinks(position: np.ndarray, size: float) -> np.ndarray:
    """Steps of a run in which the velocity jumps: the last frames before an impact."""
    if len(position) < 5:
        return np.zeros(0, int)
    bend = np.diff(position, n=2, axis=0)  # at frames 1 to S - 2
    # A jump between frames k and k + 1 shows in the bends at both; all others are as without it.
    jump = bend[:-1] + bend[1:] - 2 * np.median(bend, axis=0)  # of steps 1 to S - 3
    score = np.linalg.norm(jump, axis=1)
    # A kink shows in three scores; a short run has little more.
    limit = max(KINK * float(np.percentile(score, 25)), LEAST_KINK * size)
    around = np.array([score[max(0, k - 2) : k + 3].max() for k in range(len(score))])
    return np.flatnonzero((score > limit) & (score >= around)) + 1


def _through(states: np.ndarray, time: np.ndarray, low: int, high: int, i: int, t: float) -> np.ndarray:
    """The polynomial through the four places nearest to a step, fewer at the ends of a stretch."""
    first = min(max(i - 1, low), max(high - 4, low))
    return _polynomial(states, time, range(first, min(first + 4, high)), t)


def _polynomial(states: np.ndarray, time: np.ndarray, nodes: range, t: float) -> np.ndarray:
    """Lagrange's polynomial through some frames at a time."""
    found = np.zeros(states.shape[1])
    for i in nodes:
        weight = 1.0
        for j in nodes:
            if j != i:
                weight *= (t - time[j]) / (time[i] - time[j])
        found += weight * states[i]
    return found


def _meeting(
    states: np.ndarray, time: np.ndarray, before: tuple[int, int], after: tuple[int, int], t: float
) -> np.ndarray:
    """A place in the step between two stretches: each is continued up to where they come nearest."""
    past = range(max(before[0], before[1] - 3), before[1])
    future = range(after[0], min(after[1], after[0] + 3))
    moments = np.linspace(time[past[-1]], time[future[0]], 33)
    gaps = [
        np.linalg.norm(_polynomial(states, time, past, m)[:2] - _polynomial(states, time, future, m)[:2])
        for m in moments
    ]
    meet = moments[int(np.argmin(gaps))]
    return _polynomial(states, time, past if t <= meet else future, t)

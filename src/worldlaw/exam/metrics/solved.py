"""Is a clip solved? The measures of what has to hold of every body; their caps stand in ``caps.py``.

Each averages over several frames or looks at what lasts, so that what a codec, a smaller picture or another
brightness takes from true clips stays far below its cap. So one cap holds for all forms of a video, and a
form in which even true clips exceed one is too coarse to judge anybody by (``docs/answers.md``). Paths are
held against the truth: under the right law the difference of two free motions is a straight line.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from worldlaw.core import physics
from worldlaw.core.types import VISIBLE, Case
from worldlaw.exam.metrics.caps import CAPS, SOLVED_ERROR, SOLVED_EXTRA
from worldlaw.exam.metrics.metric import metric
from worldlaw.exam.metrics.verdicts import findings
from worldlaw.worlds import scenarios

STEPS = (1, 2, 4, 8)  # frames over which a path is held against itself
AT_IMPACT = 2  # frames: the longest such step over an impact
EDGE = 0.02  # m: what is nearer to the edge of an open view may be read as cut by it
WINDOW = 8  # frames before and after an impact that velocities are fitted to
LEAST_WINDOW = 3  # frames: fewer say too little of a velocity


@metric(unit="m/s", best=0.0)
def flight_velocity_error(case: Case) -> float:
    """Velocity error of the flights between impacts, each flight's by a straight line through all its frames.

    The difference of the measured and the true places of a body over a flight is fitted by a line (least
    squares); its slope is the flight's error. The mean is over flights, weighted by their intervals; what
    lies at or beside a true impact is a flight of its own. So jitter averages out, which no form of a video
    is free of, and a wrong velocity does not. Over the intervals that count for ``solved``.

    Returns: m/s; NaN if one of these intervals was not measured, or there is none.
    """
    judged = _judged(case)
    intervals = judged[1:] & judged[:-1]
    away = _away(case)
    total, count = 0.0, 0
    impact = _impacts(case)
    for body, start, stop in _flights(intervals, impact):
        places = away[start : stop + 1, body]
        steps = np.arange(len(places)) - (len(places) - 1) / 2
        slope = steps @ places / (steps @ steps) / case.truth.dt
        total += (stop - start) * float(np.linalg.norm(slope))
        count += stop - start
    return total / count if count else np.nan


@metric(unit="m", best=0.0)
def path_break(case: Case) -> float:
    """How far a body's path breaks: the most by which the way from the truth bends over up to eight frames.

    With d the difference of measured and true place, the largest |d(t + s) - 2 d(t) + d(t - s)| over steps s
    of 1, 2, 4 and 8 frames. It is 0 in free motion under the right law, also at a velocity that is off: a
    jump shows in it, and so does another gravity. Over an impact, where a body that comes a little late turns
    a little late, steps are of 1 and 2 frames and twice the way from the truth before it is allowed for.

    Returns: m; NaN if no three frames can be measured.
    """
    away, shown = _away(case), _shown(case)
    shown &= _judged(case) | (np.arange(len(shown)) < case.context)[:, None]
    away = np.where(shown[..., None], away, np.nan)
    impact = np.concatenate([[0], np.cumsum(_impacts(case))])  # (T,) impact intervals before each frame
    largest = np.nan
    for step in STEPS:
        first = max(0, case.context - 2 * step)  # the last of the three frames is a generated one
        if len(away) - 2 * step <= first:
            break
        before, middle, after = (away[first + k : len(away) - 2 * step + k] for k in (0, step, 2 * step))
        bend = np.linalg.norm(after - 2 * middle + before, axis=-1)  # (F, B)
        met = impact[first + 2 * step :] > impact[first : len(impact) - 2 * step]
        if step > AT_IMPACT:
            bend[met] = np.nan
        else:
            apart = np.linalg.norm(before[:, :, None] - before[:, None], axis=-1).max(axis=2)
            late = 2 * np.maximum(apart, np.linalg.norm(before, axis=-1))
            bend[met] = np.maximum(bend - late, 0.0)[met]
        largest = np.fmax(largest, np.nanmax(bend, initial=-np.inf) if np.isfinite(bend).any() else np.nan)
    return float(largest)


@metric(unit="", best=0.0)
def size_change(case: Case) -> float:
    """How much a body's size differs from the one given, as a share of it: the most in any frame.

    Frames beside a true impact do not count: the colours of bodies that touch run into each other.

    Returns: a share; NaN if no frame can be measured.
    """
    size = case.tracked.bodies.size / case.truth.size
    return _most(case, np.abs(size / _given(case, size) - 1))


@metric(unit="", best=0.0)
def color_change(case: Case) -> float:
    """How far a body's colour is from the one given, as a share of black to white: the most in any frame.

    Euclidean distance in RGB, each channel in [0, 1], divided by the square root of 3; frames as for
    ``size_change``.

    Returns: 0 to 1; NaN if no frame can be measured.
    """
    color = case.tracked.bodies.color
    return _most(case, np.linalg.norm(color - _given(case, color), axis=-1) / np.sqrt(3))


@metric(unit="", best=0.0)
def momentum_change(case: Case) -> float:
    """How much the total momentum changes in an impact, as a share of the momenta of all bodies before it.

    Momenta are of the velocities fitted to up to eight frames before and after it, and of the true masses.

    Returns: a share; NaN if the law does not keep momentum, or there is not one impact with three frames
    before and after it in which every body is measured.
    """
    found = _across_impact(case, "momentum")
    if found is None:
        return np.nan
    mass, before, after = found
    moving = float((mass * np.linalg.norm(before, axis=-1)).sum())
    return float(np.linalg.norm(mass @ after - mass @ before) / moving) if moving else np.nan


@metric(unit="", best=0.0)
def energy_change(case: Case) -> float:
    """How much the kinetic energy of all bodies changes in an impact, as a share of that before it.

    Velocities and cases without a number as for ``momentum_change``.
    """
    found = _across_impact(case, "energy")
    if found is None:
        return np.nan
    mass, before, after = found
    kinetic = [float((mass * (velocity**2).sum(axis=-1)).sum()) for velocity in (before, after)]
    return abs(kinetic[1] / kinetic[0] - 1) if kinetic[0] else np.nan


@metric(unit="", best=1.0, version=2)
def solved(case: Case) -> float:
    """1 if every body is there in every frame that counts, nothing else is, and no measure exceeds its cap.

    The frames that count are the generated ones in which a body is fully visible in the truth; in an open
    view they end where an answer that is off by no more than is allowed might already leave it. Nothing else:
    at most one thing in twenty frames that is none of the bodies. The measures are those of this file, with
    ``CAPS``, and for bodies tracked by pose the physical verdicts, with the limits that come with the case;
    one that says nothing of a scene (momentum without an impact) is not exceeded. Rankings use it.

    Returns: 0 or 1; NaN if no frame counts.
    """
    judged = _judged(case)
    if not (judged[1:] & judged[:-1]).any():
        return np.nan
    if not np.isfinite(_away(case)[judged]).all() or case.extra_per_frame > SOLVED_EXTRA:
        return 0.0
    return float(not exceeded(case))


def exceeded(case: Case) -> tuple[str, ...]:
    """The measures of a case that are above what is allowed them."""
    caps = CAPS | (case.limits or {})
    values = {measure.name: measure(case) for measure in MEASURES}
    values |= {name: found.value for name, found in (findings(case) or {}).items() if name in caps}
    return tuple(name for name, value in values.items() if value > caps[name])


MEASURES = (
    flight_velocity_error, path_break, size_change, color_change, momentum_change, energy_change,
)  # fmt: skip


def _judged(case: Case) -> np.ndarray:
    """(T, B) bool: frames in which a solved clip shows a body; the last given frame is the first of them.

    Whoever may leave the view is not asked for from where ``SOLVED_ERROR`` since the last given frame, and
    ``EDGE``, may have brought it to the edge: that hangs on the truth alone, so losing a body never pays.
    """
    truth = case.truth
    judged = _shown(case)
    if not _walled(case):
        room = np.minimum(truth.position, np.array(case.scene.extent) - truth.position).min(axis=-1)
        time = (np.arange(truth.num_frames) - (case.context - 1))[:, None] * truth.dt
        judged &= (room - truth.size >= EDGE + SOLVED_ERROR * time) | (time <= 0)
    judged[: case.context - 1] = False
    return judged


def _shown(case: Case) -> np.ndarray:
    """(T, B) bool: frames in which the truth shows a body in full, and the form of the video tells of it."""
    visible = case.truth.status == VISIBLE
    return visible if case.legible is None else visible & case.legible


def _walled(case: Case) -> bool:
    """Whether the edges of the view are walls, which no body leaves it through."""
    name = case.scene.scenario
    return name in scenarios.names() and scenarios.get(name).edges == "walls"


def _away(case: Case) -> np.ndarray:
    """(T, B, 2) m: measured less true places; NaN where a body was not measured."""
    return case.tracked.bodies.position - case.truth.position


def _impacts(case: Case) -> np.ndarray:
    """(T - 1,) bool: intervals at or beside a true impact."""
    return physics.impact_intervals(case.truth.position, case.scene.gravity, case.truth.dt)


def _flights(intervals: np.ndarray, impact: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(body, first frame, last frame) of every run of some intervals (T - 1, B), cut where impacts begin."""
    kind = np.where(intervals, 1 + impact[:, None], 0)  # (T - 1, B)
    for body, runs in enumerate(kind.T):
        edges = np.flatnonzero(np.diff(runs, prepend=0, append=0))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if runs[start]:
                yield body, start, stop


def _given(case: Case, values: np.ndarray) -> np.ndarray:
    """(B, ...): the mean of values (T, B, ...) over the given frames; NaN for what these do not show."""
    given = values[: case.context]
    known = np.isfinite(given)
    with np.errstate(invalid="ignore"):
        return np.where(known, given, 0.0).sum(axis=0) / known.sum(axis=0)


def _most(case: Case, values: np.ndarray) -> float:
    """The largest of values (T, B) over frames that count, those beside an impact aside."""
    impact = _impacts(case)
    beside = np.zeros(case.truth.num_frames, bool)
    beside[1:] |= impact
    beside[:-1] |= impact
    counted = _judged(case) & ~beside[:, None]
    counted[: case.context] = False
    counted &= np.isfinite(values)
    return float(values[counted].max()) if counted.any() else np.nan


def _across_impact(case: Case, kept: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(B,) masses in kg and (B, 2) velocities in m/s before and after the one impact of a clip."""
    impact = np.flatnonzero(_impacts(case))
    if kept not in case.scene.invariants or not len(impact) or np.ptp(impact) >= len(impact):
        return None
    judged = _judged(case)
    judged[: case.context] = _shown(case)[: case.context]
    whole = judged.all(axis=1) & np.isfinite(_away(case)).all(axis=(1, 2))
    parts = whole[: impact[0] + 1][-WINDOW:], whole[impact[-1] + 1 :][:WINDOW]
    starts = max(impact[0] + 1 - WINDOW, 0), impact[-1] + 1
    velocities = []
    for start, part in zip(starts, parts, strict=True):
        frames = start + np.flatnonzero(part)
        if len(frames) < LEAST_WINDOW:
            return None
        steps = (frames - frames.mean())[:, None, None]
        places = case.tracked.bodies.position[frames]
        velocities.append((steps * places).sum(axis=0) / (steps**2).sum() / case.truth.dt)
    mass = np.array([body.mass for body in case.scene.bodies])
    return mass, *velocities

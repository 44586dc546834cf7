"""Is a clip solved? The measures of what has to hold of every body; their caps stand in ``caps.py``.

Each averages over several frames or looks at what lasts, so that what a codec, a smaller picture or another
brightness takes from true clips stays far below its cap. So one cap holds for all forms of a video, and a
form in which even true clips exceed one is too coarse to judge anybody by (``docs/answers.md``). Paths are
held against the truth: under the right law the difference of two free motions is a straight line.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import cache, cached_property

import numpy as np
from jaxtyping import Bool, Float

from worldlaw.core.numbers import physics
from worldlaw.core.types import VISIBLE, Case
from worldlaw.measure.metrics.caps import CAPS, SOLVED_ERROR, SOLVED_EXTRA
from worldlaw.measure.metrics.metric import metric
from worldlaw.measure.metrics.verdicts import findings
from worldlaw.worlds import scenarios

STEPS = (1, 2, 3, 4, 8)  # frames over which a path is held against itself
AT_IMPACT = 3  # of these: the one over an impact
LEGIBLE = 0.8  # of the frames that count: a form that tells of fewer is too coarse
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
    return _paths(case).flight_velocity_error


@metric(unit="m", best=0.0)
def path_break(case: Case) -> float:
    """How far a body's path breaks: the most by which the way from the truth bends over up to eight frames.

    With d the difference of measured and true place, the largest |d(t + s) - 2 d(t) + d(t - s)| over steps s
    of 1, 2, 3, 4 and 8 frames. It is 0 in free motion under the right law, also at a velocity that is off: a
    jump shows in it, and so does another gravity. The two frames about an impact do not count: bodies that
    touch are read less well, and few forms of a video show when they do. Over it the step is of 3 frames, and
    twice the way from the truth before it is allowed for: a body that comes late turns late.

    Returns: m; NaN if no three frames can be measured.
    """
    return _paths(case).path_break


@metric(unit="", best=0.0)
def size_change(case: Case) -> float:
    """How much a body's size differs from the one given, as a share of it: the most in any frame.

    Frames beside a true impact do not count: the colours of bodies that touch run into each other.

    Returns: a share; NaN if no frame can be measured.
    """
    return _paths(case).size_change


@metric(unit="", best=0.0)
def color_change(case: Case) -> float:
    """How far a body's colour is from the one given, as a share of black to white: the most in any frame.

    Euclidean distance in RGB, each channel in [0, 1], divided by the square root of 3; frames as for
    ``size_change``.

    Returns: 0 to 1; NaN if no frame can be measured.
    """
    return _paths(case).color_change


@metric(unit="", best=0.0)
def momentum_change(case: Case) -> float:
    """How much the total momentum changes in an impact, as a share of the momenta of all bodies before it.

    Momenta are of the velocities fitted to up to eight frames before and after it, and of the true masses.

    Returns: a share; NaN if the law does not keep momentum, or there is not one impact with three frames
    before and after it in which every body is measured.
    """
    found = _paths(case).across_impact
    if found is None or "momentum" not in case.scene.invariants:
        return np.nan
    mass, before, after = found
    moving = float((mass * np.linalg.norm(before, axis=-1)).sum())
    return float(np.linalg.norm(mass @ after - mass @ before) / moving) if moving else np.nan


@metric(unit="", best=0.0)
def energy_change(case: Case) -> float:
    """How much the kinetic energy of all bodies changes in an impact, as a share of that before it.

    Velocities and cases without a number as for ``momentum_change``.
    """
    found = _paths(case).across_impact
    if found is None or "energy" not in case.scene.invariants:
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
    one that says nothing of a scene (momentum without an impact) is not exceeded. At least 80 % of the frames
    that count have to be told of by the form of the video. Rankings use it.

    Returns: 0 or 1; NaN if no frame counts.
    """
    paths = _paths(case)
    if paths.legible_share < LEGIBLE:
        return 0.0
    if not paths.intervals.any():
        return np.nan
    if not np.isfinite(paths.away[paths.judged]).all() or case.extra_per_frame > SOLVED_EXTRA:
        return 0.0
    return float(not measures_above_caps(case))


def measures_above_caps(case: Case) -> tuple[str, ...]:
    """The measures of a case that are above what is allowed them."""
    caps = CAPS | (case.limits or {})
    values = {measure.name: measure(case) for measure in MEASURES}
    values |= {name: found.value for name, found in (findings(case) or {}).items() if name in caps}
    return tuple(name for name, value in values.items() if value > caps[name])


MEASURES = (
    flight_velocity_error,
    path_break,
    size_change,
    color_change,
    momentum_change,
    energy_change,
)


class _Paths:
    """Where the bodies of a case are beside the truth; what several measures need is worked out once.

    It goes with its case, whose states and videos may lie in open files.
    """

    def __init__(self, case: Case) -> None:
        self.of = weakref.ref(case, lambda _: _LAST.clear())
        self.scene, self.context, self.legible = case.scene, case.context, case.legible
        self.truth, self.seen = case.truth, case.tracked.bodies

    @cached_property
    def away(self) -> Float[np.ndarray, "T B 2"]:
        """Measured less true places in m; NaN where a body was not measured."""
        return self.seen.position - self.truth.position

    @cached_property
    def shown_frames(self) -> Bool[np.ndarray, "T B"]:
        """Frames in which the truth shows a body in full, and the form of the video tells of it."""
        visible = self.truth.status == VISIBLE
        return visible if self.legible is None else visible & self.legible

    @cached_property
    def judged(self) -> Bool[np.ndarray, "T B"]:
        """Frames in which a solved clip shows a body; the last given frame is the first of them."""
        return self._before_edge() & self.shown_frames

    def _before_edge(self) -> Bool[np.ndarray, "T B"]:
        """Frames from the last given one on in which the truth, and whoever may be solved, is in full view.

        Whoever may leave the view is not asked for from where ``SOLVED_ERROR`` since the last given frame,
        and ``EDGE``, may have brought it to the edge: that hangs on the truth alone, so losing a body never
        pays.
        """
        whole = self.truth.status == VISIBLE
        if not _walled(self.scene.scenario):
            position = self.truth.position
            room = np.minimum(position, np.array(self.scene.extent) - position).min(axis=-1)
            time = (np.arange(len(position)) - (self.context - 1))[:, None] * self.truth.dt
            whole &= (room - self.truth.size >= EDGE + SOLVED_ERROR * time) | (time <= 0)
        whole[: self.context - 1] = False
        return whole

    @cached_property
    def legible_share(self) -> float:
        """The share of the frames that count that the form of the video tells of."""
        count = int(self._before_edge().sum())
        return float(self.judged.sum() / count) if count else 1.0

    @cached_property
    def usable(self) -> Bool[np.ndarray, "T B"]:
        """The judged frames and all given ones."""
        usable = self.judged.copy()
        usable[: self.context] = self.shown_frames[: self.context]
        return usable

    @property
    def intervals(self) -> Bool[np.ndarray, "I B"]:
        """Intervals between judged frames."""
        return self.judged[1:] & self.judged[:-1]

    @cached_property
    def impact(self) -> Bool[np.ndarray, " I"]:
        """Intervals at or beside a true impact."""
        return physics.impact_intervals(self.truth.position, self.scene.gravity, self.truth.dt)

    @cached_property
    def flight_velocity_error(self) -> float:
        total, count = 0.0, 0
        for body, start, stop in _flights(self.intervals, self.impact):
            places = self.away[start : stop + 1, body]
            steps = np.arange(len(places)) - (len(places) - 1) / 2
            slope = steps @ places / (steps @ steps) / self.truth.dt
            total += (stop - start) * float(np.hypot(*slope))
            count += stop - start
        return total / count if count else np.nan

    @cached_property
    def path_break(self) -> float:
        away = np.where(self.usable[..., None], self.away, np.nan)
        away[1:-1][self.impact[1:] & self.impact[:-1]] = np.nan  # the two frames about the impact
        met_before = np.concatenate([[0], np.cumsum(self.impact)])  # (T,) impact intervals before each frame
        largest = np.nan
        for step in STEPS:
            first = max(0, self.context - 2 * step)  # the last of the three frames is a generated one
            last = len(away) - 2 * step
            if last <= first:
                break
            before, middle, after = (away[first + k : last + k] for k in (0, step, 2 * step))
            bend = np.linalg.norm(after - 2 * middle + before, axis=-1)  # (F, B)
            met = met_before[first + 2 * step :] > met_before[first:last]
            if step != AT_IMPACT:
                bend[met] = np.nan
            elif met.any():
                apart = np.linalg.norm(before[:, :, None] - before[:, None], axis=-1).max(axis=2)
                late = 2 * np.maximum(apart, np.linalg.norm(before, axis=-1))
                bend[met] = np.maximum(bend - late, 0.0)[met]
            largest = np.fmax(largest, np.fmax.reduce(bend, axis=None))
        return float(largest)

    @cached_property
    def size_change(self) -> float:
        size = self.seen.size / self.truth.size
        return self._most(np.abs(size / self._given(size) - 1))

    @cached_property
    def color_change(self) -> float:
        color = self.seen.color
        return self._most(np.linalg.norm(color - self._given(color), axis=-1) / np.sqrt(3))

    @cached_property
    def across_impact(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """(B,) masses in kg and (B, 2) velocities in m/s before and after the one impact of a clip."""
        impact = np.flatnonzero(self.impact)
        if not len(impact) or np.ptp(impact) >= len(impact):
            return None
        whole = (self.usable & np.isfinite(self.away[..., 0])).all(axis=1)
        velocities = []
        for start, stop in ((0, impact[0] + 1), (impact[-1] + 1, len(whole))):
            frames = start + np.flatnonzero(whole[start:stop])
            frames = frames[-WINDOW:] if start == 0 else frames[:WINDOW]
            if len(frames) < LEAST_WINDOW:
                return None
            steps = (frames - frames.mean())[:, None, None]
            places = self.seen.position[frames]
            velocities.append((steps * places).sum(axis=0) / (steps**2).sum() / self.truth.dt)
        mass = np.array([body.mass for body in self.scene.bodies])
        return mass, velocities[0], velocities[1]

    def _given(self, values: np.ndarray) -> np.ndarray:
        """(B, ...): the mean of values (T, B, ...) over the given frames; NaN for what these do not show."""
        given = values[: self.context]
        known = np.isfinite(given)
        with np.errstate(invalid="ignore"):
            return np.where(known, given, 0.0).sum(axis=0) / known.sum(axis=0)

    def _most(self, values: np.ndarray) -> float:
        """The largest of values (T, B) over generated frames that count, those beside an impact aside."""
        counted = self.judged & np.isfinite(values)
        counted[: self.context] = False
        counted[1:][self.impact] = counted[:-1][self.impact] = False
        return float(values[counted].max()) if counted.any() else np.nan


_LAST: list[_Paths] = []  # of the last case of this process: its metrics are asked for one after the other


def _paths(case: Case) -> _Paths:
    if not _LAST or _LAST[0].of() is not case:
        _LAST[:] = [_Paths(case)]
    return _LAST[0]


@cache
def _walled(scenario: str) -> bool:
    """Whether the edges of a scenario's view are walls, which no body leaves it through."""
    return scenario in scenarios.names() and scenarios.get(scenario).edges == "walls"


def _flights(intervals: np.ndarray, impact: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(body, first frame, last frame) of every run of some intervals (T - 1, B), cut where impacts begin."""
    kind = np.where(intervals, 1 + impact[:, None], 0)  # (T - 1, B)
    for body, runs in enumerate(kind.T):
        edges = np.flatnonzero(np.diff(runs, prepend=0, append=0))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if runs[start]:
                yield body, start, stop

"""How far the measured motion is from the true one."""

from __future__ import annotations

import numpy as np

from worldlaw.core.types import VISIBLE, Case
from worldlaw.measure.metrics.metric import metric

HALF_TURN = ("bar", "sticks")  # shapes that look the same after half a turn
CHARGE = 1.0  # m/s beyond the true speed, for an interval that could not be measured


@metric(unit="m/s", best=0.0, version=2)
def charged_velocity_error(case: Case) -> float:
    """velocity_error over all intervals that count, unmeasured ones charged with the true speed plus 1 m/s.

    No measured interval costs more than that. So to lose a body is never better than to show it, however
    wrong, and always worse than to let it stand still; ties in rankings are broken by this.

    Returns: m/s; NaN if the truth shows no body in full after the given frames.
    """
    counted = case.counted_intervals
    if not counted.any():
        return np.nan
    charge = np.linalg.norm(case.truth.velocity, axis=-1) + CHARGE
    error = np.where(
        case.measured_intervals, np.fmin(np.linalg.norm(_difference(case), axis=-1), charge), charge
    )
    return float(error[counted].mean())


@metric(unit="m/s", best=0.0)
def velocity_error(case: Case) -> float:
    """Mean size of the difference between measured and true velocity.

    The mean of |v_measured[t, b] - v_true[t, b]| over bodies b and over frame intervals t that end in a
    generated frame and are fully visible in the truth, where v is the mean velocity over an interval. What
    cannot be measured in the rollout is left out here and counted by ``measured_share``, which is always
    shown beside this.

    Shapes: positions (T, B, 2) in m give velocities (T - 1, B, 2) in m/s.
    Returns: m/s; NaN if no interval can be measured.
    Source: after Kang et al. 2024 (arXiv:2411.02385), "velocity error".
    """
    return _mean(np.linalg.norm(_difference(case), axis=-1)[case.measured_intervals])


@metric(unit="", best=1.0)
def measured_share(case: Case) -> float:
    """Share of the intervals fully visible in the truth in which the rollout could be measured.

    Returns: 0 to 1; NaN if the truth shows no body in full after the given frames.
    """
    counted = int(case.counted_intervals.sum())
    return int(case.measured_intervals.sum()) / counted if counted else np.nan


@metric(unit="m/s", best=0.0)
def mean_velocity_error(case: Case) -> float:
    """Size of the difference between the mean measured and the mean true velocity; blind to jitter.

    Both means are over the same measured intervals of a body; the sizes are averaged over bodies. Close to
    what the study printed for uniform motion.

    Returns: m/s; NaN if no interval can be measured.
    """
    difference, measured = _difference(case), case.measured_intervals
    per_body = [
        np.linalg.norm(difference[measured[:, b], b].mean(axis=0))
        for b in range(measured.shape[1])
        if measured[:, b].any()
    ]
    return _mean(np.array(per_body))


@metric(unit="m", best=0.0)
def position_error(case: Case) -> float:
    """Mean distance between measured and true position over generated frames.

    Over bodies and frames that are fully visible in the truth and measured in the rollout.

    Returns: m; NaN if no frame can be measured.
    """
    distance = np.linalg.norm(case.tracked.bodies.position - case.truth.position, axis=-1)
    return _mean(distance[_frames(case)])


@metric(unit="degrees", best=0.0)
def angle_error(case: Case) -> float:
    """Mean difference between how far a body has turned and how far it should have, over generated frames.

    Since the first frame, and modulo half a turn for bars and sticks, which look alike then. NaN where bodies
    do not turn; a ball does not show whether it does.
    """
    tracked, true = case.tracked.bodies.angle, case.truth.angle
    if tracked is None or true is None:
        return np.nan
    period = np.array([np.pi if body.shape in HALF_TURN else 2 * np.pi for body in case.scene.bodies])
    away = tracked - tracked[0] - (true - true[0])
    off = np.abs(away - period * np.round(away / period))
    counted = _frames(case) & np.isfinite(off)
    return float(np.degrees(off[counted].mean())) if counted.any() else np.nan


@metric(unit="m", best=0.0)
def size_error(case: Case) -> float:
    """Mean absolute difference between measured and true size over generated frames.

    Returns: m; NaN if no frame can be measured.
    """
    return _mean(np.abs(case.tracked.bodies.size - case.truth.size)[_frames(case)])


@metric(unit="", best=0.0)
def color_error(case: Case) -> float:
    """Mean distance between measured and true colour over generated frames, as a share of black to white.

    Euclidean distance in RGB, each channel in [0, 1], divided by the square root of 3.

    Returns: 0 to 1; NaN if no frame can be measured.
    """
    distance = np.linalg.norm(case.tracked.bodies.color - case.truth.color, axis=-1) / np.sqrt(3)
    return _mean(distance[_frames(case)])


def speeds(case: Case) -> list[tuple[int, float, float]]:
    """(body, true, measured) mean speeds in m/s of every body that counts; measured is NaN if it never was.

    Sizes of the mean velocities of the first half-second measured after the given frames: short enough that
    gravity and impacts have not mixed the speeds that a model was to carry on with those that came later.
    """
    counted, measured = case.counted_intervals, case.measured_intervals
    first = max(1, round(0.5 / case.truth.dt))
    rows = []
    for b in range(measured.shape[1]):
        chosen = measured if measured[:, b].any() else counted
        intervals = np.flatnonzero(chosen[:, b])[:first]
        if len(intervals):
            true, seen = (
                float(np.linalg.norm(states.velocity[intervals, b].mean(axis=0)))
                for states in (case.truth, case.tracked.bodies)
            )
            rows.append((b, true, seen))
    return rows


def _difference(case: Case) -> np.ndarray:
    """(T - 1, B, 2) m/s: measured less true velocity."""
    return case.tracked.bodies.velocity - case.truth.velocity


def _frames(case: Case) -> np.ndarray:
    """(T, B) bool: generated frames in which a body is in full view in the truth, and measured."""
    counted = (case.truth.status == VISIBLE) & np.isfinite(case.tracked.bodies.position).all(axis=-1)
    counted[: case.context] = False
    return counted


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan

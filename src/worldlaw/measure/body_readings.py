"""What a body does and looks like in a rollout, beside the truth: pairs of numbers, not errors."""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers.colors import BODY_COLORS, COLORS
from worldlaw.core.types import VISIBLE, Case
from worldlaw.measure.rest_outcome import outcomes_of

VERSION = 1  # raise it whenever the same case would give other readings
STILL = 1e-9  # m/s: a slower body has no heading


def readings(case: Case) -> list[tuple[int, str, float, str]]:
    """(body, name, value, unit) of every body that counts; NaN where the rollout could not be measured.

    ``true_velocity``, ``measured_velocity`` m/s: mean velocity along the heading, which is the direction of
    the body's velocity at t = 0, so that gravity does not count where a ball is thrown level; negative for
    who goes back. Over the measured intervals, the true one over all that count if none was measured. A body
    that stands still at t = 0 has no heading and no such rows.
    ``true_size``, ``measured_size`` m: mean over the generated frames fully visible in the truth and
    measured. ``color_kept``: 1 if the mean colour over these frames is nearest, among the named colours of
    bodies, to the true one; else 0.
    ``true_outcome``, ``measured_outcome``: of the one free body among fixed ones, a place in OUTCOMES.
    """
    rows: list[tuple[int, str, float, str]] = []
    if (found := outcomes_of(case)) is not None:
        body, *values = found
        names = ("true_outcome", "measured_outcome")
        rows += [(body, name, value, "") for name, value in zip(names, values, strict=True)]
    truth, tracked = case.truth, case.tracked.bodies
    visible = truth.status == VISIBLE
    visible[: case.context] = False
    for body in range(truth.num_bodies):
        chosen = (
            case.measured_intervals[:, body]
            if case.measured_intervals[:, body].any()
            else case.counted_intervals[:, body]
        )
        if chosen.any():
            start = np.array(case.scene.bodies[body].velocity)
            speed = float(np.linalg.norm(start))
            if speed > STILL:
                true, seen = (states.velocity[chosen, body].mean(axis=0) for states in (truth, tracked))
                rows.append((body, "true_velocity", float(true @ start / speed), "m/s"))
                rows.append((body, "measured_velocity", float(seen @ start / speed), "m/s"))
        if visible[:, body].any():
            seen = visible[:, body] & np.isfinite(tracked.size[:, body])
            size = float(tracked.size[seen, body].mean()) if seen.any() else np.nan
            rows.append((body, "true_size", float(truth.size[visible[:, body], body].mean()), "m"))
            rows.append((body, "measured_size", size, "m"))
            rows.append((body, "color_kept", _kept(truth.color[0, body], tracked.color[seen, body]), ""))
    return rows


def _kept(true: np.ndarray, seen: np.ndarray) -> float:
    """Whether the mean of colours (F, 3) in [0, 1] has the same nearest named colour as the true one (3,)."""
    if not np.isfinite(seen).any():
        return np.nan
    named = np.array([COLORS[name] for name in BODY_COLORS]) / 255
    nearest = [
        int(np.linalg.norm(named - color, axis=1).argmin()) for color in (true, np.nanmean(seen, axis=0))
    ]
    return float(nearest[0] == nearest[1])

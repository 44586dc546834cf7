"""Is a rollout nearer to something from training than to the truth? The nearest training case in motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import Case
from worldlaw.measure.metrics.caps import SOLVED_ERROR
from worldlaw.measure.references import CaseLibrary

# A truth nearer to training than this cannot be told from it: whoever replays that case solves the clip.
TOLERANCE = SOLVED_ERROR  # m/s
VERSION = 1  # raise it whenever the same case would give another number


@dataclass(frozen=True)
class Motions:
    """The motions of all training cases, wherever in the view they began."""

    velocity: np.ndarray  # (M, T - K - 1, B, 2) float32 m/s, over the intervals between generated frames


@dataclass(frozen=True)
class Copy:
    """How much of a rollout is training."""

    training_clip: int  # index of the nearest training case; -1 if nothing of the rollout was measured
    case_distance: float  # m/s to that case
    case_distance_of_truth: float  # m/s from the truth to the training case nearest to it
    copy_index: float  # +1 a copy of training, -1 the truth


def motions(library: CaseLibrary, dt: float) -> Motions:
    """The motions of a library's cases, whose frames are ``dt`` seconds apart.

    As in the library, stored states stand for what tracking would give, and go on outside the view.
    """
    return Motions(np.ascontiguousarray(np.diff(library.displacement, axis=1) / dt, np.float32))


def nearest_motion(cases: Motions, velocity: np.ndarray, chosen: np.ndarray) -> tuple[int, float]:
    """Index of the training case nearest in motion to ``velocity`` (I, B, 2) m/s, and its distance.

    Distance: mean of |v - v_case| in m/s over the ``chosen`` (I, B) intervals and bodies, bodies in the order
    of the scene; of equally near cases the first counts. (-1, NaN) if nothing is chosen.
    """
    where = np.flatnonzero(chosen)
    if not len(where):
        return -1, np.nan
    num_cases = len(cases.velocity)
    wanted = np.ascontiguousarray(velocity.reshape(-1, 2)[where], np.float32)
    index, total = _nearest(cases.velocity.reshape(num_cases, -1, 2), where, wanted)
    return int(index), float(total) / len(where)


def nearest_copy(case: Case, cases: Motions) -> Copy:
    """The nearest training case of a rollout, and its copy index.

    With d_case = the least mean of |v_rollout - v_case| over training cases and d_truth = the same mean
    against the truth, both over the measured intervals between generated frames,

        copy_index = (d_truth - d_case) / (d_truth + d_case).

    Velocities, not positions, so that a motion replayed elsewhere in the view is a copy; for the same reason
    the interval from the last given frame to the first generated one, over which such a replay jumps, is left
    out. Means, not squares, in the unit of the primary metric. The least of many distances is small by chance
    alone where training is dense. So the index is NaN where the truth itself, over the same intervals, lies
    nearer to a training case than ``TOLERANCE``: there a copy of training and the truth are one.

    Returns: NaN for the distances too if nothing was measured.
    """
    inner = slice(case.context, None)
    velocity, true = case.tracked.bodies.velocity[inner], case.truth.velocity[inner]
    chosen = case.measured_intervals[inner]
    index, to_case = nearest_motion(cases, velocity, chosen)
    if index < 0:
        return Copy(-1, np.nan, np.nan, np.nan)
    _, of_truth = nearest_motion(cases, true, chosen)
    to_truth = float(np.linalg.norm(velocity - true, axis=-1)[chosen].mean())
    says = of_truth >= TOLERANCE  # so the two distances cannot both be zero
    return Copy(index, to_case, of_truth, (to_truth - to_case) / (to_truth + to_case) if says else np.nan)


@compiled
def _nearest(velocity: np.ndarray, where: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """The case of least summed distance, and that sum; a case is left as soon as it is farther than another.

    velocity (M, J, 2) and wanted (n, 2) m/s, where (n,) the columns of J that count.
    """
    best, least = -1, np.inf
    for m in range(velocity.shape[0]):
        total = 0.0
        for n in range(where.shape[0]):
            x = velocity[m, where[n], 0] - wanted[n, 0]
            y = velocity[m, where[n], 1] - wanted[n, 1]
            total += np.sqrt(x * x + y * y)
            if total >= least:
                break
        if total < least:
            best, least = m, total
    return best, least

"""Is everything there that should be, and nothing else?"""

from __future__ import annotations

import numpy as np

from worldlaw.core.types import VISIBLE, Case
from worldlaw.measure.metrics.metric import metric


@metric(unit="", best=0.0)
def lost_share(case: Case) -> float:
    """Share of generated frames in which a body that is fully visible in the truth cannot be found.

    Whatever the reason (lost, cut by the edge or gone from view), averaged over all bodies and frames
    counted.

    Returns: 0 to 1; NaN if the truth shows no body in full after the given frames.
    """
    counted = case.truth.status[case.context :] == VISIBLE
    missing = np.isnan(case.tracked.bodies.position[case.context :]).any(axis=-1)
    return float(missing[counted].mean()) if counted.any() else np.nan


@metric(unit="per frame", best=0.0, absence_is_best=True)
def extra_detections(case: Case) -> float:
    """Mean number of things seen per generated frame that are none of the known bodies."""
    return case.extra_per_frame

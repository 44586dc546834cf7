"""Does a clip of rigid bodies obey mechanics, whatever the truth beside it does?

Measured from the tracks of the clip and from what its given frames show, for scenarios whose bodies are
tracked by pose; NaN for others and for predictors that draw nothing. ``docs/verdicts.md`` has the formulas.
"""

from __future__ import annotations

import numpy as np

from worldlaw.core.types import Case
from worldlaw.measure.metrics.metric import metric
from worldlaw.measure.tracking.poses.silhouettes import read_silhouettes
from worldlaw.measure.verdicts import measure
from worldlaw.measure.verdicts.clip_geometry import sight_of
from worldlaw.measure.verdicts.measures import MEASURES, MeasuredFault


def findings(case: Case) -> dict[str, MeasuredFault] | None:
    """The seven measures of a case; None where bodies were not tracked by pose."""
    if case.tracked.bodies.misfit is None or case.generated_video is None:
        return None
    if not _LAST or _LAST[0][0] is not case:  # the metrics of one case are asked for one after the other
        given = case.true_video()[: case.context]
        silhouettes = read_silhouettes(given, extent=case.scene.extent, fps=1 / case.truth.dt)
        sight = sight_of(case.tracked, silhouettes, gravity=case.scene.gravity, context=case.context)
        _LAST[:] = [(case, measure(sight))]
    return _LAST[0][1]


_LAST: list[tuple[Case, dict[str, MeasuredFault]]] = []  # the last case of this process


def numbers(case: Case) -> dict[str, float]:
    """The seven numbers of a case: what a calibration collects from true clips."""
    found = findings(case)
    return {name: np.nan if found is None else found[name].value for name in MEASURES}


@metric(unit="m", best=0.0)
def penetration(case: Case) -> float:
    """How deep a body gets into another or into a wall, or how impossible its way round was."""
    return numbers(case)["penetration"]


@metric(unit="", best=0.0)
def deformation(case: Case) -> float:
    """Largest share of a body's area that looks otherwise than its silhouette, in two frames on end."""
    return numbers(case)["deformation"]


@metric(unit="frames", best=0.0)
def vanish(case: Case) -> float:
    """In how many generated frames a body is missing that nothing hides: the most of any body."""
    return numbers(case)["vanish"]


@metric(unit="m² frames", best=0.0)
def duplicate(case: Case) -> float:
    """Area that belongs to no known body, summed over the generated frames."""
    return numbers(case)["duplicate"]


@metric(unit="m", best=0.0)
def floating(case: Case) -> float:
    """How far a body that rests is from all that could hold it."""
    return numbers(case)["floating"]


@metric(unit="m", best=0.0)
def uncaused_motion(case: Case) -> float:
    """How far a body comes to be from where it must be while nothing touches it."""
    return numbers(case)["uncaused_motion"]


@metric(unit="m", best=0.0)
def energy_gain(case: Case) -> float:
    """By how much bodies that can only lose mechanical energy gain some, as a height they are raised by."""
    return numbers(case)["energy_gain"]


@metric(unit="", best=0.0)
def abnormal(case: Case) -> float:
    """Whether any of the seven is above what true clips of the same kind show.

    The limits come with the case; they are set together on true clips, so that at most 1 % of such are called
    abnormal. Returns: 0 or 1; NaN without limits.
    """
    found = findings(case)
    limits = case.limits or {}
    if found is None or not limits.keys() >= found.keys():
        return np.nan
    return float(any(finding.value > limits[name] for name, finding in found.items()))

"""Thresholds from true clips, set together, and the verdict on a clip."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.measure.verdicts.clip_geometry import ClipGeometry
from worldlaw.measure.verdicts.measures import MEASURES, MeasuredFault

VERSION = 3  # raise it whenever the same tracks would give other numbers
NEED_NO_BODY = ("vanish", "duplicate")
# What no measure is asked to tell from nothing, lengths in pixels: half a frame, two hundredths of a body.
FINEST = {
    "penetration": 0.5,
    "deformation": 0.02,
    "vanish": 0.5,
    "duplicate": 4.0,
    "floating": 0.5,
    "uncaused_motion": 0.5,
    "energy_gain": 0.5,
}


@dataclass(frozen=True)
class Thresholds:
    """What each measure may not exceed, and from which true clips that is known."""

    limits: dict[str, float]  # measure -> its unit
    share: float  # of true clips that may be judged abnormal
    confidence: float  # that fresh true clips keep to it
    clips: int  # calibrated on
    exceeding: int  # of them above a limit
    unmeasured: dict[str, int]  # measure -> clips on which it was NaN
    about: dict[str, float | str]  # resolution, fps, frames, versions: what the limits hold for

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Thresholds:
        """What ``to_json`` wrote. Raises BadInput if it is anything else."""
        try:
            found = Thresholds(**json.loads(text))
        except (TypeError, json.JSONDecodeError) as error:
            raise BadInput(f"these are no thresholds of verdicts: {error}") from error
        if set(found.limits) != set(MEASURES):
            raise BadInput(f"thresholds of {', '.join(found.limits)}; expected {', '.join(MEASURES)}")
        return found


@dataclass(frozen=True)
class Verdict:
    """Seven numbers about a clip, and whether they are those of a true one."""

    findings: dict[str, MeasuredFault]
    thresholds: Thresholds

    @property
    def exceeded(self) -> tuple[str, ...]:
        """The measures above their threshold."""
        limits = self.thresholds.limits
        return tuple(name for name, finding in self.findings.items() if finding.value > limits[name])

    @property
    def abnormal(self) -> bool:
        """Whether any measure is above its threshold."""
        return bool(self.exceeded)


def measure(sight: ClipGeometry) -> dict[str, MeasuredFault]:
    """Every measure of a clip; of a clip in which no body is found any more, only what needs none.

    The others are NaN: what is not there neither floats nor bends.
    """
    blank = not sight.found[sight.context :].any()
    return {
        name: MeasuredFault(np.nan) if blank and name not in NEED_NO_BODY else function(sight)
        for name, function in MEASURES.items()
    }


def judge(sight: ClipGeometry, thresholds: Thresholds) -> Verdict:
    """The verdict on a clip."""
    return Verdict(measure(sight), thresholds)


def fewest_clips(share: float, confidence: float) -> int:
    """How many true clips a calibration needs: even their largest number must say enough (Wilks 1941)."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - share))


def calibrate(
    values: Sequence[Mapping[str, float]],
    *,
    pixel: float,
    share: float = 0.01,
    confidence: float = 0.9,
    about: Mapping[str, float | str] | None = None,
) -> Thresholds:
    """Thresholds such that at most ``share`` of fresh true clips exceed any of them, with this confidence.

    All are set at one rank: each measure's limit is its r-th largest value over the given clips (at least
    what can be told from nothing, lengths from ``pixel``, the size of a pixel in m). r is the largest for
    which at most k of the N clips reach any limit; those that set one count, since without them it would be
    lower. The share of fresh clips above the k-th largest of N numbers is distributed as Beta(k, N + 1 - k),
    whatever their distribution (Wilks 1941); k is the largest for which it exceeds ``share`` with a
    probability of at most 1 - ``confidence``. With few clips even r = 1 may have more than k set a limit, and
    the promise is then a little too good; fresh clips are the check. A measure in which the tracker errs now
    and then gets a wide limit, and no other does. NaN is counted and exceeds nothing.

    Raises BadInput if there are fewer clips than even k = 1 takes: 230 for the defaults. A thousand are
    better: k is 6 then, and a few clips in which the tracker erred do not set the limits.
    """
    from scipy.stats import beta  # half a second, for those who calibrate only

    fewest = fewest_clips(share, confidence)
    if len(values) < fewest:
        raise BadInput(
            f"verdicts: {len(values)} true clips to calibrate on; {fewest} are needed to promise at most "
            f"{share:.1%} with {confidence:.0%} confidence"
        )
    table = np.array([[row[name] for name in MEASURES] for row in values], float)
    unmeasured = dict(zip(MEASURES, np.isnan(table).sum(axis=0).tolist(), strict=True))
    table = np.nan_to_num(table, nan=0.0)
    finest = np.array([FINEST[name] * (pixel ** _POWER.get(name, 1)) for name in MEASURES])
    allowed = 1  # k: clips that may reach a limit
    while beta.sf(share, allowed + 1, len(table) - allowed) <= 1 - confidence:
        allowed += 1
    ranked = np.sort(table, axis=0)[::-1]
    limit = np.maximum(ranked[0], finest)
    for row in ranked[1:]:
        lower = np.maximum(row, finest)
        if ((table >= lower) & (table > finest)).any(axis=1).sum() > allowed:
            break
        limit = lower
    exceeding = int((table > limit).any(axis=1).sum())
    limits = dict(zip(MEASURES, limit.tolist(), strict=True))
    return Thresholds(limits, share, confidence, len(values), exceeding, unmeasured, dict(about or {}))


_POWER = {"deformation": 0, "vanish": 0, "duplicate": 2}  # of a pixel's size in the measure's unit

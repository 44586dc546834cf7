"""Everything that was left out of a number, counted, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldlaw.pages.cells import Cells, PerClip
from worldlaw.pages.wording import pretty
from worldlaw.report.report_input import Exclusion

PICTURES_ONLY = ("psnr", "ssim", "lpips", "study_velocity_error")  # a predictor on states has none of these


@dataclass(frozen=True)
class Lost:
    """How much of a predictor's rollouts could not be measured."""

    scenario: str
    predictor: str
    region: str
    unmeasured_share: float
    lost_share: float
    clips_with_loss: int
    num_clips: int


def losses(cells: Cells) -> list[Lost]:
    """Intervals not measured and bodies lost, for every predictor that lost any."""
    found = []
    for scenario in cells.scenarios:
        for name, kind in cells.predictors(scenario):
            for region in cells.regions:
                shares = cells.get(scenario, name, "measured_share").where(region=region)
                losts = cells.get(scenario, name, "lost_share").where(region=region)
                unmeasured, gone = 1 - shares.summary().mean, losts.summary().mean
                share, lost = shares.value, losts.value
                if kind != "floor" and (unmeasured > 0 or gone > 0):
                    num = int((share < 1).sum()) if len(share) else int((lost > 0).sum())
                    found.append(
                        Lost(scenario, name, region, unmeasured, gone, num, max(len(share), len(lost)))
                    )
    return found


def unmeasured_clips(cells: Cells) -> list[Exclusion]:
    """Where a metric is not a number, and the clips for which a predictor has no number at all.

    Lines that differ in nothing but the scenario or the reference are added up.
    """
    found: dict[tuple[str, str], list[Exclusion]] = {}
    for scenario in cells.scenarios:
        for line in [
            *_without_result(cells, scenario),
            *(line for metric in cells.units for line in _without_value(cells, scenario, metric)),
            *_without_speed(cells, scenario),
        ]:
            found.setdefault((line.what, line.reason), []).append(line)
    return [
        Exclusion(
            what=what,
            where=", ".join(dict.fromkeys(line.where for line in lines)),
            reason=reason,
            count=sum(line.count for line in lines),
            out_of=sum(line.out_of or 0 for line in lines),
        )
        for (what, reason), lines in found.items()
    ]


def _without_result(cells: Cells, scenario: str) -> list[Exclusion]:
    """Clips that other predictors answered and this one did not."""
    clips: dict[str, set[tuple[str, int]]] = {}
    for (its, name, _), values in cells.per_clip.items():
        if its == scenario:
            clips.setdefault(name, set()).update(_clips(values))
    every = set().union(*clips.values())
    return [
        Exclusion(f"clips, {pretty(name)}", pretty(scenario), "no result", len(every - its), len(every))
        for name, its in clips.items()
        if its != every
    ]


def _without_value(cells: Cells, scenario: str, metric: str) -> list[Exclusion]:
    """NaN rows of one metric, with the reason; one line for all predictors where nothing can be said of them.

    A clip on which the true video has no number either is not scored by the metric; what remains could not
    be measured in the rollout.
    """
    present = [(name, kind, cells.get(scenario, name, metric)) for name, kind in cells.predictors(scenario)]
    present = [entry for entry in present if len(entry[2].value)]
    unscored = {
        pair
        for _, kind, values in present
        if kind == "floor"
        for pair, value in zip(_clips(values), values.value, strict=True)
        if np.isnan(value)
    }
    total = sum(int(values.rows.sum()) for _, _, values in present)
    if unscored and all(values.nan_rows.sum() == values.rows.sum() for _, _, values in present):
        reason = "does not apply: not a number for anybody, the floor included"
        return [Exclusion(pretty(metric), pretty(scenario), reason, total, total)]
    found = []
    for name, kind, values in present:
        num, num_nan = int(values.rows.sum()), int(values.nan_rows.sum())
        if metric in PICTURES_ONLY and kind == "reference" and num_nan == num:
            reason = "does not apply: they predict states and draw no picture"
            found.append(Exclusion(f"{pretty(metric)}, references", pretty(scenario), reason, num, num))
            continue
        either = np.array([pair in unscored for pair in _clips(values)])
        num_unscored = int(values.nan_rows[either].sum())
        if num_unscored:
            reason = "not scored for this clip: no number for the true video either"
            found.append(Exclusion(pretty(metric), pretty(scenario), reason, num_unscored, num))
        if num_nan > num_unscored:
            reason = "could not be measured in the rollout"
            what = f"{pretty(metric)}, {pretty(name)}"
            found.append(Exclusion(what, pretty(scenario), reason, num_nan - num_unscored, num))
    return found


def _clips(values: PerClip) -> list[tuple[str, int]]:
    return list(zip(values.split, values.clip.tolist(), strict=True))


def _without_speed(cells: Cells, scenario: str) -> list[Exclusion]:
    """Bodies that have a true speed and no measured one."""
    found = []
    for name, _ in cells.predictors(scenario):
        if (scenario, name) in cells.speeds:
            speeds = cells.speeds[scenario, name]
            num = int((~np.isfinite(speeds.measured)).sum())
            if num:
                what, reason = f"measured speed, {pretty(name)}", "the body could not be followed"
                found.append(Exclusion(what, pretty(scenario), reason, num, len(speeds.true)))
    return found

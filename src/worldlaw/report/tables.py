"""The numbers of the page: the ranking, every metric by split, and which clips to show."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pyarrow as pa

from worldlaw.core.numbers.permutation import LEVEL, better_and_worse, holm, sign_test
from worldlaw.pages.cells import KINDS, REGIONS, Cells, PerClip, arrange
from worldlaw.pages.levels import level_words

UNRANKED = ("floor", "codec")
ENOUGH = 0.75  # a predictor with a smaller measured share is not measured enough to rank
CHARGED = "charged_velocity_error"  # m/s, in which what could not be measured is charged, never left out


class LeaderboardRow(TypedDict):
    """A predictor in one region of a scenario, as ``leaderboard`` says; None is what was not measured."""

    scenario: str
    region: str
    predictor: str
    kind: str
    rank: int | None
    best_rank: int | None
    worst_rank: int | None
    measured_enough: bool
    num_clips: int
    solved: float | None
    solved_low: float | None
    solved_high: float | None
    velocity_error: float | None  # m/s, as the next five
    velocity_error_low: float | None
    velocity_error_high: float | None
    charged_velocity_error: float | None
    charged_velocity_error_low: float | None
    charged_velocity_error_high: float | None
    measured_share: float | None
    extra_detections: float | None  # per frame
    floor_ratio: float | None
    charged_floor_ratio: float | None
    ood_id_ratio: float | None


class PredictorRows(TypedDict):
    """A predictor's rows of one scenario."""

    predictor: str
    kind: str
    regions: dict[str, LeaderboardRow]


class ExtremeClip(TypedDict):
    """A rollout to look at."""

    region: str
    split: str
    level: str
    clip: int
    seed: int
    num_seeds: int
    velocity_error: float  # m/s
    measured_share: float
    lost_share: float


def leaderboard(results: pa.Table) -> list[LeaderboardRow]:
    """One JSON-able row per scenario, region (ID, OOD) and predictor: floor, codecs, then by rank.

    **The rule.** Within a scenario and region, predictors are ranked by the share of clips solved, ties by
    velocity error in which every interval that could not be measured is charged with the true speed plus
    1 m/s. And a predictor whose measured share is below 0.75 is not measured enough to rank, and stands after
    all that are: making a ball vanish must never pay. Models and references share one ranking; the floor has
    no rank, and a codec, which only draws the true video again, has none either.

    ``best_rank`` and ``worst_rank`` are the ranks that remain when only differences that are shown count: the
    exact sign test, over the clips of which one of two solves more answers than the other, corrected for all
    pairs in all scenarios and regions (Holm). It is about these trainings, not about others of the same kind.
    ``charged_velocity_error`` is that error in m/s; the velocity error where results have no such metric.
    ``floor_ratio`` and ``charged_floor_ratio`` are the two errors over those of the floor, each a ratio of
    means over the clips of the region on which both are numbers. ``ood_id_ratio`` is the charged error out of
    distribution over that in distribution. What could not be measured is None.
    """
    return rank(arrange(results))


def rank(cells: Cells) -> list[LeaderboardRow]:
    """The rows of ``leaderboard``."""
    board: list[LeaderboardRow] = []
    charged = nearness(cells)
    for scenario in cells.scenarios:
        predictors = list(cells.predictors(scenario))
        floor = next((name for name, kind in predictors if kind == "floor"), "")
        summaries = {
            (name, metric, region): cells.get(scenario, name, metric).where(region=region).summary()
            for name, _ in predictors
            for metric in dict.fromkeys(("solved", "velocity_error", charged, "measured_share"))
            for region in REGIONS
        }
        for region in cells.regions:
            rows: list[LeaderboardRow] = []
            for name, kind in predictors:
                solved, error, share = (
                    summaries[name, metric, region]
                    for metric in ("solved", "velocity_error", "measured_share")
                )
                if not error.num + error.num_nan + share.num + share.num_nan:
                    continue
                plain, dear, extra = (
                    cells.get(scenario, name, metric).where(region=region)
                    for metric in ("velocity_error", charged, "extra_detections")
                )
                dearly = summaries[name, charged, region]
                inside, outside = (summaries[name, charged, which].mean for which in ("ID", "OOD"))
                row: LeaderboardRow = {
                    "scenario": scenario,
                    "region": region,
                    "predictor": name,
                    "kind": kind,
                    "rank": None,
                    "best_rank": None,
                    "worst_rank": None,
                    "measured_enough": bool(share.mean >= ENOUGH),
                    "num_clips": max(error.num + error.num_nan, share.num + share.num_nan),
                    "solved": _plain(solved.mean),
                    "solved_low": _plain(solved.low),
                    "solved_high": _plain(solved.high),
                    "velocity_error": _plain(error.mean),
                    "velocity_error_low": _plain(error.low),
                    "velocity_error_high": _plain(error.high),
                    "charged_velocity_error": _plain(dearly.mean),
                    "charged_velocity_error_low": _plain(dearly.low),
                    "charged_velocity_error_high": _plain(dearly.high),
                    "measured_share": _plain(share.mean),
                    "extra_detections": _plain(_mean(extra.value)),
                    "floor_ratio": _plain(_over(plain, cells.get(scenario, floor, "velocity_error"))),
                    "charged_floor_ratio": _plain(_over(dear, cells.get(scenario, floor, charged))),
                    "ood_id_ratio": _plain(_ratio(outside, inside)),
                }
                rows.append(row)
            board += [row for kind in UNRANKED for row in rows if row["kind"] == kind]
            ranked = sorted((row for row in rows if row["kind"] not in UNRANKED), key=place)
            board += [{**row, "rank": index + 1} for index, row in enumerate(ranked)]
    return _with_possible_ranks(cells, board)


def _with_possible_ranks(cells: Cells, board: list[LeaderboardRow]) -> list[LeaderboardRow]:
    """The rows of a ranking with the ranks that each may have, by what is shown."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations([row for row in board if row["rank"] is not None], 2)
        if (one["scenario"], one["region"]) == (other["scenario"], other["region"])
        and one["measured_enough"] == other["measured_enough"]
    ]
    apart = [_solved_apart(cells, one, other) for one, other in pairs]
    corrected = holm([sign_test(differences) for differences in apart])
    better: dict[int, int] = {}
    worse: dict[int, int] = {}
    for pair, differences, chance in zip(pairs, apart, corrected, strict=True):
        num_better, num_worse = better_and_worse(differences)
        if chance <= LEVEL and num_better > num_worse:  # the first has the better rank
            better[id(pair[1])] = better.get(id(pair[1]), 0) + 1
            worse[id(pair[0])] = worse.get(id(pair[0]), 0) + 1
    return [_possible(row, board, better.get(id(row), 0), worse.get(id(row), 0)) for row in board]


def _possible(
    row: LeaderboardRow, board: Sequence[LeaderboardRow], num_better: int, num_worse: int
) -> LeaderboardRow:
    """A row with its possible ranks; those measured enough stand before those who are not, in any case."""
    if row["rank"] is None:
        return row
    place = row["scenario"], row["region"]
    among = [one for one in board if one["rank"] is not None and (one["scenario"], one["region"]) == place]
    enough = sum(one["measured_enough"] for one in among)
    first, last = (1, enough) if row["measured_enough"] else (enough + 1, len(among))
    return {**row, "best_rank": first + num_better, "worst_rank": last - num_worse}


def _solved_apart(cells: Cells, one: LeaderboardRow, other: LeaderboardRow) -> np.ndarray:
    """How much more of each clip the first of two rows solves; NaN where either has no answer."""
    first, second = (
        cells.get(row["scenario"], row["predictor"], "solved").where(region=row["region"])
        for row in (one, other)
    )
    known = dict(zip(zip(second.split, second.clip, strict=True), second.value, strict=True))
    clips = zip(first.split, first.clip, strict=True)
    return first.value - np.array([known.get(clip, np.nan) for clip in clips], float)


def nearness(cells: Cells) -> str:
    """The metric that says who is nearest: the charged velocity error, or the plain one of older results."""
    return CHARGED if CHARGED in cells.units else "velocity_error"


def place(row: LeaderboardRow) -> tuple[bool, float, float, str]:
    """Sorts by the rule of ``leaderboard``; names break what ties are left."""
    error = np.inf if row["charged_velocity_error"] is None else row["charged_velocity_error"]
    return not row["measured_enough"], -(row["solved"] or 0.0), error, row["predictor"]


def order(board: list[LeaderboardRow], scenario: str) -> list[PredictorRows]:
    """For each predictor its rows by region, in the order of KINDS, then by rank out of distribution."""
    rows = [row for row in board if row["scenario"] == scenario]
    found: dict[str, PredictorRows] = {}
    for row in rows:
        entry = found.setdefault(
            row["predictor"], {"predictor": row["predictor"], "kind": row["kind"], "regions": {}}
        )
        entry["regions"][row["region"]] = row
    regions = [row["region"] for row in rows]
    decisive = "OOD" if "OOD" in regions else next(iter(regions), "")

    def key(entry: PredictorRows) -> tuple[int, float]:
        row = entry["regions"].get(decisive)
        return KINDS.index(entry["kind"]), np.inf if row is None or row["rank"] is None else row["rank"]

    return sorted(found.values(), key=key)


def extremes(cells: Cells, scenario: str, predictor: str, region: str) -> list[tuple[str, ExtremeClip]]:
    """The clips of the smallest and the largest charged velocity error; one clip is both and stands once.

    As in the ranking, a clip that was not measured enough is worse than any that was; without an error it is
    the worst. Clips in which nothing was to be measured are passed over. With several training seeds, every
    seed's answer to a clip is one to choose from.
    """
    error = cells.get(scenario, predictor, "velocity_error").where(region=region)

    def of(metric: str) -> np.ndarray:
        values = cells.get(scenario, predictor, metric).where(region=region)
        known = dict(zip(zip(values.split, values.clip, strict=True), values.by_seed, strict=True))
        pairs = zip(error.split, error.clip, strict=True)
        return np.array([known.get(pair, np.full(len(seeds), np.nan)) for pair in pairs]).reshape(-1)

    seeds = cells.seeds.get((scenario, predictor), (0,))
    share, lost, charged = of("measured_share"), of("lost_share"), of(nearness(cells))
    badness = np.lexsort([np.where(np.isfinite(charged), charged, np.inf), ~(share >= ENOUGH)])
    badness = badness[(np.isfinite(charged) | np.isfinite(share))[badness]]
    if not len(badness):
        return []
    chosen = [("only", badness[0])] if len(badness) == 1 else [("best", badness[0]), ("worst", badness[-1])]
    return [
        (
            which,
            {
                "region": region,
                "split": str(error.split[at // len(seeds)]),
                "level": level_words(error.level[at // len(seeds)]),
                "clip": int(error.clip[at // len(seeds)]),
                "seed": seeds[at % len(seeds)],
                "num_seeds": len(seeds),
                "velocity_error": float(error.by_seed.reshape(-1)[at]),
                "measured_share": float(share[at]),
                "lost_share": float(lost[at]),
            },
        )
        for which, at in chosen
    ]


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else np.nan


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan


def _over(above: PerClip, below: PerClip) -> float:
    """The ratio of two means over the clips on which both are numbers."""
    floor = dict(zip(zip(below.split, below.clip, strict=True), below.value, strict=True))
    other = np.array([floor.get(pair, np.nan) for pair in zip(above.split, above.clip, strict=True)], float)
    both = np.isfinite(above.value) & np.isfinite(other)
    return _ratio(_mean(above.value[both]), _mean(other[both]))


def _plain(value: float) -> float | None:
    """NaN becomes None, which JSON can say."""
    return value if np.isfinite(value) else None

"""The answer in sentences, computed from the ranking: who keeps the law, or who is nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from worldlaw.pages.wording import REGION_WORDS, join_words, number, percent, pretty, ratio
from worldlaw.report.tables import LeaderboardRow

FOLLOWS = 0.95  # a predictor that solves at least this share of the clips of every scenario follows the law
MOSTLY = 0.5  # below this share it is not said to keep the law at all
MANY_EXTRA = 0.05  # per frame: more bodies than this that are not there are worth a sentence
MEASURED_WELL = 0.95  # a smaller measured share is worth a sentence
Distance = Literal["charged_floor_ratio", "charged_velocity_error"]
Error = Literal["floor_ratio", "velocity_error"]
ERRORS: tuple[tuple[Distance, Error, str], ...] = (
    ("charged_floor_ratio", "floor_ratio", "times the floor"),
    ("charged_velocity_error", "velocity_error", "m/s"),
)


@dataclass(frozen=True)
class Overall:
    """A predictor over all scenarios, in one region."""

    predictor: str
    enough: bool  # ranked in every scenario in which anybody was examined
    solved: float  # mean over scenarios
    solved_by: dict[str, float]
    distance: float  # geometric mean over scenarios of the charged velocity error over that of the floor
    rows: list[LeaderboardRow]  # of the leaderboard, one per scenario


def overall(board: list[LeaderboardRow], region: str, kind: str) -> list[Overall]:
    """Predictors of a kind over all scenarios by the rule of the ranking; scenarios weigh the same.

    Without a floor in every scenario, the distance is the geometric mean of the charged velocity errors in
    m/s. It is infinite for who was not measured in every scenario.
    """
    rows = [row for row in board if row["region"] == region]
    scenarios = list(dict.fromkeys(row["scenario"] for row in rows))
    measured = [row for row in rows if row["kind"] == kind and row["charged_velocity_error"] is not None]
    has_floor = all(row["charged_floor_ratio"] is not None for row in measured)
    key: Distance = "charged_floor_ratio" if has_floor else "charged_velocity_error"
    found = []
    for name in dict.fromkeys(row["predictor"] for row in rows if row["kind"] == kind):
        its = {row["scenario"]: row for row in rows if row["predictor"] == name}
        found.append(
            Overall(
                predictor=name,
                enough=len(its) == len(scenarios) and all(row["measured_enough"] for row in its.values()),
                solved=float(np.mean([row["solved"] or 0.0 for row in its.values()])),
                solved_by={scenario: row["solved"] or 0.0 for scenario, row in its.items()},
                distance=_geometric_mean([row[key] for row in its.values()]),
                rows=list(its.values()),
            )
        )
    return sorted(found, key=lambda one: (not one.enough, -one.solved, one.distance, one.predictor))


def answer(board: list[LeaderboardRow]) -> list[str]:
    """A few sentences; the first is the one to remember."""
    if not board:
        return ["There are no results yet."]
    regions = [
        name for name in ("OOD", "ID", "unknown") if any(row["region"] == name for row in board)
    ]  # what is out of distribution decides
    kinds = [kind for kind in ("model", "reference") if any(row["kind"] == kind for row in board)]
    if not kinds:
        return ["Only the floor was measured; there is no predictor to examine."]
    if all(row["solved"] is None for row in board):
        return ["Who solves how many clips was not measured: “solved” is not among the metrics asked for."]
    rankings = {name: overall(board, name, kinds[0]) for name in regions}
    sentences = _verdict(rankings[regions[0]], regions[0], kinds[0])
    for name in regions[1:]:
        sentences += _beside(rankings[name], name, kinds[0])
    sentences += _cautions([one for ranking in rankings.values() for one in _named(ranking)])
    if "reference" in kinds[1:]:
        sentences.append(_reference(board, regions))
    return sentences


def _named(ranking: list[Overall]) -> list[Overall]:
    """Whom the answer names, first who leads it.

    That is who solves most, once at least half are solved. Until then solved clips are the easy ones (who
    copies the last frame solves balls that stand nearly still), and it is who is nearest by the charged
    velocity error, followed by who solves most if that is another. Nobody who was not measured enough.
    """
    ranked = [one for one in ranking if one.enough]
    if not ranked or ranked[0].solved >= MOSTLY:
        return ranked[:1]
    nearest = min(ranked, key=lambda one: one.distance)  # the first of equals
    return [nearest] if nearest is ranked[0] else [nearest, ranked[0]]


def _verdict(ranking: list[Overall], region: str, kind: str) -> list[str]:
    where = REGION_WORDS[region]
    if not ranking[0].enough:
        return [f"No {kind} could be measured well enough, in every scenario, to be ranked {where}."]
    lead, *more = _named(ranking)
    if ranking[0].solved == 0:
        none = f"no {kind} solves a single clip" if len(ranking) > 1 else f"the {kind} solves no clip"
        if any(one.solved for one in ranking):
            none = f"no {kind} that could be measured well enough in every scenario solves a clip"
        return [f"{_capital(where)}, {none}. Nearest to the law is {_name(lead)}{_error(lead)}."]
    if all(share >= FOLLOWS for share in lead.solved_by.values()):
        return [f"{_capital(where)}, {_name(lead)} follows the law: it solves {_share(lead)}."]
    if lead.solved < MOSTLY:
        who = f"{_name(lead)}, the nearest," if len(ranking) > 1 else _name(lead)
        said = f"{_capital(where)}, no {kind} keeps the law: {who} solves {_share(lead)}{_error(lead)}."
        return [said, *map(_solves_more, more)]
    best = f"{_name(lead)} keeps the law best" if len(ranking) > 1 else f"{_name(lead)} keeps the law in part"
    return [f"{_capital(where)}, {best}: it solves {_share(lead)}{_error(lead)}."]


def _beside(ranking: list[Overall], region: str, kind: str) -> list[str]:
    where = _capital(REGION_WORDS[region])
    if not ranking[0].enough:
        return [f"{where}, no {kind} could be measured well enough to be ranked."]
    lead, *more = _named(ranking)
    if ranking[0].solved == 0:
        none = "none of those measured well enough" if any(one.solved for one in ranking) else "none"
        return [f"{where}, {none} solves a clip either; nearest is {_name(lead)}{_error(lead)}."]
    first = "the best" if lead.solved >= MOSTLY else "the nearest"
    said = f"{where}, {first} is {_name(lead)}, which solves {_share(lead)}{_error(lead)}."
    return [said, *map(_solves_more, more)]


def _solves_more(one: Overall) -> str:
    return f"{_name(one)} solves more, {percent(one.solved)}, but stands farther off{_error(one)}."


def _cautions(named: list[Overall]) -> list[str]:
    """One sentence for each that shows bodies that are not there, or could often not be measured."""
    sentences = []
    for name in dict.fromkeys(one.predictor for one in named):
        rows = [row for one in named if one.predictor == name for row in one.rows]
        faults = []
        extra = [row["extra_detections"] for row in rows if row["extra_detections"] is not None]
        if extra and max(extra) > MANY_EXTRA:
            faults.append(
                f"shows {_up_to([f'{most:.2g}' for most in sorted(extra)])} bodies per frame too many"
            )
        missing = [1 - row["measured_share"] for row in rows if row["measured_share"] is not None]
        if missing and max(missing) > 1 - MEASURED_WELL:
            most = _up_to([percent(share) for share in sorted(missing)])
            faults.append(f"could not be measured in {most} of the intervals")
        if faults:
            sentences.append(f"“{pretty(name)}” {join_words(faults)}.")
    return sentences


def _reference(board: list[LeaderboardRow], regions: list[str]) -> str:
    best = {name: overall(board, name, "reference") for name in regions}
    best = {name: ranking for name, ranking in best.items() if ranking}
    first = next(iter(best.values()))[0]
    shares = []
    for name, ranking in best.items():
        its = next((one for one in ranking if one.predictor == first.predictor), None)
        if its is not None:
            shares.append(f"{percent(its.solved)} of the clips {REGION_WORDS[name]}")
    return (
        f"For scale: of the references, which read positions instead of pixels, {_name(first)} "
        f"does best and solves {join_words(shares)}."
    )


def _name(one: Overall) -> str:
    return f"“{pretty(one.predictor)}”"


def _share(one: Overall) -> str:
    """The share solved, and that of each scenario where they differ and are few."""
    shares = one.solved_by.values()
    text = f"{percent(one.solved)} of the clips"
    if len(shares) > 4 or max(shares) - min(shares) < 0.1:
        return text
    each = ", ".join(f"{pretty(scenario)} {percent(share)}" for scenario, share in one.solved_by.items())
    return f"{text} ({each})"


def _error(one: Overall) -> str:
    """The charged velocity error in units of the floor, or in m/s if there is no floor."""
    for name, key, unit in ERRORS:
        charged, plain = (_span([row[its] for row in one.rows], key) for its in (name, key))
        if charged:
            note = "" if charged == plain else " (unmeasured intervals charged)"
            return f", with a velocity error of {charged} {unit}{note}"
    return ""


def _span(values: list[float | None], key: str) -> str:
    """The smallest and the largest value; nothing if one is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return ""
    write = ratio if key == "floor_ratio" else number
    low, high = (write(bound(known)).rstrip("×") for bound in (min, max))
    return low if low == high else f"{low} to {high}"


def _up_to(texts: list[str]) -> str:
    """The last of ascending numbers, as what it is."""
    return texts[-1] if len(set(texts)) == 1 else f"up to {texts[-1]}"


def _geometric_mean(values: list[float | None]) -> float:
    """Infinite if a value is missing, zero if one is zero."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return float(np.inf)
    return float(np.exp(np.mean(np.log(known)))) if min(known) > 0 else 0.0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""The answer in sentences, computed from the ranking: who is nearest to the law, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from worldlaw.report.wording import REGION_WORDS, listed, number, percent, pretty, ratio

FOLLOWS = 0.95  # a predictor that solves at least this share of the clips of every scenario follows the law
MOSTLY = 0.5  # below this share it is not said to keep the law at all


@dataclass(frozen=True)
class Overall:
    """A predictor over all scenarios, in one region."""

    predictor: str
    enough: bool  # ranked in every scenario in which anybody was examined
    solved: float  # mean over scenarios
    solved_by: dict[str, float]
    error: float  # m/s, mean over scenarios
    ratios: list[float]  # velocity error over floor, one per scenario


def overall(board: list[dict[str, Any]], region: str, kind: str) -> list[Overall]:
    """Predictors of a kind over all scenarios by the rule of the ranking; scenarios weigh the same."""
    rows = [row for row in board if row["region"] == region]
    scenarios = list(dict.fromkeys(row["scenario"] for row in rows))
    found = []
    for name in dict.fromkeys(row["predictor"] for row in rows if row["kind"] == kind):
        its = {row["scenario"]: row for row in rows if row["predictor"] == name}
        errors = [row["velocity_error"] for row in its.values()]
        found.append(
            Overall(
                predictor=name,
                enough=len(its) == len(scenarios) and all(row["measured_enough"] for row in its.values()),
                solved=float(np.mean([row["solved"] or 0.0 for row in its.values()])),
                solved_by={scenario: row["solved"] or 0.0 for scenario, row in its.items()},
                error=float(np.mean(errors)) if None not in errors else np.inf,
                ratios=[row["floor_ratio"] for row in its.values() if row["floor_ratio"] is not None],
            )
        )
    return sorted(found, key=lambda one: (not one.enough, -one.solved, one.error, one.predictor))


def answer(board: list[dict[str, Any]]) -> list[str]:
    """One to three sentences; the first is the one to remember."""
    if not board:
        return ["There are no results yet."]
    regions = [
        name for name in ("OOD", "ID", "unknown") if any(row["region"] == name for row in board)
    ]  # what is out of distribution decides
    kinds = [kind for kind in ("model", "reference") if any(row["kind"] == kind for row in board)]
    if not kinds:
        return ["Only the floor was measured; there is no predictor to examine."]
    sentences = [_verdict(overall(board, regions[0], kinds[0]), regions[0], kinds[0])]
    sentences += [_beside(overall(board, name, kinds[0]), name, kinds[0]) for name in regions[1:]]
    if "reference" in kinds[1:]:
        sentences.append(_reference(board, regions))
    return sentences


def _verdict(ranking: list[Overall], region: str, kind: str) -> str:
    first, where = ranking[0], REGION_WORDS[region]
    if not first.enough:
        return f"No {kind} could be measured well enough, in every scenario, to be ranked {where}."
    if first.solved == 0:
        none = f"no {kind} solves a single clip" if len(ranking) > 1 else f"the {kind} solves no clip"
        return f"{_capital(where)}, {none}. Nearest to the law is {_name(first)}{_error(first)}."
    if all(share >= FOLLOWS for share in first.solved_by.values()):
        return f"{_capital(where)}, {_name(first)} follows the law: it solves {_share(first)}."
    if first.solved < MOSTLY:
        nearest = f"{_name(first)}, the nearest," if len(ranking) > 1 else _name(first)
        return f"{_capital(where)}, no {kind} keeps the law: {nearest} solves {_share(first)}{_error(first)}."
    return (
        f"{_capital(where)}, {_name(first)} is the {kind} nearest to the law: "
        f"it solves {_share(first)}{_error(first)}."
    )


def _beside(ranking: list[Overall], region: str, kind: str) -> str:
    first, where = ranking[0], REGION_WORDS[region]
    if not first.enough:
        return f"{_capital(where)}, no {kind} could be measured well enough to be ranked."
    if first.solved == 0:
        return f"{_capital(where)}, none solves a clip either; nearest is {_name(first)}{_error(first)}."
    return f"{_capital(where)}, the nearest is {_name(first)}, which solves {_share(first)}{_error(first)}."


def _reference(board: list[dict[str, Any]], regions: list[str]) -> str:
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
        f"does best and solves {listed(shares)}."
    )


def _name(one: Overall) -> str:
    return f"“{pretty(one.predictor)}”"


def _share(one: Overall) -> str:
    if len(one.solved_by) == 1:
        return f"{percent(one.solved)} of the clips"
    each = ", ".join(f"{pretty(scenario)} {percent(share)}" for scenario, share in one.solved_by.items())
    return (
        f"{percent(one.solved)} of the clips ({each})"
        if len(one.solved_by) <= 4
        else f"{percent(one.solved)}"
    )


def _error(one: Overall) -> str:
    """The velocity error in units of the floor, or in m/s if there is no floor."""
    if one.ratios:
        low, high = (ratio(bound(one.ratios)).rstrip("×") for bound in (min, max))
        span = low if low == high else f"{low} to {high}"
        return f", with a velocity error of {span} times the floor"
    return f", with a velocity error of {number(one.error)} m/s" if np.isfinite(one.error) else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

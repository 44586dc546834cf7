"""Ranks the cards of several models on one paper, and says which of their differences are not shown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.permutation import LEVEL, better_and_worse, holm, sign_test
from worldlaw.core.numbers.stats import Summary
from worldlaw.exam.cards.card_format import Card, read_card
from worldlaw.exam.scoring.summary import by_scene, mean_over, share_over

MOST_CARDS = 50
METRICS = ("solved", "velocity_error", "abnormal")
BEST_HIGH = {"solved": True, "velocity_error": False, "abnormal": False}
DECIDING = ("solved", "velocity_error", "charged_velocity_error", "measured_share", "abnormal")


@dataclass(frozen=True)
class ComparedPair:
    """Some questions: all of them, or those of one scenario, filmed in one way."""

    scenario: str | None
    filming: str | None
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Entrant:
    """One card."""

    label: str
    path: Path
    card: Card
    best_rank: int  # 1 more than the number of those shown to be better
    worst_rank: int
    values: tuple[Summary, ...]  # one per cell


@dataclass(frozen=True)
class Difference:
    """Two entrants, the one of the better mean first, on the questions of one cell."""

    first: int  # index of an entrant
    second: int
    cell: int  # index of a cell
    by: Summary  # of how much better the first is in the mean; >= 0
    num_better: int  # scenes on which the first is better
    num_worse: int
    chance: float  # p-value of the sign test of these two numbers
    corrected: float  # for all differences that were looked at

    @property
    def is_shown(self) -> bool:
        """Whether the better mean is better on more scenes, too, and more than chance has it."""
        return self.corrected <= LEVEL and self.num_better > self.num_worse


@dataclass(frozen=True)
class Comparison:
    """Cards on one paper, best first."""

    metric: str
    cells: tuple[ComparedPair, ...]  # the first is all questions
    entrants: tuple[Entrant, ...]
    differences: tuple[Difference, ...]  # by cell, then in the order of the entrants
    same_answers: tuple[tuple[int, int], ...]  # entrants with the same files of answers

    def of_cell(self, cell: int) -> list[Difference]:
        """The differences in one cell."""
        return [one for one in self.differences if one.cell == cell]


def compare(
    paths: Sequence[Path],
    *,
    metric: str = "solved",
    counted: Callable[[Iterable[int]], Iterable[int]] = lambda items: items,
) -> Comparison:
    """Compare the cards in some files.

    The cells are all questions, and the questions of each scenario and filming where there are several. In
    each cell every two cards are compared question by question: the mean difference with its interval, which
    is not corrected, and the sign test of how many scenes each is better on; both over scenes, as questions
    about one scene filmed in several ways are not independent. Holm's correction is over all pairs in all
    cells together.
    ``counted`` wraps the pairs, to report those that are done.

    Raises BadInput for fewer than two cards or more than 50, a file that is no card, cards that are not of
    the same paper, video and code, and a metric that no question has.
    """
    if not 2 <= len(paths) <= MOST_CARDS:
        raise BadInput(f"expected 2 to {MOST_CARDS} cards to compare; found {len(paths)}")
    cards = [read_card(path) for path in paths]
    for path, card in zip(paths[1:], cards[1:], strict=True):
        why = _why_not(cards[0], card)
        if why:
            raise BadInput(f"{path}: not comparable with {paths[0]}: {why}")
    cells = _cells(cards[0])
    names = list(cards[0].questions)
    table = np.array([[_value(card, name, metric) for name in names] for card in cards])  # (C, Q)
    if not np.isfinite(table).any():
        raise BadInput(f"no question of these cards has a number for {metric!r}")
    place = {name: index for index, name in enumerate(names)}
    columns = [[place[name] for name in cell.questions] for cell in cells]
    every_scene = np.unique([cards[0].questions[name].scene for name in names], return_inverse=True)[1]
    scenes = [every_scene[its] for its in columns]
    labels = _labels(cards, paths)
    means = [
        [_summary(row[its], of, metric) for its, of in zip(columns, scenes, strict=True)] for row in table
    ]
    sign = 1 if BEST_HIGH[metric] else -1
    order = sorted(
        range(len(cards)), key=lambda i: (_badness(sign, means[i][0].mean), labels[i], str(paths[i]))
    )
    table, cards = table[order], [cards[i] for i in order]
    differences = _differences(sign * table, columns, scenes, counted)
    better = [one for one in differences if one.cell == 0 and one.is_shown]
    entrants = [
        Entrant(
            label=labels[i],
            path=paths[i],
            card=cards[rank],
            best_rank=1 + sum(one.second == rank for one in better),
            worst_rank=len(order) - sum(one.first == rank for one in better),
            values=tuple(means[i]),
        )
        for rank, i in enumerate(order)
    ]
    same = [
        pair
        for pair in itertools.combinations(range(len(cards)), 2)
        if len({cards[index].hashes.all_answers for index in pair}) == 1
    ]
    return Comparison(metric, cells, tuple(entrants), tuple(differences), tuple(same))


def _differences(
    table: np.ndarray,
    columns: list[list[int]],
    scenes: list[np.ndarray],
    counted: Callable[[Iterable[int]], Iterable[int]],
) -> list[Difference]:
    """Of a table (C, Q) in which more is better, its rows in order of rank."""
    pairs = list(itertools.combinations(range(len(table)), 2))
    found: list[tuple[int, int, int, Summary, np.ndarray]] = []
    for index in counted(range(len(pairs))):
        one, other = pairs[index]
        for cell, (its, of) in enumerate(zip(columns, scenes, strict=True)):
            apart = table[one, its] - table[other, its]
            by, by_scenes = mean_over(apart, of), by_scene(apart, of)[0]
            first, second = one, other
            if by.mean < 0:  # ahead over all questions, behind on these
                first, second, by_scenes = other, one, -by_scenes
                by = Summary(-by.mean, -by.high, -by.low, by.num, by.num_nan)
            found.append((cell, first, second, by, by_scenes))
    found.sort(key=lambda one: (one[0], min(one[1:3]), max(one[1:3])))
    chances = [sign_test(by_scenes) for *_, by_scenes in found]
    return [
        Difference(first, second, cell, by, *better_and_worse(by_scenes), chance, float(corrected))
        for (cell, first, second, by, by_scenes), chance, corrected in zip(
            found, chances, holm(chances), strict=True
        )
    ]


def _cells(card: Card) -> tuple[ComparedPair, ...]:
    groups: dict[tuple[str, str], list[str]] = {}
    for name, question in card.questions.items():
        groups.setdefault((question.scenario, question.filming), []).append(name)
    parts = [ComparedPair(scenario, filming, tuple(its)) for (scenario, filming), its in groups.items()]
    return (ComparedPair(None, None, tuple(card.questions)), *(parts if len(parts) > 1 else ()))


def _why_not(first: Card, other: Card) -> str:
    """Why two cards cannot be compared, in a few words; empty if they can."""
    papers = [f"{card.paper.name} {card.paper.version} ({card.paper.set})" for card in (first, other)]
    if papers[0] != papers[1]:
        return f"paper {papers[1]} and not {papers[0]}"
    if first.video != other.video:
        return f"{_video(other)} and not {_video(first)}"
    for what, field in {
        "definition of the paper": "sha256",
        "secret of the held-out set": "secret_hash",
    }.items():
        if getattr(first.paper, field) != getattr(other.paper, field):
            return f"another {what}"
    if list(first.questions) != list(other.questions):
        return "other questions"
    horizons = [{name: one.horizon for name, one in card.questions.items()} for card in (first, other)]
    if horizons[0] != horizons[1]:
        return "another number of frames counts, so the laws were simulated otherwise"
    for what in ("truth", "trackers", "references", "scoring"):
        versions = [getattr(card.versions, what) for card in (first, other)]
        if versions[0] != versions[1]:
            return (
                f"scored with other {what} ({_said(versions[1])} and not {_said(versions[0])}): score again"
            )
    metrics = [{name: card.versions.metrics.get(name) for name in DECIDING} for card in (first, other)]
    if metrics[0] != metrics[1]:
        return f"scored with other metrics ({_said(metrics[1])} and not {_said(metrics[0])}): score again"
    if first.thresholds != other.thresholds:
        return "other thresholds of what is solved"
    if (first.scoring.tracks is None) != (other.scoring.tracks is None):
        return "one was read by its maker's own tracker"
    return ""


def _said(versions: object) -> str:
    if not isinstance(versions, dict):
        return str(versions)
    return ", ".join(f"{name} {number}" for name, number in versions.items() if number is not None) or "none"


def _video(card: Card) -> str:
    video = card.video
    return (
        f"{video.width}x{video.height}, {video.num_frames} frames at {video.fps:g} Hz, {video.context} given"
    )


def _labels(cards: Sequence[Card], paths: Sequence[Path]) -> list[str]:
    """What the cards are called: by their models, else by their files; no two alike."""
    names = [card.model.name or _place(path) for card, path in zip(cards, paths, strict=True)]
    twice = {name for name in names if names.count(name) > 1}
    names = [
        f"{name} ({_place(path)})" if name in twice else name for name, path in zip(names, paths, strict=True)
    ]
    return [
        f"{name} #{names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def _place(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    return path.stem if path.is_file() and path.name != "card.json" else folder.resolve().name


def _value(card: Card, name: str, metric: str) -> float:
    value = getattr(card.questions[name], metric)
    return math.nan if value is None else value


def _summary(values: np.ndarray, scenes: np.ndarray, metric: str) -> Summary:
    return (mean_over if metric == "velocity_error" else share_over)(values.tolist(), scenes)


def _badness(sign: int, mean: float) -> float:
    return math.inf if math.isnan(mean) else -sign * mean

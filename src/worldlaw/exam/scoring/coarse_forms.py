"""Forms too coarse to judge: through them more true clips exceed what is allowed than may.

A form is what answers share: size, rate and codec. The truth of every question passes through the form of its
answers anyway; where it is not solved itself, the answer is excluded. If that happens more often than
``COARSE_SHARE`` of the time, to two clips at least and not by chance, no answer of that form counts, to any
question of the law.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from worldlaw.exam.scoring.question_scores import COARSE
from worldlaw.exam.scoring.scores import AnswerStatus

COARSE_SHARE = 0.01  # of true clips that may exceed a cap
CHANCE = 0.05  # how rarely a form in which no more exceed one is called too coarse


def coarse_forms(
    statuses: Sequence[AnswerStatus], laws: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str, str], str]:
    """(scenario, filming, form) -> a line that says why it is too coarse, for the forms that are.

    ``laws`` maps questions to scenario and filming. Counted are the true clips of all questions that were
    answered in that form.
    """
    asked: dict[tuple[str, str, str], dict[str, bool]] = {}
    for one in statuses:
        if one["form"]:
            key = (*laws[one["question"]], one["form"])
            coarse = str(one["reason"]).startswith(f"{COARSE}:")
            asked.setdefault(key, {})[one["question"]] = coarse
    found = {}
    for key, questions in asked.items():
        num_coarse, num = sum(questions.values()), len(questions)
        if num_coarse > 1 and at_least(num_coarse, num, COARSE_SHARE) <= CHANCE:
            seen = f"of {num:,} true clips of {key[0]} as {key[2]}, {num_coarse:,} exceed what is allowed"
            found[key] = f"{COARSE}: {seen}"
    return found


def at_least(count: int, num: int, share: float) -> float:
    """The probability that at least ``count`` of ``num`` independent events, each of that share, occur."""
    fewer = (math.comb(num, k) * share**k * (1 - share) ** (num - k) for k in range(count))
    return 1 - math.fsum(fewer)

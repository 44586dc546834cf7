"""Where a ball came to lie, and the best that any predictor can say of it from the same pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from worldlaw.core.types import Case, Trajectory

OUTCOMES = ("rests", "left", "right", "through")  # an outcome is a place in this list


@dataclass(frozen=True)
class Guess:
    """What who knows the law, and sees no more than the given frames, can expect."""

    success: float  # greatest share of outcomes that can be foretold
    expected: Float[np.ndarray, "N K"]  # share of each outcome among clips that look like this one
    num_looks: int  # how many different pictures there are among the N


def best_guess(looks: Sequence[bytes | str], outcomes: Sequence[int]) -> Guess:
    """The Bayes bound for N clips, given what each looks like and its true outcome, a place in OUTCOMES.

    Clips that look alike, byte by byte, get the same answer from any predictor, which is right at best as
    often as the commonest outcome among them. A clip like no other counts as foretold: the bound is loose
    where clips are too few to look alike.
    Raises ValueError for no clips or lengths that differ.
    """
    if not len(looks) or len(looks) != len(outcomes):
        raise ValueError(f"expected as many outcomes as looks; found {len(looks)} and {len(outcomes)}")
    alike: dict[bytes | str, list[int]] = defaultdict(list)
    for clip, look in enumerate(looks):
        alike[look].append(clip)
    expected = np.zeros((len(looks), len(OUTCOMES)))
    right = 0
    for clips in alike.values():
        count = np.bincount([outcomes[clip] for clip in clips], minlength=len(OUTCOMES))
        expected[clips] = count / len(clips)
        right += int(count.max())
    return Guess(right / len(looks), expected, len(alike))


def outcomes_of(case: Case) -> tuple[int, float, float] | None:
    """The one body that is free among fixed ones, its true outcome and that of the rollout; NaN if not seen.

    None if none or several are free, or none is fixed.
    """
    free = [number for number, body in enumerate(case.scene.bodies) if not body.fixed]
    if len(free) != 1 or len(case.scene.bodies) == 1:
        return None
    fixed = np.array([body.position for body in case.scene.bodies if body.fixed])
    true, seen = (_outcome(states, free[0], fixed) for states in (case.truth, case.tracked.bodies))
    return free[0], true, seen


def _outcome(states: Trajectory, body: int, fixed: np.ndarray) -> float:
    """Where a body is in the last frame: above fixed ones (F, 2), left or right of all, or between, below."""
    x, y = states.position[-1, body]
    if not np.isfinite(x):
        return np.nan
    if y > fixed[:, 1].mean():
        name = "rests"
    else:
        name = "left" if x < fixed[:, 0].min() else "right" if x > fixed[:, 0].max() else "through"
    return float(OUTCOMES.index(name))

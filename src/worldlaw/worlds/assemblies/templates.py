"""The 70 templates: which four of the eight kinds a scene has, in the study's order, and its subsets."""

from __future__ import annotations

import itertools
import random

from worldlaw.worlds.assemblies.body_kinds import KINDS


def _in_the_studys_order() -> dict[str, tuple[str, ...]]:
    """Name -> four kinds. The study shuffled all combinations with Python's generator seeded with 4."""
    combinations = list(itertools.combinations(KINDS, 4))
    random.Random(4).shuffle(combinations)
    return {f"{number:02d}": kinds for number, kinds in enumerate(combinations)}


TEMPLATES = _in_the_studys_order()
SUBSETS = {
    "train-6": ("03", "05", "16", "23", "24", "53"),  # each kind three times, every pair of kinds
    "train-30": tuple(f"{number:02d}" for number in range(0, 60, 2)),
    "train-60": tuple(f"{number:02d}" for number in range(60)),
    "test-10": tuple(f"{number:02d}" for number in range(60, 70)),
}

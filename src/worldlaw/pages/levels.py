"""The levels of clips: their words, their order, and which of them are shown as one.

A level is ``in``, or the attributes outside the training region joined by +, each with the side on which it
lies where it has one (``size low+speed high``, ``speed gap``, ``color``), or ``combination``.
"""

from __future__ import annotations

from collections.abc import Iterable

from worldlaw.pages.wording import pretty

SIDES = ("low", "high", "gap")
MOST = 12  # with more levels than this, those of several attributes are shown by their number


def level_words(level: str) -> str:
    """A level as words."""
    if level == "in":
        return "in training region"
    return " + ".join(
        f"{pretty(name)} in a gap" if side == "gap" else f"{side} {pretty(name)}" if side else pretty(name)
        for name, side in map(_name_and_side, level.split("+"))
    )


def side_of(level: str) -> str:
    """The side of a level of one attribute; empty for any other."""
    return "" if "+" in level else _name_and_side(level)[1]


def level_order(level: str) -> tuple[bool, bool, int, tuple[int, ...], str]:
    """Sorts levels: in the training region, one attribute outside it (low, high, gap, no side), two, …

    A combination stands last.
    """
    parts = [_name_and_side(part) for part in level.split("+")]
    sides = tuple(SIDES.index(side) if side else len(SIDES) for _, side in parts)
    return level != "in", level == "combination", len(parts), sides, level


def level_groups(levels: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Words -> the levels shown under them, in order; more than one level only where there are too many."""
    ordered = sorted(set(levels), key=level_order)
    found: dict[str, tuple[str, ...]] = {}
    for level in ordered:
        many = "+" in level and len(ordered) > MOST
        words = f"{level.count('+') + 1} attributes" if many else level_words(level)
        found[words] = (*found.get(words, ()), level)
    return found


def _name_and_side(part: str) -> tuple[str, str]:
    name, _, side = part.rpartition(" ")
    return (name, side) if name and side in SIDES else (part, "")

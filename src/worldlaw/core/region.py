"""A region of attribute space: the only thing that tells splits apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldlaw.core.errors import BadInput

Interval = tuple[float, float]
Values = tuple[Interval, ...] | tuple[str, ...]
Attributes = dict[str, float | str]


@dataclass(frozen=True)
class Box:
    """A product of sets: each attribute lies in a union of closed intervals, or has one of some names."""

    values: Mapping[str, Values]

    def contains(self, attributes: Mapping[str, float | str]) -> bool:
        """Whether every attribute of the box lies in its set."""
        return all(_inside(values, attributes[name]) for name, values in self.values.items())

    def overlaps(self, other: Box) -> bool:
        """Whether some point lies in both boxes; they must have the same attributes."""
        return all(_overlap(values, other.values[name]) for name, values in self.values.items())

    def sample(self, rng: np.random.Generator) -> Attributes:
        """A point drawn uniformly; every attribute takes exactly one draw, in order of name."""
        return {name: _pick(self.values[name], rng.random()) for name in sorted(self.values)}

    @property
    def volume(self) -> float:
        """Product of the lengths of all that varies; an attribute with one value counts as 1."""
        return math.prod(_length(values) for values in self.values.values())


@dataclass(frozen=True)
class Region:
    """A union of boxes."""

    boxes: tuple[Box, ...]

    def contains(self, attributes: Mapping[str, float | str]) -> bool:
        """Whether some box holds the point."""
        return any(box.contains(attributes) for box in self.boxes)

    def overlaps(self, other: Region) -> bool:
        """Whether some point lies in both regions."""
        return any(mine.overlaps(theirs) for mine in self.boxes for theirs in other.boxes)

    def sample(self, rng: np.random.Generator) -> Attributes:
        """A point drawn uniformly from the union; where boxes overlap it is no likelier than elsewhere."""
        if len(self.boxes) == 1:
            rng.random()  # what the choice of a box takes, so that a second box does not move the other draws
            return self.boxes[0].sample(rng)
        volumes = np.array([box.volume for box in self.boxes])
        while True:
            box = self.boxes[
                int(np.searchsorted(np.cumsum(volumes), rng.random() * volumes.sum(), side="right"))
            ]
            point = box.sample(rng)
            if rng.random() * sum(other.contains(point) for other in self.boxes) < 1:
                return point

    def outside(self, attributes: Mapping[str, float | str]) -> tuple[str, ...]:
        """Names of the attributes whose value occurs nowhere in the region, in order of name.

        Empty for a point of the region and also for a new combination of values that do occur.
        """
        return tuple(
            name
            for name in sorted(attributes)
            if not any(
                _inside(box.values[name], attributes[name]) for box in self.boxes if name in box.values
            )
        )

    def side(self, name: str, value: float | str) -> str:
        """Where a value that occurs nowhere in the region lies: "low", "high", in a "gap"; "" for names."""
        if isinstance(value, str):
            return ""
        ends = [end for box in self.boxes for v in box.values[name] if not isinstance(v, str) for end in v]
        return "low" if value < min(ends) else "high" if value > max(ends) else "gap"

    def level(self, attributes: Mapping[str, float | str]) -> str:
        """How a point lies to the region.

        ``in`` inside it; else the attributes whose value never occurs in it, each with the side on which it
        lies (``speed low``, ``speed high``, ``speed gap`` in a hole; a name has no side), joined by +; or
        ``combination`` if every value occurs but not together.
        """
        if self.contains(attributes):
            return "in"
        outside = [f"{name} {self.side(name, attributes[name])}" for name in self.outside(attributes)]
        return "+".join(part.strip() for part in outside) or "combination"

    def to_json(self) -> list[dict]:
        """Plain lists and dictionaries, for keys and manifests."""
        return [
            {name: [*map(_plain, values)] for name, values in sorted(box.values.items())}
            for box in self.boxes
        ]

    @staticmethod
    def from_json(raw: Sequence[Mapping[str, Sequence]]) -> Region:
        """The region that ``to_json`` said."""
        return Region(
            tuple(Box({name: tuple(map(_value, values)) for name, values in box.items()}) for box in raw)  # type: ignore[misc]
        )


def region_from(raw: Mapping | Sequence[Mapping], default: Mapping[str, Values]) -> Region:
    """A region from plain data: one mapping, or a list of them for a union; the rest keeps its default.

    A value may be a number, a name, one interval ``[low, high]``, or a list of intervals or names.
    Raises BadInput if a value is none of these, an interval is turned around, or intervals or names of one
    list overlap.
    """
    boxes = [raw] if isinstance(raw, Mapping) else list(raw)
    if not boxes:
        raise BadInput("a region needs at least one box; found an empty list")
    return Region(
        tuple(Box({**default, **{name: _parse(name, v) for name, v in box.items()}}) for box in boxes)
    )


def _parse(name: str, value: object) -> Values:
    if isinstance(value, str):
        return (value,)
    if _is_number(value):
        return ((float(value), float(value)),)  # type: ignore[arg-type]
    if isinstance(value, Sequence) and len(value) > 0:
        if all(isinstance(item, str) for item in value):
            return _apart(name, tuple(value))
        if len(value) == 2 and all(_is_number(item) for item in value):
            return (_interval(name, value),)
        if all(
            isinstance(item, Sequence) and len(item) == 2 and all(map(_is_number, item)) for item in value
        ):
            return _apart(name, tuple(_interval(name, item) for item in value))
    raise BadInput(f"{name}: expected a number, a name, [low, high] or a list of these; found {value!r}")


def _apart(name: str, values: Values) -> Values:
    """The values, if each can be drawn as often as its length says; BadInput if they overlap or mix."""
    if isinstance(values[0], str):
        if len(set(values)) < len(values):
            raise BadInput(f"{name}: every name once; found {list(values)}")
        return values
    intervals = sorted(v for v in values if not isinstance(v, str))
    if len(intervals) > 1 and any(a[1] >= b[0] for a, b in itertools.pairwise(intervals)):
        raise BadInput(f"{name}: intervals must lie apart; found {_lists(intervals)}")
    if len({low == high for low, high in intervals}) > 1:
        raise BadInput(f"{name}: either single values or intervals, not both; found {_lists(intervals)}")
    return values


def _lists(intervals: Sequence[Interval]) -> list[list[float]]:
    return [list(interval) for interval in intervals]


def _interval(name: str, pair: Sequence) -> Interval:
    low, high = float(pair[0]), float(pair[1])
    if not low <= high or not math.isfinite(high - low):
        raise BadInput(f"{name}: expected [low, high] with low <= high; found [{pair[0]}, {pair[1]}]")
    return low, high


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inside(values: Values, value: float | str) -> bool:
    if isinstance(value, str):
        return value in values
    return any(not isinstance(v, str) and v[0] <= value <= v[1] for v in values)


def _overlap(mine: Values, theirs: Values) -> bool:
    return any(
        a == b if isinstance(a, str) or isinstance(b, str) else a[0] <= b[1] and b[0] <= a[1]
        for a in mine
        for b in theirs
    )


def _length(values: Values) -> float:
    if isinstance(values[0], str):
        return float(len(values))
    total = sum(v[1] - v[0] for v in values if not isinstance(v, str))
    return total or 1.0


def _pick(values: Values, u: float) -> float | str:
    """The point at share ``u`` of the set: every name, or every metre of interval, is equally likely."""
    if isinstance(values[0], str):
        return values[int(u * len(values))]
    if len(values) == 1:
        low, high = values[0]
        return min(float(low) + u * float(high - low), float(high))
    lengths = np.array([v[1] - v[0] for v in values if not isinstance(v, str)])
    if not lengths.any():
        return float(values[int(u * len(values))][0])
    ends = np.cumsum(lengths)
    at = u * ends[-1]
    index = int(np.searchsorted(ends, at, side="right"))
    low, high = values[index]
    return min(float(low) + float(at - (ends[index] - lengths[index])), float(high))


def _value(plain: Any) -> Interval | str:
    return plain if isinstance(plain, str) else (float(plain[0]), float(plain[1]))


def _plain(value: Interval | str) -> object:
    return value if isinstance(value, str) else [value[0], value[1]]

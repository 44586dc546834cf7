"""What an analysis writes into the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worldlaw.core.numbers.stats import Summary
from worldlaw.pages.wording import interval, number, percent, percents


@dataclass(frozen=True)
class Cell:
    """One entry of a table, with what stands small beside it."""

    text: str
    small: str = ""

    @staticmethod
    def mean(summary: Summary) -> Cell:
        """A mean with its interval."""
        return Cell(number(summary.mean), interval(summary.low, summary.high))

    @staticmethod
    def share(summary: Summary) -> Cell:
        """A share with its interval."""
        return Cell(percent(summary.mean), percents(summary.low, summary.high))


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """Some lines under a heading."""

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Table:
    """Lines in groups; every line has one cell per column."""

    columns: Sequence[str]
    groups: Sequence[Group]


@dataclass(frozen=True)
class Panel:
    """One figure."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the page: the answer in sentences, then the evidence."""

    title: str
    question: str
    answer: Sequence[str]
    table: Table
    panels: Sequence[Panel]
    key: str  # what the marks of the panels mean
    notes: Sequence[str]

"""A bar for whatever takes long: how much, how fast, how long still; one line when it is done."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from rich import progress as rich_progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

T = TypeVar("T")


@runtime_checkable
class Progress(Protocol):
    """Where work that takes long says what it is doing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """A stretch of work begins."""

    def advance(self, count: int) -> None:
        """Some of it is done."""

    def note(self, text: str) -> None:
        """Something that the user should know."""


class Quiet:
    """Says nothing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """Ignored."""

    def advance(self, count: int) -> None:
        """Ignored."""

    def note(self, text: str) -> None:
        """Ignored."""


class Bars:
    """The pipeline's progress on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: rich_progress.Progress | None = None
        self._started = 0.0
        self._title, self._unit, self._done = "", "", 0

    def start(self, title: str, total: int, unit: str) -> None:
        """Close the stretch before, if any, and begin a new one."""
        self.stop()
        self._title, self._unit, self._done = title, unit, 0
        self._started = time.monotonic()
        if total:
            self._bars = rich_progress.Progress(
                TextColumn("{task.description:9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                _Rate(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bars.start()
            self._bars.add_task(title, total=total, unit=unit)

    def advance(self, count: int) -> None:
        """Show what is done."""
        self._done += count
        if self._bars:
            self._bars.update(self._bars.task_ids[0], completed=self._done)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(f"worldlaw: {text}", highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Close the bar and say in one line what was done, if anything was."""
        if self._bars:
            self._bars.stop()
            self._bars = None
        if self._done:
            seconds = time.monotonic() - self._started
            self._console.print(
                f"{self._title:9} {self._done:,} {self._unit} in {seconds:.1f} s", highlight=False
            )
            self._done = 0


class _Rate(TextColumn):
    """Units per second."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class _Notes(Quiet):
    """No bars: the output is read by a program, or by somebody later."""

    def note(self, text: str) -> None:
        print(f"worldlaw: {text}", file=sys.stderr)


def report_items(progress: Progress, title: str, unit: str) -> Callable[[Iterable[T]], Iterator[T]]:
    """A wrapper of a sequence that reports each item, once it is done with, to a progress."""

    def wrap(items: Iterable[T]) -> Iterator[T]:
        every = list(items)
        progress.start(title, len(every), unit)
        for item in every:
            yield item
            progress.advance(1)

    return wrap


@contextlib.contextmanager
def progress_for(*, quiet: bool) -> Iterator[Progress]:
    """Bars on standard error, or only what the user has to know."""
    if quiet:
        yield _Notes()
        return
    bars = Bars(Console(file=sys.stderr))
    try:
        yield bars
    finally:
        bars.stop()

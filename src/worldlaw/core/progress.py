"""Where work that takes long says how far it is: to bars on a terminal, or to nobody."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

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
    from worldlaw.core.progress_bars import Bars  # not for workers, nor for those who ask for no bars

    bars = Bars()
    try:
        yield bars
    finally:
        bars.stop()

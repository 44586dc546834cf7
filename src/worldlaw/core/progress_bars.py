"""A bar for whatever takes long: how much, how fast, how long still; one line when it is done."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Bars:
    """Progress on standard error."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._bars: Progress | None = None
        self._started = 0.0
        self._title, self._unit, self._done = "", "", 0

    def start(self, title: str, total: int, unit: str) -> None:
        """Close the stretch before, if any, and begin a new one."""
        self.stop()
        self._title, self._unit, self._done = title, unit, 0
        self._started = time.monotonic()
        if total:
            self._bars = Progress(
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

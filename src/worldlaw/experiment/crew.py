"""Several processes of one run, as torchrun starts them: the first does all, the others help to train."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any


class Crew:
    """The processes of a run; alone there is nobody to tell."""

    def __init__(self, rank: int = 0, tell: Callable[[Any], Any] | None = None) -> None:
        self.leads, self.alone = rank == 0, tell is None
        self._tell = tell

    def call(self, task: Any) -> None:
        """Give all others a task."""
        if self._tell is not None:
            self._tell(task)

    def tasks(self) -> Iterator[Any]:
        """What the first process gives this one to do, until it dismisses it."""
        while self._tell is not None and (task := self._tell(None)) is not None:
            yield task


def launched_by_torchrun() -> bool:
    """Whether torchrun started this process as one of several."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", 1)) > 1


def is_helper() -> bool:
    """Whether this process is one of several and not the first: what is the same in all, the first says."""
    return launched_by_torchrun() and os.environ["RANK"] != "0"


@contextlib.contextmanager
def join_crew() -> Iterator[Crew]:
    """The crew of this run. If one of its processes fails, all end, and only the one that failed says why."""
    if not launched_by_torchrun():
        yield Crew()
        return
    from worldlaw.models.training import processes  # needs torch, which torchrun comes with

    with processes.join_processes():
        crew = Crew(processes.place()[0], processes.broadcast)
        yield crew
        if crew.leads:
            crew.call(None)

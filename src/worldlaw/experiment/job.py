"""One run at work: what it has made, its worker processes, and where it says what it is doing."""

from __future__ import annotations

import contextlib
import datetime
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from worldlaw.clips.store import damaged_files
from worldlaw.core.artifact import MANIFEST, Artifact, lock_folder, make_folder, sweep
from worldlaw.core.progress import Progress
from worldlaw.core.workers import Workers
from worldlaw.experiment import crew
from worldlaw.experiment.plan import Plan


class Job:
    """One run: its plan, its workers, and what it has made so far."""

    def __init__(self, plan: Plan, workers: int, progress: Progress, time_limit: float | None = None) -> None:
        self.plan = plan
        self.workers = workers
        self.progress = progress
        self.crew = crew.Crew()
        # By the monotonic clock, which all processes of a machine share.
        self.deadline = None if time_limit is None else time.monotonic() + time_limit
        self.made: list[str] = []
        self.kept: list[str] = []
        self._workers = Workers(workers)

    def pool(self) -> contextlib.AbstractContextManager[None]:
        """Worker processes for the length of a block; they start with the first task that is given out."""
        return self._workers.pool()

    def each(self, function: Callable, tasks: list[tuple], *, at_once: bool = True) -> Iterator[Any]:
        """The function's results in the order of the tasks, computed by all workers, or here, one by one."""
        return self._workers.each(function, tasks, at_once=at_once)

    @contextlib.contextmanager
    def hold(self, artifact: Artifact) -> Iterator[Callable[[dict], None] | None]:
        """Hold an artifact's folder as ``make_artifact`` does, and note whether it was made here."""
        with make_artifact(artifact, self.progress.note) as finish:
            yield finish
        self.count(artifact, made=finish is not None)

    def count(self, artifact: Artifact, *, made: bool) -> None:
        """Note an artifact as made by this run, or as kept."""
        (self.made if made else self.kept).append(artifact.folder.name)

    def missing(self, group: dict[Any, Artifact]) -> list[tuple[Any, Artifact]]:
        """What of a group has to be made; the rest is sound by its checksums and noted as kept.

        Later stages take their inputs from what an earlier call found sound, so every input is verified once
        a run. Equal artifacts are made once.
        """
        todo: dict[str, tuple[Any, Artifact]] = {}
        for place, artifact in group.items():
            if artifact.key in todo or artifact.folder.name in self.kept:
                continue
            faults = damage(artifact)
            if faults is not None and not faults:
                self.kept.append(artifact.folder.name)
                continue
            for fault in (faults or {}).values():
                self.progress.note(f"{fault}; it is made anew")
            todo[artifact.key] = (place, artifact)
        return list(todo.values())


def damage(artifact: Artifact) -> dict[str, str] | None:
    """Files of a finished artifact that are not as they were written, with faults; None if unfinished."""
    return artifact.damaged(damaged_files) if (artifact.folder / MANIFEST).exists() else None


@contextlib.contextmanager
def make_artifact(artifact: Artifact, note: Callable[[str], None]) -> Iterator[Callable[[dict], None] | None]:
    """Hold an artifact's folder while it is made; the value finishes it with what was counted.

    A finished one that is damaged is cleared first, so that nothing damaged is taken for what is to be made.
    While another run is making it, this one waits; the value is None if then nothing is left to do.
    """
    make_folder(artifact.folder)
    waiting = f"{artifact.folder}: another run is writing here; waiting until it is done"
    with lock_folder(artifact.folder, waiting=lambda: note(waiting)):
        faults = damage(artifact)
        if faults:
            artifact.clear(faults)
        elif faults is not None:
            yield None
            return
        sweep(artifact.folder)
        started = datetime.datetime.now(datetime.UTC)
        yield lambda results: artifact.finish(results, started=started)


def threads_each(job: Job, num_tasks: int) -> int:
    """Threads for each of the models that work at once, one a worker; 0 if they work one by one.

    They do where they share an accelerator.
    """
    torch = sys.modules.get("torch")  # loaded if a model of the experiment needs it
    at_once = min(job.workers, num_tasks)
    if at_once <= 1 or (torch and torch.cuda.is_available()):
        return 0
    return max(1, (os.cpu_count() or 1) // at_once)


def limit_threads(threads: int) -> None:
    """Let this process's models use no more threads than this; 0 leaves them what they have."""
    torch = sys.modules.get("torch")
    if threads and torch:
        torch.set_num_threads(min(threads, torch.get_num_threads()))


class Prefixed(io.TextIOBase):
    """A text stream that writes whole lines, each with who says it."""

    def __init__(self, stream: Any, prefix: str) -> None:
        self._stream, self._prefix, self._line = stream, prefix, ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._stream.write(f"{self._prefix}: {line}\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def say(text: str) -> None:
    print(text, file=sys.stderr)

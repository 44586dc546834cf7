"""Worker processes: results in the order of the tasks, whoever makes them, and nobody left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from worldlaw.core.errors import Failed
from worldlaw.core.supervisor import culprit, note_in

REAPED = 5.0  # s: at most so long after a pool breaks a worker's exit code is not known yet


class Workers:
    """Some processes, started with the first task that is given out."""

    def __init__(self, num: int) -> None:
        self.num = num
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None  # when it closes, by will or by death, the workers end
        self._notes: tempfile.TemporaryDirectory | None = None  # a file by the id of each worker

    @contextlib.contextmanager
    def pool(self) -> Iterator[None]:
        """The processes live for the length of the block."""
        try:
            yield
        except KeyboardInterrupt:
            if self._lifeline:
                self._lifeline.close()  # nobody who presses Ctrl-C wants to wait for the tasks under way
            raise
        finally:
            if self._executor and self._lifeline:
                self._executor.shutdown(cancel_futures=True)
                self._lifeline.close()
            if self._notes:
                self._notes.cleanup()

    def each(self, function: Callable, tasks: list[tuple], *, at_once: bool = True) -> Iterator[Any]:
        """The function's results in the order of the tasks, computed by all workers, or here, one by one."""
        if not at_once or self.num == 1 or len(tasks) <= 1:
            yield from (function(*task) for task in tasks)
            return
        if self._executor is None:
            context = get_context("spawn")
            held, self._lifeline = context.Pipe(duplex=False)
            self._notes = tempfile.TemporaryDirectory(prefix="worldlaw-workers-")
            self._executor = ProcessPoolExecutor(
                self.num, mp_context=context, initializer=_begin, initargs=(held, Path(self._notes.name))
            )
        workers: list[BaseProcess] = []
        try:
            # Workers start here and inherit the mask: Ctrl-C reaches them too, but the parent ends them.
            unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                results = self._executor.map(function, *zip(*tasks, strict=True))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            workers += active_children()
            yield from results
        except BrokenProcessPool as error:
            blame = "; ".join(filter(None, map(self._ended_by, workers)))
            raise Failed(
                blame
                or "a worker process was killed (out of memory? or a script that calls run outside "
                "`if __name__ == '__main__':`?); what was complete is kept, run again with fewer workers"
            ) from error

    def _ended_by(self, worker: BaseProcess) -> str:
        """Whose code ended a worker; empty for one that was killed, as the others are when one is lost."""
        until = time.monotonic() + REAPED
        while worker.exitcode is None and time.monotonic() < until:  # the pool's own thread may be reading it
            time.sleep(0.01)
        note = Path(self._notes.name, str(worker.pid)) if self._notes else None
        if worker.exitcode is None or worker.exitcode < 0 or note is None or not note.exists():
            return ""
        who = culprit(note.read_bytes())
        if not who:
            return ""
        return f"{who}: its code ended a worker with exit code {worker.exitcode}; what was complete is kept"


def _begin(lifeline: Connection, notes: Path) -> None:
    """Note whose code this worker runs, and let it end when the process that started it closes or dies."""
    note_in(notes / str(os.getpid()))

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

"""Worker processes: results in the order of the tasks, whoever makes them, and nobody left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from worldlaw.core.errors import Failed


class Workers:
    """Some processes, started with the first task that is given out."""

    def __init__(self, num: int) -> None:
        self.num = num
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None  # when it closes, by will or by death, the workers end

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

    def each(self, function: Callable, tasks: list[tuple], *, at_once: bool = True) -> Iterator[Any]:
        """The function's results in the order of the tasks, computed by all workers, or here, one by one."""
        if not at_once or self.num == 1 or len(tasks) <= 1:
            yield from (function(*task) for task in tasks)
            return
        if self._executor is None:
            context = get_context("spawn")
            held, self._lifeline = context.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(
                self.num, mp_context=context, initializer=_end_with, initargs=(held,)
            )
        try:
            # Workers start here and inherit the mask: Ctrl-C reaches them too, but the parent ends them.
            unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                results = self._executor.map(function, *zip(*tasks, strict=True))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            yield from results
        except BrokenProcessPool as error:
            raise Failed(
                "a worker process was killed (out of memory? or a script that calls run outside "
                "`if __name__ == '__main__':`?); what was complete is kept, run again with fewer workers"
            ) from error


def _end_with(lifeline: Connection) -> None:
    """Let this worker end when the process at the other end of the lifeline closes it or dies."""

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

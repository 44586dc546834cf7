"""A time limit for reading one file, so that no file of somebody else's holds up all others."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from worldlaw.core.errors import BadInput


@contextlib.contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Raise BadInput from the block once it has taken so long by the clock; ``what`` should have been done.

    By the timer of the process, which interrupts waiting (a pipe that nobody writes into) at once, and
    compiled code when it next returns to Python, as decoders do after every frame. There is no limit where no
    timer is: off the main thread, and on Windows.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise BadInput(f"{what} took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)

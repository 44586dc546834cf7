"""A process that works, another that outlives it: nobody's code can end a command and have it look done."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FAILED = 1  # exit code
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONCE = 1.0  # s: a terminal's Ctrl-C reaches both processes, so within this time the child hears it once
_SIZE = 512  # bytes that two processes share: 0 or 1 + exit code, then whose code is at work, in UTF-8
_shared: mmap.mmap | None = None  # a process that dies cannot tell, so it notes before; None if nobody reads


@contextlib.contextmanager
def at_work(who: str) -> Iterator[None]:
    """Note for whoever outlives this process that somebody else's code runs in this block."""
    if _shared is None:
        yield
        return
    before = _shared[1:]
    _shared[1:] = who.encode(errors="replace")[: _SIZE - 1].ljust(_SIZE - 1, b"\0")
    try:
        yield
    finally:
        _shared[1:] = before


def note_in(path: Path) -> None:
    """Let this process note in a file whose code is at work."""
    global _shared
    with open(path, "w+b") as file:
        file.truncate(_SIZE)
        _shared = mmap.mmap(file.fileno(), _SIZE)


def culprit(content: bytes) -> str:
    """Whose code was at work by what ``at_work`` noted; empty if nobody else's."""
    return content[1:].rstrip(b"\0").decode(errors="replace")


def run_supervised(work: Callable[[], int]) -> int:
    """The exit code of some work, done in a child process; what the child does not finish has failed.

    The parent stays as small as it is now, so call this before anything large is loaded. It hands on what
    asks to end, ends by the same signal as the child, and its own death ends the child. If the child ends
    before the work does, one line says whose code was at work then.
    """
    global _shared
    shared = mmap.mmap(-1, _SIZE)
    lifeline, held = os.pipe()
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if not child:
        os.close(held)
        _shared = shared
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else deaf to it: keep it so
            signal.signal(signal.SIGINT, _once())
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        code = FAILED
        try:
            code = work()
        finally:
            shared[0] = 1 + code
        return code
    os.close(lifeline)
    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    _, status = os.waitpid(child, 0)
    if shared[0]:
        return shared[0] - 1
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in FORWARDED:
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    print(f"worldlaw: {_told(culprit(shared[:]), status)}", file=sys.stderr)
    return FAILED


def _told(who: str, status: int) -> str:
    """One line on a child that did not finish."""
    code = os.waitstatus_to_exitcode(status)
    how = f"killed by signal {-code} (out of memory?)" if code < 0 else f"ended with exit code {code}"
    whose = f"{who}: while its code was at work the process was" if who else "the process was"
    return f"{whose} {how} before the command was done; what was complete is kept"


def _once() -> Callable[..., None]:
    """A handler of Ctrl-C that hears it once, however many send it at a time."""
    heard = -ONCE

    def interrupt(*_: object) -> None:
        nonlocal heard
        now = time.monotonic()
        if now - heard > ONCE:
            heard = now
            raise KeyboardInterrupt

    return interrupt


def _end_with(lifeline: int) -> None:
    """End this process when the one at the other end of the pipe dies."""
    os.read(lifeline, 1)
    os._exit(FAILED)

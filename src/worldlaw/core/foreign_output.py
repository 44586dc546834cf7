"""What others print goes to standard error: standard output has what a command says alone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def output_to_errors() -> Iterator[None]:
    """Send to standard error what is printed in the block: by Python, by compiled code, by other programs.

    ``sys.stdout`` and file descriptor 1 are both turned; the second stays where one of the two is closed.
    """
    _flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed: nothing can be printed there
        kept = None
    try:
        if kept is not None:
            with contextlib.suppress(OSError):  # no standard error: all stays where it is
                os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _flush()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def _flush() -> None:
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # closed, or full
                stream.flush()

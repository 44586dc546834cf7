"""The two ways in which a command ends early: bad input (exit code 2) and failure (exit code 1)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BadInput(ValueError):  # noqa: N818 - it says whose error it is
    """What came from outside cannot be used; the message says what was found and what was expected."""


class Failed(RuntimeError):  # noqa: N818
    """The work could not be finished although the input was good; nothing that was complete is lost."""


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """A ``BadInput`` for a misspelt name, with the nearest known name if there is one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(names)}"
    return BadInput(f"unknown {kind} {name!r}; {hint}")

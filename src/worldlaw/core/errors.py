"""The two ways in which a command ends early: bad input (exit code 2) and failure (exit code 1)."""

from __future__ import annotations

import contextlib
import difflib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from worldlaw.core.supervising import at_work

MOST_LISTED = 40  # names in a message; of more the first and the last are told


class BadInput(ValueError):  # noqa: N818 - it says whose error it is
    """What came from outside cannot be used; the message says what was found and what was expected."""


class Failed(RuntimeError):  # noqa: N818
    """The work could not be finished although the input was good; nothing that was complete is lost."""


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """A ``BadInput`` for a misspelt name, with the nearest known name if there is one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = (
        names if len(names) <= MOST_LISTED else [*names[: MOST_LISTED // 2], "…", *names[-MOST_LISTED // 2 :]]
    )
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(listed)}"
    return BadInput(f"unknown {kind} {name!r}; {hint}")


@contextlib.contextmanager
def blamed(who: str) -> Iterator[None]:
    """Turn what somebody else's code raises into a ``Failed`` that says whose it is, what it says and where.

    The one place that catches Exception: what a model or a law of the user's may raise cannot be listed.
    """
    try:
        with at_work(who):
            yield
    except (BadInput, Failed):
        raise
    except SystemExit as error:
        raise ended(who, error) from error
    except Exception as error:
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise Failed(f"{who}: {said}{_place(error)}") from error


def ended(who: str, error: SystemExit) -> Failed:
    """What to say of code that calls ``sys.exit``: no code but the command's own says when it is done."""
    return Failed(f"{who}: it called sys.exit({error.code!r}){_place(error)}")


def _place(error: BaseException) -> str:
    """File and line of the user's code that an error came through; the innermost if it is all ours."""
    ours = Path(__file__).parents[1]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    theirs = [
        f for f in frames if not Path(f.filename).is_relative_to(ours) and f.filename != contextlib.__file__
    ]
    if not frames or isinstance(error, SyntaxError):  # a syntax error says itself where it is
        return ""
    frame = [f for f in theirs if f.filename == theirs[0].filename][-1] if theirs else frames[-1]
    return f" ({Path(frame.filename).name}, line {frame.lineno})"

"""The two ways in which a command ends early: bad input (exit code 2) and failure (exit code 1)."""

from __future__ import annotations

import contextlib
import difflib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from worldlaw.core.supervisor import at_work

MOST_LISTED = 40  # names in a message; of more the first and the last are told
LONGEST_NAME = 100  # characters of a name that is looked up among the known ones, or told in full
OUT_OF_MEMORY = (  # what libraries say of it
    "could not create a primitive",  # oneDNN, PyTorch's convolutions on a CPU
    "not enough memory",  # PyTorch on a CPU
    "out of memory",  # PyTorch on a GPU
    "bad_alloc",  # C++
    "cannot allocate memory",  # the system
)


class BadInput(ValueError):  # noqa: N818 - it says whose error it is
    """What came from outside cannot be used; the message says what was found and what was expected."""


class Failed(RuntimeError):  # noqa: N818
    """The work could not be finished although the input was good; nothing that was complete is lost."""


class SaidFailure(Failed):
    """A failure that was said already, by this process or another; ``code`` is the exit code it asks for."""

    def __init__(self, code: int) -> None:
        super().__init__("failed; the reason was said before")
        self.code = code


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """A ``BadInput`` for a misspelt name, with the nearest known name if there is one."""
    names = sorted(known)
    near = nearest(name, names)
    listed = (
        names if len(names) <= MOST_LISTED else [*names[: MOST_LISTED // 2], "…", *names[-MOST_LISTED // 2 :]]
    )
    hint = f"did you mean {near!r}?" if near else f"expected one of: {', '.join(listed)}"
    return BadInput(f"unknown {kind} {shorten(name)!r}; {hint}")


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name that a misspelt one is near to, if there is one; none for what is too long a name."""
    if len(name) > LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), None)


def shorten(text: str, most: int = LONGEST_NAME) -> str:
    """A text of at most so many characters, and of a longer one its beginning and its end."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]} … {text[-(most // 3) :]}"


@contextlib.contextmanager
def blame(who: str) -> Iterator[None]:
    """Turn what somebody else's code raises into a ``Failed`` that says whose it is, what it says and where.

    The one place that catches all exceptions: what a model or a law of the user's may raise cannot be listed,
    nor what its exceptions do when they are asked for their text. Ctrl-C is not theirs, and neither is the
    end of a generator of ours that yields from such a block.
    """
    try:
        with at_work(who):
            yield
    except (BadInput, Failed, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise exit_failure(who, error) from error
    except BaseException as error:
        if isinstance(error, GeneratorExit) and not _theirs(error):
            raise
        try:
            text = str(error)
        except Exception:  # noqa: BLE001 - theirs, too
            text = "its text cannot be read"
        said = f"{type(error).__name__}: {text}".removesuffix(": ")
        if isinstance(error, MemoryError) or any(sign in text.lower() for sign in OUT_OF_MEMORY):
            said = f"memory ran out ({said})"
        raise Failed(f"{who}: {said}{_place(error)}") from error


def exit_failure(who: str, error: SystemExit) -> Failed:
    """What to say of code that calls ``sys.exit``: no code but the command's own says when it is done."""
    return Failed(f"{who}: it called sys.exit({error.code!r:.100}){_place(error)}")


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]


def _theirs(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an error that are not in our own files."""
    ours = Path(__file__).parents[1]
    return [
        f
        for f in _frames(error)
        if not Path(f.filename).is_relative_to(ours)
        and f.filename != contextlib.__file__
        and "jaxtyping" not in Path(f.filename).parts  # its wrappers check shapes, where that is switched on
    ]


def _place(error: BaseException) -> str:
    """File and line of the user's code that an error came through; the innermost if it is all ours."""
    frames, theirs = _frames(error), _theirs(error)
    if not frames or isinstance(error, SyntaxError):  # a syntax error says itself where it is
        return ""
    frame = [f for f in theirs if f.filename == theirs[0].filename][-1] if theirs else frames[-1]
    return f" ({Path(frame.filename).name}, line {frame.lineno})"

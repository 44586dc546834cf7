"""Who said what, and whose turn it is: every answer is on disk before the next clip is shown."""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import hmac
import json
import math
import os
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldlaw.core.artifact import explain_os_errors, make_folder
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for

FILE = "ratings.jsonl"
LONGEST_NAME = 40
ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True)
class Rating:
    """One line of the file."""

    rater: str
    clip: str  # name of an exhibit
    obeys: bool | None  # does the clip obey physics? None takes the rater's answer to it back
    seconds: float  # from the first frame shown to the answer; NaN if not known
    time: str  # ISO 8601, UTC

    def to_json(self) -> str:
        """One line."""
        answer = None if self.obeys is None else "yes" if self.obeys else "no"
        seconds = round(self.seconds, 3) if math.isfinite(self.seconds) else None
        line = {
            "rater": self.rater,
            "clip": self.clip,
            "answer": answer,
            "seconds": seconds,
            "time": self.time,
        }
        return json.dumps(line, ensure_ascii=False)


class Standing:
    """The answers of one rater that hold."""

    def __init__(self) -> None:
        self.answers: dict[str, Rating] = {}  # by clip, in the order in which they were given
        self.withdrawn: list[str] = []  # clips to be asked about again, the last one first

    def take(self, rating: Rating) -> None:
        """Let one more line count."""
        self.answers.pop(rating.clip, None)
        if rating.clip in self.withdrawn:
            self.withdrawn.remove(rating.clip)
        if rating.obeys is None:
            self.withdrawn.append(rating.clip)
        else:
            self.answers[rating.clip] = rating


class Ratings:
    """The file of ratings, JSON lines, only ever appended to; several processes may do so at the same time.

    Raises BadInput for a line that is no rating. Half a line at the end, which a killed process left, was
    never acknowledged: it is ignored, and cut off before the next one is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._offset = 0
        self._lines = 0
        self._standings: dict[str, Standing] = {}

    def standings(self) -> dict[str, Standing]:
        """Rater -> the answers that hold, as of now."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return self._standings
        except IsADirectoryError as error:
            raise BadInput(f"{self.path}: expected a file of ratings, found a folder") from error
        *whole, tail = content.split(b"\n")
        if _readable(tail):  # all of a line but its end
            whole, tail = [*whole, tail], b""
        for line in whole:
            self._lines += 1
            if line.strip():
                self._take(line)
        self._offset += len(content) - len(tail)
        return self._standings

    def check(self) -> None:
        """Raises BadInput, before anyone has judged, if the file cannot be read or written."""
        self.standings()
        make_folder(self.path.parent)
        with explain_os_errors(self.path), open(self.path, "ab"):
            pass

    def add(self, rating: Rating) -> None:
        """Append a line, which is on disk when this returns. Raises Failed or BadInput if it cannot be."""
        line = (rating.to_json() + "\n").encode()
        make_folder(self.path.parent)
        with explain_os_errors(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                end = _cut(handle)
                if end and os.pread(handle, 1, end - 1) != b"\n":
                    line = b"\n" + line
                try:
                    if os.write(handle, line) != len(line):
                        raise OSError("only a part was written")
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, end)
                    raise
            finally:
                os.close(handle)

    def _take(self, line: bytes) -> None:
        try:
            rating = _parsed(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{self.path}, line {self._lines}: not a rating ({error})") from error
        self._standings.setdefault(rating.rater, Standing()).take(rating)


def _parsed(raw: Any) -> Rating:
    if raw["answer"] not in (*ANSWERS, None):
        raise ValueError(f"expected the answer yes, no or null; found {raw['answer']!r}")
    seconds = raw.get("seconds")
    return Rating(
        rater=rater_name(raw["rater"]),
        clip=str(raw["clip"]),
        obeys=None if raw["answer"] is None else ANSWERS[raw["answer"]],
        seconds=math.nan if seconds is None else float(seconds),
        time=str(raw.get("time", "")),
    )


def _readable(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _cut(handle: int) -> int:
    """Length of the file, after half a line at its end has been cut off."""
    size = os.fstat(handle).st_size
    start = max(0, size - (1 << 16))
    last = os.pread(handle, size - start, start).rpartition(b"\n")[2]
    if last and not _readable(last):
        size -= len(last)
        os.ftruncate(handle, size)
    return size


def rater_name(text: object) -> str:
    """A name with single spaces. Raises BadInput for none, a long one, and what cannot be printed."""
    name = " ".join(unicodedata.normalize("NFC", text).split()) if isinstance(text, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(f"expected the rater's name, 1 to {LONGEST_NAME} printable characters; found {text!r}")
    return name


@dataclass(frozen=True)
class Turn:
    """Where a rater stands; clips by identifiers that say nothing."""

    rater: str
    done: int
    total: int
    clip: str | None  # to be judged now; None when all are
    then: str | None  # the one after it, to be fetched in time
    can_undo: bool


class OutOfTurn(Exception):  # noqa: N818
    """An answer about a clip that this rater is not being asked about."""


class Session:
    """The turns of all raters over one set of clips.

    A rater's order is a shuffle of its own, drawn from the name alone: a clip keeps its place in it whatever
    else is shown, so who goes on after an interruption, or with a larger sample, goes on in order.
    Methods may be called from several threads.
    """

    def __init__(self, names: Iterable[str], ratings: Ratings, *, only: str | None = None) -> None:
        self._names = list(dict.fromkeys(names))
        self._ratings = ratings
        self._only = only  # the one rater who may answer
        self._secret = secrets.token_bytes(32)
        self._name_of = {self.identifier(name): name for name in self._names}
        self._orders: dict[str, list[str]] = {}
        self._left_out: set[str] = set()
        self._lock = threading.Lock()

    @property
    def num_clips(self) -> int:
        """How many there are to judge."""
        return len(self._names)

    def identifier(self, name: str) -> str:
        """32 hexadecimal digits for a clip, others in every session: they name nothing."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()[:32]

    def name_of(self, identifier: str) -> str | None:
        """The clip with this identifier; None if there is none."""
        return self._name_of.get(identifier)

    def leave_out(self, name: str) -> None:
        """Show a clip to nobody any more: it cannot be read."""
        with self._lock:
            self._left_out.add(name)

    def turn(self, rater: object) -> Turn:
        """Where a rater stands. Raises BadInput for a name that is none, or not the session's rater."""
        with self._lock:
            return self._turn(self._known(rater))

    def answer(self, rater: object, identifier: str, obeys: bool, seconds: float) -> Turn:
        """Store an answer to the clip whose turn it is; returns the next turn.

        Raises OutOfTurn for another clip, so that an answer sent twice counts once.
        """
        with self._lock:
            rater = self._known(rater)
            if identifier != self._turn(rater).clip:
                raise OutOfTurn
            self._ratings.add(Rating(rater, self._name_of[identifier], obeys, seconds, _now()))
            return self._turn(rater)

    def undo(self, rater: object) -> Turn:
        """Take the rater's last answer back; its clip is asked about next. Nothing if there is none."""
        with self._lock:
            rater = self._known(rater)
            answered = self._answered(rater)
            if answered:
                self._ratings.add(Rating(rater, answered[-1], None, math.nan, _now()))
            return self._turn(rater)

    def _known(self, rater: object) -> str:
        name = rater_name(rater)
        if self._only is not None and name != self._only:
            raise BadInput(f"this session is for {self._only}")
        return name

    def _turn(self, rater: str) -> Turn:
        standing = self._ratings.standings().get(rater, Standing())
        shown = [name for name in self._order(rater) if name not in self._left_out]
        again = [name for name in reversed(standing.withdrawn) if name in shown]
        ahead = [name for name in shown if name not in standing.answers and name not in again]
        upcoming = [self.identifier(name) for name in (again + ahead)[:2]] + [None, None]
        done = len(shown) - len(again) - len(ahead)
        return Turn(rater, done, len(shown), upcoming[0], upcoming[1], bool(self._answered(rater)))

    def _answered(self, rater: str) -> list[str]:
        """This session's clips that the rater has judged, in the order of the answers."""
        standing = self._ratings.standings().get(rater, Standing())
        mine = set(self._order(rater)) - self._left_out
        return [name for name in standing.answers if name in mine]

    def _order(self, rater: str) -> list[str]:
        if rater not in self._orders:
            self._orders[rater] = sorted(
                self._names, key=lambda name: (rng_for(0, "rating order", rater, name).random(), name)
            )
        return self._orders[rater]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")

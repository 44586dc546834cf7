"""A sign that a video is no true one, and how much of it is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worldlaw.core.registry import Registry

if TYPE_CHECKING:
    from worldlaw.judge.evidence.contacts import Event
    from worldlaw.judge.evidence.flights import Course
    from worldlaw.judge.evidence.video_evidence import VideoEvidence

CONFIDENT = 0.999
MISSED = 0.05  # chance that a tracker errs in a frame of a run of frames


@dataclass(frozen=True)
class SignKind:
    """A kind of sign. Beyond its limit it counts, if its confidence is at least CONFIDENT (docs/judge.md)."""

    unit: str
    limit: float
    # All signs of this kind, and of others that are found along with it; None if another kind's does it.
    find: Callable[[VideoEvidence, Sequence[Course], Sequence[Event]], Iterable[Sign]] | None = None


@dataclass(frozen=True)
class Sign:
    """The largest instance of a kind in a video."""

    kind: str  # a name in sign_kinds
    value: float  # in the unit of its kind; NaN if it could not be looked for
    confidence: float  # 1 - probability that a true video, tracked as surely, shows as much
    thing: int = -1
    frame: int = -1
    about: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes a video abnormal."""
        return bool(self.value > sign_kinds.get(self.kind).limit and self.confidence >= CONFIDENT)

    @property
    def unit(self) -> str:
        """The unit of its value."""
        return sign_kinds.get(self.kind).unit


sign_kinds: Registry[SignKind] = Registry("sign", ["worldlaw.judge.signs.sign_list"])

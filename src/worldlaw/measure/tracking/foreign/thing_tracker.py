"""(video, things) -> tracks: a thing is sought where its motion takes it, then wherever paint is left over.

A thing is where its outline, moved, meets the edge between its own colours and the backdrop's wherever no
other thing blocks it. What does not look like that is lost, and what far from its way looks like it must
do so in two frames in a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from worldlaw.core.types import CUT, HIDDEN, LOST, OUTSIDE, VISIBLE
from worldlaw.measure.tracking.foreign.backdrop import Backdrop
from worldlaw.measure.tracking.foreign.leftover_paint import leftover_pieces, rooted_paint
from worldlaw.measure.tracking.foreign.thing_fit import (
    OTHER_COLOR,
    Fit,
    Frame,
    ThingFitter,
    in_picture,
    reach_of,
)
from worldlaw.measure.tracking.foreign.things import Piece, Things

REMEMBERED = 2  # frames in which a thing that was not found may still stand before another


@dataclass
class _State:
    """Where a thing is thought to be; changes from frame to frame."""

    place: np.ndarray  # (2,) px
    step: np.ndarray  # (2,) px per frame
    angle: float = 0.0
    spin: float = 0.0
    scale: float = 1.0
    frame: int = -1  # in which it was last seen, none if negative
    rumour: tuple[int, np.ndarray] | None = None  # far from its way: frame and place


@dataclass
class Pursuit:
    """What came out, in pixels."""

    position: np.ndarray  # (T, B, 2)
    angle: np.ndarray  # (T, B)
    scale: np.ndarray  # (T, B)
    status: np.ndarray  # (T, B)
    confidence: np.ndarray  # (T, B)
    deviation: np.ndarray  # (T, B) px
    color: np.ndarray  # (T, B, 3)
    extra: list[Piece] = field(default_factory=list)


class _Pursuer:
    def __init__(self, video: np.ndarray, things: Things, backdrop: Backdrop) -> None:
        self.video, self.things, self.backdrop = video, things, backdrop
        count = things.num_things
        self.radius = things.radius
        self.reach = reach_of(things)
        self.states = [_State(things.position[b].copy(), np.zeros(2)) for b in range(count)]
        self.fitter = ThingFitter(things, backdrop)
        self.rooted = rooted_paint(video, things, backdrop)

    def run(self) -> Pursuit:
        num_frames, count = len(self.video), self.things.num_things
        found = Pursuit(
            position=np.full((num_frames, count, 2), np.nan),
            angle=np.full((num_frames, count), np.nan),
            scale=np.full((num_frames, count), np.nan),
            status=np.full((num_frames, count), LOST, np.int8),
            confidence=np.zeros((num_frames, count)),
            deviation=np.full((num_frames, count), np.nan),
            color=np.full((num_frames, count, 3), np.nan),
        )
        dark = self.backdrop.dark
        for t in range(num_frames):
            if dark is not None and dark[t]:
                found.status[t] = HIDDEN
            else:
                self._advance(t, found)
        return found

    def _expected(self, b: int, t: int) -> tuple[np.ndarray, float]:
        state = self.states[b]
        gap = t - state.frame if state.frame >= 0 else 0
        return state.place + state.step * gap, state.angle + state.spin * min(gap, 3)

    def _advance(self, t: int, found: Pursuit) -> None:
        frame = Frame(self.video[t], self.backdrop.gain[t])
        count = self.things.num_things
        fits: list[Fit | None] = [None] * count
        active = [b for b in range(count) if self.things.frame[b] <= t]
        # Twice: the second time everything knows where the others are.
        expected = {b: self._expected(b, t) for b in active}
        for turn in range(2 if len(active) > 1 else 1):
            if turn and not self._crowded(fits, expected, active):
                break
            for b in sorted(active, key=lambda b: -_score(fits[b])):
                others = [
                    (o, *self._laid(o, fits[o], expected[o]))
                    for o in active
                    if o != b and (fits[o] is not None or t - self.states[o].frame <= REMEMBERED)
                ]
                fits[b] = self._best(frame, b, t, expected[b], others)
        self._part(fits, expected, active)
        pieces = leftover_pieces(frame, fits, self.things, self.backdrop, self.rooted)
        for b in active:
            if fits[b] is None and pieces:
                fit = fits[b] = self._anywhere(frame, b, t, expected[b], fits, pieces)
                if fit is not None:
                    reach = self.reach[b] * fit.scale
                    pieces = [one for one in pieces if np.linalg.norm(one[0] - fit.place) > reach]
        self._note(t, frame, fits, expected, active, found, pieces)

    def _laid(self, b: int, fit: Fit | None, expected: tuple[np.ndarray, float]) -> tuple:
        if fit is not None:
            return fit.place, fit.angle, fit.scale
        return expected[0], expected[1], self.states[b].scale

    def _crowded(self, fits: list, expected: dict, active: list[int]) -> bool:
        """Whether any two things are so near that each may disturb the other."""
        for i in active:
            for o in active:
                if o > i:
                    a, b = self._laid(i, fits[i], expected[i]), self._laid(o, fits[o], expected[o])
                    if np.linalg.norm(a[0] - b[0]) < 1.3 * (self.reach[i] + self.reach[o]) + 6:
                        return True
        return False

    def _best(self, frame: Frame, b: int, t: int, expected: tuple, others: list) -> Fit | None:
        """The best good fit from where the thing may be."""
        state = self.states[b]
        starts = [expected[0]]
        recent = state.frame >= 0 and t - state.frame <= 2
        if recent and np.linalg.norm(expected[0] - state.place) > 0.25 * self.radius[b]:
            starts.append(state.place)
        best = None
        for start in starts:
            fit = self.fitter.fit(frame, b, start, expected[1], state.scale, others)
            if fit is None or not fit.good(self.radius[b], state.scale):
                continue
            if np.linalg.norm(fit.place - expected[0]) > self._leash(b, t):
                continue
            if best is None or fit.score > best.score + 0.02:
                best = fit
            if best.score > 0.8:
                break
        if best is None and not self.things.disc[b]:
            reach = min(self._leash(b, t), 1.5 * self.reach[b])
            fit = self.fitter.search(frame, b, expected[0], expected[1], state.scale, others, reach)
            if fit is not None and fit.good(self.radius[b], state.scale):
                return fit
        return best

    def _leash(self, b: int, t: int) -> float:
        """How far in px from where it is expected a thing can be without a second look."""
        state = self.states[b]
        gap = max(1, t - state.frame) if state.frame >= 0 else 1
        speed = float(np.linalg.norm(state.step))
        return 1.2 * self.radius[b] * state.scale + (1.5 * speed + 0.15 * self.radius[b]) * min(gap, 4) + 3

    def _part(self, fits: list[Fit | None], expected: dict, active: list[int]) -> None:
        """Of two things laid on one place, the one that is farther from its way is not there."""
        for i in active:
            for o in active:
                first, second = fits[i], fits[o]
                if o <= i or first is None or second is None:
                    continue
                sizes = self.radius[i] * first.scale, self.radius[o] * second.scale
                if np.linalg.norm(first.place - second.place) < 0.5 * max(sizes):
                    ways = (
                        np.linalg.norm(first.place - expected[i][0]) / self.radius[i],
                        np.linalg.norm(second.place - expected[o][0]) / self.radius[o],
                    )
                    worse = ways[0] - first.score > ways[1] - second.score
                    fits[i if worse else o] = None

    def _anywhere(
        self, frame: Frame, b: int, t: int, expected: tuple, fits: list, pieces: list
    ) -> Fit | None:
        """A thing that is not where it should be, found elsewhere; far away only at the second sight."""
        state = self.states[b]
        others = [(o, fit.place, fit.angle, fit.scale) for o, fit in enumerate(fits) if fit and o != b]
        own = math.pi * (self.radius[b] * state.scale) ** 2
        best: Fit | None = None
        for middle, area, color, _ in pieces:
            if not 0.3 * own < area < 4 * own:
                continue
            if np.linalg.norm(self.things.paint[b] - color, axis=1).min() > 1.5 * OTHER_COLOR:
                continue
            if self.things.disc[b]:
                fit = self.fitter.fit(frame, b, middle, expected[1], state.scale, others)
            else:
                fit = self.fitter.search(
                    frame, b, middle, expected[1], state.scale, others, 0.3 * self.radius[b]
                )
            if fit is None or not fit.good(self.radius[b], state.scale):
                continue
            far = np.linalg.norm(fit.place - expected[0])
            if best is None or far < np.linalg.norm(best.place - expected[0]):
                best = fit
        if best is None:
            return None
        if np.linalg.norm(best.place - expected[0]) <= self._leash(b, t) and state.frame >= 0:
            return best
        before, state.rumour = state.rumour, (t, best.place)
        if before is not None and before[0] == t - 1:
            moved = best.place - before[1]
            if np.linalg.norm(moved) < 2 * self.radius[b] + 3:
                state.rumour = None
                state.step = moved
                return best
        return None

    def _note(
        self,
        t: int,
        frame: Frame,
        fits: list,
        expected: dict,
        active: list[int],
        found: Pursuit,
        pieces: list,
    ) -> None:
        for b in active:
            fit, state = fits[b], self.states[b]
            if fit is None:
                found.status[t, b] = self._why(b, expected[b], fits, frame.pixels.shape)
                continue
            if state.frame >= 0:
                gap = t - state.frame
                moved = (fit.place - state.place) / gap
                state.step = moved if gap <= 3 or np.linalg.norm(moved) < self.radius[b] else state.step
                turned = (fit.angle - state.angle) / gap
                state.spin = 0.5 * state.spin + 0.5 * turned
            state.place, state.angle, state.frame = fit.place, fit.angle, t
            state.scale += 0.3 * (fit.scale - state.scale)
            state.rumour = None
            found.angle[t, b], found.scale[t, b] = fit.angle, fit.scale
            found.confidence[t, b] = fit.score
            edge = (self.radius if self.things.disc[b] else self.reach)[b] * fit.scale
            whole = _whole(fit.place, edge, frame.pixels.shape) and not self._spans(b, fit, frame)
            found.status[t, b] = VISIBLE if whole else CUT
            if whole:
                found.position[t, b] = fit.place
                found.deviation[t, b] = fit.deviation
                x, y = int(fit.place[0]), int(fit.place[1])
                reach = max(1, int(0.5 * self.radius[b] * fit.scale))
                patch = frame.pixels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
                color = np.median(patch.reshape(-1, 3), axis=0) / frame.gain  # as in the usual light
                found.color[t, b] = np.clip(color / 255, 0, 1)
        leaving = [b for b in active if found.status[t, b] in (CUT, OUTSIDE)]
        for middle, area, color, always in pieces:
            radius = math.sqrt(area / math.pi)
            rest = not _whole(middle, 1.5 * radius, frame.pixels.shape) and any(
                np.linalg.norm(self._expected(b, t)[0] - middle) < 1.5 * self.reach[b] + 4 for b in leaving
            )
            if not rest and not always:
                found.extra.append((t, *middle, area, *(color / 255)))

    def _spans(self, b: int, fit: Fit, frame: Frame) -> bool:
        """Whether a thing reaches from edge to edge of the picture: it has no place along itself."""
        height, width, _ = frame.pixels.shape
        cos, sin = math.cos(fit.angle), math.sin(fit.angle)
        x, y = fit.scale * self.things.outline[b].T
        return bool(np.ptp(cos * x - sin * y) > width - 2 or np.ptp(sin * x + cos * y) > height - 2)

    def _why(self, b: int, expected: tuple, fits: list, shape: tuple) -> int:
        """Why a thing that was not found may not be seen."""
        place, size = expected[0], self.radius[b] * self.states[b].scale
        if not in_picture(place, size, shape):
            return OUTSIDE
        if not _whole(place, 0.9 * size, shape):
            return CUT
        for o, fit in enumerate(fits):
            if fit is None or o == b:
                continue
            if np.linalg.norm(fit.place - place) < self.radius[o] * fit.scale + 0.5 * size:
                return HIDDEN
        return LOST


def _score(fit: Fit | None) -> float:
    return 0.0 if fit is None else fit.score


def _whole(place: np.ndarray, size: float, shape: tuple) -> bool:
    slack = 0.35
    return bool(
        size - slack <= place[0] <= shape[1] - size + slack
        and size - slack <= place[1] <= shape[0] - size + slack
    )


def pursue(video: np.ndarray, things: Things, backdrop: Backdrop) -> Pursuit:
    """Follow things through all frames of a video."""
    return _Pursuer(video, things, backdrop).run()

"""(video, things) -> tracks: a thing is sought where its motion takes it, then wherever paint is left over.

A thing is where its outline, moved, meets the edge between its own colours and the backdrop's wherever no
other thing blocks it. What does not look like that is lost, and what far from its way looks like it must
do so in two frames in a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from worldlaw.core.types import CUT, HIDDEN, LOST, OUTSIDE, VISIBLE
from worldlaw.measure.tracking.foreign import foreign_kernels
from worldlaw.measure.tracking.foreign.backdrop import Backdrop
from worldlaw.measure.tracking.foreign.thing_finder import COARSE
from worldlaw.measure.tracking.foreign.thing_view import least_change, stride
from worldlaw.measure.tracking.foreign.things import Things

FILLED = 0.6  # mean likeness within an outline that is there
STANDS_APART = 0.35  # how much less it is just outside
SEARCHED_ANGLES = 36
MET = 0.65  # share of its points that meet an edge
FREE = 0.35  # share of points that nothing blocks
ROUGH = 0.10  # rms of what remains of the edge, in radii, at most
GROWTH = 1.35  # how much larger or smaller than it was a thing may appear
BIAS = 0.72  # px by which a place may be off all the same, per px by which the edge is: measured on films
REMEMBERED = 2  # frames in which a thing that was not found may still stand before another
OTHER = 45.0  # levels by which two things' colours differ if they can be told apart
STEP = 16.0  # levels from the backdrop at which paint belongs to something
ROOTED = 0.8  # share of paint left over that is as it always was, if it is but a speck of the backdrop
SMALLEST = 0.15  # of the area of the smallest thing: what is less is no extra thing


Piece = tuple[np.ndarray, float, np.ndarray, bool]  # middle (2,) px, area px², mean colour, always there


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
class Fit:
    """An outline laid on a frame."""

    place: np.ndarray  # (2,) px
    angle: float  # rad, clockwise
    scale: float  # of its size in the frame in which it was described
    rms: float  # px of what remains between the outline and the edge
    met: float  # share of unblocked points that met an edge
    free: float  # share of points that nothing blocks
    deviation: float  # px
    filled: float  # mean likeness within
    outer: float  # and just outside

    def good(self, radius: float, scale: float) -> bool:
        """Whether the thing is there."""
        size = radius * self.scale
        return (
            self.filled > FILLED
            and not self.filled - self.outer < STANDS_APART
            and self.met > MET
            and self.free > FREE
            and self.rms < max(ROUGH * size, 0.9)
            and 1 / GROWTH < self.scale / scale < GROWTH
        )

    @property
    def score(self) -> float:
        """How well it is seen, 0 to 1."""
        return float(np.clip(self.filled, 0, 1) * self.met * min(1.0, self.free / 0.7))


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
    extra: list[tuple[float, ...]] = field(default_factory=list)  # frame, x, y, area, red, green, blue


class _Frame:
    """One frame, and what its pixels are like."""

    def __init__(self, pursuer: _Pursuer, t: int) -> None:
        self.pixels = pursuer.video[t]
        self.gain = pursuer.backdrop.gain[t]
        self.pursuer = pursuer

    def alike(self, b: int, place: np.ndarray, reach: float) -> tuple[int, int, np.ndarray] | None:
        """A window of likeness to a thing around a place; None if there is none in the picture."""
        height, width, _ = self.pixels.shape
        left, top = max(0, int(place[0] - reach)), max(0, int(place[1] - reach))
        right, bottom = min(width, int(place[0] + reach) + 2), min(height, int(place[1] + reach) + 2)
        if right - left < 4 or bottom - top < 4:
            return None
        out = np.empty((bottom - top, right - left))
        foreign_kernels.likeness(
            self.pixels, self.gain, self.pursuer.backdrop.picture, self.pursuer.things.paint[b],
            self.pursuer.rivals[b], self.pursuer.backdrop.noise_power, self.pursuer.things.shade[b],
            left, top, out,
        )  # fmt: skip
        return left, top, out


class _Pursuer:
    def __init__(self, video: np.ndarray, things: Things, backdrop: Backdrop) -> None:
        self.video, self.things, self.backdrop = video, things, backdrop
        count = things.num_things
        self.radius = things.radius
        self.reach = np.linalg.norm(things.outline, axis=-1).max(axis=1)
        self.states = [_State(things.position[b].copy(), np.zeros(2)) for b in range(count)]
        self.rivals = [self._rivals(b) for b in range(count)]
        self.rooted = self._rooted()

    def _rivals(self, b: int) -> np.ndarray:
        """Colours of other things that are none of this one's."""
        own = self.things.paint[b]
        others = [
            color
            for other in range(self.things.num_things)
            if other != b
            for color in self.things.paint[other]
            if np.linalg.norm(own - color, axis=1).min() > OTHER
        ]
        return np.array(others).reshape(-1, 3)

    def _rooted(self) -> np.ndarray:
        """Of the shrunken picture: what was there from the first, or a thing stood before it then."""
        start, backdrop = self.backdrop.start, self.backdrop
        if backdrop.standing is None:
            return np.zeros((0, 0), bool)
        rooted = self._as_standing(self.video[start], backdrop.gain[start])
        factor = self._factor()
        for b in np.flatnonzero(self.things.frame <= start).tolist():
            margin = (0.4 * self.radius[b] + 4) / factor
            covered = np.zeros(rooted.shape)
            self._block(covered, 0, 0, b, self.things.position[b], 0.0, 1.0, margin, factor)
            rooted |= covered != 0
        return rooted

    def _factor(self) -> int:
        return max(1, round(min(self.video.shape[1:3]) / COARSE))

    def _as_standing(self, pixels: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """Where a frame, shrunken, is as the median of all."""
        factor = self._factor()
        away = np.empty((pixels.shape[0] // factor, pixels.shape[1] // factor), np.float32)
        foreign_kernels.unlike_ground(pixels, gain, self.backdrop.standing, factor, 1.0, away)
        return ndimage.uniform_filter(away, 3) < max(STEP, 4 * self.backdrop.noise / factor)

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
        frame = _Frame(self, t)
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
        pieces = self._pieces(frame, fits)
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

    def _best(self, frame: _Frame, b: int, t: int, expected: tuple, others: list) -> Fit | None:
        """The best good fit from where the thing may be."""
        state = self.states[b]
        starts = [expected[0]]
        recent = state.frame >= 0 and t - state.frame <= 2
        if recent and np.linalg.norm(expected[0] - state.place) > 0.25 * self.radius[b]:
            starts.append(state.place)
        best = None
        for start in starts:
            fit = self._fit(frame, b, start, expected[1], others)
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
            fit = self._searched(frame, b, expected[0], expected[1], others, reach)
            if fit is not None and fit.good(self.radius[b], state.scale):
                return fit
        return best

    def _leash(self, b: int, t: int) -> float:
        """How far in px from where it is expected a thing can be without a second look."""
        state = self.states[b]
        gap = max(1, t - state.frame) if state.frame >= 0 else 1
        speed = float(np.linalg.norm(state.step))
        return 1.2 * self.radius[b] * state.scale + (1.5 * speed + 0.15 * self.radius[b]) * min(gap, 4) + 3

    def _block(
        self, out: np.ndarray, left: int, top: int, b: int, place: np.ndarray, angle: float, scale: float,
        margin: float, factor: int = 1,
    ) -> None:  # fmt: skip
        """Mark what a thing covers of a window, or of a picture shrunk by a factor."""
        outline = self.things.outline[b] / factor
        at = place / factor
        foreign_kernels.block(
            out, left, top, at[0], at[1], outline, self.things.normal[b], angle, scale, margin
        )

    def _edge(self, b: int) -> tuple[np.ndarray, ...]:
        things = self.things
        return things.outline[b], things.normal[b], things.inner[b], things.outer[b]

    def _window(
        self, frame: _Frame, b: int, place: np.ndarray, reach: float, others: list
    ) -> tuple[int, int, np.ndarray] | None:
        """Likeness to a thing around a place, what other things cover of it blocked."""
        if not _in_picture(place, self.reach[b] * self.states[b].scale, frame.pixels.shape):
            return None
        window = frame.alike(b, place, reach)
        if window is not None:
            left, top, alike = window
            for o, at, turned, scale in others:
                self._block(alike, left, top, o, at, turned, scale, 1.0)
        return window

    def _fit(self, frame: _Frame, b: int, start: np.ndarray, angle: float, others: list) -> Fit | None:
        """An outline fitted from a start; None if that is out of the picture."""
        state = self.states[b]
        radius = self.radius[b] * state.scale
        window = self._window(frame, b, start, 1.5 * self.reach[b] * state.scale + 0.5 * radius + 10, others)
        if window is None:
            return None
        left, top, alike = window
        out = np.empty(10)
        foreign_kernels.fit(
            frame.pixels, left, top, least_change(self.backdrop.noise), alike, *self._edge(b),
            start[0] - left, start[1] - top, angle, state.scale, state.scale, stride(radius),
            max(0.5 * radius, 4.0), max(2.5, 0.12 * radius), not self.things.disc[b], out,
        )  # fmt: skip
        filled, outer = foreign_kernels.filled(
            alike, self.things.body[b], self.things.outline[b], self.things.normal[b], self.things.outer[b],
            *out[:4],
        )  # fmt: skip
        return Fit(
            np.array([out[0] + left, out[1] + top]), out[2], out[3], out[4], out[5], out[6],
            math.hypot(math.sqrt(max(0.5 * (out[7] + out[8]), 0.0)), BIAS * out[4]), filled, outer,
        )  # fmt: skip

    def _searched(
        self, frame: _Frame, b: int, start: np.ndarray, angle: float, others: list, reach: float
    ) -> Fit | None:
        """As ``_fit`` for a thing that turns, from the best of many places and angles around a start."""
        scale = self.states[b].scale
        window = self._window(frame, b, start, reach + 1.2 * self.reach[b] * scale + 8, others)
        if window is None:
            return None
        left, top, alike = window
        out = np.empty(4)
        step = max(1.5, float(self.things.inner[b].min()) * scale, reach / 12)
        foreign_kernels.search(
            alike, self.things.body[b], self.things.outline[b], self.things.normal[b], start[0] - left,
            start[1] - top, angle, scale, reach, step, SEARCHED_ANGLES, 2 * math.pi, out,
        )  # fmt: skip
        if out[3] < STANDS_APART:
            return None
        return self._fit(frame, b, out[:2] + np.array([left, top]), out[2], others)

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

    def _pieces(self, frame: _Frame, fits: list[Fit | None]) -> list[Piece]:
        """Paint that belongs to no thing found."""
        height, width, _ = frame.pixels.shape
        factor = self._factor()
        away = np.empty((height // factor, width // factor), np.float32)
        foreign_kernels.unlike_ground(
            frame.pixels, frame.gain, self.backdrop.picture, factor, self.backdrop.shade, away
        )
        step = max(STEP, 4 * self.backdrop.noise / factor)
        paint = ndimage.uniform_filter(away, 3) > step
        for b, fit in enumerate(fits):
            if fit is not None:
                grown = np.zeros(away.shape)
                margin = max(2.5, 0.15 * self.radius[b]) / factor
                self._block(grown, 0, 0, b, fit.place, fit.angle, fit.scale, margin, factor)
                paint &= grown == 0
        labels, count = ndimage.label(paint)
        if not count:
            return []
        area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        least = max(SMALLEST * math.pi * float(self.radius.min()) ** 2 / factor**2, 9.0)
        pieces = []
        rooted = self.rooted & self._as_standing(frame.pixels, frame.gain) if self.rooted.size else None
        places = ndimage.find_objects(labels)
        for k in np.flatnonzero(area >= least):
            place = places[k]
            inside = labels[place] == k + 1
            # A thin rim is what the outline of a thing left over.
            if ndimage.binary_erosion(inside, np.ones((3, 3))).sum() < 0.2 * inside.sum():
                continue
            y, x = np.nonzero(inside)
            middle = np.array([x.mean() + place[1].start, y.mean() + place[0].start]) + 0.5
            at = (
                np.clip((y + place[0].start) * factor + factor // 2, 0, height - 1),
                np.clip((x + place[1].start) * factor + factor // 2, 0, width - 1),
            )
            color = np.median(frame.pixels[at] / frame.gain, axis=0)
            always = rooted is not None and bool(rooted[place][inside].mean() > ROOTED)
            pieces.append((middle * factor, float(area[k]) * factor**2, color, always))
        return pieces

    def _anywhere(
        self, frame: _Frame, b: int, t: int, expected: tuple, fits: list, pieces: list
    ) -> Fit | None:
        """A thing that is not where it should be, found elsewhere; far away only at the second sight."""
        state = self.states[b]
        others = [(o, fit.place, fit.angle, fit.scale) for o, fit in enumerate(fits) if fit and o != b]
        own = math.pi * (self.radius[b] * state.scale) ** 2
        best: Fit | None = None
        for middle, area, color, _ in pieces:
            if not 0.3 * own < area < 4 * own:
                continue
            if np.linalg.norm(self.things.paint[b] - color, axis=1).min() > 1.5 * OTHER:
                continue
            if self.things.disc[b]:
                fit = self._fit(frame, b, middle, expected[1], others)
            else:
                fit = self._searched(frame, b, middle, expected[1], others, 0.3 * self.radius[b])
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
        self, t: int, frame: _Frame, fits: list, expected: dict, active: list[int], found: Pursuit,
        pieces: list,
    ) -> None:  # fmt: skip
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

    def _spans(self, b: int, fit: Fit, frame: _Frame) -> bool:
        """Whether a thing reaches from edge to edge of the picture: it has no place along itself."""
        height, width, _ = frame.pixels.shape
        cos, sin = math.cos(fit.angle), math.sin(fit.angle)
        x, y = fit.scale * self.things.outline[b].T
        return bool(np.ptp(cos * x - sin * y) > width - 2 or np.ptp(sin * x + cos * y) > height - 2)

    def _why(self, b: int, expected: tuple, fits: list, shape: tuple) -> int:
        """Why a thing that was not found may not be seen."""
        place, size = expected[0], self.radius[b] * self.states[b].scale
        if not _in_picture(place, size, shape):
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


def _in_picture(place: np.ndarray, size: float, shape: tuple) -> bool:
    return bool(-size < place[0] < shape[1] + size and -size < place[1] < shape[0] + size)


def _whole(place: np.ndarray, size: float, shape: tuple) -> bool:
    slack = 0.35
    return bool(
        size - slack <= place[0] <= shape[1] - size + slack
        and size - slack <= place[1] <= shape[0] - size + slack
    )


def pursue(video: np.ndarray, things: Things, backdrop: Backdrop) -> Pursuit:
    """Follow things through all frames of a video."""
    return _Pursuer(video, things, backdrop).run()

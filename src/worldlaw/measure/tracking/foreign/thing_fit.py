"""The outline of a thing laid on a frame: where it meets the edge between its own colours and all others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from worldlaw.measure.tracking.foreign import foreign_kernels
from worldlaw.measure.tracking.foreign.backdrop import Backdrop
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
OTHER_COLOR = 45.0  # levels by which two things' colours differ if they can be told apart


@dataclass(frozen=True)
class Frame:
    """One frame, and its light."""

    pixels: UInt8[np.ndarray, "H W 3"]
    gain: Float[np.ndarray, " 3"]  # of the usual light, by channel


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
        return bool(
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


class ThingFitter:
    """Lays the outlines of things on frames; what stands before a thing is blocked."""

    def __init__(self, things: Things, backdrop: Backdrop) -> None:
        self.things, self.backdrop = things, backdrop
        self.radius = things.radius
        self.reach = reach_of(things)
        self.rivals = [self._rivals(b) for b in range(things.num_things)]

    def fit(
        self, frame: Frame, b: int, start: np.ndarray, angle: float, scale: float, others: list
    ) -> Fit | None:
        """An outline fitted from a start; None if that is out of the picture."""
        radius = self.radius[b] * scale
        window = self._window(frame, b, start, scale, 1.5 * self.reach[b] * scale + 0.5 * radius + 10, others)
        if window is None:
            return None
        left, top, alike = window
        out = np.empty(10)
        foreign_kernels.fit(
            frame.pixels,
            left,
            top,
            least_change(self.backdrop.noise),
            alike,
            *self._edge(b),
            start[0] - left,
            start[1] - top,
            angle,
            scale,
            scale,
            stride(radius),
            max(0.5 * radius, 4.0),
            max(2.5, 0.12 * radius),
            not self.things.disc[b],
            out,
        )
        filled, outer = foreign_kernels.mean_likeness(
            alike,
            self.things.body[b],
            self.things.outline[b],
            self.things.normal[b],
            self.things.outer[b],
            *out[:4],
        )
        return Fit(
            np.array([out[0] + left, out[1] + top]),
            out[2],
            out[3],
            out[4],
            out[5],
            out[6],
            math.hypot(math.sqrt(max(0.5 * (out[7] + out[8]), 0.0)), BIAS * out[4]),
            filled,
            outer,
        )

    def search(
        self,
        frame: Frame,
        b: int,
        start: np.ndarray,
        angle: float,
        scale: float,
        others: list,
        reach: float,
    ) -> Fit | None:
        """As ``fit`` for a thing that turns, from the best of many places and angles around a start."""
        window = self._window(frame, b, start, scale, reach + 1.2 * self.reach[b] * scale + 8, others)
        if window is None:
            return None
        left, top, alike = window
        out = np.empty(4)
        step = max(1.5, float(self.things.inner[b].min()) * scale, reach / 12)
        foreign_kernels.search(
            alike,
            self.things.body[b],
            self.things.outline[b],
            self.things.normal[b],
            start[0] - left,
            start[1] - top,
            angle,
            scale,
            reach,
            step,
            SEARCHED_ANGLES,
            2 * math.pi,
            out,
        )
        if out[3] < STANDS_APART:
            return None
        return self.fit(frame, b, out[:2] + np.array([left, top]), out[2], scale, others)

    def _window(
        self, frame: Frame, b: int, place: np.ndarray, scale: float, reach: float, others: list
    ) -> tuple[int, int, np.ndarray] | None:
        """Likeness to a thing around a place, what other things cover of it blocked."""
        if not in_picture(place, self.reach[b] * scale, frame.pixels.shape):
            return None
        window = self._alike(frame, b, place, reach)
        if window is not None:
            left, top, alike = window
            for o, at, turned, other_scale in others:
                block_thing(alike, left, top, self.things, o, at, turned, other_scale, 1.0)
        return window

    def _alike(
        self, frame: Frame, b: int, place: np.ndarray, reach: float
    ) -> tuple[int, int, np.ndarray] | None:
        """A window of likeness to a thing around a place; None if there is none in the picture."""
        height, width, _ = frame.pixels.shape
        left, top = max(0, int(place[0] - reach)), max(0, int(place[1] - reach))
        right, bottom = min(width, int(place[0] + reach) + 2), min(height, int(place[1] + reach) + 2)
        if right - left < 4 or bottom - top < 4:
            return None
        out = np.empty((bottom - top, right - left))
        foreign_kernels.likeness(
            frame.pixels,
            frame.gain,
            self.backdrop.picture,
            self.things.paint[b],
            self.rivals[b],
            self.backdrop.noise_power,
            self.things.shade[b],
            left,
            top,
            out,
        )
        return left, top, out

    def _rivals(self, b: int) -> np.ndarray:
        """Colours of other things that are none of this one's."""
        own = self.things.paint[b]
        others = [
            color
            for other in range(self.things.num_things)
            if other != b
            for color in self.things.paint[other]
            if np.linalg.norm(own - color, axis=1).min() > OTHER_COLOR
        ]
        return np.array(others).reshape(-1, 3)

    def _edge(self, b: int) -> tuple[np.ndarray, ...]:
        things = self.things
        return things.outline[b], things.normal[b], things.inner[b], things.outer[b]


def reach_of(things: Things) -> Float[np.ndarray, " B"]:
    """How far in px the outline of each thing goes from its middle."""
    return np.linalg.norm(things.outline, axis=-1).max(axis=1)


def block_thing(
    out: np.ndarray,
    left: int,
    top: int,
    things: Things,
    b: int,
    place: np.ndarray,
    angle: float,
    scale: float,
    margin: float,
    factor: int = 1,
) -> None:
    """Mark what a thing covers of a window, or of a picture shrunk by a factor."""
    outline = things.outline[b] / factor
    at = place / factor
    foreign_kernels.block(out, left, top, at[0], at[1], outline, things.normal[b], angle, scale, margin)


def in_picture(place: np.ndarray, size: float, shape: tuple) -> bool:
    """Whether something of this size, px, reaches into a picture of this shape."""
    return bool(-size < place[0] < shape[1] + size and -size < place[1] < shape[0] + size)

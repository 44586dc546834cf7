"""One clip as the measures read it: poses, silhouettes, and how far all that is seen is apart."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from worldlaw.core.types import HIDDEN, OPTIONAL_ARRAYS, TRAJECTORY_ARRAYS, Tracks, Trajectory
from worldlaw.measure.tracking.poses.silhouettes import Silhouettes
from worldlaw.measure.verdicts.separation_kernels import SPACING, Outlines, body_gaps, outlines_of, sweep_gaps

BLACK = ((0, 0, 0),)  # how the study draws what is fixed
SAME_COLOR = 40.0  # levels
MARGIN = 0.006  # of the view's height: what is nearer than this may have touched between two frames


@dataclass(frozen=True)
class ClipGeometry:
    """What a clip shows of rigid bodies; B bodies, T frames, the walls of the view counted as body B."""

    tracks: Tracks
    outlines: Outlines
    fixed: Bool[np.ndarray, " B"]
    gravity: Float[np.ndarray, " 2"]  # m/s²
    extent: tuple[float, float]  # m
    context: int  # given frames: nothing in them alone counts

    @property
    def dt(self) -> float:
        """Seconds between frames."""
        return self.tracks.bodies.dt

    @property
    def num_frames(self) -> int:
        """T."""
        return self.tracks.bodies.num_frames

    @property
    def num_bodies(self) -> int:
        """B."""
        return self.tracks.bodies.num_bodies

    @property
    def position(self) -> Float[np.ndarray, "T B 2"]:
        """Centroids in m; NaN where a body is not found."""
        return self.tracks.bodies.position

    @functools.cached_property
    def angle(self) -> Float[np.ndarray, "T B"]:
        """Angles in rad; 0 for discs, which do not show theirs."""
        angle = self.tracks.bodies.angle
        disc = self.outlines.radius > 0
        return np.zeros(self.found.shape) if angle is None else np.where(disc, 0.0, angle)

    @functools.cached_property
    def found(self) -> Bool[np.ndarray, "T B"]:
        """Whether a body has a place in a frame."""
        return np.isfinite(self.position).all(axis=-1)

    @functools.cached_property
    def missing(self) -> Bool[np.ndarray, "T B"]:
        """Whether a body is not found in a frame and nothing is seen to hide it."""
        return ~self.found & (self.tracks.bodies.status != HIDDEN)

    @functools.cached_property
    def fall(self) -> Float[np.ndarray, " 2"]:
        """g dt² in m: the second difference of a free body's places at the frames."""
        return np.asarray(self.gravity) * self.dt**2

    @functools.cached_property
    def _gaps(self) -> tuple[np.ndarray, np.ndarray]:
        return body_gaps(self.outlines, self.position, self.angle, ~self.fixed, self.extent)

    @property
    def gaps(self) -> Float[np.ndarray, "T B B"]:
        """Distances of bodies in m at the frames, negative where they overlap; NaN if one is not found."""
        return self._gaps[0]

    @property
    def walls(self) -> Float[np.ndarray, "T B 4"]:
        """Distances in m to the left and right wall, the floor and the ceiling."""
        return self._gaps[1]

    @functools.cached_property
    def shift(self) -> Float[np.ndarray, "I B"]:
        """How far the centroid of each body moves in each interval, m."""
        return np.linalg.norm(np.diff(self.position, axis=0), axis=-1)

    @functools.cached_property
    def travel(self) -> Float[np.ndarray, "I B"]:
        """At most this far any point of a body moves in an interval along its chord, m."""
        return self.shift + np.abs(np.diff(self.angle, axis=0)) * self.outlines.reach

    @functools.cached_property
    def slack(self) -> Float[np.ndarray, "I B"]:
        """How far a body may have been off its chord in an interval, m.

        With a path of at most s = (the greater of this and the last travel) + |g| dt² it stays within the
        ellipse about both ends whose smaller half axis is sqrt(s² - d²) / 2, d the shift; 0 if fixed.
        """
        before = np.concatenate([self.travel[:1], self.travel[:-1]])
        path = np.fmax(self.travel, before) + np.linalg.norm(self.fall)
        return np.where(self.fixed, 0.0, np.sqrt(np.maximum(path**2 - self.shift**2, 0.0)) / 2)

    @functools.cached_property
    def swept(self) -> Float[np.ndarray, "I B B+1"]:
        """Smallest distance in m of two bodies on their chords in each interval; B: to a wall."""
        ends = self.position[1:], self.angle[1:]
        return self._sweep(self.position[:-1], self.angle[:-1], ends, ends)

    @functools.cached_property
    def expected(self) -> tuple[Float[np.ndarray, "T B 2"], Float[np.ndarray, "T B"]]:
        """Place and angle of each body if it goes on freely from the last two frames; NaN before."""
        position, angle = np.full_like(self.position, np.nan), np.full_like(self.angle, np.nan)
        position[2:] = 2 * self.position[1:-1] - self.position[:-2] + self.fall
        angle[2:] = 2 * self.angle[1:-1] - self.angle[:-2]
        return position, angle

    @functools.cached_property
    def expected_swept(self) -> Float[np.ndarray, "I B B+1"]:
        """As ``swept``, with each body in turn on the way to where it is expected."""
        position, angle = self.expected
        ends = self.position[1:], self.angle[1:]
        return self._sweep(self.position[:-1], self.angle[:-1], ends, (position[1:], angle[1:]))

    @property
    def margin(self) -> float:
        """m: what is nearer than this may have touched."""
        return MARGIN * self.extent[1]

    def _sweep(
        self,
        start: np.ndarray,
        angle: np.ndarray,
        ends: tuple[np.ndarray, np.ndarray],
        own_ends: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        limit = float(np.nanmax(self.slack, initial=0.0)) * 2 + 2 * self.margin
        return sweep_gaps(self.outlines, start, angle, ends, own_ends, ~self.fixed, self.extent, limit=limit)


def sight_of(
    tracks: Tracks,
    silhouettes: Silhouettes,
    *,
    gravity: tuple[float, float],
    context: int,
    fixed_colors: tuple[tuple[int, int, int], ...] = BLACK,
) -> ClipGeometry:
    """A clip from its tracks and the silhouettes that its given frames show.

    Each silhouette belongs to the track that starts nearest to it; tracks without one, which were never seen
    in the first frame, are left out. What has one of ``fixed_colors`` is held in place; one still frame
    cannot tell it otherwise. Gravity in m/s².
    """
    start = tracks.bodies.position[0]
    distance = np.linalg.norm(start[:, None] - silhouettes.centroid[None], axis=-1)
    seen = np.flatnonzero(np.isfinite(distance[:, 0]))
    rows, which = linear_sum_assignment(distance[seen])
    seen = seen[rows]
    arrays = {name: getattr(tracks.bodies, name)[:, seen] for name in TRAJECTORY_ARRAYS}
    for name in OPTIONAL_ARRAYS:
        values = getattr(tracks.bodies, name)
        arrays[name] = None if values is None else values[:, seen]
    bodies = Trajectory(dt=tracks.bodies.dt, **arrays)
    area = silhouettes.area[which]
    outlines = outlines_of(
        [[] if silhouettes.disc[k] else list(silhouettes.outline[k]) for k in which],
        np.sqrt(area / np.pi),
        area,
        spacing=SPACING * silhouettes.extent[1],
    )
    color = silhouettes.color[which].astype(float)
    off = np.linalg.norm(color[:, None] - np.array(fixed_colors, float)[None], axis=-1)
    fixed = (off < SAME_COLOR).any(axis=1)
    return ClipGeometry(
        dataclasses.replace(tracks, bodies=bodies),
        outlines,
        fixed,
        np.array(gravity),
        silhouettes.extent,
        context,
    )

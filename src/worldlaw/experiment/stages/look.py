"""How a predictor's videos look, measured over whole sets: FVD, LPIPS, a distance between tracks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from worldlaw.core.types import LOST, VISIBLE, Case, Detections, Tracks
from worldlaw.experiment.look_choice import FVD, LPIPS, NEEDS, TRACKS, missing_weights_of
from worldlaw.measure.rows import ResultRow
from worldlaw.measure.sets import track_features
from worldlaw.measure.sets.frechet import frechet_distance, shortage
from worldlaw.measure.sets.set_rows import HALVES, SetRow
from worldlaw.models.features import published_weights


@dataclass
class _Set:
    """What is kept of a predictor's clips."""

    kind: str
    tracks: list[np.ndarray] = field(default_factory=list)  # of (F,)
    videos: list[np.ndarray] = field(default_factory=list)  # of (400,)


class SplitLook:
    """Gathers, clip by clip, what the rows about a split are made from; no video is kept.

    Tracks that a tracker read are compared with those that it read from the true videos, so that what it
    cannot follow is the same on both sides; the floor, and references, which no tracker reads, with the
    simulated motions. The row ``HALVES`` compares every other true video with the rest.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """What is missing is said in the rows; raises BadInput for weights that are not what they say."""
        self._names = names
        self._missing = {name: line for name in names if (line := missing_weights_of(name))}
        self._true = _Set("")
        self._sets: dict[tuple[str, int], _Set] = {}
        self._features: Callable[[np.ndarray], np.ndarray] | None = None
        self._distance: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
        if FVD in names and FVD not in self._missing:
            from worldlaw.models.features.i3d import VideoFeatures

            self._features = VideoFeatures().of_video
        if LPIPS in names and LPIPS not in self._missing:
            from worldlaw.models.features.lpips import PerceptualDistance

            self._distance = PerceptualDistance().of_frames

    def add(self, predictor: str, kind: str, training_seed: int, case: Case) -> list[ResultRow]:
        """One clip of a predictor; the truth is taken from the floor's.

        Returns: what can be said of this clip alone; NaN who draws nothing.
        """
        its = self._sets.setdefault((predictor, training_seed), _Set(kind))
        if TRACKS in self._names:
            its.tracks.append(_vector(case, _shown(case) if kind == "reference" else case.tracked))
        if kind == "floor":
            if TRACKS in self._names:
                self._true.tracks.append(_vector(case, _truth(case)))
            if self._features:
                self._true.videos.append(self._features(case.true_video()))
        elif self._features and case.generated_video:
            its.videos.append(self._features(case.generated_video()))
        if not self._distance:
            return []
        value = np.nan
        if case.generated_video:
            true, seen = (video()[case.context :] for video in (case.true_video, case.generated_video))
            value = float(self._distance(true, seen).mean())
        return [ResultRow(LPIPS, value, "", 0.0)]

    def rows(self, world: str, split: str) -> list[SetRow]:
        """A row for every distance of every predictor that has it; one for a number that nobody has."""
        found: list[SetRow] = []
        for name in self._names:
            if name in self._missing:
                note = f"not measured: {self._missing[name]}"
                found.append(SetRow(world, split, "", "", 0, name, None, 0, note=note))
                continue
            files = ", ".join(published_weights.weights_in_words(file) for file in NEEDS[name])
            if name == LPIPS:
                found.append(SetRow(world, split, "", "", 0, name, None, 0, weights=files))
            else:
                rows = self._distances(name, world, split)
                found += [dataclasses.replace(row, weights=files) for row in rows]
        return found

    def _distances(self, name: str, world: str, split: str) -> list[SetRow]:
        size = track_features.DIMENSION if name == TRACKS else published_weights.I3D_FEATURES
        rows, among = [], np.inf  # what is nearer than true clips are to each other differs in nothing
        for predictor, kind, seed, first, second, unit in self._pairs(name):
            if not second:
                continue
            value, most = None, ""
            note = shortage(len(first), len(second), size)
            if min(len(first), len(second)) < 2:
                note = "not measured: one clip has no spread"
            elif name == FVD:
                value = frechet_distance(np.stack(first), np.stack(second))
            else:
                one, two = np.stack(first), np.stack(second)
                value = track_features.track_frechet(one, two, unit=np.stack(unit))
                among = value if predictor == HALVES else among
                most = track_features.farthest_feature(one, two) if value > among else ""
            row = SetRow(world, split, predictor, kind, seed, name, value, len(second), size, note, most=most)
            rows.append(row)
        return rows

    def _pairs(self, name: str) -> list[tuple]:
        """(predictor, kind, training seed, true clips, its clips, clips whose spread is the unit)."""
        if name == FVD:
            true = read = self._true.videos
            its = {at: found.videos for at, found in self._sets.items()}
        else:
            true = self._true.tracks
            its = {at: found.tracks for at, found in self._sets.items()}
            read = next(its[at] for at, found in self._sets.items() if found.kind == "floor")
        pairs = [(HALVES, "floor", 0, read[::2], read[1::2], read)]
        for at, found in self._sets.items():
            base = read if found.kind in ("codec", "model") else true
            pairs.append((at[0], found.kind, at[1], base, its[at], base))
        return pairs


def _truth(case: Case) -> Tracks:
    """The simulated motion, without the angles of bodies at which no picture shows them."""
    states = case.truth
    if states.angle is not None:
        turning = np.array([bool(body.parts) for body in case.scene.bodies])
        states = dataclasses.replace(states, angle=np.where(turning, states.angle, np.nan))
    return Tracks(states, Detections.none())


def _vector(case: Case, tracks: Tracks) -> np.ndarray:
    return track_features.track_features(tracks, extent=case.scene.extent, context=case.context)


def _shown(case: Case) -> Tracks:
    """A reference's tracks, which go on outside the view, as far as a picture would show them in full."""
    bodies = case.tracked.bodies
    size = bodies.size[..., None]
    inside = (bodies.position >= size) & (bodies.position <= np.asarray(case.scene.extent) - size)
    status = np.where(inside.all(axis=-1), VISIBLE, LOST).astype(np.int8)
    return dataclasses.replace(case.tracked, bodies=dataclasses.replace(bodies, status=status))

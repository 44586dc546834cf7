"""Tracking by synthesis on true assemblies: pose errors, wrong tracks, bent bars found, speed."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from benchmarks.timing import Figure, Target
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import Body, Scene, Trajectory
from worldlaw.measure.matching import partners
from worldlaw.measure.tracking.poses.pose_tracker import Silhouettes, follow, read_silhouettes
from worldlaw.worlds import scenarios
from worldlaw.worlds.assemblies.templates import TEMPLATES
from worldlaw.worlds.render.flat import render

FPS, NUM_FRAMES = 3.0, 32
BENT = 0.1  # of a bar's length: how far its middle is off
WRONG = 3.0  # pixels: farther off than this is another thing, or none
AGAINST = (
    "connected pieces of each named colour, paired with the bodies by nearness and area; centroid and "
    "principal axis of the pieces, in NumPy and SciPy; it is told the colours"
)


@dataclass(frozen=True)
class Errors:
    """Of one clip, (T, B) each; NaN where a body was not found or has no angle."""

    position: np.ndarray  # pixels
    angle: np.ndarray  # degrees, modulo the silhouette's symmetry
    misfit: np.ndarray

    @property
    def wrong(self) -> bool:
        """Whether a body is lost or taken for another in any frame."""
        return not bool((self.position <= WRONG).all())


def measure(quick: bool) -> list[Figure]:
    """True clips of all templates in turn, at each resolution."""
    figures = []
    for resolution in (64,) if quick else (256, 128, 64):
        figures += _measure(resolution, 4 if quick else 140, 8 if quick else NUM_FRAMES)
    return figures


def clip(number: int, num_frames: int) -> tuple[Scene, Trajectory]:
    """A true clip: templates in turn, a layout and a red ball of its own."""
    rng = np.random.default_rng([4, number])
    names = tuple(TEMPLATES)
    scenario = scenarios.get("assembly")()
    attributes: dict[str, float | str] = {
        "template": names[number % len(names)],
        "layout": float(rng.integers(100_000)) + 0.5,
    }
    scene = scenario.build(attributes, rng)
    return scene, scenario.simulate(scene, num_frames, 1 / FPS)


def errors(
    shown: Silhouettes, truth: Trajectory, position: np.ndarray, angle: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """(position in pixels, angle in degrees), (T, B) each, of poses in the order of the true bodies.

    A body is followed at the centroid of its outline, which is not always its centre of mass; the true pose
    carries the first frame's difference along.
    """
    turned = _known(truth.angle) - _known(truth.angle)[0]
    away = position[0] - truth.position[0]
    cos, sin = np.cos(turned), np.sin(turned)
    carried = np.stack([cos * away[:, 0] - sin * away[:, 1], sin * away[:, 0] + cos * away[:, 1]], axis=-1)
    off = np.linalg.norm(position - truth.position - carried, axis=-1) * scale
    period = 2 * math.pi / np.maximum(shown.symmetry, 1)
    return off, np.abs(np.degrees((angle - turned + period / 2) % period - period / 2))


def plain_poses(video: np.ndarray, scene: Scene, truth: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Positions (T, B, 2) in m and angles (T, B) in rad: the baseline; NaN for nothing found."""
    _, height, _, _ = video.shape
    scale = height / scene.extent[1]
    names = sorted({body.color for body in scene.bodies})
    palette = np.array([COLORS[name] for name in (*names, scene.background)], float)
    count = len(scene.bodies)
    position, angle = np.full((len(video), count, 2), np.nan), np.full((len(video), count), np.nan)
    last, area = truth.position[0].copy(), np.full(count, np.nan)
    for t, frame in enumerate(video):
        nearest = ((frame[:, :, None] - palette) ** 2).sum(axis=-1).argmin(axis=-1)
        for k, name in enumerate(names):
            members = [b for b, body in enumerate(scene.bodies) if body.color == name]
            labels, found = ndimage.label(nearest == k)
            pieces = []
            for label in range(1, found + 1):
                row, column = np.nonzero(labels == label)
                if len(row) < 4:
                    continue
                x, y = (column + 0.5) / scale, scene.extent[1] - (row + 0.5) / scale
                moments = np.cov(np.stack([x, y]))
                axis = 0.5 * math.atan2(2 * moments[0, 1], moments[0, 0] - moments[1, 1])
                pieces.append((x.mean(), y.mean(), len(row) / scale**2, axis))
            if not pieces:
                continue
            table = np.array(pieces)
            cost = np.linalg.norm(last[members][:, None] - table[None, :, :2], axis=-1)
            if t:
                cost += np.sqrt(np.abs(area[members][:, None] - table[None, :, 2]))
            for i, j in zip(*linear_sum_assignment(np.nan_to_num(cost, nan=1e3)), strict=True):
                b = members[i]
                position[t, b], angle[t, b] = table[j, :2], table[j, 3]
                last[b] = table[j, :2]
                if t == 0:
                    area[b] = table[j, 2]
    return position, angle - angle[0]


def bent(body: Body) -> Body:
    """A bar whose halves meet at an angle, its middle a tenth of its length off."""
    xs, ys = np.array(body.parts[0]).T
    length, breadth = np.ptp(xs), np.ptp(ys)
    tilt = math.atan(2 * BENT)
    halves = []
    for side in (1, -1):
        cos, sin = math.cos(side * tilt), math.sin(side * tilt)
        x = np.array([1, -1, -1, 1]) * length / 4 + side * length / 4
        y = np.array([1, 1, -1, -1]) * breadth / 2
        turned = np.stack([cos * x - sin * y, sin * x + cos * y - BENT * length / 2], axis=1)
        halves.append(tuple(map(tuple, turned.tolist())))
    return dataclasses.replace(body, parts=tuple(halves))


def _measure(resolution: int, num_clips: int, num_frames: int) -> list[Figure]:
    ours, plain, bars, seconds = list[Errors](), list[Errors](), list[float](), list[tuple[float, float]]()
    for number in range(num_clips):
        scene, truth = clip(number, num_frames)
        video = render(scene, truth, resolution)
        scale = resolution / scene.extent[1]
        started = time.process_time()
        shown = read_silhouettes(video[:1], extent=scene.extent, fps=FPS)
        tracks = follow(video, shown, fps=FPS).bodies
        between = time.process_time()
        position, angle = plain_poses(video, scene, truth)
        seconds.append((between - started, time.process_time() - between))
        order = partners(tracks, truth)
        if (order < 0).any():
            nothing = np.full(truth.size.shape, np.nan)
            ours.append(Errors(nothing, nothing, nothing))
            continue
        known = dataclasses.replace(shown, symmetry=shown.symmetry[order])
        poses = tracks.position[:, order], _known(tracks.angle)[:, order]
        ours.append(Errors(*errors(known, truth, *poses, scale), _known(tracks.misfit)[:, order]))
        plain.append(Errors(*errors(known, truth, position, angle, scale), np.zeros(truth.size.shape)))
        bars += _bent_bar(scene, truth, video, shown, order)
    figures = []
    for name, unit, limits in (("position", "px", (0.1, 1.0)), ("angle", "°", (0.5, 3.0))):
        values = [np.concatenate([getattr(one, name).ravel() for one in of]) for of in (ours, plain)]
        for what, share, limit in zip(("median", "95th percentile"), (50, 95), limits, strict=True):
            pair = [float(np.nanpercentile(one, share)) for one in values]
            target = Target(limit, at="most") if resolution == 256 else None
            figures.append(_figure(f"{resolution}², {name} error, {what}", unit, pair, target))
    wrong = [100 * float(np.mean([one.wrong for one in of])) for of in (ours, plain)]
    target = Target(0.3, at="most") if resolution == 256 else None
    notes = {"clips": f"{num_clips} of {num_frames} frames, all templates in turn"}
    figures.append(_figure(f"{resolution}², clips with a wrong track", "%", wrong, target, notes))
    limit = float(np.quantile([np.nan_to_num(one.misfit, nan=1.0).max() for one in ours], 0.995))
    pair = [100 * float(np.mean(np.array(bars) > max(limit, 0.02))) if bars else math.nan, math.nan]
    middle, low = np.quantile(bars, [0.5, 0.05]) if bars else (math.nan, math.nan)
    notes = {
        "bars": f"{len(bars)}; median misfit {middle:.2f}, 5th percentile {low:.2f}",
        "99.5 % of true clips are below": f"{limit:.3f}",
    }
    figures.append(_figure(f"{resolution}², bent bars above true clips", "%", pair, None, notes))
    rates = [1 / float(np.median(column)) for column in zip(*seconds, strict=True)]
    target = Target(1 / 0.3) if resolution == 256 else None
    figures.append(_figure(f"{resolution}², silhouettes and poses", "clips/s of CPU time", rates, target))
    return figures


def _bent_bar(
    scene: Scene, truth: Trajectory, video: np.ndarray, shown: Silhouettes, order: np.ndarray
) -> list[float]:
    """The largest misfit of the first bar that is not fixed if it is bent from the middle of the clip on."""
    bars = [b for b, body in enumerate(scene.bodies) if body.shape == "bar" and not body.fixed]
    if not bars:
        return []
    bodies = list(scene.bodies)
    bodies[bars[0]] = bent(bodies[bars[0]])
    half = len(video) // 2
    faulty = video.copy()
    faulty[half:] = render(dataclasses.replace(scene, bodies=tuple(bodies)), truth, len(video[0]))[half:]
    tracks = follow(faulty, shown, fps=FPS).bodies
    return [float(np.nanmax(_known(tracks.misfit)[half:, order[bars[0]]], initial=0.0))]


def _known(values: np.ndarray | None) -> np.ndarray:
    """What a trajectory of bodies that turn always has."""
    assert values is not None
    return values


def _figure(
    what: str, unit: str, pair: list[float], target: Target | None, notes: dict[str, str] | None = None
) -> Figure:
    ratio = pair[0] / pair[1] if pair[1] else math.nan
    return Figure("poses", what, unit, pair[0], pair[1], ratio, AGAINST, target, notes=notes or {})

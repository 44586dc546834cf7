"""Faults planted in true clips, so that the share of them that a detector finds can be measured.

The rest of the clip stays true: what would have gone otherwise is simulated anew, or the fault is planted
where nothing depends on it. A thing that is not there is drawn far outside the view.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.types import OUTSIDE, Body, Scene, Trajectory
from worldlaw.measure.verdicts.separation_kernels import Outlines, body_gaps, outlines_of, sweep_gaps
from worldlaw.worlds.scenario import scenarios

AWAY = (-10.0, -10.0)  # in views: where a body is drawn that shall not be seen
BENT = 0.1  # of a bar's length: how far its middle is off the line through its ends
GONE = 3  # frames
FREE = 0.02  # of the view's width: what a copy, or a thing left in the air, keeps from all others
EARLIEST, LAST = 2, 4  # a fault appears not before this frame, nor later than this many before the end
OVERLAP = 0.002  # of the view's width: what is less may be an engine's own
SPACING = 0.01  # of the view's height, between points along edges: a check of clearances, not a measure
FINER = 8  # times as many states a frame interval when a crossing is looked for
TRIES = 200


@dataclass(frozen=True)
class PlantedFault:
    """A clip with one fault: to be drawn, not to be believed."""

    scene: Scene
    trajectory: Trajectory
    body: int  # of the true scene, that the fault is about
    frame: int  # the first that shows it


def plant(name: str, scene: Scene, trajectory: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    """A true clip with a fault in it, or None if nothing in the clip can have it.

    ``name`` is one of ``FAULTS``: *bent* (a bar's middle is off by 10 % of its length from some frame on),
    *vanished* (a ball is missing in three frames), *floating* (a jar hangs in the air for good),
    *pass_through* (a ball goes through a bar as if it were not there), *duplicate* (a second copy of a body
    appears and stays).

    Raises BadInput for any other name and for clips whose bodies do not turn.
    """
    if name not in FAULTS:
        raise unknown("fault", name, FAULTS)
    if trajectory.angle is None or trajectory.record is None:
        raise BadInput(f"fault {name!r}: expected a simulated clip of rigid bodies, with angles and contacts")
    return FAULTS[name](scene, trajectory, rng)


def _bent(scene: Scene, truth: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    bars = [b for b, body in enumerate(scene.bodies) if body.shape == "bar" and len(body.parts) == 1]
    if not bars:
        return None
    b, frame = int(rng.choice(bars)), _some_frame(truth, rng)
    bent = dataclasses.replace(
        scene.bodies[b], parts=bent_parts(scene.bodies[b], side=int(rng.choice([-1, 1])))
    )
    whole, other = truth.position[:, b].copy(), truth.position[:, b].copy()
    whole[frame:] = other[:frame] = _away(scene)
    changed = _moved(truth, b, whole)
    return PlantedFault(*_with(_loose(scene, b), changed, bent, other, _angle(truth)[:, b]), b, frame)


def bent_parts(bar: Body, *, side: int = 1) -> tuple[tuple[tuple[float, float], ...], ...]:
    """A bar's two halves at an angle, mitred, about their common centroid; its ends keep their distance."""
    corners = np.array(bar.parts[0])
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(edges, axis=1)
    length, thickness = lengths.max(), lengths.min()
    along = edges[lengths.argmax()] / length
    across = side * np.array([-along[1], along[0]])
    slope = 2 * BENT
    halves = []
    for sign in (-1.0, 1.0):
        reach = thickness / 2 * np.sqrt(1 + slope**2)  # upright half thickness of a slanted half
        ends = [(0.0, BENT * length), (sign * length / 2, 0.0)]
        quad = [(x, y + up * reach) for up, order in ((1, 1), (-1, -1)) for x, y in ends[::order]]
        points = np.array([x * along + y * across for x, y in quad])
        a, c = points, np.roll(points, -1, axis=0)
        halves.append(points if (a[:, 0] * c[:, 1] - a[:, 1] * c[:, 0]).sum() > 0 else points[::-1])
    middle = BENT * length / 2 * across
    return tuple(tuple((float(x), float(y)) for x, y in half - middle) for half in halves)


def _vanished(scene: Scene, truth: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    balls = [b for b, body in enumerate(scene.bodies) if body.shape == "ball"]
    if not balls:
        return None
    b, frame = int(rng.choice(balls)), _some_frame(truth, rng)
    place = truth.position[:, b].copy()
    place[frame : frame + GONE] = _away(scene)
    return PlantedFault(_loose(scene, b), _moved(truth, b, place), b, frame)


def _floating(scene: Scene, truth: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    outlines, free = _outlines(scene), FREE * scene.extent[0]
    fixed = np.array([body.fixed for body in scene.bodies])
    gaps, walls = body_gaps(outlines, truth.position, _angle(truth), ~fixed, scene.extent)
    choices = []
    for b, body in enumerate(scene.bodies):
        alone = np.fmin(np.delete(gaps[:, b], b, axis=1).min(axis=1), walls[:, b].min(axis=1))
        if body.shape == "jar":
            choices += [(b, t) for t in np.flatnonzero(alone[: truth.num_frames - LAST] > free)]
    rng.shuffle(choices)
    for b, t in choices:
        if t == 0:
            held = dataclasses.replace(scene.bodies[b], fixed=True)
            planted = _replaced(scene, b, held)
            return PlantedFault(scene, _simulated(planted, truth.num_frames, truth.dt), int(b), 1)
        position, angle = truth.position.copy(), _angle(truth).copy()
        position[t:, b], angle[t:, b] = position[t, b], angle[t, b]
        if (
            _disturbs_none(truth, b, t * truth.dt, fixed)
            and _clear_of(outlines, position, angle, b, int(t), scene.extent) > free / 4
        ):
            stopped = dataclasses.replace(truth, position=position, angle=angle, record=None)
            return PlantedFault(scene, stopped, int(b), int(t) + 1)
    return None


def _disturbs_none(truth: Trajectory, b: int, time: float, fixed: np.ndarray) -> bool:
    """Whether a body touches nothing that moves from some time on."""
    assert truth.record is not None
    later = truth.record.contact_pair[truth.record.contact_time >= time]
    others = later[(later == b).any(axis=1)].ravel()
    return all(o == b or o < 0 or fixed[o] for o in others)


def _pass_through(scene: Scene, truth: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    assert truth.record is not None
    pairs = {
        tuple(sorted(map(int, pair), key=lambda b: scene.bodies[b].shape != "ball"))
        for pair in truth.record.contact_pair
        if (pair >= 0).all() and {scene.bodies[b].shape for b in pair} == {"ball", "bar"}
    }
    ordered = sorted(pair for pair in pairs if not scene.bodies[pair[0]].fixed)
    rng.shuffle(ordered)
    for ball, bar in ordered:
        planted = _crossing(scene, truth, ball, bar)
        if planted is not None:
            return planted
    return None


def _crossing(scene: Scene, truth: Trajectory, ball: int, bar: int) -> PlantedFault | None:
    """The clip in which a ball does not feel a bar, nor the bar the ball; None if that shows nowhere.

    Simulated without the bar and without the ball; the others must move alike in both, or neither is true.
    """
    frames, dt = FINER * (truth.num_frames - 1) + 1, truth.dt / FINER
    position, angle = np.empty((frames, len(scene.bodies), 2)), np.empty((frames, len(scene.bodies)))
    for missing in (ball, bar):  # the others last from the scene without the bar
        rest = [b for b in range(len(scene.bodies)) if b != missing]
        if missing == bar and scene.bodies[bar].fixed:
            position[:, bar], angle[:, bar] = truth.position[0, bar], _angle(truth)[0, bar]
        if missing == ball and scene.bodies[bar].fixed:
            continue
        bodies = tuple(scene.bodies[b] for b in rest)
        moved = _simulated(dataclasses.replace(scene, bodies=bodies), frames, dt)
        both = [k for k, b in enumerate(rest) if b not in (ball, bar)]
        if missing == bar and not scene.bodies[bar].fixed:
            same = position[:, [rest[k] for k in both]] - moved.position[:, both]
            if len(both) and np.abs(same).max() > 1e-3 * scene.extent[0]:
                return None
        position[:, rest], angle[:, rest] = moved.position, moved.angle
    others = [b for b in range(len(scene.bodies)) if b not in (ball, bar)]
    moves = np.array([not body.fixed for body in scene.bodies])
    gaps, _ = body_gaps(_outlines(scene), position, angle, moves, scene.extent)
    if gaps[:, bar, others].min(initial=np.inf) < -OVERLAP * scene.extent[0]:
        return None  # it is not only the ball that goes through the bar
    crossed = _crossed(scene.bodies[bar], position[:, ball] - position[:, bar], angle[:, bar])
    touched = np.flatnonzero(gaps[:, ball, bar] < -OVERLAP * scene.extent[0])
    if not crossed or not len(touched):
        return None
    at = slice(None, None, FINER)
    planted = dataclasses.replace(truth, position=position[at].copy(), angle=angle[at].copy(), record=None)
    return PlantedFault(scene, planted, ball, int(np.ceil(touched[0] / FINER)))


def _crossed(bar: Body, offset: np.ndarray, angle: np.ndarray) -> bool:
    """Whether a point passes from one long side of a bar to the other within its length."""
    corners = np.array(bar.parts[0])
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(edges, axis=1)
    along = edges[lengths.argmax()] / lengths.max()
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = cos * offset[:, 0] + sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]
    level, side = x * along[0] + y * along[1], y * along[0] - x * along[1]
    through = (side[1:] > 0) != (side[:-1] > 0)
    return bool((through & (np.abs(level[1:]) < lengths.max() / 2)).any())


def _duplicate(scene: Scene, truth: Trajectory, rng: np.random.Generator) -> PlantedFault | None:
    frame, free = _some_frame(truth, rng), FREE * scene.extent[0]
    b = int(rng.integers(len(scene.bodies)))
    body = scene.bodies[b]
    doubled = dataclasses.replace(scene, bodies=(*scene.bodies, body))
    outlines = _outlines(doubled)
    copy = len(scene.bodies)
    for _ in range(TRIES):
        place = rng.uniform(body.size, np.array(scene.extent) - body.size)
        position = np.concatenate([truth.position, np.broadcast_to(place, (truth.num_frames, 1, 2))], axis=1)
        angle = np.concatenate(
            [_angle(truth), np.broadcast_to(_angle(truth)[frame, b], (truth.num_frames, 1))], axis=1
        )
        if _clear_of(outlines, position, angle, copy, frame, scene.extent) > free:
            seen = np.tile(place, (truth.num_frames, 1))
            seen[:frame] = _away(scene)
            return PlantedFault(*_with(scene, truth, body, seen, angle[:, copy]), b, frame)
    return None


FAULTS: dict[str, Callable[[Scene, Trajectory, np.random.Generator], PlantedFault | None]] = {
    "bent": _bent,
    "vanished": _vanished,
    "floating": _floating,
    "pass_through": _pass_through,
    "duplicate": _duplicate,
}


def _angle(truth: Trajectory) -> np.ndarray:
    assert truth.angle is not None
    return truth.angle


def _some_frame(truth: Trajectory, rng: np.random.Generator) -> int:
    return int(rng.integers(EARLIEST, truth.num_frames - LAST + 1))


def _away(scene: Scene) -> np.ndarray:
    return np.array(AWAY) * scene.extent


def _simulated(scene: Scene, num_frames: int, dt: float) -> Trajectory:
    return scenarios.get(scene.scenario)().simulate(scene, num_frames, dt)


def _replaced(scene: Scene, b: int, body: Body) -> Scene:
    return dataclasses.replace(scene, bodies=(*scene.bodies[:b], body, *scene.bodies[b + 1 :]))


def _loose(scene: Scene, b: int) -> Scene:
    """The scene with a body that is drawn where it is at each frame, as fixed ones are not."""
    return _replaced(scene, b, dataclasses.replace(scene.bodies[b], fixed=False))


def _moved(truth: Trajectory, b: int, place: np.ndarray) -> Trajectory:
    """The trajectory with one body elsewhere; OUTSIDE where that is out of view."""
    position, status = truth.position.copy(), truth.status.copy()
    position[:, b] = place
    status[(place < 0).any(axis=1), b] = OUTSIDE
    return dataclasses.replace(truth, position=position, status=status, record=None)


def _with(
    scene: Scene, truth: Trajectory, body: Body, place: np.ndarray, angle: np.ndarray
) -> tuple[Scene, Trajectory]:
    """Scene and trajectory with one more body, the first one drawn so that it covers nothing."""
    size = np.full((truth.num_frames, 1), body.size)
    donor = next(b for b, other in enumerate(scene.bodies) if other.color == body.color)
    status = np.where((place < 0).any(axis=1), OUTSIDE, truth.status[:, donor])[:, None]
    more = {
        "position": place[:, None],
        "angle": angle[:, None],
        "size": size,
        "status": status,
        "color": truth.color[:, donor : donor + 1],
        "confidence": np.ones_like(size),
    }
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(truth, name), value.astype(getattr(truth, name).dtype)], axis=1)
        for name, value in more.items()
    }
    scene = dataclasses.replace(scene, bodies=(*scene.bodies, dataclasses.replace(body, fixed=False)))
    return scene, dataclasses.replace(truth, **arrays, record=None)


def _outlines(scene: Scene) -> Outlines:
    """The bodies' outlines at angle 0."""
    return outlines_of(
        [[np.array(part) for part in body.parts] for body in scene.bodies],
        np.array([body.size for body in scene.bodies]),
        np.ones(len(scene.bodies)),
        spacing=SPACING * scene.extent[1],
    )


def _clear_of(
    outlines: Outlines,
    position: np.ndarray,
    angle: np.ndarray,
    b: int,
    frame: int,
    extent: tuple[float, float],
) -> float:
    """m: how near anything comes to a body from a frame on."""
    ends = position[frame + 1 :], angle[frame + 1 :]
    everything = np.ones(angle.shape[1], bool)
    swept = sweep_gaps(
        outlines, position[frame:-1], angle[frame:-1], ends, ends, everything, extent, limit=1.0 * extent[0]
    )
    return float(np.delete(swept[:, b], b, axis=1).min(initial=np.inf))

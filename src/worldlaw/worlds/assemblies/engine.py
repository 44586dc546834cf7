"""The motion of rigid bodies between walls, from rest, with contacts and energies. PHYRE's constants."""

from __future__ import annotations

import math
import threading
from functools import lru_cache

import numpy as np

from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.region import Attributes
from worldlaw.core.types import CUT, VISIBLE, Body, Polygon, Record, Scene, Trajectory
from worldlaw.worlds.assemblies.body_kinds import DENSITY, WIDTH, reach
from worldlaw.worlds.assemblies.contact_steps import BODY, CONTACT, PART, Law, advance

GRAVITY = (0.0, -9.8)  # m/s²
RESTITUTION = 0.2
FRICTION = 0.5
ANGULAR_DAMPING = 0.01  # 1/s
SUBSTEPS = 120  # a second, and more where bodies meet; docs/physics.md says what halving them changes
TOUCH = 1e-4  # m; what is nearer touches
SLOW = 0.03  # m/s; slower impacts do not bounce, and what moves slower against what it touches rests on it
BEYOND = 0.005  # share of the width that a body may dip into a wall, on impact, and still count as in view
APART = 0.05  # s without touching after which a touch is a new contact
WALLS = -1  # the number of a wall in contacts


class EngineRun:
    """The motion of some bodies from rest, simulated only as far as it is asked for."""

    def __init__(
        self, bodies: tuple[Body, ...], extent: tuple[float, float], *, substeps: int = SUBSTEPS
    ) -> None:
        self.bodies = bodies
        self.substeps = substeps
        self._lock = threading.RLock()  # two threads may ask for the same clip
        self.steps = 0  # done so far
        self.contacts: list[tuple[float, int, int, float]] = []  # s, first body, second body, m/s
        self.inertia = np.array([moment(body) for body in bodies])  # kg m²
        finer = SUBSTEPS / substeps  # all that resolution hangs on goes with it
        self._law = Law(
            *GRAVITY,
            FRICTION,
            RESTITUTION,
            ANGULAR_DAMPING,
            float(extent[0]),
            float(extent[1]),
            1 / substeps,
            TOUCH * finer,
            SLOW * finer,
        )
        self._forms = _forms(bodies, self.inertia)
        place = np.array([(*body.position, body.angle) for body in bodies] + [(0, 0, 0)], float)
        self._place, self._rate = place, np.zeros_like(place)
        self._near = np.full((len(bodies) + 1, len(bodies) + 1), -math.inf)
        parts, corners = len(self._forms[1]), len(self._forms[2])
        room = 4 * corners + 2 * parts * (parts - 1) + 16  # all that can be found at once, and some
        self._rooms = [np.zeros(room, CONTACT) for _ in range(2)]
        self._in_use = -1  # no contacts have been looked for
        self._states = np.concatenate([self._place, self._rate], axis=1)[None, :-1]

    def advance(self, steps: int) -> None:
        """Simulate until at least so many substeps are done."""
        with self._lock:
            more = steps - self.steps
            if more <= 0:
                return
            states = np.zeros((more, len(self.bodies), 6))
            num_pairs = len(self.bodies) * (len(self.bodies) + 1) // 2
            events = np.empty((num_pairs * (int(more / self.substeps / APART) + 2), 4))
            self._in_use, num_events, swapped = advance(
                self._law,
                *self._forms,
                self._place,
                self._rate,
                states,
                self.steps,
                *self._rooms,
                self._in_use,
                self._near,
                APART,
                events,
            )
            if swapped:
                self._rooms.reverse()
            ground = len(self.bodies)
            for time, low, high, speed in events[:num_events].tolist():
                pair = (WALLS, int(low)) if high == ground else (int(low), int(high))
                self.contacts.append((time, *pair, speed))
            self._states = np.concatenate([self._states, states])
            self.steps = steps

    @property
    def states(self) -> np.ndarray:
        """(steps + 1, B, 6) after each substep: x and y in m, angle in rad, and their rates of change."""
        return self._states


def _forms(bodies: tuple[Body, ...], inertia: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bodies with the ground after them, parts and their corners (C, 2), as ``stepping`` wants them."""
    heavy = [
        (0.0, 0.0) if body.fixed else (1 / body.mass, 1 / about)
        for body, about in zip(bodies, inertia, strict=True)
    ]
    rows = [(*light, not body.parts, body.size) for light, body in zip(heavy, bodies, strict=True)]
    parts: list[tuple[int, int, int, float]] = []
    corners: list[tuple[float, float]] = []
    for number, body in enumerate(bodies):
        for part in body.parts or (((0.0, 0.0),),):
            start = len(corners)
            corners += part
            parts.append((number, start, len(corners), 0.0 if body.parts else body.size))
    return np.array([*rows, (0, 0, 0, 0)], BODY), np.array(parts, PART), np.array(corners, float)


@lru_cache(maxsize=16)
def run(bodies: tuple[Body, ...], extent: tuple[float, float]) -> EngineRun:
    """The motion of some bodies; the same object for the same bodies, so that nothing is simulated twice."""
    return EngineRun(bodies, extent)


def trajectory(scene: Scene, num_frames: int, dt: float) -> Trajectory:
    """Poses at the frame times, contacts and energies."""
    return trajectory_of(run(scene.bodies, scene.extent), scene, num_frames, dt)


def trajectory_of(motion: EngineRun, scene: Scene, num_frames: int, dt: float) -> Trajectory:
    """As ``trajectory``, of a motion that one has."""
    at = np.arange(num_frames) * dt * motion.substeps
    at = np.where(np.abs(at - np.round(at)) < 1e-6, np.round(at), at)
    before = np.floor(at).astype(int)
    motion.advance(int(before[-1]) + 1)
    states = motion.states
    share = (at - before)[:, None, None]
    poses = _between(states[before], states[before + 1], share, 1 / motion.substeps)
    position, angle = poses[..., :2], poses[..., 2]
    num_bodies = len(scene.bodies)
    size = np.array([body.size for body in scene.bodies])
    color = np.array([COLORS[body.color] for body in scene.bodies]) / 255
    end = at[-1] / motion.substeps
    events = [event for event in motion.contacts if event[0] <= end]
    return Trajectory(
        dt=dt,
        position=np.ascontiguousarray(position),
        size=np.broadcast_to(size, (num_frames, num_bodies)).copy(),
        color=np.broadcast_to(color, (num_frames, num_bodies, 3)).copy(),
        status=_status(scene, position, angle),
        confidence=np.ones((num_frames, num_bodies)),
        angle=np.ascontiguousarray(angle),
        record=Record(
            contact_time=np.array([event[0] for event in events], float),
            contact_pair=np.array([event[1:3] for event in events], np.int64).reshape(-1, 2),
            contact_speed=np.array([event[3] for event in events], float),
            energy=_energy(motion, np.round(at).astype(int)),
        ),
    )


def scene_of(name: str, attributes: Attributes, bodies: tuple[Body, ...]) -> Scene:
    """A scene of bodies between walls, with the constants that the engine goes by."""
    return Scene(
        scenario=name,
        attributes=dict(attributes),
        bodies=bodies,
        gravity=GRAVITY,
        extent=(WIDTH, WIDTH),
        parameters={
            "restitution": RESTITUTION,
            "friction": FRICTION,
            "density": DENSITY,
            "angular_damping": ANGULAR_DAMPING,
        },
    )


def moment(body: Body) -> float:
    """Moment of inertia about the centre of mass, kg m²; overlapping parts count twice, as in the mass."""
    if not body.parts:
        return body.mass * body.size**2 / 2
    areas, moments = zip(*(_area_and_moment(part) for part in body.parts), strict=True)
    return body.mass * sum(moments) / sum(areas)


def _area_and_moment(part: Polygon) -> tuple[float, float]:
    """Area, m², and second moment about the origin, m⁴, of a polygon: sums over triangles with the origin."""
    here = np.array(part)
    there = np.roll(here, -1, axis=0)
    double = here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]
    second = double * ((here * here).sum(1) + (here * there).sum(1) + (there * there).sum(1))
    return float(double.sum() / 2), float(second.sum() / 12)


def _status(scene: Scene, position: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(T, B): all is visible, whatever it touches, but for what dips far into a wall."""
    status = np.full(angle.shape, VISIBLE, np.int8)
    beyond = BEYOND * scene.extent[0]
    for number, body in enumerate(scene.bodies):
        near = body.size - beyond
        place = position[:, number]
        for t in np.flatnonzero(((place < near) | (place > np.array(scene.extent) - near)).any(axis=1)):
            low_x, low_y, high_x, high_y = reach(body.parts, body.size, angle[t, number])
            x, y = place[t]
            over = max(-x - low_x, -y - low_y, x + high_x - scene.extent[0], y + high_y - scene.extent[1])
            if over > beyond:
                status[t, number] = CUT
    return status


def _energy(motion: EngineRun, steps: np.ndarray) -> np.ndarray:
    """(T, 2) J at some substeps: kinetic and potential."""
    states = motion.states[steps]
    mass = np.array([0.0 if body.fixed else body.mass for body in motion.bodies])
    inertia = np.where(mass > 0, motion.inertia, 0.0)
    kinetic = (mass * (states[..., 3:5] ** 2).sum(axis=-1) + inertia * states[..., 5] ** 2).sum(axis=-1) / 2
    potential = -(states[..., :2] @ np.array(GRAVITY) * mass).sum(axis=-1)
    return np.stack([kinetic, potential], axis=-1)


def _between(before: np.ndarray, after: np.ndarray, share: np.ndarray, step: float) -> np.ndarray:
    """Poses between two states, by the cubic that has both their places and rates: exact for free fall."""
    moved = after[..., :3] - before[..., :3]
    lead, lag = step * before[..., 3:] - moved, moved - step * after[..., 3:]
    return before[..., :3] + share * (moved + (1 - share) * ((1 - share) * lead + share * lag))

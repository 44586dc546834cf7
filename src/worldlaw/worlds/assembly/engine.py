"""The motion of rigid bodies that touch: Chipmunk (through pymunk) in fixed substeps, with what it notes.

The constants are PHYRE's. Chipmunk multiplies friction and elasticity of two shapes, so that every shape gets
the root of what a pair shall have.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache

import numpy as np
import pymunk
import pymunk.batch

from worldlaw.core.colors import COLORS
from worldlaw.core.types import CUT, VISIBLE, Body, Record, Scene, Trajectory
from worldlaw.worlds.assembly.kinds import reach

GRAVITY = (0.0, -9.8)  # m/s²
RESTITUTION = 0.2
FRICTION = 0.5
ANGULAR_DAMPING = 0.01  # 1/s
SUBSTEPS = 120  # a second; docs/physics.md says what halving them changes
ITERATIONS = 15
DAMPED_EVERY = 20  # substeps
SLOP = 0.01  # m that touching bodies may overlap; without it contacts at rest come and go
WALL = 10.0  # m, thickness of the walls around the view
BEYOND = 0.005  # share of the width that a body may dip into a wall, on impact, and still count as in view
APART = 0.05  # s without touching after which a touch is a new contact
WALLS = -1  # the number of a wall in contacts
_FIELDS = (
    pymunk.batch.BodyFields.POSITION
    | pymunk.batch.BodyFields.ANGLE
    | pymunk.batch.BodyFields.VELOCITY
    | pymunk.batch.BodyFields.ANGULAR_VELOCITY
)


class Run:
    """The motion of some bodies from rest, simulated only as far as it is asked for."""

    def __init__(
        self, bodies: tuple[Body, ...], extent: tuple[float, float], *, substeps: int = SUBSTEPS
    ) -> None:
        self.bodies = bodies
        self.substeps = substeps
        self._lock = threading.RLock()  # two threads may ask for the same clip
        self.steps = 0  # done so far
        self.contacts: list[tuple[float, int, int, float]] = []  # s, first body, second body, m/s
        self._touching: dict[tuple[int, int], int] = {}  # pair -> how many of their shapes touch
        self._parted: dict[tuple[int, int], float] = {}  # pair -> the step after which they no longer touched
        self._number: dict[pymunk.Shape, int] = {}
        self._space = space = pymunk.Space()
        space.gravity = GRAVITY
        space.iterations = ITERATIONS
        space.collision_slop = SLOP
        width, height = extent
        for left, low, right, high in (
            (-WALL, -WALL, width + WALL, 0),
            (-WALL, height, width + WALL, height + WALL),
            (-WALL, 0, 0, height),
            (width, 0, width + WALL, height),
        ):
            corners = [(left, low), (right, low), (right, high), (left, high)]
            self._add(WALLS, [pymunk.Poly(space.static_body, corners)])
        self._moving: list[pymunk.Body] = []
        self.inertia = np.array([moment(body) for body in bodies])  # kg m²
        for number, body in enumerate(bodies):
            if body.fixed:
                owner, turn = (
                    space.static_body,
                    pymunk.Transform.translation(*body.position).rotated(body.angle),
                )
            else:
                owner, turn = pymunk.Body(body.mass, float(self.inertia[number])), pymunk.Transform.identity()
                owner.position, owner.angle = body.position, body.angle
                # Half a substep of falling makes free motion in substeps equal to the closed form.
                owner.velocity = (GRAVITY[0] / (2 * substeps), GRAVITY[1] / (2 * substeps))
                space.add(owner)
                self._moving.append(owner)
            if body.parts:
                shapes: list[pymunk.Shape] = [pymunk.Poly(owner, part, turn) for part in body.parts]
            else:
                shapes = [pymunk.Circle(owner, body.size, (turn.tx, turn.ty))]
            self._add(number, shapes)
        space.on_collision(begin=self._begin, separate=self._separate)
        self._buffer = pymunk.batch.Buffer()
        self._note()
        self._read = np.zeros((0, len(bodies), 6))

    def advance(self, steps: int) -> None:
        """Simulate until at least so many substeps are done."""
        damping = (1 + ANGULAR_DAMPING / self.substeps) ** -DAMPED_EVERY
        with self._lock:
            while self.steps < steps:
                self.steps += 1
                self._space.step(1 / self.substeps)
                self._note()
                if self.steps % DAMPED_EVERY == 0:
                    for owner in self._moving:
                        owner.angular_velocity *= damping

    @property
    def states(self) -> np.ndarray:
        """(steps + 1, B, 6) after each substep: x and y in m, angle in rad, and their rates of change."""
        with self._lock:
            if len(self._read) <= self.steps:
                rows = np.frombuffer(self._buffer.float_buf(), float).reshape(self.steps + 1, -1, 6)
                states = np.zeros((self.steps + 1, len(self.bodies), 6))
                moving = [number for number, body in enumerate(self.bodies) if not body.fixed]
                states[:, moving] = rows[:, : len(moving)]
                for number, body in enumerate(self.bodies):
                    if body.fixed:
                        states[:, number, :3] = *body.position, body.angle
                self._read = states
            return self._read

    def _note(self) -> None:
        pymunk.batch.get_space_bodies(self._space, _FIELDS, self._buffer)

    def _add(self, number: int, shapes: list) -> None:
        for shape in shapes:
            shape.friction, shape.elasticity = math.sqrt(FRICTION), math.sqrt(RESTITUTION)
            self._number[shape] = number
            self._space.add(shape)

    def _pair(self, arbiter: pymunk.Arbiter) -> tuple[int, int]:
        first, second = (self._number[shape] for shape in arbiter.shapes)
        return (first, second) if first < second else (second, first)

    def _begin(self, arbiter: pymunk.Arbiter, space: pymunk.Space, data: object) -> None:
        pair = self._pair(arbiter)
        touching = self._touching.get(pair, 0)
        self._touching[pair] = touching + 1
        if touching == 0 and self.steps - self._parted.get(pair, -math.inf) >= APART * self.substeps:
            first, second = arbiter.bodies
            at = arbiter.contact_point_set
            point = at.points[0].point_a
            closing = (first.velocity_at_world_point(point) - second.velocity_at_world_point(point)).dot(
                at.normal
            )
            self.contacts.append((self.steps / self.substeps, *pair, max(float(closing), 0.0)))

    def _separate(self, arbiter: pymunk.Arbiter, space: pymunk.Space, data: object) -> None:
        pair = self._pair(arbiter)
        self._touching[pair] -= 1
        self._parted[pair] = self.steps


@lru_cache(maxsize=16)
def run(bodies: tuple[Body, ...], extent: tuple[float, float]) -> Run:
    """The motion of some bodies; the same object for the same bodies, so that nothing is simulated twice."""
    return Run(bodies, extent)


def trajectory(scene: Scene, num_frames: int, dt: float) -> Trajectory:
    """Poses at the frame times, between two substeps on the line between them, contacts and energies."""
    return trajectory_of(run(scene.bodies, scene.extent), scene, num_frames, dt)


def trajectory_of(motion: Run, scene: Scene, num_frames: int, dt: float) -> Trajectory:
    """As ``trajectory``, of a motion that one has."""
    at = np.arange(num_frames) * dt * motion.substeps
    at = np.where(np.abs(at - np.round(at)) < 1e-6, np.round(at), at)
    before = np.floor(at).astype(int)
    motion.advance(int(before[-1]) + 1)
    states = motion.states
    share = (at - before)[:, None, None]
    poses = (1 - share) * states[before, :, :3] + share * states[before + 1, :, :3]
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


def moment(body: Body) -> float:
    """Moment of inertia about the centre of mass, kg m²; overlapping parts count twice, as in the mass."""
    if not body.parts:
        return pymunk.moment_for_circle(body.mass, 0, body.size)
    areas = [pymunk.area_for_poly(part) for part in body.parts]
    return sum(
        pymunk.moment_for_poly(body.mass * area / sum(areas), part)
        for area, part in zip(areas, body.parts, strict=True)
    )


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


def _energy(motion: Run, steps: np.ndarray) -> np.ndarray:
    """(T, 2) J at some substeps: kinetic and potential.

    Velocities stand half a substep after the places, so that those before and after are averaged.
    """
    states = motion.states
    mass = np.array([0.0 if body.fixed else body.mass for body in motion.bodies])
    inertia = np.where(mass > 0, motion.inertia, 0.0)
    rates = (states[np.maximum(steps - 1, 0), :, 3:] + states[steps, :, 3:]) / 2
    rates[steps == 0] = 0.0
    kinetic = (mass * (rates[..., :2] ** 2).sum(axis=-1) + inertia * rates[..., 2] ** 2).sum(axis=-1) / 2
    potential = -(states[steps, :, :2] @ np.array(GRAVITY) * mass).sum(axis=-1)
    return np.stack([kinetic, potential], axis=-1)

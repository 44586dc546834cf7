"""The nouns of all rooms: body, scene, trajectory, what a model is given, what a metric may read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Shaped, UInt8

STATUSES = ("visible", "cut", "outside", "hidden", "lost")
VISIBLE, CUT, OUTSIDE, HIDDEN, LOST = range(len(STATUSES))

SHAPES = ("ball", "square", "ring")
RING_HOLE = 0.5  # inner radius of a ring as a share of its outer radius


Polygon = tuple[tuple[float, float], ...]  # m: corners of a convex polygon, counter-clockwise


@dataclass(frozen=True)
class Body:
    """A rigid thing at t = 0."""

    shape: str  # one of SHAPES, or any other name if it has parts
    size: float  # m: radius of a ball, outer radius of a ring, half the side of a square, reach of parts
    color: str  # a name in core.colors
    mass: float  # kg
    position: tuple[float, float]  # m, of the centre of mass
    velocity: tuple[float, float]  # m/s
    angle: float = 0.0  # rad, counter-clockwise
    fixed: bool = False  # held in place: nothing moves it
    parts: tuple[Polygon, ...] = ()  # what it consists of, about its centre at angle 0


@dataclass(frozen=True)
class Scene:
    """The world at t = 0: all that a simulator and a renderer need."""

    scenario: str
    attributes: dict[str, float | str]
    bodies: tuple[Body, ...]
    gravity: tuple[float, float] = (0.0, 0.0)  # m/s²
    extent: tuple[float, float] = (10.0, 10.0)  # m, width and height of the view; origin bottom left, y up
    background: str = "white"
    parameters: dict[str, float] = dataclasses.field(default_factory=dict)  # constants of the law, SI
    invariants: tuple[str, ...] = ()  # what the law conserves while all bodies are in view: momentum, energy

    def to_json(self) -> str:
        """One line of JSON with sorted keys; ``from_json`` gives an equal scene back."""
        # What is as it is by default goes without saying: most bodies neither turn nor consist of parts.
        bodies = [
            {key: value for key, value in vars(body).items() if key not in _UNSAID or value != _UNSAID[key]}
            for body in self.bodies
        ]
        plain = {**vars(self), "bodies": bodies}  # asdict copies: slow
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Scene:
        """The scene that ``to_json`` wrote."""
        raw = json.loads(text)
        bodies = tuple(
            Body(
                **{
                    **body,
                    "position": tuple(body["position"]),
                    "velocity": tuple(body["velocity"]),
                    "parts": tuple(tuple(map(tuple, part)) for part in body.get("parts", ())),
                }
            )
            for body in raw.pop("bodies")
        )
        tuples = {key: tuple(raw[key]) for key in ("gravity", "extent", "invariants")}
        return Scene(**{**raw, **tuples, "bodies": bodies})


_UNSAID = {"angle": 0.0, "fixed": False, "parts": ()}


@dataclass(frozen=True)
class Record:
    """What a simulator notes beside the motion."""

    contact_time: Float[np.ndarray, " E"]  # s, when two bodies began to touch
    contact_pair: Int[np.ndarray, "E 2"]  # bodies; -1 for a wall of the view
    contact_speed: Float[np.ndarray, " E"]  # m/s, at which they approached
    energy: Float[np.ndarray, "T 2"]  # J, kinetic and potential, at the frame times


@dataclass(frozen=True)
class Trajectory:
    """States at the frame times, simulated or measured from pixels.

    What could not be seen is NaN, with a status that says why.
    """

    dt: float  # s between frames
    position: Float[np.ndarray, "T B 2"]  # m
    size: Float[np.ndarray, "T B"]  # m
    color: Float[np.ndarray, "T B 3"]  # RGB in [0, 1]
    status: Int[np.ndarray, "T B"]  # index into STATUSES
    confidence: Float[np.ndarray, "T B"]  # 0 to 1; 1 for simulated states
    angle: Float[np.ndarray, "T B"] | None = None  # rad, continuous; None where bodies do not turn
    misfit: Float[np.ndarray, "T B"] | None = (
        None  # tracked only: share of a body's area that looks otherwise
    )
    record: Record | None = None  # simulated only, where an engine moves the bodies

    @property
    def num_frames(self) -> int:
        """T, the number of frames."""
        return self.position.shape[0]

    @property
    def num_bodies(self) -> int:
        """B, the number of bodies."""
        return self.position.shape[1]

    @property
    def velocity(self) -> Float[np.ndarray, "I B 2"]:
        """Mean velocity over each frame interval in m/s; NaN where either end is not measured."""
        return np.diff(self.position, axis=0) / self.dt

    @property
    def in_view(self) -> np.ndarray:
        """(T - 1, B) bool: intervals at both ends of which the body is fully visible."""
        seen = self.status == VISIBLE
        return seen[1:] & seen[:-1]

    def __getitem__(self, frames: slice) -> Trajectory:
        """The trajectory at some of the frames; a step other than 1 is not allowed."""
        if frames.step not in (None, 1):
            raise ValueError("a trajectory can be cut, not thinned: the step must be 1")
        arrays: dict[str, Any] = {name: getattr(self, name)[frames] for name in TRAJECTORY_ARRAYS}
        for name in OPTIONAL_ARRAYS:
            values = getattr(self, name)
            arrays[name] = values if values is None else values[frames]
        return Trajectory(dt=self.dt, **arrays)


TRAJECTORY_ARRAYS = ("position", "size", "color", "status", "confidence")
OPTIONAL_ARRAYS = ("angle", "misfit")


@dataclass(frozen=True)
class Detections:
    """What was seen and belongs to no known body: a duplicate has a place here."""

    frame: Int[np.ndarray, " E"]
    position: Float[np.ndarray, "E 2"]  # m
    size: Float[np.ndarray, " E"]  # m, radius of a disc of the same area
    color: Float[np.ndarray, "E 3"]  # RGB in [0, 1]

    @staticmethod
    def none() -> Detections:
        """No detection at all."""
        return Detections(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3)))


@dataclass(frozen=True)
class Tracks:
    """What a tracker read from a video."""

    bodies: Trajectory
    extra: Detections


@dataclass(frozen=True)
class Hints:
    """What the given frames show of each body: all that a tracker gets besides pixels."""

    extent: tuple[float, float]  # m, width and height of the view
    shape: tuple[str, ...]  # as it looks: one of SHAPES
    position: Float[np.ndarray, "B 2"]  # m, in the first frame
    velocity: Float[np.ndarray, "B 2"]  # m/s over the given frames
    size: Float[np.ndarray, " B"]  # m
    area: Float[np.ndarray, " B"]  # m²
    color: UInt8[np.ndarray, "B 3"]


class TaughtModel(TypedDict):
    """What a model that learns is, and says of its training; None where that left no record."""

    model: str  # registered name, or address
    options: dict[str, Any]
    parameters: int | None
    steps: int | None


@dataclass(frozen=True)
class Description:
    """What is said of some clips beside their pixels; only a model that asks for it is told."""

    state: Float32[np.ndarray, "N S"] | None = None  # numbers at t = 0, SI; NaN where a clip has fewer
    text: tuple[str, ...] | None = None  # one per clip


@dataclass(frozen=True)
class Conditioning:
    """What a model is given: the first K frames, and a state or a text only if it asked for them."""

    frames: UInt8[np.ndarray, "N K H W 3"]
    fps: float  # Hz
    ids: tuple[str, ...]  # opaque; one per clip
    state: Float32[np.ndarray, "N S"] | None = None  # as in a Description
    text: tuple[str, ...] | None = None

    @property
    def num_clips(self) -> int:
        """N, the number of clips."""
        return self.frames.shape[0]


@dataclass(frozen=True)
class Case:
    """One rollout beside its truth: all that a metric may read."""

    clip: int
    scene: Scene
    context: int  # K, the number of frames that were given
    truth: Trajectory
    tracked: Tracks
    true_video: Callable[[], Shaped[np.ndarray, "T H W 3"]]
    generated_video: Callable[[], Shaped[np.ndarray, "T H W 3"]] | None  # None for a predictor on states
    limits: dict[str, float] | None = None  # what measures may not exceed, where another cap holds for them
    legible: Bool[np.ndarray, "T B"] | None = (
        None  # where the form of the video tells of a body; None: always
    )

    @property
    def counted_intervals(self) -> np.ndarray:
        """(T - 1, B) bool: intervals that end in a generated frame and are fully visible in the truth."""
        counted = self.truth.in_view.copy()
        counted[: self.context - 1] = False
        return counted

    @property
    def extra_per_frame(self) -> float:
        """Mean number of things seen per generated frame that are none of the known bodies."""
        num_generated = self.truth.num_frames - self.context
        return float((self.tracked.extra.frame >= self.context).sum() / num_generated)

    @property
    def measured_intervals(self) -> np.ndarray:
        """(T - 1, B) bool: the counted intervals in which the rollout could be measured."""
        return self.counted_intervals & np.isfinite(self.tracked.bodies.velocity).all(axis=-1)


@dataclass(frozen=True)
class CaseLibrary:
    """The training cases as states: what a reference looks things up in, or learns from."""

    features: Float[np.ndarray, "M F"]  # size, velocity and colour of each body over the given frames
    scale: Float[
        np.ndarray, " F"
    ]  # what counts as one unit of distance: the range of each feature in training
    displacement: Float[
        np.ndarray, "M I B 2"
    ]  # m from the last given frame on, in the I = T - K frames after it
    dt: float  # s between frames
    position: Float[np.ndarray, "M K B 2"]  # m, over the given frames
    size: Float[np.ndarray, "M B"]  # m


@dataclass(frozen=True)
class Question:
    """What a reference may use."""

    given: Trajectory  # tracked, over the given frames only; bodies in the order of the scene
    num_frames: int  # T of the whole clip
    law: Scene  # the constants of the law: gravity, parameters, extent; its bodies are not to be looked at
    shape: tuple[str, ...]  # of each body as it looks
    library: CaseLibrary

"""A scenario is a family of scenes under one law: attributes in, a scene out, and its true motion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.region import Attributes, Region, Values, region_from
from worldlaw.core.registry import Registry
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import CUT, HIDDEN, OUTSIDE, VISIBLE, Description, Scene, Trajectory
from worldlaw.worlds.scene_description import law_of, numbers_of, sentence_of

MAX_DRAWS = 20_000  # the narrowest level of the study keeps about one draw in five hundred


class Infeasible(Exception):  # noqa: N818
    """No scene has these attributes; the message is the reason, without numbers, to be counted."""


@dataclass(frozen=True)
class Quantity:
    """A continuous attribute."""

    training: tuple[float, float]  # range of the training split unless an experiment says otherwise
    limits: tuple[float, float]  # beyond these nothing can be built
    unit: str  # "1" for a pure number
    about: str

    @property
    def shown_unit(self) -> str:
        """The unit as it stands behind a number."""
        return "" if self.unit == "1" else f" {self.unit}"


@dataclass(frozen=True)
class Choice:
    """An attribute with names for values."""

    training: tuple[str, ...]
    among: tuple[str, ...]
    about: str
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # names for several at once

    shown_unit: ClassVar[str] = ""


class Scenario(ABC):
    """A family of scenes under one law."""

    name: ClassVar[str]
    version: ClassVar[int]  # raise it whenever the same draws would give other scenes or another motion
    attributes: ClassVar[Mapping[str, Quantity | Choice]]
    tracker: ClassVar[str] = "blobs"  # which one reads its videos: a name in measure.tracking.trackers
    # Of the view: "open" if a wider one changes nothing, "walls" on all sides, "ground" below; else unsaid
    edges: ClassVar[str] = ""
    # Names or addresses of what stands beside a model in exams, where two frames or more are given
    references: ClassVar[tuple[str, ...]] = ("constant_velocity", "oracle_law")

    @abstractmethod
    def build(self, attributes: Attributes, rng: np.random.Generator) -> Scene:
        """A scene with these attributes, the rest drawn from what is feasible; Infeasible if nothing is."""

    def draw(self, attributes: Attributes, rng: np.random.Generator) -> tuple[Scene, Counter[str]]:
        """As ``build``, and why scenes before it were rejected, where a scenario draws again by itself."""
        return self.build(attributes, rng), Counter()

    @abstractmethod
    def simulate(self, scene: Scene, num_frames: int, dt: float) -> Trajectory:
        """The true motion; frame k is the state at k * dt seconds."""

    def numbers(self, scene: Scene) -> tuple[float, ...]:
        """The scene at t = 0 in numbers, SI, for models that ask for its state."""
        return numbers_of(scene)

    def sentence(self, scene: Scene) -> str:
        """The scene at t = 0 in a sentence, for models that ask for a text."""
        return sentence_of(scene)

    def law(self, scene: Scene) -> str:
        """What law holds in the scene, in a sentence, for prompts; never what comes of it."""
        return law_of(scene, self.edges)


scenarios: Registry[type[Scenario]] = Registry(
    "scenario",
    [
        "worldlaw.worlds.laws.uniform_motion",
        "worldlaw.worlds.laws.parabola",
        "worldlaw.worlds.laws.collision",
        "worldlaw.worlds.laws.assembly",
        "worldlaw.worlds.laws.ambiguity",
    ],
)


def training_region(scenario: type[Scenario], raw: object = None) -> Region:
    """The region that a raw mapping (or list of mappings) from an experiment means for this scenario.

    Attributes that are not named keep the scenario's training range. Raises BadInput for an unknown attribute
    or name and for a range outside the attribute's limits.
    """
    default: dict[str, Values] = {
        name: (spec.training,) if isinstance(spec, Quantity) else spec.training
        for name, spec in scenario.attributes.items()
    }
    boxes: list[Any] = raw if isinstance(raw, list) else [raw or {}]
    for box in boxes:
        if not isinstance(box, Mapping):
            raise BadInput(f"{scenario.name}: expected attributes with their ranges; found {box!r}")
        for name in box:
            if name not in scenario.attributes:
                raise unknown(f"attribute of {scenario.name}", str(name), scenario.attributes)
    region = region_from([_without_groups(scenario, box) for box in boxes], default)
    for parsed in region.boxes:
        for name, values in parsed.values.items():
            _check_limits(scenario, name, values)
    return region


def draw_scene(
    scenario: Scenario, region: Region, *, seed: int, split: str, index: int
) -> tuple[Scene, Counter[str]]:
    """The scene of clip ``index`` of a split, and the reasons for which draws before it were rejected.

    Attributes and placement come from streams of their own, so that narrowing one attribute does not move the
    rest.
    Raises BadInput if the region seems to hold no scene at all.
    """
    rejected: Counter[str] = Counter()
    for attempt in range(MAX_DRAWS):
        attributes = region.sample(rng_for(seed, split, index, "attributes", attempt))
        try:
            scene, before = scenario.draw(attributes, rng_for(seed, split, index, "placement", attempt))
            return scene, rejected + before
        except Infeasible as reason:
            rejected[str(reason)] += 1
    reasons = ", ".join(f"{reason} ({count} times)" for reason, count in rejected.most_common())
    raise BadInput(
        f"{scenario.name}, split {split!r}: no scene in {MAX_DRAWS} draws from its region: {reasons}"
    )


def describe(scenes: Sequence[tuple[Scenario, Scene]]) -> Description:
    """Numbers (N, S) and sentences of scenes, each with its scenario; NaN where one has fewer than most."""
    rows = [scenario.numbers(scene) for scenario, scene in scenes]
    state = np.full((len(rows), max(map(len, rows), default=0)), np.nan, np.float32)
    for place, row in enumerate(rows):
        state[place, : len(row)] = row
    return Description(state, tuple(scenario.sentence(scene) for scenario, scene in scenes))


def true_trajectory(scene: Scene, position: np.ndarray, dt: float) -> Trajectory:
    """A trajectory of positions (T, B, 2) in m, with each body's size, colour and status.

    A body is cut where it crosses the edge of the view, outside where nothing of it is left, and hidden where
    a body drawn over it (a later one in the scene) covers any of it.
    """
    num_frames, num_bodies, _ = position.shape
    size = np.array([body.size for body in scene.bodies])
    color = np.array([COLORS[body.color] for body in scene.bodies]) / 255
    edge = size[:, None] - 1e-9
    low, high = (
        position - edge,
        np.asarray(scene.extent) - position - edge,
    )  # distances of the sides to the edges
    status = np.full((num_frames, num_bodies), VISIBLE, np.int8)
    for above in range(num_bodies):
        for below in range(above):
            gap = np.linalg.norm(position[:, above] - position[:, below], axis=-1) - size[above] - size[below]
            status[gap < -1e-6, below] = HIDDEN
    status[(np.minimum(low, high) < 0).any(axis=-1)] = CUT
    status[(np.minimum(low, high) < -2 * edge).any(axis=-1)] = OUTSIDE
    return Trajectory(
        dt=dt,
        position=np.ascontiguousarray(position, float),
        size=np.broadcast_to(size, (num_frames, num_bodies)).copy(),
        color=np.broadcast_to(color, (num_frames, num_bodies, 3)).copy(),
        status=status,
        confidence=np.ones((num_frames, num_bodies)),
    )


def _without_groups(scenario: type[Scenario], box: Mapping) -> dict:
    """The same values; of choices the name of a group replaced by its members, and numbers by their names."""
    return {
        name: _names(spec, value) if isinstance(spec := scenario.attributes[name], Choice) else value
        for name, value in box.items()
    }


def _names(spec: Choice, value: object) -> object:
    """YAML reads a name such as 07 as a number: it means the only name with that value."""
    if isinstance(value, str):
        return list(spec.groups.get(value, [value]))
    if isinstance(value, Sequence):
        return [one for each in value for one in _listed(_names(spec, each))]
    if isinstance(value, bool):
        return value
    found = [name for name in spec.among if name.isdigit() and int(name) == value]
    return found[0] if len(found) == 1 else value


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _check_limits(scenario: type[Scenario], name: str, values: Values) -> None:
    spec = scenario.attributes[name]
    for value in values:
        if isinstance(value, str) != isinstance(spec, Choice):
            expected = f"one of {', '.join(spec.among)}" if isinstance(spec, Choice) else _range_in(spec)
            raise BadInput(f"{scenario.name}: {name}: expected {expected}; found {value!r}")
        if isinstance(spec, Choice):
            if value not in spec.among:
                raise unknown(f"{name} of {scenario.name}", str(value), [*spec.groups, *spec.among])
        elif not spec.limits[0] <= value[0] <= value[1] <= spec.limits[1]:  # type: ignore[operator]
            raise BadInput(
                f"{scenario.name}: {name}: [{value[0]:g}, {value[1]:g}]{spec.shown_unit} is not within "
                f"[{spec.limits[0]:g}, {spec.limits[1]:g}]{spec.shown_unit}"
            )


def _range_in(spec: Quantity) -> str:
    return "a range of numbers" if spec.unit == "1" else f"a range in {spec.unit}"

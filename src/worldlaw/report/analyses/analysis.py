"""What an analysis is, what it may read, and the registry of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worldlaw.core.errors import blame
from worldlaw.core.region import Attributes, Interval, Region
from worldlaw.core.registry import Registry
from worldlaw.pages.cells import KINDS
from worldlaw.pages.section import Section

READINGS = (
    "true_velocity",
    "measured_velocity",
    "true_size",
    "measured_size",
    "color_kept",
    "true_outcome",
    "measured_outcome",
)


@dataclass(frozen=True)
class Setting:
    """What one world of an experiment trains on and is tested on."""

    training: Region
    test: Mapping[str, Region]

    def names(self, attribute: str) -> set[str]:
        """The names of an attribute that occur in training; empty if it has none."""
        values = (value for box in self.training.boxes for value in box.values.get(attribute, ()))
        return {value for value in values if isinstance(value, str)}

    def bands(self, attribute: str) -> list[Interval]:
        """The intervals of an attribute that occur in training, in order and apart."""
        values = (value for box in self.training.boxes for value in box.values.get(attribute, ()))
        found: list[Interval] = []
        for low, high in sorted(value for value in values if not isinstance(value, str)):
            if found and low <= found[-1][1]:
                found[-1] = (found[-1][0], max(high, found[-1][1]))
            else:
                found.append((low, high))
        return found


@dataclass(frozen=True)
class Rollouts:
    """All rollouts of one predictor in one world, N of them: one body each."""

    inside: np.ndarray  # (N,) bool: whether the clip lies in the training region
    attributes: Sequence[Attributes]
    readings: Mapping[str, np.ndarray]  # those of READINGS, (N,); NaN where there is none
    clips: Sequence[tuple[str, int]] = ()  # split and number of each clip

    def attribute(self, name: str) -> np.ndarray:
        """(N,) values of one attribute of the scenes."""
        return np.array([attributes[name] for attributes in self.attributes])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.readings[name]


@dataclass(frozen=True)
class Evidence:
    """What an analysis may read: the experiment's regions, its results, and the attributes of its clips."""

    settings: Mapping[str, Setting]  # by world
    results: pa.Table  # rows as in ``cells.COLUMNS``
    attributes: Callable[[str, str], Sequence[Attributes]]  # (world, split) -> one entry per clip
    looks: Callable[[str, str], Sequence[str]] | None = (
        None  # likewise, a name for what the given frames show
    )

    def predictors(self, world: str) -> Iterator[tuple[str, str]]:
        """(predictor, kind) of those with results in a world: floor, then models, then references."""
        rows = self.results.filter(pc.equal(self.results["scenario"], world))
        pairs = dict.fromkeys(zip(rows["predictor"].to_pylist(), rows["kind"].to_pylist(), strict=True))
        for kind in KINDS:
            yield from (pair for pair in pairs if pair[1] == kind)

    def answers(self, world: str, predictor: str) -> Rollouts:
        """The readings of body 0 of every rollout, in order of split, clip and seeds."""
        rows = self.results
        chosen = pc.and_(pc.equal(rows["scenario"], world), pc.equal(rows["predictor"], predictor))
        chosen = pc.and_(chosen, pc.equal(rows["body"], 0))
        found: dict[tuple, dict[str, float]] = {}
        for row in rows.filter(pc.and_(chosen, pc.is_in(rows["metric"], pa.array(READINGS)))).to_pylist():
            place = (row["split"], row["clip"], row["answer_seed"], row["training_seed"])
            found.setdefault(place, {})[row["metric"]] = row["value"]
        places = sorted(found)
        scenes = {split: self.attributes(world, split) for split in {place[0] for place in places}}
        attributes = [scenes[split][clip] for split, clip, *_ in places]
        training = self.settings[world].training
        return Rollouts(
            np.array([training.contains(entry) for entry in attributes], bool),
            attributes,
            {name: np.array([found[place].get(name, np.nan) for place in places]) for name in READINGS},
            [(split, clip) for split, clip, *_ in places],
        )

    def values(self, world: str, predictor: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """Of every rollout, whether its clip lies in the training region (N,) and a metric of it (N,)."""
        rows = self.results
        chosen = pc.and_(pc.equal(rows["scenario"], world), pc.equal(rows["predictor"], predictor))
        chosen = pc.and_(chosen, pc.and_(pc.equal(rows["metric"], metric), pc.equal(rows["body"], -1)))
        found = rows.filter(chosen)
        inside = np.array([said == "yes" for said in found["in_train_region"].to_pylist()], bool)
        return inside, found["value"].to_numpy().astype(float)


class Analysis(ABC):
    """A question to a whole experiment."""

    @abstractmethod
    def worlds(self, settings: Mapping[str, Setting]) -> list[str]:
        """The worlds of an experiment that it is about. Raises BadInput if they cannot answer it."""

    @abstractmethod
    def section(self, evidence: Evidence, slug: str) -> Section:
        """The answer; ``slug`` begins every id of its figures."""


analyses: Registry[type[Analysis]] = Registry(
    "analysis",
    [
        "worldlaw.report.analyses.reversal",
        "worldlaw.report.analyses.velocity_gap",
        "worldlaw.report.analyses.attribute_pair",
        "worldlaw.report.analyses.combination",
        "worldlaw.report.analyses.ambiguity",
    ],
    plural="analyses",
)


def sections(names: Sequence[str], evidence: Evidence) -> list[Section]:
    """The sections of some analyses, in their order."""
    found = []
    for index, name in enumerate(names):
        with blame(f"analysis {name}"):
            found.append(analyses.get(name)().section(evidence, f"analysis{index}"))
    return found

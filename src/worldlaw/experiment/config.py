"""An experiment file: frozen, strict, and checked in full before any work starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, model_validator

from worldlaw.core.errors import BadInput, blame, unknown
from worldlaw.core.region import Region
from worldlaw.core.strict_files import Name, RawRegion, Strict, explain, inherit, parse_yaml, read_yaml
from worldlaw.worlds import Scenario, scenarios, training_region
from worldlaw.worlds.recipe import Recipe
from worldlaw.worlds.render.flat import EDGES, check_edge

if TYPE_CHECKING:
    from worldlaw.report.analyses import Setting

TRAIN = "train"
LEAST_FOR_POSES = 32  # rows
MAX_SHARDS = 100_000  # files of a split: their names have five digits, and sort as their numbers do


class VideoOptions(Strict):
    """How clips are filmed."""

    resolution: int = Field(default=64, ge=16, le=1024, description="rows of a frame")
    num_frames: int = Field(default=32, ge=2, le=4096)
    fps: float = Field(default=10.0, gt=0, le=10_000, allow_inf_nan=False)
    edge: str = "area"


class Split(Strict):
    """Some clips from one region; attributes that are not named keep the training range."""

    clips: int = Field(ge=1)
    region: RawRegion = {}


class TrainSplit(Split):
    """Clips to learn from."""

    stored: bool = True  # else made as they are read: the same clips, no disk


class World(Strict):
    """One scenario: what to train on and what to be tested on."""

    scenario: str | None = None  # the key of the entry unless given
    train: TrainSplit
    test: dict[Name, Split] = Field(min_length=1)


class Model(Strict):
    """A model with the options of its constructor."""

    model: str
    options: dict[str, Any] = {}
    together: bool = False  # taught once, on the training clips of all worlds
    optional: bool = False  # left out, and said so, where an extra that it needs is not installed
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(default=None, min_length=1)  # training seeds
    clips: int | None = Field(
        default=None, ge=1
    )  # it learns from the first ones of each world; all by default


class CodecSpec(Strict):
    """A codec with the options of its constructor."""

    codec: str
    options: dict[str, Any] = {}
    together: bool = False  # taught once, on the training clips of all worlds


class Experiment(Strict):
    """All that decides the numbers of an experiment."""

    name: Name
    about: str = ""
    seed: int = Field(default=0, ge=0)
    context: int = Field(default=3, ge=1, description="conditioning frames")
    video: VideoOptions = VideoOptions()
    shard_clips: int = Field(default=250, ge=1, le=100_000, description="clips per file")
    worlds: dict[Name, World] = Field(min_length=1)
    codecs: dict[Name, CodecSpec | None] = {}
    models: dict[Name, Model | None] = {}
    references: tuple[str, ...] = ()
    metrics: tuple[str, ...] | None = Field(default=None, min_length=1)  # all of them unless given
    analyses: tuple[str, ...] = ()  # sections of the report
    look: tuple[str, ...] = ()  # numbers about whole splits: fvd, lpips, track_frechet

    @model_validator(mode="after")
    def _context_fits(self) -> Experiment:
        if self.context >= self.video.num_frames:
            raise ValueError(
                f"context is {self.context} frames and clips have {self.video.num_frames}: none is left"
            )
        return self

    def scenario_of(self, world: str) -> str:
        """Name of the scenario of a world."""
        return self.worlds[world].scenario or world

    def training_region(self, world: str) -> Region:
        """The region that decides what is in distribution."""
        return training_region(scenarios.get(self.scenario_of(world)), self.worlds[world].train.region)

    def settings(self) -> dict[str, Setting]:
        """What each world trains on and is tested on, as analyses read it."""
        from worldlaw.report.analyses import Setting

        return {
            world: Setting(
                self.recipe(world, TRAIN).region,
                {split: self.recipe(world, split).region for split in spec.test},
            )
            for world, spec in self.worlds.items()
        }

    def stored(self, world: str, split: str) -> bool:
        """Whether the clips of a split are kept on disk."""
        return split != TRAIN or self.worlds[world].train.stored

    def recipe(self, world: str, split: str) -> Recipe:
        """How a split is made; a test split keeps the training range where its region says nothing."""
        spec = self.worlds[world]
        scenario = self.scenario_of(world)
        chosen = spec.train if split == TRAIN else spec.test[split]
        raw: RawRegion = chosen.region
        if split != TRAIN:
            raw = inherit(spec.train.region, chosen.region, f"worlds.{world}.test.{split}.region")
        return Recipe(
            scenario=scenario,
            region=training_region(scenarios.get(scenario), raw),
            seed=self.seed,
            split=split,
            num_clips=chosen.clips,
            resolution=self.video.resolution,
            num_frames=self.video.num_frames,
            fps=self.video.fps,
            edge=self.video.edge,
        )


def load_experiment(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and check all of it.

    ``overrides`` are of the form ``a.b=value``, the value in YAML. Raises BadInput, one line that names the
    key.
    """
    path = Path(path)
    raw = read_yaml(path, "an experiment file")
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else type(raw).__name__
        raise BadInput(f"{path}: expected an experiment with keys such as name and worlds; found {found}")
    for text in overrides:
        _override(raw, text)
    return parse_experiment(raw, str(path))


def parse_experiment(raw: Mapping[str, Any], where: str = "experiment") -> Experiment:
    """An experiment from plain data, checked in full. Raises BadInput with one line."""
    try:
        experiment = Experiment.model_validate(_tuples(raw))
    except ValidationError as error:
        raise BadInput(f"{where}: {explain(error, _fields_at)}") from error
    try:
        _check_names(experiment)
        for world, spec in experiment.worlds.items():
            if TRAIN in spec.test:
                raise BadInput(f"worlds.{world}.test: a test split cannot be called {TRAIN!r}")
            for split in (TRAIN, *spec.test):
                _check_split(experiment, world, split)
        _check_analyses(experiment)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    return experiment


def _check_split(experiment: Experiment, world: str, split: str) -> None:
    """That a split's region is one, that it holds a scene, and that its shards can be numbered."""
    place = f"worlds.{world}.{split if split == TRAIN else f'test.{split}'}"
    try:
        recipe = experiment.recipe(world, split)
        with blame(f"scenario {recipe.scenario}"):
            scene, _ = recipe.scene(0)
        check_edge(scene, experiment.video.edge)
        if poses(experiment, world) and recipe.resolution < LEAST_FOR_POSES:
            raise BadInput(
                f"resolution {recipe.resolution}: bodies that turn are too thin to be followed below "
                f"{LEAST_FOR_POSES} rows"
            )
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from error
    if not experiment.stored(world, split):
        return
    shards = -(-len(recipe) // experiment.shard_clips)
    if shards > MAX_SHARDS:
        raise BadInput(
            f"{place}: {len(recipe):,} clips by {experiment.shard_clips:,} are {shards:,} files; "
            f"at most {MAX_SHARDS:,}: raise shard_clips"
        )


def poses(experiment: Experiment, world: str) -> bool:
    """Whether a world's bodies are followed by pose: assemblies, whose clips differ in number and shape."""
    return scenarios.get(experiment.scenario_of(world)).tracker == "poses"


def _check_names(experiment: Experiment) -> None:
    from worldlaw.experiment.codecs import check_codecs
    from worldlaw.experiment.look_choice import check_look
    from worldlaw.measure.metrics import Metric, metrics
    from worldlaw.measure.references import references
    from worldlaw.models import models

    if re.fullmatch(r"(simulate|train|generate|track|calibrate|evaluate)-[0-9a-f]{16}", experiment.name):
        raise BadInput(f"name: {experiment.name!r} is what a folder of clips is called; choose another")
    if experiment.video.edge not in EDGES:
        raise unknown("edge", experiment.video.edge, EDGES)
    for world in experiment.worlds:
        address = experiment.scenario_of(world)
        scenario = scenarios.get(address)
        if not (isinstance(scenario, type) and issubclass(scenario, Scenario)):
            raise BadInput(
                f"scenario {address!r}: expected a class derived from Scenario; found {scenario!r:.80}"
            )
        for attribute in ("name", "version", "attributes"):
            if not hasattr(scenario, attribute):
                raise BadInput(f"scenario {address!r}: the class has no {attribute!r}")
    for name, model in experiment.models.items():
        if model and model.optional and models.missing_extra(model.model):
            continue
        _check_model(name, model or Model(model=name))
        _check_training(experiment, name, model or Model(model=name))
    assemblies = [world for world in experiment.worlds if poses(experiment, world)]
    if experiment.references and assemblies:
        raise BadInput(
            f"references: {experiment.references[0]} expects the same few bodies in every clip; those of "
            f"{assemblies[0]} differ; remove the key or the world"
        )
    for name in experiment.references:
        if not references.missing_extra(name) and not callable(references.get(name)):
            raise BadInput(f"reference {name!r}: expected a function of a question")
    for name in experiment.metrics or ():
        if not isinstance(metrics.get(name), Metric):
            raise BadInput(f"metric {name!r}: expected a function that is decorated with @metric")
    for key in ("references", "metrics", "analyses"):
        names = getattr(experiment, key) or ()
        for name in names:
            if names.count(name) > 1:
                twice = "; every clip would count twice" if key != "analyses" else ""
                raise BadInput(f"{key}: {name!r} is given twice{twice}")
    taken = {"floor", *experiment.references}
    for name in experiment.models:
        if name in taken:
            raise BadInput(f"models: the name {name!r} is taken by a reference or the floor")
    check_codecs(experiment)
    check_look(experiment.look, experiment.video)


def _check_model(name: str, model: Model) -> None:
    """That a model is one, and takes the options that it is given."""
    from worldlaw.experiment.construction import check_class
    from worldlaw.models import VideoModel, models

    check_class(
        models.get(model.model),
        VideoModel,
        what="model",
        name=name,
        address=model.model,
        options=model.options,
    )


def _check_training(experiment: Experiment, name: str, model: Model) -> None:
    """That seeds and clips are those of a model that learns, and that there are so many."""
    from worldlaw.models import models

    kind = models.get(model.model)
    learns = kind.learns and kind.taught(model.options) is None
    for key in ("seeds", "clips"):
        if getattr(model, key) is not None and not learns:
            what = f"{model.model} does not learn" if not kind.learns else "a checkpoint has learnt already"
            raise BadInput(f"models.{name}.{key}: {what}; remove it")
    seeds = model.seeds or []
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise BadInput(f"models.{name}.seeds: {seed} is given twice; it would be the same training")
    for world, spec in experiment.worlds.items():
        if model.clips is not None and model.clips > spec.train.clips:
            raise BadInput(
                f"models.{name}.clips: expected at most the {spec.train.clips:,} training clips of {world}; "
                f"found {model.clips:,}"
            )


def _check_analyses(experiment: Experiment) -> None:
    """That analyses are some, and that the experiment can answer them."""
    if not experiment.analyses:
        return
    from worldlaw.report.analyses import Analysis, analyses

    for name in experiment.analyses:
        kind = analyses.get(name)
        if not (isinstance(kind, type) and issubclass(kind, Analysis)):
            raise BadInput(f"analysis {name!r}: expected a class derived from Analysis; found {kind!r:.80}")
        try:
            with blame(f"analysis {name}"):
                kind().worlds(experiment.settings())
        except BadInput as error:
            raise BadInput(f"analyses: {error}") from error


def _override(raw: dict[str, Any], text: str) -> None:
    address, equals, value = text.partition("=")
    keys = address.split(".")
    if not equals or not all(keys):
        raise BadInput(f"--set {text!r}: expected key=value, with dots between nested keys")
    parsed = parse_yaml(value, f"--set {text!r}")
    place: Any = raw
    for depth, key in enumerate(keys[:-1]):
        if place.get(key) is None:
            place[key] = {}
        place = place[key]
        if not isinstance(place, dict):
            raise BadInput(f"--set {text!r}: {'.'.join(keys[: depth + 1])} holds a value, not keys")
    place[keys[-1]] = parsed


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    """YAML has lists where the experiment has tuples."""
    return {
        key: tuple(value)
        if key in ("references", "metrics", "analyses", "look") and isinstance(value, list)
        else value
        for key, value in raw.items()
    }


def _fields_at(location: tuple[str | int, ...]) -> list[str]:
    """Names of the keys that are known at a place in the file."""
    inner: dict[str, type[Strict]] = {
        "video": VideoOptions,
        "worlds": World,
        "train": TrainSplit,
        "test": Split,
        "models": Model,
        "codecs": CodecSpec,
    }
    model: type[Strict] = Experiment
    for part in location:
        model = inner.get(str(part), model)
    return sorted(model.model_fields)

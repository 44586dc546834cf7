"""What an experiment will make: every artifact with its key, known before any work starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from worldlaw.clips import store, tracks
from worldlaw.coding import codec_of, plan_codecs
from worldlaw.config import TRAIN, Experiment
from worldlaw.core.artifact import Artifact
from worldlaw.exam import references, tracking
from worldlaw.exam.metrics import metrics
from worldlaw.models import VideoModel, models
from worldlaw.worlds import render, scenarios

STAGES = ("simulate", "train", "generate", "track", "evaluate", "report")
FLOOR = "floor"
# Clips given to a model at a time; a short last batch is filled up, so that batching changes nothing.
BATCH = 32
EVALUATE_VERSION = 1  # of what evaluation does beside metrics and references


@dataclass(frozen=True)
class Plan:
    """The artifacts of an experiment by what they are for."""

    experiment: Experiment
    root: Path
    simulate: dict[tuple[str, str], Artifact]  # (world, split)
    train: dict[tuple[str, str], Artifact]  # (world, model), models that learn only
    generate: dict[tuple[str, str, str], Artifact]  # (world, model, split)
    track: dict[tuple[str, str, str], Artifact]  # (world, model, codec or floor, split)
    evaluate: Artifact
    codecs: dict[tuple[str, str], Artifact] = field(default_factory=dict)  # (world, codec), as taught
    redraw: dict[tuple[str, str, str], Artifact] = field(default_factory=dict)  # (world, codec, split)

    @property
    def folder(self) -> Path:
        """Where the experiment's own page and records lie."""
        return self.root / self.experiment.name

    def artifacts(self) -> list[tuple[str, Artifact]]:
        """All artifacts in the order in which they are made, each with what it is for."""
        groups = (self.simulate, self.codecs, self.train, self.redraw, self.generate, self.track)
        listed = [(" / ".join(place), artifact) for group in groups for place, artifact in group.items()]
        return [*listed, ("all", self.evaluate)]


def make_plan(experiment: Experiment, root: Path) -> Plan:
    """Work out every artifact's inputs: other artifacts by key, and the versions of the code."""
    simulate = {
        (world, split): Artifact("simulate", _simulate_inputs(experiment, world, split), root)
        for world, spec in experiment.worlds.items()
        for split in (TRAIN, *spec.test)
    }
    clips = {
        name: [
            [simulate[place, TRAIN].key for place in taught_on(experiment, world, name)]
            for world in experiment.worlds
        ]
        for name in experiment.codecs
    }
    codecs, redraw = plan_codecs(experiment, clips, simulate, root, batch=BATCH)
    train: dict[tuple[str, str], Artifact] = {}
    generate: dict[tuple[str, str, str], Artifact] = {}
    track: dict[tuple[str, str, str], Artifact] = {}
    for world, spec in experiment.worlds.items():
        for name in experiment.models:
            kind, options, address = model_of(experiment, name)
            code = models.code(address)
            codec = codec_of(experiment, name)
            if kind.takes_codec:
                options = _without(options, ("codec",))
            about = {
                "code": code,
                **({"codec": codecs[world, codec].key} if codec else {}),
                "model": address,
                "version": kind.version,
                "options": _without(options, kind.runtime_options),
            }
            taught = {}
            if kind.learns:
                train[world, name] = Artifact(
                    "train",
                    {
                        **about,
                        "options": _without(options, kind.runtime_options + kind.answer_options),
                        "clips": [simulate[place, TRAIN].key for place in taught_on(experiment, world, name)],
                        "context": experiment.context,
                        "seed": experiment.seed,
                    },
                    root,
                )
                taught = {"train": train[world, name].key}
            for split in spec.test:
                generate[world, name, split] = Artifact(
                    "generate",
                    {
                        **about,
                        **taught,
                        "questions": simulate[world, split].key,
                        "context": experiment.context,
                        "seed": experiment.seed,
                        "batch": BATCH,
                        "format": store.FORMAT,
                    },
                    root,
                )
        for split in spec.test:
            sources = {FLOOR: simulate[world, split]}
            sources |= {name: redraw[world, name, split] for name in experiment.codecs}
            sources |= {name: generate[world, name, split] for name in experiment.models}
            for name, source in sources.items():
                inputs = {
                    "videos": source.key,
                    "context": experiment.context,
                    "tracker": tracking.VERSION,
                    "format": tracks.FORMAT,
                }
                track[world, name, split] = Artifact("track", inputs, root)
    chosen = experiment.metrics or tuple(metrics.names())
    evaluate = Artifact(
        "evaluate",
        {  # lists, because the rows of the results follow their order
            "version": EVALUATE_VERSION,
            "experiment": experiment.name,
            "training": [[world, simulate[world, TRAIN].key] for world in experiment.worlds],
            "tracks": [[" / ".join(place), artifact.key] for place, artifact in track.items()],
            "taught": [
                [name, taught_on(experiment, "", name)] for name in (*experiment.codecs, *experiment.models)
            ],
            "references": [
                [name, references.VERSION, references.references.code(name)] for name in experiment.references
            ],
            "metrics": [[name, metrics.get(name).version, metrics.code(name)] for name in chosen],
        },
        root,
    )
    return Plan(experiment, root, simulate, train, generate, track, evaluate, codecs, redraw)


def model_of(experiment: Experiment, name: str) -> tuple[type[VideoModel], dict, str]:
    """Class, options and registered name (or address) of one of the experiment's models."""
    spec = experiment.models[name]
    address = spec.model if spec else name
    return models.get(address), (spec.options if spec else {}), address


def taught_on(experiment: Experiment, world: str, name: str) -> list[str]:
    """The worlds whose training clips a model or codec learns from before it is asked about one of them."""
    spec = experiment.codecs[name] if name in experiment.codecs else experiment.models[name]
    return list(experiment.worlds) if spec and spec.together else [world]


def _without(options: dict, names: tuple[str, ...]) -> dict:
    return {name: value for name, value in options.items() if name not in names}


def shard_ranges(num_clips: int, shard_clips: int) -> list[range]:
    """Indices of the clips of each shard."""
    return [range(start, min(start + shard_clips, num_clips)) for start in range(0, num_clips, shard_clips)]


def _simulate_inputs(experiment: Experiment, world: str, split: str) -> dict:
    recipe = experiment.recipe(world, split)
    return {
        "scenario": recipe.scenario,
        "version": scenarios.get(recipe.scenario).version,
        "code": scenarios.code(recipe.scenario),
        "renderer": render.VERSION,
        "format": store.FORMAT,
        "region": recipe.region.to_json(),
        "seed": recipe.seed,
        "split": split,
        "clips": recipe.num_clips,
        "resolution": recipe.resolution,
        "num_frames": recipe.num_frames,
        "fps": recipe.fps,
        "edge": recipe.edge,
        "shard_clips": experiment.shard_clips,
    }

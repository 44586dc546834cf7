"""What an experiment will make: every artifact with its key, known before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from worldlaw.clips import store, tracks
from worldlaw.core.artifact import Artifact
from worldlaw.experiment.codecs import codec_of
from worldlaw.experiment.config import TRAIN, Experiment
from worldlaw.experiment.keys import (
    BATCH,
    EVALUATE_VERSION,
    FLOOR,
    plan_calibrations,
    plan_codecs,
    simulate_inputs,
    tracker_version,
)
from worldlaw.experiment.look_choice import stamps
from worldlaw.measure import body_readings, nearest_case, references
from worldlaw.measure.metrics import metrics
from worldlaw.models import VideoModel, models
from worldlaw.worlds import scene_description

STAGES = ("simulate", "train", "generate", "track", "evaluate", "report")


@dataclass(frozen=True)
class Plan:
    """The artifacts of an experiment by what they are for."""

    experiment: Experiment
    root: Path
    simulate: dict[tuple[str, str], Artifact]  # (world, split); of unstored ones only the key is used
    train: dict[tuple[str, str], Artifact]  # (world, instance of a model or reference), those that learn only
    generate: dict[tuple[str, str, str], Artifact]  # (world, instance, split)
    track: dict[tuple[str, str, str], Artifact]  # (world, instance, codec or floor, split)
    evaluate: Artifact
    # Predictor -> one line: what it needs and is not installed
    left_out: Mapping[str, str] = field(default_factory=dict)
    codecs: dict[tuple[str, str], Artifact] = field(default_factory=dict)  # (world, codec), as taught
    redraw: dict[tuple[str, str, str], Artifact] = field(default_factory=dict)  # (world, codec, split)
    calibrate: dict[str, Artifact] = field(default_factory=dict)  # world -> the limits of verdicts

    @property
    def folder(self) -> Path:
        """Where the experiment's own page and records lie."""
        return self.root / self.experiment.name

    @property
    def to_store(self) -> dict[tuple[str, str], Artifact]:
        """The splits that are kept on disk."""
        return {
            place: artifact for place, artifact in self.simulate.items() if self.experiment.stored(*place)
        }

    def artifacts(self) -> list[tuple[str, Artifact]]:
        """All artifacts in the order in which they are made, each with what it is for."""
        groups = (self.to_store, self.codecs, self.train, self.redraw, self.generate, self.track)
        listed = [(" / ".join(place), artifact) for group in groups for place, artifact in group.items()]
        listed += self.calibrate.items()
        return [*listed, ("all", self.evaluate)]


def make_plan(experiment: Experiment, root: Path) -> Plan:
    """Work out every artifact's inputs: other artifacts by key, and the versions of the code.

    References and optional models that need an extra which is not installed are left out of the plan's
    experiment.
    """
    left_out = _lacking(experiment)
    experiment = experiment.model_copy(
        update={
            "references": tuple(name for name in experiment.references if name not in left_out),
            "models": {name: spec for name, spec in experiment.models.items() if name not in left_out},
        }
    )
    simulate = {
        (world, split): Artifact("simulate", simulate_inputs(experiment, world, split), root)
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
        for instance, (name, seed) in instances(experiment).items():
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
            if asks_of(experiment, name):
                about["description"] = scene_description.VERSION
            taught = {}
            card = kind.taught(options)
            if card is not None:
                taught = {"checkpoint": card["weights"]}
            elif kind.learns:
                train[world, instance] = Artifact(
                    "train",
                    {
                        **about,
                        "options": _without(options, kind.runtime_options + kind.answer_options),
                        "clips": [simulate[place, TRAIN].key for place in taught_on(experiment, world, name)],
                        **_first_clips(experiment, world, name),
                        "context": experiment.context,
                        "seed": seed,
                    },
                    root,
                )
                taught = {"train": train[world, instance].key}
            for split in spec.test:
                generate[world, instance, split] = Artifact(
                    "generate",
                    {
                        **about,
                        **taught,
                        "questions": simulate[world, split].key,
                        "context": experiment.context,
                        "seed": experiment.seed,
                        **({} if seed == experiment.seed else {"training_seed": seed}),
                        "batch": BATCH,
                        "format": store.FORMAT,
                    },
                    root,
                )
        for split in spec.test:
            sources = {FLOOR: simulate[world, split]}
            sources |= {name: redraw[world, name, split] for name in experiment.codecs}
            sources |= {name: generate[world, name, split] for name in instances(experiment)}
            for name, source in sources.items():
                inputs = {
                    "videos": source.key,
                    "context": experiment.context,
                    "tracker": tracker_version(experiment, world),
                    "format": tracks.FORMAT,
                }
                track[world, name, split] = Artifact("track", inputs, root)
        for name in experiment.references:
            taught_reference = references.learning_kind(name)
            if taught_reference:
                inputs = {
                    "reference": name,
                    "version": getattr(taught_reference, "version", 1),
                    "code": references.references.code(name),
                    "clips": [simulate[world, TRAIN].key],
                    "context": experiment.context,
                    "seed": experiment.seed,
                }
                train[world, name] = Artifact("train", inputs, root)
    chosen = experiment.metrics or tuple(metrics.names())
    calibrate = plan_calibrations(experiment, root)
    evaluate = Artifact(
        "evaluate",
        {  # lists, because the rows of the results follow their order
            "version": [EVALUATE_VERSION, nearest_case.VERSION, body_readings.VERSION],
            "experiment": experiment.name,
            "training": [[world, simulate[world, TRAIN].key] for world in experiment.worlds],
            "tracks": [[" / ".join(place), artifact.key] for place, artifact in track.items()],
            "taught": [
                [name, taught_on(experiment, "", name)] for name in (*experiment.codecs, *experiment.models)
            ],
            "references": [
                [
                    *[name, references.VERSION, references.references.code(name)],
                    *[train[world, name].key for world in experiment.worlds if (world, name) in train],
                ]
                for name in experiment.references
            ],
            "metrics": [[name, metrics.get(name).version, metrics.code(name)] for name in chosen],
            **({"look": stamps(experiment.look)} if experiment.look else {}),
            **({"limits": [artifact.key for artifact in calibrate.values()]} if calibrate else {}),
        },
        root,
    )
    return Plan(
        experiment, root, simulate, train, generate, track, evaluate, left_out, codecs, redraw, calibrate
    )


def _lacking(experiment: Experiment) -> dict[str, str]:
    """Predictor -> what to install first, for references and models that may be left out."""
    lines = {name: references.references.missing_extra(name) for name in experiment.references}
    lines |= {
        name: models.missing_extra(spec.model)
        for name, spec in experiment.models.items()
        if spec and spec.optional
    }
    return {name: line for name, line in lines.items() if line}


def model_of(experiment: Experiment, name: str) -> tuple[type[VideoModel], dict, str]:
    """Class, options and registered name (or address) of one of the experiment's models."""
    spec = experiment.models[name]
    address = spec.model if spec else name
    return models.get(address), (spec.options if spec else {}), address


def instances(experiment: Experiment) -> dict[str, tuple[str, int]]:
    """Every trained instance of every model, by its name in the plan: (model, training seed).

    A model without ``seeds`` has one, of its own name and the experiment's seed.
    """
    found = {}
    for name, spec in experiment.models.items():
        if spec is None or spec.seeds is None:
            found[name] = (name, experiment.seed)
        else:
            found |= {f"{name} seed {seed}": (name, seed) for seed in spec.seeds}
    return found


def num_training_clips(experiment: Experiment, world: str, name: str) -> dict[str, int]:
    """World -> how many of its training clips, the first ones, a model or codec learns from."""
    spec = experiment.models.get(name)
    return {
        place: (spec and spec.clips) or experiment.worlds[place].train.clips
        for place in taught_on(experiment, world, name)
    }


def _first_clips(experiment: Experiment, world: str, name: str) -> dict:
    """What a train key says of a model that learns from some of the clips only."""
    counts = num_training_clips(experiment, world, name)
    if all(count == experiment.worlds[place].train.clips for place, count in counts.items()):
        return {}
    return {"first": list(counts.values())}


def asks_of(experiment: Experiment, name: str) -> tuple[str, ...]:
    """The conditioning beside pixels that a model of the experiment asks for: of state and text."""
    kind, options, _ = model_of(experiment, name)
    return kind.asks(options)


def taught_on(experiment: Experiment, world: str, name: str) -> list[str]:
    """The worlds whose training clips a model or codec learns from before it is asked about one of them."""
    spec = experiment.codecs[name] if name in experiment.codecs else experiment.models[name]
    return list(experiment.worlds) if spec and spec.together else [world]


def _without(options: dict, names: tuple[str, ...]) -> dict:
    return {name: value for name, value in options.items() if name not in names}


def shard_ranges(num_clips: int, shard_clips: int) -> list[range]:
    """Indices of the clips of each shard."""
    return [range(start, min(start + shard_clips, num_clips)) for start in range(0, num_clips, shard_clips)]

"""What an experiment does with its codecs: taught, redrawing true videos, seen through by models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worldlaw.core.errors import BadInput, blame, unknown
from worldlaw.experiment.construction import build, check_class
from worldlaw.models import codecs, models

if TYPE_CHECKING:
    from worldlaw.experiment.config import Experiment
    from worldlaw.experiment.plan import Plan
    from worldlaw.models.autoencoders.codec import Codec


def codec_of(experiment: Experiment, model: str) -> str | None:
    """Name of the codec through which a model sees, or None for pixels."""
    spec = experiment.models[model]
    if spec is None or models.missing_extra(spec.model) or not models.get(spec.model).takes_codec:
        return None
    return spec.options.get("codec")


def check_codecs(experiment: Experiment) -> None:
    """That every codec is one and takes its options, and that models name codecs that there are."""
    for name in experiment.codecs:
        kind, options, address = spec_of(experiment, name)
        contract = codecs.get("worldlaw.models.autoencoders.codec:Codec")
        check_class(kind, contract, what="codec", name=name, address=address, options=options)
        if name in {"floor", *experiment.models, *experiment.references}:
            raise BadInput(f"codecs: the name {name!r} is taken by a model, a reference or the floor")
    for model, spec in experiment.models.items():
        codec = codec_of(experiment, model)
        if codec is None or spec is None:
            continue
        if not isinstance(codec, str) or codec not in experiment.codecs:
            if not experiment.codecs:
                raise BadInput(f"models.{model}: codec {codec!r}, but the experiment has no codecs")
            raise unknown("codec", str(codec), experiment.codecs)
        its = experiment.codecs[codec]
        if spec.together and len(experiment.worlds) > 1 and not (its and its.together):
            raise BadInput(
                f"models.{model}: taught on all worlds together, so its codec must be too: "
                f"codecs.{codec}.together: true"
            )


def spec_of(experiment: Experiment, name: str) -> tuple[type[Codec], dict[str, Any], str]:
    """Class, options and registered name (or address) of one of the experiment's codecs."""
    spec = experiment.codecs[name]
    address = spec.codec if spec else name
    return codecs.get(address), (spec.options if spec else {}), address


def build_codec(experiment: Experiment, name: str, *, time_limit: float | None = None) -> Codec:
    """A codec of the experiment with its options. Raises BadInput for options that it does not take.

    A time limit in s goes to a codec that takes one, unless its own is shorter.
    """
    kind, options, address = spec_of(experiment, name)
    codec = build(kind, options, what="codec", name=name, address=address, time_limit=time_limit)
    with blame(f"codec {name}"):
        try:
            codec.size((experiment.video.num_frames,) + 2 * (experiment.video.resolution,))
        except BadInput as error:
            raise BadInput(f"codec {name}: {error}") from error
    return codec


def load_codec(plan: Plan, world: str, name: str) -> Codec:
    """A codec as it was taught for a world."""
    with blame(f"codec {name}"):
        return build_codec(plan.experiment, name).load(plan.codecs[world, name].folder)

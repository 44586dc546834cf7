"""Which numbers about whole splits an experiment may ask for, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from worldlaw.core.errors import BadInput, unknown
from worldlaw.measure.sets import track_features
from worldlaw.models.features import published_weights

if TYPE_CHECKING:
    from worldlaw.experiment.config import VideoOptions


FVD, LPIPS, TRACKS = "fvd", "lpips", "track_frechet"


NEEDS: dict[str, tuple[published_weights.Published, ...]] = {
    FVD: (published_weights.I3D,),
    LPIPS: (published_weights.ALEXNET, published_weights.LPIPS_HEADS),
    TRACKS: (),
}


VERSIONS = {FVD: 1, LPIPS: 1, TRACKS: track_features.VERSION}  # raise one whenever its number would change


def check_look(names: Sequence[str], video: VideoOptions) -> None:
    """That an experiment asks for numbers that there are, once each, of videos large and long enough.

    Raises BadInput.
    """
    for name in names:
        if name not in NEEDS:
            raise unknown("look", name, NEEDS)
        if names.count(name) > 1:
            raise BadInput(f"look: {name!r} is given twice")
    if FVD in names and video.num_frames < published_weights.SHORTEST:
        raise BadInput(
            f"look: fvd needs clips of at least {published_weights.SHORTEST} frames; found {video.num_frames}"
        )
    if LPIPS in names and video.resolution < published_weights.SMALLEST:
        raise BadInput(
            f"look: lpips needs frames of at least {published_weights.SMALLEST} pixels; "
            f"found {video.resolution}"
        )


def missing_weights_of(name: str) -> str:
    """What is missing before a number can be had, in one line; empty if nothing is."""
    return published_weights.missing_weights(*NEEDS[name]) if NEEDS[name] else ""


def stamps(names: Sequence[str]) -> list[list]:
    """What of the numbers belongs into a key: name, version, and checksums of weights that are there."""
    return [
        [
            name,
            VERSIONS[name],
            [] if missing_weights_of(name) else [published_weights.stamp(file) for file in NEEDS[name]],
        ]
        for name in names
    ]

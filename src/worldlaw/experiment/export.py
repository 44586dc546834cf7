"""An artifact in a layout that others read: finds what belongs to it, and draws what has to be drawn anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from worldlaw.clips.export import (
    STUDY_PANEL,
    ItemWrapper,
    export_phyworld,
    export_rollouts,
    export_videofolder,
)
from worldlaw.clips.store import Clips, damaged_files
from worldlaw.core.artifact import Manifest, read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Scene, Trajectory
from worldlaw.models.checkpoint import share
from worldlaw.worlds.render.flat import render


def export(artifact: Path, out: Path, layout: str, *, progress: ItemWrapper = iter) -> int:
    """Write an artifact's clips to ``out`` and return their number.

    ``videofolder`` takes a simulate or generate artifact, ``phyworld`` a simulate artifact and
    ``phyworld-rollouts`` a generate artifact, whose questions are looked for beside it. ``checkpoint`` takes
    the train artifact of a network, and its number is that of the clips it learnt from.
    Raises BadInput for an artifact of another stage, and for what the layout cannot hold.
    """
    stage = _sound(artifact)["stage"]
    wanted = {
        "videofolder": ("simulate", "generate"),
        "phyworld": ("simulate",),
        "phyworld-rollouts": ("generate",),
        "checkpoint": ("train",),
    }[layout]
    if stage not in wanted:
        raise BadInput(
            f"{artifact}: a {stage} artifact; {layout} is made from a {' or '.join(wanted)} artifact"
        )
    if layout == "checkpoint":
        manifest = read_manifest(artifact)
        share(artifact, manifest, out)
        return int(manifest["results"]["clips"])
    clips = Clips(artifact)
    if layout == "videofolder":
        export_videofolder(clips, out, progress=progress)
    elif layout == "phyworld":
        export_phyworld(clips, out, draw=_as_the_study_drew, progress=progress)
    else:
        questions = artifact.parent / f"simulate-{read_manifest(artifact)['inputs']['questions']}"
        if not questions.exists():
            raise BadInput(f"{questions}: the questions of these rollouts are not here; expected them beside")
        _sound(questions)
        export_rollouts(Clips(questions), clips, out, progress=progress)
    return len(clips)


def _sound(artifact: Path) -> Manifest:
    """The manifest of an artifact. Raises BadInput if a file is not as it was written."""
    manifest = read_manifest(artifact)
    for fault in damaged_files(artifact, manifest).values():
        raise BadInput(f"{fault}; run the experiment again to make it anew")
    return manifest


def _as_the_study_drew(scene: Scene, trajectory: Trajectory) -> np.ndarray:
    return render(scene, trajectory, STUDY_PANEL, edge="study")

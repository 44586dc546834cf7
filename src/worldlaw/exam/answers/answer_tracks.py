"""Tracks of an answer that its maker brings, in pixels of its frames, as tracks in metres of the scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.clips.film import Film
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Tracks
from worldlaw.exam.answers.adjustments import AnswerFit
from worldlaw.exam.answers.answer_folder import Answer
from worldlaw.exam.answers.resampling import resample
from worldlaw.exam.paper.questions import Truth
from worldlaw.exam.scoring.floors import Floor
from worldlaw.measure.matching import match
from worldlaw.measure.tracking.foreign import read_tracks_csv


def told_tracks(
    folder: Path, answer: Answer, film: Film, fit: AnswerFit, truth: Truth, floor: Floor
) -> Tracks:
    """The tracks of an answer at the paper's frame times, from ``<its name>.csv`` in a folder.

    Frames are those of the answer, pixels those of its whole picture, bars included. Over the given frames
    the bodies are where our tracker sees them in what was given. Raises BadInput if there is no such file or
    it cannot be read.
    """
    path = folder / f"{answer.path.name.removesuffix(answer.path.suffix)}.csv"
    if not path.is_file():
        raise BadInput(f"no {path.name} in {folder}")
    width, height = fit.size
    seen = read_tracks_csv(
        path, num_frames=len(film.frames), fps=fit.fps, extent=(float(width), float(height)), height=height
    ).tracks
    view = truth.view
    left, top, across, down = fit.box
    low = np.array([left, height - top - down])  # of the box, px from the left and the bottom
    scale = np.array([view.width / across, view.height / down])  # pixels asked for one of the answer's
    corner = np.array([view.box[0], view.height - view.box[1] - view.box[3]])
    bodies = dataclasses.replace(
        seen.bodies,
        position=((seen.bodies.position - low) * scale - corner) / view.pixels_per_metre,
        size=seen.bodies.size * float(scale[1]) / view.pixels_per_metre,
    )
    video = truth.paper.video
    at = np.arange(video.num_frames) / video.fps
    found = resample(match(Tracks(bodies, seen.extra), floor.truth), fit.time, at)
    given = video.context
    ours = floor.tracks.bodies
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(ours, name)[:given], getattr(found.bodies, name)[given:]])
        for name in ("position", "size", "color", "status", "confidence")
    }
    return Tracks(dataclasses.replace(found.bodies, **joined, angle=None, misfit=None), found.extra)

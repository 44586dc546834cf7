"""Overfitting: the micro network learns eight clips by heart, judged on its rollouts by our own tracker."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import Figure, Target
from worldlaw.core.types import VISIBLE, Conditioning
from worldlaw.measure.matching import match
from worldlaw.measure.tracking.blobs.blob_tracker import read_hints, track
from worldlaw.models.networks.dit import DiT, DiTSize
from worldlaw.models.video_dit import VideoDiT
from worldlaw.testing import make_recipe
from worldlaw.worlds.recipe import Recipe

CONTEXT = 3
AGAINST = "copying the last given frame"
SECONDS = 240  # of one core that a training may take
SMALL = DiTSize(2, 96, 2)  # in place of the micro network where it has to be quick
OPTIONS = {
    "preset": "micro",
    "patch": [2, 8, 8],
    "batch": 8,
    "warm_up": 50,
    "learning_rate": 2e-3,
    "muon_rate": 0.04,
    "weight_decay": 0.0,
    "ema": 0.99,
    "sample_minutes": None,
    "sampling_steps": 2,
}


def measure(quick: bool) -> list[Figure]:
    """Fidelity and place of rollouts of the very clips that were learnt; the worst clip counts."""
    torch.set_num_threads(1)
    num_clips, num_frames, steps = (1, 8, 350) if quick else (8, 16, 1600)
    recipe = make_recipe("uniform_motion", resolution=32, num_frames=num_frames, num_clips=num_clips)
    model = VideoDiT(**OPTIONS, steps=steps)
    if quick:
        model.network = DiT(SMALL, channels=3, patch=model.network.patch)
    with tempfile.TemporaryDirectory() as name:
        started, worked = time.perf_counter(), time.process_time()
        model.fit(recipe, Path(name), context=CONTEXT, seed=0)
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
        model.load(Path(name), recipe)
    truth = recipe.read(range(num_clips))
    given = Conditioning(truth[:, :CONTEXT].copy(), recipe.fps, tuple(map(str, range(num_clips))))
    new = model.generate(given, num_frames - CONTEXT, np.arange(num_clips))
    rollout = np.concatenate([given.frames, new], axis=1)
    still = truth[:, np.minimum(np.arange(num_frames), CONTEXT - 1)]
    what = f"{num_clips} clips of {num_frames} x 32², {steps} steps of {OPTIONS['batch']} clips"
    spent = f"{seconds:.0f} s, {worked:.0f} s of them on a processor; promised: {SECONDS}"
    figures = []
    for name, unit, judge, worst, target in (
        ("PSNR", "dB", _psnr, np.min, Target(35)),
        ("error of place", "px", _place_error, np.max, Target(0.1, at="most")),
    ):
        ours, baseline = (float(worst(judge(recipe, video))) for video in (rollout, still))
        figures.append(
            Figure(
                "overfit",
                f"{name}, {what}",
                unit,
                ours,
                baseline,
                ours / baseline,
                AGAINST,
                target,
                notes={"taught in": spent},
            )
        )
    return figures


def _psnr(recipe: Recipe, video: np.ndarray) -> np.ndarray:
    """(N,) dB over the new frames of each clip."""
    error = video[:, CONTEXT:].astype(float) - recipe.read(range(len(video)))[:, CONTEXT:]
    return 10 * np.log10(255**2 / (error**2).mean(axis=(1, 2, 3, 4)))


def _place_error(recipe: Recipe, video: np.ndarray) -> np.ndarray:
    """(N,) mean distance in px of the tracked from the true centre over new frames that show all of a body.

    A body that is not found there is as far off as the view is wide.
    """
    found = []
    for index, frames in enumerate(video):
        scene, _ = recipe.scene(index)
        truth = recipe.trajectory(scene)
        hints = read_hints(frames[:CONTEXT], extent=scene.extent, fps=recipe.fps)
        tracked = match(track(frames, hints, fps=recipe.fps), truth).bodies
        distance = np.linalg.norm(tracked.position - truth.position, axis=-1)[CONTEXT:]
        seen = truth.status[CONTEXT:] == VISIBLE
        distance = np.where(np.isfinite(distance), distance, scene.extent[0])[seen]
        found.append(distance.mean() * recipe.resolution / scene.extent[1])
    return np.array(found)

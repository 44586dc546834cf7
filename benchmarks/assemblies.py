"""Assemblies: clips per second simulated, drawn and stored, against the engine alone and plain drawing."""

from __future__ import annotations

import dataclasses
import itertools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.timing import Figure, Target, compare_rates
from worldlaw.clips.store import shard_name
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import Scene, Trajectory
from worldlaw.experiment.stages.simulate import simulate_shard
from worldlaw.testing import make_recipe
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.assemblies.engine import EngineRun, run
from worldlaw.worlds.assemblies.layout import layout
from worldlaw.worlds.recipe import Recipe

FPS, NUM_FRAMES = 3.0, 32
SAMPLES = 4  # a side, for every pixel of the plain drawing
TARGETS = {256: Target(2.5, of="ratio")}
PLAIN = (
    "the same scenes and states; polygons and discs of Pillow, frame by frame, drawn four times as large and "
    "reduced by its box filter; to store, one np.savez_compressed (zlib level 6) file a clip"
)
ENGINE = "the engine alone: the same bodies through the same 1,241 substeps, nothing drawn, nothing stored"


def measure(quick: bool) -> list[Figure]:
    """Every clip has a layout of its own, the dearest case."""
    figures = []
    for resolution in (32,) if quick else (64, 128, 256):
        num_clips, num_plain = (3, 1) if quick else (100, 4)
        recipe = make_recipe("assembly", resolution=resolution, num_frames=NUM_FRAMES, num_clips=num_clips)
        region = training_region(scenarios.get("assembly"), {"layout": [0, 1e6]})
        recipe = dataclasses.replace(recipe, fps=FPS, region=region)
        figures += _measure(recipe, num_plain, repetitions=1 if quick else 7)
    return figures


def plain_drawing(scene: Scene, states: Trajectory, resolution: int) -> np.ndarray:
    """(T, H, W, 3) uint8: the baseline."""
    assert states.angle is not None
    size = resolution * SAMPLES
    scale = size / scene.extent[1]  # samples per m
    frames = np.empty((states.num_frames, resolution, resolution, 3), np.uint8)
    for t in range(states.num_frames):
        image = Image.new("RGB", (size, size), scene.background)
        draw = ImageDraw.Draw(image)
        for b, body in enumerate(scene.bodies):
            x, y = states.position[t, b]
            cos, sin = math.cos(states.angle[t, b]), math.sin(states.angle[t, b])
            for part in body.parts:
                corners = [
                    (scale * (x + cos * u - sin * v), size - scale * (y + sin * u + cos * v)) for u, v in part
                ]
                draw.polygon(corners, fill=COLORS[body.color])
            if not body.parts:
                left, top, reach = scale * x, size - scale * y, scale * body.size
                draw.ellipse((left - reach, top - reach, left + reach, top + reach), fill=COLORS[body.color])
        frames[t] = image.reduce(SAMPLES)
    return frames


def _measure(recipe: Recipe, num_plain: int, *, repetitions: int) -> list[Figure]:
    place = f"{recipe.resolution}²"
    scenes = [recipe.scene(index)[0] for index in range(recipe.num_clips)]
    states = [recipe.trajectory(scene) for scene in scenes]
    buffer = np.empty((*recipe.shape, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        paths = (Path(folder) / shard_name(number) for number in itertools.count())

        def store_ours() -> None:
            _forget()
            path = next(paths)
            simulate_shard(recipe, path, range(recipe.num_clips))
            path.unlink()

        def store_plainly() -> None:
            _forget()
            for index in range(num_plain):
                scene, _ = recipe.scene(index)
                truth = recipe.trajectory(scene)
                frames = plain_drawing(scene, truth, recipe.resolution)
                np.savez_compressed(Path(folder) / "plain.npz", frames=frames, position=truth.position)

        def draw_ours() -> None:
            for scene, truth in zip(scenes, states, strict=True):
                recipe.frames(scene, truth, buffer)

        def draw_plainly() -> None:
            for index in range(num_plain):
                plain_drawing(scenes[index], states[index], recipe.resolution)

        def move_only() -> None:
            for scene in scenes:
                motion = EngineRun(scene.bodies, scene.extent)
                motion.advance(round((NUM_FRAMES - 1) / FPS * motion.substeps) + 1)

        def compare(
            what: str, ours: Callable, other: Callable, num: int, against: str, target: Target | None = None
        ) -> Figure:
            return compare_rates(
                "assemblies",
                f"{place}, {what}",
                "clips/s",
                ours=(ours, recipe.num_clips),
                baseline=(other, num),
                against=against,
                repetitions=repetitions,
                target=target,
            )

        target = TARGETS.get(recipe.resolution)
        return [
            compare("simulated, drawn and stored", store_ours, store_plainly, num_plain, PLAIN, target),
            compare("drawn only", draw_ours, draw_plainly, num_plain, PLAIN),
            compare("simulated, drawn and stored", store_ours, move_only, recipe.num_clips, ENGINE),
        ]


def _forget() -> None:
    """Nothing that an earlier turn drew or simulated may help the next."""
    layout.cache_clear()
    run.cache_clear()

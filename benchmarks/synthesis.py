"""Synthesis: clips per second simulated, drawn and stored lossless on disk, on one core."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.timing import Figure, Target, compare_rates
from worldlaw.clips.store import ZSTD_LEVEL, Clip, shard_name, write_shard
from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import Scene, Trajectory
from worldlaw.experiment.stages.simulate import simulate_shard
from worldlaw.testing import make_recipe
from worldlaw.worlds.recipe import Recipe

SCENARIOS = ("uniform_motion", "collision")
TARGETS = {128: Target(15, of="ratio"), 256: Target(20, of="ratio")}
NUM_FRAMES = 32
STEPS = ("scene", "simulate", "draw", "compress", "write")
AGAINST = (
    "the same scenes and states; a full-frame distance mask with a soft edge per ball and frame in NumPy; "
    "to store, one np.savez_compressed (zlib level 6) file a clip"
)


def measure(quick: bool) -> list[Figure]:
    """Storing and drawing alone, for every scenario and resolution."""
    figures = []
    for resolution in (32,) if quick else (64, 128, 256):
        for scenario in SCENARIOS:
            num_clips = 8 if quick else 250  # the default number of clips of a shard
            num_plain = 2 if quick else max(2, 16 * 64 // resolution)  # the baseline is too slow for more
            recipe = make_recipe(scenario, resolution=resolution, num_frames=NUM_FRAMES, num_clips=num_clips)
            figures += _measure(recipe, num_plain, repetitions=1 if quick else 7)
    return figures


def plain_drawing(scene: Scene, states: Trajectory, resolution: int) -> np.ndarray:
    """(T, H, W, 3) uint8: the baseline, as one would write it in ten lines."""
    scale = resolution / scene.extent[1]  # pixels per m
    y, x = np.mgrid[:resolution, :resolution] + 0.5
    frames = np.empty((states.num_frames, resolution, resolution, 3), np.uint8)
    for t in range(states.num_frames):
        frame = np.full((resolution, resolution, 3), COLORS[scene.background], float)
        for b, body in enumerate(scene.bodies):
            center_x, center_y = states.position[t, b] * scale
            distance = np.sqrt((x - center_x) ** 2 + (y - (resolution - center_y)) ** 2)
            share = np.clip(body.size * scale - distance + 0.5, 0, 1)[..., None]
            frame += share * (np.array(COLORS[body.color]) - frame)
        frames[t] = frame + 0.5
    return frames


def _measure(recipe: Recipe, num_plain: int, *, repetitions: int) -> list[Figure]:
    place = f"{recipe.scenario}, {recipe.resolution}²"
    scenes = [recipe.scene(index)[0] for index in range(recipe.num_clips)]
    states = [recipe.trajectory(scene) for scene in scenes]
    buffer = np.empty((*recipe.shape, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        paths = (Path(folder) / shard_name(number) for number in itertools.count())

        def store_ours() -> None:
            path = next(paths)
            simulate_shard(recipe, path, range(recipe.num_clips))
            path.unlink()

        def store_plainly() -> None:
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

        stored = compare_rates(
            "synthesis",
            f"{place}, simulated, drawn and stored",
            "clips/s",
            ours=(store_ours, recipe.num_clips),
            baseline=(store_plainly, num_plain),
            against=AGAINST,
            repetitions=repetitions,
            target=TARGETS.get(recipe.resolution),
            notes=_shares(recipe, Path(folder), repetitions),
        )
        drawn = compare_rates(
            "synthesis",
            f"{place}, drawn only",
            "clips/s",
            ours=(draw_ours, recipe.num_clips),
            baseline=(draw_plainly, num_plain),
            against=AGAINST,
            repetitions=repetitions,
        )
    return [stored, drawn]


def _shares(recipe: Recipe, folder: Path, repetitions: int) -> dict[str, str]:
    """Where the time of a shard goes: medians over repetitions, in percent and in microseconds a clip."""
    seconds = np.median([_steps(recipe, folder) for _ in range(repetitions + 1)][1:], axis=0)
    shares = 100 * seconds / seconds.sum()
    listed = [
        f"{name} {share:.0f} % ({1e6 * each / recipe.num_clips:.0f} µs)"
        for name, share, each in zip(STEPS, shares, seconds, strict=True)
    ]
    return {"time a clip": ", ".join(listed)}


def _steps(recipe: Recipe, folder: Path) -> np.ndarray:
    """(5,) s of one shard in each of STEPS.

    Every clip is compressed a second time only to be timed; ``write`` is what remains of the whole: states
    and scene into columns, checksums, the file, and the wait for the disk.
    """
    seconds = np.zeros(len(STEPS))
    codec = pa.Codec("zstd", ZSTD_LEVEL)

    def clips() -> Iterator[Clip]:
        buffer = None
        for index in range(recipe.num_clips):
            times = [time.perf_counter()]
            scene, _ = recipe.scene(index)
            times.append(time.perf_counter())
            truth = recipe.trajectory(scene)
            times.append(time.perf_counter())
            buffer = recipe.frames(scene, truth, buffer)
            times.append(time.perf_counter())
            codec.compress(buffer, asbytes=True)
            times.append(time.perf_counter())
            seconds[:4] += np.diff(times)
            yield Clip(index, buffer, scene, truth)

    started = time.perf_counter()
    write_shard(folder / "steps.arrow", clips(), fps=recipe.fps)
    whole = time.perf_counter() - started
    seconds[4] = max(whole - seconds.sum() - seconds[3], 0.0)
    return seconds

"""Reading: random clips per second from stored shards into batches, with files in the page cache."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.timing import Figure, Target, compare_rates
from worldlaw.clips.store import Clips, shard_name
from worldlaw.experiment.plan import shard_ranges
from worldlaw.experiment.stages.simulate import simulate_shard
from worldlaw.testing import make_recipe

BATCH = 16
WHOLE = Target(8, of="ratio")
AGAINST = "np.load of the same clips, one np.savez_compressed (zlib level 6) file each"


def measure(quick: bool) -> list[Figure]:
    """Whole clips and their first three frames, one body and two."""
    figures = []
    for scenario in ("uniform_motion",) if quick else ("uniform_motion", "collision"):
        if quick:
            figures += _measure(scenario, 32, num_clips=32, num_batches=(2, 1), repetitions=1)
        else:
            figures += _measure(scenario, 128, num_clips=500, num_batches=(32, 4), repetitions=9)
    return figures


def _measure(
    scenario: str, resolution: int, *, num_clips: int, num_batches: tuple[int, int], repetitions: int
) -> list[Figure]:
    """``num_batches`` are read in a repetition by us and by the baseline, which is slower."""
    recipe = make_recipe(scenario, resolution=resolution, num_frames=32, num_clips=num_clips)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, indices in enumerate(shard_ranges(num_clips, 250)):
            simulate_shard(recipe, folder / shard_name(number), indices)
        clips = Clips(folder)
        for index in range(num_clips):
            np.savez_compressed(folder / f"{index}.npz", frames=clips.read([index])[0])

        def read(num_frames: int, num_batches: int) -> None:
            rng = np.random.default_rng(0)
            for _ in range(num_batches):
                clips.read(rng.integers(num_clips, size=BATCH).tolist(), num_frames)

        def load(num_frames: int, num_batches: int) -> None:
            rng = np.random.default_rng(0)
            for _ in range(num_batches):
                batch = np.empty((BATCH, num_frames, *recipe.shape[1:], 3), np.uint8)
                for place, index in enumerate(rng.integers(num_clips, size=BATCH)):
                    with np.load(folder / f"{index}.npz") as stored:
                        batch[place] = stored["frames"][:num_frames]

        figures = []
        many, few = num_batches
        for what, num_frames, target in (("whole clips", 32, WHOLE), ("first 3 frames", 3, None)):
            figures.append(
                compare_rates(
                    "reading",
                    f"{scenario}, {what}, batches of {BATCH} x {num_frames} x {resolution}²",
                    "clips/s",
                    ours=(partial(read, num_frames, many), many * BATCH),
                    baseline=(partial(load, num_frames, few), few * BATCH),
                    against=AGAINST,
                    repetitions=repetitions,
                    target=target,
                )
            )
        return figures

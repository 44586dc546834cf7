"""From tracks to rows: levels, seeds, and what a reference is given."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from worldlaw.clips.store import Clips
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.run import run
from worldlaw.models import VideoModel
from worldlaw.testing import make_recipe
from worldlaw.worlds import scenarios, training_region


class Noisy(VideoModel):
    """Says its seed: every new pixel is a byte of it."""

    def generate(self, given, num_new_frames, seeds):
        height, width = given.frames.shape[2:4]
        bytes_ = np.stack([np.random.default_rng(seed).bytes(height * width * 3) for seed in seeds])
        one = np.frombuffer(bytes_.tobytes(), np.uint8).reshape(-1, 1, height, width, 3)
        return np.repeat(one, num_new_frames, axis=1)


def experiment(**changes):
    raw = {
        "name": "small",
        "video": {"resolution": 32, "num_frames": 8, "fps": 10},
        "worlds": {
            name: {
                "train": {"clips": 5},
                "test": {"id": {"clips": 3}, "fast": {"clips": 3, "region": {"speed": [4.5, 6]}}},
            }
            for name in ("uniform_motion", "parabola")
        },
        **changes,
    }
    return parse_experiment(raw)


@pytest.mark.parametrize(
    ("attributes", "level"),
    [
        ({"speed": 2.0, "size": 1.0}, "in"),
        ({"speed": 0.5, "size": 1.0}, "speed low"),
        ({"speed": 5.0, "size": 0.5}, "size low+speed high"),
        ({"color": "blue"}, "color"),
    ],
)
def test_a_level_names_what_lies_outside_and_on_which_side(attributes, level):
    scene, _ = make_recipe("uniform_motion").scene(0)
    scene.attributes.update(attributes)
    assert training_region(scenarios.get("uniform_motion")).level(scene.attributes) == level


def test_no_two_clips_are_answered_from_the_same_noise(tmp_path):
    done = run(experiment(models={"noisy": {"model": "test_evaluation:Noisy"}}), tmp_path, until="generate")
    seen = set()
    for artifact in done.plan.generate.values():
        clips = Clips(artifact.folder)
        seen |= {clips.read([i])[0, -1].tobytes() for i in range(len(clips))}
    assert len(seen) == 12


def test_rows_tell_true_speed_by_body_and_a_metric_once_a_clip(tmp_path):
    done = run(experiment(references=["oracle_law"]), tmp_path, until="evaluate")
    rows = pq.read_table(done.path / "results.parquet").to_pylist()
    errors = [row for row in rows if row["metric"] == "velocity_error" and row["predictor"] == "oracle_law"]
    assert len(errors) == 12
    assert all(row["value"] < 0.1 for row in errors)
    assert {row["level"] for row in errors} == {"in", "speed high"}
    assert {row["in_train_region"] for row in errors if row["split"] == "fast"} == {"no"}

"""The nearest training case and the copy index: planted answers."""

import dataclasses
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from worldlaw.core.types import VISIBLE, Body, Case, Detections, Scene, Tracks, Trajectory
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.run import run
from worldlaw.measure.body_readings import readings
from worldlaw.measure.nearest_case import TOLERANCE, Motions, motions, nearest_copy, nearest_motion
from worldlaw.measure.references import case_library

CONTEXT, NUM_FRAMES, DT = 3, 12, 0.1


def moving(*velocity, start=(5.0, 5.0), num_frames=NUM_FRAMES, color=(1.0, 0.0, 0.0)):
    """Bodies at constant velocities in m/s, one behind the other."""
    time = np.arange(num_frames)[:, None, None] * DT
    starts = np.array(start) + np.arange(len(velocity))[:, None] * [0.0, 1.0]
    position = starts + time * np.array(velocity, float)
    shape = position.shape[:2]
    return Trajectory(
        DT,
        position,
        np.full(shape, 0.5),
        np.broadcast_to(color, (*shape, 3)).copy(),
        np.full(shape, VISIBLE, np.int8),
        np.ones(shape),
    )


def case_of(truth, rollout):
    starts = zip(truth.position[0].tolist(), truth.velocity[0].tolist(), strict=True)
    bodies = tuple(Body("ball", 0.5, "red", 1.0, tuple(place), tuple(speed)) for place, speed in starts)
    scene = Scene("made_up", {}, bodies)
    return Case(0, scene, CONTEXT, truth, Tracks(rollout, Detections.none()), lambda: np.zeros(0), None)


TRAINING = [(1.0, 0.0), (2.0, 0.0), (0.0, -3.0)]


@pytest.fixture
def cases():
    return motions(case_library([moving(velocity) for velocity in TRAINING], CONTEXT), DT)


TRUTH = (6.0, 0.0)  # 4 m/s from the nearest training case


@pytest.mark.parametrize(
    ("rollout", "index", "clip", "distance"),
    [
        ((2.0, 0.0), 1.0, 1, 0.0),  # replays training
        (TRUTH, -1.0, 1, 4.0),  # the truth
        ((4.0, 0.0), 0.0, 1, 2.0),  # half-way
        ((3.0, 0.0), 0.5, 1, 1.0),  # (3 - 1) / (3 + 1)
        ((0.0, -3.0), 1.0, 2, 0.0),
    ],
)
def test_the_copy_index_of_planted_rollouts(cases, rollout, index, clip, distance):
    found = nearest_copy(case_of(moving(TRUTH), moving(rollout)), cases)
    assert found.training_clip == clip
    assert found.copy_index == pytest.approx(index, abs=1e-5)
    assert found.case_distance == pytest.approx(distance, abs=1e-5)
    assert found.case_distance_of_truth == pytest.approx(4.0, abs=1e-5)


def test_where_in_the_view_a_motion_happens_does_not_matter(cases):
    here = nearest_copy(case_of(moving(TRUTH), moving((3.0, 0.0))), cases)
    there = nearest_copy(
        case_of(moving(TRUTH, start=(1.0, 8.0)), moving((3.0, 0.0), start=(2.0, 2.0))), cases
    )
    assert dataclasses.astuple(there) == pytest.approx(dataclasses.astuple(here), abs=1e-4)


def test_the_index_says_nothing_where_the_truth_is_as_near_to_training_as_can_be_measured(cases):
    near = nearest_copy(case_of(moving((2.0 + TOLERANCE / 2, 0.0)), moving((2.0, 0.0))), cases)
    assert np.isnan(near.copy_index)
    assert near.case_distance_of_truth == pytest.approx(TOLERANCE / 2, abs=1e-5)
    assert (near.training_clip, near.case_distance) == (1, pytest.approx(0.0, abs=1e-5))


def test_only_measured_intervals_count_and_nothing_measured_is_no_number(cases):
    rollout = moving((2.0, 0.0))
    rollout.position[6:] = np.nan
    late = moving((2.0, 0.0))
    late.position[6:, 0, 1] += 7.0  # jumps away where the other was lost
    assert nearest_copy(case_of(moving(TRUTH), rollout), cases).copy_index == pytest.approx(1.0, abs=1e-5)
    assert nearest_copy(case_of(moving(TRUTH), late), cases).case_distance > 1
    rollout.position[:] = np.nan
    lost = nearest_copy(case_of(moving(TRUTH), rollout), cases)
    assert lost.training_clip == -1
    assert np.isnan([lost.case_distance, lost.case_distance_of_truth, lost.copy_index]).all()


def test_bodies_are_compared_in_the_order_of_the_scene():
    cases = motions(case_library([moving((1, 0), (-1, 0)), moving((-1, 0), (1, 0))], CONTEXT), DT)
    found = nearest_copy(case_of(moving((6, 0), (-6, 0)), moving((-1, 0), (1, 0))), cases)
    assert (found.training_clip, found.case_distance) == (1, pytest.approx(0.0, abs=1e-5))


def test_the_nearest_of_many_is_the_one_that_the_plain_formula_finds():
    rng = np.random.default_rng(0)
    cases = Motions(rng.normal(0, 2, (500, 13, 2, 2)).astype(np.float32))
    for _ in range(20):
        wanted, chosen = rng.normal(0, 2, (13, 2, 2)), rng.random((13, 2)) < 0.7
        plain = np.linalg.norm(cases.velocity - wanted, axis=-1)[:, chosen].mean(axis=1)
        index, distance = nearest_motion(cases, np.where(chosen[..., None], wanted, np.nan), chosen)
        assert index == plain.argmin()
        assert distance == pytest.approx(plain.min(), rel=1e-5)


def test_thirty_thousand_cases_are_searched_in_some_milliseconds():
    rng = np.random.default_rng(0)
    speeds = rng.uniform(-4, 4, (30_000, 1, 2, 2)).astype(np.float32)
    cases = Motions(np.ascontiguousarray(np.broadcast_to(speeds, (30_000, 13, 2, 2))))
    wanted, chosen = np.full((13, 2, 2), 5.0), np.ones((13, 2), bool)
    nearest_motion(cases, wanted, chosen)
    started = time.perf_counter()
    for _ in range(20):
        nearest_motion(cases, wanted, chosen)
    assert (time.perf_counter() - started) / 20 < 0.05  # 300 clips x 4 predictors x 2: well under 2 minutes


def test_readings_are_signed_along_the_true_heading_and_tell_size_and_colour():
    rollout = moving((-1.5, 0.0), color=(0.1, 0.1, 0.8))
    rollout.size[:] = 0.4
    found = {name: value for _, name, value, _ in readings(case_of(moving((2.0, 0.0)), rollout))}
    assert found == pytest.approx(
        {
            "true_velocity": 2.0,
            "measured_velocity": -1.5,
            "true_size": 0.5,
            "measured_size": 0.4,
            "color_kept": 0.0,
        }
    )
    same = {name: value for _, name, value, _ in readings(case_of(moving((0.0, -2.0)), moving((0.0, -2.0))))}
    assert same["measured_velocity"] == pytest.approx(2.0)
    assert same["color_kept"] == 1.0
    rollout.position[:], rollout.size[:], rollout.color[:] = np.nan, np.nan, np.nan
    lost = {name: value for _, name, value, _ in readings(case_of(moving((2.0, 0.0)), rollout))}
    assert (lost["true_velocity"], lost["true_size"]) == pytest.approx((2.0, 0.5))
    assert np.isnan([lost[name] for name in ("measured_velocity", "measured_size", "color_kept")]).all()


def falling(speed):
    """A ball thrown level at so many m/s under 9 m/s²."""
    ball = moving((speed, 0.0))
    ball.position[:, 0, 1] -= 4.5 * (np.arange(NUM_FRAMES) * DT) ** 2
    return ball


def test_a_ball_thrown_level_and_mirrored_goes_back_however_fast_it_falls():
    case = case_of(falling(1.0), falling(-1.0))
    scene = dataclasses.replace(
        case.scene, bodies=(dataclasses.replace(case.scene.bodies[0], velocity=(1.0, 0.0)),)
    )
    found = {name: value for _, name, value, _ in readings(dataclasses.replace(case, scene=scene))}
    assert (found["true_velocity"], found["measured_velocity"]) == pytest.approx((1.0, -1.0))


def test_memory_copies_out_of_distribution_and_the_true_video_does_not(tmp_path):
    raw = {
        "name": "copies",
        "video": {"resolution": 32, "num_frames": 12, "fps": 10},
        "worlds": {
            "uniform_motion": {
                "train": {"clips": 60},
                "test": {"fast": {"clips": 8, "region": {"speed": [5, 6]}}},
            }
        },
        "models": {"nearest_clip": None},
        "references": ["nearest_case"],
    }
    done = run(parse_experiment(raw), tmp_path, until="evaluate")
    rows = pq.read_table(done.path / "results.parquet").to_pylist()

    def values(predictor, metric):
        return [row["value"] for row in rows if (row["predictor"], row["metric"]) == (predictor, metric)]

    assert np.nanmean(values("nearest_clip", "copy_index")) > 0.9
    assert min(values("nearest_case", "copy_index")) > 0.9
    assert max(values("floor", "copy_index")) < -0.9
    clips = values("nearest_clip", "nearest_training_clip")
    assert len(clips) == 8
    assert set(clips) <= set(range(60))
    assert len(values("nearest_case", "measured_velocity")) == 8

"""Assemblies at the exam: what their truth looks like, how they are stored, and the limits of true clips."""

import dataclasses
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from worldlaw.clips.store import Clip, Shard, write_shard
from worldlaw.clips.tracks import TrackedClip, read_tracks, write_tracks
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.polygons import area_and_center, overlap, union_center
from worldlaw.core.types import LOST
from worldlaw.experiment import keys
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.experiment.stages.evaluate import RESULTS
from worldlaw.measure import verdicts
from worldlaw.measure.cases import true_cases
from worldlaw.measure.matching import as_seen, match
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.verdicts import numbers
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import training_region
from worldlaw.worlds.laws.assembly import Assembly
from worldlaw.worlds.recipe import Recipe
from worldlaw.worlds.render.flat import polygon_coverage

SQUARE = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
BESIDE = tuple((x + 1.0, y + 0.5) for x, y in SQUARE)


def recipe(templates="train-6", **changes):
    region = training_region(Assembly, {"template": templates})
    return Recipe(
        "assembly",
        region,
        0,
        "check",
        **{"num_clips": 4, "resolution": 128, "num_frames": 8, "fps": 3.0, **changes},
    )


def experiment(**changes):
    return parse_experiment(
        {
            "name": "assemblies",
            "context": 1,
            "video": {"resolution": 64, "num_frames": 6, "fps": 3},
            "worlds": {
                "six": {
                    "scenario": "assembly",
                    "train": {"clips": 2, "region": {"template": "train-6"}},
                    "test": {"new": {"clips": 2, "region": {"template": "test-10"}}},
                }
            },
            "models": {"copy_last_frame": None},
            "metrics": ["position_error", "angle_error", "abnormal"],
            "analyses": ["combination"],
            **changes,
        }
    )


# Polygons


def test_two_squares_share_what_lies_in_both():
    area, center = area_and_center(overlap(SQUARE, BESIDE))
    assert area == pytest.approx(1.5)
    assert center == pytest.approx((1.5, 1.25))
    assert overlap(SQUARE, tuple((x + 5, y) for x, y in SQUARE)) == ()


def test_what_is_covered_twice_counts_once_in_the_centre_of_what_is_seen():
    # 4 about (1, 1) and 4 about (2, 1.5), less 1.5 about (1.5, 1.25).
    assert union_center((SQUARE, BESIDE)) == pytest.approx((1.5, 1.25))
    small = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert union_center((SQUARE, small)) == pytest.approx((1.0, 1.0))  # it lies within the other
    assert union_center((SQUARE, small, SQUARE)) == pytest.approx((1.0, 1.0))


def test_the_centre_of_what_is_seen_is_that_of_the_picture():
    for index in range(12):
        scene, _ = recipe(num_clips=12).scene(index)
        for body in scene.bodies:
            if body.parts:
                parts = tuple(tuple((10 * x, -10 * y) for x, y in part) for part in body.parts)
                cover = polygon_coverage(parts, (600.0, 600.0), 0.0, 1200, 1200)
                rows, columns = np.mgrid[:1200, :1200] + 0.5
                x, y = union_center(body.parts)
                assert (cover * columns).sum() / cover.sum() == pytest.approx(600 + 10 * x, abs=0.01)
                assert (cover * rows).sum() / cover.sum() == pytest.approx(600 - 10 * y, abs=0.01)
                return
    pytest.fail("no body of parts in twelve clips")


def test_a_quarter_turn_carries_the_centre_of_what_is_seen_around_the_centre_of_mass():
    scene, _ = recipe().scene(0)
    one = dataclasses.replace(scene.bodies[0], parts=(SQUARE, BESIDE), shape="jar", size=3.0)
    scene = dataclasses.replace(scene, bodies=(one,))
    truth = recipe().trajectory(recipe().scene(0)[0])
    alone = {
        name: getattr(truth, name)[:2, :1] for name in ("position", "size", "color", "status", "confidence")
    }
    truth = dataclasses.replace(truth, **alone, angle=np.array([[0.3], [0.3 + math.pi / 2]]))
    seen = as_seen(truth, scene)
    first, second = seen.position[:, 0] - truth.position[:, 0]
    assert np.linalg.norm(first) == pytest.approx(math.hypot(1.5, 1.25))
    np.testing.assert_allclose(second, [-first[1], first[0]], atol=1e-12)
    np.testing.assert_allclose(seen.angle[:, 0], [0.0, math.pi / 2])


# On disk


def test_angles_and_what_the_engine_notes_are_stored(tmp_path):
    made = recipe()
    rows = []
    for index in range(2):
        scene, _ = made.scene(index)
        truth = made.trajectory(scene)
        rows.append(Clip(index, made.frames(scene, truth), scene, truth))
    write_shard(tmp_path / "clips-00000.arrow", rows, fps=made.fps)
    shard = Shard(tmp_path / "clips-00000.arrow")
    assert shard.check() == []
    for row, clip in enumerate(rows):
        back = shard.trajectory(row)
        np.testing.assert_array_equal(back.angle, clip.trajectory.angle)
        assert back.misfit is None
        for name, values in vars(clip.trajectory.record).items():
            np.testing.assert_array_equal(getattr(back.record, name), values)
        assert shard.scene(row) == clip.scene


def test_poses_are_stored_and_those_of_blobs_have_none(tmp_path):
    made = recipe()
    scene, _ = made.scene(0)
    looks, tracks = tracker("poses")(made.read([0])[0], context=1, extent=scene.extent, fps=made.fps)
    write_tracks(tmp_path / "tracks-00000.arrow", [TrackedClip(0, looks, tracks)], fps=made.fps)
    (back,) = read_tracks(tmp_path)
    np.testing.assert_array_equal(back.tracks.bodies.angle, tracks.bodies.angle)
    np.testing.assert_allclose(back.tracks.bodies.misfit, tracks.bodies.misfit, atol=1e-6)


# At the exam


def truth_of(index=0, **changes):
    made = recipe(**changes)
    return next(true_cases(made, range(index, index + 1), 1))


def test_the_true_video_has_no_error_in_place_or_angle_and_none_of_the_faults():
    case = truth_of(resolution=256)
    pixel = case.scene.extent[1] / 256
    assert metrics.get("position_error")(case) < 0.2 * pixel
    assert metrics.get("angle_error")(case) < 1.0
    assert np.isnan(metrics.get("abnormal")(case))  # nobody said what true clips show
    judged = dataclasses.replace(case, limits=dict.fromkeys(verdicts.MEASURES, math.inf))
    assert metrics.get("abnormal")(judged) == 0.0
    strict = dataclasses.replace(case, limits=dict.fromkeys(verdicts.MEASURES, -1.0))
    assert metrics.get("abnormal")(strict) == 1.0


def test_a_body_turned_too_far_is_off_by_that_angle_and_a_bar_by_half_a_turn_is_not():
    case = truth_of()
    bars = [body.shape == "bar" for body in case.scene.bodies]
    true = case.truth.angle
    for wrong in (math.radians(10), math.pi + math.radians(10)):
        angle = true + wrong * (np.arange(len(true)) > 0)[:, None]
        bodies = dataclasses.replace(case.truth, angle=np.where(bars, angle, np.nan))
        tracked = dataclasses.replace(case.tracked, bodies=bodies)
        off = metrics.get("angle_error")(dataclasses.replace(case, tracked=tracked))
        assert off == pytest.approx(10.0)


@pytest.mark.slow
def test_limits_are_made_once_for_all_worlds_and_rows_tell_the_faults(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "CALIBRATION_CLIPS", 8)
    monkeypatch.setattr(
        verdicts,
        "calibrate",
        lambda rows, **_: verdicts.Thresholds(
            {name: max(row[name] for row in rows) for name in rows[0]}, 0.01, 0.95, len(rows), 0, {}, {}
        ),
    )
    asked = experiment()
    done = run(asked, tmp_path, until="evaluate")
    assert len(list(tmp_path.glob("calibrate-*"))) == 1
    rows = pq.read_table(done.path / RESULTS).to_pylist()
    names = {row["metric"] for row in rows if row["predictor"] == "floor"}
    assert {"abnormal", *(f"abnormal_{name}" for name in verdicts.MEASURES)} <= names
    assert "copy_index" not in names
    assert {row["level"] for row in rows} == {"template"}
    assert run(asked, tmp_path).made == []  # the page is written, nothing is made again


def test_references_and_unknown_trackers_are_refused():
    with pytest.raises(
        BadInput, match=r"references: oracle_law expects the same few bodies.*those of six differ"
    ):
        experiment(references=("oracle_law",))
    with pytest.raises(BadInput, match="unknown tracker 'posse'; did you mean 'poses'"):
        tracker("posse")


def test_limits_of_pictures_with_hard_edges_are_others(tmp_path):
    def keys(edge):
        video = {"resolution": 64, "num_frames": 6, "fps": 3, "edge": edge}
        return {artifact.key for artifact in make_plan(experiment(video=video), tmp_path).calibrate.values()}

    assert len(keys("area")) == 1
    assert not keys("area") & keys("hard")


@pytest.mark.slow
@pytest.mark.parametrize("edge", ["area", "hard"])
@pytest.mark.parametrize("num_frames", [2, 3])
def test_short_clips_and_thin_outlines_are_measured(edge, num_frames):
    made = recipe(resolution=64, num_frames=num_frames, edge=edge, num_clips=24)
    for case in true_cases(made, range(14, 22), 1):
        assert np.isfinite([*numbers(case).values()]).all()


def test_of_a_rollout_without_any_body_only_what_is_missing_or_too_much_is_told():
    case = truth_of()
    gone = np.full_like(case.truth.position, np.nan)
    gone[0] = case.tracked.bodies.position[0]
    status = np.where(np.isnan(gone[..., 0]), LOST, case.tracked.bodies.status)
    bodies = dataclasses.replace(case.tracked.bodies, position=gone, status=status)
    found = numbers(dataclasses.replace(case, tracked=dataclasses.replace(case.tracked, bodies=bodies)))
    assert found["vanish"] == case.truth.num_frames - 1
    assert found["duplicate"] == 0
    assert all(np.isnan(value) for name, value in found.items() if name not in ("vanish", "duplicate"))


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ({"edge": "study"}, "bodies that turn or are fixed are drawn with 'area' or 'hard'"),
        ({"resolution": 24}, "too thin to be followed below 32 rows"),
    ],
)
def test_pictures_from_which_no_pose_can_be_read_are_refused_before_any_work(video, said):
    with pytest.raises(BadInput, match=f"worlds.six.train: .*{said}"):
        experiment(video={"resolution": 64, "num_frames": 6, "fps": 3, **video})


def test_a_match_keeps_the_numbers_of_poses():
    case = truth_of()
    order = np.arange(case.truth.num_bodies)[::-1]
    arrays = {
        name: getattr(case.tracked.bodies, name)[:, order]
        for name in ("position", "size", "color", "status", "confidence", "angle", "misfit")
    }
    shuffled = dataclasses.replace(case.tracked, bodies=dataclasses.replace(case.tracked.bodies, **arrays))
    again = match(shuffled, case.truth)
    np.testing.assert_array_equal(again.bodies.angle, case.tracked.bodies.angle)
    np.testing.assert_array_equal(again.bodies.misfit, case.tracked.bodies.misfit)

"""Planted faults: each is there, the rest of the clip stays true, and verdicts find it in the drawn video."""

import functools

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for
from worldlaw.measure.planted_faults import BENT, FAULTS, GONE, bent_parts, plant
from worldlaw.measure.tracking.poses.pose_tracker import follow, read_silhouettes
from worldlaw.measure.verdicts import MEASURES, calibrate, measure
from worldlaw.measure.verdicts.clip_geometry import sight_of
from worldlaw.measure.verdicts.thresholds import FINEST
from worldlaw.worlds import scenarios
from worldlaw.worlds.render.flat import render

FRAMES, FPS, RESOLUTION = 12, 3.0, 128
FINDS = {
    "bent": {"deformation", "vanish", "duplicate"},
    "vanished": {"vanish", "penetration"},
    "floating": {"floating"},
    "pass_through": {"penetration"},
    "duplicate": {"duplicate"},
}


def clip(index):
    scenario, rng = scenarios.get("assembly")(), rng_for(3, "planted", index)
    scene = scenario.build({"template": f"{index % 70:02d}", "layout": float(index)}, rng)
    return scene, scenario.simulate(scene, FRAMES, 1 / FPS)


@functools.cache
def planted(name, count=2):
    """The first clips that can have the fault: (scene, truth, planted)."""
    found = []
    for index in range(400):
        scene, truth = clip(index)
        fault = plant(name, scene, truth, rng_for(3, name, index))
        if fault is not None:
            found.append((scene, truth, fault))
        if len(found) == count:
            return found
    pytest.fail(f"no clip for {name}")


def numbers(scene, trajectory):
    """What the drawn and tracked clip is said to be."""
    video = render(scene, trajectory, RESOLUTION)
    silhouettes = read_silhouettes(video[:1], extent=scene.extent, fps=FPS)
    tracks = follow(video, silhouettes, fps=FPS)
    found = measure(sight_of(tracks, silhouettes, gravity=scene.gravity, context=1))
    return {name: finding.value for name, finding in found.items()}


def exceeded(values):
    pixel = (
        scenarios.get("assembly")().build({"template": "00", "layout": 0.0}, rng_for(0)).extent[1]
        / RESOLUTION
    )
    none = [dict.fromkeys(MEASURES, 0.0)] * 230
    limits = calibrate(none, pixel=pixel).limits
    assert limits["vanish"] == FINEST["vanish"]
    return {name for name in MEASURES if values[name] > 3 * limits[name]}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_by_a_measure_for_it(name):
    for _, _, fault in planted(name):
        assert exceeded(numbers(fault.scene, fault.trajectory)) & FINDS[name]


def test_nothing_is_found_in_true_clips():
    for index in range(3):
        assert exceeded(numbers(*clip(index))) == set()


@pytest.mark.parametrize("name", ["bent", "vanished", "duplicate"])
def test_all_but_the_body_with_the_fault_stays_true(name):
    for scene, truth, fault in planted(name):
        others = [b for b in range(len(scene.bodies)) if b != fault.body]
        np.testing.assert_array_equal(fault.trajectory.position[:, others], truth.position[:, others])
        before = slice(0, fault.frame)
        np.testing.assert_array_equal(
            fault.trajectory.position[before, : len(scene.bodies)], truth.position[before]
        )


def test_a_bent_bar_is_off_by_a_tenth_of_its_length_and_keeps_its_area():
    for scene, _, fault in planted("bent"):
        bar = scene.bodies[fault.body]
        straight, halves = np.array(bar.parts[0]), [np.array(half) for half in bent_parts(bar)]
        area = [_area(half) for half in halves]
        assert sum(area) == pytest.approx(_area(straight), rel=0.03)
        centers = [half.mean(axis=0) for half in halves]
        ends = np.concatenate(halves)
        length = np.linalg.norm(straight[:, None] - straight[None], axis=-1).max()
        slope = np.linalg.norm(centers[0] + centers[1]) / 2  # the centroid is where the bar's was
        assert slope < 0.02 * length
        along = (centers[1] - centers[0]) / np.linalg.norm(centers[1] - centers[0])
        across = ends @ np.array([-along[1], along[0]])
        assert across.max() - across.min() > BENT * length


def test_a_vanished_ball_is_out_of_view_in_three_frames():
    for scene, _, fault in planted("vanished"):
        place = fault.trajectory.position[:, fault.body]
        gone = ((place < 0) | (place > scene.extent)).any(axis=1)
        assert np.flatnonzero(gone).tolist() == list(range(fault.frame, fault.frame + GONE))


def test_faults_are_the_same_for_the_same_random_stream():
    scene, truth = clip(0)
    first, second = (plant("duplicate", scene, truth, rng_for(9)) for _ in range(2))
    np.testing.assert_array_equal(first.trajectory.position, second.trajectory.position)


def test_an_unknown_fault_is_refused():
    with pytest.raises(BadInput, match="unknown fault 'bend'; did you mean 'bent'"):
        plant("bend", *clip(0), rng_for(0))


def _area(corners):
    following = np.roll(corners, -1, axis=0)
    return abs((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum()) / 2

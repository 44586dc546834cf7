"""The Fréchet distance against closed forms, and what it says of motions that are wrong in a known way."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import sqrtm

from worldlaw.core.errors import BadInput
from worldlaw.core.types import LOST, VISIBLE, Detections, Tracks
from worldlaw.measure.sets.frechet import frechet_distance, shortage
from worldlaw.measure.sets.track_features import (
    DIMENSION,
    FEATURES,
    farthest_feature,
    track_features,
    track_frechet,
)
from worldlaw.testing import make_case, make_recipe

CONTEXT = 3
NAMES = [feature.name for feature in FEATURES]


def exactly(rng, num, mean, covariance):
    """Vectors whose sample mean and covariance are exactly these."""
    raw = rng.normal(size=(num, len(mean)))
    raw -= raw.mean(axis=0)
    root = np.linalg.cholesky(np.cov(raw, rowvar=False))
    return raw @ np.linalg.inv(root).T @ np.linalg.cholesky(np.asarray(covariance)).T + mean


def test_equal_sets_are_at_no_distance_in_any_order():
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(40, 7))
    assert frechet_distance(clips, clips) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(clips, rng.permutation(clips)) == pytest.approx(0, abs=1e-10)


def test_a_shift_of_every_clip_is_its_squared_length():
    clips = np.random.default_rng(1).normal(size=(12, 3))
    assert frechet_distance(clips, clips + np.array([3.0, 0.0, -4.0])) == pytest.approx(25)


def test_in_one_dimension_it_is_the_difference_of_means_and_of_deviations():
    first, second = np.array([[0.0], [2.0], [4.0]]), np.array([[10.0], [10.0], [13.0]])
    # means 2 and 11, deviations 2 and sqrt(3) with N - 1
    assert frechet_distance(first, second) == pytest.approx(81 + (2 - np.sqrt(3)) ** 2)


def test_independent_features_add_up():
    rng = np.random.default_rng(2)
    first = exactly(rng, 50, [0.0, 1.0, 2.0], np.diag([1.0, 4.0, 9.0]))
    second = exactly(rng, 30, [0.0, 0.0, 0.0], np.diag([4.0, 4.0, 1.0]))
    assert frechet_distance(first, second) == pytest.approx(0 + 1 + 4 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2)


def test_correlated_features_agree_with_the_square_root_of_a_matrix():
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(2, 5, 5))
    one, two = mixing[0] @ mixing[0].T, mixing[1] @ mixing[1].T
    first, second = exactly(rng, 60, np.ones(5), one), exactly(rng, 45, np.zeros(5), two)
    expected = 5 + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_fewer_clips_than_features_are_measured_exactly():
    # Two clips each: covariances of rank one, along perpendicular axes, of variance 2 and 8.
    first, second = np.zeros((2, 400)), np.zeros((2, 400))
    first[:, 0], second[:, 1] = (-1, 1), (-2, 2)
    assert frechet_distance(first, second) == pytest.approx(2 + 8)
    second[:, [0, 1]] = second[:, [1, 0]]
    assert frechet_distance(first, second) == pytest.approx((np.sqrt(8) - np.sqrt(2)) ** 2)
    assert "2 clips are too few for 400 features" in shortage(2, 1000, 400)
    assert shortage(401, 500, 400) == ""


def test_what_is_no_set_of_features_is_refused():
    good = np.zeros((3, 2))
    for bad, said in (
        (np.zeros((3, 4)), "same features"),
        (good[:1], "at least 2"),
        (good * np.nan, "not finite"),
    ):
        with pytest.raises(BadInput, match=said):
            frechet_distance(good, bad)


@pytest.fixture(scope="module")
def truths():
    """True motions by law, each with its extent."""
    found = {}
    for name in ("parabola", "collision"):
        recipe = make_recipe(name, num_frames=32, num_clips=60)
        scenes = [recipe.scene(index)[0] for index in range(len(recipe))]
        found[name] = [(recipe.trajectory(scene), scene.extent) for scene in scenes]
    return found


def features(truths, change=lambda states, rng: states, extra=lambda states: Detections.none()):
    rng = np.random.default_rng(5)
    rows = []
    for states, extent in truths:
        changed = change(states, rng)
        rows.append(track_features(Tracks(changed, extra(changed)), extent=extent, context=CONTEXT))
    return np.stack(rows)


def moved(states, offset):
    return dataclasses.replace(states, position=states.position + offset)


def jitter(metres):
    return lambda states, rng: moved(states, rng.normal(0, metres, states.position.shape))


def gravity(share):
    """Another gravity from the last given frame on; what leaves the view is no longer seen."""

    def change(states, rng):
        time = np.maximum(np.arange(states.num_frames) - CONTEXT + 1, 0)[:, None] * states.dt
        fallen = moved(states, np.stack([0 * time, -0.5 * 2.5 * share * time**2], axis=-1))
        inside = fallen.position[..., 1] > fallen.size
        return dataclasses.replace(fallen, status=np.where(inside, fallen.status, LOST).astype(np.int8))

    return change


def vanishing(share):
    """This share of the clips loses its first body from frame 10 on."""

    def change(states, rng):
        position, status = states.position.copy(), states.status.copy()
        if rng.uniform() < share:
            position[10:, 0], status[10:, 0] = np.nan, LOST
        return dataclasses.replace(states, position=position, status=status)

    return change


@pytest.mark.parametrize("law", ["parabola", "collision"])
@pytest.mark.parametrize(
    ("fault", "amounts"),
    [(jitter, (0.02, 0.05, 0.2)), (gravity, (0.2, 0.5, 1.0)), (vanishing, (0.1, 0.4, 1.0))],
)
def test_the_distance_grows_with_the_fault(truths, law, fault, amounts):
    true = features(truths[law])
    distances = [track_frechet(true, features(truths[law], fault(amount))) for amount in (0.0, *amounts)]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances)
    assert distances[1] > 0.05
    assert distances[-1] > 3 * distances[1]


def test_a_fault_is_farther_than_other_true_clips_are(truths):
    true = features(truths["collision"])
    among = track_frechet(true[::2], true[1::2], unit=true)
    for fault in (jitter(0.2), gravity(1.0), vanishing(1.0)):
        assert track_frechet(true, features(truths["collision"], fault)) > 2 * among


def test_things_that_are_none_of_the_bodies_are_seen(truths):
    def twice(states):
        frames = np.arange(CONTEXT, states.num_frames)
        one = np.ones(len(frames))
        return Detections(frames, states.position[frames, 0], one, one[:, None] * np.ones(3))

    true = features(truths["collision"])
    doubled = features(truths["collision"], extra=twice)
    assert doubled[:, NAMES.index("extra")] == pytest.approx(np.log(2))  # one a frame
    assert track_frechet(true, doubled) == pytest.approx((np.log(2) / 0.1) ** 2)
    assert farthest_feature(true, doubled) == "extra"


def test_no_order_of_clips_or_bodies_matters(truths):
    true = features(truths["collision"])
    wrong = features(truths["collision"], jitter(0.05))

    def swapped(states, rng):
        states = jitter(0.05)(states, rng)
        return dataclasses.replace(
            states, **{name: getattr(states, name)[:, ::-1] for name in ("position", "size", "status")}
        )

    # The same jitter for the same body, whichever comes first.
    np.testing.assert_allclose(features(truths["collision"], swapped), wrong, atol=1e-9)
    order = np.random.default_rng(0).permutation(len(wrong))
    assert track_frechet(true, wrong[order]) == pytest.approx(track_frechet(true, wrong))


def test_a_fall_has_the_features_that_can_be_worked_out_by_hand():
    """A ball that falls from rest through a view of 10 m by 2.5 m/s², 11 frames of 0.1 s: a clip is 1 s."""
    time = np.arange(11) * 0.1
    states, _ = resting(num_frames=11, num_bodies=1)
    position = states.position.copy()
    position[:, 0, 1] = 8 - 1.25 * time**2
    fall = dataclasses.replace(states, position=position)
    values = track_features(Tracks(fall, Detections.none()), extent=(10.0, 10.0), context=1)
    row = dict(zip(NAMES, values, strict=True))
    assert row["mean_ay"] == pytest.approx(-0.25)  # 2.5 m/s² in views of 10 m and clips of 1 s
    assert row["mean_ax"] == pytest.approx(0)
    assert row["mean_vy"] == pytest.approx(-0.125)
    assert row["largest_speed"] == pytest.approx(0.2375)
    assert row["net_speed"] == pytest.approx(0.125)
    assert row["turning"] == pytest.approx(0, abs=1e-12)
    assert (row["seen_share"], row["changes"]) == (1, 0)
    assert np.isnan(row["nearest"])


def resting(num_frames=8, num_bodies=2):
    """Bodies that stand a metre apart in a view of 10 m."""
    recipe = make_recipe("uniform_motion", num_frames=num_frames)
    position = np.zeros((num_frames, num_bodies, 2)) + np.arange(num_bodies)[:, None] + 3.0
    shape = position.shape[:2]
    states = dataclasses.replace(
        recipe.trajectory(recipe.scene(0)[0]),
        position=position,
        size=np.full(shape, 0.5),
        color=np.zeros((*shape, 3)),
        status=np.full(shape, VISIBLE, np.int8),
        confidence=np.ones(shape),
    )
    return states, (10.0, 10.0)


def test_what_could_not_be_measured_is_said_and_not_dropped():
    states, extent = resting()
    states = dataclasses.replace(states, angle=np.zeros((8, 2)))
    gone = dataclasses.replace(states, position=states.position * np.nan, status=states.status * 0 + LOST)
    seen = track_features(Tracks(states, Detections.none()), extent=extent, context=CONTEXT)
    row = track_features(Tracks(gone, Detections.none()), extent=extent, context=CONTEXT)
    assert np.isfinite(seen).all()
    assert np.isnan(row[NAMES.index("mean_vx")])
    assert row[NAMES.index("seen_share")] == 0
    true, lost = np.stack([seen] * 4), np.stack([row] * 4)
    # Three shares fall by 1 where 0.02 is one unit, and the presence of five groups where 0.1 is one.
    assert track_frechet(true, lost) == pytest.approx(5 * 100 + 3 * 2500)
    assert track_frechet(true, np.stack([seen, seen, seen, row])) < track_frechet(true, lost)
    assert farthest_feature(true, lost) == "seen_share"


def test_the_floor_of_tracked_truth_is_far_below_other_true_clips():
    cases = [make_case("collision", index=index, resolution=64, num_frames=24) for index in range(8)]
    rows = [
        [
            track_features(tracks, extent=case.scene.extent, context=CONTEXT)
            for tracks in (Tracks(case.truth, Detections.none()), case.tracked)
        ]
        for case in cases
    ]
    true, tracked = (np.stack(part) for part in zip(*rows, strict=True))
    assert track_frechet(true, tracked) < 0.05 * track_frechet(true[::2], true[1::2], unit=true)
    assert len(FEATURES) + 5 == DIMENSION


def crowd(rng, *, lost=False):
    """One, three or nine bodies at constant velocities in a view of 10 m; the last may vanish half-way."""
    num_bodies = int(rng.choice([1, 3, 9]))
    states, extent = resting(num_frames=24, num_bodies=num_bodies)
    start, velocity = rng.uniform(2, 8, (num_bodies, 2)), rng.uniform(-1, 1, (num_bodies, 2))
    position = start + velocity * (np.arange(24) * states.dt)[:, None, None]
    status = states.status.copy()
    if lost:
        position[12:, -1], status[12:, -1] = np.nan, LOST
    tracks = Tracks(dataclasses.replace(states, position=position, status=status), Detections.none())
    return track_features(tracks, extent=extent, context=1)


def test_one_body_lost_among_many_is_seen_whatever_their_number():
    rng = np.random.default_rng(8)
    true = np.stack([crowd(rng) for _ in range(120)])
    other = np.stack([crowd(rng) for _ in range(120)])
    lost = np.stack([crowd(rng, lost=True) for _ in range(120)])
    assert true.shape == (120, len(FEATURES))
    assert track_frechet(true, lost) > 100 * track_frechet(true, other)
    assert farthest_feature(true, lost).endswith("seen_share")


def test_a_body_that_turns_faster_is_seen_and_one_without_an_angle_is_said_to_have_none():
    states, extent = resting(num_frames=11, num_bodies=2)
    turning = np.stack([np.full(11, np.nan), 0.3 * np.arange(11)], axis=1)  # 0.3 rad a frame, ten in a clip
    rows = [
        track_features(
            Tracks(dataclasses.replace(states, angle=angle), Detections.none()), extent=extent, context=1
        )
        for angle in (turning, turning / 3, None)
    ]
    spins = [row[NAMES.index("largest_spin")] for row in rows]
    assert spins[:2] == pytest.approx([3, 1])
    assert np.isnan(spins[2])
    # Three features of spin differ by 2 rad/c where 0.2 is one unit; a missing group is 1 where 0.1 is one.
    fast, slow, none = (np.stack([row] * 3) for row in rows)
    assert track_frechet(fast, slow) == pytest.approx(3 * 10**2)
    assert track_frechet(fast, none) == pytest.approx(10**2)

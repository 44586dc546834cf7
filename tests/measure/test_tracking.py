"""Tracking: identity, status and honesty, on pictures whose truth is known."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from worldlaw.core.errors import BadInput
from worldlaw.core.types import CUT, LOST, OUTSIDE, VISIBLE, Body, Scene, Trajectory
from worldlaw.measure.matching import match
from worldlaw.measure.tracking.blobs.blob_tracker import read_hints, track
from worldlaw.testing import hints_of, make_recipe
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.flat import render
from worldlaw.worlds.scenario import true_trajectory

WHITE = 255


def film(*bodies, num_frames=16, resolution=128):
    """Bodies in free flight that pass over each other: (video, truth)."""
    scene = Scene("uniform_motion", {}, bodies)
    time = np.arange(num_frames)[:, None] * 0.1
    position = np.stack([np.add(b.position, time * b.velocity) for b in bodies], axis=1)
    truth = true_trajectory(scene, position, 0.1)
    return render(scene, truth, resolution), truth


def ball(x, y, vx=0.0, vy=0.0, size=0.8, color="red", shape="ball"):
    return Body(shape, float(size), color, size**2, (float(x), float(y)), (float(vx), float(vy)))


def follow(video, truth, context=3):
    hints = read_hints(video[:context], extent=(10.0, 10.0), fps=10.0)
    return match(track(video, hints, fps=10.0), truth)


def worst(tracks, truth):
    """Largest distance in pixels at 128 rows between measured and true positions."""
    return np.nanmax(np.linalg.norm(tracks.bodies.position - truth.position, axis=-1)) * 12.8


def split(name, raw, count, resolution=128):
    scenario = scenarios.get(name)
    region = training_region(scenario, raw)
    for index in range(count):
        scene, _ = draw_scene(scenario(), region, seed=3, split="floor", index=index)
        truth = scenario().simulate(scene, 32, 0.1)
        yield scene, truth, render(scene, truth, resolution)


FLOORS = [
    ("uniform_motion", {}),
    ("uniform_motion", {"size": [0.3, 0.6], "speed": [0, 0.8]}),
    ("uniform_motion", {"size": [0.3, 0.6], "speed": [4.5, 6]}),
    ("uniform_motion", {"size": [1.5, 2], "speed": [4.5, 6]}),
    ("parabola", {}),
    ("parabola", {"size": [0.3, 0.6], "speed": [0, 0.8]}),
    ("parabola", {"size": [1.5, 2], "speed": [4.5, 6]}),
    ("collision", {}),
    ("collision", {"size1": [0.3, 0.4], "size2": [0.3, 0.4], "speed1": [0, 0.8], "speed2": [0, 0.8]}),
    ("collision", {"size1": [1.7, 2], "speed1": [4.5, 6]}),
    ("collision", {"speed1": [4.5, 6], "speed2": [4.5, 6]}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "raw"), FLOORS)
def test_the_floor_at_128_is_under_six_thousandths_in_and_out_of_distribution(name, raw):
    errors = []
    for _, truth, video in split(name, raw, 40):
        tracks = follow(video, truth)
        counted = truth.in_view
        counted[:2] = False
        error = np.linalg.norm(tracks.bodies.velocity - truth.velocity, axis=-1)[counted]
        assert np.isfinite(error).all(), "none may be dropped, small balls included"
        errors.append(error.mean())
    assert np.mean(errors) <= 0.006
    assert np.percentile(errors, 95) <= 0.01


def test_tracking_needs_no_scene():
    video, truth = film(ball(2, 5, 2.0))
    hints = read_hints(video[:3], extent=(10.0, 10.0), fps=10.0)
    del truth
    seen = track(video.copy(), hints, fps=10.0).bodies
    np.testing.assert_allclose(seen.velocity[:, 0], [[2.0, 0.0]] * 15, atol=0.01)


def test_hints_are_read_from_the_given_frames():
    video, _ = film(ball(2, 5, 1.5, size=1.2), ball(7, 3, -0.5, size=0.6, color="blue", shape="square"))
    hints = read_hints(video[:3], extent=(10.0, 10.0), fps=10.0)
    assert hints.shape == ("ball", "square")
    np.testing.assert_allclose(hints.size, [1.2, 0.6], atol=0.002)
    np.testing.assert_allclose(hints.velocity, [[1.5, 0], [-0.5, 0]], atol=0.01)
    np.testing.assert_array_equal(hints.color, [[255, 0, 0], [0, 0, 255]])


@pytest.mark.parametrize("shape", ["ball", "square", "ring"])
@pytest.mark.parametrize("size", [0.5, 1.0, 1.5])
def test_shape_and_size_are_read_from_a_still_picture(shape, size):
    video, _ = film(ball(5.05, 4.97, size=size, shape=shape), num_frames=1)
    hints = read_hints(video, extent=(10.0, 10.0), fps=10.0)
    assert hints.shape == (shape,)
    assert hints.size[0] == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "radius"),
    [
        ("ball", 1.5),
        ("square", 1.5),
        ("ball", 1.9),
        ("square", 1.9),
        ("ball", 2.1),
        ("square", 2.1),
        ("ring", 4.0),
    ],
)
def test_shape_is_read_from_a_few_pixels_wherever_they_fall(shape, radius):
    for x in np.linspace(5.0, 5.5, 5):
        for y in np.linspace(4.0, 4.5, 5):
            video, _ = film(ball(x, y, size=radius / 6.4, shape=shape), num_frames=1, resolution=64)
            assert read_hints(video, extent=(10.0, 10.0), fps=10.0).shape == (shape,)


def test_a_frame_without_a_body_is_bad_input():
    with pytest.raises(BadInput, match="nothing but its background"):
        read_hints(np.full((3, 32, 32, 3), WHITE, np.uint8), extent=(10.0, 10.0), fps=10.0)


def test_frames_of_another_view_are_bad_input():
    video, _ = film(ball(5, 5))
    hints = read_hints(video[:1], extent=(10.0, 10.0), fps=10.0)
    with pytest.raises(BadInput, match="do not show a view"):
        track(video[:, :, :100], hints, fps=10.0)


@pytest.mark.parametrize("colors", [("red", "blue"), ("red", "red"), ("blue", "magenta")])
def test_identity_is_kept_through_a_collision(colors):
    raw = {"color1": colors[0], "color2": colors[1]}
    for _, truth, video in split("collision", raw, 20):
        tracks = follow(video, truth)
        assert worst(tracks, truth) < 0.5
        assert len(tracks.extra.frame) == 0


def test_a_ball_that_leaves_is_cut_then_outside():
    video, truth = film(ball(7.5, 5, 4.0), num_frames=16)
    status = follow(video, truth).bodies.status[:, 0]
    np.testing.assert_array_equal(status == VISIBLE, truth.status[:, 0] == VISIBLE)
    assert status.tolist() == sorted(status)
    assert set(status) == {VISIBLE, CUT, OUTSIDE}


def test_a_ball_that_vanishes_in_view_is_lost_and_not_guessed():
    video, truth = film(ball(3, 5, 1.0))
    video[8:] = WHITE
    seen = follow(video, truth).bodies
    assert (seen.status[8:, 0] == LOST).all()
    assert np.isnan(seen.position[8:, 0]).all()
    assert np.isfinite(seen.position[:8, 0]).all()


def test_a_ball_that_comes_back_is_found_again():
    video, truth = film(ball(3, 5, 1.0))
    video[8:11] = WHITE
    tracks = follow(video, truth)
    assert tracks.bodies.status[:, 0].tolist() == [VISIBLE] * 8 + [LOST] * 3 + [VISIBLE] * 5
    assert worst(tracks, truth) < 0.05


def test_a_duplicate_is_an_extra_detection_and_does_not_move_the_ball():
    video, truth = film(ball(3, 5, 1.0))
    twin, _ = film(ball(3, 2, 1.0))
    video[5:] = np.minimum(video[5:], twin[5:])
    tracks = follow(video, truth)
    assert tracks.extra.frame.tolist() == list(range(5, 16))
    np.testing.assert_allclose(tracks.extra.position[:, 1], 2.0, atol=0.01)
    np.testing.assert_allclose(tracks.extra.size, 0.8, atol=0.01)
    assert worst(tracks, truth) < 0.05


def test_a_ball_that_changes_colour_is_still_followed_and_its_colour_measured():
    video, truth = film(ball(3, 5, 1.0))
    blue, _ = film(ball(3, 5, 1.0, color="blue"))
    video[6:] = blue[6:]
    tracks = follow(video, truth)
    assert worst(tracks, truth) < 0.05
    np.testing.assert_allclose(tracks.bodies.color[7, 0], [0, 0, 1], atol=0.01)


def test_a_ball_that_shrinks_is_measured_as_it_is():
    video, truth = film(ball(3, 5, 1.0))
    small, _ = film(ball(3, 5, 1.0, size=0.6))
    video[6:] = small[6:]
    tracks = follow(video, truth)
    np.testing.assert_allclose(tracks.bodies.size[:, 0], [0.8] * 6 + [0.6] * 10, atol=0.01)


def test_a_ball_that_comes_out_three_times_as_large_is_still_the_ball():
    video, truth = film(ball(3, 5, 1.0, size=0.4))
    large, _ = film(ball(3, 5, 1.0, size=1.2))
    video[3:] = large[3:]
    tracks = follow(video, truth)
    assert worst(tracks, truth) < 0.05
    np.testing.assert_allclose(tracks.bodies.size[3:, 0], 1.2, atol=0.01)


def test_a_jump_is_measured_as_a_jump():
    video, truth = film(ball(3, 5, 1.0))
    far, _ = film(ball(5, 7, 1.0))
    video[8:] = far[8:]
    seen = follow(video, truth).bodies
    np.testing.assert_allclose(seen.velocity[7, 0], [21.0, 20.0], atol=0.05)


@pytest.mark.parametrize(("sigma", "limit"), [(4, 0.05), (10, 0.12)])
def test_noise_moves_positions_by_little(sigma, limit):
    for index, (_, truth, video) in enumerate(split("collision", {}, 8)):
        noise = np.random.default_rng(index).normal(0, sigma, video.shape)
        noisy = np.clip(np.rint(video + noise), 0, 255).astype(np.uint8)
        noisy[:3] = video[:3]
        tracks = follow(noisy, truth)
        counted = truth.status == VISIBLE
        error = np.linalg.norm(tracks.bodies.position - truth.position, axis=-1)[counted] * 12.8
        assert np.isfinite(error).all()
        assert np.median(error) < limit


def test_blur_moves_positions_by_nothing():
    for _, truth, video in split("uniform_motion", {}, 8):
        blurred = np.rint(gaussian_filter(video.astype(float), (0, 1, 1, 0))).astype(np.uint8)
        blurred[:3] = video[:3]
        counted = truth.status == VISIBLE
        tracks = follow(blurred, truth)
        error = np.linalg.norm(tracks.bodies.position - truth.position, axis=-1)[counted] * 12.8
        assert np.nanmax(error) < 0.05


@pytest.mark.parametrize("level", [0, 127])
def test_a_flash_or_a_dark_frame_is_not_the_ball_and_is_forgotten(level):
    video, truth = film(ball(3, 5, 1.0, size=0.4))
    video[8, 2:-2, 2:-2] = level
    tracks = follow(video, truth)
    assert tracks.bodies.status[8, 0] == LOST
    assert np.isfinite(tracks.bodies.position[9:]).all()
    assert worst(tracks, truth) < 0.1


@pytest.mark.parametrize("level", [0, 127, 200])
def test_a_frame_of_one_colour_shows_no_ball(level):
    video, truth = film(ball(3, 5, 1.0))
    video[8:] = level
    seen = follow(video, truth).bodies
    assert (seen.status[8:, 0] == LOST).all()


@pytest.mark.parametrize("level", [250, 235])
def test_a_background_that_is_a_little_off_moves_nothing_even_in_contact(level):
    for _, truth, video in split("collision", {}, 8):
        dimmed = (video.astype(int) * level // 255).astype(np.uint8)
        dimmed[:3] = video[:3]
        counted = truth.in_view
        counted[:2] = False
        tracks = follow(dimmed, truth)
        error = np.linalg.norm(tracks.bodies.velocity - truth.velocity, axis=-1)[counted]
        assert error.mean() < 0.03


def test_moving_the_picture_moves_the_track():
    video, truth = film(ball(4, 5, 0.7, 0.3))
    shifted = np.full_like(video, WHITE)
    shifted[:, 10:, 20:] = video[:, :-10, :-20]
    one, other = (
        track(v, read_hints(v[:3], extent=(10.0, 10.0), fps=10.0), fps=10.0).bodies.position
        for v in (video, shifted)
    )
    np.testing.assert_allclose(other - one, np.broadcast_to([20 / 12.8, -10 / 12.8], one.shape), atol=1e-9)
    assert truth.num_bodies == 1


def test_bodies_are_matched_to_the_truth_whatever_their_order():
    recipe = make_recipe("collision", resolution=128)
    scene, _ = recipe.scene(1)
    truth = recipe.trajectory(scene)
    tracks = track(recipe.frames(scene, truth), hints_of(recipe.frames(scene, truth), scene), fps=10.0)
    order = [1, 0]
    names = ("position", "size", "color", "status", "confidence")
    turned = Trajectory(0.1, **{name: getattr(tracks.bodies, name)[:, order] for name in names})
    one, other = (match(dataclasses.replace(tracks, bodies=b), truth).bodies for b in (tracks.bodies, turned))
    np.testing.assert_array_equal(one.position, other.position)
    np.testing.assert_allclose(one.position[0], truth.position[0], atol=0.01)


def test_a_body_that_no_track_starts_near_is_lost_and_the_track_is_extra():
    video, _ = film(ball(2, 2))
    elsewhere = film(ball(8, 8))[1]
    tracks = match(track(video, read_hints(video[:1], extent=(10.0, 10.0), fps=10.0), fps=10.0), elsewhere)
    assert (tracks.bodies.status == LOST).all()
    assert len(tracks.extra.frame) == 16

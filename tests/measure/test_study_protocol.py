"""The study's velocity error: its numbers come out on its own pictures, and its quirks are its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from worldlaw.core.types import Case, Detections, Tracks
from worldlaw.measure.metrics.study import study_positions, study_velocity_error
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.flat import render

# The study's in-distribution evaluation set: a grid over the ranges in its code, 16 speeds by 10 radii for
# one ball, 4 of each for two. Pairs with a radius of 0.5 m are never scored, so they are not drawn here.
SINGLE_GRID = {"size": np.linspace(0.7, 1.4, 10), "speed": np.linspace(1, 4, 16)}
PAIR_GRID = {
    **{f"size{ball}": np.linspace(0.5, 1.5, 4)[1:] for ball in (1, 2)},
    **{f"speed{ball}": np.linspace(1, 4, 4) for ball in (1, 2)},
}


def true_cases(name, num_clips, resolution, grid=None, *, num_frames=32, **attributes):
    """Cases whose generated video is the true one, drawn as by the study; attributes come from the grid."""
    scenario = scenarios.get(name)()
    points = {key: [[float(value)] * 2 for value in values] for key, values in (grid or {}).items()}
    region = training_region(type(scenario), points | attributes)
    for index in range(num_clips):
        scene, _ = draw_scene(scenario, region, seed=0, split="id", index=index)
        truth = scenario.simulate(scene, num_frames, 0.1)
        video = render(scene, truth, resolution, edge="study")
        yield Case(
            clip=index,
            scene=scene,
            context=3,
            truth=truth,
            tracked=Tracks(truth, Detections.none()),
            true_video=lambda video=video: video,
            generated_video=lambda video=video: video,
        )


def with_video(case, video):
    """The case with another rollout."""
    return dataclasses.replace(case, generated_video=lambda: video)


def mean_error(errors):
    """Mean in m/s over the clips that could be scored: all but the few whose contact is too late."""
    errors = np.array(list(errors))
    assert np.isfinite(errors).mean() > 0.98
    return np.nanmean(errors)


def only_case(name="uniform_motion", resolution=128, **attributes):
    (case,) = true_cases(name, 1, resolution, **attributes)
    return case


@pytest.fixture(scope="module")
def collision_errors():
    """(256 pixels, 128 pixels) of each clip; every second pixel of the large picture makes the small one."""
    return [
        (
            study_velocity_error(case),
            study_velocity_error(with_video(case, case.generated_video()[:, ::2, ::2])),
        )
        for case in true_cases("collision", 1000, 256, PAIR_GRID)
    ]


@pytest.mark.slow
def test_true_uniform_motion_at_256_scores_as_in_the_study():
    errors = map(study_velocity_error, true_cases("uniform_motion", 480, 256, SINGLE_GRID))
    assert mean_error(errors) == pytest.approx(0.0098, abs=0.0005)


@pytest.mark.slow
def test_true_collisions_at_256_score_as_in_the_study(collision_errors):
    assert mean_error(large for large, _ in collision_errors) == pytest.approx(0.0100, abs=0.0005)


@pytest.mark.slow
def test_true_collisions_at_128_score_as_in_the_study(collision_errors):
    # Its pictures are drawn at 256 and made smaller for its models, it does not say how: 7,600 clips gave
    # 0.0132 by every second pixel, as here, and 0.0127 by means of four. Drawn at 128 they give 0.0201.
    assert mean_error(small for _, small in collision_errors) == pytest.approx(0.0132, abs=0.0005)


@pytest.mark.slow
def test_true_parabolas_at_256_score_near_the_floor_that_the_study_prints():
    # Printed: 0.0210; the facts sheet's simulation of this formula: 0.0220. Which formula was used is not
    # known.
    errors = map(study_velocity_error, true_cases("parabola", 300, 256, SINGLE_GRID))
    assert mean_error(errors) == pytest.approx(0.0220, abs=0.0005)


@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_a_true_ball_seems_slower_by_one_part_in_the_number_of_pixels(resolution):
    case = only_case(resolution=resolution, size=1.0, speed=2.0)
    # Drawn at i/(N-1), read at i/N: v (1 - 1/N), over two seconds and more to a tenth of a pixel.
    assert study_velocity_error(case) == pytest.approx(2.0 / resolution, abs=0.1 * 10 / resolution / 2.0)


def test_positions_are_mean_pixel_indices_over_the_width_with_y_up():
    video = np.full((1, 10, 10, 3), 255, np.uint8)
    video[0, 2:4, 5:8] = (255, 0, 0)  # rows 2 and 3 from the top are 7 and 6 from the bottom
    position, radius = study_positions(video, "red")
    np.testing.assert_allclose(position, [[6.0, 6.5]])
    np.testing.assert_allclose(radius, np.sqrt(6 / np.pi))


def test_a_pixel_counts_as_red_above_127_and_only_with_the_others_below():
    video = np.full((1, 4, 4, 3), 255, np.uint8)
    video[0, 0] = [(128, 126, 126), (127, 0, 0), (255, 127, 0), (255, 0, 127)]
    position, radius = study_positions(video, "red")
    np.testing.assert_allclose(position, [[0.0, 3 / 4 * 10]])
    np.testing.assert_allclose(radius, np.sqrt(1 / np.pi) / 4 * 10)


def test_a_ball_that_is_not_seen_is_put_at_an_edge_at_its_last_height():
    video = np.full((4, 10, 10, 3), 255, np.uint8)
    video[1, 5, 5] = video[2, 4, 6] = (0, 0, 255)
    position, radius = study_positions(video, "blue")
    one = np.sqrt(1 / np.pi)
    np.testing.assert_allclose(position, [[10, np.nan], [5, 4], [6, 5], [10, 5]])
    np.testing.assert_allclose(radius, [np.nan, one, one, one])
    assert study_positions(video, "blue", absent_x=0.0)[0][3, 0] == 0


def test_a_red_soft_disc_is_read_a_little_too_small():
    case = only_case(resolution=256, size=1.2)
    _, radius = study_positions(case.generated_video()[:1], "red")
    assert radius[0] == pytest.approx(0.9925 * 1.2, rel=0.005)  # where the soft rim is half way


def test_a_ball_that_vanishes_for_good_scores_as_if_it_had_jumped_to_the_right_edge():
    case = only_case(size=1.0, speed=1.0)
    video = case.generated_video().copy()
    video[20:] = 255
    position, _ = study_positions(case.generated_video(), "red")
    # 31 frames without the last, of which 3 to 30 count; mean of differences is last minus first over 2.7 s.
    expected = (10.0 - position[3, 0]) / 2.7 - 1.0
    assert case.truth.position[30, 0, 0] < 9.0  # in view to the end
    assert study_velocity_error(with_video(case, video)) == pytest.approx(expected)


def test_jitter_that_averages_out_is_not_seen():
    case = only_case(size=1.0, speed=1.0)
    video = case.generated_video().copy()
    video[5:30:2] = np.roll(video[5:30:2], 8, axis=2)
    assert study_velocity_error(with_video(case, video)) == study_velocity_error(case)


def test_given_frames_the_last_frame_and_frames_at_the_edge_do_not_count():
    case = only_case(size=1.0, speed=3.9)
    outside = case.truth.position[:, 0, 0] > 9.0
    assert outside[25]
    video = case.generated_video().copy()
    video[:3] = video[31:] = 0
    video[outside] = 0
    assert study_velocity_error(with_video(case, video)) == study_velocity_error(case)


def test_only_motion_after_the_contact_is_scored_in_a_collision():
    case = only_case("collision")
    before = int(np.flatnonzero(np.abs(np.diff(case.truth.velocity[:, 0, 0])) > 0.1)[0]) + 1
    video = case.generated_video().copy()
    video[:before] = video[before]
    assert study_velocity_error(with_video(case, video)) == study_velocity_error(case)
    video[before + 2 : 31] = video[before + 2]
    assert study_velocity_error(with_video(case, video)) > 0.1


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("uniform_motion", {"size": 0.59}),
        ("parabola", {"size": 0.59}),
        ("collision", {"size1": 0.5}),
        ("collision", {"size2": 0.5}),
        ("uniform_motion", {"color": "green"}),
        ("uniform_motion", {"direction": "left"}),
        ("uniform_motion", {"direction": "up"}),
        ("collision", {"direction": "left"}),
        ("collision", {"color1": "blue", "color2": "red"}),
    ],
)
def test_what_the_study_did_not_score_is_not_a_number(name, attributes):
    assert np.isnan(study_velocity_error(only_case(name, **attributes)))


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("uniform_motion", {"size": 0.6}),
        ("collision", {"size1": 0.51}),
        ("uniform_motion", {"color": "blue"}),
    ],
)
def test_what_the_study_scored_is_a_number(name, attributes):
    assert study_velocity_error(only_case(name, **attributes)) < 0.2


def test_a_predictor_on_states_has_no_study_error():
    assert np.isnan(study_velocity_error(dataclasses.replace(only_case(), generated_video=None)))


def test_too_few_frames_in_view_are_not_a_number():
    (case,) = true_cases(
        "uniform_motion", 1, 64, num_frames=5, size=1.0
    )  # frames 3 and 4, less the last: one
    assert np.isnan(study_velocity_error(case))


def test_a_video_of_another_length_is_an_error():
    case = only_case()
    with pytest.raises(ValueError, match="clip 0: 31 frames of video, 32 of truth"):
        study_velocity_error(with_video(case, case.generated_video()[:-1]))

"""Foreign tracking: things of unknown look before a textured backdrop, with noise and compression."""

import numpy as np
import pytest

from drawn_films import BLUE, FPS, HEIGHT, RED, WIDTH, backdrop, film, line, pixels, through_h264
from worldlaw.core.errors import BadInput
from worldlaw.core.types import LOST, OUTSIDE, VISIBLE
from worldlaw.measure.matching import match
from worldlaw.measure.tracking.foreign import describe, follow, read_tracks_csv, see
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.textured import render_textured


def test_balls_on_a_rough_wall_are_found_and_followed_to_half_a_pixel():
    paths = [line(30, 30, 4.1, 0.7), line(120, 66, -2.3, -0.9)]
    seen = see(film((paths[0], 12.0, RED), (paths[1], 8.0, BLUE)), fps=FPS)
    assert seen.things.num_things == 2
    assert seen.things.disc.all()
    np.testing.assert_allclose(seen.things.radius, [12, 8], atol=0.5)
    error = np.linalg.norm(pixels(seen) - np.stack(paths, axis=1), axis=-1)
    assert np.isfinite(error).all()
    assert np.median(error) < 0.5
    assert error.max() < 2
    assert not len(seen.tracks.extra.frame)


def test_a_ball_that_vanishes_is_lost_and_found_again():
    path = line(30, 40, 4.0)
    path[8:12] = np.nan
    seen = see(film((path, 10.0, RED)), fps=FPS)
    status = seen.tracks.bodies.status[:, 0]
    assert status.tolist() == [VISIBLE] * 8 + [LOST] * 4 + [VISIBLE] * 8
    assert np.isnan(seen.tracks.bodies.position[8:12]).all()
    assert np.isnan(seen.uncertainty[8:12]).all()


def test_a_ball_that_rests_until_the_end_is_no_backdrop():
    seen = see(film((line(60, 50, 0.0), 10.0, BLUE)), fps=FPS)
    assert (seen.tracks.bodies.status == VISIBLE).all()
    np.testing.assert_allclose(pixels(seen)[:, 0], np.tile([60, 50], (20, 1)), atol=0.5)


def test_what_comes_later_is_a_thing_or_in_an_exam_an_extra_detection():
    path = line(-30, 70, 8.0)
    video = film((line(40, 30, 2.0), 10.0, RED), (path, 9.0, BLUE))
    seen = see(video, fps=FPS)
    assert seen.things.num_things == 2
    start = seen.things.frame[1]
    assert start > 0
    assert (seen.tracks.bodies.status[: start - 1, 1] == OUTSIDE).all()
    error = np.linalg.norm(pixels(seen)[start + 1 :, 1] - path[start + 1 :], axis=-1)
    assert np.nanmax(error) < 1
    told = see(video, fps=FPS, context=1)
    assert told.things.num_things == 1
    assert len(told.tracks.extra.frame) >= 8


@pytest.mark.parametrize("seed", range(3))
def test_a_ball_that_jumps_is_lost_then_measured_where_it_went(seed):
    path = line(30, 30, 3.0)
    path[9:] += [50, 35]
    seen = see(film((path, 10.0, RED), seed=seed), fps=FPS, context=1)
    assert seen.tracks.bodies.status[9, 0] == LOST
    error = np.linalg.norm(pixels(seen)[:, 0] - path, axis=-1)
    assert np.isfinite(error[11:]).all()
    assert np.nanmax(error) < 1


@pytest.mark.parametrize("patch", ["wall", "grey"])
def test_a_ball_that_is_painted_over_is_lost(patch):
    path = line(30, 40, 4.0)
    video = film((path, 10.0, RED), coded=False)
    for t in range(8, 12):
        x, y = path[t].astype(int)
        piece = video[t, 80 - 13 : 80 + 13, 130 - 13 : 130 + 13] if patch == "wall" else 128
        video[t, y - 13 : y + 13, x - 13 : x + 13] = piece
    status = see(through_h264(video), fps=FPS).tracks.bodies.status[:, 0]
    assert (status[8:12] == LOST).all()
    assert (np.delete(status, slice(8, 12)) == VISIBLE).all()


def test_balls_of_one_colour_that_pass_each_other_keep_their_names():
    paths = [line(25, 40, 5.0), line(130, 56, -5.0)]
    seen = see(film((paths[0], 10.0, RED), (paths[1], 8.0, RED)), fps=FPS)
    error = np.linalg.norm(pixels(seen) - np.stack(paths, axis=1), axis=-1)
    apart = np.linalg.norm(paths[0] - paths[1], axis=-1) > 21
    assert np.isfinite(error[apart]).all()
    assert np.nanmax(error) < 2


def test_swinging_light_moves_nothing():
    path = line(30, 40, 3.5)
    light = 1 + 0.2 * np.sin(np.arange(20) / 3)
    seen = see(film((path, 10.0, RED), light=light), fps=FPS)
    error = np.linalg.norm(pixels(seen)[:, 0] - path, axis=-1)
    assert np.median(error) < 0.5
    assert error.max() < 2


@pytest.mark.slow
def test_stated_uncertainty_is_about_the_error():
    errors = []
    for seed in range(8):
        path = line(30 + seed, 40, 3.3, 0.4)
        seen = see(film((path, 9.0 + 0.5 * seed, RED if seed % 2 else BLUE), seed=seed), fps=FPS)
        errors.append((pixels(seen)[:, 0] - path) / (seen.uncertainty * HEIGHT))
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) < 2


def test_a_square_shows_its_place_and_how_it_turns():
    x, y = np.mgrid[:WIDTH, :HEIGHT].T.reshape(-1, 2).T + 0.5
    ground, frames = backdrop(3), []
    path, angle = line(45, 40, 3.0, 0.8), 0.08 * np.arange(20)
    for t in range(20):
        cover = np.zeros(HEIGHT * WIDTH)
        for dx, dy in np.stack(np.meshgrid([-0.3, 0, 0.3], [-0.3, 0, 0.3]), -1).reshape(-1, 2):
            u, v = x + dx - path[t, 0], y + dy - path[t, 1]
            turned = [
                np.cos(angle[t]) * u + np.sin(angle[t]) * v,
                np.cos(angle[t]) * v - np.sin(angle[t]) * u,
            ]
            cover += (np.abs(turned[0]) < 14) & (np.abs(turned[1]) < 7)
        cover = cover.reshape(HEIGHT, WIDTH, 1) / 9
        frames.append(ground + cover * (BLUE - ground))
    noise = np.random.default_rng(0).normal(0, 10, (20, HEIGHT, WIDTH, 3))
    seen = see(through_h264(np.clip(np.array(frames) + noise, 0, 255).astype(np.uint8)), fps=FPS)
    assert not seen.things.disc[0]
    assert np.linalg.norm(pixels(seen)[:, 0] - path, axis=-1).max() < 1
    seen_angle = seen.tracks.bodies.angle[:, 0]
    np.testing.assert_allclose(seen_angle - seen_angle[0], -angle, atol=0.05)


@pytest.mark.parametrize(
    "hint", [{"boxes": [[0, 110, 56, 20, 20, "cup"]]}, {"points": [[0, 120, 66, "cup"]]}]
)
def test_what_is_pointed_at_is_followed_alone_by_its_name(hint):
    path = line(120, 66, -2.3, -0.9)
    seen = see(film((line(30, 30, 4.1), 12.0, RED), (path, 8.0, BLUE)), fps=FPS, **hint)
    assert seen.things.name == ("cup",)
    assert np.linalg.norm(pixels(seen)[:, 0] - path, axis=-1).max() < 1


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ({"boxes": [[0, 1, 2, 3]]}, "expected frame, left, top, width, height"),
        ({"boxes": [[99, 1, 2, 3, 4]]}, "frame 99 is not within 0 to 19"),
        ({"boxes": [[0, 500, 2, 30, 40, "cup"]]}, "cup: lies outside"),
        ({"points": [[0, "left", 5]]}, "expected frame, x, y"),
        ({"points": [[0, 140, 80, "wall"]]}, "wall: nothing there stands out"),
    ],
)
def test_a_hint_that_does_not_fit_is_one_line(hint, message):
    with pytest.raises(BadInput, match=message):
        see(film((line(30, 30, 4.1), 12.0, RED)), fps=FPS, **hint)


def test_a_moving_camera_is_noticed_and_a_still_one_is_not():
    still = film((line(40, 40, 3.0), 10.0, RED), coded=False)
    panned = np.stack([np.roll(frame, -t, axis=1)[:, :-20] for t, frame in enumerate(still)])
    assert not see(still, fps=FPS).moving_camera
    assert see(panned, fps=FPS).moving_camera


def test_the_same_pixels_give_the_same_tracks():
    video = film((line(30, 30, 4.1), 12.0, RED))
    one, other = (see(video.copy(), fps=FPS).tracks.bodies for _ in range(2))
    np.testing.assert_array_equal(one.position, other.position)


@pytest.mark.slow
def test_our_own_textured_films_are_followed_to_half_a_pixel():
    errors = []
    for seed in range(4):
        rule = scenarios.get("collision")()
        scene, _ = draw_scene(rule, training_region(type(rule)), seed=seed, split="foreign-test", index=0)
        truth = rule.simulate(scene, 24, 0.1)
        film_ = render_textured(scene, truth, 128, 128, rng=np.random.default_rng(seed), noise=10.0)
        _, tracks = tracker("foreign")(through_h264(film_), context=3, extent=scene.extent, fps=FPS)
        tracks = match(tracks, truth)
        assert not len(tracks.extra.frame)
        error = np.linalg.norm(tracks.bodies.position - truth.position, axis=-1) * 12.8
        apart = np.linalg.norm(np.diff(truth.position, axis=1)[:, 0], axis=-1) > truth.size[0].sum() + 0.2
        counted = (truth.status == VISIBLE) & apart[:, None]
        assert np.isfinite(error[counted]).mean() > 0.99
        errors.append(error[counted])
    errors = np.concatenate(errors)
    assert np.nanmedian(errors) < 0.5
    assert np.nanpercentile(errors, 95) < 2


@pytest.mark.slow
def test_things_described_once_are_followed_in_another_video():
    ball = (line(30, 40, 4.0), 10.0, RED)
    things = describe(film(ball)[:6])
    slow = line(30, 40, 1.5)
    seen = follow(film((slow, 10.0, RED)), things, fps=FPS, extent=(10.0, 6.0))
    position = seen.tracks.bodies.position[:, 0] * 16
    np.testing.assert_allclose(position[:, 0], slow[:, 0], atol=0.6)
    np.testing.assert_allclose(96 - position[:, 1], slow[:, 1], atol=0.6)


def test_the_exam_reads_with_the_foreign_tracker():
    path = line(30, 40, 4.0)
    shapes, tracks = tracker("foreign")(film((path, 10.0, RED)), context=1, extent=(10.0, 6.0), fps=FPS)
    assert shapes == ("ball",)
    np.testing.assert_allclose(tracks.bodies.velocity[:, 0, 0], 4.0 / 16 * FPS, atol=0.4)


def test_an_empty_scene_is_bad_input():
    with pytest.raises(BadInput, match="nothing that stands out"):
        see(film(), fps=FPS)


def test_a_user_s_tracks_are_read(tmp_path):
    path = tmp_path / "tracks.csv"
    path.write_text(
        "frame,object,x,y,radius,visible,score\n0,a,10,20,5,1,0.9\n1,a,12,20,5,0,0.1\n2,b,3,4,,,\n"
    )
    seen = read_tracks_csv(path, num_frames=3, fps=10.0, extent=(20.0, 10.0), height=100)
    np.testing.assert_allclose(seen.tracks.bodies.position[0, 0], [1.0, 8.0])
    assert seen.tracks.bodies.status.tolist() == [[VISIBLE, LOST], [LOST, LOST], [LOST, VISIBLE]]
    assert seen.things.name == ("a", "b")
    assert "score" in seen.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must name the columns"),
        ("0,a,1,2\n", "must name the columns"),
        ("frame,object,x,y\n", "no rows"),
        ("frame,object,x,y\n0,a,1\n", "line 2: 3 values for 4 columns"),
        ("frame,object,x,y\n0,a,1,zwei\n", "line 2: y: expected a number; found 'zwei'"),
        ("frame,object,x,y\n0,a,1,2\n0,a,1,2\n", "line 3: object 'a' has two rows for frame 0"),
        ("frame,object,x,y\n9,a,1,2\n", "frame 9 is not within 0 to 2"),
        ("frame,object,x,y\n0,a,1,inf\n", "expected a number"),
        ("frame,object,x,y\n0,a,1,\n", "expected both or neither"),
        ("frame,object,x,y,x\n0,a,1,2,3\n", "two columns are named 'x'"),
    ],
)
def test_a_wrong_csv_is_one_line(tmp_path, text, message):
    path = tmp_path / "tracks.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message) as error:
        read_tracks_csv(path, num_frames=3, fps=10.0, extent=None, height=100)
    assert "\n" not in str(error.value)

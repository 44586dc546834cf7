"""Foreign tracking of films with fades, cuts, cameras that move, and things as tall as the picture."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from drawn_films import BLUE, FPS, HEIGHT, RED, WIDTH, backdrop, film, line, pixels
from worldlaw.core.types import CUT, HIDDEN, VISIBLE
from worldlaw.measure.tracking.foreign import see

NUM_FRAMES = 20


def ball_film(ground=None, noise=3.0, **kinds):
    return film((line(30, 40, 4.0), 10.0, RED), coded=False, noise=noise, ground=ground, **kinds)


@pytest.mark.parametrize(
    "light",
    [
        np.r_[0.0, np.ones(19)],
        np.r_[np.linspace(0, 1, 6), np.ones(14)],
        np.r_[np.ones(15), np.linspace(0.9, 0, 5)],
        np.r_[np.ones(9), 0, 0, np.ones(9)],
    ],
    ids=["black lead-in", "fade in", "fade out", "black between"],
)
def test_black_frames_hide_what_is_in_them(light):
    seen = see(ball_film(light=light, noise=1.0), fps=FPS)
    status = seen.tracks.bodies.status[:, 0]
    assert set(status[light < 0.1]) == {HIDDEN}
    assert set(status[light > 0.3]) == {VISIBLE}
    assert np.isnan(seen.tracks.bodies.position[light < 0.1]).all()
    assert seen.cut is None


def test_a_fade_does_not_change_the_colour_of_things():
    light = np.r_[np.ones(15), np.linspace(0.9, 0.3, 5)]
    color = see(ball_film(light=light, noise=1.0), fps=FPS).tracks.bodies.color[:, 0]
    assert np.abs(color - color[0]).max() < 0.05


def test_a_bright_ball_that_leaves_a_black_room_is_no_fade():
    path = line(60, 50, 0.0)
    path[12:] = np.nan
    video = film((path, 22.0, RED), coded=False, noise=0.0, ground=np.zeros((HEIGHT, WIDTH, 3)))
    status = see(video, fps=FPS).tracks.bodies.status[:, 0]
    assert (status[:12] == VISIBLE).all()
    assert not (status == HIDDEN).any()


def wide_wall():
    return np.concatenate([backdrop(1), backdrop(2)], axis=1)


def panned(left):
    wall = wide_wall()
    frames = []
    for t in range(NUM_FRAMES):
        ground = wall[:, int(left[t]) : int(left[t]) + WIDTH]
        frames.append(film((line(40, 40, 3.0)[[t]], 10.0, RED), num_frames=1, ground=ground, coded=False)[0])
    return np.stack(frames)


def zoomed(share):
    frames = []
    for t, frame in enumerate(ball_film()):
        larger = zoom(frame.astype(float), (1 + share * t, 1 + share * t, 1), order=1)
        top, left = (larger.shape[0] - HEIGHT) // 2, (larger.shape[1] - WIDTH) // 2
        frames.append(larger[top : top + HEIGHT, left : left + WIDTH].round().astype(np.uint8))
    return np.stack(frames)


@pytest.mark.parametrize(
    "video",
    [
        panned(5 * np.arange(NUM_FRAMES)),
        panned(10 + 4 * np.round(np.sin(1.7 * np.arange(NUM_FRAMES)))),
        zoomed(0.01),
    ],
    ids=["pan", "shake", "zoom"],
)
def test_a_camera_that_moves_is_noticed(video):
    assert see(video, fps=FPS).moving_camera


@pytest.mark.parametrize("radius", [10.0, 30.0])
def test_a_camera_that_stands_is_not_said_to_move(radius):
    seen = see(film((line(35, 48, 4.5), radius, BLUE)), fps=FPS)
    assert not seen.moving_camera
    assert seen.cut is None


def test_a_large_ball_before_a_plain_wall_is_no_moving_camera():
    places = np.linspace([20, 40], [140, 70], NUM_FRAMES)
    video = film((places, 26.0, RED), coded=False, noise=0.0, ground=np.full((HEIGHT, WIDTH, 3), 250.0))
    assert not see(video, fps=FPS).moving_camera


@pytest.mark.slow
def test_a_cut_is_told_with_its_frame():
    video = np.concatenate([ball_film()[:8], ball_film(ground=backdrop(5) * 0.9, seed=5)[8:]])
    assert see(video, fps=FPS).cut == 8


def test_a_pole_from_edge_to_edge_has_no_place():
    ground = backdrop(3)
    ground[:, 120:128] = [30, 40, 160]
    seen = see(ball_film(ground=ground), fps=FPS)
    tall = seen.things.box[:, 3] > HEIGHT - 3
    assert tall.sum() == 1
    assert (seen.tracks.bodies.status[:, tall] == CUT).all()
    assert (seen.tracks.bodies.status[:16, ~tall] == VISIBLE).all()


@pytest.mark.parametrize("color", [[235, 230, 220], [50, 35, 20]], ids=["light", "dark"])
@pytest.mark.parametrize("length", [60, WIDTH], ids=["short", "full"])
def test_a_ball_that_rolls_on_a_table_is_followed_without_the_table(length, color):
    ground = backdrop(4)
    ground[60:65, :length] = color
    path = line(25, 50, 4.0)
    path[12:, 1] += 0.4 * np.arange(NUM_FRAMES - 12) ** 2 if length < WIDTH else 0
    seen = see(film((path, 10.0, RED), coded=False, noise=3.0, ground=ground), fps=FPS)
    assert seen.things.num_things == 1
    assert np.abs(pixels(seen)[:, 0] - path).max() < 1
    assert not len(seen.tracks.extra.frame)


def test_a_ball_that_turns_up_and_rests_is_seen_all_the_same():
    late = line(110, 30, 0.0)
    late[:7] = np.nan
    seen = see(film((line(30, 70, 4.0), 10.0, RED), (late, 9.0, BLUE), coded=False, noise=3.0), fps=FPS)
    assert seen.things.num_things == 2
    assert (seen.tracks.bodies.status[8:, 1] == VISIBLE).all()

"""Videos for people: what is written can be opened, is what was meant, and is the same every time."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from worldlaw.clips.films import read_film
from worldlaw.clips.media import SEPARATOR, SEPARATOR_COLOR, encode_mp4, film_strip, write_video
from worldlaw.core.errors import BadInput

SUFFIXES = (".gif", ".mp4", ".png", ".webp")


def read_video(path):
    film = read_film(path, least_frames=1)
    return film.frames, film.fps


def moving_square(num_frames: int = 6, height: int = 32, width: int = 48) -> np.ndarray:
    """A red square on white that steps two pixels to the right every frame."""
    frames = np.full((num_frames, height, width, 3), 255, np.uint8)
    for t in range(num_frames):
        frames[t, 8:20, 2 * t : 2 * t + 12] = (255, 0, 0)
    return frames


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animated_pictures_give_every_pixel_and_the_rate_back(tmp_path, suffix):
    frames = moving_square()
    write_video(tmp_path / f"clip{suffix}", frames, 10.0)
    found, fps = read_video(tmp_path / f"clip{suffix}")
    np.testing.assert_array_equal(found, frames)
    assert fps == 10.0


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_that_stand_still_come_back_as_often_as_they_were_written(tmp_path, suffix):
    frames = moving_square()[[0, 1, 1, 1, 1, 2]]  # writers merge the four into one that is shown for longer
    write_video(tmp_path / f"clip{suffix}", frames, 10.0)
    found, fps = read_video(tmp_path / f"clip{suffix}")
    np.testing.assert_array_equal(found, frames)
    assert fps == 10.0


def test_mp4_gives_frames_back_to_a_few_levels_away_from_edges(tmp_path):
    frames = moving_square()
    write_video(tmp_path / "clip.mp4", frames, 12.5)
    found, fps = read_video(tmp_path / "clip.mp4")
    assert found.shape == frames.shape
    assert found.dtype == np.uint8
    assert fps == 12.5
    for t in range(len(frames)):
        inside, outside = found[t, 10:18, 2 * t + 2 : 2 * t + 10], found[t, 24:]
        assert np.abs(inside.astype(int) - (255, 0, 0)).max() <= 6
        assert np.abs(outside.astype(int) - 255).max() <= 6


def test_mp4_keeps_the_study_colors_on_their_side_of_its_threshold(tmp_path):
    for color in ((255, 0, 0), (0, 0, 255), (255, 255, 255)):
        frames = np.empty((3, 32, 32, 3), np.uint8)
        frames[...] = color
        write_video(tmp_path / "clip.mp4", frames, 10.0)
        found, _ = read_video(tmp_path / "clip.mp4")
        assert np.abs(found.astype(int) - color).max() <= 3


def test_an_odd_side_of_an_mp4_gets_a_copy_of_its_last_row_or_column(tmp_path):
    write_video(tmp_path / "clip.mp4", moving_square(height=31, width=47), 10.0)
    found, _ = read_video(tmp_path / "clip.mp4")
    assert found.shape == (6, 32, 48, 3)
    assert np.abs(found[:, 31].astype(int) - found[:, 30]).max() <= 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_frames_give_the_same_bytes(tmp_path, suffix):
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    contents = set()
    for attempt in range(5):
        path = tmp_path / f"{attempt}{suffix}"
        write_video(path, frames, 10.0)
        contents.add(path.read_bytes())
    assert len(contents) == 1
    assert not list(tmp_path.glob("*.part"))


def test_small_moving_clips_encode_to_the_same_mp4_every_time():
    # With x264's macroblock tree about one call in forty gave other bytes for clips like these.
    frames = moving_square(num_frames=32, height=64, width=96)[:, :, :64]
    assert len({encode_mp4(frames, 10.0) for _ in range(60)}) == 1


def test_a_film_strip_holds_evenly_spaced_frames_with_lines_between():
    frames = np.arange(15, dtype=np.uint8)[:, None, None, None] * np.ones((15, 4, 6, 3), np.uint8)
    strip = film_strip(frames)
    assert strip.shape == (4, 8 * 6 + 7 * SEPARATOR, 3)
    period = 6 + SEPARATOR
    np.testing.assert_array_equal(strip[0, ::period, 0], [0, 2, 4, 6, 8, 10, 12, 14])
    assert (strip[:, 6:period] == SEPARATOR_COLOR).all()


def test_a_film_strip_of_a_short_video_shows_each_frame_once():
    assert film_strip(moving_square(num_frames=3)).shape == (32, 3 * 48 + 2 * SEPARATOR, 3)
    assert film_strip(moving_square(num_frames=1)).shape == (32, 48, 3)


def test_a_still_picture_says_nothing_of_its_rate(tmp_path):
    write_video(tmp_path / "clip.webp", moving_square(num_frames=1), 10.0)
    found, fps = read_video(tmp_path / "clip.webp")
    assert found.shape == (1, 32, 48, 3)
    assert math.isnan(fps)


def test_an_unknown_suffix_is_answered_with_those_that_work(tmp_path):
    with pytest.raises(
        BadInput, match=r"clip\.avi: cannot write \.avi; expected \.mp4, \.gif, \.webp, \.png"
    ):
        write_video(tmp_path / "clip.avi", moving_square(), 10.0)
    assert not list(tmp_path.iterdir())


def test_without_pyav_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadInput, match=r"mp4 needs PyAV: pip install av"):
        write_video(tmp_path / "clip.mp4", moving_square(), 10.0)
    assert not list(tmp_path.iterdir())
    write_video(tmp_path / "clip.gif", moving_square(), 10.0)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_frame_shown_longer_than_the_format_can_tell_is_refused(tmp_path, suffix):
    with pytest.raises(BadInput, match="shows a frame for at most"):
        write_video(tmp_path / f"slow{suffix}", moving_square(), 1e-5)

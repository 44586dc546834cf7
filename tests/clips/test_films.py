"""Films: what was written is read with its times, and whatever is wrong with a file is one line."""

from __future__ import annotations

import pickle
import zipfile
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from worldlaw.clips.film import Encoding
from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4, write_video
from worldlaw.clips.recompression import recompress
from worldlaw.core.errors import BadInput


def moving_square(num_frames=8, height=48, width=64):
    """A red square on white that steps three pixels to the right every frame."""
    frames = np.full((num_frames, height, width, 3), 255, np.uint8)
    for t in range(num_frames):
        frames[t, 8:24, 3 * t : 3 * t + 16] = (255, 0, 0)
    return frames


def write(path, frames, *, codec="libx264", fps=10, times=None, turned=0, pixels="yuv420p", **options):
    """A file as other tools write it; ``times`` in ms makes the frame rate uneven."""
    with av.open(str(path), "w", options=options) as out:
        stream = out.add_stream(codec, rate=fps)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        if turned:
            stream.set_display_rotation(turned)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for t, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[t], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def near(found, frames, most):
    """Whether two videos have one shape and differ by at most so many levels on average."""
    return found.shape == frames.shape and np.abs(found.astype(float) - frames).mean() < most


@pytest.mark.parametrize(
    ("name", "codec", "read_as"),
    [
        ("a.mp4", "libx264", "h264"),
        ("a.mov", "libx264", "h264"),
        ("a.mkv", "libx264", "h264"),
        ("a.webm", "libvpx-vp9", "vp9"),
        ("a.avi", "mpeg4", "mpeg4"),
        ("a.mp4", "libx265", "hevc"),
    ],
)
def test_every_container_gives_frames_times_and_codec_back(tmp_path, name, codec, read_as):
    frames = moving_square()
    film = read_film(write(tmp_path / name, frames, codec=codec, fps=16))
    assert near(film.frames, frames, 8)
    assert film.codec == film.encoding.codec == read_as
    assert film.fps == 16
    np.testing.assert_allclose(film.time, np.arange(8) / 16, atol=1e-6)
    assert film.notes == ()


def test_a_file_is_what_its_bytes_say_whatever_its_name(tmp_path):
    write(tmp_path / "a.mkv", moving_square())
    (tmp_path / "a.mkv").rename(tmp_path / "a.mp4")
    assert read_film(tmp_path / "a.mp4").container == "matroska"


def test_a_playlist_under_the_name_of_a_video_opens_no_other_file(tmp_path):
    write(tmp_path / "a.mp4", moving_square())
    (tmp_path / "b.mp4").write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n")
    with pytest.raises(BadInput, match=r"b\.mp4: not a readable mp4 video \(\d+ bytes\)"):
        read_film(tmp_path / "b.mp4")
    (tmp_path / "c.avi").write_text("ffconcat version 1.0\nfile a.mp4\n")
    with pytest.raises(BadInput, match=r"c\.avi: not a readable avi video"):
        read_film(tmp_path / "c.avi")


def test_uneven_times_are_kept(tmp_path):
    times = [0, 100, 200, 250, 300, 500, 900, 1000]
    film = read_film(write(tmp_path / "a.mkv", moving_square(), times=times))
    np.testing.assert_allclose(film.time, np.array(times) / 1000, atol=0.002)
    assert not film.steady
    assert read_film(write(tmp_path / "b.mkv", moving_square(), fps=16)).steady


def test_how_strongly_a_file_was_compressed_is_read_from_it(tmp_path):
    write(tmp_path / "a.mp4", moving_square(), crf="31")
    (tmp_path / "b.mp4").write_bytes(encode_mp4(moving_square(), 10.0, quality=19))
    found = read_film(tmp_path / "b.mp4").encoding
    assert (found.codec, found.pixels, found.control, found.amount) == ("h264", "yuv420p", "crf", 19.0)
    write(tmp_path / "c.avi", moving_square(), codec="mpeg4")
    assert read_film(tmp_path / "c.avi").encoding.control == "bits"


def test_the_same_codec_again_loses_what_the_file_lost(tmp_path):
    frames = moving_square()
    (tmp_path / "a.mp4").write_bytes(encode_mp4(frames, 10.0, quality=30))
    film = read_film(tmp_path / "a.mp4")
    through, said = recompress(frames, film.encoding, 10.0)
    np.testing.assert_array_equal(through, film.frames)
    assert said == "h264 yuv420p crf 30"


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding("hevc", "yuv420p", "crf", 28.0),
        Encoding("vp9", "yuv420p", "bits", 4000.0),
        Encoding("av1", "yuv420p", "bits", 4000.0),
        Encoding("mpeg4", "yuv420p", "bits", 9000.0),
        Encoding("mjpeg", "yuvj420p", "bits", 20000.0),
        Encoding("h264", "yuv444p", "bits", 3000.0),
        Encoding("webp", "lossy"),
        Encoding("prores"),
        Encoding("gif"),
    ],
    ids=str,
)
def test_every_codec_keeps_shape_and_look_and_gives_the_same_frames_twice(encoding):
    frames = moving_square(6, 47, 63)
    (first, said), (second, _) = (recompress(frames, encoding, 12.0) for _ in range(2))
    assert near(first, frames, 12)
    np.testing.assert_array_equal(first, second)
    assert said


def test_jpeg_frames_are_lost_by_their_own_tables(tmp_path):
    frames = moving_square()
    folder = tmp_path / "a"
    folder.mkdir()
    for t, picture in enumerate(frames):
        Image.fromarray(picture).save(folder / f"frame_{t + 1}.jpg", quality=40)
    Image.fromarray(frames[0]).save(folder / "frame_10.jpg", quality=40)
    film = read_film(folder)
    assert len(film.frames) == 9
    assert film.time is None
    np.testing.assert_array_equal(recompress(frames, film.encoding, 10.0)[0], film.frames[:8])
    assert near(film.frames[8:], frames[:1], 8)  # frame_10 comes last


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_that_a_writer_merged_are_told_apart_again(tmp_path, suffix):
    frames = moving_square()[[0, 1, 1, 1, 2, 3]]
    write_video(tmp_path / f"a{suffix}", frames, 12.5)
    film = read_film(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(film.frames, frames)
    assert film.fps == 12.5


def test_a_turned_film_is_shown_upright_as_players_do(tmp_path):
    frames = moving_square()
    film = read_film(write(tmp_path / "a.mp4", frames, turned=90))
    assert near(film.frames, np.rot90(frames, 1, axes=(1, 2)), 8)
    assert [code for code, _ in film.notes] == ["rotated"]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_film_that_breaks_off_gives_what_there_is_and_says_so(tmp_path, name):
    frames = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), np.uint8)
    path = write(tmp_path / name, frames, movflags="faststart") if name == "a.mp4" else None
    path = path or write(tmp_path / name, frames)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    film = read_film(path)
    assert 2 <= len(film.frames) < 30
    assert any(code == "damaged" and str(len(film.frames)) in line for code, line in film.notes)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (moving_square() / 255.0, "floats"),
        ((moving_square() / 255).astype(np.float32), "floats"),
        (np.moveaxis(moving_square(), -1, 1), "axes"),
        (moving_square()[None], "axes"),
        (np.concatenate([moving_square(), moving_square()[..., :1]], axis=-1), "alpha"),
        (moving_square().astype(np.int64), "integers"),
    ],
    ids=["float64", "float32", "channels first", "batch", "alpha", "int64"],
)
def test_arrays_of_other_kinds_are_taken_with_a_note(tmp_path, array, code):
    np.savez_compressed(tmp_path / "a.npz", video=array, fps=12.0)
    film = read_film(tmp_path / "a.npz")
    np.testing.assert_array_equal(film.frames, moving_square())
    assert [name for name, _ in film.notes] == [code]
    assert film.fps == 12


def test_a_single_grey_array_without_a_rate_is_enough(tmp_path):
    grey = moving_square()[..., 1]
    np.save(tmp_path / "a.npy", np.asfortranarray(grey))
    film = read_film(tmp_path / "a.npy")
    np.testing.assert_array_equal(film.frames[..., 2], grey)
    assert film.time is None


def with_nan():
    video = moving_square() / 255
    video[3, 4, 5] = np.nan
    return video


class Evil:
    """What a pickle would run if it were opened."""

    opened = []

    def __reduce__(self):
        return (Evil.opened.append, ("opened",))


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"video": with_nan()}, "3 values are NaN or infinite"),
        ({"video": moving_square() / 127.5 - 1}, "floats from -1 to 1; expected uint8, or 0 to 1"),
        ({"video": np.array([Evil()], object)}, "holds Python objects"),
        ({"a": moving_square(), "b": moving_square()}, "expected an array named video, or a single one"),
        ({"video": moving_square()[0, 0]}, "shape .* expected"),
        ({"video": np.zeros((0, 4, 4, 3), np.uint8)}, "an array of nothing"),
        ({"video": np.zeros((5, 5, 5, 5), np.uint8)}, "shape .* expected"),
        ({"video": moving_square().astype(int) * 2}, "int64 from 0 to 510"),
        ({"video": moving_square() > 9}, "true and false"),
        ({"video": moving_square(), "fps": np.array(-3.0)}, "fps: expected a number from 0.1 to 10,000"),
        ({"video": np.array(["a"])}, "expected uint8"),
        ({"video": moving_square()[:1]}, "1 frame; a video has at least 2"),
    ],
)
def test_other_arrays_are_one_line(tmp_path, arrays, expected):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadInput, match=rf"a\.npz: .*{expected}") as caught:
        read_film(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)
    assert Evil.opened == []


def test_an_array_that_declares_more_than_there_is_is_not_made(tmp_path):
    huge = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 4000, 4000, 3)}
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, huge)
    with pytest.raises(BadInput, match="more than there is or may be"):
        read_film(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.npy", "video.npy")
    with pytest.raises(BadInput, match="more than there is or may be"):
        read_film(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.mp4", "a.npz", "a.gif", "a.png"])
def test_larger_than_is_read_is_one_line(tmp_path, name):
    if name == "a.png":
        (tmp_path / name).mkdir()
        for t, picture in enumerate(moving_square()):
            Image.fromarray(picture).save(tmp_path / name / f"{t}.png")
    elif name == "a.npz":
        np.savez(tmp_path / name, moving_square())
    else:
        write_video(tmp_path / name, moving_square(), 10.0)
    assert len(read_film(tmp_path / name, most_pixels=8 * 48 * 64).frames) == 8
    with pytest.raises(BadInput, match="more than"):
        read_film(tmp_path / name, most_pixels=7 * 48 * 64)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi", ".gif", ".webp", ".npz", ".npy"])
def test_what_is_no_video_is_one_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(BadInput, match="no such file"):
        read_film(path)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match=r"empty \(0 bytes\)"):
        read_film(path)
    path.write_bytes(b"not a video")
    with pytest.raises(BadInput, match=rf"not a readable {suffix[1:]} video \(11 bytes\)"):
        read_film(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadInput, match=r"not a readable .* video"):
        read_film(path)
    assert Evil.opened == []


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".webp", ".npz"])
def test_a_file_cut_to_its_head_is_one_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        np.savez(path, moving_square())
    else:
        write_video(path, moving_square(), 10.0)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BadInput, match=f"not a readable {suffix[1:]}"):
        read_film(path)


def test_a_file_with_sound_only_or_another_suffix_is_one_line(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    with pytest.raises(BadInput, match="no video stream in it"):
        read_film(tmp_path / "a.mp4")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(BadInput, match=r"cannot read \.txt; expected \.mp4"):
        read_film(tmp_path / "a.txt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="no PNG or JPEG frames"):
        read_film(tmp_path / "folder")


def test_frames_of_two_sizes_are_named(tmp_path):
    for t, size in enumerate(((4, 4), (4, 5))):
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / f"{t}.png")
    with pytest.raises(BadInput, match=r"1\.png: 5 x 4; the frames before differ"):
        read_film(tmp_path)


def test_without_pyav_it_is_named(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", moving_square(), 10.0)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(BadInput, match=r"mp4 needs PyAV: pip install av"):
        read_film(tmp_path / "a.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".gif", ".webp", ".npz", ".npy"])
def test_files_with_changed_bytes_are_read_or_are_one_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix in (".npz", ".npy"):
        {".npz": np.savez_compressed, ".npy": np.save}[suffix](path, moving_square())
    elif suffix in (".mkv", ".avi"):
        write(path, moving_square(), codec="mpeg4")
    else:
        write_video(path, moving_square(), 10.0)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for turn in range(60):
        changed = bytearray(content)
        for place in rng.integers(0, len(content) if turn % 2 else 150, 6):
            changed[place] = rng.integers(256)
        path.write_bytes(bytes(changed[: rng.integers(1, len(content))]) if turn % 5 == 0 else bytes(changed))
        try:
            assert read_film(path, most_pixels=10**6).frames.dtype == np.uint8
        except BadInput as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right

"""Clip shards: lossless, random access, honest about damage."""

import numpy as np
import pyarrow as pa
import pytest

from worldlaw.clips.store import Clip, Clips, Shard, shard_name, write_shard
from worldlaw.clips.tracks import TrackedClip, read_tracks, tracks_name, write_tracks
from worldlaw.core.errors import BadInput
from worldlaw.core.types import Detections, Tracks
from worldlaw.testing import make_recipe


def stored(folder, name="collision", num_clips=7, shard=3):
    recipe = make_recipe(name, resolution=32, num_clips=num_clips)
    for number, start in enumerate(range(0, num_clips, shard)):
        rows = []
        for index in range(start, min(start + shard, num_clips)):
            scene, _ = recipe.scene(index)
            truth = recipe.trajectory(scene)
            rows.append(Clip(index, recipe.frames(scene, truth), scene, truth))
        write_shard(folder / shard_name(number), rows, fps=recipe.fps)
    return recipe


def test_what_is_stored_is_what_comes_back_in_any_order(tmp_path):
    recipe = stored(tmp_path)
    clips = Clips(tmp_path)
    assert len(clips) == 7
    order = [6, 0, 3, 3, 2]
    np.testing.assert_array_equal(clips.read(order), recipe.read(order))
    for index in order:
        scene, _ = recipe.scene(index)
        assert clips.scene(index) == scene
        truth, back = recipe.trajectory(scene), clips.trajectory(index)
        np.testing.assert_array_equal(back.position, truth.position)
        np.testing.assert_array_equal(back.status, truth.status)
        np.testing.assert_allclose(back.color, truth.color, atol=1e-7)


def test_the_first_frames_can_be_read_alone(tmp_path):
    stored(tmp_path)
    clips = Clips(tmp_path)
    np.testing.assert_array_equal(clips.read([5, 1], 3), clips.read([5, 1])[:, :3])


def test_clips_made_on_the_fly_are_the_stored_ones(tmp_path):
    recipe = stored(tmp_path)
    np.testing.assert_array_equal(recipe.read(range(7)), Clips(tmp_path).frames_only().read(range(7)))
    assert recipe.shape == Clips(tmp_path).frames_only().shape


def test_a_model_gets_no_way_to_the_states(tmp_path):
    stored(tmp_path)
    frames = Clips(tmp_path).frames_only()
    assert {name for name in dir(frames) if not name.startswith("_")} == {"fps", "read", "shape"}


def test_a_shard_can_be_read_without_our_code(tmp_path):
    recipe = stored(tmp_path)
    table = pa.ipc.open_file(pa.memory_map(str(tmp_path / shard_name(0)))).read_all()
    row = table.slice(1, 1).to_pylist()[0]
    raw = pa.Codec("zstd").decompress(row["frames"], 12 * 32 * 32 * 3)
    np.testing.assert_array_equal(np.frombuffer(raw, np.uint8).reshape(12, 32, 32, 3), recipe.read([1])[0])


def test_a_truncated_shard_says_so(tmp_path):
    stored(tmp_path)
    path = tmp_path / shard_name(1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match="not a complete clip shard"):
        Clips(tmp_path)


def test_a_flipped_byte_is_found_by_the_check(tmp_path):
    stored(tmp_path)
    path = tmp_path / shard_name(0)
    shard = Shard(path)
    assert shard.check() == []
    content = bytearray(path.read_bytes())
    blob = shard._batch["frames"][0].as_buffer().to_pybytes()
    content[bytes(content).index(blob) + len(blob) // 2] ^= 1
    path.write_bytes(content)
    assert ["clip 0" in fault for fault in Shard(path).check()] == [True]


def test_a_newer_format_is_refused_with_advice(tmp_path):
    stored(tmp_path)
    path = tmp_path / shard_name(0)
    path.write_bytes(path.read_bytes().replace(b'"format": 2', b'"format": 9'))
    with pytest.raises(BadInput, match="this version reads format 2"):
        Shard(path)


def test_an_index_beyond_the_end_is_an_index_error(tmp_path):
    stored(tmp_path)
    with pytest.raises(IndexError):
        Clips(tmp_path).read([7])


def test_tracks_come_back_as_they_were(tmp_path):
    recipe = make_recipe("collision", resolution=32)
    truth = recipe.trajectory(recipe.scene(0)[0])
    extra = Detections(np.array([2, 5]), np.ones((2, 2)), np.array([0.1, 0.2]), np.zeros((2, 3)))
    rows = [
        TrackedClip(4, ("ball", "ring"), Tracks(truth, extra)),
        TrackedClip(5, ("ball", "ball"), Tracks(truth, Detections.none())),
    ]
    write_tracks(tmp_path / tracks_name(0), rows, fps=10.0)
    first, second = read_tracks(tmp_path)
    assert (first.index, first.shape) == (4, ("ball", "ring"))
    np.testing.assert_array_equal(first.tracks.bodies.position, truth.position)
    np.testing.assert_array_equal(first.tracks.extra.frame, [2, 5])
    np.testing.assert_array_equal(first.tracks.extra.size, [0.1, 0.2])
    assert len(second.tracks.extra.frame) == 0

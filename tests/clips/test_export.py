"""Exports read back with the field's libraries, held against the layouts of the study's public code."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from worldlaw.clips import Clip, Clips, write_shard
from worldlaw.clips.export import export_phyworld, export_rollouts, export_videofolder
from worldlaw.clips.films import read_film
from worldlaw.core.artifact import lock_folder
from worldlaw.core.errors import BadInput, Failed
from worldlaw.measure.metrics.study import study_positions
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.flat import render

EXTRA = r"needs the extra: pip install 'worldlaw\[export\]'"


def stored(
    folder, name="collision", num_clips=3, resolution=32, *, shown=None, fps=10.0, **attributes
) -> Clips:
    """A stored split; ``shown`` makes other frames out of the true ones, and drops scene and states."""
    scenario = scenarios.get(name)()
    region = training_region(type(scenario), attributes)
    clips = []
    for index in range(num_clips):
        scene, _ = draw_scene(scenario, region, seed=0, split="id", index=index)
        trajectory = scenario.simulate(scene, 32, 1 / fps)
        frames = render(scene, trajectory, resolution)
        clips.append(Clip(index, shown(frames)) if shown else Clip(index, frames, scene, trajectory))
    folder.mkdir()
    write_shard(folder / "clips-00000.arrow", clips, fps=fps)
    return Clips(folder)


def draw(scene, trajectory):
    """As the study drew."""
    return render(scene, trajectory, 256, edge="study")


def read_study(path, meta_index, local_index):
    """What the study's readers take from its file: frames (T, H, W, 3), states, description."""
    with h5py.File(path) as file:
        stream, states, init = (
            file[f"{group}_streams"][meta_index][local_index] for group in ("video", "position", "init")
        )
    film = path.with_suffix(".mp4")
    film.write_bytes(stream.tobytes())
    return read_film(film).frames, states, init


def test_a_video_folder_has_one_mp4_and_one_line_of_metadata_a_clip(tmp_path):
    clips = stored(tmp_path / "clips")
    out = export_videofolder(clips, tmp_path / "out")
    rows = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == [f"videos/00000/0000000{i}.mp4" for i in range(3)]
    assert len(list(out.rglob("*.mp4"))) == 3
    for index, row in enumerate(rows):
        assert (row["index"], row["fps"], row["scenario"]) == (index, 10.0, "collision")
        assert row["attributes"] == clips.scene(index).attributes
        np.testing.assert_array_equal(row["position"], clips.trajectory(index).position)
        assert row["status"][0] == ["visible", "visible"]
        film = read_film(out / row["file_name"])
        assert film.frames.shape == (32, 32, 32, 3)
        assert film.fps == 10.0


def test_a_video_folder_of_clips_that_were_not_simulated_says_nothing_of_states(tmp_path):
    clips = stored(tmp_path / "clips", shown=lambda frames: frames[::-1])
    out = export_videofolder(clips, tmp_path / "out")
    (row, *_) = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert row == {"file_name": "videos/00000/00000000.mp4", "index": 0, "fps": 10.0}


def test_phyworld_file_of_one_ball_has_the_study_names_shapes_and_values(tmp_path):
    clips = stored(tmp_path / "clips", "uniform_motion")
    path = export_phyworld(clips, tmp_path / "out", draw=draw)
    with h5py.File(path) as file:
        assert sorted(file) == ["init_streams", "position_streams", "video_streams"]
        assert all(list(file[group]) == ["00000"] for group in file)
        assert file["position_streams/00000"].shape == (3, 32, 2)
        assert file["position_streams/00000"].dtype == np.float64
        assert file["init_streams/00000"].shape == (3, 2)
        assert file["init_streams/00000"].dtype == np.float64
        assert file["video_streams/00000"].shape == (3,)
        assert h5py.check_vlen_dtype(file["video_streams/00000"].dtype) == np.uint8
    for index in range(3):
        (ball,) = clips.scene(index).bodies
        frames, states, init = read_study(path, "00000", index)
        assert frames.shape == (32, 256, 256, 3)
        np.testing.assert_array_equal(init, [ball.size, ball.velocity[0]])
        # In units of the 10 m world, not normalised to its size: x = x0 + v t at t = 0, 0.1, ... 3.1 s.
        np.testing.assert_allclose(states[:, 0], ball.position[0] + 0.1 * np.arange(32) * ball.velocity[0])
        np.testing.assert_allclose(states[:, 1], ball.position[1])


def test_phyworld_file_of_two_balls_lists_radii_before_speeds(tmp_path):
    clips = stored(tmp_path / "clips", "collision")
    path = export_phyworld(clips, tmp_path / "out", draw=draw)
    for index in range(3):
        attributes = clips.scene(index).attributes
        _, states, init = read_study(path, "00000", index)
        assert states.shape == (32, 2, 2)
        np.testing.assert_array_equal(states, clips.trajectory(index).position)
        np.testing.assert_array_equal(
            init, [attributes[name] for name in ("size1", "size2", "speed1", "speed2")]
        )
        assert states[0, 0, 0] < states[0, 1, 0]  # ball 1 is the left one


def test_phyworld_videos_show_the_states_beside_them(tmp_path):
    clips = stored(tmp_path / "clips", "collision", num_clips=1)
    frames, states, init = read_study(export_phyworld(clips, tmp_path / "out", draw=draw), "00000", 0)
    for ball, color in enumerate(("red", "blue")):
        position, radius = study_positions(frames, color)
        inside = (np.abs(states[:, ball] - 5) <= 5 - init[ball]).all(axis=-1)
        assert inside.sum() >= 8
        # Drawn at i/(N-1) and read at i/N: up to 10 m / 256 too small, and a little noise of compression.
        off = states[inside, ball] - position[inside]
        assert off.min() > -0.02
        assert off.max() < 10 / 256 + 0.02
        assert np.abs(radius[inside] / init[ball] - 0.9925).max() < 0.02


def test_phyworld_keeps_a_thousand_scenes_in_a_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("worldlaw.clips.export.CHUNK", 2)
    clips = stored(tmp_path / "clips", "parabola", num_clips=5)
    path = export_phyworld(clips, tmp_path / "out", draw=lambda scene, states: render(scene, states, 16))
    with h5py.File(path) as file:
        for group in file.values():
            assert {name: len(chunk) for name, chunk in group.items()} == {"00000": 2, "00001": 2, "00002": 1}
    _, states, init = read_study(path, "00001", 1)
    np.testing.assert_array_equal(states, clips.trajectory(3).position[:, 0])
    np.testing.assert_array_equal(init, [clips.scene(3).attributes[name] for name in ("size", "speed")])


def test_phyworld_codes_color_and_shape_only_where_some_clip_needs_them(tmp_path):
    blue = stored(tmp_path / "blue", "uniform_motion", 1, color=["blue"])
    square = stored(tmp_path / "square", "uniform_motion", 1, shape=["square"])
    assert list(read_study(export_phyworld(blue, tmp_path / "1", draw=draw), "00000", 0)[2][2:]) == [1]
    assert list(read_study(export_phyworld(square, tmp_path / "2", draw=draw), "00000", 0)[2][2:]) == [0, 1]


@pytest.mark.parametrize(
    ("name", "attributes", "reason"),
    [
        ("uniform_motion", {"color": ["green"]}, "clip 0: phyworld has no green ball"),
        ("uniform_motion", {"shape": ["ring"]}, "clip 0: phyworld has no red ring"),
        ("collision", {"direction": ["left"]}, "clip 0: phyworld's collisions are a red ball going right"),
    ],
)
def test_phyworld_refuses_what_its_layout_cannot_hold(tmp_path, name, attributes, reason):
    clips = stored(tmp_path / "clips", name, 1, **attributes)
    with pytest.raises(BadInput, match=reason):
        export_phyworld(clips, tmp_path / "out", draw=draw)
    assert not (tmp_path / "out").exists()


def test_phyworld_refuses_another_frame_rate(tmp_path):
    clips = stored(tmp_path / "clips", "uniform_motion", 1, fps=20.0)
    with pytest.raises(BadInput, match=r"0\.1 s apart; found 20 frames per second"):
        export_phyworld(clips, tmp_path / "out", draw=draw)


def test_rollouts_lie_side_by_side_under_names_that_lead_to_the_true_states(tmp_path):
    true = stored(tmp_path / "true", resolution=64)
    generated = stored(tmp_path / "generated", resolution=64, shown=lambda frames: frames[::-1])
    out = export_rollouts(true, generated, tmp_path / "out")
    files = sorted(path.name for path in out.glob("*.mp4"))
    assert files == [f"00000-0000{i}.mp4" for i in range(3)]
    assert [(name[:5], int(name[6:11])) for name in files] == [("00000", i) for i in range(3)]
    for index, name in enumerate(files):
        film = read_film(out / name)
        frames = film.frames
        assert frames.shape == (31, 256, 3 * 256, 3)  # evaluate.py holds them against all states but the last
        assert film.fps == 10.0
        truth, rollout = true.read([index])[0, :-1], generated.read([index])[0, :-1]
        for panel, expected in enumerate((truth, truth, rollout)):
            shown = frames[:, 2::4, panel * 256 + 2 : (panel + 1) * 256 : 4].astype(
                float
            )  # one of 4 x 4 copies
            assert np.abs(shown - expected).mean() < 3
            x, _ = study_positions(frames[:, :, panel * 256 : (panel + 1) * 256], "red")
            expected_x, _ = study_positions(np.ascontiguousarray(expected), "red")
            assert np.nanmax(np.abs(np.diff(x[:, 0]) - np.diff(expected_x[:, 0]))) < 0.1


def test_rollouts_of_another_size_or_number_are_refused(tmp_path):
    true = stored(tmp_path / "true", "parabola")
    other = stored(tmp_path / "other", "parabola", num_clips=2)
    with pytest.raises(
        BadInput, match=r"2 clips of 32 frames of 32 x 32 at 10 Hz; expected the same as .* 3 clips"
    ):
        export_rollouts(true, other, tmp_path / "out")
    with pytest.raises(BadInput, match="squares of 100 pixels; found 32 x 32"):
        export_rollouts(true, true, tmp_path / "out", panel=100)


def test_an_export_takes_the_place_of_an_earlier_one_of_its_kind_only(tmp_path):
    many, few = stored(tmp_path / "many", "parabola", 3), stored(tmp_path / "few", "parabola", 2)
    out = tmp_path / "out"
    export_videofolder(many, out)
    export_videofolder(few, out)
    assert len(list(out.rglob("*.mp4"))) == 2
    with pytest.raises(BadInput, match="not empty, and not an earlier phyworld-rollouts export"):
        export_rollouts(few, few, out)
    assert len(list(out.rglob("*.mp4"))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "many", "out"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    clips = stored(tmp_path / "clips", "parabola", 1)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="notes: not empty, and not an earlier videofolder export"):
        export_videofolder(clips, tmp_path / "notes")
    with pytest.raises(BadInput, match=r"thesis\.txt: expected a folder, found a file"):
        export_videofolder(clips, tmp_path / "notes" / "thesis.txt")
    assert (tmp_path / "notes" / "thesis.txt").read_text() == "years of work"


def test_an_export_that_fails_leaves_the_earlier_one_and_nothing_else(tmp_path):
    clips = stored(tmp_path / "clips", "parabola", 3)
    out = export_videofolder(clips, tmp_path / "out")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def interrupted(numbers):
        yield from list(numbers)[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_videofolder(clips, tmp_path / "out", progress=interrupted)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "out"]


def test_what_a_killed_export_left_is_swept_away(tmp_path):
    clips = stored(tmp_path / "clips", "parabola", 1)
    (tmp_path / "out.part" / "videos").mkdir(parents=True)
    (tmp_path / "out.part" / "videos" / "half.mp4").write_text("half")
    out = export_videofolder(clips, tmp_path / "out")
    assert [path.name for path in out.rglob("*.mp4")] == ["00000000.mp4"]
    assert sorted(path.name for path in out.iterdir()) == [
        ".worldlaw-export.json",
        "metadata.jsonl",
        "videos",
    ]


def test_two_exports_at_once_into_one_folder_do_not_mix(tmp_path):
    clips = stored(tmp_path / "clips", "parabola", 1)
    (tmp_path / "out.part").mkdir()
    with lock_folder(tmp_path / "out.part"), pytest.raises(Failed, match="another run"):
        export_videofolder(clips, tmp_path / "out")


def test_the_same_clips_give_the_same_bytes(tmp_path):
    clips = stored(tmp_path / "clips", "uniform_motion", 2)
    first, second = (
        export_phyworld(clips, tmp_path / name, draw=draw).read_bytes() for name in ("first", "second")
    )
    assert first == second


def test_without_the_extra_the_line_says_what_to_install(tmp_path, monkeypatch):
    clips = stored(tmp_path / "clips", "uniform_motion", 1)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BadInput, match=EXTRA):
        export_phyworld(clips, tmp_path / "out", draw=draw)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadInput, match="mp4 needs PyAV: pip install av"):
        export_rollouts(clips, clips, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_snippet_of_the_format_page_reads_a_shard(tmp_path, monkeypatch):
    clips = stored(tmp_path / "clips")
    page = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path / "clips")
    found: dict = {}
    exec(snippet, found)
    np.testing.assert_array_equal(found["frames"], clips.read([0])[0])
    np.testing.assert_array_equal(found["position"], clips.trajectory(0).position)
    assert found["scene"]["attributes"] == clips.scene(0).attributes

"""Judging any video: intervals that hold the truth, causes that are told apart, faults that are found."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import LOST, VISIBLE, Body, Detections, Scene, Tracks, Trajectory
from worldlaw.judge.evidence.film_reader import find_videos, in_order
from worldlaw.judge.evidence.flights import course_of, knots_of
from worldlaw.judge.evidence.hints import read_hints
from worldlaw.judge.evidence.video_evidence import evidence_of
from worldlaw.judge.judge_videos import judge_videos
from worldlaw.judge.judgement import judge
from worldlaw.judge.records import SCHEMA
from worldlaw.worlds import scenarios, training_region
from worldlaw.worlds.render.flat import render
from worldlaw.worlds.scenario import draw_scene, true_trajectory

EXTENT, HEIGHT, DT = (10.0, 10.0), 128, 0.1  # m, pixels, s
NOISE = 0.02  # m


def evidence(position, *, noise=NOISE, size=0.6, extra=None, seed=0, dt=DT, scaled=True, timed=True, **more):
    """Evidence of places (T, B, 2) in m, NaN where a thing is lost, with noise of the size that it states."""
    position = np.asarray(position, float)
    T, B, _ = position.shape
    found = np.isfinite(position[..., 0])
    noisy = position + noise * rng_for(seed, "noise").standard_normal(position.shape)
    bodies = Trajectory(
        dt=dt,
        position=noisy,
        size=np.broadcast_to(np.asarray(size, float), (T, B)) + 0.0,
        color=np.broadcast_to(np.eye(3)[np.arange(B) % 3], (T, B, 3)),
        status=np.where(found, VISIBLE, LOST).astype(np.int8),
        confidence=found.astype(float),
    )
    return evidence_of(
        Tracks(bodies, extra or Detections.none()),
        np.full((T, B), noise),
        names=tuple("abc"[:B]),
        extent=more.pop("extent", EXTENT),
        height=HEIGHT,
        scaled=scaled,
        timed=timed,
        **more,
    )


def thrown(num=24, start=(2.0, 7.0), velocity=(1.5, 0.5), gravity=(0.0, -2.5)):
    """(T, 2) m."""
    t = np.arange(num)[:, None] * DT
    return np.array(start) + np.array(velocity) * t + np.array(gravity) * t**2 / 2


def bouncing(restitution, num=40, drop=3.0, g=5.0):
    """(T, 2) m: dropped from ``drop`` above where it bounces, at y = 2."""
    places, first = [], np.sqrt(2 * drop / g)
    for t in np.arange(num) * DT:
        y = 2 + drop - g * t**2 / 2
        since, speed = t - first, restitution * g * first
        while since > 0:
            y, length = 2 + speed * since - g * since**2 / 2, 2 * speed / g
            if since <= length:
                break
            since, speed = since - length, restitution * speed
        places.append((2 + 1.0 * t, y))
    return np.array(places)


def collided(restitution=1.0, masses=(1.0, 0.36), num=32):
    """(T, 2, 2) m: two bodies of those masses meet at x = 5 after 1.55 s, 2 m/s against -1 m/s."""
    t = np.arange(num) * DT - 1.55
    before = np.array([2.0, -1.0])
    mean = (np.array(masses) @ before) / sum(masses)
    parting = restitution * 3.0 / sum(masses) * np.array([-masses[1], masses[0]])
    velocity = np.where(t[:, None] < 0, before, mean + parting)
    return np.stack([np.array([4.4, 5.36]) + velocity * t[:, None], np.full((num, 2), 5.0)], axis=-1)


def quantity(said, name, thing=None):
    return next(q for q in said.quantities if q.name == name and thing in (None, q.thing))


def test_a_bouncing_track_is_cut_at_its_bounces_and_gives_restitution_and_gravity():
    said = judge(evidence(bouncing(0.8)[:, None]))
    (course,) = said.courses
    first = np.sqrt(2 * 3.0 / 5.0)
    times = [first, first * (1 + 2 * 0.8), first * (1 + 2 * 0.8 + 2 * 0.64)]
    knots = knots_of(evidence(bouncing(0.8)[:, None]), course)
    assert [knot.time for knot in knots] == pytest.approx([t for t in times if t < 3.7], abs=0.02)
    bounces = [event for event in said.events if event.kind == "surface"]
    assert len(bounces) == len(knots) >= 1
    for event in bounces:
        assert event.restitution.low < 0.8 < event.restitution.high
    pull = quantity(said, "acceleration", "")
    assert pull.low < 5.0 < pull.high
    assert pull.high - pull.low < 0.5
    assert said.verdict == "normal"
    assert "9.8 lies outside" in quantity(said, "gravity").status


def test_a_frame_that_fits_neither_side_is_left_out_and_named():
    place = thrown()
    place[11] += 0.8
    course = course_of(evidence(place[:, None]), 0)
    assert course.spikes.tolist() == [11]
    assert [(flight.first, flight.last) for flight in course.flights] == [(0, 23)]


@pytest.mark.parametrize("claimed", [0.5, 1.0, 2.0])
def test_intervals_hold_the_truth_about_as_often_as_they_say(claimed):
    held = []
    for seed in range(150):
        told = evidence(thrown()[:, None], seed=seed)
        told = dataclasses.replace(told, deviation=told.deviation * claimed)
        pull = [
            q for q in judge(told).quantities if q.name in ("acceleration_x", "acceleration_y") and q.thing
        ]
        held += [q.low <= {"x": 0.0, "y": -2.5}[q.name[-1]] <= q.high for q in pull]
    assert 0.91 <= np.mean(held) <= 0.99


def test_a_contact_gives_restitution_and_masses_whatever_the_units():
    place = collided()
    metres = judge(evidence(place, size=(1.0, 0.6)))
    heights = judge(
        evidence(
            place / 10,
            noise=NOISE / 10,
            size=(0.1, 0.06),
            dt=1.0,
            scaled=False,
            timed=False,
            extent=(1.0, 1.0),
        )
    )
    (contact,) = [event for event in metres.events if event.kind == "contact"]
    assert contact.restitution.low < 1 < contact.restitution.high
    assert contact.restitution.high - contact.restitution.low < 0.2
    true = 0.36 if contact.things == (0, 1) else 1 / 0.36
    assert contact.mass_ratio.low < true < contact.mass_ratio.high
    assert quantity(metres, "mass_ratio").status == "masses go with areas"
    assert quantity(metres, "velocity_change").unit == "m/s"
    assert quantity(heights, "velocity_change").unit == "height/frame"
    for name in ("restitution", "mass_ratio", "energy_ratio"):
        assert quantity(heights, name).value == pytest.approx(quantity(metres, name).value, rel=1e-3)
    assert metres.verdict == heights.verdict == "normal"


def test_masses_that_do_not_go_with_areas_are_told():
    said = judge(evidence(collided(masses=(1.0, 3.0)), size=(1.0, 0.6)))
    assert quantity(said, "mass_ratio").status == "masses do not go with areas"
    assert said.verdict == "normal"


def test_accelerations_of_two_that_fall_are_in_the_ratio_of_h_over_t_squared():
    both = np.stack([thrown(start=(2, 8)), thrown(start=(6, 8), gravity=(0, -1.25))], axis=1)
    ratio = quantity(judge(evidence(both)), "acceleration_ratio")
    assert ratio.low < 2.0 < ratio.high
    assert ratio.status == "1 lies outside the interval"
    said = judge(evidence(np.stack([thrown(start=(2, 8)), thrown(start=(6, 8))], axis=1)))
    assert quantity(said, "one_acceleration").status == "one for all"


def gone(place, frames):
    place = place.copy()
    place[frames] = np.nan
    return place


def stepped(place, frame, velocity):
    """From a frame on with another velocity."""
    place, later = place.copy(), np.maximum(np.arange(len(place)) - frame, 0)[:, None] * DT
    old = (place[frame] - place[frame - 1]) / DT
    place[frame:] = place[frame] + (later * np.array(velocity))[frame:]
    assert not np.allclose(old, velocity)
    return place


def pushed(num=32):
    """(T, 2, 2) m: two meet at x = 5 after 1.55 s and both go on to the right, as if both were pushed."""
    t = np.arange(num) * DT - 1.55
    velocity = np.where(t[:, None] < 0, [2.0, -1.0], [2.5, 3.5])
    return np.stack([np.array([4.4, 5.36]) + velocity * t[:, None], np.full((num, 2), 5.0)], axis=-1)


LEVEL = thrown(num=30, start=(2, 5), velocity=(1.8, 0), gravity=(0, 0))
TURN = thrown(17)[-1]
UPSIDE = np.concatenate([thrown(17), thrown(17, TURN, (1.5, -3.5), (0, 2.5))[1:]])
FAULTS = {
    "vanish": (gone(LEVEL, slice(14, 20)), "absence"),
    "never comes back": (gone(LEVEL, slice(18, None)), "absence"),
    "appear": (gone(LEVEL, slice(0, 12)), "absence"),
    "teleport": (LEVEL + np.where(np.arange(30) < 15, 0, 1.5)[:, None] * np.array([0, 1]), "jump"),
    "sets off by itself": (stepped(np.full((30, 2), 5.0), 12, (1.5, 0.0)), "uncaused_step"),
    "speeds up": (stepped(LEVEL, 14, (3.0, 1.0)), "uncaused_step"),
    "brakes and goes on": (stepped(LEVEL, 14, (0.6, 0.0)), "uncaused_step"),
    "gravity turns over": (UPSIDE, "uncaused_step"),
    "bounces too high": (bouncing(1.3, num=24, drop=2.0), "rebound_gain"),
    "both pushed the same way": (pushed(24), "imbalance"),
    "parts too fast": (collided(restitution=1.6), "rebound_gain"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_named(name):
    place, kind = FAULTS[name]
    place = place if place.ndim == 3 else place[:, None]
    said = judge(evidence(place, size=(1.0, 0.6)[: place.shape[1]]))
    assert said.verdict == "abnormal"
    assert kind in {sign.kind for sign in said.signs if sign.counts}, said.reason


TIME = np.arange(60) * DT
CIRCLE = 5 + 3 * np.stack([np.cos(TIME), np.sin(TIME)], axis=-1)
SWING = np.stack(
    [5 + 4 * np.sin(0.7 * np.cos(1.6 * TIME)), 9 - 4 * np.cos(0.7 * np.cos(1.6 * TIME))], axis=-1
)
DRAG = np.stack([1 + 2 * (1 - np.exp(-TIME)), 8 - 1.2 * (TIME - 1 + np.exp(-TIME))], axis=-1)


@pytest.mark.parametrize(
    "place",
    [
        CIRCLE[:, None],
        SWING[:, None],
        DRAG[:, None],
        LEVEL[:, None],
        thrown()[:, None],
        bouncing(0.7)[:, None],
        collided(),
        collided(0.3),
        np.full((20, 1, 2), 5.0),
    ],
    ids=["circle", "pendulum", "drag", "level", "thrown", "bouncing", "elastic", "inelastic", "still"],
)
def test_true_motion_is_normal(place):
    for seed in range(10):
        size = (1.0, 0.6)[: place.shape[1]]
        assert judge(evidence(place, size=size, seed=seed)).verdict == "normal"


def test_what_grows_changes_colour_or_comes_from_nowhere_is_found():
    told = evidence(LEVEL[:, None])
    grown = dataclasses.replace(told, size=told.size * np.linspace(1, 2, 30)[:, None])
    assert [s.kind for s in judge(grown).signs if s.counts] == ["appearance_change"]
    color = told.color.copy()
    color[15:] = (0, 1, 0)
    assert [s.kind for s in judge(dataclasses.replace(told, color=color)).signs if s.counts] == [
        "appearance_change"
    ]
    second = Detections(
        np.arange(14, 24), LEVEL[14:24] + np.array([0, 2]), np.full(10, 0.6), np.tile((1.0, 0, 0), (10, 1))
    )
    found = [sign for sign in judge(evidence(LEVEL[:, None], extra=second)).signs if sign.counts]
    assert [(sign.kind, sign.about) for sign in found] == [("intrusion", "a second a appears")]


def test_what_appears_or_vanishes_is_told_with_its_frame():
    for place, frame in ((gone(LEVEL, slice(0, 12)), 12), (gone(LEVEL, slice(18, None)), 18)):
        (sign,) = [sign for sign in judge(evidence(place[:, None])).signs if sign.counts]
        assert (sign.kind, sign.frame) == ("absence", frame)


def test_hints_say_whether_there_is_a_surface_to_bounce_off():
    place = bouncing(0.8)[:, None]
    assert judge(evidence(place, surfaces=())).verdict == "abnormal"
    assert judge(evidence(place, surfaces=((0.0, 1.4, 10.0, 1.4),))).verdict == "normal"


def test_what_cannot_be_measured_says_why():
    assert "at least 8" in judge(evidence(LEVEL[:5, None])).reason
    moving = judge(dataclasses.replace(evidence(LEVEL[:, None]), moving_camera=True))
    assert (moving.verdict, moving.reason) == ("not judged", "the camera moves")
    assert all(np.isnan(q.value) and "the camera moves" in q.status for q in moving.quantities)
    still = judge(evidence(np.full((20, 1, 2), 5.0)))
    assert "nothing moves" in quantity(still, "acceleration", "").status
    assert judge(evidence(np.full((20, 1, 2), np.nan))).verdict == "not judged"


def test_a_hinted_gravity_is_compared():
    said = judge(evidence(thrown()[:, None]), gravity=(0.0, -2.5))
    assert quantity(said, "off_hinted_gravity").status == "as hinted"
    assert quantity(judge(evidence(thrown()[:, None]), gravity=(0.0, -9.8)), "off_hinted_gravity").value > 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"scael": 3}', "did you mean 'scale'"),
        ('{"scale": -3}', "greater than or equal to"),
        ('{"scale": 3, "extent": [1, 2]}', "give one of them"),
        ('{"surfaces": [[1, 2]]}', "expected [x, y, x, y]"),
        ("[1]", "expected an object"),
    ],
)
def test_a_wrong_hint_is_told_in_one_line(tmp_path, text, said):
    (tmp_path / "hints.json").write_text(text)
    with pytest.raises(BadInput, match=r"hints\.json") as error:
        read_hints(tmp_path / "hints.json")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_hints_of_one_video_go_before_those_of_all(tmp_path):
    path = tmp_path / "hints.json"
    path.write_text('{"scale": 30, "fps": 24, "videos": {"b": {"extent": [4, 3], "surfaces": "none"}}}')
    hints = read_hints(path)
    assert (hints.of("x/a.mp4").scale, hints.of("x/a.mp4").surfaces) == (30, None)
    b = hints.of("x/b.mp4")
    assert (b.scale, b.extent, b.fps, b.surfaces) == (None, (4.0, 3.0), 24, ())
    hints.check(["x/a.mp4", "x/b.mp4"])
    with pytest.raises(BadInput, match="unknown video"):
        hints.check(["x/a.mp4"])


def film(folder, name, trajectory, scene, fps=10.0):
    np.savez(folder / f"{name}.npz", video=render(scene, trajectory, 96), fps=fps)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A true parabola, one that vanishes on its way, and a file that is no video."""
    folder = tmp_path_factory.mktemp("videos")
    parabola = scenarios.get("parabola")()
    scene, _ = draw_scene(parabola, training_region(type(parabola)), seed=4, split="judge", index=0)
    truth = parabola.simulate(scene, 24, 0.1)
    film(folder, "true", truth, scene)
    place = truth.position.copy()
    place[9:, 0] = -100
    film(folder, "gone", true_trajectory(scene, place, 0.1), scene)
    (folder / "broken.mp4").write_bytes(b"\0" * 40)
    return folder


@pytest.fixture(scope="module")
def judged(videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("judged")
    (out / "hints.json").write_text('{"extent": [10, 10]}')
    return out, judge_videos([videos], out, hints=out / "hints.json")


def test_films_are_judged_and_the_unreadable_is_counted(judged):
    out, _ = judged
    told = json.loads((out / "judge.json").read_text())
    assert told["counts"] == {"normal": 1, "abnormal": 1, "not judged": 0, "unreadable": 1}
    verdicts = {video["video"]: video["verdict"] for video in told["videos"]}
    assert verdicts == {"broken.mp4": "unreadable", "gone.npz": "abnormal", "true.npz": "normal"}
    true = told["videos"][2]
    assert true["units"] == {"length": "m", "time": "s"}
    pull = next(q for q in true["quantities"] if q["quantity"] == "acceleration" and not q["thing"])
    assert pull["low"] < 2.5 < pull["high"]
    gone = told["videos"][1]
    assert [sign["kind"] for sign in gone["signs"] if sign["counts"]] == ["absence"]
    assert len(true["things"][0]["track"]) > 15


def test_the_table_has_a_row_for_every_quantity_and_the_page_shows_every_video(judged):
    out, every = judged
    table = pq.read_table(out / "judge.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == 3 + sum(len(w.judgement.quantities) for w in every if w.judgement)
    page = (out / "report.html").read_text()
    assert page.count('class="video"') == 2
    assert "1 of 2 videos that could be judged shows signs of being untrue; 1 shows none" in page
    assert "broken.mp4" in page
    assert 'src="http' not in page
    assert page.count("data:image/webp") == 2


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_bytes(judged, videos, tmp_path):
    out, _ = judged
    judge_videos([videos], tmp_path, hints=out / "hints.json", workers=2)
    for name in ("judge.json", "judge.parquet", "report.html"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_the_command_says_a_line_a_video_and_how_it_went(videos, tmp_path, capsys):
    assert main(["judge", str(videos), "--out", str(tmp_path), "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert [line.split()[:2] for line in said.out.splitlines()[:-1]] == [
        ["broken.mp4", "unreadable"],
        ["gone.npz", "abnormal"],
        ["true.npz", "normal"],
    ]
    assert "1 of 3 videos could not be read" in said.err
    assert main(["judge", str(videos / "true.npz"), "--out", str(tmp_path), "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["normal"] == 1
    assert main(["judge", str(videos / "broken.mp4"), "--out", str(tmp_path), "--workers", "1"]) == 2
    assert main(["judge", str(videos / "none.mp4"), "--out", str(tmp_path)]) == 2
    assert "no such file" in capsys.readouterr().err


def test_tracks_of_the_users_own_are_judged_instead(videos, tmp_path):
    place = thrown(num=24) * 9.6  # 96 rows for 10 m
    rows = [f"{k},ball,{x},{96 - y},6" for k, (x, y) in enumerate(place)]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "true.csv").write_text("\n".join(["frame,object,x,y,radius", *rows]))
    (tmp_path / "hints.json").write_text('{"scale": 9.6, "tracks": "csv"}')
    (said,) = judge_videos([videos / "true.npz"], tmp_path / "out", hints=tmp_path / "hints.json")
    assert said.evidence.names == ("ball",)
    assert quantity(said.judgement, "acceleration", "").value == pytest.approx(2.5, abs=0.02)
    with pytest.raises(BadInput, match="no tracks of it"):
        judge_videos([videos / "gone.npz"], tmp_path / "out", hints=tmp_path / "hints.json")


def test_videos_are_found_in_folders_and_a_folder_of_pictures_is_one(tmp_path):
    for name in ("a/x.mp4", "a/.hidden.mp4", "b/000.png", "b/001.png", "readme.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert [name for name, _ in find_videos([tmp_path])] == ["a/x.mp4", "b"]
    assert [name for name, _ in find_videos([tmp_path / "b"])] == ["b"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no videos here"):
        find_videos([tmp_path / "empty"])


def test_tracks_of_frames_shown_in_another_order_get_their_frames_back(videos):
    from worldlaw.measure.tracking.foreign import see

    frames = np.load(videos / "true.npz")["video"]
    order = np.arange(len(frames))[::-1]
    forward, back = see(frames, fps=10.0), in_order(see(frames[order], fps=10.0), order)
    both = np.isfinite(forward.tracks.bodies.position).all(axis=-1) & np.isfinite(
        back.tracks.bodies.position
    ).all(axis=-1)
    assert both[:, 0].sum() > 12
    apart = np.abs(forward.tracks.bodies.position - back.tracks.bodies.position)[both]
    assert apart.max() < 0.5 / 96


def test_a_scene_with_a_late_comer_is_still_followed(tmp_path):
    ball = Body("ball", 0.8, "red", 1.0, (0.0, 5.0), (2.0, 0.0))
    scene = Scene("late", {}, (ball,), extent=EXTENT)
    place = np.stack([np.arange(32) * 0.3 - 3.0, np.full(32, 5.0)], axis=-1)[:, None]
    film(tmp_path, "late", true_trajectory(scene, place, 0.1), scene)
    (said,) = judge_videos([tmp_path / "late.npz"], tmp_path / "out")
    assert (said.judgement.verdict, said.evidence.num_things) == ("normal", 1)


def test_the_hints_of_the_docs_can_be_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "judge.md").read_text(encoding="utf-8")
    (tmp_path / "hints.json").write_text(page.split("```json\n")[1].split("```")[0])
    known = read_hints(tmp_path / "hints.json").known
    assert known.scale == 96.0
    assert known.videos["c.mp4"].extent == [4.0, 2.25]


def test_what_breaks_on_one_video_is_told_of_that_video_alone(videos, tmp_path, monkeypatch):
    from worldlaw.judge.evidence import film_reader

    def break_on_gone(path, **more):
        if path.stem == "gone":
            raise IndexError("list index out of range")
        return read_film(path, **more)

    read_film = film_reader.read_film
    monkeypatch.setattr(film_reader, "read_film", break_on_gone)
    every = {video.name: video for video in judge_videos([videos], tmp_path / "out")}
    assert every["gone.npz"].fault.startswith("IndexError: list index out of range")
    assert every["true.npz"].judgement is not None


def test_too_short_and_too_small_films_are_not_judged(tmp_path):
    np.savez(tmp_path / "short.npz", video=np.zeros((1, 64, 64, 3), np.uint8))
    np.savez(tmp_path / "small.npz", video=np.zeros((12, 16, 16, 3), np.uint8))
    said = {video.name: video.judgement for video in judge_videos([tmp_path], tmp_path / "out")}
    assert [said[name].verdict for name in ("short.npz", "small.npz")] == ["not judged"] * 2
    assert said["short.npz"].reason == "1 frames; at least 8 are needed"
    assert said["small.npz"].reason.startswith("too small")


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("frame;object;x;y\n0;a;1;2\n", "semicolons"),
        ("frame,object,x,y\n0,a,1,2\n1,a,9000,2\n", "far outside the picture"),
    ],
)
def test_what_is_wrong_with_tracks_is_said_of_the_hints(videos, tmp_path, csv, words):
    (tmp_path / "true.csv").write_text(csv)
    (tmp_path / "hints.json").write_text('{"tracks": "."}')
    (said,) = judge_videos([videos / "true.npz"], tmp_path / "out", hints=tmp_path / "hints.json")
    assert said.fault.startswith("hints: ")
    assert words in said.fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"extent": [4, 0]}', "greater than or equal to"),
        ('{"extent": [-4, 3]}', "greater than or equal to"),
        ('{"scale": 1, "scale": 2}', "given twice"),
        ('{"scale": 1,}', "not valid JSON"),
    ],
)
def test_hints_in_json_are_read_as_json(tmp_path, text, words):
    path = tmp_path / "hints.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_hints(path)
    path.write_text('{"scale": 1e3}')
    assert read_hints(path).of("a.mp4").scale == 1e3


def test_what_is_not_surely_followed_proves_nothing_by_its_looks_or_absence():
    told = evidence(gone(LEVEL, slice(18, None))[:, None])
    assert judge(told).verdict == "abnormal"
    unsure = dataclasses.replace(told, confidence=0.8 * told.confidence)
    assert judge(unsure).verdict == "normal"
    grown = dataclasses.replace(evidence(LEVEL[:, None]), size=np.linspace(0.6, 1.2, 30)[:, None])
    assert judge(grown).verdict == "abnormal"
    assert judge(dataclasses.replace(grown, confidence=0.8 * grown.confidence)).verdict == "normal"


def test_a_thing_lost_where_something_unknown_begins_is_one_thing():
    place = gone(LEVEL, slice(14, 24))
    extra = Detections(np.arange(14, 24), LEVEL[14:24], np.full(10, 0.6), np.tile((0, 1.0, 0), (10, 1)))
    assert judge(evidence(place[:, None])).verdict == "abnormal"
    assert judge(evidence(place[:, None], extra=extra)).verdict == "normal"


def test_a_colour_that_comes_back_is_no_deformation_and_one_that_stays_is_told_when_it_changes():
    told = evidence(LEVEL[:, None])
    color = told.color.copy()
    color[17:] = (0, 1, 0)
    (sign,) = [s for s in judge(dataclasses.replace(told, color=color)).signs if s.counts]
    assert (sign.kind, sign.frame) == ("appearance_change", 17)
    color[24:] = told.color[24:]
    assert judge(dataclasses.replace(told, color=color)).verdict == "normal"
    turn = 0.5 + 0.5 * np.cos(np.arange(30) / 2)[:, None, None]
    spun = turn * np.array([1.0, 0, 0]) + (1 - turn) * np.array([0, 1.0, 0])
    assert judge(dataclasses.replace(told, color=spun)).verdict == "normal"


def test_a_jump_is_told_in_the_first_frame_elsewhere():
    place = LEVEL.copy()
    place[16:] += (0.0, 2.0)
    (sign,) = [s for s in judge(evidence(place[:, None])).signs if s.counts]
    assert (sign.kind, sign.frame) == ("jump", 16)


def test_gravity_that_ceases_at_a_slower_fall_is_no_surface():
    t = np.arange(44)[:, None] * DT
    falls = np.array([1.0, 9.0]) + t * [3.0, -0.5] + np.array([0, -1.0]) * t**2 / 2
    free = falls[22] + (t - t[22]) * [3.0, -1.4]
    place = np.where(t < t[22], falls, free)
    assert [
        s.kind for s in judge(evidence(place[:, None], noise=0.004, extent=(16.0, 10.0))).signs if s.counts
    ] == ["uncaused_step"]


def test_what_was_assumed_is_said():
    fallen = thrown(40, velocity=(1.0, 0.0))
    fallen[18:] = fallen[18]
    said = judge(evidence(fallen[:, None]))
    assert said.verdict == "normal"
    assert "if something unseen stopped a at frame 18" in said.reason
    (bounce,) = [event for event in judge(evidence(bouncing(0.8, num=24)[:, None])).events]
    assert bounce.kind == "surface"
    odd = judge(evidence(collided(masses=(1.0, 0.1)), size=(1.0, 1.0)))
    assert odd.verdict == "normal"
    assert "b and a weigh 1 : 9.3 by motion, 1 : 1 by area (frame 16)" in odd.reason


def test_intervals_hold_their_best_guess_and_balance_is_allowed_for():
    for seed in range(8):
        said = judge(evidence(collided(), size=(1.0, 0.6), seed=seed))
        known = [q for q in said.quantities if np.isfinite([q.value, q.low, q.high]).all()]
        assert all(q.low <= q.value <= q.high for q in known)
    balance, areas = quantity(said, "momentum_imbalance"), quantity(said, "area_ratio")
    assert balance.low == 0
    true = 0.36 if areas.thing == "a + b" else 1 / 0.36
    assert areas.low < true < areas.high


def test_a_thing_that_stays_in_its_place_pulls_nothing():
    t = np.arange(30)[:, None] * DT
    drift = np.array([5.0, 5.0]) + np.array([0, -0.04]) * t**2 / 2
    said = judge(evidence(drift[:, None], noise=0.0005))
    assert "nothing moves" in said.reason
    assert said.pull is None


def test_videos_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "clip.mp4").write_bytes(b"")
    (tmp_path / "b" / "other.mp4").write_bytes(b"")
    places = [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4", tmp_path / "b" / "other.mp4"]
    assert [name for name, _ in find_videos(places)] == ["a/clip.mp4", "b/clip.mp4", "other.mp4"]
    assert [name for name, _ in find_videos([places[0], places[0]])] == ["clip.mp4"]


def test_a_judge_that_is_stopped_leaves_nothing_behind(videos, tmp_path, monkeypatch, capsys):
    from worldlaw.judge import judge_videos

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(judge_videos, "watch", stop)
    out = tmp_path / "out"
    assert main(["judge", str(videos), "--out", str(out), "--workers", "1"]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not out.exists()


def test_a_film_that_is_cut_is_not_judged(tmp_path):
    rows, columns = np.mgrid[:96, :96]
    video = np.full((24, 96, 96, 3), 90, np.uint8)
    video[11:] = ((rows // 6 + columns // 6) % 2 * 200 + 20)[None, :, :, None]
    for frame in range(24):
        video[frame, (rows - 48) ** 2 + (columns - 20 - 2 * frame) ** 2 < 80] = (220, 30, 30)
    np.savez(tmp_path / "cut.npz", video=video)
    (said,) = judge_videos([tmp_path / "cut.npz"], tmp_path / "out")
    assert (said.judgement.verdict, said.judgement.reason) == ("not judged", "the picture is cut at frame 11")

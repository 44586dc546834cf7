"""Scores: a perfect answer in any form is as good as its floor; the same answers give the same bytes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import types
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats

from worldlaw.cli import main
from worldlaw.clips.media import encode_mp4
from worldlaw.core.errors import BadInput
from worldlaw.core.types import LOST, OUTSIDE, VISIBLE, Detections, Tracks, Trajectory
from worldlaw.core.workers import Workers
from worldlaw.exam import load_paper, questions, truth_of, with_video
from worldlaw.exam.answers.adjustments import resize_frames
from worldlaw.exam.answers.resampling import resample
from worldlaw.exam.paper.paper_folder import make_paper
from worldlaw.exam.scoring import exam_scores, verdict_limits
from worldlaw.exam.scoring.coarse_forms import at_least, coarse_forms
from worldlaw.exam.scoring.exam_scores import score
from worldlaw.exam.scoring.scores import read_scores
from worldlaw.measure.verdicts import Thresholds
from worldlaw.measure.verdicts.measures import MEASURES

PAPER = """
name: small
seed: 3
video: {width: 64, height: 64, num_frames: 16, fps: 10, context: 3}
sections:
  fall: {scenario: parabola, questions: 2, training: {speed: [1, 2]}, region: {speed: [3, 3.5]}}
  hit: {scenario: collision, questions: 2}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    (folder / "small.yaml").write_text(PAPER)
    return make_paper(load_paper(folder / "small.yaml"), folder / "made")


def true_videos(made):
    return {question.id: truth_of(made.paper, question).video() for question in made.questions}


def write(folder, videos, **more):
    folder.mkdir()
    for name, video in videos.items():
        np.savez_compressed(folder / f"{name}.npz", video=video, **more)
    return folder


def values(scored, metric, predictor="answers"):
    """The numbers of one metric, by question."""
    rows = pq.read_table(scored.folder / "results.parquet").to_pylist()
    return {
        row["question"]: row["value"]
        for row in rows
        if row["metric"] == metric and row["predictor"] == predictor
    }


def test_the_truth_is_solved_and_off_by_no_more_than_its_floor(made, tmp_path):
    answers = write(tmp_path / "answers", true_videos(made))
    scored = score(made.folder, answers)
    assert scored.count("scored") == 4
    assert set(values(scored, "solved").values()) == {1.0}
    assert max(values(scored, "velocity_error").values()) < 0.01
    assert values(scored, "velocity_error") == values(scored, "velocity_error", "floor")
    assert all(status["adjustments"] == [] for status in scored.statuses)
    assert (answers.with_name("answers-scores") / "card.json").exists()


def test_what_is_wrong_is_told_from_what_is_right(made, tmp_path):
    videos = true_videos(made)
    still = {
        name: np.concatenate([video[:3], np.repeat(video[2:3], 13, 0)]) for name, video in videos.items()
    }
    scored = score(made.folder, write(tmp_path / "answers", still))
    assert set(values(scored, "solved").values()) == {0.0}
    for question, error in values(scored, "velocity_error").items():
        assert error == pytest.approx(values(scored, "velocity_error", "standing_still")[question], abs=0.02)
    assert set(values(scored, "solved", "oracle_law").values()) == {1.0}


def halved(video):
    return resize_frames(video, 32, 32)


def boxed(video):
    return np.pad(video, ((0, 0), (14, 16), (0, 0), (0, 0)), constant_values=10)


FORMS = {
    "half the size": (halved, {}, "size"),
    "twice the size": (lambda video: resize_frames(video, 128, 128), {}, "size"),
    "between bars": (boxed, {}, "letterbox"),
    "half the rate": (lambda video: video[::2], {"fps": 5.0}, "rate"),
    "only what is new": (lambda video: video[3:], {}, "given"),
    "longer": (lambda video: np.concatenate([video, video[-4:]]), {"fps": 10.0}, "long"),
    "stretched": (lambda video: resize_frames(video, 96, 64), {}, "stretch"),
    "floats": (lambda video: video / np.float32(255), {}, "floats"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_perfect_answer_in_another_form_is_solved_and_says_what_was_adjusted(made, tmp_path, form):
    change, more, what = FORMS[form]
    videos = {name: change(video) for name, video in true_videos(made).items()}
    scored = score(made.folder, write(tmp_path / "answers", videos, **more))
    for status in scored.statuses:
        assert status["status"] == "scored", status
        assert what in [one["what"] for one in status["adjustments"]], status
    assert set(values(scored, "solved").values()) == {1.0}
    assert max(values(scored, "mean_velocity_error").values()) < 0.03


def test_twice_the_rate_is_read_at_the_times_that_were_asked(made, tmp_path):
    twice = with_video(made.paper, num_frames=31, fps=20.0)
    videos = {question.id: truth_of(twice, question).video() for question in made.questions}
    scored = score(made.folder, write(tmp_path / "answers", videos, fps=20.0))
    assert max(values(scored, "velocity_error").values()) < 0.01
    assert [one["what"] for one in scored.statuses[0]["adjustments"]] == ["rate"]


def test_frames_at_uneven_times_are_held_against_the_truth_at_those_times(made, tmp_path):
    """Every third frame of a film at twice the rate is left out, and the file says so."""
    twice = with_video(made.paper, num_frames=31, fps=20.0)
    kept = [t for t in range(31) if t % 3 != 1]
    answers = tmp_path / "answers"
    answers.mkdir()
    for question in made.questions:
        video = truth_of(twice, question).video()[kept]
        with av.open(str(answers / f"{question.id}.mkv"), "w") as out:
            stream = out.add_stream("ffv1", rate=20)
            stream.height, stream.width, stream.pix_fmt = 64, 64, "bgr0"
            for t, picture in zip(kept, video, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = t, Fraction(1, 20)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
    scored = score(made.folder, answers)
    assert [one["what"] for one in scored.statuses[0]["adjustments"]] == ["uneven"]
    assert scored.statuses[0]["floor"]["through"] == "lossless"
    assert set(values(scored, "solved").values()) == {1.0}
    assert max(values(scored, "mean_velocity_error").values()) < 0.03


def test_new_frames_at_a_rate_of_their_own_are_counted_from_the_last_given_one(made, tmp_path):
    fine = with_video(made.paper, num_frames=61, fps=40.0)
    videos = {}
    for question in made.questions:
        videos[question.id] = truth_of(fine, question).video()[8 + 5 :: 5]  # 8 Hz from 0.2 s on
    answers = write(tmp_path / "answers", videos, fps=8.0)
    (answers / "answers.json").write_text(json.dumps({"includes_given": False}))
    scored = score(made.folder, answers)
    assert [one["what"] for one in scored.statuses[0]["adjustments"]] == ["given", "rate", "short"]
    assert set(values(scored, "solved").values()) == {1.0}
    assert max(values(scored, "mean_velocity_error").values()) < 0.03


def test_a_codec_is_in_the_floor_and_solves_nothing_and_hinders_nothing(made, tmp_path):
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, video in true_videos(made).items():
        (answers / f"{name}.mp4").write_bytes(encode_mp4(video, 10.0, quality=26))
    scored = score(made.folder, answers)
    floor = values(scored, "velocity_error", "floor")
    assert min(floor.values()) > 0.01  # as it would be without a codec: below
    for question, error in values(scored, "velocity_error").items():
        assert error == pytest.approx(floor[question], rel=0.05)
    assert scored.statuses[0]["floor"]["through"] == "h264 yuv420p crf 26"
    assert set(values(scored, "solved").values()) == {1.0}


def test_a_form_in_which_not_even_the_truth_is_solved_counts_like_a_missing_answer(made, tmp_path):
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, video in true_videos(made).items():
        (answers / f"{name}.mp4").write_bytes(encode_mp4(video, 10.0, quality=51))
    scored = score(made.folder, answers)
    assert {one["status"] for one in scored.statuses} == {"excluded"}
    assert all(one["reason"].startswith("coarse: ") for one in scored.statuses)
    found = read_scores(scored.folder, made.folder)
    assert [found.solved(one) for one in found.questions] == [0.0] * len(found.questions)
    assert [found.measured_share(one) for one in found.questions] == [0.0] * len(found.questions)
    still = [found.mean("standing_still", "velocity_error", one.id) for one in found.questions]
    assert [found.charged_error(one) for one in found.questions] == pytest.approx([v + 1 for v in still])


def test_a_form_is_too_coarse_if_more_than_one_true_clip_in_a_hundred_is_not_solved_and_not_by_chance():
    def statuses(num, coarse):
        return [
            {"question": f"q-{k}", "form": "64 x 64, 10 Hz, gif", "reason": "coarse: x" if k < coarse else ""}
            for k in range(num)
        ]

    laws = {f"q-{k}": ("collision", "plain") for k in range(300)}
    assert not coarse_forms(statuses(1, 1), laws)  # a single clip says nothing of a form
    assert not coarse_forms(statuses(50, 2), laws)  # 0.09: as many by chance
    assert list(coarse_forms(statuses(50, 3), laws)) == [("collision", "plain", "64 x 64, 10 Hz, gif")]
    assert not coarse_forms(statuses(300, 6), laws)
    assert coarse_forms(statuses(300, 7), laws)  # 7 of 300 with 3 expected: p = 0.033
    assert at_least(7, 300, 0.01) == pytest.approx(scipy.stats.binom.sf(6, 300, 0.01))


def test_tracks_of_ones_own_stand_in_for_ours(made, tmp_path):
    videos = true_videos(made)
    answers = write(
        tmp_path / "answers", {name: resize_frames(boxed(video), 128, 188) for name, video in videos.items()}
    )
    (answers / "answers.json").write_text(json.dumps({"letterbox": [0, 28, 128, 128]}))
    told = tmp_path / "told"
    told.mkdir()
    first, *rest = made.questions
    for question in rest:
        motion = truth_of(made.paper, question).trajectory
        lines = ["frame,object,x,y,radius"]
        for t, b in zip(*np.nonzero(motion.status == VISIBLE), strict=True):
            x, y = motion.position[t, b] * 12.8
            lines.append(f"{t},{b},{x},{28 + 128 - y},{motion.size[t, b] * 12.8}")
        (told / f"{question.id}.csv").write_text("\n".join(lines) + "\n")
    scored = score(made.folder, answers, tracks=told)
    assert scored.statuses[0]["reason"] == f"untracked: no {first.id}.csv in {told}"
    assert scored.count("scored") == 3
    assert max(values(scored, "velocity_error").values()) < 0.01


def test_an_answer_that_ends_early_is_charged_for_what_it_does_not_show(made, tmp_path):
    short = {name: video[:9] for name, video in true_videos(made).items()}
    scored = score(made.folder, write(tmp_path / "answers", short))
    assert set(values(scored, "solved").values()) == {0.0}
    for question, share in values(scored, "measured_share").items():
        assert 0.3 < share < 0.8
        assert values(scored, "velocity_error")[question] < 0.01
        assert values(scored, "charged_velocity_error")[question] > 0.4
    assert "short" in [one["what"] for one in scored.statuses[0]["adjustments"]]


@pytest.mark.parametrize("kind", ["mp4", "npz"])
@pytest.mark.parametrize("first", [2, 3])
def test_a_perfect_answer_that_begins_late_is_off_by_no_more_than_its_floor(made, tmp_path, kind, first):
    answers = tmp_path / "answers"
    videos = {name: video[first:] for name, video in true_videos(made).items()}
    write(answers, videos if kind == "npz" else {})
    if kind == "mp4":
        for name, video in videos.items():
            (answers / f"{name}.mp4").write_bytes(encode_mp4(video, 10.0))
    scored = score(made.folder, answers)
    assert [one["what"] for one in scored.statuses[0]["adjustments"]] == ["given"]
    assert set(values(scored, "solved").values()) == {1.0}
    assert values(scored, "velocity_error") == values(scored, "velocity_error", "floor")


def test_a_film_from_the_last_given_frame_may_lack_its_last_one(made, tmp_path):
    answers = write(tmp_path / "answers", {})
    for name, video in true_videos(made).items():
        (answers / f"{name}.mp4").write_bytes(encode_mp4(video[2:-1], 10.0))  # as many as are new
    scored = score(made.folder, answers)
    assert [one["what"] for one in scored.statuses[0]["adjustments"]] == ["given", "short"]
    assert set(values(scored, "solved").values()) == {1.0}


@pytest.mark.parametrize(("keep", "fps"), [(slice(15), 10.0), (slice(0, 16, 2), 5.0), (slice(0, 15, 2), 5.0)])
def test_a_frame_that_lacks_at_the_end_is_not_charged_at_any_rate(made, tmp_path, keep, fps):
    videos = {name: video[keep] for name, video in true_videos(made).items() if name.startswith("fall")}
    scored = score(made.folder, write(tmp_path / "answers", videos, fps=fps))
    assert set(values(scored, "solved").values()) == {1.0}
    assert min(values(scored, "measured_share").values()) == 1.0


def test_short_questions_are_solved_at_half_the_rate(tmp_path):
    (tmp_path / "short.yaml").write_text(
        "name: short\nseed: 4\nvideo: {width: 64, height: 64, num_frames: 8, fps: 10, context: 2}\n"
        "sections:\n  fall: {scenario: parabola, questions: 3}\n"
    )
    made = make_paper(load_paper(tmp_path / "short.yaml"), tmp_path / "made")
    videos = {name: video[::2] for name, video in true_videos(made).items()}
    scored = score(made.folder, write(tmp_path / "answers", videos, fps=5.0))
    assert set(values(scored, "solved").values()) == {1.0}


@pytest.mark.parametrize("settings", ["", "mbtree=1:bframes=0:ref=1:aq-mode=0:subme=2:partitions=none"])
@pytest.mark.parametrize("rate", [10, 30, 1000])
def test_what_x264_made_of_the_truth_is_what_it_makes_of_the_floor(made, tmp_path, settings, rate):
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, video in true_videos(made).items():
        with av.open(str(answers / f"{name}.mp4"), "w") as out:
            stream = out.add_stream("libx264", rate=rate)
            stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
            stream.options = {"crf": "23", "x264-params": ":".join(filter(None, ["asm=sse4.2", settings]))}
            stream.codec_context.thread_count = 1
            for picture in video:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode())
    scored = score(made.folder, answers)
    assert values(scored, "velocity_error") == pytest.approx(
        values(scored, "velocity_error", "floor"), abs=1e-9
    )
    assert set(values(scored, "solved").values()) == {1.0}


def test_scores_of_the_folder_one_is_in_go_beside_it(made, tmp_path, monkeypatch):
    answers = write(tmp_path / "answers", true_videos(made))
    (answers / "within").mkdir()
    monkeypatch.chdir(answers)
    assert score(made.folder, Path(), report=False).folder == tmp_path / "answers-scores"
    monkeypatch.chdir(answers / "within")
    assert exam_scores.beside(Path("..")) == tmp_path / "answers-scores"
    with pytest.raises(BadInput, match="nothing lies beside it"):
        exam_scores.beside(Path("/"))


def test_several_answers_have_rows_of_their_own_and_one_floor(made, tmp_path):
    videos = {f"{name}__{k}": video for name, video in true_videos(made).items() for k in (0, 1)}
    scored = score(made.folder, write(tmp_path / "answers", videos))
    rows = pq.read_table(scored.folder / "results.parquet").to_pylist()
    solved = [(row["answer"], row["predictor"]) for row in rows if row["metric"] == "solved"]
    assert solved.count((0, "answers")) == solved.count((1, "answers")) == solved.count((-1, "floor")) == 4


def test_one_bad_answer_is_excluded_and_nothing_else_is_lost(made, tmp_path):
    videos = true_videos(made)
    answers = write(tmp_path / "answers", videos)
    first, second, third, fourth = videos
    (answers / f"{first}.npz").write_bytes(b"PK\x03\x04 broken")
    (answers / f"{second}.npz").unlink()
    np.savez(answers / f"{third}.npz", video=videos[third][:1])
    scored = score(made.folder, answers)
    found = {status["question"]: (status["status"], status["reason"]) for status in scored.statuses}
    assert found[first][0] == "excluded"
    assert found[first][1].startswith("unreadable: not a readable npz")
    assert found[second] == ("missing", "no answer")
    assert found[third] == ("excluded", "one-frame: one frame is no video")
    assert found[fourth] == ("scored", "")
    assert set(values(scored, "solved")) == {fourth}
    assert set(values(scored, "solved", "floor")) == set(videos)
    card = json.loads((scored.folder / "card.json").read_text())
    assert card["summary"]["all"]["solved"]["share"] == 0.25


def test_a_model_that_failed_is_an_exclusion_with_its_reason(made, tmp_path):
    videos = true_videos(made)
    name = next(iter(videos))
    answers = write(tmp_path / "answers", {key: video for key, video in videos.items() if key != name})
    (answers / "failures.json").write_text(json.dumps({name: "ValueError: too hot"}))
    scored = score(made.folder, answers)
    assert [s["reason"] for s in scored.statuses if s["status"] == "excluded"] == [
        "failed: ValueError: too hot"
    ]


@pytest.mark.slow
def test_the_same_answers_give_the_same_bytes_with_any_number_of_workers(made, tmp_path, monkeypatch):
    monkeypatch.setattr(exam_scores, "CHUNK", 1)  # so that four questions are shared out
    answers = tmp_path / "answers"
    answers.mkdir()
    for k, (name, video) in enumerate(true_videos(made).items()):
        (answers / f"{name}.mp4").write_bytes(encode_mp4(boxed(video) if k % 2 else video, 10.0, quality=23))
    one = score(made.folder, answers, tmp_path / "one", look=True)
    two = score(made.folder, answers, tmp_path / "two", workers=2, look=True)
    for name in ("results.parquet", "status.json", "card.json", "report.html"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name


def test_pixels_are_compared_at_the_size_that_was_asked(made, tmp_path):
    doubled = {name: resize_frames(video, 128, 128) for name, video in true_videos(made).items()}
    scored = score(made.folder, write(tmp_path / "answers", doubled), look=True)
    assert min(values(scored, "ssim").values()) > 0.98
    assert min(values(scored, "psnr").values()) > 35


def test_what_is_no_folder_or_no_answer_is_one_line(made, tmp_path, capsys):
    with pytest.raises(BadInput, match=r"no paper\.json"):
        score(tmp_path, tmp_path)
    with pytest.raises(BadInput, match="no such folder"):
        score(made.folder, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert main(["exam", "score", str(made.folder), str(tmp_path / "empty")]) == 2
    assert "no answer to any of the 4 questions" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("quality", [None, 23], ids=["lossless", "h264"])
def test_rigid_bodies_are_judged_by_limits_that_ship(tmp_path, quality):
    paper = load_paper("assemblies-in")
    sections = tuple(dataclasses.replace(section, num_questions=2) for section in paper.sections)
    made = make_paper(dataclasses.replace(paper, sections=sections), tmp_path / "made")
    videos = true_videos(made)
    good, bad = videos
    videos[bad] = videos[bad].copy()
    videos[bad][4:8] = (255, 255, 255)  # everything is gone for a while
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, video in videos.items():
        if quality is None:
            np.savez_compressed(answers / f"{name}.npz", video=video)
        else:
            (answers / f"{name}.mp4").write_bytes(encode_mp4(video, paper.video.fps, quality=quality))
    scored = score(made.folder, answers)
    assert values(scored, "abnormal") == {good: 0.0, bad: 1.0}
    assert values(scored, "abnormal", "floor") == {good: 0.0, bad: 0.0}
    assert values(scored, "abnormal_vanish") == {good: 0.0, bad: 1.0}
    assert not (made.folder / "limits").exists()


@pytest.mark.slow
def test_limits_of_other_papers_are_measured_only_if_asked_for_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict_limits, "CLIPS", 230)
    monkeypatch.setattr(verdict_limits, "floor_of", lambda truth, form: plain)
    monkeypatch.setattr(verdict_limits, "answer_case", lambda truth, *_, **__: truth.question)
    plain = types.SimpleNamespace(tracks=None, frames=None)
    monkeypatch.setattr(
        verdict_limits, "numbers", lambda question: dict.fromkeys(MEASURES, float(question.index))
    )
    paper = with_video(load_paper("assemblies-in"), size=(64, 64))
    more = {"team": Workers(1), "progress": None}
    assert verdict_limits.limits_of(paper, "assembly", tmp_path, measured=False, **more) is None
    found = verdict_limits.limits_of(paper, "assembly", tmp_path, measured=True, **more)
    assert found["vanish"] == 229
    assert len(list((tmp_path / "limits").iterdir())) == 2  # lossless, and as most tools compress
    monkeypatch.setattr(verdict_limits, "measure", None)
    assert verdict_limits.limits_of(paper, "assembly", tmp_path, measured=True, **more) == found


def test_one_set_of_limits_holds_for_all_forms(tmp_path, monkeypatch):
    paper = load_paper("assemblies-in")
    lossless, lossy = verdict_limits.forms_of(truth_of(paper, questions(paper)[0]))
    assert (str(lossless.encoding), str(lossy.encoding)) == ("raw", "h264 yuv420p crf 23")
    for form, floating in ((lossless, 1.0), (lossy, 3.0)):
        told = Thresholds(dict.fromkeys(MEASURES, 2.0) | {"floating": floating}, 0.01, 0.9, 1, 0, {}, {})
        name = f"{verdict_limits.key_of(verdict_limits._inputs(paper, 'assembly', form))}.json"
        (tmp_path / name).write_text(told.to_json())
    monkeypatch.setattr(verdict_limits, "SHIPPED", tmp_path)
    found = verdict_limits.limits_of(
        paper, "assembly", tmp_path, measured=False, team=Workers(1), progress=None
    )
    assert found == dict.fromkeys(MEASURES, 2.0) | {"floating": 3.0}


def moving(position, dt=0.1, **more):
    """Tracks of bodies at these places (T, B, 2)."""
    position = np.asarray(position, float)
    seen = np.isfinite(position).all(axis=-1)
    bodies = Trajectory(
        dt=dt,
        position=position,
        size=np.where(seen, 0.5, np.nan),
        color=np.where(seen[..., None], 0.25, np.nan) * np.ones(3),
        status=np.where(seen, VISIBLE, OUTSIDE).astype(np.int8),
        confidence=seen.astype(float),
        **more,
    )
    return Tracks(bodies, Detections.none())


def test_between_frames_a_fall_is_exact():
    time, at = np.arange(8) * 0.2, np.arange(15) * 0.1
    path = np.stack([2 * time, 5 - 4.905 * time**2], axis=-1)[:, None]
    found = resample(moving(path, 0.2), time, at).bodies
    np.testing.assert_allclose(found.position[:, 0, 0], 2 * at, atol=1e-12)
    np.testing.assert_allclose(found.position[:, 0, 1], 5 - 4.905 * at**2, atol=1e-12)
    assert found.dt == pytest.approx(0.1)


def test_between_frames_an_impact_is_where_both_sides_meet():
    def path(time):
        return np.stack([np.where(time < 0.93, 3 * time, 3 * 0.93 - 2 * (time - 0.93)), time], axis=-1)[
            :, None
        ]

    time, at = np.arange(10) * 0.2, np.arange(19) * 0.1
    np.testing.assert_allclose(
        resample(moving(path(time), 0.2), time, at).bodies.position, path(at), atol=0.02
    )


def test_what_is_measured_in_one_frame_only_is_not_measured_beside_it():
    time = np.arange(6) * 0.2
    path = np.stack([time, time], axis=-1)[:, None].copy()
    path[3] = np.nan
    found = resample(moving(path, 0.2), time, np.arange(13) * 0.1).bodies
    seen = np.isfinite(found.position[:, 0, 0])
    assert seen.tolist() == [True] * 5 + [False] * 3 + [True] * 3 + [False] * 2
    assert found.status[5:8, 0].tolist() == [OUTSIDE] * 3
    assert found.status[11:, 0].tolist() == [LOST] * 2


def test_extra_detections_are_as_many_a_frame_as_before():
    time = np.arange(8) * 0.1
    tracks = moving(np.stack([time, time], axis=-1)[:, None])
    extra = Detections(np.arange(8), np.zeros((8, 2)), np.ones(8), np.zeros((8, 3)))
    for at in (np.arange(15) * 0.05, np.arange(4) * 0.2, time):
        found = resample(dataclasses.replace(tracks, extra=extra), time, at).extra
        assert found.frame.tolist() == list(range(len(at)))


def test_at_the_times_of_frames_nothing_changes():
    rng = np.random.default_rng(0)
    tracks = moving(rng.normal(size=(9, 2, 2)), angle=rng.normal(size=(9, 2)))
    time = np.arange(9) * 0.1
    found = resample(tracks, time, time).bodies
    for name in ("position", "size", "color", "status", "confidence", "angle"):
        np.testing.assert_array_equal(getattr(found, name), getattr(tracks.bodies, name))


def test_a_paper_whose_given_frames_are_not_its_truths_is_refused(made, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(made.folder, broken)
    index = json.loads((broken / "paper.json").read_text())
    index["questions"][0]["sha256"] = index["questions"][1]["sha256"]
    (broken / "paper.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match=r"what was given of fall-0000 is not how its truth begins"):
        score(broken, write(tmp_path / "answers", true_videos(made)))

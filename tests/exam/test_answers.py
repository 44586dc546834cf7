"""Answers: every wrong one gets a clear line or a visible exclusion, and nothing foreign is executed."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from worldlaw.cli import main
from worldlaw.clips.film import Encoding, Film
from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4, write_video
from worldlaw.core.errors import BadInput
from worldlaw.exam import load_paper, truth_of
from worldlaw.exam.answers.adjustments import Unfit, fit, frame_answer, last_counted, resize_frames
from worldlaw.exam.answers.answer_check import check
from worldlaw.exam.answers.answer_folder import Declaration, open_answers
from worldlaw.exam.paper.paper import PaperVideo
from worldlaw.exam.paper.paper_folder import make_paper
from worldlaw.exam.scoring.exam_scores import score

PAPER = """
name: small
seed: 3
video: {width: 96, height: 64, num_frames: 12, fps: 10, context: 2}
sections:
  fall: {scenario: parabola, questions: 3}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    (folder / "small.yaml").write_text(PAPER)
    return make_paper(load_paper(folder / "small.yaml"), folder / "made")


@pytest.fixture(scope="module")
def videos(made):
    return {question.id: truth_of(made.paper, question).video() for question in made.questions}


@pytest.fixture
def answers(videos, tmp_path):
    """A folder with a good answer to every question."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for name, video in videos.items():
        (folder / f"{name}.mp4").write_bytes(encode_mp4(video, 10.0))
    return folder


def codes(made, answers, level=None):
    """Code of every finding, by answer."""
    found = check(made.folder, answers)
    return {(one.answer, one.code) for one in found if level in (None, one.level)}


def test_good_answers_have_no_findings(made, answers, capsys):
    assert check(made.folder, answers) == ()
    assert main(["exam", "check", str(made.folder), str(answers)]) == 0
    assert capsys.readouterr().out == "everything can be scored\n"


class Evil:
    """What a pickle would run if it were opened."""

    opened = []

    def __reduce__(self):
        return (Evil.opened.append, ("opened",))


def portrait(video):
    return np.random.default_rng(0).integers(0, 256, (12, 96, 64, 3), np.uint8)


def noisy(video):
    floats = video / np.float32(255)
    floats[4, 5, 6] = np.nan
    return floats


WRONG = {
    "corrupt mp4": ("mp4", lambda video: encode_mp4(video, 10.0)[:200], "unreadable", "not a readable mp4"),
    "0 bytes": ("mp4", lambda video: b"", "unreadable", "empty (0 bytes)"),
    "text": ("mp4", lambda video: b"hello, hello", "unreadable", "does not begin as one"),
    "one frame": ("mp4", lambda video: encode_mp4(video[:1], 10.0), "one-frame", "one frame is no video"),
    "portrait": ("npz", portrait, "portrait", "64 x 96 frames for the 96 x 64 asked"),
    "middle": ("npz", lambda video: video[:, :, 24:72], "cropped", "show the middle 50%"),
    "NaN": ("npz", noisy, "unreadable", "3 values are NaN or infinite"),
    "shape": ("npz", lambda video: video[0, 0], "unreadable", "expected (T, H, W, 3)"),
    "pickle": ("npz", lambda video: np.array([Evil()], object), "unreadable", "Python objects (a pickle)"),
    "range": ("npz", lambda video: video.astype(float), "unreadable", "floats from 0 to 255"),
    "suffix": ("txt", lambda video: b"frames", "format", "cannot read .txt"),
    "ends at once": ("npz", lambda video: video[:2], "short", "before the first new one"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_is_excluded_with_a_line_and_the_others_are_scored(
    made, videos, answers, wrong, capsys
):
    suffix, change, code, said = WRONG[wrong]
    (answers / "fall-0001.mp4").unlink()
    content = change(videos["fall-0001"])
    path = answers / f"fall-0001.{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, video=content)
    found = [one for one in check(made.folder, answers) if one.answer == path.name]
    assert [(one.level, one.code) for one in found] == [("excluded", code)]
    assert said in found[0].line
    assert main(["exam", "check", str(made.folder), str(answers)]) == 1
    assert "\n" not in capsys.readouterr().err.strip()
    scored = score(made.folder, answers)
    its = {status["question"]: status for status in scored.statuses}
    assert its["fall-0001"]["status"] == "excluded"
    assert said in its["fall-0001"]["reason"]
    assert [its[name]["status"] for name in ("fall-0000", "fall-0002")] == ["scored"] * 2
    assert Evil.opened == []


def test_an_empty_folder_and_one_of_other_names_can_not_be_scored(made, answers, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["exam", "check", str(made.folder), str(empty)]) == 2
    assert "no answer in" in capsys.readouterr().err
    for path in list(answers.iterdir()):
        path.rename(answers / f"video_{path.name[-5]}.mp4")
    assert ("video_0.mp4", "unknown") in codes(made, answers)
    assert main(["exam", "check", str(made.folder), str(answers)]) == 2
    assert main(["exam", "check", str(made.folder), str(answers / "none")]) == 2


def test_a_misspelt_name_is_told_what_it_may_mean_and_what_is_missing_is_said(made, answers):
    (answers / "fall-0002.mp4").rename(answers / "fall-002.mp4")
    found = {one.answer: one for one in check(made.folder, answers)}
    assert found["fall-002.mp4"].line == "no question 'fall-002'; did you mean 'fall-0002'?"
    assert (found["fall-0002"].level, found["fall-0002"].code) == ("excluded", "missing")


def test_a_video_of_another_name_is_named_when_scored(made, answers, capsys):
    (answers / "fall-0002.mp4").rename(answers / "other.mp4")
    assert main(["exam", "score", str(made.folder), str(answers), "--workers", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["scored"], told["missing"], told["unknown"]) == (2, 1, ["other.mp4"])


def test_what_a_model_failed_on_is_told_with_its_reason(made, answers, capsys):
    (answers / "fall-0002.mp4").unlink()
    (answers / "failures.json").write_text(json.dumps({"fall-0002__0": "ValueError: too hot"}))
    found = check(made.folder, answers)
    assert [(one.question, one.code) for one in found] == [("fall-0002", "failed")]
    assert found[0].line == "the model failed: ValueError: too hot"
    assert main(["exam", "check", str(made.folder), str(answers), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["code"] == "failed"


def test_two_answers_with_one_name_are_both_excluded(made, videos, answers):
    write_video(answers / "fall-0000.gif", videos["fall-0000"], 10.0)
    np.savez(answers / "fall-0001__0.npz", video=videos["fall-0001"])
    found = codes(made, answers, "excluded")
    assert {name for name, code in found if code == "twice"} == {
        "fall-0000.gif",
        "fall-0000.mp4",
        "fall-0001.mp4",
        "fall-0001__0.npz",
    }
    scored = score(made.folder, answers)
    assert [status["status"] for status in scored.statuses] == ["excluded", "excluded", "scored"]
    assert "are one answer twice" in scored.statuses[0]["reason"]


def test_other_files_are_left_alone(made, answers):
    (answers / "README.md").write_text("mine")
    (answers / ".DS_Store").write_bytes(b"\x00")
    assert codes(made, answers) == {("README.md", "ignored")}


def test_every_kind_of_file_is_an_answer(made, videos, tmp_path):
    folder = tmp_path / "answers"
    folder.mkdir()
    first, second, third = videos
    write_video(folder / f"{first}.gif", videos[first], 10.0)
    write_video(folder / f"{second}.webp", videos[second], 10.0)
    (folder / third).mkdir()
    for t, frame in enumerate(videos[third]):
        Image.fromarray(frame).save(folder / third / f"{t}.png")
    scored = score(made.folder, folder)
    assert scored.count("scored") == 3
    assert all(status["adjustments"] == [] for status in scored.statuses)


def test_a_wrong_declaration_is_one_line(made, answers):
    for text, expected in (
        ('{"mode": 1}', "unknown key 'mode'; did you mean 'model'"),
        ('{"fps": "fast"}', "fps: "),
        ("[]", "expected an object; found list"),
        ("{", "not readable as JSON"),
        ('{"letterbox": [1, 2]}', "letterbox: expected"),
    ):
        (answers / "answers.json").write_text(text)
        with pytest.raises(BadInput, match=expected):
            open_answers(answers, ["fall-0000"])
    (answers / "answers.json").write_text(json.dumps({"model": "mine", "fps": 10, "letterbox": "none"}))
    assert open_answers(answers, ["fall-0000"]).declared.fps == 10


@pytest.mark.parametrize("fps", ["1e-300", "0.001", "1e5"])
def test_a_rate_that_no_video_has_is_one_line(made, answers, fps):
    (answers / "answers.json").write_text(f'{{"fps": {fps}}}')
    with pytest.raises(
        BadInput, match=r"answers\.json: fps: input should be (greater|less) than or equal to"
    ):
        open_answers(answers, ["fall-0000"])


def test_a_pipe_and_a_link_out_of_the_folder_are_excluded_and_never_opened(made, answers, tmp_path, capsys):
    first, second, third = sorted(answers.iterdir())
    outside = tmp_path / "outside.mp4"
    first.rename(outside)
    first.symlink_to(outside)
    second.unlink()
    os.mkfifo(second)
    frames = answers / third.stem
    third.unlink()
    frames.mkdir()
    os.mkfifo(frames / "0.png")
    found = {one.question: (one.code, one.line) for one in check(made.folder, answers)}
    assert found["fall-0000"] == ("link", "a link that leads out of the folder; put the video itself there")
    assert found["fall-0001"] == ("unreadable", "no regular file")
    assert found["fall-0002"] == ("unreadable", "0.png: no regular file")
    assert main(["exam", "check", str(made.folder), str(answers)]) == 2
    with pytest.raises(BadInput, match="no regular file"):
        read_film(second)


def test_a_declaration_from_elsewhere_is_refused(answers, tmp_path):
    (tmp_path / "elsewhere.json").write_text("{}")
    (answers / "answers.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(BadInput, match="a link that leads out of the folder"):
        open_answers(answers, ["fall-0000"])


def test_an_answer_given_twice_is_counted_once(made, videos, answers, capsys):
    np.savez(answers / "fall-0001.npz", video=videos["fall-0001"])
    assert codes(made, answers) == {("fall-0001.mp4", "twice"), ("fall-0001.npz", "twice")}
    assert main(["exam", "check", str(made.folder), str(answers)]) == 1
    assert "1 answers are excluded or missing: 1 twice" in capsys.readouterr().err


def test_an_answer_that_ends_long_before_is_warned_of(made, videos, answers):
    (answers / "fall-0000.mp4").write_bytes(encode_mp4(videos["fall-0000"][:11], 10.0))
    (answers / "fall-0001.mp4").write_bytes(encode_mp4(videos["fall-0001"][:9], 10.0))
    (answers / "answers.json").write_text(json.dumps({"includes_given": True}))
    found = [(one.answer, one.line) for one in check(made.folder, answers) if one.code == "form"]
    line = "at most 78% of the new frames that count can be measured: it ends early"
    assert found == [("fall-0001.mp4", line)]


# How an answer lies to its question, on a ball that moves on white.

VIDEO = PaperVideo(96, 64, 16, 10.0, 3)


def ball(times, width=96, height=64):
    """A red disc of radius 9 px that moves 30 px a second on white, with a blue one that stands."""
    y, x = np.mgrid[:height, :width] + 0.5
    frames = np.full((len(times), height, width, 3), 255, np.uint8)
    for t, time in enumerate(times):
        scale = height / 64
        frames[t][np.hypot(x / scale - 20 - 30 * time, y / scale - 40) < 9] = (255, 0, 0)
        frames[t][np.hypot(x / scale - 75, y / scale - 18) < 9] = (0, 0, 255)
    return frames


def film(frames, fps=None, container="mp4"):
    time = None if fps is None else np.arange(len(frames)) / fps
    return Film(frames, time, container, "raw", Encoding("raw"))


GIVEN = ball(np.arange(3) / 10)
WHOLE = np.arange(16) / 10


def whats(found):
    return [one.what for one in found.adjustments]


@pytest.mark.parametrize("color", [0, 128, 255])
@pytest.mark.parametrize("bars", [(0, 0, 20, 20), (13, 12, 0, 0), (0, 0, 32, 0), (5, 9, 7, 2)])
def test_bars_are_found_to_the_pixel(bars, color):
    top, bottom, left, right = bars
    frames = np.pad(ball(WHOLE), ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=color)
    found = fit(film(frames, 10.0), GIVEN, VIDEO, Declaration(letterbox="measure"))
    assert found.box == (left, top, 96, 64)
    assert found.bars == (color,) * 3
    assert "letterbox" in whats(found)
    np.testing.assert_array_equal(frame_answer(ball(WHOLE), found), frames)


def test_a_letterbox_inside_a_smaller_picture_is_found_to_the_pixel():
    small = np.stack([resize_frames(ball(WHOLE), 72, 48)[t] for t in range(16)])
    frames = np.pad(small, ((0, 0), (12, 12), (0, 0), (0, 0)))
    found = fit(film(frames, 10.0), GIVEN, VIDEO, Declaration())
    assert found.box == (0, 12, 72, 48)
    assert whats(found) == ["letterbox", "size"]


def test_a_stretched_picture_is_told_from_one_between_bars():
    found = fit(film(resize_frames(ball(WHOLE), 96, 96), 10.0), GIVEN, VIDEO, Declaration())
    assert found.box == (0, 0, 96, 96)
    assert whats(found) == ["size", "stretch"]


@pytest.mark.parametrize(("box", "code"), [([0, 0, 200, 64], "letterbox"), ([0, 0, 96, 64], None)])
def test_a_declared_box_is_believed_if_it_lies_in_the_picture(box, code):
    if code is None:
        assert fit(film(ball(WHOLE), 10.0), GIVEN, VIDEO, Declaration(letterbox=box)).box == tuple(box)
    else:
        with pytest.raises(Unfit, match="reaches out of 96 x 64"):
            fit(film(ball(WHOLE), 10.0), GIVEN, VIDEO, Declaration(letterbox=box))


@pytest.mark.parametrize(
    ("count", "fps", "declared", "rate", "what"),
    [
        (16, 10.0, None, 10.0, None),
        (16, None, None, 10.0, None),  # no rate, but as many frames as asked
        (16, 1000.0, None, 10.0, "rate"),  # as many frames as asked: what the file says is wrong
        (16, 10.04, None, 10.0, None),  # rounding
        (31, 20.0, None, 20.0, "rate"),
        (8, 5.0, None, 5.0, "rate"),
        (31, 10.0, 20.0, 20.0, "rate"),
        (20, None, None, 10.0, "rate"),
    ],
)
def test_the_rate_is_declared_or_measured(count, fps, declared, rate, what):
    found = fit(film(ball(np.arange(count) / rate), fps), GIVEN, VIDEO, Declaration(fps=declared))
    assert found.fps == rate
    assert (what is None) == ("rate" not in whats(found))
    np.testing.assert_allclose(found.time, np.arange(count) / rate)


def test_a_thousand_frames_a_second_that_end_at_once_are_excluded():
    with pytest.raises(Unfit, match=r"40 frames at 1000 Hz\), before the first new one") as caught:
        fit(film(ball(np.arange(40) / 1000), 1000.0), GIVEN, VIDEO, Declaration())
    assert caught.value.code == "short"


def test_uneven_frames_keep_their_times():
    time = np.array([0, 0.1, 0.2, 0.25, 0.4, 0.7, 0.8, 1.2, 1.5])
    uneven = Film(ball(time), time, "matroska", "h264", Encoding("raw"))
    found = fit(uneven, GIVEN, VIDEO, Declaration())
    np.testing.assert_array_equal(found.time, time)
    assert not found.steady
    assert "uneven" in whats(found)


@pytest.mark.parametrize(
    ("first", "declared", "begins"),
    [
        (0, None, 0),
        (2, None, 2),
        (3, None, 3),
        (0, True, 0),
        (2, "last", 2),
        (3, False, 3),
        (0, False, 3),
        (3, "last", 2),
        (2, True, 0),
    ],
)
@pytest.mark.parametrize("lacking", [0, 1])
def test_which_given_frame_a_film_begins_with_is_declared_or_seen(first, declared, begins, lacking):
    frames = ball(WHOLE)[first : 16 - lacking]
    found = fit(film(frames, 10.0), GIVEN, VIDEO, Declaration(includes_given=declared))
    assert found.begins == begins
    assert found.time[0] == pytest.approx(begins / 10)
    said = [one.detail for one in found.adjustments if one.what == "given"]
    expected = {0: [], 2: ["begins with the last given frame"], 3: ["begins after the given frames"]}[begins]
    assert [line.partition(" (")[0] for line in said] == expected


@pytest.mark.parametrize("first", [0, 2, 3])
def test_where_all_given_frames_are_alike_the_number_of_frames_tells_with_which_a_film_begins(first):
    slow = ball(WHOLE / 100)
    given = slow[:3]
    assert fit(film(slow[first:], 10.0), given, VIDEO, Declaration()).begins == first


@pytest.mark.parametrize(("count", "begins"), [(16, 0), (15, 0), (9, 0)])
def test_one_given_frame_at_the_beginning_is_seen_though_a_frame_lacks(count, begins):
    video = PaperVideo(96, 64, 16, 10.0, 1)
    frames = ball(WHOLE)
    assert fit(film(frames[:count], 10.0), frames[:1], video, Declaration()).begins == begins
    assert fit(film(frames[1:], 10.0), frames[:1], video, Declaration()).begins == 1


def test_another_first_frame_is_said():
    found = fit(film(ball(WHOLE)[:, ::-1], 10.0), GIVEN, VIDEO, Declaration())
    assert "first-frame" in whats(found)


@pytest.mark.parametrize(
    ("frames", "fps", "context", "until"),
    [
        (16, 10, 3, 1.5),
        (15, 10, 3, 1.4),  # a step less: forgiven
        (14, 10, 3, 1.4),  # two: one is forgiven
        (8, 5, 3, 1.4),  # every second of 16 frames
        (6, 10 / 3, 3, 1.5),
        (4, 2.5, 3, 1.2),  # a step of 0.4 s is more than a quarter of the 1.3 s asked: 0.325 s are forgiven
        (2, 4 / 3, 3, 1.175),
    ],
)
def test_a_step_of_its_own_may_lack_at_the_end_of_an_answer(frames, fps, context, until):
    video = PaperVideo(96, 64, 16, 10.0, context)
    assert last_counted(np.arange(frames) / fps, fps, video) == pytest.approx(until)


def test_short_and_long_answers_say_so():
    assert whats(fit(film(ball(WHOLE[:9]), 10.0), GIVEN, VIDEO, Declaration())) == ["short"]
    assert whats(fit(film(ball(np.arange(40) / 10), 10.0), GIVEN, VIDEO, Declaration())) == ["long"]


def test_scores_among_the_answers_are_no_unknown_question(made, answers):
    (answers / "mine").mkdir()
    (answers / "mine" / "status.json").write_text("[]")
    assert [(one.level, one.line) for one in check(made.folder, answers)] == [("note", "scores; left alone")]


def test_failures_that_do_not_count_are_noted(made, answers):
    told = {"fall-0001": "too hot", "fell-0001": "too cold", "fall-0000__1000": "too often"}
    (answers / "failures.json").write_text(json.dumps(told))
    found = {one.answer: one for one in check(made.folder, answers)}
    assert {one.level for one in found.values()} == {"note"}
    assert set(found) == set(told)
    assert "too hot" in found["fall-0001"].line
    done = score(made.folder, answers)
    assert (done.count("scored"), len(done.notes)) == (3, 3)


@pytest.mark.parametrize(("frames", "line"), [(15, "not counted: 1"), (12, "unmeasured: 3, not counted: 1")])
def test_what_lacks_is_told_from_what_is_forgiven(frames, line):
    found = fit(film(ball(WHOLE[:frames]), 10.0), GIVEN, VIDEO, Declaration())
    assert [one.detail for one in found.adjustments] == [
        f"ends after {(frames - 1) / 10} of 1.5 s: frames {line}"
    ]

"""Anybody's model sits an exam: it is asked every question once, and what it does wrong is its own."""

import functools
import json
import sys

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput, Failed
from worldlaw.exam.answers.answer_run import seed_of
from worldlaw.exam.answers.examinee import as_video
from worldlaw.exam.examine import examine

sit = functools.partial(examine, score=False)

PAPER = """
name: short
video: {width: 64, height: 48, num_frames: 8, fps: 10, context: 3}
sections:
  fall: {scenario: parabola, questions: 5}
"""
MODELS = """
import numpy as np
from PIL import Image

calls = []
print("imported")

def still(frames, num_new_frames):
    return np.repeat(frames[-1:], num_new_frames, axis=0)

def all_told(frames, num_new_frames, *, fps, prompt, seed, shade=0):
    print("told", prompt)
    calls.append((frames.shape, frames.dtype, num_new_frames, fps, prompt, seed))
    frames[:] = 7  # its own copy
    return np.full((num_new_frames, *frames.shape[1:]), shade, np.uint8)

def second_raises(frames, n):
    calls.append(n)
    if len(calls) == 2:
        raise ValueError("out of\\nideas")
    return still(frames, n)

def third_is_stopped(frames, n):
    calls.append(n)
    if len(calls) == 3:
        raise KeyboardInterrupt
    return still(frames, n)

def wanders(frames, n):
    import os
    os.makedirs("elsewhere", exist_ok=True)
    os.chdir("elsewhere")
    return still(frames, n)

def shouts(frames, n):
    import os, subprocess, sys
    os.write(1, b"loud ")
    sys.__stdout__.write("louder ")
    subprocess.run([sys.executable, "-c", "print('loudest')"], check=True)
    return still(frames, n)

def rambles(frames, n):
    raise RuntimeError("x" * 10_000)

def last_three_raise(frames, n):
    calls.append(n)
    if len(calls) > 2:
        raise ValueError("tired")
    return still(frames, n)

def leaves(frames, n):
    raise SystemExit(3)

class Shade:
    def __init__(self, shade=0, steps=4):
        self.shade, self.sampler_steps = shade, steps
    def __call__(self, frames, num_new_frames, seed):
        return np.full((num_new_frames, *frames.shape[1:]), self.shade, np.uint8)

class Batches:
    adjustments = ()
    def __init__(self, bad=""):
        self.bad = bad
    @classmethod
    def asks(cls, options):
        return ("text",)
    def generate(self, given, num_new_frames, seeds):
        calls.append(len(given.ids))
        if any(self.bad and name.startswith(self.bad) for name in given.ids):
            raise RuntimeError("cannot do that one")
        self.adjustments = ("drawn smaller",)
        assert len(given.text) == len(seeds) == len(given.frames)
        return np.repeat(given.frames[:, -1:], num_new_frames, axis=1)

class Wants:
    def __init__(self, what="state"):
        self.what = what
    @classmethod
    def asks(cls, options):
        return ("state",)
    def generate(self, given, num_new_frames, seeds):
        return None

instance = Shade(200)

class Tensor:
    def __init__(self, values): self.values = values
    def detach(self): return self
    def cpu(self): return self
    def is_floating_point(self): return self.values.dtype.kind == "f"
    def float(self): return self
    def numpy(self): return self.values

def returning(frames, n, what):
    good = still(frames, n)
    floats = (good / 255).astype(np.float32)
    nan = floats.copy()
    nan[1] = np.nan
    return {
        "picture": [Image.fromarray(frame) for frame in good],
        "none": None, "text": "done", "whole": np.concatenate([frames, good]), "short": good[:-1],
        "first": np.moveaxis(good, -1, 1), "nan": nan, "floats": floats, "minus": floats * 2 - 1,
        "ints": good.astype(np.int64), "tensor": Tensor(good), "float_tensor": Tensor(floats),
        "list": list(good), "objects": np.empty(good.shape, object), "ragged": [good[0], good[1, 1:]],
    }[what]

def needs(frames, num_new_frames, weights): pass
def no_frames(prompt, seed): pass
number = 3
"""


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """The paper as a file, beside models that can be imported; works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_models.py").write_text(MODELS)
    (tmp_path / "short.yaml").write_text(PAPER)
    yield tmp_path / "short.yaml"
    sys.modules.pop("their_models", None)


def calls():
    return sys.modules["their_models"].calls


def video(done, question, k=0):
    with np.load(done.answers / f"{question}__{k}.npz", allow_pickle=False) as file:
        assert file["fps"] == 10
        return file["video"]


def declared(done):
    return json.loads((done.answers / "answers.json").read_text())


def test_a_function_of_two_arguments_answers_every_question_after_the_frames_that_were_given(paper):
    from worldlaw.exam.paper.paper_folder import open_paper

    done = sit(paper, "their_models:still")
    assert (done.ran.answered, done.ran.kept, done.ran.failed) == (5, 0, {})
    made = open_paper(done.paper)
    for question in made.questions:
        given, whole = made.given(question.id), video(done, question.id)
        np.testing.assert_array_equal(whole, given[[0, 1, 2, 2, 2, 2, 2, 2]])
    said = declared(done)
    assert said["model"] == "their_models:still"
    assert said["includes_given"]
    assert said["settings"]["paper"] == made.paper.sha256


def test_a_function_is_told_what_its_signature_asks_for_and_gets_its_own_copy(paper, capsys):
    done = sit(paper, "their_models:all_told", options={"shade": 9})
    shape, dtype, new, fps, prompt, seed = calls()[2]
    assert (shape, dtype, new, fps) == ((3, 48, 64, 3), np.uint8, 5, 10)
    assert "ball" in prompt
    assert seed == seed_of(0, "fall-0002") < 2**31
    assert len({call[5] for call in calls()}) == 5
    assert (video(done, "fall-0000")[3:] == 9).all()
    assert not (video(done, "fall-0000")[:3] == 7).all()
    said = capsys.readouterr()
    assert said.out == ""
    assert "told" in said.err


def test_classes_and_objects_and_functions_are_asked_alike(paper, tmp_path):
    built = sit(paper, "their_models:Shade", options={"shade": 200, "steps": 9})
    ready = sit(paper, "their_models:instance")
    mine = sit(paper, lambda frames, n: np.full((n, *frames.shape[1:]), 200, np.uint8), tmp_path / "mine")
    for done in (ready, mine):
        np.testing.assert_array_equal(video(done, "fall-0003"), video(built, "fall-0003"))
    assert declared(built)["sampler_steps"] == 9
    assert declared(ready)["sampler_steps"] == 4


def test_a_video_model_gets_several_questions_at_once_with_their_prompts(paper):
    done = sit(paper, "their_models:Batches")
    assert calls() == [5]
    assert done.ran.answered == 5
    assert declared(done)["settings"]["adjustments"] == ["drawn smaller"]


def test_of_several_questions_at_once_only_the_one_at_fault_is_lost(paper):
    done = sit(paper, "their_models:Batches", options={"bad": "fall-0004"})
    assert done.ran.answered == 4
    assert "cannot do that one" in done.ran.failed["fall-0004__0"]


def test_what_is_registered_can_be_examined(paper):
    done = sit(paper, "copy_last_frame")
    assert done.ran.answered == 5


@pytest.mark.slow
def test_the_checkpoint_that_ships_can_be_examined(paper):
    pytest.importorskip("torch")
    size = "{width: 32, height: 32, num_frames: 16, fps: 5, context: 3}"
    paper.write_text(PAPER.replace("{width: 64, height: 48, num_frames: 8, fps: 10, context: 3}", size))
    options = {"checkpoint": "micro", "sampling_steps": 2}
    done = sit(paper, "dit", options=options)
    assert done.ran.answered == 5
    assert declared(done)["sampler_steps"] == 2


def test_several_seeds_give_several_answers_and_more_can_be_added(paper):
    done = sit(paper, "their_models:all_told", seeds=[3])
    before = video(done, "fall-0001")
    done = sit(paper, "their_models:all_told", seeds=[3, 4])
    assert (done.ran.answered, done.ran.kept) == (5, 5)
    np.testing.assert_array_equal(video(done, "fall-0001"), before)
    assert len({call[5] for call in calls()}) == 10
    assert declared(done)["seeds"] == [3, 4]
    with pytest.raises(BadInput, match="seeds"):
        sit(paper, "their_models:all_told", seeds=[4])


def test_a_question_on_which_a_model_raises_is_told_and_asked_again(paper):
    done = sit(paper, "their_models:second_raises")
    assert done.ran.answered == 4
    assert list(done.ran.failed) == ["fall-0001__0"]
    reasons = json.loads((done.answers / "failures.json").read_text())
    assert reasons["fall-0001__0"].startswith("ValueError: out of ideas (their_models.py, line")
    done = sit(paper, "their_models:second_raises")
    assert (done.ran.answered, done.ran.kept, done.ran.failed) == (1, 4, {})
    assert not (done.answers / "failures.json").exists()


def test_a_stopped_run_goes_on_where_it_was(paper):
    with pytest.raises(KeyboardInterrupt):
        sit(paper, "their_models:third_is_stopped")
    done = sit(paper, "their_models:third_is_stopped")
    assert (done.ran.answered, done.ran.kept) == (3, 2)
    assert len(calls()) == 6


def test_a_model_that_changes_the_working_folder_is_asked_on(paper):
    done = sit(paper, "their_models:wanders")
    assert done.ran.answered == 5
    assert len(list((paper.parent / done.answers).glob("*.npz"))) == 5


def test_questions_that_fail_every_time_do_not_keep_the_others_from_being_scored(paper):
    assert len(examine(paper, "their_models:last_three_raise").ran.failed) == 3
    done = examine(paper, "their_models:last_three_raise")
    assert (done.ran.answered, done.ran.kept, len(done.ran.failed)) == (0, 2, 3)
    assert done.scored.count("scored") == 2


def test_a_long_reason_is_cut_and_still_says_where(paper):
    with pytest.raises(Failed, match=r"x{100} … x+ \(their_models.py, line \d+\)$") as caught:
        sit(paper, "their_models:rambles")
    assert len(str(caught.value)) < 500


def test_a_model_that_fails_on_the_first_three_questions_is_not_asked_the_rest(paper):
    with pytest.raises(Failed, match=r"first 3 questions: it ended the program \(3\)"):
        sit(paper, "their_models:leaves")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("none", "returned None; expected an array"),
        ("text", "returned str"),
        ("whole", r"\(8, 48, 64, 3\); expected \(5, 48, 64, 3\): the new frames alone"),
        ("short", r"\(4, 48, 64, 3\)"),
        ("first", r"\(5, 3, 48, 64\)"),
        ("nan", "NaN or infinite.* in 1 of 5 frames"),
        ("minus", "floats from -1 to 1"),
        ("ints", "returned int64"),
        ("objects", "returned object"),
        ("ragged", "different sizes"),
    ],
)
def test_what_is_no_video_is_a_failure_with_its_reason(paper, what, says):
    with pytest.raises(Failed, match=says):
        sit(paper, "their_models:returning", options={"what": what})


@pytest.mark.parametrize("what", ["floats", "tensor", "float_tensor", "list", "picture"])
def test_floats_tensors_and_lists_of_frames_are_taken(paper, what):
    done = sit(paper, "their_models:returning", options={"what": what})
    assert (video(done, "fall-0000")[3:] == video(done, "fall-0000")[2]).all()
    adjusted = declared(done)["settings"]["adjustments"]
    assert adjusted == (["floats in [0, 1] rounded to 8 bits"] if "float" in what else [])


def test_a_tensor_of_half_precision_with_a_gradient_is_taken():
    torch = pytest.importorskip("torch")
    video, adjusted = as_video(
        torch.full((2, 4, 4, 3), 0.5, dtype=torch.bfloat16, requires_grad=True), (2, 4, 4, 3)
    )
    assert (video == 128).all()
    assert adjusted


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("their_models:stil", {}, "has no 'stil'"),
        ("no_such_file:still", {}, "no module 'no_such_file'"),
        ("copy_last", {}, "did you mean 'copy_last_frame'"),
        ("their_models", {}, "one of your own is file:thing"),
        ("their_models:number", {}, "found int"),
        ("their_models:no_frames", {}, "takes frames and num_new_frames first"),
        ("their_models:needs", {}, "needs 'weights'"),
        ("their_models:all_told", {"shape": 1}, "did you mean 'shade'"),
        ("their_models:Shade", {"shad": 1}, "did you mean 'shade'"),
        ("their_models:instance", {"shade": 1}, "name its class"),
        ("their_models:Wants", {}, "asks for a state"),
        ("copy_last_frame", {"speed": 1}, "takes no options"),
        ("nearest_clip", {}, "has to learn"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused_before_any_work(paper, model, options, says):
    with pytest.raises(BadInput, match=says):
        sit(paper, model, options=options)
    assert not (paper.parent / "exams").exists()


def test_answers_of_another_model_or_with_other_options_are_not_mixed(paper):
    sit(paper, "their_models:Shade", paper.parent / "out")
    with pytest.raises(BadInput, match=r"options {}, not {.shade.: 3}.*--fresh"):
        sit(paper, "their_models:Shade", paper.parent / "out", options={"shade": 3})
    with pytest.raises(BadInput, match="of model their_models:Shade, not their_models:still"):
        sit(paper, "their_models:still", paper.parent / "out")
    done = sit(paper, "their_models:still", paper.parent / "out", fresh=True)
    assert done.ran.answered == 5


def test_answers_to_public_and_held_out_questions_are_not_mixed(paper):
    from worldlaw.exam.paper.secret import make_secret

    secret, out = paper.parent / "my.secret", paper.parent / "out"
    hashed = make_secret(secret)
    done = sit(paper, "their_models:still", paper.parent / "hidden", secret=secret)
    assert declared(done)["settings"]["secret_hash"] == hashed
    sit(done.paper, "their_models:still", out)
    with pytest.raises(BadInput, match="secret_hash"):
        sit(sit(paper, "their_models:still").paper, "their_models:still", out)


def test_a_folder_with_other_files_is_left_alone(paper):
    (paper.parent / "out" / "answers").mkdir(parents=True)
    (paper.parent / "out" / "answers" / "thesis.tex").write_text("x")
    with pytest.raises(BadInput, match=r"holds other files \(thesis.tex"):
        sit(paper, "their_models:still", paper.parent / "out")


def test_the_public_api_makes_asks_and_scores(paper):
    import worldlaw

    made = worldlaw.make_paper(worldlaw.load_paper(paper), paper.parent / "made")
    asked = worldlaw.examine(made.folder, lambda frames, n: frames[[-1] * n], score=False)
    assert asked.answers.parent.name == "made-lambda"
    assert worldlaw.score(made.folder, asked.answers).count("scored") == 5


def test_an_exam_ends_with_a_report_in_which_a_failure_is_an_unsolved_question(paper):
    done = examine(paper, "their_models:second_raises")
    statuses = json.loads((done.report.parent / "status.json").read_text())
    assert [one["status"] for one in statuses] == ["scored", "excluded", *["scored"] * 3]
    assert "out of ideas" in statuses[1]["reason"]
    assert "out of ideas" in done.report.read_text()
    card = json.loads((done.report.parent / "card.json").read_text())
    assert card["model"]["name"] == "their_models:second_raises"
    assert card["model"]["seeds"] == [0]


def test_the_command_says_what_failed_and_ends_with_one(paper, capsys):
    made = paper.parent / "made"
    assert main(["exam", "make", str(paper), str(made)]) == 0
    capsys.readouterr()
    raises = ["exam", "run", str(made), "--model", "their_models:second_raises", "--workers", "1"]
    assert main([*raises, "--json"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["answered"], found["kept"], list(found["failed"])) == (4, 0, ["fall-0001__0"])
    assert "out of ideas" in said.err.strip().split("\n")[-1]
    assert main(raises) == 0
    assert capsys.readouterr().out.strip() == found["report"]


def test_whatever_a_model_prints_by_whatever_way_goes_to_standard_error(paper, capfd):
    words = ["exam", "run", str(paper), "--model", "their_models:shouts", "--no-score", "--json"]
    assert main(words) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["answered"] == 5
    assert said.err.count("loud ") == said.err.count("loudest") == 5


def test_a_function_that_takes_no_options_says_so(paper):
    with pytest.raises(BadInput, match="it takes no options; found 'shade'"):
        sit(paper, "their_models:still", options={"shade": 1})


def test_options_seeds_and_size_come_from_the_command_line(paper, capsys):
    arguments = [
        "exam",
        "run",
        str(paper),
        "--model",
        "their_models:Shade",
        "--no-score",
        "--option",
        "shade=2",
    ]
    assert main([*arguments, "--size", "96x64", "--seeds", "0,1"]) == 0
    answers = capsys.readouterr().out.strip()
    with np.load(f"{answers}/fall-0004__1.npz") as file:
        assert file["video"].shape == (8, 64, 96, 3)
        assert (file["video"][3:] == 2).all()
    for wrong, says in (
        (["--seeds", "0,0"], "different whole numbers"),
        (["--option", "shade"], "expected key=value"),
        (["--size", "128x64"], "choose a new folder"),
    ):
        assert main([*arguments, *wrong]) == 2
        assert says in capsys.readouterr().err
    made = ["exam", "run", answers.replace("answers", "paper"), "--model", "their_models:Shade"]
    assert main([*made, "--fps", "3"]) == 2
    assert "decided when it was made" in capsys.readouterr().err

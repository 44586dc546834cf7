"""Whatever is put in: one clear line, exit code 2, soon, and nothing left behind."""

import io
import json
import os
import time
import zipfile

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.cli.command import LONGEST_LINE
from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4
from worldlaw.core.errors import BadInput, Failed, blame, nearest, unknown
from worldlaw.core.strict_files import parse_json, parse_yaml
from worldlaw.core.time_limit import at_most
from worldlaw.exam import load_paper, truth_of
from worldlaw.exam.answers import answer_check
from worldlaw.exam.answers.answer_folder import address_of, open_answers
from worldlaw.exam.cards.card import hashes_of_answers
from worldlaw.exam.paper.paper_folder import make_paper
from worldlaw.exam.scoring.exam_scores import score

SOON = 5.0  # s, on a busy core; each took 15 s or more, or did not end


@pytest.fixture(autouse=True)
def soon():
    with at_most(120.0, "a test of bad input"):  # a test that waits for ever ends here
        yield


def refused(capsys, *words, said):
    """One line of a complaint and exit code 2."""
    assert main([str(word) for word in words]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("worldlaw: ")
    assert said in line, line
    assert len(line) < LONGEST_LINE + 100
    return line


# What people write

BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 10)}]\n" for depth in range(1, 9)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{depth}: &a{depth} {{<<: [{', '.join([f'*a{depth - 1}'] * 10)}]}}\n" for depth in range(1, 9)
)
EXPERIMENT = """
name: small
seed: 0
context: 3
video: {resolution: 32, num_frames: 16, fps: 5}
worlds:
  uniform_motion:
    train: {clips: 4, region: {size: [0.7, 1.4], speed: [1, 4]}}
    test: {id: {clips: 2}}
models: {copy: {model: copy_last_frame}}
"""
YAMLS = {
    "aliases of aliases": (BOMB, "more than 50,000 values"),
    "merges of merges": (MERGES, "more than 50,000 values"),
    "an alias within itself": ("a: &a [*a]", "an alias within what it stands for"),
    "many keys": ("".join(f"key{number}: {number}\n" for number in range(20_000)), "unknown key 'key0'"),
    "more keys": ("".join(f"key{number}: {number}\n" for number in range(40_000)), "more than 50,000 values"),
    "half a character": ('about: "\\ud800"', "haracter"),
    "a long number": (f"seed: {'9' * 5000}", "a number of 5,000 digits"),
    "a long hexadecimal number": (f"seed: 0x{'f' * 5000}", "a number of 5,002 digits"),
    "a long key": (f"{'k' * 900}: 1", "unknown key 'kkk"),
    "a key twice": ("seed: 1\nseed: 2", "'seed' is given twice"),
    "too much text": ("# " + "x" * 1_100_000, "expected YAML of at most 1,000,000"),
    "not a number": (EXPERIMENT.replace("fps: 5", "fps: .nan"), "video.fps: input should be a finite number"),
    "infinite": (EXPERIMENT.replace("fps: 5", "fps: .inf"), "video.fps: input should be a finite number"),
    "an infinite region": (EXPERIMENT.replace("[1, 4]", "[1, .inf]"), "speed"),
    "a region of no number": (EXPERIMENT.replace("[1, 4]", "[.nan, 4]"), "speed"),
    "a huge region": (EXPERIMENT.replace("[1, 4]", "[1, 1.0e+308]"), "speed"),
}


@pytest.mark.parametrize("what", YAMLS)
def test_a_bad_experiment_is_one_line_soon_and_leaves_nothing(what, tmp_path, capsys):
    text, said = YAMLS[what]
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    started = time.perf_counter()
    line = refused(capsys, "run", path, "--out", tmp_path / "runs", said=said)
    assert time.perf_counter() - started < SOON
    assert len(line) < 1000
    assert os.listdir(tmp_path) == ["bad.yaml"]


def test_aliases_that_people_use_are_read():
    text = "a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a, y: 3}\nd: 2024-01-01\ne: 0x1f\nf: .inf"
    found = parse_yaml(text, "it")
    assert found["b"] == found["a"] == {"x": [1, 2]}
    assert found["c"] == {"x": [1, 2], "y": 3}
    assert (found["e"], found["f"]) == (31, float("inf"))
    assert parse_yaml("", "it") is None


JSONS = {
    '{"a": 1, "a": 2}': "'a' is given twice",
    '{"a": {"b": 1, "b": 1}}': "'b' is given twice",
    '{"a": NaN}': "NaN is not a finite number",
    '{"a": 1e999}': "1e999 is not a finite number",
    '{"a": "\\ud800"}': "half a character",
    f'{{"a": {"9" * 5000}}}': "a number of 5,000 digits",
    "[" * 100_000: "nested too deep",
    "{": "Expecting property name",
}


@pytest.mark.parametrize("text", JSONS, ids=lambda text: text[:24])
def test_json_is_taken_strictly(text):
    with pytest.raises(ValueError, match=JSONS[text]):
        parse_json(text)


@pytest.mark.parametrize("text", [text for text in JSONS if text[0] == "{"], ids=lambda text: text[:24])
def test_every_json_file_of_a_user_is_taken_strictly(text, tmp_path, capsys, made):
    (tmp_path / "card.json").write_text(text)
    refused(capsys, "exam", "compare", tmp_path, tmp_path, said=JSONS[text])
    (tmp_path / "zero.mp4").write_bytes(b"")
    hints = ["--hints", tmp_path / "card.json", "--out", tmp_path / "out"]
    refused(capsys, "judge", tmp_path / "zero.mp4", *hints, said=JSONS[text])
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "answers.json").write_text(text)
    refused(capsys, "exam", "check", made.folder, tmp_path / "answers", said=JSONS[text])
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "paper.json").write_text(text)
    refused(capsys, "exam", "check", tmp_path / "paper", tmp_path / "answers", said=JSONS[text])
    assert sorted(os.listdir(tmp_path)) == ["answers", "card.json", "paper", "zero.mp4"]


@pytest.mark.parametrize(
    "hints",
    [
        "gravity: [0, 1.0e+308]",
        "gravity: [0, .inf]",
        "scale: .nan",
        "scale: 1.0e+308",
        "scale: 1.0e-308",
        "fps: .nan",
        "fps: 1.0e-300",
        "extent: [1, 1.0e+308]",
        "extent: [.inf, 1]",
        "surfaces: [[0, 0, 1.0e+308, 1]]",
        "boxes: {a: [[0, 1, 1, .inf, 1, ball]]}",
        "points: {a: [[0, 1.0e+308, 1, ball]]}",
        "videos: {a: {gravity: [0, -.inf]}}",
    ],
)
def test_hints_that_no_picture_has_are_refused(hints, tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((8, 32, 32, 3), np.uint8))
    (tmp_path / "hints.yaml").write_text(hints)
    words = ["judge", tmp_path / "a.npy", "--hints", tmp_path / "hints.yaml", "--out", tmp_path / "out"]
    refused(capsys, *words, said="hints.yaml: ")
    assert not (tmp_path / "out").exists()


def test_long_names_are_neither_looked_up_nor_told_in_full(tmp_path, capsys):
    refused(capsys, "preview", "x" * 300_000, said="unknown scenario 'xxx")
    line = refused(capsys, "run", tmp_path / ("y" * 100_000), said="")
    assert " … " in line
    assert nearest("parabla", ["parabola"]) == "parabola"
    assert len(str(unknown("model", "x" * 10**6, ["copy"]))) < 300


# Somebody else's code


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Own(BaseException):
    pass


@pytest.mark.parametrize("raised", [MuteError(), GeneratorExit(), Own("so"), SystemExit(0)])
def test_whatever_a_model_raises_is_said_to_be_its_own(raised):
    named = "it called sys.exit" if isinstance(raised, SystemExit) else type(raised).__name__
    said = f"^model m: {named}.*test_bad_input.py, line"
    with pytest.raises(Failed, match=said), blame("model m"):
        raise raised


def test_ctrl_c_and_the_end_of_our_own_generators_are_not_the_models():
    with pytest.raises(KeyboardInterrupt), blame("model m"):
        raise KeyboardInterrupt
    space = {"blamed": blame}
    source = "def ours():\n    with blamed('m'):\n        yield 1\n"
    exec(compile(source, answer_check.__file__, "exec"), space)  # as marking does for the metrics of a case
    generator = space["ours"]()
    assert next(generator) == 1
    generator.close()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("could not create a primitive"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
    ],
)
def test_that_memory_ran_out_is_said(error):
    with pytest.raises(Failed, match="model m: memory ran out"), blame("model m"):
        raise error


# Arrays


def zeros(path, shape, dtype="|u1"):
    """An npz that declares and holds so many zeros, in a few kB for each of its MB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    left = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("video.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        block = bytes(1 << 24)
        while left > 0:
            member.write(block[:left])
            left -= len(block)


@pytest.mark.slow
def test_an_array_of_gigabytes_of_zeros_is_refused_by_its_header(tmp_path):
    zeros(tmp_path / "zeros.npz", (700, 1024, 1024, 3))  # 2.2 GB
    started = time.perf_counter()
    with pytest.raises(BadInput, match="700 frames of 1024 x 1024 are more than"):
        read_film(tmp_path / "zeros.npz")
    assert time.perf_counter() - started < 1
    zeros(tmp_path / "odd.npz", (3, 512, 1024, 7))
    with pytest.raises(BadInput, match="expected \\(T, H, W, 3\\)"):
        read_film(tmp_path / "odd.npz")


# Answers


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    (folder / "small.yaml").write_text(
        "name: small\nseed: 3\nvideo: {width: 64, height: 64, num_frames: 8, fps: 10, context: 3}\n"
        "sections:\n  fall: {scenario: parabola, questions: 2}\n"
    )
    return make_paper(load_paper(folder / "small.yaml"), folder / "made")


@pytest.fixture
def answers(made, tmp_path):
    folder = tmp_path / "answers"
    folder.mkdir()
    first = truth_of(made.paper, made.questions[0]).video()
    (folder / "fall-0000.mp4").write_bytes(encode_mp4(first, 10.0))
    return folder


def circle(path):
    path.symlink_to(path.name)


def two_in_a_circle(path):
    path.symlink_to("other.mp4")
    (path.parent / "other.mp4").symlink_to(path.name)


def nowhere(path):
    path.symlink_to("no-such.mp4")


def pipe(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("odd", [circle, two_in_a_circle, nowhere, pipe, endless])
def test_an_answer_that_is_no_file_is_refused_and_the_others_are_scored(odd, made, answers, tmp_path, capsys):
    odd(answers / "fall-0001.mp4")
    scored = score(made.folder, answers, tmp_path / "out", report=False)
    by_question = {one["question"]: one for one in scored.statuses}
    assert by_question["fall-0000"]["status"] == "scored"
    assert by_question["fall-0001"]["status"] == "excluded"
    assert "fall-0001.mp4" not in hashes_of_answers(answers, made.entries)
    assert main(["exam", "check", str(made.folder), str(answers)]) in (0, 1, 2)
    assert "fall-0001" in capsys.readouterr().out
    assert main(["judge", str(answers), "--out", str(tmp_path / "judged"), "--workers", "1"]) in (0, 1)


@pytest.mark.parametrize("name", ["answers.json", "failures.json"])
@pytest.mark.parametrize("odd", [circle, pipe])
def test_a_declaration_that_is_no_file_is_one_line(name, odd, made, answers, tmp_path, capsys):
    odd(answers / name)
    refused(capsys, "exam", "score", made.folder, answers, "--out", tmp_path / "out", said="no regular file")
    assert not (tmp_path / "out").exists()


def test_an_answer_that_takes_too_long_is_unreadable_and_the_others_are_scored(
    made, answers, tmp_path, monkeypatch
):
    (answers / "fall-0001.mp4").write_bytes((answers / "fall-0000.mp4").read_bytes())
    read = answer_check.read_film

    def slow(path, **others):
        if path.name == "fall-0001.mp4":
            time.sleep(30)
        return read(path, **others)

    monkeypatch.setattr(answer_check, "read_film", slow)
    monkeypatch.setattr(answer_check, "PATIENCE", 0.5)
    scored = score(made.folder, answers, tmp_path / "out", report=False)
    reasons = {one["question"]: (one["status"], one["reason"]) for one in scored.statuses}
    assert reasons["fall-0000"] == ("scored", "")
    status, reason = reasons["fall-0001"]
    assert status == "excluded"
    assert "unreadable: reading it took more than" in reason


def test_the_time_that_reading_may_take_grows_with_the_file(tmp_path):
    (tmp_path / "a.mp4").write_bytes(bytes(5_000_000))
    assert answer_check.patience_for(tmp_path / "a.mp4") == pytest.approx(70)


def test_numbers_of_answers_are_written_in_our_digits():
    assert address_of("fall-0001__2") == ("fall-0001", 2)
    assert address_of("fall-0001__١") == ("fall-0001__١", 0)


def test_thousands_of_unknown_files_are_named_soon(made, answers):
    for number in range(3000):
        (answers / f"fell-{number:04}.mp4").write_bytes(b"")
    started = time.perf_counter()
    found = open_answers(answers, [f"fall-{number:04}" for number in range(1000)])
    assert time.perf_counter() - started < SOON
    assert sum("did you mean" in one.line for one in found.findings) == 20


def test_a_prompt_of_a_megabyte_is_one_line(made, answers, tmp_path, capsys):
    index = json.loads((made.folder / "paper.json").read_text())
    index["questions"][0]["prompt"] = "x" * 1_000_000
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "paper.json").write_text(json.dumps(index))
    line = refused(capsys, "exam", "check", tmp_path / "paper", answers, said="at most 10000 characters")
    assert len(line) < 1000


# Judge


def test_judging_nothing_that_can_be_read_leaves_nothing(tmp_path, capsys):
    (tmp_path / "zero.mp4").write_bytes(b"")
    out = ["--out", str(tmp_path / "out")]
    refused(capsys, "judge", tmp_path / "zero.mp4", *out, said="zero.mp4: empty (0 bytes)")
    pipe(tmp_path / "pipe.mp4")
    refused(capsys, "judge", tmp_path / "pipe.mp4", *out, said="pipe.mp4")
    assert main(["judge", str(tmp_path / "zero.mp4"), *out, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["path"] is None
    assert not (tmp_path / "out").exists()

"""Paper folders from a stranger: nothing that they name is run or opened, and every fault is one line."""

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.exam import load_paper
from worldlaw.exam.answers.answer_check import check
from worldlaw.exam.examine import examine
from worldlaw.exam.paper.paper_folder import make_paper, open_paper
from worldlaw.exam.paper.secret import make_secret

PAPER = """
name: one-fall
video: {width: 64, height: 48, num_frames: 5, fps: 10, context: 2}
sections:
  fall: {scenario: SCENARIO, questions: 1}
"""
LAW = """
from pathlib import Path
from worldlaw.worlds.laws.parabola import Parabola

Path("imported").write_text("")

class Law(Parabola):
    pass
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "their_law.py").write_text(LAW)
    yield tmp_path
    sys.modules.pop("their_law", None)


def made(here, scenario="parabola"):
    (here / "own.yaml").write_text(PAPER.replace("SCENARIO", scenario))
    return make_paper(load_paper(here / "own.yaml"), here / "paper")


def forge(folder, change):
    """Change the index and hash its paper again, as somebody would who wants to be believed."""
    index = json.loads((folder / "paper.json").read_text())
    change(index)
    text = json.dumps(index["paper"], sort_keys=True, separators=(",", ":"))
    index["paper_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "paper.json").write_text(json.dumps(index))


def name_their_law(index):
    index["paper"]["sections"][0]["scenario"] = "their_law:Law"


def name_it_in_the_questions(index):
    index["questions"][0]["scenario"] = "their_law:Law"


@pytest.mark.parametrize("verb", ["check", "score"])
@pytest.mark.parametrize("change", [name_their_law, name_it_in_the_questions])
def test_a_paper_folder_imports_nothing(here, capsys, verb, change):
    forge(made(here).folder, change)
    (here / "answers").mkdir()
    np.save(here / "answers" / "fall-0000.npy", np.zeros((5, 48, 64, 3), np.uint8))
    assert main(["exam", verb, "paper", "answers"]) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not (here / "imported").exists()


def test_a_scenario_that_the_user_allows_is_examined(here, capsys):
    folder = made(here, "their_law:Law").folder  # a YAML that the user names may name a module
    with pytest.raises(BadInput, match="allow it with --allow-scenario their_law:Law"):
        open_paper(folder)
    words = ["exam", "run", str(folder), "--model", "copy_last_frame", "--out", "out", "--workers", "1"]
    assert main(words) == 2
    words += ["--allow-scenario", "their_law:Law"]
    assert main(words) == 0
    verify = ["exam", "verify", "out/scores", "out/answers", "--paper", "paper", "--workers", "1"]
    assert main(verify) == 2
    assert main([*verify, "--allow-scenario", "their_law:Law"]) == 0
    assert check(folder, here / "out" / "answers", allow=["their_law:Law"]) == ()
    capsys.readouterr()


def test_pictures_are_read_as_png_from_their_own_place_and_in_the_size_that_was_asked_for(here):
    paper = made(here)
    picture = paper.folder / "questions" / "fall-0000" / "given-000.png"
    before = picture.read_bytes()
    Image.new("RGB", (64, 48)).save(picture, "EPS")
    with pytest.raises(BadInput, match="no readable PNG"):
        paper.given("fall-0000")
    Image.new("1", (20_000, 20_000)).save(picture, "PNG")  # more than Pillow opens
    with pytest.raises(BadInput, match="no readable PNG"):
        paper.given("fall-0000")
    Image.new("1", (2000, 2000)).save(picture, "PNG")
    with pytest.raises(BadInput, match="expected 64 x 48 pixels"):
        paper.given("fall-0000")
    picture.write_bytes(before[:60])
    with pytest.raises(BadInput, match="no readable PNG"):
        paper.given("fall-0000")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("versions",), [1]),
        (("questions", 0, "frames"), []),
        (("questions", 0, "frames"), "x"),
        (("questions", 0, "frames"), ["../../../../etc/passwd", "questions/fall-0000/given-001.png"]),
        (("questions", 0, "sha256"), 3),
        (("questions",), {}),
        (("questions", 0), None),
        (("video",), {"width": 64, "height": 48, "num_frames": 50, "fps": 10.0, "context": 2}),
        (("secret_hash",), True),
        (("paper", "sections"), []),
        (("paper", "sections", 0, "name"), "../../fall"),
        (("paper", "sections", 0, "scenario"), "parabel"),
        (("paper", "sections", 0, "num_questions"), 10**9),
        (("paper", "sections", 0, "region"), [{"size": [[1]]}]),
        (("paper", "sections", 0, "region"), [{"size": [[0.7, 1.4]]}]),
        (("paper", "sections", 0, "region"), [{}]),
        (("paper", "sections", 0, "training"), "all"),
        (("paper", "video", "fps"), "10"),
        (("paper", "video", "context"), 5),
        (("paper", "seed"), -1),
    ],
)
def test_every_fault_of_an_index_is_one_line(here, place, value):
    folder = made(here).folder

    def change(index):
        *way, last = place
        for step in way:
            index = index[step]
        index[last] = value

    forge(folder, change)
    with pytest.raises(BadInput) as error:
        open_paper(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[", "NaN", "{}", "[" * 100_000, '{"format": 1, "seed": 1e999}', "\udcff"])
def test_an_index_that_is_no_json_of_ours_is_refused(here, text):
    folder = made(here).folder
    (folder / "paper.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=r"paper\.json"):
        open_paper(folder)


@pytest.mark.parametrize("name", ["laws-in", "laws-out", "laws"])
def test_papers_that_ship_are_no_strangers(name, tmp_path):
    paper = load_paper(name)
    few = tuple(dataclasses.replace(section, num_questions=1) for section in paper.sections[:2])
    made = make_paper(dataclasses.replace(paper, sections=few), tmp_path / name)
    assert open_paper(made.folder).paper == made.paper


def never(frames, num_new_frames):
    Path("asked").write_text("")
    return np.repeat(frames[-1:], num_new_frames, axis=0)


def test_a_secret_is_looked_at_before_anything_is_asked(here):
    public = made(here).folder
    make_secret(here / "one")
    make_secret(here / "two")
    held = make_paper(load_paper(here / "own.yaml"), here / "held", secret=(here / "one").read_bytes()).folder
    for folder, secret, why in [
        (public, here / "one", "public"),
        (held, None, "held out: give the secret"),
        (held, here / "two", "another secret"),
    ]:
        with pytest.raises(BadInput, match=re.escape(why)):
            examine(folder, never, here / "out", secret=secret)
    assert not (here / "asked").exists()

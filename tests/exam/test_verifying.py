"""Verification: scored again, a card's answers give the same bytes; whatever is another is named."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.exam import load_paper, truth_of, with_video
from worldlaw.exam.cards.card_format import read_card
from worldlaw.exam.cards.verification import differences, lines, verify
from worldlaw.exam.paper.paper_folder import make_paper
from worldlaw.exam.paper.secret import make_secret
from worldlaw.exam.scoring.exam_scores import score

PAPER = """
name: two-falls
video: {width: 96, height: 64, num_frames: 10, fps: 10, context: 3}
sections:
  falls: {scenario: parabola, questions: 2, filming: [plain]}
  drifts: {scenario: uniform_motion, questions: 2, filming: [plain]}
"""


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A paper of four questions; true answers, a late one, a frozen one, and one that is missing."""
    root = tmp_path_factory.mktemp("scored")
    (root / "two.yaml").write_text(PAPER)
    paper = load_paper(root / "two.yaml")
    made = make_paper(paper, root / "paper")
    (root / "answers").mkdir()
    for index, question in enumerate(made.questions[:3]):
        video = truth_of(paper, question).video()
        if index == 1:
            video = video[[*range(3), *[2] * 7]]
        np.savez_compressed(root / "answers" / f"{question.id}.npz", video=video, fps=10.0)
    (root / "answers" / "answers.json").write_text(json.dumps({"model": "true", "sampler_steps": 4}))
    score(root / "paper", root / "answers", root / "scores")
    return root


@pytest.fixture
def there(scored, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(scored, tmp_path / "there")


def verified(root, **others):
    return verify(root / "scores", root / "answers", paper=root / "paper", **others)


def test_the_same_answers_give_the_same_bytes(scored):
    found = verified(scored)
    assert found.verdict == "same bytes"
    assert found.verified
    assert found.versions == {}
    assert next(lines(found)).startswith("same bytes: ")


def test_the_numbers_of_a_real_exam_are_on_its_card(scored):
    card = read_card(scored / "scores")
    assert card.model.name == "true"
    solved = [question.solved for question in card.questions.values()]
    assert solved[0] == solved[2] == 1
    assert solved[1] == solved[3] == 0
    assert card.summary.all.missing == 1
    assert card.summary.all.beside["standing_still"].solved == 0


def test_the_report_of_a_real_exam_shows_the_worst_answer_moving(scored):
    text = (scored / "scores" / "report.html").read_text(encoding="utf-8")
    assert text.count("data:image/webp;base64,") == 2 * 3  # truth and answer of each
    clips = text[text.index('id="clips"') : text.index('id="questions"')]
    assert clips.index('data-question="falls-0001"') < clips.index('data-question="falls-0000"')
    assert "Worst: not solved" in clips
    assert "Best: solved" in clips


def test_changed_missing_and_new_answers_are_named_before_anything_is_scored(there):
    (there / "answers" / "falls-0000.npz").write_bytes(b"other")
    (there / "answers" / "falls-0001.npz").unlink()
    (there / "answers" / "drifts-0001.npz").write_bytes(b"new")
    found = verified(there)
    assert found.verdict == "other answers"
    assert found.files == {"falls-0000.npz": "changed", "falls-0001.npz": "missing", "drifts-0001.npz": "new"}
    assert not found.verified
    assert "  changed: falls-0000.npz" in list(lines(found))


def spoil(root, change):
    path = root / "scores" / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_without_the_results_the_numbers_of_the_card_are_compared(there):
    (there / "scores" / "results.parquet").unlink()
    spoil(there, lambda card: card["hashes"].update(results="0" * 64))
    found = verified(there)
    assert (found.verdict, found.largest) == ("same to 1e-6", 0.0)
    assert found.compared == "the numbers of card.json"
    assert found.num_compared > 4 * 4


def test_a_number_that_was_bettered_is_found_and_told(there):
    def change(card):
        card["hashes"].update(results="0" * 64)
        card["questions"]["falls-0001"]["solved"] = 1.0

    spoil(there, change)
    found = verified(there)
    assert found.verdict == "other numbers"
    assert [(one.where, one.said, one.found) for one in found.changes] == [
        ("questions, falls-0001, solved", 1.0, 0.0)
    ]
    assert "  questions, falls-0001, solved: 1 in the card, 0 now" in list(lines(found))


NOT_ITS_RESULTS = "the card's numbers are not those of its results"


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("questions", "falls-0001", "solved"), 1.0),
        (("questions", "falls-0001", "velocity_error"), None),
        (("summary", "all", "solved", "share"), 1.0),
        (("summary", "all", "missing"), 0),
        (("summary", "sections"), []),
        (("limits", "assembly"), {"tilt": 1.0}),
        (("thresholds", "velocity_error"), 9.0),
        (("model", "name"), "another"),
        (("model", "settings"), {"sampler": "euler"}),
        (("video", "fps"), 24.0),
        (("hashes", "all_answers"), "0" * 64),
        (("hashes", "paper_index"), "0" * 64),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_a_card_that_says_other_things_than_its_results_is_not_verified(there, capsys, way, value, beside):
    def change(card):
        *places, last = way
        for place in places:
            card = card[place]
        card[last] = value

    spoil(there, change)
    if not beside:
        (there / "scores" / "results.parquet").unlink()
    found = verified(there)
    assert (found.verdict, found.verified) == (NOT_ITS_RESULTS, False)
    told = {*found.otherwise, *(one.where for one in found.changes)}
    assert told
    assert all(where.startswith(way[0]) for where in told)
    words = ["exam", "verify", str(there / "scores"), str(there / "answers"), "--paper", str(there / "paper")]
    assert main([*words, "--workers", "1"]) == 1
    assert NOT_ITS_RESULTS in capsys.readouterr().err


def test_a_folder_of_answers_with_a_card_in_it_is_hashed_and_scores_do_not_go_there(there):
    shutil.copy(there / "scores" / "card.json", there / "answers")
    (there / "answers" / "falls-0000.npz").write_bytes(b"other")
    assert verified(there).files == {"falls-0000.npz": "changed"}
    for out in (there / "answers", there / "answers" / "scores", there / "scores" / ".." / "answers"):
        with pytest.raises(BadInput, match="not written among the answers"):
            score(there / "paper", there / "answers", out)
    assert not (there / "answers" / "scores").exists()


def test_rows_of_the_results_are_compared_where_they_lie_beside_the_card(there, monkeypatch):
    from worldlaw.measure.metrics.caps import CAPS

    for name in CAPS:  # as if another version had scored: more is allowed
        monkeypatch.setitem(CAPS, name, 1e6)
    found = verified(there)
    assert found.verdict == "other numbers"
    assert found.compared == "results.parquet"
    assert all(", solved" in one.where for one in found.changes)
    assert "falls-0001, answer 0, answers, solved" in [one.where for one in found.changes]


@pytest.mark.slow
def test_intervals_by_an_older_method_are_no_other_numbers(there):
    def older(card):
        card["versions"]["scoring"] = 1
        card["summary"]["all"]["solved"]["low"] = 0.01

    spoil(there, older)
    found = verified(there)
    assert found.verdict == "same bytes"
    assert "scoring" in found.versions
    spoil(there, lambda card: card["summary"]["all"]["solved"].update(share=0.9))
    assert not verified(there).verified


def test_another_version_is_named_beside_what_came_of_it(there):
    spoil(there, lambda card: card["versions"]["trackers"].update(blobs=99))
    found = verified(there)
    assert found.verdict == "same bytes"
    assert found.versions == {"tracker blobs": (99, read_card_version())}


def read_card_version():
    from worldlaw.measure.tracking.trackers import tracker

    return tracker("blobs").version


def test_another_paper_is_named_and_nothing_is_scored(there):
    other = with_video(load_paper(there / "two.yaml"), fps=8.0)
    make_paper(other, there / "other")
    found = verify(there / "scores", there / "answers", paper=there / "other")
    assert found.verdict == "other paper"
    assert set(found.versions) == {"definition and video"}


def test_a_paper_that_ships_is_made_again_and_any_other_must_be_given(there):
    with pytest.raises(BadInput, match="'two-falls' does not ship: give its folder with --paper"):
        verify(there / "scores", there / "answers")


def test_a_paper_that_ships_is_made_again_from_its_card(scored, monkeypatch, tmp_path):
    (tmp_path / "two-falls.yaml").write_text(PAPER)
    monkeypatch.setattr("worldlaw.exam.paper.paper.SHIPPED", tmp_path)
    assert verify(scored / "scores", scored / "answers").verdict == "same bytes"
    (tmp_path / "two-falls.yaml").write_text(PAPER.replace("questions: 2", "questions: 3"))
    assert verify(scored / "scores", scored / "answers").verdict == "other paper"


def test_held_out_questions_need_their_secret(tmp_path):
    (tmp_path / "two.yaml").write_text(PAPER)
    make_secret(tmp_path / "secret")
    paper = load_paper(tmp_path / "two.yaml")
    made = make_paper(paper, tmp_path / "paper", secret=(tmp_path / "secret").read_bytes())
    (tmp_path / "answers").mkdir()
    for question in made.questions[:1]:
        video = truth_of(paper, question, (tmp_path / "secret").read_bytes()).video()
        np.savez_compressed(tmp_path / "answers" / f"{question.id}.npz", video=video, fps=10.0)
    score(tmp_path / "paper", tmp_path / "answers", tmp_path / "scores", secret=tmp_path / "secret")
    card = read_card(tmp_path / "scores")
    assert (card.paper.set, card.paper.secret_hash) == ("held-out", made.secret_hash)
    assert card.questions["falls-0000"].solved == 1
    assert verified(tmp_path, secret=tmp_path / "secret").verdict == "same bytes"
    with pytest.raises(BadInput, match="held out: give the secret"):
        verified(tmp_path)


def test_a_secret_for_public_questions_and_tracks_nobody_used_are_refused(there):
    (there / "secret").write_bytes(b"x" * 64)
    with pytest.raises(BadInput, match="public"):
        verified(there, secret=there / "secret")
    with pytest.raises(BadInput, match="tracks"):
        verified(there, tracks=there)


def test_differences_within_a_millionth_are_none_and_nan_is_nan():
    nan = float("nan")
    said = {"a": 1.0, "b": 1e6, "c": nan, "d": 0.5}
    assert differences(said, said) == (0.0, ())
    largest, changes = differences(said, {"a": 1 + 9e-7, "b": 1e6 + 0.9, "c": nan, "d": 0.5})
    assert largest == pytest.approx(0.9)
    assert changes == ()
    _, changes = differences(said, {"a": 1 + 2e-6, "b": 1e6 + 2, "c": 0.0, "e": 1.0})
    assert [one.where for one in changes] == ["c", "d", "e", "b", "a"]
    assert np.isnan(changes[0].said)


def test_nothing_is_left_behind(scored, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert verified(scored).verified
    assert list(tmp_path.iterdir()) == []


def test_a_verification_says_itself_as_data(scored):
    from worldlaw.exam.cards.verification import as_json

    said = as_json(verified(scored))
    assert json.loads(json.dumps(said, allow_nan=False))["verified"] is True
    assert dataclasses.asdict(verified(scored))["verdict"] == said["verdict"]


def test_on_the_command_line_the_exit_code_tells(there, capsys):
    words = ["exam", "verify", str(there / "scores"), str(there / "answers")]
    assert main(words) == 2
    assert "--paper" in capsys.readouterr().err
    words += ["--paper", str(there / "paper")]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("same bytes")
    (there / "answers" / "falls-0000.npz").unlink()
    assert main([*words, "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["files"] == {"falls-0000.npz": "missing"}
    assert said.err.count("\n") == 1

"""The submission card: counted right, the same every time, what its schema says, and read with care."""

import json
import re
import shutil

import numpy as np
import pytest

from scored_folders import NAN, Folders, questions
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import score_interval
from worldlaw.exam.cards import card_format
from worldlaw.exam.cards.card import hashes_of_answers, write_card
from worldlaw.exam.cards.card_format import CARD, card_schema, read_card
from worldlaw.exam.cards.card_text import card_lines
from worldlaw.exam.scoring.scores import read_scores
from worldlaw.exam.scoring.summary import share_over

MIXED = {
    **questions("fall-plain", 0.02, 0.5, "missing", "excluded"),
    **questions("fall-textured", 0.02, 0.03),
    **questions("drift-plain", 0.04, 0.06),
}


def card_of(tmp_path, outcomes=MIXED, **others):
    return write_card(*Folders(tmp_path, outcomes, **others).make())


def test_missing_and_excluded_answers_count_as_unsolved_and_are_stated(tmp_path):
    line = card_of(tmp_path).summary.scenarios[0]
    assert (line.scenario, line.filming, line.num_questions) == ("parabola", "plain", 4)
    assert (line.answered, line.missing, line.excluded) == (2, 1, 1)
    assert line.solved.share == 0.25
    assert line.solved.low < 0.25 < line.solved.high


def test_an_answer_that_is_not_there_is_charged_the_speed_of_the_truth_and_a_metre_per_second(tmp_path):
    card = card_of(tmp_path)
    # standing still is off by the true speed, 2 m/s
    assert card.questions["fall-plain-0002"].velocity_error == 3.0
    assert card.questions["fall-plain-0003"].velocity_error == 3.0
    assert card.questions["fall-plain-0001"].velocity_error == 0.5
    line = card.summary.scenarios[0]
    assert line.velocity_error.median == pytest.approx(0.26)  # of 0.02 and 0.5
    assert line.velocity_error.charged_median == pytest.approx((0.5 + 3) / 2)
    assert line.velocity_error.floor == 0.01


def test_floor_and_references_stand_beside_the_answers(tmp_path):
    beside = card_of(tmp_path).summary.all.beside
    assert list(beside) == ["floor", "standing_still"]
    assert beside["floor"].solved == 1
    assert beside["standing_still"].solved == 0
    assert beside["standing_still"].velocity_error == 2


def test_the_mean_of_several_answers_counts_and_leaving_out_the_bad_one_does_not_pay(tmp_path):
    card = card_of(
        tmp_path,
        {
            **questions(
                "drift-plain", [0.02, 0.9], [0.02], ["missing", 0.02], ["excluded", 0.02], [0.02, 0.02]
            )
        },
    )
    solved = [one.solved for one in card.questions.values()]
    assert solved == [0.5, 0.5, 0.5, 0.5, 1]
    assert card.summary.all.missing == 2  # one that status.json names, one that it does not
    assert card.questions["drift-plain-0001"].velocity_error == pytest.approx((0.02 + 3) / 2)


def test_a_question_on_which_the_truth_has_no_number_judges_nobody(tmp_path):
    folders = Folders(tmp_path, questions("drift-plain", 0.02, 0.02))
    scores, paper, answers = folders.make()
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(scores / "results.parquet")
    gone = pc.equal(table["question"], "drift-plain-0001")
    value = pc.if_else(gone, NAN, table["value"])
    pq.write_table(
        table.set_column(table.column_names.index("value"), "value", value), scores / "results.parquet"
    )
    card = write_card(scores, paper, answers)
    assert card.questions["drift-plain-0001"].solved is None
    assert card.summary.all.not_scorable == 1
    assert card.summary.all.solved.share == 1


def test_the_interval_of_none_out_of_many_does_not_shrink_to_nothing():
    names = [str(index) for index in range(20)]
    none = share_over([0.0] * 20, names)
    assert none.low == 0
    assert 0.1 < none.high < 0.25  # Wilson: z² / (n + z²) = 0.161
    assert share_over([0.5, 1.0, 0.0, 0.5], names[:4]).low < 0.5


def test_the_interval_of_few_scenes_that_are_alike_in_part_does_not_shrink_to_nothing():
    two = share_over([2 / 3, 2 / 3], ["a", "b"])
    # Wilson at p = 2/3, n = 2: (p + z²/4 ± z √(p (1 - p) / 2 + z² / 16)) / (1 + z²/2), z² = 3.8415
    assert (two.low, two.high) == (pytest.approx(0.1594, abs=1e-4), pytest.approx(0.9547, abs=1e-4))
    one = share_over([0.5], ["a"])
    assert 0 < one.low < 0.1 < 0.9 < one.high < 1
    many = share_over([0.5] * 400, [str(index) for index in range(400)])
    assert 0.04 < many.high - 0.5 < 0.05
    assert np.isnan(share_over([np.nan], ["a"]).mean)


def test_a_scene_filmed_in_two_ways_counts_once_in_an_interval():
    once = share_over([1.0, 0.0, 1.0, 1.0], ["a", "b", "c", "d"])
    twice = share_over([1.0, 0.0, 1.0, 1.0] * 2, ["a", "b", "c", "d"] * 2)
    apart = share_over([1.0, 0.0, 1.0, 1.0] * 2, [str(index) for index in range(8)])
    assert (twice.mean, twice.low, twice.high) == (once.mean, once.low, once.high)
    assert (once.num, twice.num) == (4, 8)
    assert apart.high - apart.low < twice.high - twice.low
    uneven = share_over([1.0, 1.0, 0.0, np.nan], ["a", "a", "b", "c"])
    assert uneven.mean == pytest.approx(2 / 3)  # questions weigh the same, scenes are drawn
    # Two scenes, one of which weighs twice: 3² / (2² + 1²) trials.
    assert (uneven.low, uneven.high, uneven.num_nan) == (*score_interval(2 / 3, 1.8), 1)


def test_the_same_scores_give_the_same_bytes_and_the_card_reads_back(tmp_path):
    folders = Folders(tmp_path, MIXED).make()
    card = write_card(*folders)
    first = (folders[0] / CARD).read_bytes()
    write_card(*folders)
    assert (folders[0] / CARD).read_bytes() == first
    assert read_card(folders[0]) == read_card(folders[0] / CARD) == card


def test_the_schema_that_is_published_is_that_of_the_code():
    from pathlib import Path

    path = Path(card_format.__file__).with_name(card_format.SCHEMA)
    assert json.loads(path.read_text(encoding="utf-8")) == card_schema()


def test_a_card_satisfies_the_published_schema_and_a_spoilt_one_does_not(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(card_schema())
    validator.check_schema(card_schema())
    raw = json.loads(card_of(tmp_path).to_json())
    validator.validate(raw)
    for spoil in (
        lambda card: card.pop("hashes"),
        lambda card: card["hashes"].update(results="0" * 63),
        lambda card: card["questions"]["fall-plain-0000"].update(solved=1.5),
        lambda card: card.update(medal="gold"),
    ):
        spoilt = json.loads(json.dumps(raw))
        spoil(spoilt)
        assert not validator.is_valid(spoilt)


def test_what_is_not_said_is_null_and_what_is_said_stands(tmp_path):
    silent = card_of(tmp_path / "a", model=None)
    assert silent.model.name is silent.model.sampler_steps is silent.model.seeds is None
    said = card_of(tmp_path / "b", declared={"sampler_steps": 50, "seeds": [0, 1], "settings": {"cfg": 6.0}})
    assert (said.model.name, said.model.sampler_steps) == ("wan", 50)
    assert said.model.settings == {"cfg": 6.0}


def test_public_and_held_out_papers_are_told_apart(tmp_path):
    assert card_of(tmp_path / "a").paper.set == "public"
    held_out = card_of(tmp_path / "b", secret_hash="ab" * 32)
    assert (held_out.paper.set, held_out.paper.secret_hash) == ("held-out", "ab" * 32)


def test_another_video_or_definition_is_another_paper(tmp_path):
    video = {"width": 128, "height": 128, "num_frames": 32, "fps": 10.0, "context": 3}
    first, wider, other = (
        card_of(tmp_path / name, **its)
        for name, its in {"a": {}, "b": {"video": video}, "c": {"name": "c"}}.items()
    )
    assert len({card.paper.sha256 for card in (first, wider, other)}) == 3
    assert wider.video.model_dump() == video


def test_hashes_of_answers_name_every_file_and_skip_scores(tmp_path):
    scores, paper, answers = Folders(tmp_path, questions("drift-plain", 0.02)).make()
    write_card(scores, paper, answers)
    asked = ["drift-plain-0000"]
    before = hashes_of_answers(answers, asked)
    assert set(before) == {"answers.json", "drift-plain-0000__0.mp4"}
    shutil.copytree(scores, answers / "scores")
    shutil.copy(scores / "card.json", answers)
    for name in (".hidden", "thumbs.db", "other-0000.mp4"):
        (answers / name).write_text("x")
    assert hashes_of_answers(answers, asked) == before
    (answers / "failures.json").write_text("{}")
    (answers / "drift-plain-0000__1").mkdir()
    for name in ("1.png", "2.PNG", "notes.txt", "card.json"):
        (answers / "drift-plain-0000__1" / name).write_bytes(b"x")
    (answers / "drift-plain-0000__2.txt").write_text("an answer in no format of ours decides a status, too")
    assert set(hashes_of_answers(answers, asked)) - set(before) == {
        "failures.json",
        "drift-plain-0000__1/1.png",
        "drift-plain-0000__1/2.PNG",
        "drift-plain-0000__2.txt",
    }
    (answers / "drift-plain-0000__0.mp4").write_bytes(b"other")
    assert hashes_of_answers(answers, asked)["drift-plain-0000__0.mp4"] != before["drift-plain-0000__0.mp4"]


def spoilt(tmp_path, change):
    card = json.loads(card_of(tmp_path).to_json())
    change(card)
    path = tmp_path / "spoilt.json"
    path.write_text(card if isinstance(card, str) else json.dumps(card))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.pop("format"), "no 'format'"),
        (lambda card: card.update(format=3), "format 3; this version reads 1 and 2"),
        (lambda card: card["paper"].pop("name"), "paper.name"),
        (lambda card: card["video"].update(fps="fast"), "video.fps.*'fast'"),
        (lambda card: card["questions"]["drift-plain-0000"].update(solved=-1), "questions.drift-plain-0000"),
        (lambda card: card["questions"].pop("drift-plain-0000"), "7 questions; its paper has 8"),
        (lambda card: card.update(video={"width": NAN}), "not readable as JSON .NaN"),
    ],
)
def test_a_spoilt_card_gets_one_line_that_names_the_place(tmp_path, change, said):
    with pytest.raises(BadInput) as error:
        read_card(spoilt(tmp_path, change))
    assert re.search(said, str(error.value))
    assert "\n" not in str(error.value)


def test_what_is_no_card_at_all_gets_one_line(tmp_path):
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for name in ("text.json", "list.json", "bytes.json", "deep.json", "nothing.json", "."):
        with pytest.raises(BadInput) as error:
            read_card(tmp_path / name)
        assert "\n" not in str(error.value)


def test_scores_that_do_not_belong_to_the_paper_are_refused(tmp_path):
    scores, _, answers = Folders(tmp_path / "a", questions("drift-plain", 0.02)).make()
    _, other, _ = Folders(tmp_path / "b", questions("fall-plain", 0.02)).make()
    with pytest.raises(BadInput, match="is no question of the paper"):
        write_card(scores, other, answers)
    (scores / "status.json").write_text("[]")
    with pytest.raises(BadInput, match="nothing about 'drift-plain-0000'"):
        read_scores(scores, tmp_path / "a" / "paper")
    (scores / "results.parquet").write_bytes(b"no")
    (scores / "status.json").write_text("{}")
    with pytest.raises(BadInput, match="expected a list"):
        read_scores(scores, tmp_path / "a" / "paper")


def test_numbers_of_the_card_are_those_of_the_results(tmp_path):
    rng = np.random.default_rng(0)
    errors = rng.uniform(0, 0.2, 30)
    card = card_of(tmp_path, questions("drift-plain", *errors.tolist()))
    assert card.summary.all.solved.share == pytest.approx((errors <= 0.1).mean())
    assert card.summary.all.velocity_error.median == pytest.approx(np.median(errors))


def test_a_declaration_that_no_card_can_carry_gets_one_line(tmp_path):
    scores, paper, answers = Folders(tmp_path, questions("drift-plain", 0.02)).make()
    for text in ('{"settings": {"cfg": NaN}}', '{"model": "half \\ud800 a character"}', "[" * 100_000):
        (answers / "answers.json").write_text(text)
        with pytest.raises(BadInput, match=r"answers\.json") as error:
            write_card(scores, paper, answers)
        assert "\n" not in str(error.value)


def test_names_of_files_that_are_no_text_do_not_stop_the_card(tmp_path):
    scores, paper, answers = Folders(tmp_path, questions("drift-plain", 0.02)).make()
    frames = answers / "drift-plain-0000__1"
    frames.mkdir()
    (frames / b"caf\xe9.png".decode(errors="surrogateescape")).write_text("x")
    card = write_card(scores, paper, answers)
    assert "drift-plain-0000__1/caf\\udce9.png" in card.hashes.answers
    assert read_card(scores) == card


def test_a_card_says_itself_in_lines(tmp_path):
    said = [" ".join(line.split()) for line in card_lines(card_of(tmp_path))]
    assert re.fullmatch("solved 62 % [0-9]+ – [0-9]+ % of 8 questions", said[0])
    assert said[1].startswith("parabola, plain 25 %")
    assert len(said) == 4

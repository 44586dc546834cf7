"""Comparing cards: exact tests, honest words about what is not shown, one line where it cannot be."""

import itertools
import json

import pytest

from scored_folders import Folders, questions
from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.exam.cards.card import write_card
from worldlaw.exam.cards.comparison import compare

GOOD, BAD = 0.01, 0.5  # m/s, solved and not


def scored(tmp_path, name, outcomes, **others):
    folders = Folders(tmp_path / name, outcomes, model=name, **others)
    write_card(*folders.make())
    return tmp_path / name / "answers-scores" / "card.json"


def two_laws(fall, drift):
    """Forty questions of each law, the first so many of them solved."""
    return {
        **questions("fall-plain", *[GOOD] * fall, *[BAD] * (40 - fall)),
        **questions("drift-plain", *[GOOD] * drift, *[BAD] * (40 - drift)),
    }


def test_the_better_model_stands_first_and_what_is_shown_is_told_from_what_is_not(tmp_path):
    paths = [
        scored(tmp_path, "weak", two_laws(2, 2)),
        scored(tmp_path, "strong", two_laws(36, 33)),
        scored(tmp_path, "near", two_laws(35, 32)),
    ]
    found = compare(paths)
    assert [one.label for one in found.entrants] == ["strong", "near", "weak"]
    assert [(one.best_rank, one.worst_rank) for one in found.entrants] == [(1, 2), (1, 2), (3, 3)]
    close, far, other = found.of_cell(0)
    assert (close.first, close.second, close.is_shown) == (0, 1, False)
    assert far.is_shown
    assert other.is_shown
    assert far.by.mean == pytest.approx((69 - 4) / 80)
    assert far.by.low < far.by.mean < far.by.high
    # two questions differ: 2 * 2^-2, times the nine differences that were looked at
    assert close.chance == pytest.approx(0.5)
    assert close.corrected == 1
    assert len(found.differences) == 9


def test_who_is_ahead_over_all_may_be_behind_in_one_law(tmp_path):
    found = compare([scored(tmp_path, "a", two_laws(40, 10)), scored(tmp_path, "b", two_laws(5, 30))])
    assert [one.label for one in found.entrants] == ["a", "b"]
    fall, drift = found.of_cell(1)[0], found.of_cell(2)[0]
    assert (fall.first, drift.first) == (0, 1)
    assert fall.by.mean == pytest.approx(35 / 40)
    assert drift.by.mean == pytest.approx(20 / 40)
    assert drift.by.low > 0


def test_correction_grows_with_the_number_of_cards(tmp_path):
    strong, weak = scored(tmp_path, "s", two_laws(20, 10)), scored(tmp_path, "w", two_laws(10, 10))
    alone = compare([strong, weak])
    more = [scored(tmp_path, f"m{index}", two_laws(10, 10)) for index in range(4)]
    crowd = compare([strong, weak, *more])
    assert alone.of_cell(0)[0].is_shown  # p = 2 * 2^-10 of three
    assert alone.of_cell(0)[0].corrected == pytest.approx(3 * 2**-9)
    assert crowd.of_cell(0)[0].corrected > alone.of_cell(0)[0].corrected
    assert not crowd.of_cell(0)[0].is_shown


def test_equal_cards_share_every_rank_and_are_named(tmp_path):
    path = scored(tmp_path, "one", two_laws(20, 20))
    found = compare([path, path])
    assert len({one.label for one in found.entrants}) == 2
    assert all((one.best_rank, one.worst_rank) == (1, 2) for one in found.entrants)
    assert found.same_answers == ((0, 1),)
    assert not any(one.is_shown for one in found.differences)


def test_missing_answers_count_as_unsolved(tmp_path):
    whole = scored(tmp_path, "whole", questions("drift-plain", *[GOOD] * 6, *[BAD] * 6))
    part = scored(tmp_path, "part", questions("drift-plain", *[GOOD] * 6, *["missing"] * 6))
    first = scored(tmp_path, "first", questions("drift-plain", *[GOOD] * 3, *["excluded"] * 9))
    found = compare([part, first, whole])
    assert [one.values[0].mean for one in found.entrants] == [0.5, 0.5, 0.25]
    errors = compare([part, whole], metric="velocity_error")
    assert [one.label for one in errors.entrants] == ["whole", "part"]  # lower is better, missing is charged


def test_the_order_of_the_files_changes_nothing(tmp_path):
    paths = [
        scored(tmp_path, name, two_laws(*its))
        for name, its in {"a": (30, 9), "b": (9, 30), "c": (1, 1)}.items()
    ]
    orders = [compare(order) for order in itertools.permutations(paths)]
    assert len({tuple(one.label for one in found.entrants) for found in orders}) == 1
    assert len({tuple(one.corrected for one in found.differences) for found in orders}) == 1


def changed(path, change):
    card = json.loads(path.read_text())
    change(card)
    path = path.with_name("changed.json")
    path.write_text(json.dumps(card))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card["paper"].update(name="laws"), "paper laws 1 .public. and not tiny 1"),
        (lambda card: card["paper"].update(sha256="0" * 64), "another definition"),
        (lambda card: card["video"].update(fps=16.0), "8 frames at 16 Hz, 1 given and not 64x36"),
        (lambda card: card["versions"]["trackers"].update(blobs=99), "other trackers .blobs 99 and not"),
        (lambda card: card["versions"]["metrics"].update(solved=99), "other metrics"),
        (lambda card: card["thresholds"].update(velocity_error=1.0), "other thresholds"),
        (lambda card: card["questions"]["drift-plain-0000"].update(horizon=5), "frames counts"),
        (lambda card: card["scoring"].update(tracks={}), "own tracker"),
    ],
)
def test_cards_that_cannot_be_compared_get_one_line(tmp_path, change, said):
    path = scored(tmp_path, "one", questions("drift-plain", GOOD, BAD))
    with pytest.raises(BadInput, match=said) as error:
        compare([path, changed(path, change)])
    assert "\n" not in str(error.value)


def test_other_packages_and_looks_do_compare(tmp_path):
    def change(card):
        card["versions"]["packages"]["numpy"] = "9.9"
        card["versions"]["metrics"]["psnr"] = 3

    path = scored(tmp_path, "one", questions("drift-plain", GOOD, BAD))
    assert len(compare([path, changed(path, change)]).entrants) == 2


def test_one_card_or_too_many_or_a_metric_without_numbers_get_one_line(tmp_path):
    path = scored(tmp_path, "one", questions("drift-plain", GOOD, BAD))
    with pytest.raises(BadInput, match="2 to 50 cards to compare; found 1"):
        compare([path])
    with pytest.raises(BadInput, match="found 51"):
        compare([path] * 51)
    with pytest.raises(BadInput, match="no question of these cards has a number for 'abnormal'"):
        compare([path, path], metric="abnormal")


def test_scenes_asked_twice_do_not_make_a_difference_surer(tmp_path):
    plain = {
        name: questions("fall-plain", *[GOOD] * n, *[BAD] * (12 - n)) for name, n in {"a": 8, "b": 2}.items()
    }
    both = {
        name: its | questions("fall-textured", *[one[0] for one in its.values()])
        for name, its in plain.items()
    }
    once = compare([scored(tmp_path / "once", name, its) for name, its in plain.items()]).of_cell(0)[0]
    twice = compare([scored(tmp_path / "twice", name, its) for name, its in both.items()]).of_cell(0)[0]
    assert once.chance == twice.chance == pytest.approx(2 * 2**-6)
    assert once.by.mean == twice.by.mean == 0.5
    assert (once.by.low, once.by.high) == (twice.by.low, twice.by.high)


def test_a_better_mean_that_is_worse_on_most_scenes_is_not_shown(tmp_path, capsys):
    """A few large errors make the mean of who is better on most questions the worse one."""
    often = scored(tmp_path, "often", questions("drift-plain", *[0.01] * 20, *[5.0] * 4))
    even = scored(tmp_path, "even", questions("drift-plain", *[0.02] * 24))
    found = compare([often, even], metric="velocity_error")
    (difference,) = found.differences
    assert [one.label for one in found.entrants] == ["even", "often"]
    assert (difference.num_better, difference.num_worse) == (4, 20)
    assert difference.corrected < 0.01
    assert not difference.is_shown
    assert main(["exam", "compare", str(often), str(even), "--metric", "velocity_error"]) == 0
    said = capsys.readouterr().out
    assert "not shown: even ahead of often" in said
    assert "better on 4, worse on 20 scenes" in said
    assert "exact sign test, whose null hypothesis is that either is as often the better one" in said


def test_several_answers_are_compared_by_their_means(tmp_path):
    half = scored(tmp_path, "half", questions("drift-plain", *[[GOOD, BAD]] * 12))
    none = scored(tmp_path, "none", questions("drift-plain", *[[BAD, BAD]] * 12))
    (difference,) = compare([half, none]).differences
    assert difference.by.mean == 0.5
    assert difference.chance == pytest.approx(2 * 2**-12)


def test_on_the_command_line_it_ranks_and_writes_a_page(tmp_path, capsys):
    paths = [scored(tmp_path, name, two_laws(*its)) for name, its in {"a": (30, 30), "b": (2, 2)}.items()]
    assert main(["exam", "compare", *map(str, paths)]) == 0
    said = capsys.readouterr().out
    assert "a is better than b by 70 points" in said
    assert "parabola, plain: 1 of 1 difference shown" in said
    page = tmp_path / "page.html"
    assert main(["exam", "compare", *map(str, paths), "--json", "--html", str(page)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [one["model"] for one in data["ranking"]] == ["a", "b"]
    assert data["differences"][0]["shown"] is True
    assert "a solves most" in page.read_text(encoding="utf-8")
    assert main(["exam", "compare", str(paths[0])]) == 2
    assert capsys.readouterr().err.count("\n") == 1

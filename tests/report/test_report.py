"""The report: a fair ranking, honest counts, and a page that is the same every time and harmless to open."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from report_pages import NAN, Page, example, report, rows_of, speed_rows, table_of, trajectory, two_scenarios
from worldlaw.core.errors import BadInput
from worldlaw.pages.cells import INDEX, arrange
from worldlaw.pages.film_strips import film
from worldlaw.pages.metric_tables import all_metrics
from worldlaw.report import Example, Exclusion, leaderboard, write_report
from worldlaw.report.copies import copies
from worldlaw.report.exclusions import losses, unmeasured_clips
from worldlaw.report.report_answer import answer
from worldlaw.report.report_page import page
from worldlaw.report.tables import extremes


@pytest.fixture
def results() -> pa.Table:
    return two_scenarios()


def ranks(results: pa.Table) -> dict[str, int | None]:
    return {row["predictor"]: row["rank"] for row in leaderboard(results)}


# The ranking


def test_who_solves_more_clips_ranks_first_whatever_the_mean_error() -> None:
    mostly_right = rows_of("mostly_right", [(0.05, 1.0)] * 3 + [(9.0, 1.0)])
    never_right = rows_of("never_right", [(0.2, 1.0)] * 4)
    assert ranks(table_of(never_right, mostly_right)) == {"mostly_right": 1, "never_right": 2}


def test_equal_shares_of_solved_clips_are_ranked_by_velocity_error() -> None:
    board = ranks(table_of(rows_of("far", [(3.0, 1.0)] * 2), rows_of("near", [(2.0, 1.0)] * 2)))
    assert board == {"near": 1, "far": 2}


def test_erasing_the_ball_in_every_second_clip_ranks_below_copying_the_last_frame() -> None:
    copy = rows_of("copy_last_frame", [(2.0, 1.0)] * 8)
    eraser = rows_of("eraser", [(2.0, 1.0), (NAN, 0.0)] * 4)
    assert ranks(table_of(eraser, copy)) == {"copy_last_frame": 1, "eraser": 2}


def test_a_perfect_predictor_that_erases_every_second_ball_ranks_below_copying_the_last_frame() -> None:
    copy = rows_of("copy_last_frame", [(2.0, 1.0)] * 8)
    eraser = rows_of("perfect_eraser", [(0.0, 1.0), (NAN, 0.0)] * 4)
    board = leaderboard(table_of(eraser, copy))
    assert [row["predictor"] for row in board] == ["copy_last_frame", "perfect_eraser"]
    assert board[1]["measured_share"] == 0.5
    assert not board[1]["measured_enough"]


def test_erasing_the_ball_late_ranks_below_copying_the_last_frame() -> None:
    copy = rows_of("copy_last_frame", [(2.0, 1.0)] * 8, speed=3.0)
    late = rows_of("late_eraser", [(1.8, 0.88)] * 8, speed=3.0)  # the same, but for the worst 12 %
    board = leaderboard(table_of(late, copy))
    assert [row["predictor"] for row in board] == ["copy_last_frame", "late_eraser"]
    assert board[1]["measured_enough"]
    assert board[1]["velocity_error"] < board[0]["velocity_error"]
    assert board[1]["charged_velocity_error"] == pytest.approx(0.88 * 1.8 + 0.12 * 4.0)  # 2.064 m/s
    assert answer(board)[0].startswith(
        "In distribution, no model solves a single clip. Nearest to the law is “copy"
    )


def test_results_without_a_charged_error_are_ranked_by_the_plain_one(results: pa.Table) -> None:
    assert all(row["charged_velocity_error"] == row["velocity_error"] for row in leaderboard(results))
    assert "ties by velocity error. Who" in page(report(results))
    charged = table_of(rows_of("model", [(1.0, 1.0)], speed=1.0))
    assert "ties by charged velocity error. Who" in page(report(charged))


def test_the_ratio_to_the_floor_is_over_the_clips_that_were_measured() -> None:
    floor = rows_of("floor", [(0.01, 1.0), (0.03, 1.0)], kind="floor", speed=1.0)
    model = rows_of("model", [(0.2, 1.0), (NAN, 0.0)], speed=1.0)
    row = leaderboard(table_of(floor, model))[1]
    assert row["floor_ratio"] == pytest.approx(20)  # 0.2 / 0.01
    assert row["charged_floor_ratio"] == pytest.approx(55)  # (0.2 + 2) / (0.01 + 0.03)


def test_the_floor_has_no_rank_and_stands_first(results: pa.Table) -> None:
    board = leaderboard(results)
    assert [(row["predictor"], row["rank"]) for row in board[:4]] == [
        ("floor", None),
        ("state_law", 1),
        ("blurry", 2),
        ("copy_last_frame", 3),
    ]


def test_ratios_to_the_floor_and_between_regions_are_those_worked_out_by_hand(results: pa.Table) -> None:
    rows = {(row["scenario"], row["region"], row["predictor"]): row for row in leaderboard(results)}
    assert rows["drift", "ID", "copy_last_frame"]["floor_ratio"] == pytest.approx(200)
    assert rows["drift", "ID", "blurry"]["floor_ratio"] == pytest.approx(5)  # (0.04 + 0.06) / 2 / 0.01
    assert rows["drift", "OOD", "blurry"]["floor_ratio"] == pytest.approx(25)
    assert rows["drift", "OOD", "blurry"]["ood_id_ratio"] == pytest.approx(5)
    assert rows["drift", "OOD", "floor"]["floor_ratio"] == 1
    assert rows["drift", "ID", "blurry"]["solved"] == 0.5


def test_the_leaderboard_is_plain_json_with_none_for_what_was_not_measured() -> None:
    board = leaderboard(table_of(rows_of("silent", [(NAN, 0.0)] * 3)))
    assert json.loads(json.dumps(board, allow_nan=False)) == board
    assert board[0]["velocity_error"] is None
    assert board[0]["floor_ratio"] is None


def test_the_order_of_rows_does_not_change_a_number(results: pa.Table) -> None:
    shuffled = results.take(np.random.default_rng(0).permutation(results.num_rows))

    def key(row: dict[str, Any]) -> tuple[str, ...]:
        return row["scenario"], row["region"], row["predictor"]

    assert sorted(leaderboard(shuffled), key=key) == sorted(leaderboard(results), key=key)


def test_a_clip_answered_twice_counts_once() -> None:
    first = rows_of("model", [(1.0, 1.0), (4.0, 1.0)])
    second = [{**row, "answer_seed": 1, "value": 3.0} for row in first if row["clip"] == 0]
    row = leaderboard(table_of(first, second))[0]
    assert row["num_clips"] == 2
    assert row["velocity_error"] == 3.0  # the mean of (1 + 3) / 2 and 4


def test_in_and_out_is_read_from_the_level_and_never_from_the_name_of_the_split() -> None:
    inside, outside = (
        rows_of("model", [(1.0, 1.0)], split="ood"),
        rows_of("model", [(1.0, 1.0)], level="size"),
    )
    assert [row["region"] for row in leaderboard(table_of(inside, outside))] == ["ID", "OOD"]
    unknown = rows_of("model", [(1.0, 1.0)], in_train_region="unknown")
    assert leaderboard(table_of(unknown))[0]["region"] == "unknown"


# What comes from outside


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match="missing: level"):
        leaderboard(table_of(rows_of("model", [(1.0, 1.0)])).drop_columns(["level"]))


def test_one_name_for_two_sizes_of_training_set_is_refused_and_not_averaged() -> None:
    small = rows_of("dit", [(1.0, 1.0)], training_clips=30_000)
    large = rows_of("dit", [(1.0, 1.0)], training_clips=300_000, split="other")
    with pytest.raises(BadInput, match=r"'dit' has several values of training_clips"):
        leaderboard(table_of(small, large))


# Exclusions


def test_a_metric_that_is_no_number_for_anybody_is_counted_once_as_not_applying() -> None:
    drift = {"momentum_drift": NAN}
    floor = rows_of("floor", [(1, 1)] * 3, kind="floor", more=drift)
    lines = unmeasured_clips(arrange(table_of(floor, rows_of("b", [(1, 1)] * 3, more=drift))))
    assert [(line.what, line.count, line.out_of) for line in lines] == [("momentum drift", 6, 6)]
    assert lines[0].reason.startswith("does not apply")


def test_unmeasured_clips_are_counted_by_metric_and_predictor() -> None:
    lines = unmeasured_clips(
        arrange(table_of(rows_of("a", [(1, 1)] * 3), rows_of("b", [(NAN, 0)] * 2 + [(1, 1)])))
    )
    assert [(line.what, line.where, line.count, line.out_of) for line in lines] == [
        ("velocity error, b", "drift", 2, 3)
    ]


def test_a_clip_without_a_number_for_the_true_video_is_not_scored_and_not_lost() -> None:
    floor = rows_of("floor", [(0.01, 1), (NAN, NAN), (0.01, 1)], kind="floor")
    model = rows_of("model", [(1, 1), (NAN, NAN), (NAN, 0.0)])
    found = {
        (line.what, line.reason.partition(":")[0], line.count, line.out_of)
        for line in unmeasured_clips(arrange(table_of(floor, model)))
        if line.what.startswith("velocity error")
    }
    assert found == {
        ("velocity error", "not scored for this clip", 2, 6),
        ("velocity error, model", "could not be measured in the rollout", 1, 3),
    }


@pytest.mark.parametrize("metric", ["psnr", "ssim", "study_velocity_error"])
def test_pictures_of_references_do_not_apply_and_are_added_up(metric: str) -> None:
    references = [rows_of(name, [(1, 1)] * 2, kind="reference", more={metric: NAN}) for name in ("a", "b")]
    lines = unmeasured_clips(
        arrange(table_of(rows_of("model", [(1, 1)] * 2, more={metric: 30.0}), *references))
    )
    assert [(line.count, line.out_of) for line in lines] == [(4, 4)]
    assert lines[0].what.endswith(", references")
    assert lines[0].reason.startswith("does not apply")


def test_a_body_that_was_never_measured_is_marked_and_counted() -> None:
    results = table_of(rows_of("model", [(1, 1), (NAN, 0)]), speed_rows("model", [(1.0, 1.1), (2.0, NAN)]))
    lines = [line for line in unmeasured_clips(arrange(results)) if line.what == "measured speed, model"]
    assert [(line.count, line.out_of) for line in lines] == [(1, 2)]
    text = page(report(results))
    assert "1 of 2 not measured" in text
    panel = text[text.index("measured against true speed in m/s, model") :]
    assert "var(--lost)" in panel[: panel.index("</svg>")]
    assert "measured speed, model" in text


def test_clips_without_any_result_are_counted() -> None:
    lines = unmeasured_clips(arrange(table_of(rows_of("a", [(1, 1)] * 5), rows_of("b", [(1, 1)] * 3))))
    assert [(line.what, line.reason, line.count, line.out_of) for line in lines] == [
        ("clips, b", "no result", 2, 5)
    ]


def test_lost_bodies_are_reported_with_the_clips_they_were_lost_in(results: pa.Table) -> None:
    found = losses(arrange(results))
    assert {(one.predictor, one.scenario, one.region) for one in found} == {
        ("blurry", scenario, region) for scenario in ("drift", "fall") for region in ("ID", "OOD")
    }
    assert (found[0].unmeasured_share, found[0].clips_with_loss, found[0].num_clips) == (0.25, 2, 4)


def test_every_metric_is_shown_with_its_counts_by_split_and_level(results: pa.Table) -> None:
    tables = {table.metric: table for table in all_metrics(arrange(results), "drift")}
    assert tables["velocity_error"].columns == [("id", "in training region"), ("fast", "speed")]
    summaries = dict(tables["velocity_error"].rows)["blurry"]
    assert [(entry.num, entry.num_nan) for entry in summaries if entry] == [(4, 0), (4, 0)]
    assert summaries[1] is not None
    assert summaries[1].mean == pytest.approx(0.25)
    assert np.isnan(summaries[1].low)  # of four clips no method has an interval that covers


def test_ranks_that_a_predictor_may_have_are_corrected_for_all_pairs() -> None:
    """Six of eight clips more for the first are p = 0.03 alone and 0.22 among 28 pairs; all are corrected."""
    good, bad = (0.01, 1.0), (0.5, 1.0)

    def solving(name: str, num: int, kind: str = "model") -> pa.Table:
        return rows_of(name, [good] * num + [bad] * (12 - num), kind=kind)

    def ranks(*names: tuple[str, int]) -> dict[str, tuple[int, int]]:
        board = leaderboard(table_of(*(solving(*name) for name in names)))
        return {row["predictor"]: (row["best_rank"], row["worst_rank"]) for row in board}

    assert ranks(("a", 8), ("b", 2)) == {"a": (1, 1), "b": (2, 2)}  # p = 2 / 2^6
    assert ranks(("a", 8), ("b", 2), ("c", 2)) == {"a": (1, 3), "b": (1, 3), "c": (1, 3)}  # of three
    assert ranks(("a", 12), ("b", 2), ("c", 2)) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    html = page(report(table_of(solving("a", 12), solving("b", 2), solving("c", 3))))
    assert "2–3" in html
    assert "exact sign test" in html


def test_the_clip_that_vanished_is_the_worst_and_not_the_best() -> None:
    cells = arrange(table_of(rows_of("model", [(3.0, 1.0), (0.0, 0.2), (NAN, 0.0), (1.0, 1.0)])))
    chosen = {which: about["clip"] for which, about in extremes(cells, "drift", "model", "ID")}
    assert chosen == {"best": 3, "worst": 2}


def test_best_and_worst_are_by_charged_error_and_pass_over_clips_with_nothing_to_measure() -> None:
    cells = arrange(
        table_of(rows_of("model", [(1.0, 1.0), (0.9, 0.8), (0.95, 0.96), (NAN, NAN)], speed=4.0))
    )  # charged: 1, 0.72 + 1, 0.912 + 0.2, nothing
    chosen = {which: about["clip"] for which, about in extremes(cells, "drift", "model", "ID")}
    assert chosen == {"best": 0, "worst": 1}


# What was copied


def copy_rows(predictor: str, indices: Iterable[float], **others: Any) -> list[dict[str, Any]]:
    """Rows copy_index and nearest_training_clip, one clip per index."""
    (template,) = rows_of(predictor, [(0.0, 1.0)], **others)[:1]
    rows = [
        {**template, "clip": clip, "metric": "copy_index", "value": index, "unit": "", "best": -1.0}
        for clip, index in enumerate(indices)
    ]
    return rows + [{**row, "metric": "nearest_training_clip", "value": 7.0, "unit": INDEX} for row in rows]


def test_copies_are_counted_by_hand_and_a_clip_that_says_nothing_is_not_one() -> None:
    results = table_of(
        copy_rows("model", [1.0, 0.5, -0.5, NAN], split="fast", level="speed high"),
        copy_rows("model", [NAN, NAN]),
        copy_rows("floor", [-1.0] * 4, split="fast", level="speed high", kind="floor"),
        rows_of("silent", [(1.0, 1.0)]),
    )
    (table,) = copies(arrange(results))
    assert [row["predictor"] for row in table["rows"]] == ["floor", "model"]
    inside, outside = table["rows"][1]["cells"]
    assert (inside["mean"], inside["num"], inside["out_of"]) == ("–", 0, 2)
    assert (outside["mean"], outside["num"], outside["out_of"]) == ("0.33", 3, 4)  # (1 + 0.5 - 0.5) / 3
    assert outside["nearer"].replace("\u202f", " ") == "67 %"
    assert [table.metric for table in all_metrics(arrange(results), "drift")].count("copy_index") == 1
    assert not any(
        table.metric == "nearest_training_clip" for table in all_metrics(arrange(results), "drift")
    )
    text = page(report(results))
    assert "What was copied" in text
    assert Page(text).open == []
    assert "What was copied" not in page(report(table_of(rows_of("model", [(1.0, 1.0)]))))


def test_the_nearest_training_clip_is_the_third_pane_of_a_film() -> None:
    shot = example("drift", "model", "id", 0)
    with_training = replace(shot, training_clip=41, training_video=shot.true_video[:, :, ::-1].copy())
    made = film(with_training, 30_000)
    assert made is not None
    assert made.training_clip == 41
    assert made.training not in (None, made.truth, made.shown)
    alone = film(shot, 30_000)
    assert alone is not None
    assert alone.training is None
    text = page(report(table_of(rows_of("model", [(1.0, 1.0)])), example=lambda *_: with_training))
    assert text.count('alt="training clip 41, the nearest in motion"') == 1
    assert "training clip 41" not in page(report(table_of(rows_of("model", [(1.0, 1.0)]))))


# The answer in words


def test_the_answer_says_so_when_nothing_is_solved() -> None:
    near, far = (
        rows_of("near", [(1.0, 1.0)] * 2, level="speed"),
        rows_of("far", [(2.0, 1.0)] * 2, level="speed"),
    )
    floor = rows_of("floor", [(0.01, 1.0)] * 2, level="speed", kind="floor")
    assert answer(leaderboard(table_of(floor, near, far)))[0] == (
        "Out of distribution, no model solves a single clip. "
        "Nearest to the law is “near”, with a velocity error of 100 times the floor."
    )


def test_the_answer_never_praises_a_predictor_that_was_not_measured_enough() -> None:
    eraser = rows_of("eraser", [(0.0, 1.0), (NAN, 0.0)] * 2)
    assert answer(leaderboard(table_of(eraser)))[0].startswith("No model could be measured well enough")
    copy = rows_of("copy", [(2.0, 1.0)] * 4)
    assert "“copy”" in answer(leaderboard(table_of(eraser, copy)))[0]


def test_who_solves_clips_is_not_told_where_nobody_asked():
    rows = [row for row in rows_of("right", [(0.01, 1.0)] * 2) if row["metric"] == "measured_share"]
    assert answer(leaderboard(table_of(rows))) == [
        "Who solves how many clips was not measured: “solved” is not among the metrics asked for."
    ]


def test_none_solves_is_not_said_of_one_who_does_but_is_lost_elsewhere():
    parts = [
        rows_of("lost", [(0.01, 1.0)] * 4, scenario="one"),
        rows_of("lost", [(0.01, 0.2)] * 4, scenario="two"),
    ]
    parts += [rows_of("still", [(2.0, 1.0)] * 4, scenario=name) for name in ("one", "two")]
    sentence = answer(leaderboard(table_of(*parts)))[0]
    assert "no model that could be measured well enough in every scenario solves a clip" in sentence


def test_the_answer_says_who_follows_the_law(results: pa.Table) -> None:
    sentences = answer(leaderboard(results))
    assert "no model solves a single clip" in sentences[0]
    assert "“blurry”, which solves 50\u202f% of the clips" in sentences[1]
    assert sentences[2] == "“blurry” could not be measured in 25\u202f% of the intervals."
    assert "“state law” does best and solves 100\u202f% of the clips out of distribution" in sentences[3]
    only = answer(leaderboard(table_of(rows_of("right", [(0.01, 1.0)] * 2))))
    assert only == ["In distribution, “right” follows the law: it solves 100\u202f% of the clips."]


def test_while_few_clips_are_solved_the_nearest_is_named_and_not_who_solves_the_easy_ones() -> None:
    parts = []
    for scenario, floor in (("drift", 0.01), ("fall", 0.1)):
        where: dict[str, Any] = {"scenario": scenario, "level": "speed", "speed": 3.0}
        parts += [
            rows_of("floor", [(floor, 1.0)] * 4, kind="floor", **where),
            rows_of("copy", [(0.0, 1.0)] + [(400 * floor, 1.0)] * 3, **where),  # a quarter stands still
            rows_of("near", [(100 * floor, 1.0)] * 4, **where),
        ]
    board = leaderboard(table_of(*parts))
    assert [row["predictor"] for row in board if row["rank"] == 1] == ["copy", "copy"]
    assert [text.replace("\u202f", " ") for text in answer(board)] == [
        "Out of distribution, no model keeps the law: “near”, the nearest, solves 0 % of the clips, "
        "with a velocity error of 100 times the floor.",
        "“copy” solves more, 25 %, but stands farther off, with a velocity error of 300 times the floor.",
    ]


def test_scenarios_weigh_the_same_in_who_is_nearest_whatever_their_floor() -> None:
    parts = []
    for scenario, floor, first, second in (("drift", 0.01, 1.0, 4.0), ("fall", 0.1, 20.0, 10.0)):
        where: dict[str, Any] = {"scenario": scenario, "speed": 3.0}
        parts += [
            rows_of("floor", [(floor, 1.0)], kind="floor", **where),
            rows_of("first", [(first, 1.0)], **where),  # 100 and 200 times the floor
            rows_of("second", [(second, 1.0)], **where),  # 400 and 100 times, with the smaller mean error
        ]
    (text,) = answer(leaderboard(table_of(*parts)))
    assert text.endswith("is “first”, with a velocity error of 100 to 200 times the floor.")


def test_the_answer_warns_of_bodies_that_are_not_there_and_of_those_that_vanish() -> None:
    floor = rows_of("floor", [(0.01, 1.0)] * 2, kind="floor", speed=1.0)
    ghosts = rows_of("ghosts", [(1.0, 0.9)] * 2, speed=1.0, more={"extra_detections": 0.25})
    far = rows_of("far", [(9.0, 0.8)] * 2, speed=1.0, more={"extra_detections": 3.0})  # not named
    first, caution = answer(leaderboard(table_of(floor, ghosts, far)))
    assert first.endswith(
        "“ghosts”, with a velocity error of 110 times the floor (unmeasured intervals charged)."
    )
    assert caution.replace("\u202f", " ") == (
        "“ghosts” shows 0.25 bodies per frame too many and could not be measured in 10 % of the intervals."
    )


# The page


def test_the_page_names_every_predictor_in_and_out_of_distribution(results: pa.Table) -> None:
    text = page(report(results))
    for scenario in ("drift", "fall"):
        for predictor in ("floor", "copy_last_frame", "blurry", "state_law"):
            assert f'data-scenario="{scenario}" data-predictor="{predictor}"' in text
    row = text[text.index('data-scenario="drift" data-predictor="blurry"') :]
    row = re.sub(r"<[^>]+>", " ", row[: row.index("</tr>")])
    assert [word for word in row.split() if word.endswith("×")] == ["5.0×", "25×", "5.0×"]


def test_the_page_loads_nothing_from_anywhere_and_its_ids_are_unique(results: pa.Table) -> None:
    parsed = Page(page(report(results)))
    assert parsed.open == []
    assert parsed.loads
    assert all(load.startswith(("data:image/webp;base64,", "#")) for load in parsed.loads)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {load[1:] for load in parsed.loads if load.startswith("#")} <= set(parsed.ids)


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_in_another_process(results: pa.Table, tmp_path: Path) -> None:
    write_report(report(results), tmp_path / "here.html")
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import report_pages as t; "
        "from worldlaw.report import write_report; "
        "write_report(t.report(t.two_scenarios()), Path(sys.argv[2]))"
    )
    folder, there = str(Path(__file__).parents[1]), str(tmp_path / "there.html")
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, folder, there], check=True, env=environment)
    assert (tmp_path / "here.html").read_bytes() == (tmp_path / "there.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.html", "there.html"]


def test_names_from_outside_are_escaped() -> None:
    evil = '<script>alert("x")</script> & $\\frac'
    results = table_of(
        rows_of(evil, [(1.0, 1.0)], scenario=evil, split=evil, level=evil),
        rows_of(evil, [(1.0, 1.0)], scenario=evil),
        speed_rows(evil, [(1.0, 1.0)], scenario=evil),
    )
    text = page(
        report(
            results,
            name=evil,
            about=evil,
            exclusions=[Exclusion(evil, evil, evil, 1)],
            artifacts=[{"stage": evil, "what": evil, "folder": evil}],
            manifest={evil: evil},
        )
    )
    parsed = Page(text)
    assert parsed.tags.count("script") == 1  # our own
    assert parsed.open == []
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: table_of(rows_of("model", [(1.0, 1.0)])),  # one clip, no floor, no OOD
        lambda: table_of(rows_of("model", [(NAN, NAN)] * 3)),
        lambda: table_of(rows_of("model", [(NAN, 0.0)] * 3), speed_rows("model", [(1.0, NAN)] * 3)),
        lambda: table_of(rows_of("model", [(0.0, 1.0)] * 3, level="speed")),  # no ID
        lambda: table_of(rows_of("floor", [(0.01, 1.0)] * 3, kind="floor")),
        lambda: table_of(rows_of("state", [(0.0, 1.0), (5.0, 1.0)], kind="reference")),
        lambda: table_of(rows_of("model", [(1.0, 1.0)], in_train_region="unknown")),
        lambda: table_of(rows_of("model", [(1.0, 1.0)]), rows_of("other", [(1.0, 1.0)], scenario="fall")),
        lambda: table_of(*(rows_of(f"model_{index}", [(index + 1.0, 1.0)] * 2) for index in range(20))),
        lambda: table_of(
            *(rows_of("model", [(1.0, 1.0)] * 2, level=level, split=level) for level in "abcdefghijklm")
        ),
        lambda: table_of(rows_of("model", [(1.0, 1.0)])).slice(0, 0),
    ],
)
def test_a_page_is_made_of_whatever_there_is(make: Callable[[], pa.Table]) -> None:
    assert Page(page(report(make()))).open == []


def test_a_table_with_dictionary_columns_is_read_as_well(results: pa.Table) -> None:
    encoded = results.set_column(1, "scenario", results["scenario"].combine_chunks().dictionary_encode())
    assert leaderboard(encoded) == leaderboard(results)


@pytest.mark.slow
def test_a_large_experiment_stays_a_small_page() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 128, 128, 3), dtype=np.uint8)

    def noisy(scenario: str, predictor: str, split: str, clip: int, seed: int) -> Example:
        return replace(
            example(scenario, predictor, split, clip),
            true_video=noise,
            shown_video=noise,
            truth=trajectory(np.zeros((12, 1, 2))),
        )

    rows = [rows_of(f"model_{index}", [(1.0, 1.0), (2.0, 1.0)]) for index in range(8)]
    assert len(page(report(table_of(*rows), example=noisy))) < 6_000_000


def test_importing_the_report_does_not_import_what_draws_it() -> None:
    code = "import sys, worldlaw.report; print({'matplotlib', 'jinja2', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

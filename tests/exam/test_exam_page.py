"""The exam report: says what the card says, shows every question, harmless to open, filtered live."""

import io
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from report_pages import Page
from scored_folders import Folders, questions, rows_of
from worldlaw.exam.cards.card import write_card
from worldlaw.exam.cards.card_format import read_card
from worldlaw.exam.cards.comparison import compare
from worldlaw.exam.page import exam_answer
from worldlaw.exam.page.answer_strips import at_moments
from worldlaw.exam.page.comparison_page import compare_page
from worldlaw.exam.page.exam_page import exam_page, write_exam_report
from worldlaw.exam.scoring.scores import ScoredQuestion, Scores, read_scores
from worldlaw.pages.film_strips import FilmStrips

MIXED = {
    **questions("fall-plain", 0.02, 0.5, "missing", "excluded"),
    **questions("fall-textured", 0.02, 0.7, 0.8, 0.9),
    **questions("drift-plain", 0.04, 0.06),
}
EVIL = '<script>alert("x")</script> & $\\frac'


def report(tmp_path, outcomes=MIXED, **others):
    """The text of the report of some outcomes."""
    scores, paper, answers = Folders(tmp_path, outcomes, **others).make()
    write_card(scores, paper, answers)
    return write_exam_report(scores, paper).read_text(encoding="utf-8")


def words(text):
    """What stands there to be read."""
    text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("\u202f", " ").split())


def test_the_answer_comes_first_in_one_sentence(tmp_path):
    text = words(report(tmp_path))
    assert re.search(r"Of 10 questions about 2 laws, 4 were solved \(40 %, \d+ – \d+ %\)\.", text)
    assert "1 answer is missing and 1 could not be scored; they count as unsolved." in text
    assert "Most were solved of uniform motion, plain (100 %)" in text
    assert "4 scenes filmed in both ways, 25 % were solved drawn plain and 25 % drawn textured" in text
    assert text.index("Of 10 questions") < text.index("parabola, plain")


def test_of_one_question_and_several_answers_it_speaks_well(tmp_path):
    one = words(report(tmp_path / "a", questions("drift-plain", 0.02)))
    assert "Of 1 question about uniform motion, 1 was solved" in one
    several = words(report(tmp_path / "b", questions("drift-plain", [0.02, 0.5], [0.02, "missing"])))
    assert "in the mean of 2 answers to each, 1.0 were solved (50 %" in several
    assert "2 answers to each, of which the mean counts" in several


def test_every_question_stands_in_the_table_with_its_fate(tmp_path):
    text = report(tmp_path)
    table = text[text.index('<table class="plain all">') :]
    rows = re.findall(r'<tr data-law="[^"]*".*?</tr>', table, flags=re.DOTALL)
    assert len(rows) == len(MIXED)
    fates = {words(row).split()[0]: row for row in rows}
    assert 'data-status="missing"' in fates["fall-plain-0002"]
    assert "no answer" in fates["fall-plain-0002"]
    assert 'data-status="excluded"' in fates["fall-plain-0003"]
    assert "0 bytes" in fates["fall-plain-0003"]
    assert 'data-verdict="solved"' in fates["fall-plain-0000"]
    assert 'data-verdict="not solved"' in fates["fall-plain-0001"]
    assert "0.500 0.0100 100 % rate" in words(fates["fall-plain-0001"])


def test_exclusions_and_adjustments_are_counted_with_their_reasons(tmp_path):
    text = words(report(tmp_path))
    section = text[text.index("What was left out, and what was adjusted") :]
    assert "excluded 1 unreadable: empty (0 bytes) fall-plain-0003__0.mp4" in section
    assert "missing 1 no answer fall-plain-0002" in section
    assert "rate 8 of 8 16 to 8 fps (8)" in section


def test_floor_and_references_stand_in_the_table(tmp_path):
    text = report(tmp_path)
    for law in ("parabola, plain", "parabola, textured", "uniform motion, plain"):
        for who in ("answers", "floor", "standing still"):
            assert f'data-law="{law}" data-predictor="{who}"' in text


def test_what_is_not_said_reads_as_not_said(tmp_path):
    text = words(report(tmp_path, model=None))
    assert "A model whose name is not said" in text
    for what in ("model", "settings", "sampler steps", "seeds"):
        assert f"{what} not said" in text
    said = words(
        report(tmp_path / "b", declared={"sampler_steps": 50, "settings": {"cfg": 6}, "seeds": [0, 1]})
    )
    assert "sampler steps 50" in said
    assert "settings {&#34;cfg&#34;: 6}" in said


def with_rows(folders, change):
    """The results of made folders, changed row by row."""
    scores, paper, answers = folders.make()
    rows = [row for row in map(change, pq.read_table(scores / "results.parquet").to_pylist()) if row]
    pq.write_table(pa.Table.from_pylist(rows), scores / "results.parquet")
    write_card(scores, paper, answers)
    return write_exam_report(scores, paper).read_text(encoding="utf-8")


def test_levels_are_shown_only_where_the_training_region_is_known(tmp_path):
    def place(row):
        outside = row["question"] in ("fall-plain-0001", "fall-plain-0003")
        if row["scenario"] == "parabola":
            row |= {"level": "speed high" if outside else "in", "in_train_region": "no" if outside else "yes"}
        return row

    assert 'id="levels"' not in report(tmp_path / "a")
    text = with_rows(Folders(tmp_path / "b", MIXED), place)
    section = words(text[text.index('id="levels"') : text.index('id="questions"')])
    assert "parabola level" in section
    assert "uniform" not in section
    assert "in training region 6 33 %" in section
    assert "high speed 2 0 %" in section
    assert "Of parabola, 33 % were solved in distribution and 0 % out of it." in words(text)


def verdict_rows(name, answer, predictor, kind, abnormal):
    rows = rows_of(name, answer, predictor, kind, 0.1, abnormal=abnormal)
    return [row for row in rows if row["metric"] == "abnormal"]


def test_verdicts_of_rigid_bodies_have_a_column(tmp_path):
    scores, paper, answers = Folders(tmp_path, MIXED).make()
    rows = pq.read_table(scores / "results.parquet").to_pylist()
    for k, name in enumerate(questions("drift-plain", 1, 1)):
        rows += verdict_rows(name, 0, "answers", "model", float(k))
        rows += verdict_rows(name, -1, "floor", "floor", 0.0)
    pq.write_table(pa.Table.from_pylist(rows), scores / "results.parquet")
    write_card(scores, paper, answers)
    card = read_card(scores)
    assert card.summary.scenarios[2].abnormal.share == 0.5
    assert card.summary.scenarios[0].abnormal is None
    text = words(write_exam_report(scores, paper).read_text(encoding="utf-8"))
    assert "Of the answers about rigid bodies 50 % are abnormal" in text
    assert "is not judged" not in text


def test_answers_that_no_limits_judge_are_told_of(tmp_path):
    def measured(row):
        if row["scenario"] == "parabola" and row["metric"] == "lost_share":
            row["metric"] = "penetration"
        return row

    text = words(with_rows(Folders(tmp_path, MIXED), measured))
    assert "Whether answers about parabola are abnormal is not judged: no limits ship" in text


def test_when_nothing_was_answered_the_page_still_says_so(tmp_path):
    text = words(report(tmp_path, questions("drift-plain", "missing", "missing", "excluded")))
    assert "Of 3 questions about uniform motion, 0 were solved (0 %, 0 – 56 %)." in text
    assert "2 answers are missing and 1 could not be scored" in text


def films():
    """One law with one moving answer."""
    pixel = "data:image/webp;base64,UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA="
    shot = {
        "which": "worst",
        "id": "fall-plain-0001",
        "answer": None,
        "verdict": "not solved",
        "said": "0.500 m/s",
        "horizon": None,
        "film": FilmStrips(pixel, pixel, 8, 1, 1.0, 1.8),
    }
    return [{"name": "parabola, plain", "shots": [shot]}]


def whole_page(tmp_path, **others):
    scores, paper, answers = Folders(tmp_path, MIXED, **others).make()
    write_card(scores, paper, answers)
    return exam_page(read_scores(scores, paper), read_card(scores), films())


def test_the_page_loads_nothing_from_anywhere_and_its_ids_are_unique(tmp_path):
    parsed = Page(whole_page(tmp_path))
    assert parsed.open == []
    assert parsed.loads
    assert all(load.startswith(("data:image/webp;base64,", "#")) for load in parsed.loads)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert {load[1:] for load in parsed.loads if load.startswith("#")} <= set(parsed.ids)


def test_an_answer_is_shown_at_the_moments_of_the_truth():
    frames = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    given = np.full((2, 2, 3, 3), 200, np.uint8)
    # twice the rate, from the frame after the two that were given on; it ends before the truth does
    shown = at_moments(frames[:5], 0.2 + np.arange(5) / 20, np.arange(8) / 10, given)
    assert shown[:, 0, 0, 0].tolist() == [200, 200, 0, 2, 4, 128, 128, 128]
    assert at_moments(frames, np.arange(6) / 10, np.arange(6) / 10, given)[:, 0, 0, 0].tolist() == list(
        range(6)
    )


def test_pictures_have_their_words(tmp_path):
    text = whole_page(tmp_path)
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", text))
    assert 'role="img" aria-label="share of questions solved by law"' in text
    assert '<html lang="en">' in text


def test_what_comes_from_outside_is_escaped(tmp_path):
    text = report(tmp_path, model=EVIL, declared={"about": EVIL, "settings": {EVIL: EVIL}})
    parsed = Page(text)
    assert parsed.tags.count("script") == 1  # our own
    assert "<script>alert" not in text


def test_the_same_scores_give_the_same_page(tmp_path):
    assert report(tmp_path) == report(tmp_path)


def compared(tmp_path, *, metric="solved"):
    for name, solved in {"a": 30, "b": 28, EVIL[:8]: 3}.items():
        outcomes = {
            **questions("fall-plain", *[0.01] * solved, *[0.5] * (40 - solved)),
            **questions("drift-plain", 0.01),
        }
        write_card(*Folders(tmp_path / name.strip("<"), outcomes, model=name).make())
    return compare([tmp_path / name / "answers-scores" for name in ("a", "b", "script>")], metric=metric)


@pytest.mark.parametrize("metric", ["solved", "velocity_error"])
def test_the_page_of_a_comparison_is_whole_and_says_who_leads(tmp_path, metric):
    text = compare_page(compared(tmp_path, metric=metric))
    parsed = Page(text)
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert all(load.startswith("#") for load in parsed.loads)
    assert "but that it is better than b is not shown" in words(text)
    assert text.count('data-shown="true"') == 4
    assert text.count('data-shown="false"') == 5
    assert "<script>" not in text


def opened(browser, path, **options):
    page = browser.new_page(**options)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.goto(path.as_uri())
    return page


def test_questions_are_filtered_in_a_browser(tmp_path, browser):
    path = tmp_path / "page.html"
    path.write_text(whole_page(tmp_path), encoding="utf-8")
    page = opened(browser, path)

    def shown():
        return [row.get_attribute("data-status") for row in page.locator("table.all tbody tr:visible").all()]

    assert len(shown()) == 10
    page.select_option("#outcome", "not solved")
    assert shown() == ["answered"] * 4  # neither missing nor excluded ones
    page.select_option("#outcome", "excluded")
    assert shown() == ["excluded"]
    page.select_option("#outcome", "")
    page.select_option("#filming", "textured")
    page.fill("#containing", "0003")
    assert page.locator("table.all tbody tr:visible th").all_text_contents() == ["fall-textured-0003"]
    assert page.locator("#found").text_content() == "1 of 10"
    page.locator("#frame").fill("3")
    assert page.locator("#count").text_content() == "frame 4 of 8"
    assert page.faults == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_can_be_read_in_the_dark(tmp_path, browser, scheme):
    path = tmp_path / "page.html"
    path.write_text(whole_page(tmp_path), encoding="utf-8")
    page = opened(browser, path, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(over) == 0
    color = (
        "([name, what]) => getComputedStyle(document.querySelector(name))[what].match(/\\d+/g).slice(0, 3)"
    )
    ink, paper = (
        sum(map(int, page.evaluate(color, of)))
        for of in (["p.verdict", "color"], ["body", "backgroundColor"])
    )
    assert (ink > paper) == (scheme == "dark")
    assert abs(ink - paper) > 400
    assert page.faults == []
    page.close()


@pytest.mark.slow
def test_a_large_paper_stays_a_page_that_opens(tmp_path):
    rng = np.random.default_rng(0)
    outcomes = {
        **questions("fall-plain", *rng.uniform(0, 0.3, 700).tolist()),
        **questions("fall-textured", *rng.uniform(0, 0.3, 700).tolist()),
    }
    text = report(tmp_path, outcomes)
    assert len(text) < 3_000_000
    assert (
        json.loads((tmp_path / "answers-scores" / "card.json").read_text())["paper"]["num_questions"] == 1400
    )


def test_decimal_points_of_a_column_stand_in_one_line_through_all_laws(tmp_path):
    text = report(tmp_path, {**questions("fall-plain", 0.02), **questions("drift-plain", 0.00978)})
    main = text[text.index('<table class="main exam">') : text.index("</table>")]
    errors = re.findall(r'<td class="error solved">.*?</td><td>(.*?)</td>', main)
    assert len(errors) == 6
    after = {len(error) - re.search(r"[.\u2008]", error).start() for error in errors if error != "–"}
    assert len(after) == 1


def test_a_table_that_goes_on_to_the_right_shows_an_edge(tmp_path, browser):
    path = tmp_path / "page.html"
    path.write_text(whole_page(tmp_path), encoding="utf-8")
    page = opened(browser, path, viewport={"width": 390, "height": 900})
    scroll = page.locator(".scroll").first

    def edge():
        picture = Image.open(io.BytesIO(scroll.screenshot())).convert("L")
        return np.asarray(picture)[10:200, -2:].mean()

    assert scroll.evaluate("it => it.scrollWidth > it.clientWidth")
    before = edge()
    scroll.evaluate("it => { it.scrollLeft = 1e6; }")
    assert edge() - before > 20
    page.close()


def test_a_mean_and_a_median_that_order_otherwise_are_told_of():
    values = {
        ("answers", "charged_velocity_error"): {"a": [0.1], "b": [0.1], "c": [4.0]},
        ("constant_velocity", "charged_velocity_error"): {"a": [0.5], "b": [0.5], "c": [0.5]},
        ("standing_still", "velocity_error"): {"a": [9.0], "b": [9.0], "c": [9.0]},
    }
    status = ({"status": "scored"},)
    asked = tuple(ScoredQuestion(name, "s", "collision", "plain", name, status) for name in "abc")
    kinds = {"answers": "model", "constant_velocity": "reference"}
    found = Scores({}, pa.table({}), asked, values, kinds)
    (sentence,) = exam_answer._skewed(found, ["constant_velocity"])
    assert (
        "By the median of the charged velocity error the answers stand before constant velocity" in sentence
    )
    assert "by its mean behind" in sentence
    values["answers", "charged_velocity_error"]["c"] = [0.2]
    assert exam_answer._skewed(found, ["constant_velocity"]) == []

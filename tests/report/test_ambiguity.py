"""Outcomes that hang on less than a pixel: the scenes, the bound, and the analysis with planted answers."""

import dataclasses

import numpy as np
import pytest

from report_pages import rows_of, table_of
from worldlaw.core.errors import BadInput
from worldlaw.core.region import region_from
from worldlaw.core.types import Case, Detections, Tracks
from worldlaw.measure.body_readings import readings
from worldlaw.measure.rest_outcome import OUTCOMES, best_guess, outcomes_of
from worldlaw.report.analyses import Evidence, Setting, sections
from worldlaw.report.analyses.ambiguity import outcome_readings
from worldlaw.worlds import Infeasible, scenarios
from worldlaw.worlds.render.flat import render

RESTS, LEFT, RIGHT, THROUGH = range(len(OUTCOMES))


def case_of(name, **attributes):
    scenario = scenarios.get(name)()
    scene = scenario.build({"radius": 3.4, **attributes}, np.random.default_rng(0))
    truth = scenario.simulate(scene, 16, 1 / 3)
    return Case(0, scene, 1, truth, Tracks(truth, Detections.none()), lambda: None, None)


def outcome(name, **attributes):
    return outcomes_of(case_of(name, **attributes))[1]


@pytest.mark.parametrize(("gap", "ends"), [(6.5, RESTS), (6.79, RESTS), (6.81, THROUGH), (8.0, THROUGH)])
def test_a_ball_falls_through_a_gap_wider_than_its_diameter(gap, ends):
    assert outcome("gap", gap=gap) == ends


@pytest.mark.parametrize(("offset", "ends"), [(-0.5, LEFT), (0.0, RESTS), (0.5, RIGHT)])
def test_a_ball_falls_to_the_side_that_it_is_off_by(offset, ends):
    assert outcome("offset", offset=offset) == ends


def test_a_ball_beside_the_other_has_no_scene():
    with pytest.raises(Infeasible, match="beside"):
        outcome("offset", offset=4.9, radius=1.0)


def test_hard_edges_hide_what_exact_ones_show():
    first, second = (case_of("gap", gap=gap) for gap in (6.79, 6.81))
    hard, area = (
        [render(case.scene, case.truth[:1], 64, edge=edge) for case in (first, second)]
        for edge in ("hard", "area")
    )
    assert np.array_equal(*hard)
    assert not np.array_equal(*area)
    assert set(map(tuple, hard[0].reshape(-1, 3))) == {(255, 255, 255), (0, 0, 0), (243, 79, 70)}


def test_a_hard_edge_gives_a_pixel_to_what_covers_its_middle():
    case = case_of("gap", gap=7.0)
    frame = render(case.scene, case.truth[:1], 64, edge="hard")[0]
    red = case.scene.bodies[0]
    scale = 64 / case.scene.extent[1]
    middle = np.arange(64) + 0.5
    x, y = middle[None] - red.position[0] * scale, middle[:, None] - (64 - red.position[1] * scale)
    assert np.array_equal((frame == (243, 79, 70)).all(axis=-1), x**2 + y**2 <= (3.4 * scale) ** 2)


def test_hard_edges_are_for_bodies_that_turn():
    scenario = scenarios.get("parabola")()
    attributes = {"size": 1.0, "speed": 2.0, "color": "red", "shape": "ball", "direction": "right"}
    scene = scenario.build(attributes, np.random.default_rng(0))
    with pytest.raises(BadInput, match="hard"):
        render(scene, scenario.simulate(scene, 1, 0.1), 32, edge="hard")


def test_the_best_guess_is_the_commonest_outcome_of_what_looks_alike():
    found = best_guess(["a", "a", "a", "b", "b"], [RESTS, THROUGH, THROUGH, LEFT, LEFT])
    assert found.success == pytest.approx(4 / 5)
    assert found.num_looks == 2
    np.testing.assert_allclose(found.expected[:3], [[1 / 3, 0, 0, 2 / 3]] * 3)
    np.testing.assert_allclose(found.expected[3:], [[0, 1, 0, 0]] * 2)


def test_nobody_can_be_better_than_the_best_guess():
    rng = np.random.default_rng(0)
    looks, true = rng.integers(5, size=200), rng.integers(4, size=200)
    answers = rng.integers(4, size=5)[looks]  # any predictor: one answer to each picture
    assert (answers == true).mean() <= best_guess([str(look) for look in looks], true.tolist()).success


def test_as_many_outcomes_as_looks_are_needed():
    with pytest.raises(ValueError, match="as many"):
        best_guess(["a"], [])


def test_readings_tell_the_outcome_of_the_one_free_ball():
    case = case_of("gap", gap=8.0)
    found = {(body, name): value for body, name, value, _ in readings(case)}
    assert found[0, "true_outcome"] == found[0, "measured_outcome"] == THROUGH
    lost = dataclasses.replace(case.truth, position=np.full_like(case.truth.position, np.nan))
    gone = dataclasses.replace(case, tracked=Tracks(lost, Detections.none()))
    values = {name: value for _, name, value, _ in readings(gone)}
    assert values["true_outcome"] == THROUGH
    assert np.isnan(values["measured_outcome"])


def evidence():
    """Four clips: two look alike and end differently, two are told by their looks; the model says through."""
    true, measured = [RESTS, THROUGH, RESTS, THROUGH], [THROUGH, THROUGH, THROUGH, np.nan]
    rows = []
    for index in range(4):
        (template,) = rows_of("dit", [(0.0, 1.0)], scenario="gap")[:1]
        for name, value in (("true_outcome", true[index]), ("measured_outcome", measured[index])):
            rows.append({**template, "clip": index, "body": 0, "metric": name, "value": float(value)})
    box = {"gap": ((5.0, 8.0),), "radius": ((3.4, 3.4),)}
    setting = Setting(region_from([{}], box), {"sweep": region_from([{}], box)})
    scenes = [{"gap": 6.5 + 0.1 * index, "radius": 3.4} for index in range(4)]
    return Evidence(
        {"gap": setting},
        table_of(rows),
        lambda world, split: scenes,
        lambda world, split: ["a", "a", "b", "c"],
    )


def test_the_analysis_counts_who_is_right_beside_who_could_be():
    found = outcome_readings(evidence(), "gap", "dit", "gap")
    assert found.right.tolist() == [False, True, False, False]
    assert found.guess.success == 3 / 4
    (section,) = sections(["ambiguity"], evidence())
    cells = [cell.text.replace("\u202f", " ") for cell in section.table.groups[0].rows[0].cells]
    assert cells == ["25 %", "75 %", "3 of 4", "1 of 4"]
    assert "right in 25\u202f% of the clips" in section.answer[0]
    assert "<svg" in section.panels[0].svg


def test_the_analysis_needs_a_world_that_it_is_about():
    setting = Setting(region_from([{}], {"speed": ((1.0, 2.0),)}), {})
    with pytest.raises(BadInput, match="gap or an offset"):
        sections(["ambiguity"], dataclasses.replace(evidence(), settings={"u": setting}))

"""The order in which levels stand."""

from __future__ import annotations

from report_pages import rows_of, table_of
from worldlaw.pages.cells import arrange
from worldlaw.pages.levels import level_groups
from worldlaw.pages.metric_tables import all_metrics


def test_levels_stand_in_the_order_in_low_high_gap_and_then_those_of_several_attributes() -> None:
    levels = ["combination", "size low+speed high", "color", "speed gap", "speed high", "speed low", "in"]
    assert list(level_groups(levels)) == [
        "in training region",
        "low speed",
        "high speed",
        "speed in a gap",
        "color",
        "low size + high speed",
        "combination",
    ]


def test_too_many_levels_are_shown_by_the_number_of_their_attributes() -> None:
    sides = ("low", "high", "gap")
    pairs = [f"size {a}+speed {b}" for a in sides for b in sides]
    groups = level_groups(["in", *(f"{name} {side}" for name in ("size", "speed") for side in sides), *pairs])
    assert list(groups)[-1] == "2 attributes"
    assert sorted(groups["2 attributes"]) == sorted(pairs)
    assert len(groups) == 8
    results = table_of(*(rows_of("m", [(1.0, 1.0)] * 2, level=name, split="ood") for name in pairs * 2))
    assert all_metrics(arrange(results), "drift")[0].columns[0] == ("ood", "low size + low speed")

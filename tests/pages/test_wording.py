"""How numbers are written."""

from __future__ import annotations

from report_pages import NAN
from worldlaw.pages.wording import FIGURE_SPACE, PUNCTUATION_SPACE, align_decimals, number, percent, ratio


def test_numbers_are_written_with_three_significant_digits() -> None:
    written = [number(value) for value in (0.0, 0.004123, 0.0999, 1.0, 12.34, 1234.5, -0.5, 1e-9, NAN)]
    assert written == ["0", "0.00412", "0.0999", "1.00", "12.3", "1,234", "−0.500", "1.0e−9", "–"]
    assert [ratio(value) for value in (0.0421, 1.04, 9.96, 310.2, NAN)] == [
        "0.042×",
        "1.0×",
        "10×",
        "310×",
        "–",
    ]


def test_a_share_that_is_not_all_or_nothing_never_reads_as_if_it_were() -> None:
    assert [percent(share).replace("\u202f", " ") for share in (0, 0.001, 0.5, 0.999, 1)] == [
        "0 %",
        "< 1 %",
        "50 %",
        "> 99 %",
        "100 %",
    ]


def test_decimal_points_stand_in_one_line() -> None:
    assert align_decimals(["1.25", "310", "0.0041"]) == [
        "1.25" + 2 * FIGURE_SPACE,
        "310" + PUNCTUATION_SPACE + 4 * FIGURE_SPACE,
        "0.0041",
    ]

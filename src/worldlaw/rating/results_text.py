"""Results of rating as lines for a terminal, as plain data, and as one long table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from worldlaw.core.numbers.stats import Summary
from worldlaw.rating.agreement import Agreement
from worldlaw.rating.results import Results, count_in_words


def why_no_kappa(found: Results) -> str:
    """Why kappa is not defined; empty if it is."""
    if math.isfinite(found.agreement.kappa):
        return ""
    if len(found.raters) < 2:
        return "it needs two raters"
    if not found.num_common:
        return "no clip was judged by all of them"
    return "all answers are equal"


def lines(found: Results) -> Iterator[str]:
    """The results as lines for a terminal."""
    yield (
        f"{count_in_words(len(found.raters), 'rater')}, {count_in_words(found.num_clips, 'clip')}, "
        f"{count_in_words(found.num_answers, 'answer')}"
    )
    if found.strangers:
        yield f"{count_in_words(found.strangers, 'answer')} left out: about clips that are not here"
    yield ""
    yield 'share of "no, it does not obey physics"; mean of the raters, 95 % interval, each rater'
    several = len(found.raters) > 1
    head = ["scenario", "predictor", "split", "clips", "answers", "no", "interval"]
    rows = [head + (list(found.raters) if several else [])]
    for rate in found.rates:
        cells = [rate.scenario, rate.predictor, rate.split, str(rate.num_clips), str(rate.num_answers)]
        cells += [_percent(rate.no.mean), _interval(rate.no)]
        if several:
            each = (rate.by_rater.get(rater) for rater in found.raters)
            cells += ["-" if one is None else _percent(one.mean) for one in each]
        rows.append([cell or "-" for cell in cells])
    yield from _aligned(rows, num_text=3)
    yield ""
    seconds = (
        f"{rater} {'not known' if math.isnan(time) else f'{time:.1f} s'}"
        for rater, time in found.raters.items()
    )
    yield f"time to an answer, median: {', '.join(seconds)}"
    why, agreement = why_no_kappa(found), found.agreement
    if why:
        yield f"agreement: Fleiss' kappa is not defined: {why}"
    else:
        yield (
            f"agreement: Fleiss' kappa {agreement.kappa:.3f}{_between(agreement)} over "
            f"{count_in_words(found.num_common, 'clip')} that all {len(found.raters)} judged; "
            f"pairs agree on {_percent(agreement.observed)}, {_percent(agreement.expected)} by chance"
        )
    if found.judged is None:
        yield "automatic verdict: none known for these clips"
        return
    yield ""
    table = found.judged.confusion
    yield from _aligned(
        [
            ["clips", 'people: "no"', 'people: "yes"'],
            ["verdict: abnormal", str(table.both), str(table.verdict_only)],
            ["verdict: normal", str(table.people_only), str(table.neither)],
        ],
        num_text=1,
    )
    yield (
        f"the verdict agrees with the majority on {_share(table.agreement)}; sensitivity "
        f"{_share(table.sensitivity)}, specificity {_share(table.specificity)}"
    )
    if found.judged.ties or found.judged.without:
        yield f"left out: {found.judged.ties} without a majority, {found.judged.without} without a verdict"


def as_json(found: Results) -> dict[str, object]:
    """The results as plain data; what is not known is null."""
    agreement, judged = found.agreement, found.judged
    return {
        "raters": {rater: {"median_seconds": _or_null(time)} for rater, time in found.raters.items()},
        "clips": found.num_clips,
        "answers": found.num_answers,
        "answers_left_out": found.strangers,
        "rates": [
            {
                "scenario": rate.scenario,
                "predictor": rate.predictor,
                "split": rate.split,
                "clips": rate.num_clips,
                "answers": rate.num_answers,
                "no": _summary(rate.no),
                "by_rater": {rater: _summary(one) for rater, one in rate.by_rater.items()},
            }
            for rate in found.rates
        ],
        "agreement": {
            "clips": found.num_common,
            "observed": _or_null(agreement.observed),
            "expected": _or_null(agreement.expected),
            "fleiss_kappa": _or_null(agreement.kappa),
            "low": _or_null(agreement.low),
            "high": _or_null(agreement.high),
            "not_defined": why_no_kappa(found) or None,
        },
        "verdict": None
        if judged is None
        else {
            "both_abnormal": judged.confusion.both,
            "verdict_only": judged.confusion.verdict_only,
            "people_only": judged.confusion.people_only,
            "neither": judged.confusion.neither,
            "ties": judged.ties,
            "without_verdict": judged.without,
            "agreement": _summary(judged.confusion.agreement),
            "sensitivity": _summary(judged.confusion.sensitivity),
            "specificity": _summary(judged.confusion.specificity),
        },
    }


def as_csv(found: Results) -> str:
    """One long table: quantity, scenario, predictor, split, rater, value, low, high, num."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["quantity", "scenario", "predictor", "split", "rater", "value", "low", "high", "num"])
    for rate in found.rates:
        place = [rate.scenario, rate.predictor, rate.split]
        table.writerow(["no", *place, "", *_numbers(rate.no), rate.num_answers])
        for rater, one in rate.by_rater.items():
            table.writerow(["no", *place, rater, *_numbers(one), one.num])
    for rater, time in found.raters.items():
        table.writerow(["median_seconds", "", "", "", rater, *_written(time, math.nan, math.nan), ""])
    agreement = found.agreement
    for name, *values in (
        ("observed_agreement", agreement.observed, math.nan, math.nan),
        ("fleiss_kappa", agreement.kappa, agreement.low, agreement.high),
    ):
        table.writerow([name, "", "", "", "", *_written(*values), found.num_common])
    if found.judged is not None:
        for name in ("both", "verdict_only", "people_only", "neither"):
            count = getattr(found.judged.confusion, name)
            table.writerow([f"clips_abnormal_{name}", "", "", "", "", str(count), "", "", ""])
        for name in ("agreement", "sensitivity", "specificity"):
            one = getattr(found.judged.confusion, name)
            table.writerow([f"verdict_{name}", "", "", "", "", *_numbers(one), one.num])
    return out.getvalue()


def _summary(one: Summary) -> dict[str, float | None]:
    return {"share": _or_null(one.mean), "low": _or_null(one.low), "high": _or_null(one.high), "num": one.num}


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _numbers(one: Summary) -> list[str]:
    return _written(one.mean, one.low, one.high)


def _written(*values: float) -> list[str]:
    return [f"{value:.6g}" if math.isfinite(value) else "" for value in values]


def _share(one: Summary) -> str:
    return (
        f"{_percent(one.mean)} ({_interval(one)}, {count_in_words(one.num, 'clip')})"
        if one.num
        else "no clip"
    )


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _interval(one: Summary) -> str:
    return "-" if math.isnan(one.low) else f"{100 * one.low:.1f} to {100 * one.high:.1f}"


def _between(agreement: Agreement) -> str:
    return "" if math.isnan(agreement.low) else f" ({agreement.low:.2f} to {agreement.high:.2f})"


def _aligned(rows: list[list[str]], *, num_text: int) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place < num_text else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()

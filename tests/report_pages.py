"""Results and pages of reports, made by hand for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.core.types import VISIBLE, Trajectory
from worldlaw.pages.cells import COLUMNS
from worldlaw.report import Example, ReportInput

NAN = float("nan")
Clip = tuple[float, float]  # velocity error, measured share


def rows_of(
    predictor: str,
    clips: Iterable[Clip],
    *,
    kind: str = "model",
    scenario: str = "drift",
    split: str = "id",
    level: str = "in",
    speed: float | None = None,
    more: dict[str, float] | None = None,
    **others: Any,
) -> list[dict[str, Any]]:
    """Rows of the results table: one clip per (velocity error, measured share), solved by the definition.

    With the true speed of what could not be measured, in m/s, the charged velocity error too.
    """
    rows = []
    for clip, (error, share) in enumerate(clips):
        metrics = {
            "velocity_error": error,
            "measured_share": share,
            "solved": float(share >= 0.95 and error <= 0.1),
            "lost_share": 1 - share,
            **(more or {}),
        }
        if speed is not None:
            measured = error * share if share else 0.0
            metrics["charged_velocity_error"] = measured + (1 - share) * (speed + 1)
        for metric, value in metrics.items():
            row = {
                "experiment": "trial",
                "scenario": scenario,
                "predictor": predictor,
                "kind": kind,
                "training_clips": 0,
                "training_seed": 0,
                "split": split,
                "level": level,
                "clip": clip,
                "answer_seed": 0,
                "body": -1,
                "in_train_region": "yes" if level == "in" else "no",
                "metric": metric,
                "value": float(value),
                "unit": "m/s" if metric.endswith("error") else "",
                "best": 0.0,
            }
            rows.append({**row, **others})
    return rows


def speed_rows(predictor: str, pairs: Iterable[tuple[float, float]], **others: Any) -> list[dict[str, Any]]:
    """Rows true_speed and measured_speed, one body per clip."""
    (template,) = rows_of(predictor, [(0.0, 1.0)], **others)[:1]
    return [
        {**template, "clip": clip, "body": 0, "metric": metric, "value": value}
        for clip, pair in enumerate(pairs)
        for metric, value in zip(("true_speed", "measured_speed"), pair, strict=True)
    ]


def table_of(*parts: list[dict[str, Any]]) -> pa.Table:
    rows = [row for part in parts for row in part]
    return pa.table({name: [row[name] for row in rows] for name in COLUMNS})


def trajectory(position: np.ndarray, status: int = VISIBLE) -> Trajectory:
    num_frames, num_bodies, _ = position.shape
    return Trajectory(
        dt=0.1,
        position=position.astype(float),
        size=np.full((num_frames, num_bodies), 2.0),
        color=np.zeros((num_frames, num_bodies, 3)),
        status=np.full((num_frames, num_bodies), status, np.int8),
        confidence=np.ones((num_frames, num_bodies)),
    )


def example(scenario: str, predictor: str, split: str, clip: int, seed: int = 0) -> Example:
    """Six frames of 16 x 16 pixels over 10 m; a predictor whose name starts with "state" draws none."""
    video = np.full((6, 16, 16, 3), 255, np.uint8)
    video[:, 4:8, 4:8] = (255, 0, 0)
    states = trajectory(np.full((6, 1, 2), 5.0))
    shown = None if predictor.startswith("state") else video[:, ::-1].copy()
    return Example(video, shown, states, states, context=2)


def report(results: pa.Table, **others: Any) -> ReportInput:
    data = ReportInput(
        name="trial",
        about="A trial.",
        results=results,
        example=example,
        exclusions=[],
        training_speed={"drift": [(1.0, 4.0)]},
        artifacts=[{"stage": "simulate", "what": "drift", "folder": "simulate-00"}],
        manifest={"seed": 3},
    )
    return replace(data, **others)


def two_scenarios() -> pa.Table:
    """Floor, two models and a reference, each in two scenarios on ID and one OOD split."""
    parts = []
    for scenario in ("drift", "fall"):
        for split, level, factor in (("id", "in", 1.0), ("fast", "speed", 5.0)):
            where: dict[str, Any] = {"scenario": scenario, "split": split, "level": level}
            parts += [
                rows_of("floor", [(0.01, 1.0)] * 4, kind="floor", **where),
                rows_of("copy_last_frame", [(2.0, 1.0)] * 4, **where),
                rows_of("blurry", [(0.04 * factor, 1.0), (0.06 * factor, 0.5)] * 2, **where),
                rows_of("state_law", [(0.02, 1.0)] * 4, kind="reference", **where),
                speed_rows("floor", [(1.0, 1.01), (2.0, 2.0)], kind="floor", **where),
                speed_rows("blurry", [(1.0, 1.3), (2.0, NAN)], **where),
            ]
    return table_of(*parts)


class Page(HTMLParser):
    """What a page would load or run, and whether its tags match."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action") and value:
                self.loads.append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

"""What was found, as files: judge.json for programs and people, judge.parquet for tables."""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.core.artifact import atomic_path, write_text
from worldlaw.judge.evidence.film_reader import JudgedVideo
from worldlaw.judge.evidence.video_evidence import MeasuredQuantity, VideoEvidence
from worldlaw.judge.judgement import VERSION, Judgement
from worldlaw.judge.signs.sign import CONFIDENT, Sign, sign_kinds
from worldlaw.measure.tracking.foreign import VERSION as TRACKER_VERSION

FORMAT = 1  # of judge.json; docs/judge.md says what is in it
JSON, TABLE, PAGE = "judge.json", "judge.parquet", "report.html"
UNREADABLE = "unreadable"
SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("thing", pa.string()),
        ("segment", pa.int64()),
        ("quantity", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("unit", pa.string()),
        ("confidence", pa.float64()),
        ("status", pa.string()),
    ]
)


def verdict_of(watched: JudgedVideo) -> str:
    """normal, abnormal, not judged or unreadable."""
    return UNREADABLE if watched.judgement is None else watched.judgement.verdict


def reason_of(watched: JudgedVideo) -> str:
    """Why, in one line."""
    return watched.fault if watched.judgement is None else watched.judgement.reason


def as_json(every: Sequence[JudgedVideo]) -> dict[str, object]:
    """All videos, with the versions and limits that they were judged by."""
    verdicts = [verdict_of(watched) for watched in every]
    return {
        "format": FORMAT,
        "worldlaw": importlib.metadata.version("worldlaw"),
        "judge_version": VERSION,
        "tracker_version": TRACKER_VERSION,
        "limits": {
            name: {"value": sign_kinds.get(name).limit, "unit": sign_kinds.get(name).unit}
            for name in sign_kinds.names()
        },
        "confidence_needed": CONFIDENT,
        "counts": {name: verdicts.count(name) for name in ("normal", "abnormal", "not judged", UNREADABLE)},
        "videos": [_video(watched) for watched in every],
    }


def write_json(every: Sequence[JudgedVideo], path: Path) -> None:
    """Write judge.json; what could not be measured is null."""
    write_text(path, json.dumps(as_json(every), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(every: Sequence[JudgedVideo], path: Path) -> int:
    """Write judge.parquet, one row a quantity and one a verdict; returns their number."""
    rows = [{"video": watched.name, **row} for watched in every for row in _rows(watched)]
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), temporary, compression="zstd")
    return len(rows)


def _rows(watched: JudgedVideo) -> list[dict[str, str | float]]:
    if watched.judgement is None:
        unread = MeasuredQuantity("verdict", math.nan, status=f"{UNREADABLE}: {watched.fault}")
        return [_row(unread)]
    said = watched.judgement
    number = {"normal": 0.0, "abnormal": 1.0}.get(said.verdict, math.nan)
    verdict = MeasuredQuantity("verdict", number, status=f"{said.verdict}: {said.reason}")
    return [_row(verdict), *map(_row, said.quantities)]


def _row(quantity: MeasuredQuantity) -> dict[str, str | float]:
    found = dict(vars(quantity))
    found["quantity"] = found.pop("name")
    return found


def _video(watched: JudgedVideo) -> dict[str, object]:
    about: dict[str, object] = {
        "video": watched.name,
        "verdict": verdict_of(watched),
        "reason": reason_of(watched),
    }
    if watched.judgement is None or watched.evidence is None:
        return about
    evidence, said = watched.evidence, watched.judgement
    frames, width, height = watched.size
    return about | {
        "frames": frames,
        "width": width,
        "height": height,
        "fps": _plain(watched.fps),
        "fps_from": watched.rate_from or None,
        "units": {"length": evidence.length_unit, "time": evidence.time_unit},
        "extent": list(evidence.extent),
        "notes": list(watched.notes),
        "signs": [_sign(evidence, sign) for sign in said.signs],
        "things": [_thing(evidence, said, thing) for thing in range(evidence.num_things)]
        if said.courses
        else [],
        "events": [
            {
                "kind": event.kind,
                "time": event.time,
                "things": [evidence.names[thing] for thing in event.things],
                "about": event.about,
            }
            for event in said.events
        ],
        "quantities": [{key: _plain(value) for key, value in _row(q).items()} for q in said.quantities],
    }


def _sign(evidence: VideoEvidence, sign: Sign) -> dict[str, object]:
    return {
        "kind": sign.kind,
        "value": _plain(sign.value),
        "unit": sign.unit,
        "limit": sign_kinds.get(sign.kind).limit,
        "confidence": sign.confidence,
        "counts": sign.counts,
        "thing": evidence.names[sign.thing] if sign.thing >= 0 else None,
        "frame": sign.frame if sign.frame >= 0 else None,
        "about": sign.about,
    }


def _thing(evidence: VideoEvidence, said: Judgement, thing: int) -> dict[str, object]:
    course = said.courses[thing]
    return {
        "name": evidence.names[thing],
        "track": [
            {
                "frame": int(frame),
                "x": float(evidence.position[frame, thing, 0]),
                "y": float(evidence.position[frame, thing, 1]),
                "deviation": float(evidence.deviation[frame, thing]),
                "radius": _plain(float(evidence.size[frame, thing])),
                "confidence": float(evidence.confidence[frame, thing]),
                "used": bool(frame not in course.spikes),
            }
            for frame in evidence.measured[:, thing].nonzero()[0]
        ],
        "flights": [[flight.first, flight.last] for flight in course.flights],
    }


def _plain(value: Any) -> Any:
    """What JSON has no word for is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

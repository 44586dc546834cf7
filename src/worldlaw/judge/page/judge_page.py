"""The page of a call: which videos show signs of being untrue and why, then all that was measured in each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.core.artifact import write_text
from worldlaw.judge.evidence.film_reader import JudgedVideo
from worldlaw.judge.evidence.video_evidence import MeasuredQuantity
from worldlaw.judge.page.judge_strips import COLORS, Shown, show
from worldlaw.judge.records import as_json, reason_of, verdict_of
from worldlaw.judge.signs.sign import sign_kinds
from worldlaw.pages.templates import template
from worldlaw.pages.wording import NARROW_SPACE, NOTHING, interval, number, percent

MOST_SHOWN = 40  # videos with pictures of their own
BUDGET = 9_000_000  # bytes of all films
LARGEST = 450_000  # bytes of one
ORDER = ("abnormal", "not judged", "normal", "unreadable")
GLOSSARY = {
    "abnormal": "At least one sign is certain (0.999) and larger than true videos show. Normal is not "
    "the same as true: only the signs in the tables were looked for.",
    "flight": "A stretch of a track in which one constant acceleration explains every place. Where flights "
    "meet, something happened.",
    "height": "The height of the picture: the unit of length where nobody knows the scale.",
    "restitution": "The speed at which two part over the speed at which they met, along the line of the "
    "impulse. At most 1, or the contact made energy.",
    "mass ratio": "From the changes of velocity of two that met: the second's mass over the first's, "
    "whatever the units. Area ratio is the same, were masses to go with areas.",
    "surface": "A change of velocity beside nothing that was followed, such as something that stands still "
    "may cause: it came in, and left with no more speed. Hints can say that there is no such thing.",
    "confidence": "Of a quantity: the tracker's own, over the frames behind it. Of a sign: one minus the "
    "chance that a true video, tracked as surely, shows as much.",
    "interval": "95 %, from how a track scatters about its flights; a wrong scale or rate is not in it.",
}


def write_page(
    every: Sequence[JudgedVideo], path: Path, *, each: Callable[[Callable, list[tuple]], Iterable[Any]]
) -> None:
    """Write report.html; ``each`` draws the pictures, as in ``judge_videos``."""
    shown = _chosen(every)
    allowance = min(LARGEST, BUDGET // max(1, len(shown)))
    pictures = each(show, [(every[at], at, allowance) for at in shown])
    write_text(path, page(every, dict(zip(shown, pictures, strict=True))))


def page(every: Sequence[JudgedVideo], pictures: dict[int, Shown | None]) -> str:
    """The HTML; ``pictures`` are of some videos, by their place."""
    order = sorted(range(len(every)), key=lambda at: (ORDER.index(verdict_of(every[at])), at))
    counts = {name: sum(verdict_of(watched) == name for watched in every) for name in ORDER}
    about = {key: value for key, value in as_json([]).items() if key not in ("videos", "counts")}
    return template("judge.html.jinja", Path(__file__).parent).render(
        title=f"{len(every)} video{'s' if len(every) != 1 else ''}",
        counts=counts,
        answer=_answer(counts),
        rows=[_row(every[at], at, at in pictures) for at in order],
        videos=[_video(every[at], at, pictures[at]) for at in order if at in pictures],
        without=len(every) - len(pictures) - counts["unreadable"],
        most_shown=MOST_SHOWN,
        unread=[watched for watched in every if watched.judgement is None],
        notes=[(watched.name, note) for watched in every for note in watched.notes],
        glossary=GLOSSARY,
        manifest=json.dumps(about, indent=2, ensure_ascii=False),
    )


def _chosen(every: Sequence[JudgedVideo]) -> list[int]:
    """Places of the videos that are shown, those against which something was found first."""
    read = [at for at, watched in enumerate(every) if watched.judgement is not None]
    return sorted(sorted(read, key=lambda at: (ORDER.index(verdict_of(every[at])), at))[:MOST_SHOWN])


def _answer(counts: dict[str, int]) -> str:
    judged = counts["abnormal"] + counts["normal"]
    if not judged:
        return "No video could be judged."
    if judged == 1:
        return (
            "The video shows signs that no true one should."
            if counts["abnormal"]
            else "The video shows none of the signs looked for."
        )
    if not counts["abnormal"]:
        return f"None of the {judged} videos that could be judged shows any of the signs looked for."
    some = "shows" if counts["abnormal"] == 1 else "show"
    rest = f"; {counts['normal']} {'shows' if counts['normal'] == 1 else 'show'} none of those looked for"
    return (
        f"{counts['abnormal']} of {judged} videos that could be judged {some} signs of being untrue"
        + (rest if counts["normal"] else "")
        + "."
    )


def _row(watched: JudgedVideo, at: int, shown: bool) -> dict[str, object]:
    quantities = watched.judgement.quantities if watched.judgement else ()
    pull = next((q for q in quantities if q.name == "acceleration" and not q.thing), None)
    bounce = [q for q in quantities if q.name == "restitution" and np.isfinite(q.value)]
    return {
        "at": at,
        "shown": shown,
        "name": watched.name,
        "verdict": verdict_of(watched),
        "reason": reason_of(watched),
        "things": watched.evidence.num_things if watched.evidence else NOTHING,
        "frames": watched.size[0] or NOTHING,
        "acceleration": _with_unit(pull) if pull else NOTHING,
        "restitution": ", ".join(number(q.value) for q in bounce[:3]) + (" …" if len(bounce) > 3 else "")
        or NOTHING,
    }


def _few(texts: list[str]) -> str:
    return ", ".join([*texts[:3], *["…"] * (len(texts) > 3)]) or NOTHING


def _with_unit(quantity: MeasuredQuantity) -> str:
    return f"{number(quantity.value)} {quantity.unit}" if np.isfinite(quantity.value) else NOTHING


def _video(watched: JudgedVideo, at: int, shown: Shown | None) -> dict[str, object]:
    said, evidence = watched.judgement, watched.evidence
    assert said is not None
    assert evidence is not None
    rate = f"{watched.fps:g} frames a second" if np.isfinite(watched.fps) else "no frame rate known"
    if watched.rate_from == "hints":
        rate += " by the hints"
    return {
        "at": at,
        "name": watched.name,
        "verdict": said.verdict,
        "reason": said.reason,
        "facts": f"{watched.size[0]} frames of {watched.size[1]} × {watched.size[2]}, {rate}; lengths in "
        + ("metres" if evidence.length_unit == "m" else "heights of the picture"),
        "shown": shown,
        "things": [
            {"name": name, "color": COLORS[thing % len(COLORS)]}
            for thing, name in enumerate(evidence.names if said.courses else ())
        ],
        "signs": [
            {
                "kind": sign.kind.replace("_", " "),
                "value": number(sign.value),
                "limit": f"{sign_kinds.get(sign.kind).limit:g}",
                "unit": sign.unit,
                "confidence": _sure(sign.confidence) if sign.value > 0 else NOTHING,
                "counts": sign.counts,
                "about": ": ".join(
                    part
                    for part in (evidence.names[sign.thing] if sign.thing >= 0 else "", sign.about)
                    if part
                )
                + (f", frame {sign.frame}" if sign.frame >= 0 and sign.value > 0 else ""),
            }
            for sign in said.signs
        ],
        "quantities": [
            {
                "of": _of(quantity),
                "name": quantity.name.replace("_", " "),
                "value": f"{quantity.value:.0f}" if quantity.name in _COUNTS else number(quantity.value),
                "interval": interval(quantity.low, quantity.high),
                "unit": quantity.unit,
                "confidence": percent(quantity.confidence),
                "status": quantity.status,
                "lacking": not np.isfinite(quantity.value),
            }
            for quantity in said.quantities
            if quantity.name not in sign_kinds.names()
        ],
    }


def _of(quantity: MeasuredQuantity) -> str:
    if not quantity.thing:
        return "video"
    if quantity.segment < 0:
        return quantity.thing
    kind = "event" if quantity.name in _EVENTFUL else "flight"
    return f"{quantity.thing}, {kind} {quantity.segment + 1}"


_COUNTS = ("things", "frames", "flights", "first_frame", "last_frame")
_EVENTFUL = (
    "event_time",
    "velocity_change",
    "restitution",
    "energy_ratio",
    "mass_ratio",
    "area_ratio",
    "momentum_imbalance",
)


def _sure(confidence: float) -> str:
    if not np.isfinite(confidence):
        return NOTHING
    return f">{NARROW_SPACE}0.9999" if confidence > 0.9999 else f"{confidence:.4g}"

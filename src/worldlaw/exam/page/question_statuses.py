"""Every question of an exam and its status, a line each; what was adjusted or left out, with its reasons."""

from __future__ import annotations

from collections import Counter

import numpy as np

from worldlaw.exam.scoring.scores import CHARGED, FLOOR, SCORED, Scores
from worldlaw.pages.levels import level_words
from worldlaw.pages.wording import number, percent, pretty


def question_lines(found: Scores) -> list[dict[str, object]]:
    """Every question in a line."""
    level_of, inside = places(found)
    rows: list[dict[str, object]] = []
    for one in found.questions:
        scored = one.count(SCORED)
        solved = found.solved(one)
        fate = (
            "answered" if scored == found.num_answers else "in part" if scored else one.statuses[0]["status"]
        )
        reasons = Counter(str(s["reason"]) for s in one.statuses if s["status"] != SCORED and s.get("reason"))
        adjusted = {str(a["what"]): None for s in one.statuses for a in s.get("adjustments") or ()}
        error, floor = found.charged_error(one), found.mean(FLOOR, CHARGED, one.id)
        rows.append(
            {
                "id": one.id,
                "law": pretty(one.scenario),
                "filming": one.filming,
                "level": level_words(level_of[one.id]) if inside.get(one.id, "unknown") != "unknown" else "",
                "status": fate,
                "verdict": _verdict(solved),
                "solved": percent(solved) if found.num_answers > 1 else _verdict(solved),
                "error": number(error),
                "floor": number(floor),
                "measured": percent(found.measured_share(one)),
                "adjusted": ", ".join(adjusted),
                "reason": "; ".join(reasons),
            }
        )
    return rows


def adjustments(found: Scores) -> list[dict[str, object]]:
    """What was adjusted, how often, and how, the most frequent first."""
    counts: Counter[str] = Counter()
    details: dict[str, Counter[str]] = {}
    total = sum(one.count(SCORED) for one in found.questions)
    for one in found.questions:
        for status in one.statuses:
            for adjustment in status.get("adjustments") or ():
                what = str(adjustment["what"])
                counts[what] += 1
                details.setdefault(what, Counter())[str(adjustment.get("detail", ""))] += 1
    return [
        {
            "what": what,
            "count": count,
            "out_of": total,
            "details": [f"{text} ({times:,})" for text, times in details[what].most_common(4) if text],
            "more": max(len(details[what]) - 4, 0),
        }
        for what, count in counts.most_common()
    ]


def exclusions(found: Scores) -> list[dict[str, object]]:
    """Answers that were not scored, by status and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found.questions:
        for status in one.statuses:
            if status["status"] != SCORED:
                key = (status["status"], str(status.get("reason") or ""))
                reasons.setdefault(key, []).append(str(status.get("file") or one.id))
        absent = found.num_answers - len(one.statuses)
        if absent:
            reasons.setdefault(("missing", "other questions have more answers"), []).extend([one.id] * absent)
    return [
        {
            "status": status,
            "reason": reason,
            "count": len(names),
            "names": list(dict.fromkeys(names))[:5],
            "more": len(dict.fromkeys(names)) > 5,
        }
        for (status, reason), names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def places(found: Scores) -> tuple[dict[str, str], dict[str, str]]:
    """Question -> level, and question -> yes, no or unknown."""
    columns = [found.results[name].to_pylist() for name in ("question", "level", "in_train_region")]
    level_of: dict[str, str] = {}
    inside: dict[str, str] = {}
    for question, level, where in zip(*columns, strict=True):
        level_of.setdefault(question, level)
        inside.setdefault(question, where)
    return level_of, inside


def _verdict(solved: float) -> str:
    if not np.isfinite(solved):
        return "not scorable"
    return "solved" if solved == 1 else "not solved" if solved == 0 else "in part"

"""How things look, and whether they go on looking so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from worldlaw.judge.evidence.flights import Course, expected_place
from worldlaw.judge.evidence.video_evidence import VideoEvidence
from worldlaw.judge.signs.sign import MISSED, Sign

SMOOTH = 5  # frames over which a size or a colour must hold
LASTING = 8  # frames on either side of a change that is there to stay, where there are three times as many
BLACK = 0.3  # added to the sum of a colour's channels, so that dark things have no wild colours
ALIKE_SIZE, ALIKE_COLOR = 0.3, 0.2  # of the logarithm of the radius, of any channel


def look_of(evidence: VideoEvidence, thing: int) -> Float[np.ndarray, "3"]:
    """The colour of a thing over the frames in which it is measured, (3,); NaN if it never is."""
    seen = evidence.color[evidence.measured[:, thing], thing]
    return np.median(seen, axis=0) if len(seen) else np.full(3, np.nan)


def alike(radius1: float, color1: np.ndarray, radius2: float, color2: np.ndarray) -> bool:
    """Whether two things may be taken for one another; no, where their size or colour is not known."""
    return bool(abs(np.log(radius1 / radius2)) < ALIKE_SIZE and np.abs(color1 - color2).max() < ALIKE_COLOR)


def outline_signs(evidence: VideoEvidence, thing: int) -> list[Sign]:
    """How far size or colour change for good; what turns shows other sides, and comes back.

    The track is cut in two where each part is most alike in itself, and their medians are compared. Of a
    change that lasts, no ``SMOOTH`` frames on end, but those about the cut, are nearer to the other's median.
    """
    seen = np.flatnonzero(evidence.measured[:, thing] & np.isfinite(evidence.size[:, thing]))
    if len(seen) < 2 * SMOOTH:
        return [Sign("appearance_change", np.nan, 0.0, thing, about="seen in too few frames")]
    size = np.log(np.maximum(evidence.size[seen, thing], 1e-12))
    color = evidence.color[seen, thing]
    color = color / (color.sum(axis=1, keepdims=True) + BLACK)
    found: list[Sign] = []
    for values, weight, about in (
        (size[:, None], 2.0, "its area changes"),
        (color, 2.0, "its colour changes"),
    ):
        if not np.isfinite(values).all():
            continue
        at, before, after = _parted(values)
        size_of_change = weight * float(np.linalg.norm(after - before))
        # How much a median of so many strays by itself, from neighbours' differences.
        rough = (
            weight * np.median(np.abs(np.diff(values, axis=0)).max(axis=1)) / 0.95 * 1.25 / np.sqrt(SMOOTH)
        )
        lasts = _lasts(values, at, before, after)
        sure = evidence.surely_followed(thing) if lasts and size_of_change > 5 * rough else 0.0
        said = about if lasts else f"{about} and comes back"
        away = np.linalg.norm(values - before, axis=1) > 0.25 * np.linalg.norm(after - before)
        first = min(at, int(np.flatnonzero(~away[:at]).max(initial=-1)) + 1)
        found.append(Sign("appearance_change", size_of_change, sure, thing, int(seen[first]), said))
    return found


def _parted(values: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Where (N, C) values part into two that are most alike, neither of them short, and their medians."""
    stride = max(1, len(values) // 200)
    best = None
    least = max(SMOOTH, min(LASTING, len(values) // 3))
    for at in range(least, len(values) - least + 1, stride):
        before, after = np.median(values[:at], axis=0), np.median(values[at:], axis=0)
        cost = float(np.abs(values[:at] - before).sum() + np.abs(values[at:] - after).sum())
        if best is None or cost < best[0]:
            best = cost, at, before, after
    assert best is not None
    return best[1:]


def _lasts(values: np.ndarray, at: int, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether both parts keep to their own side."""
    for part, own, other in ((values[:at], before, after), (values[at:], after, before)):
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(part, SMOOTH, axis=0), axis=-1)
        smooth = smooth[:-SMOOTH] if own is before else smooth[SMOOTH:]
        nearer = np.linalg.norm(smooth - other, axis=1) < np.linalg.norm(smooth - own, axis=1)
        if nearer.any():
            return False
    return True


def exchange_signs(evidence: VideoEvidence, courses: Sequence[Course]) -> list[Sign]:
    """Things that end where and when others of another look begin."""
    found = []
    for old in courses:
        for new in courses:
            if old is new or not old.flights or not new.flights:
                continue
            first, last = int(new.frames[0]), int(old.frames[-1])
            if not last < first <= last + SMOOTH or min(len(old.frames), len(new.frames)) < SMOOTH:
                continue
            looks = [look_of(evidence, course.thing) for course in (old, new)]
            if not np.isfinite(looks).all():
                continue
            same = alike(evidence.radius[old.thing], looks[0], evidence.radius[new.thing], looks[1])
            place, deviation = expected_place(evidence, old, first)
            reach = float(evidence.reach[old.thing])
            away = float(np.linalg.norm(evidence.position[first, new.thing] - place))
            inside = evidence.edge_distance(place) > reach
            if not same and inside and away < 0.5 * reach + 2 * deviation:
                about = f"it turns into {evidence.names[new.thing]}"
                found.append(Sign("appearance_change", 1.0, 1 - MISSED**SMOOTH, old.thing, first, about))
    return found

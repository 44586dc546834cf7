"""One judged video as the page shows it: its film with the tracks drawn over it, plots of its flights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from worldlaw.clips.films import read_film
from worldlaw.judge.evidence.film_reader import JudgedVideo
from worldlaw.judge.evidence.flights import Course
from worldlaw.judge.evidence.video_evidence import VideoEvidence
from worldlaw.judge.judgement import Judgement
from worldlaw.pages.film_strips import strip
from worldlaw.pages.svg import BAND, MUTED, inline, svg_figure

COLORS = ("#d97a00", "#0a84c6", "#c2297e", "#1f9d63", "#7a5bd0", "#9a7b2f")  # of things, in turn
ROWS = (160, 240)  # of a shown frame, at least and at most
MOST_FRAMES = 96  # shown of a video
FINER = 2  # times that lines are drawn larger, so that they come out smooth
TRAIL = 1.4  # pixels
MOST_THINGS = 6  # that are plotted
MOST_POINTS = 200  # of a thing in a plot
LEAST_SPAN = 0.25  # of the span along the livelier axis that a plot shows
SECONDS = (2.0, 12.0)  # that a film lasts on the page


@dataclass(frozen=True)
class Shown:
    """What the page shows of a video."""

    film: str | None  # data URI of a strip; None if it is too large
    num_frames: int  # of the strip
    seconds: float
    aspect: float  # width over height
    plots: tuple[tuple[str, str], ...]  # caption, SVG


def show(watched: JudgedVideo, index: int, allowance: int) -> Shown | None:
    """The pictures of a video that could be followed; ``index`` makes ids on the page unlike."""
    evidence, said = watched.evidence, watched.judgement
    if evidence is None or said is None:
        return None
    frames = read_film(watched.path, least_frames=1).frames
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int))
    drawn = with_tracks(frames, evidence, said, chosen)
    rate = watched.fps if np.isfinite(watched.fps) else 10.0
    return Shown(
        film=strip(drawn, allowance, lossless=False),
        num_frames=len(drawn),
        seconds=float(np.clip(len(frames) / rate, *SECONDS)),
        aspect=drawn.shape[2] / drawn.shape[1],
        plots=plots(evidence, said, f"video{index}"),
    )


def with_tracks(
    frames: UInt8[np.ndarray, "T H W 3"], evidence: VideoEvidence, said: Judgement, chosen: np.ndarray
) -> UInt8[np.ndarray, "F R V 3"]:
    """Some of the frames, with a ring around each thing that is measured and the way it came."""
    from PIL import Image, ImageDraw

    _, height, width, _ = frames.shape
    rows = int(np.clip(height, *ROWS))
    columns = max(1, round(width * rows / height))
    scale = FINER * rows / evidence.extent[1]  # drawn pixels per L
    things = [course.thing for course in said.courses]
    shown = []
    for frame in chosen:
        resample = Image.Resampling.BILINEAR if rows < height else Image.Resampling.NEAREST
        picture = Image.fromarray(frames[frame]).resize((FINER * columns, FINER * rows), resample)
        pen = ImageDraw.Draw(picture)
        for thing in things:
            measured = np.flatnonzero(evidence.measured[: frame + 1, thing])
            if not len(measured):
                continue
            way = _drawn(evidence.position[measured, thing], scale, evidence.extent[1])
            for line, ink in ((TRAIL + 1.2, "#000000"), (TRAIL, COLORS[thing % len(COLORS)])):
                pen.line(way, fill=ink, width=round(line * FINER), joint="curve")
                if measured[-1] == frame:
                    x, y = way[-1]
                    reach = max(float(evidence.reach[thing]) * scale, 3.0 * FINER)
                    box = (x - reach, y - reach, x + reach, y + reach)
                    pen.ellipse(box, outline=ink, width=round(line * FINER))
        shown.append(np.asarray(picture.reduce(FINER)))
    return np.stack(shown)


def plots(evidence: VideoEvidence, said: Judgement, slug: str) -> tuple[tuple[str, str], ...]:
    """Places and velocities along both axes: what was measured, and the flights laid through it."""
    courses = [c for c in said.courses if c.flights][:MOST_THINGS]
    if not courses:
        return ()
    found = []
    for what, unit in (("position", evidence.length_unit), ("velocity", evidence.speed_unit)):
        values = [_curves(evidence, course, what) for course in courses]
        least = LEAST_SPAN * max(
            float(np.ptp(np.concatenate([v[:, axis] for v in values]))) for axis in (0, 1)
        )
        for axis, name in enumerate("xy"):
            with svg_figure(300, 150) as figure:
                axes = figure.add_axes((0.15, 0.25, 0.83, 0.7))
                for event in said.events:
                    if event.kind != "nothing":
                        ink = MUTED if event.kind in ("uncaused", "jump") else BAND
                        axes.axvline(event.time, color=ink, linewidth=1.5, zorder=0)
                for course in courses:
                    _plot(axes, evidence, course, axis, what)
                axes.margins(x=0.02, y=0.08)
                low, high = axes.get_ylim()
                spare = max(0.0, least - (high - low)) / 2  # noise shall not look like motion
                many = "s" if evidence.time_unit == "frame" else ""
                axes.set(ylim=(low - spare, high + spare), xlabel=f"time, {evidence.time_unit}{many}")
                axes.xaxis.labelpad = 2
                svg = inline(figure, f"{slug}-{what[0]}{name}", f"{what} along {name} against time")
            found.append((f"{what} along {name}, {unit}", svg))
    return tuple(found)


def _curves(evidence: VideoEvidence, course: Course, what: str) -> np.ndarray:
    """(N, 2) places or velocities at the ends of all flights."""
    times = [
        (flight, frame * evidence.dt) for flight in course.flights for frame in (flight.first, flight.last)
    ]
    return np.array([(f.position(t) if what == "position" else f.velocity(t))[0] for f, t in times])


def _plot(axes: Any, evidence: VideoEvidence, course: Course, axis: int, what: str) -> None:
    ink = COLORS[course.thing % len(COLORS)]
    frames = course.frames[:: max(1, -(-len(course.frames) // MOST_POINTS))]
    place = evidence.position[frames, course.thing, axis]
    if what == "position":
        axes.plot(frames * evidence.dt, place, ".", color=ink, markersize=3, alpha=0.55)
        spikes = course.spikes
        axes.plot(
            spikes * evidence.dt, evidence.position[spikes, course.thing, axis], "x", color=ink, markersize=4
        )
    else:
        steps = np.diff(place) / (np.diff(frames) * evidence.dt)
        axes.plot(
            (frames[1:] + frames[:-1]) / 2 * evidence.dt, steps, ".", color=ink, markersize=3, alpha=0.55
        )
    for flight in course.flights:
        time = np.linspace(flight.first, flight.last, 24) * evidence.dt
        curve = [(flight.position(t) if what == "position" else flight.velocity(t))[0][axis] for t in time]
        axes.plot(time, curve, color=ink, linewidth=1.3)


def _drawn(places: np.ndarray, scale: float, height: float) -> list[tuple[float, float]]:
    return [(float(x * scale), float((height - y) * scale)) for x, y in places]

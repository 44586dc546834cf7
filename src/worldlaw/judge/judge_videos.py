"""All videos of a call: watched by as many processes as there are, written in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from worldlaw.core.artifact import make_folder
from worldlaw.core.errors import BadInput
from worldlaw.core.workers import Workers
from worldlaw.judge.evidence.film_reader import JudgedVideo, find_videos, watch
from worldlaw.judge.evidence.hints import read_hints
from worldlaw.judge.page.judge_page import write_page
from worldlaw.judge.records import JSON, PAGE, TABLE, write_json, write_table

Wrap = Callable[[Iterable[JudgedVideo], int], Iterable[JudgedVideo]]


def judge_videos(
    places: Sequence[Path],
    out: Path,
    *,
    hints: Path | None = None,
    workers: int = 1,
    wrap: Wrap = lambda videos, num: videos,
) -> list[JudgedVideo]:
    """Judge every video among files and folders; ``out`` gets judge.json, judge.parquet and report.html.

    ``wrap`` gets the stream of what was watched and how many there will be, to show progress. The same videos
    give the same bytes with any number of workers. If none of them can be read, nothing is written. Raises
    BadInput if there are none, and for hints that cannot be used.
    """
    known = read_hints(hints)
    videos = find_videos(list(places))
    known.check(name for name, _ in videos)
    tasks = [(name, path, known.of(name)) for name, path in videos]
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: a file is there; expected a folder for results")
    crew = Workers(workers)
    with crew.pool():
        every = list(wrap(crew.each(watch, tasks), len(tasks)))
        if all(video.fault for video in every):
            return every
        make_folder(out)
        write_json(every, out / JSON)
        write_table(every, out / TABLE)
        write_page(every, out / PAGE, each=crew.each)
    return every

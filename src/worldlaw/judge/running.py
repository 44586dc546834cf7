"""All videos of a call: watched by as many processes as there are, written in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from worldlaw.core.artifact import make_folder
from worldlaw.judge.hints import read_hints
from worldlaw.judge.page import write_page
from worldlaw.judge.records import JSON, PAGE, TABLE, write_json, write_table
from worldlaw.judge.watching import Watched, find_videos, watch

Each = Callable[[Callable[..., Any], list[tuple]], Iterable[Any]]


def one_by_one(function: Callable[..., Any], tasks: list[tuple]) -> Iterator[Any]:
    """The function's results in the order of the tasks."""
    return (function(*task) for task in tasks)


def judge_videos(
    places: Sequence[Path],
    out: Path,
    *,
    hints: Path | None = None,
    each: Each = one_by_one,
    watched: Callable[[Iterable[Watched], int], Iterable[Watched]] = lambda videos, num: videos,
) -> list[Watched]:
    """Judge every video among files and folders; writes judge.json, judge.parquet and report.html into ``out``.

    ``each`` runs tasks, in processes if it likes; ``watched`` wraps the stream of results, to show progress.
    The same videos give the same bytes, whoever runs them. Raises BadInput if there are none, and for hints
    that cannot be used.
    """
    known = read_hints(hints)
    videos = find_videos(list(places))
    known.check(name for name, _ in videos)
    tasks = [(name, path, known.of(name)) for name, path in videos]
    make_folder(out)
    every = list(watched(each(watch, tasks), len(tasks)))
    write_json(every, out / JSON)
    write_table(every, out / TABLE)
    write_page(every, out / PAGE, each=each)
    return every

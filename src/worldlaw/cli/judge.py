"""worldlaw judge: the physics of any video, without a paper."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, positive, progress_of
from worldlaw.core.errors import BadInput, Failed

if TYPE_CHECKING:
    from worldlaw.judge.evidence.film_reader import JudgedVideo


def add(commands: Any) -> None:
    """Hook the command in."""
    judge = add_command(
        commands,
        "judge",
        judge_files,
        "judge the physics of any videos: no prompts, no true videos, no language model",
        "Follows what moves, measures accelerations, contacts and energy with intervals, and says which\n"
        "videos show signs of being untrue. Writes judge.json, judge.parquet and report.html.\n"
        "Exit codes: 0 all videos read, 1 some could not be, 2 none.",
    )
    judge.add_argument("videos", metavar="VIDEOS", nargs="+", type=Path, help="files, or folders of them")
    judge.add_argument(
        "--hints",
        type=Path,
        metavar="FILE",
        help="what is known: scale, fps, gravity, boxes, tracks (JSON)",
    )
    judge.add_argument(
        "--out", type=Path, default=Path("judged"), help="folder for results (default: judged)"
    )
    judge.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )


def judge_files(arguments: argparse.Namespace) -> None:
    from worldlaw.judge.judge_videos import judge_videos
    from worldlaw.judge.records import PAGE, UNREADABLE, as_json, reason_of, verdict_of

    with progress_of(arguments) as progress:

        def watched(videos: Iterable[JudgedVideo], num: int) -> Iterator[JudgedVideo]:
            progress.start("judge", num, "videos")
            for video in videos:
                yield video
                progress.advance(1)

        try:
            every = judge_videos(
                arguments.videos,
                arguments.out,
                hints=arguments.hints,
                workers=arguments.workers,
                wrap=watched,
            )
        except KeyboardInterrupt:
            raise Failed("stopped; nothing was written") from None
    unread = [video for video in every if verdict_of(video) == UNREADABLE]
    page = None if len(unread) == len(every) else arguments.out / PAGE
    if arguments.json:
        told = None if page is None else str(page)
        print(json.dumps({"path": told, **as_json(every)}, allow_nan=False))
    else:
        width = max(len(video.name) for video in every)
        for video in every:
            print(f"{video.name:<{width}}  {verdict_of(video):10}  {reason_of(video)}")
        if page is not None:
            print(page)
    if unread:
        said = f"{len(unread)} of {len(every)} videos could not be read"
        if page is None:
            raise BadInput(f"{said}, so nothing was written; {unread[0].name}: {unread[0].fault}")
        raise Failed(said)

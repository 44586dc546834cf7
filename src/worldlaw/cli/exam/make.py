"""worldlaw exam make: the questions of a paper, as a model wants them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, progress_of
from worldlaw.cli.exam.shared_options import add_video_options, asked_paper

if TYPE_CHECKING:
    from worldlaw.exam import Paper


def add(commands: Any) -> None:
    """Hook the verb in."""
    make = add_command(
        commands,
        "make",
        make_questions,
        "write the questions of a paper, as your model wants them",
        "Frames (PNG), clip (mp4), prompt and an index per question. A stopped run goes on where it was.",
    )
    make.add_argument("paper", metavar="PAPER", help="a name (worldlaw list papers), or a YAML file")
    make.add_argument("out", metavar="OUT", type=Path, help="a new folder")
    add_video_options(make)
    make.add_argument(
        "--secret", type=Path, metavar="FILE", help="held-out questions of this secret, not the public ones"
    )
    make.add_argument("--dry-run", action="store_true", help="only say what would be asked")


def make_questions(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.exam.paper.paper_folder import make_paper
    from worldlaw.exam.paper.secret import open_secret

    paper = asked_paper(arguments)
    secret = None if arguments.secret is None else open_secret(arguments.secret)
    if arguments.dry_run:
        _tell(paper, arguments)
        return
    with progress_of(arguments) as progress:
        made = make_paper(
            paper, arguments.out, secret=secret, wrap=report_items(progress, "make", "questions")
        )
    if arguments.json:
        said = {"path": str(made.folder), "questions": len(made.entries), "paper_sha256": made.paper.sha256}
        print(json.dumps({**said, "secret_hash": made.secret_hash}))
        return
    print(made.folder / "HOW_TO_ANSWER.md")


def _tell(paper: Paper, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"paper": paper.to_json(), "questions": paper.num_questions}))
        return
    video = paper.video
    for section in paper.sections:
        print(f"{section.name:32} {section.num_questions:6,}  {section.scenario}, {section.filming}")
    print(
        f"{paper.num_questions:,} questions; of each {video.context} of {video.num_frames} frames are given, "
        f"{video.width} x {video.height} pixels at {video.fps:g} frames a second"
    )

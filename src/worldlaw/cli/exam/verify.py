"""worldlaw exam verify: answers scored again against their card."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, positive, progress_of
from worldlaw.cli.exam.shared_options import add_allow
from worldlaw.core.errors import Failed


def add(commands: Any) -> None:
    """Hook the verb in."""
    verify = add_command(
        commands,
        "verify",
        verify_card,
        "score answers again, and say whether that gives what their card says",
        "Exit code 0: the same bytes, or the same numbers to 1e-6; 1: not.",
    )
    verify.add_argument("card", metavar="CARD", type=Path, help="card.json, or a folder of scores")
    verify.add_argument("answers", metavar="ANSWERS", type=Path, help="the folder that was scored")
    verify.add_argument("--paper", type=Path, metavar="FOLDER", help="its paper, where that does not ship")
    verify.add_argument("--secret", type=Path, metavar="FILE", help="of held-out questions")
    verify.add_argument(
        "--tracks", type=Path, metavar="FOLDER", help="tracks by a tracker of the maker's own"
    )
    verify.add_argument("--workers", type=positive, default=os.cpu_count() or 1, metavar="N")
    add_allow(verify)


def verify_card(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.exam.cards.verification import as_json, lines, verify

    with progress_of(arguments) as progress:
        found = verify(
            arguments.card,
            arguments.answers,
            paper=arguments.paper,
            secret=arguments.secret,
            tracks=arguments.tracks,
            workers=arguments.workers,
            allow=arguments.allow,
            wrap=report_items(progress, "make", "questions"),
            progress=progress,
        )
    print(json.dumps(as_json(found)) if arguments.json else "\n".join(lines(found)))
    if not found.verified:
        raise Failed(f"{arguments.card}: not verified: {found.verdict}")

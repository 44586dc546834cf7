"""worldlaw exam score: answers against the truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, progress_of
from worldlaw.cli.exam.shared_options import add_folders, metrics_in_words, say_card


def add(commands: Any) -> None:
    """Hook the verb in."""
    score = add_command(
        commands,
        "score",
        score_answers,
        "measure a folder of answers against the truth, and the floor under each",
        "An answer of another size, shape, rate or length is adjusted, and says so; one that cannot be read "
        "is excluded, and counts as unsolved.",
    )
    add_folders(score)
    score.add_argument("--out", type=Path, metavar="SCORES", help="(default: ANSWERS-scores)")
    score.add_argument("--look", action="store_true", help="metrics on pixels, too: PSNR, SSIM")
    score.add_argument(
        "--verdicts",
        action="store_true",
        help="which answers about rigid bodies are abnormal (minutes, once)",
    )
    score.add_argument(
        "--tracks", type=Path, metavar="FOLDER", help="tracks of your own: one CSV file an answer"
    )
    score.add_argument("--secret", type=Path, metavar="FILE", help="of a paper with held-out questions")
    score.late_epilog = metrics_in_words


def score_answers(arguments: argparse.Namespace) -> None:
    from worldlaw.exam.scoring.exam_scores import score

    with progress_of(arguments) as progress:
        done = score(
            arguments.paper,
            arguments.answers,
            arguments.out,
            workers=arguments.workers,
            look=arguments.look,
            tracks=arguments.tracks,
            secret=arguments.secret,
            verdicts=arguments.verdicts,
            allow=arguments.allow,
            progress=progress,
        )
    counts = {status: done.count(status) for status in ("scored", "excluded", "missing")}
    if arguments.json:
        print(
            json.dumps(
                {"path": str(done.folder), **counts, "unknown": list(done.unknown), "notes": list(done.notes)}
            )
        )
        return
    if done.unknown:
        more = f" and {len(done.unknown) - 3} more" if len(done.unknown) > 3 else ""
        print(f"no question is called as: {', '.join(done.unknown[:3])}{more}", file=sys.stderr)
    if done.notes:
        more = f" (and {len(done.notes) - 1} more)" if len(done.notes) > 1 else ""
        print(f"{done.notes[0]}{more}", file=sys.stderr)
    said = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    print(f"{said}; every one with its reason in {done.folder / 'status.json'}", file=sys.stderr)
    say_card(done.folder)
    print(done.folder)

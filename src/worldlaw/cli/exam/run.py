"""worldlaw exam run: a model answers a paper."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, positive, progress_of
from worldlaw.cli.exam.shared_options import (
    add_allow,
    add_video_options,
    asked_paper,
    metrics_in_words,
    say_card,
)
from worldlaw.core.errors import BadInput, Failed


def add(commands: Any) -> None:
    """Hook the verb in."""
    run = add_command(
        commands,
        "run",
        run_exam,
        "let a model answer a paper, score it, write the report",
        "MODEL is a registered name, or module:Thing of your own: a function f(frames, num_new_frames), a\n"
        "class or an object (docs/exam.md). A stopped run goes on where it was.",
    )
    run.add_argument("paper", metavar="PAPER", help="a name, a YAML file, or the folder of a made paper")
    run.add_argument(
        "--model", required=True, metavar="MODEL", help="e.g. my_file:answer, or copy_last_frame"
    )
    run.add_argument(
        "--option",
        dest="options",
        action="append",
        default=[],
        metavar="key=value",
        help="an option of the model; may be repeated",
    )
    run.add_argument("--out", type=Path, metavar="FOLDER", help="default: exams/PAPER-MODEL")
    run.add_argument(
        "--seeds", type=_seeds, default=[0], metavar="0,1,2", help="one answer for each (default: 0)"
    )
    add_video_options(run)
    run.add_argument("--secret", type=Path, metavar="FILE", help="held-out questions of this secret")
    run.add_argument("--fresh", action="store_true", help="forget the answers that are there")
    run.add_argument("--no-score", action="store_true", help="only ask")
    run.add_argument("--look", action="store_true", help="score pixels, too")
    run.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        help="processes that score (default: one a core)",
    )
    add_allow(run)
    run.late_epilog = metrics_in_words


def run_exam(arguments: argparse.Namespace) -> None:
    from worldlaw.core.strict_files import parse_yaml
    from worldlaw.exam.examine import examine

    options = {}
    for text in arguments.options:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--option {text!r}: expected key=value")
        options[name] = parse_yaml(value, f"--option {text!r}")
    video = ("size", "frames", "fps", "context")
    made = Path(arguments.paper).is_dir()
    if made and any(getattr(arguments, name) is not None for name in video):
        raise BadInput(f"{arguments.paper}: its size, frames, fps and context were decided when it was made")
    with progress_of(arguments) as progress:
        done = examine(
            arguments.paper if made else asked_paper(arguments),
            arguments.model,
            arguments.out,
            options=options,
            seeds=arguments.seeds,
            secret=arguments.secret,
            fresh=arguments.fresh,
            score=not arguments.no_score,
            workers=arguments.workers,
            look=arguments.look,
            allow=arguments.allow,
            progress=progress,
        )
    failed = done.ran.failed
    if arguments.json:
        counts = {"answered": done.ran.answered, "kept": done.ran.kept, "failed": failed}
        paths = {"paper": done.paper, "answers": done.answers, "report": done.report}
        print(json.dumps({**{name: path and str(path) for name, path in paths.items()}, **counts}))
    else:
        if done.report:
            say_card(done.report.parent)
        print(done.report or done.answers)
    if failed:
        first = next(iter(failed))
        raise Failed(f"{done.answers}: the model failed {len(failed)} times; {first}: {failed[first]}")


def _seeds(text: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text):
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 0,1,2; found {text!r}")
    return [int(part) for part in text.split(",")]

"""worldlaw check: whether what lies on disk is sound."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, progress_of
from worldlaw.core.errors import BadInput


def add(commands: Any) -> None:
    """Hook the command in."""
    check = add_command(
        commands,
        "check",
        check_path,
        "whether a clip shard, an artifact folder or an experiment file is sound",
    )
    check.add_argument("path", metavar="PATH", type=Path)


def check_path(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.experiment.check import check

    with progress_of(arguments) as progress:
        summary, faults = check(arguments.path, progress=report_items(progress, "check", "files"))
    if arguments.json:
        print(json.dumps({"path": str(arguments.path), "summary": summary, "faults": faults}))
    else:
        print("\n".join(faults) or f"{arguments.path}: {summary}, sound")
    if faults:
        raise BadInput(f"{arguments.path}: {len(faults)} fault{'s' if len(faults) > 1 else ''} found")

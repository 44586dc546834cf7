"""worldlaw export: an artifact in a layout that others read."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, progress_of

EXPORTS = ("videofolder", "phyworld", "phyworld-rollouts", "checkpoint")


def add(commands: Any) -> None:
    """Hook the command in."""
    export = add_command(
        commands, "export", export_artifact, "turn an artifact into a layout that others read"
    )
    export.add_argument(
        "artifact", metavar="ARTIFACT", type=Path, help="folder of a simulate, train or generate stage"
    )
    export.add_argument("out", metavar="OUT", type=Path)
    export.add_argument("--to", choices=EXPORTS, required=True)


def export_artifact(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.experiment.export import export

    with progress_of(arguments) as progress:
        count = export(
            arguments.artifact,
            arguments.out,
            arguments.to,
            progress=report_items(progress, "export", "clips"),
        )
    if arguments.json:
        print(json.dumps({"path": str(arguments.out), "clips": count}))
        return
    print(f"{count} clips", file=sys.stderr)
    print(arguments.out)

"""worldlaw run and its stages: an experiment, up to a stage."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, add_settings, duration, positive, progress_of
from worldlaw.core.errors import BadInput
from worldlaw.experiment.crew import is_helper

if TYPE_CHECKING:
    from worldlaw.experiment.plan import Plan


STAGES = ("simulate", "train", "generate", "track", "evaluate", "report")


def add(commands: Any) -> None:
    """Hook the command in."""
    for name, about in [
        ("run", "everything, up to the report"),
        ("simulate", "make the clips of an experiment"),
        ("train", "teach the models of an experiment; earlier stages run if missing"),
        ("generate", "let the models answer; earlier stages run if missing"),
        ("track", "read positions from all videos; earlier stages run if missing"),
        ("evaluate", "judge every predictor; earlier stages run if missing"),
        ("report", "write the report; earlier stages run if missing"),
    ]:
        stage = add_command(
            commands,
            name,
            run_stages,
            about,
            "What is complete is used as it is; a stopped run goes on where it was.",
        )
        stage.set_defaults(stage="report" if name == "run" else name)
        stage.add_argument("experiment", metavar="EXPERIMENT.yaml", type=Path)
        add_settings(stage, "a.b=c", "change a key of the experiment, e.g. --set video.resolution=128")
        stage.add_argument(
            "--out", type=Path, default=Path("runs"), help="folder for results (default: runs)"
        )
        stage.add_argument(
            "--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: one a core)"
        )
        stage.add_argument("--fresh", action="store_true", help="make everything anew")
        stage.add_argument(
            "--retrain", action="store_true", help="teach models from scratch that would use a checkpoint"
        )
        stage.add_argument(
            "--time-limit",
            type=duration,
            metavar="TIME",
            help="stop training after so long, e.g. 90s, 30m, 2h; run it again to go on",
        )
        stage.add_argument(
            "--dry-run", action="store_true", help="only say what it takes: time, bytes, files"
        )


def run_stages(arguments: argparse.Namespace) -> None:
    from worldlaw.experiment.config import load_experiment

    experiment = load_experiment(arguments.experiment, arguments.settings)
    if arguments.retrain:
        without = [
            f"models.{name}.options.checkpoint=null"
            for name, spec in experiment.models.items()
            if spec and spec.options.get("checkpoint") is not None
        ]
        if not without:
            raise BadInput(f"--retrain: no model of {arguments.experiment} uses a checkpoint")
        experiment = load_experiment(arguments.experiment, [*arguments.settings, *without])
    if arguments.dry_run:
        from worldlaw.experiment.plan import make_plan

        _dry_run(make_plan(experiment, arguments.out), arguments)
        return
    from worldlaw.experiment.run import run

    with progress_of(arguments) as progress:
        result = run(
            experiment,
            arguments.out,
            until=arguments.stage,
            workers=arguments.workers,
            fresh=arguments.fresh,
            time_limit=arguments.time_limit,
            progress=progress,
        )
    if is_helper():
        return
    if arguments.json:
        print(json.dumps({"path": str(result.path), "made": result.made, "kept": result.kept}))
        return
    print(f"{len(result.made)} artifacts made, {len(result.kept)} were complete before", file=sys.stderr)
    print(result.path)


def _dry_run(plan: Plan, arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.experiment.estimate import estimate

    with progress_of(arguments) as progress:
        every = estimate(plan, progress=report_items(progress, "sample", "splits"))
    rows = [row for row in every if STAGES.index(row.stage) <= STAGES.index(arguments.stage)]
    todo = [row for row in rows if not row.complete]
    seconds = sum(row.seconds or 0 for row in todo)
    size = sum(row.bytes or 0 for row in todo)
    shards = sum(row.shards or 0 for row in todo)
    if arguments.json:
        total = {"core_seconds": round(seconds, 1), "bytes": size, "shards": shards}
        print(json.dumps({"artifacts": [vars(row) for row in rows], "to_make": total}))
        return
    width = max(len(row.folder) for row in rows)
    print(f"{'stage':9} {'clips':>9} {'shards':>7} {'size':>9} {'time':>9}  {'folder':{width}}  what")
    for row in rows:
        state = " (complete)" if row.complete else ""
        print(
            f"{row.stage:9} {_or_dash(row.clips):>9} {_or_dash(row.shards):>7} {_size(row.bytes):>9} "
            f"{_time(row.seconds):>9}  {row.folder:{width}}  {row.what}{state}"
        )
    print(
        f"to make: about {_size(size)} in {shards} shards; {_time(seconds)} of one core, "
        f"{_time(seconds / arguments.workers)} with {arguments.workers} workers; "
        "what models need to learn and to answer, "
        f"{'limits of verdicts from true clips, ' if plan.calibrate else ''}and evaluation, come on top"
    )


def _or_dash(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _size(count: int | None) -> str:
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""One subcommand per verb. Heavy rooms are imported only by the command that needs them."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich_argparse import RawDescriptionRichHelpFormatter

from worldlaw.cli import exam, judge
from worldlaw.cli.command import add_command, positive
from worldlaw.core.errors import BadInput, Failed, SaidFailure, ended, nearest, shortened
from worldlaw.core.supervisor import supervised
from worldlaw.experiment.crew import helping

if TYPE_CHECKING:
    import numpy as np

    from worldlaw.core.registry import Registry
    from worldlaw.experiment.plan import Plan
    from worldlaw.rating.exhibits import Exhibit
    from worldlaw.rating.session import Ratings
    from worldlaw.worlds.recipe import Recipe

STAGES = ("simulate", "train", "generate", "track", "evaluate", "report")
LISTED = ("scenarios", "codecs", "models", "references", "metrics", "analyses", "papers", "experiments")
EXPORTS = ("videofolder", "phyworld", "phyworld-rollouts", "checkpoint")
DONE, FAILED, BAD_INPUT = 0, 1, 2
LONGEST_LINE = 2000  # characters of a complaint


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 failed, 2 bad input.

    Without ``argv`` it is the shell's command, done in a child process, so that a model or law that ends its
    process cannot pass for a command that was done.
    """
    arguments, rest = _parser().parse_known_args(argv)
    if rest:
        arguments.parser.error(f"unknown {rest[0]!r}{_nearest_option(arguments.parser, rest[0])}")
    if argv is None:
        return supervised(lambda: _obey(arguments))
    return _obey(arguments)


def _obey(arguments: argparse.Namespace) -> int:
    """Do what a command says; returns the exit code."""
    try:
        here = os.getcwd()
        if here not in sys.path:
            sys.path.append(here)  # so that "module:Thing" finds the user's own files
        arguments.command(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        _complain("stopped; what was complete is kept, run it again to go on")
        return FAILED
    except SystemExit as error:  # somebody else's code, that nobody blamed
        _complain(str(ended("this command", error)))
        return FAILED
    except SaidFailure as error:
        return error.code
    except (BadInput, Failed, OSError, MemoryError) as error:
        if arguments.traceback:
            traceback.print_exc()
        said = f"memory ran out ({error})".removesuffix(" ()")
        _complain(said if isinstance(error, MemoryError) else str(error))
        return BAD_INPUT if isinstance(error, BadInput) else FAILED
    return DONE


def _complain(text: str) -> None:
    """One line that can be read, whatever is in it; of several processes the first says it."""
    if helping():
        return
    print(f"worldlaw: {shortened(' '.join(text.split()), LONGEST_LINE)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="worldlaw",
        description="Has this world model learned the law, or only the look?\n\n"
        "Makes worlds whose laws are known, films them, and examines predictors of video for whether\n"
        "what they draw obeys the law, in the range that they were trained on and beyond it.",
        epilog="Exit codes: 0 done, 1 failed, 2 bad input.  Start: worldlaw run experiments/quickstart.yaml",
        formatter_class=RawDescriptionRichHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"worldlaw {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands", parser_class=_Parser)

    add = functools.partial(add_command, commands)
    listing = add(
        "list",
        _list,
        "what there is: scenarios, codecs, models, references, metrics, exam papers, experiments",
    )
    listing.add_argument("what", nargs="?", choices=LISTED, help="one kind only")

    preview = add("preview", _preview, "draw one clip of a scenario")
    preview.add_argument("scenario", metavar="SCENARIO")
    _add_settings(preview, "attribute=value", "an attribute, e.g. --set speed=2.5 --set color=blue")
    preview.add_argument("--seed", type=int, default=0, help="which scene (default: 0)")
    preview.add_argument("--resolution", type=int, default=256, help="rows of a frame (default: 256)")
    preview.add_argument("--frames", type=int, default=32, help="number of frames (default: 32)")
    preview.add_argument("--fps", type=float, default=10.0, help="frames per second (default: 10)")
    preview.add_argument(
        "--textured", action="store_true", help="as exam papers film it: texture, light, shadows, 16:9"
    )
    preview.add_argument(
        "-o", "--output", type=Path, help=".gif, .webp, .mp4 or .png (default: SCENARIO.gif)"
    )

    for name, about in [
        ("run", "everything, up to the report"),
        ("simulate", "make the clips of an experiment"),
        ("train", "teach the models of an experiment; earlier stages run if missing"),
        ("generate", "let the models answer; earlier stages run if missing"),
        ("track", "read positions from all videos; earlier stages run if missing"),
        ("evaluate", "judge every predictor; earlier stages run if missing"),
        ("report", "write the report; earlier stages run if missing"),
    ]:
        stage = add(
            name, _run, about,
            "What is complete is used as it is; a stopped run goes on where it was.",
        )  # fmt: skip
        stage.set_defaults(stage="report" if name == "run" else name)
        stage.add_argument("experiment", metavar="EXPERIMENT.yaml", type=Path)
        _add_settings(stage, "a.b=c", "change a key of the experiment, e.g. --set video.resolution=128")
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
            "--time-limit", type=_duration, metavar="TIME",
            help="stop training after so long, e.g. 90s, 30m, 2h; run it again to go on",
        )  # fmt: skip
        stage.add_argument(
            "--dry-run", action="store_true", help="only say what it takes: time, bytes, files"
        )

    check = add("check", _check, "whether a clip shard, an artifact folder or an experiment file is sound")
    check.add_argument("path", metavar="PATH", type=Path)

    export = add("export", _export, "turn an artifact into a layout that others read")
    export.add_argument(
        "artifact", metavar="ARTIFACT", type=Path, help="folder of a simulate, train or generate stage"
    )
    export.add_argument("out", metavar="OUT", type=Path)
    export.add_argument("--to", choices=EXPORTS, required=True)

    rate = add(
        "rate", _rate, "let people judge clips (do they obey physics?), or print what people said",
        "Serves a page on this machine only: blind, shuffled, by keyboard; every answer is kept at once,\n"
        "and a rater goes on where they stopped. --results prints rates, agreement, and how far the\n"
        "automatic verdict agrees with the majority.",
    )  # fmt: skip
    rate.add_argument(
        "answers", metavar="ANSWERS", type=Path, help="folder of videos, or of a run (runs/NAME)"
    )
    rate.add_argument(
        "--rater", action="append", default=[], metavar="NAME",
        help="who judges (default: the page asks); with --results: whom to count, may be repeated",
    )  # fmt: skip
    rate.add_argument("--sample", type=positive, metavar="N", help="at most N clips of each model and split")
    rate.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    rate.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 (default: any free one)")
    rate.add_argument(
        "--out", type=Path, metavar="FILE", help="file of ratings (default: ANSWERS/ratings.jsonl)"
    )
    rate.add_argument("--results", action="store_true", help="print what people said, and serve nothing")
    rate.add_argument(
        "--verdicts", type=Path, metavar="FILE", help="automatic verdicts: a CSV with columns clip, abnormal"
    )
    rate.add_argument("--csv", type=Path, metavar="FILE", help="write the results as a table, too")

    exam.add_commands(commands, _Parser)
    judge.add_command(add)
    return parser


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with the nearest known word."""

    def error(self, message: str) -> Any:
        import re

        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if found:
            known = [word.strip(" '") for word in found[2].split(",")]
            near = nearest(found[1], known)
            message = f"unknown {shortened(found[1])!r}; " + (
                f"did you mean {near!r}?" if near else f"expected one of: {', '.join(known)}"
            )
        _complain(f"{message} (see {self.prog} --help)")
        sys.exit(BAD_INPUT)


def _nearest_option(parser: argparse.ArgumentParser, word: str) -> str:
    import re

    known = re.findall(r"--[a-z-]+", parser.format_usage())
    near = nearest(word.partition("=")[0], known)
    return f"; did you mean {near!r}?" if near else ""


def _add_settings(parser: argparse.ArgumentParser, metavar: str, about: str) -> None:
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar=metavar, help=about)


def _duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``30m``, ``2h``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        value = float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 30m or 2h; found {text!r}")
    return value


def _version() -> str:
    from worldlaw import __version__

    return __version__


def _list(arguments: argparse.Namespace) -> None:
    kinds = [arguments.what] if arguments.what else LISTED
    found = {kind: _LISTERS[kind]() for kind in kinds}
    if arguments.json:
        print(json.dumps(found))
        return
    for kind, entries in found.items():
        if len(found) > 1:
            print(f"{kind}:")
        width = max((len(name) for name in entries), default=0)
        for name, about in entries.items():
            print(f"  {name:<{width}}  {about}")


def _list_scenarios() -> dict[str, str]:
    from worldlaw.worlds import scenarios

    return {
        name: f"{_first_line(scenarios.get(name))} [{', '.join(scenarios.get(name).attributes)}]"
        for name in scenarios.names()
    }


def _list_models() -> dict[str, str]:
    from worldlaw.models import models

    return _installed(models)


def _list_codecs() -> dict[str, str]:
    from worldlaw.models import codecs

    return _installed(codecs)


def _installed(registry: Registry) -> dict[str, str]:
    """First lines of what can be used, and the extra to install for what cannot."""
    found = {}
    for name in registry.names():
        try:
            found[name] = _first_line(registry.get(name))
        except BadInput as error:
            found[name] = f"not installed ({str(error).rpartition('; ')[2]})"
    return found


def _list_references() -> dict[str, str]:
    from worldlaw.measure.references import references

    found = {}
    for name in references.names():
        lacking = references.lacking(name).rpartition("; ")[2]
        found[name] = f"not installed ({lacking})" if lacking else _first_line(references.get(name))
    return found


def _list_metrics() -> dict[str, str]:
    from worldlaw.measure.metrics import metrics

    every = [metrics.get(name) for name in metrics.names()]
    return {m.name: m.about + (f" [{m.unit}]" if m.unit else "") for m in every}


def _list_analyses() -> dict[str, str]:
    from worldlaw.report.analyses import analyses

    return {name: _first_line(analyses.get(name)) for name in analyses.names()}


def _list_papers() -> dict[str, str]:
    from worldlaw.exam import load_paper, papers

    return {name: load_paper(name).about for name in papers()}


def _list_experiments() -> dict[str, str]:
    from worldlaw.experiment.config import parse_yaml

    found = {}
    for path in sorted(Path("experiments").glob("**/*.yaml")):
        raw = parse_yaml(path.read_text(encoding="utf-8", errors="replace"), str(path))
        found[str(path)] = str(raw.get("about", "")) if isinstance(raw, dict) else ""
    return found


_LISTERS = {
    "scenarios": _list_scenarios,
    "codecs": _list_codecs,
    "models": _list_models,
    "references": _list_references,
    "metrics": _list_metrics,
    "analyses": _list_analyses,
    "papers": _list_papers,
    "experiments": _list_experiments,
}


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]


def _preview(arguments: argparse.Namespace) -> None:
    from worldlaw.clips.media import write_video
    from worldlaw.experiment.config import parse_yaml
    from worldlaw.worlds import scenarios, training_region
    from worldlaw.worlds.recipe import Recipe

    scenario = scenarios.get(arguments.scenario)
    raw = {}
    for text in arguments.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--set {text!r}: expected attribute=value")
        raw[name] = parse_yaml(value, f"--set {text!r}")
    if not (
        16 <= arguments.resolution <= 4096 and 1 <= arguments.frames <= 4096 and 0 < arguments.fps <= 10_000
    ):
        raise BadInput(
            "expected a resolution of 16 to 4096 rows, 1 to 4096 frames, and at most 10,000 frames per second"
        )
    recipe = Recipe(
        scenario=arguments.scenario,
        region=training_region(scenario, raw),
        seed=arguments.seed,
        split="preview",
        num_clips=1,
        resolution=arguments.resolution,
        num_frames=arguments.frames,
        fps=arguments.fps,
    )
    path = arguments.output or Path(f"{arguments.scenario.replace(':', '_')}.gif")
    scene, _ = recipe.scene(0)
    video = _textured(recipe) if arguments.textured else recipe.read([0])[0]
    write_video(path, video, recipe.fps)
    if arguments.json:
        print(json.dumps({"path": str(path), "scene": json.loads(scene.to_json())}))
        return
    for name, value in scene.attributes.items():
        unit = getattr(scenario.attributes[name], "unit", "")
        print(f"  {name} = {value if isinstance(value, str) else format(value, '.4g')} {unit}".rstrip())
    print(path)


def _textured(recipe: Recipe) -> np.ndarray:
    """(T, H, W, 3) uint8: the first clip as exam papers film it, 16:9."""
    from worldlaw.core.seeding import rng_for
    from worldlaw.worlds import scenarios
    from worldlaw.worlds.render.textured import render_textured
    from worldlaw.worlds.view import view_of

    scene, _ = recipe.scene(0)
    edges = scenarios.get(recipe.scenario).edges
    view = view_of(scene, 2 * round(recipe.resolution * 8 / 9), recipe.resolution, edges=edges)
    motion, rng = recipe.trajectory(view.scene), rng_for(recipe.seed, "preview", "look")
    return render_textured(view.scene, motion, view.width, view.height, rng=rng, box=view.box)


def _run(arguments: argparse.Namespace) -> None:
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
    from worldlaw.core.progress import progress_for
    from worldlaw.experiment.run import run

    quiet = arguments.json or helping() or not sys.stderr.isatty()
    with progress_for(quiet=quiet) as progress:
        result = run(
            experiment,
            arguments.out,
            until=arguments.stage,
            workers=arguments.workers,
            fresh=arguments.fresh,
            time_limit=arguments.time_limit,
            progress=progress,
        )
    if helping():
        return
    if arguments.json:
        print(json.dumps({"path": str(result.path), "made": result.made, "kept": result.kept}))
        return
    print(f"{len(result.made)} artifacts made, {len(result.kept)} were complete before", file=sys.stderr)
    print(result.path)


def _dry_run(plan: Plan, arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.experiment.estimate import estimate

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        every = estimate(plan, progress=counted(progress, "sample", "splits"))
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


def _check(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.experiment.check import check

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        summary, faults = check(arguments.path, progress=counted(progress, "check", "files"))
    if arguments.json:
        print(json.dumps({"path": str(arguments.path), "summary": summary, "faults": faults}))
    else:
        print("\n".join(faults) or f"{arguments.path}: {summary}, sound")
    if faults:
        raise BadInput(f"{arguments.path}: {len(faults)} fault{'s' if len(faults) > 1 else ''} found")


def _export(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.experiment.export import export

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        count = export(
            arguments.artifact, arguments.out, arguments.to, progress=counted(progress, "export", "clips")
        )
    if arguments.json:
        print(json.dumps({"path": str(arguments.out), "clips": count}))
        return
    print(f"{count} clips", file=sys.stderr)
    print(arguments.out)


def _rate(arguments: argparse.Namespace) -> None:
    from worldlaw.rating import FILE, Ratings, exhibits

    found = exhibits(arguments.answers)
    ratings = Ratings(arguments.out or arguments.answers / FILE)
    if arguments.results:
        for option in ("sample", "port"):
            if getattr(arguments, option):
                raise BadInput(f"--{option} decides what is shown; --results counts every answer there is")
        _rate_results(arguments, found, ratings)
        return
    for option in ("csv", "verdicts"):
        if getattr(arguments, option):
            raise BadInput(f"--{option} goes with --results")
    _rate_serve(arguments, found, ratings)


def _rate_serve(arguments: argparse.Namespace, found: list[Exhibit], ratings: Ratings) -> None:
    from worldlaw.rating import Session, sample
    from worldlaw.rating.rating_clips import check
    from worldlaw.rating.server import RatingServer
    from worldlaw.rating.session import rater_name

    if len(arguments.rater) > 1:
        raise BadInput("--rater: one at a time; without it the page asks, and several may judge at once")
    rater = rater_name(arguments.rater[0]) if arguments.rater else None
    shown = sample(found, arguments.sample, seed=arguments.seed) if arguments.sample else found
    check(shown)
    ratings.check()
    session = Session((each.name for each in shown), ratings, only=rater)
    with RatingServer(shown, session, port=arguments.port, rater=rater) as server:
        if arguments.json:
            about = {"url": server.url, "clips": session.num_clips, "ratings": str(ratings.path)}
            print(json.dumps(about), flush=True)
        else:
            print(f"{session.num_clips} clips; answers go to {ratings.path}; Ctrl-C ends it", file=sys.stderr)
            print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # the ordinary end; every answer is on disk
            server.serve_forever()


def _rate_results(arguments: argparse.Namespace, found: list[Exhibit], ratings: Ratings) -> None:
    from worldlaw.core.artifact import write_text
    from worldlaw.rating import results
    from worldlaw.rating.automatic_verdicts import verdicts
    from worldlaw.rating.results_text import as_csv, as_json, lines

    known = verdicts(arguments.answers, found, arguments.verdicts)
    judged = results(found, ratings.standings(), raters=arguments.rater, verdicts=known)
    if arguments.csv:
        write_text(arguments.csv, as_csv(judged))
    print(json.dumps(as_json(judged)) if arguments.json else "\n".join(lines(judged)))


if __name__ == "__main__":
    sys.exit(main())

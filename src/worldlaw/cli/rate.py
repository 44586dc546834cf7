"""worldlaw rate: people as judges."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, positive
from worldlaw.core.errors import BadInput

if TYPE_CHECKING:
    from worldlaw.rating.exhibits import Exhibit
    from worldlaw.rating.session import Ratings


def add(commands: Any) -> None:
    """Hook the command in."""
    rate = add_command(
        commands,
        "rate",
        rate_clips,
        "let people judge clips (do they obey physics?), or print what people said",
        "Serves a page on this machine only: blind, shuffled, by keyboard; every answer is kept at once,\n"
        "and a rater goes on where they stopped. --results prints rates, agreement, and how far the\n"
        "automatic verdict agrees with the majority.",
    )
    rate.add_argument(
        "answers", metavar="ANSWERS", type=Path, help="folder of videos, or of a run (runs/NAME)"
    )
    rate.add_argument(
        "--rater",
        action="append",
        default=[],
        metavar="NAME",
        help="who judges (default: the page asks); with --results: whom to count, may be repeated",
    )
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


def rate_clips(arguments: argparse.Namespace) -> None:
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

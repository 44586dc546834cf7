"""What all commands share: how one is hooked in, its options, its complaints, its progress."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich_argparse import RawDescriptionRichHelpFormatter

from worldlaw.core.errors import nearest, shorten
from worldlaw.experiment.crew import is_helper

if TYPE_CHECKING:
    from worldlaw.core.progress import Progress

DONE, FAILED, BAD_INPUT = 0, 1, 2
LONGEST_LINE = 2000  # characters of a complaint

Command = Callable[[argparse.Namespace], None]


def add_command(commands: Any, name: str, command: Command, about: str, details: str = "") -> Parser:
    """A subcommand with its help and the options that every one has."""
    sub: Parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.\n{details}",
        formatter_class=RawDescriptionRichHelpFormatter,
    )
    sub.set_defaults(command=command, parser=sub)
    sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    sub.add_argument("--traceback", action="store_true", help="show where in the code a failure came from")
    return sub


def positive(text: str) -> int:
    """A whole number of at least 1, as an option."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1; found {text!r}")
    return value


def add_group(commands: Any, name: str, about: str, metavar: str) -> Any:
    """A command that has verbs of its own; returns what these are added to."""
    group = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        formatter_class=RawDescriptionRichHelpFormatter,
    )
    return group.add_subparsers(
        metavar=metavar, required=True, title=f"{metavar.lower()}s", parser_class=Parser
    )


def add_settings(parser: argparse.ArgumentParser, metavar: str, about: str) -> None:
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar=metavar, help=about)


def duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``30m``, ``2h``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        value = float(number) * {"s": 1, "m": 60, "h": 3600}[unit]
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 30m or 2h; found {text!r}")
    return value


def progress_of(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[Progress]:
    """Bars on a terminal; only what the user has to know where a program reads, or another process leads."""
    from worldlaw.core.progress import progress_for

    return progress_for(quiet=arguments.json or is_helper() or not sys.stderr.isatty())


def complain(text: str) -> None:
    """One line that can be read, whatever is in it; of several processes the first says it."""
    if is_helper():
        return
    print(f"worldlaw: {shorten(' '.join(text.split()), LONGEST_LINE)}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with the nearest known word."""

    late_epilog: Callable[[], str] | None = None  # the end of its help, made only when that is printed

    def format_help(self) -> str:
        if self.late_epilog:
            self.epilog = self.late_epilog()
        return super().format_help()

    def error(self, message: str) -> Any:
        found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if found:
            known = [word.strip(" '") for word in found[2].split(",")]
            near = nearest(found[1], known)
            message = f"unknown {shorten(found[1])!r}; " + (
                f"did you mean {near!r}?" if near else f"expected one of: {', '.join(known)}"
            )
        complain(f"{message} (see {self.prog} --help)")
        sys.exit(BAD_INPUT)


def nearest_option(parser: argparse.ArgumentParser, word: str) -> str:
    known = re.findall(r"--[a-z-]+", parser.format_usage())
    near = nearest(word.partition("=")[0], known)
    return f"; did you mean {near!r}?" if near else ""

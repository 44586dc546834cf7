"""The command ``worldlaw``: one file a command; heavy rooms are imported by the command that needs them."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from rich_argparse import RawDescriptionRichHelpFormatter

from worldlaw import __version__
from worldlaw.cli.command import BAD_INPUT, DONE, FAILED, Parser, complain, nearest_option
from worldlaw.core.errors import BadInput, Failed, SaidFailure, blame, exit_failure
from worldlaw.core.supervisor import run_supervised

GROUP = "worldlaw.commands"  # of entry points: commands that installed packages bring
# In the order of the help; "run" brings its stages.
COMMANDS = ("list", "preview", "run", "check", "export", "rate", "exam", "judge")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 failed, 2 bad input.

    Without ``argv`` it is the shell's command, done in a child process, so that a model or law that ends its
    process cannot pass for a command that was done.
    """
    arguments, rest = _parser(sys.argv[1:] if argv is None else argv).parse_known_args(argv)
    if rest:
        arguments.parser.error(f"unknown {rest[0]!r}{nearest_option(arguments.parser, rest[0])}")
    if argv is None:
        return run_supervised(lambda: _obey(arguments))
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
        complain("stopped; what was complete is kept, run it again to go on")
        return FAILED
    except SystemExit as error:  # somebody else's code, that nobody blamed
        complain(str(exit_failure("this command", error)))
        return FAILED
    except SaidFailure as error:
        return error.code
    except (BadInput, Failed, OSError, MemoryError) as error:
        if arguments.traceback:
            traceback.print_exc()
        said = f"memory ran out ({error})".removesuffix(" ()")
        complain(said if isinstance(error, MemoryError) else str(error))
        return BAD_INPUT if isinstance(error, BadInput) else FAILED
    return DONE


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="worldlaw",
        description="Has this world model learned the law, or only the look?\n\n"
        "Makes worlds whose laws are known, films them, and examines predictors of video for whether\n"
        "what they draw obeys the law, in the range that they were trained on and beyond it.",
        epilog="Exit codes: 0 done, 1 failed, 2 bad input.  Start: worldlaw run experiments/quickstart.yaml",
        formatter_class=RawDescriptionRichHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"worldlaw {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(f"worldlaw.cli.{name}").add(commands)
    if not words or words[0] not in commands.choices:  # ours, stages too, wait for no search of packages
        _add_foreign(commands)
    return parser


def _add_foreign(commands: Any) -> None:
    """Hook in what installed packages bring; one that cannot be had is said, and the rest goes on."""
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            with blame(f"command {entry.name!r} of an installed package"):
                entry.load()(commands)
        except (BadInput, Failed) as error:
            complain(str(error))

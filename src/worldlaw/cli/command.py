"""What all commands share: how one is hooked in, and numbers as options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from rich_argparse import RawDescriptionRichHelpFormatter

Command = Callable[[argparse.Namespace], None]


def add_command(
    commands: Any, name: str, command: Command, about: str, details: str = ""
) -> argparse.ArgumentParser:
    """A subcommand with its help and the options that every one has."""
    sub = commands.add_parser(
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

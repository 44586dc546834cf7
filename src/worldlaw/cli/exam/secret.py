"""worldlaw exam secret: the secret of held-out questions."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command


def add(commands: Any) -> None:
    """Hook the verb in."""
    secret = add_command(
        commands,
        "secret",
        make_secret_file,
        "make the secret of held-out questions, and the hash to publish before they are asked",
    )
    secret.add_argument("file", metavar="FILE", type=Path, help="a new file; keep it to yourself")


def make_secret_file(arguments: argparse.Namespace) -> None:
    from worldlaw.exam.paper.secret import make_secret

    found = make_secret(arguments.file)
    if arguments.json:
        print(json.dumps({"path": str(arguments.file), "secret_hash": found}))
        return
    print(f"SHA-256 of {arguments.file}, to be published before anybody answers:", file=sys.stderr)
    print(found)

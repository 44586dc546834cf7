"""worldlaw exam: papers for models elsewhere; one verb, one file.

``make``, ``check``, ``score``, ``run``, ``secret``, ``compare`` and ``verify`` each have an ``add`` that
hooks the verb in; ``shared_options`` has what several of them take. One more verb: its file, and its name in
``VERBS``.
"""

from __future__ import annotations

import importlib
from typing import Any

from worldlaw.cli.command import add_group

VERBS = ("make", "check", "score", "run", "secret", "compare", "verify")


def add(commands: Any) -> None:
    """Hook ``worldlaw exam`` and its verbs in."""
    verbs = add_group(
        commands, "exam", "examine any model: make a paper, check and score its answers", "VERB"
    )
    for name in VERBS:
        importlib.import_module(f"worldlaw.cli.exam.{name}").add(verbs)

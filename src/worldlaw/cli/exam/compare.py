"""worldlaw exam compare: cards ranked on one paper."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from worldlaw.cli.command import add_command, progress_of


def add(commands: Any) -> None:
    """Hook the verb in."""
    compare = add_command(
        commands,
        "compare",
        compare_cards,
        "rank the cards of several models on one paper",
        "Question by question, corrected for all that is looked at; says which differences are not shown.",
    )
    compare.add_argument(
        "cards", metavar="CARD", type=Path, nargs="+", help="card.json, or a folder of scores"
    )
    compare.add_argument(
        "--metric",
        choices=("solved", "velocity_error", "abnormal"),
        default="solved",
        help="(default: solved)",
    )
    compare.add_argument("--html", type=Path, metavar="FILE", help="write a page, too")


def compare_cards(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import report_items
    from worldlaw.exam.cards.card_text import as_json, lines
    from worldlaw.exam.cards.comparison import compare

    with progress_of(arguments) as progress:
        found = compare(
            arguments.cards, metric=arguments.metric, counted=report_items(progress, "compare", "pairs")
        )
    if arguments.html:
        from worldlaw.exam.page.comparison_page import write_compare_page

        write_compare_page(found, arguments.html)
    print(json.dumps(as_json(found)) if arguments.json else "\n".join(lines(found)))

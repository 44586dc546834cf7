"""What several verbs of worldlaw exam take or say."""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from worldlaw.cli.command import positive

if TYPE_CHECKING:
    from worldlaw.exam import Paper


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """What the model under test wants, as ``asked_paper`` reads it."""
    parser.add_argument("--size", type=_size, metavar="WxH", help="width and height in pixels, e.g. 832x480")
    parser.add_argument("--frames", type=int, help="frames of a whole video, the given ones among them")
    parser.add_argument("--fps", type=float, help="frames a second")
    parser.add_argument("--context", type=int, help="frames that are given")


def asked_paper(arguments: argparse.Namespace) -> Paper:
    """The paper that the arguments name, for the video that they want."""
    from worldlaw.exam import load_paper, with_video

    return with_video(
        load_paper(arguments.paper),
        size=arguments.size,
        num_frames=arguments.frames,
        fps=arguments.fps,
        context=arguments.context,
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6})[xX×]([0-9]{1,6})", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"expected width x height in pixels, such as 832x480; found {text!r}"
        )
    return int(found[1]), int(found[2])


def add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paper", metavar="PAPER", type=Path, help="the folder that exam make wrote")
    parser.add_argument("answers", metavar="ANSWERS", type=Path, help="a folder of videos called ID.mp4, …")
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1, metavar="N")
    add_allow(parser)


def add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-scenario",
        dest="allow",
        action="append",
        default=[],
        metavar="module:Law",
        help="a scenario of your own that the folder of a paper may name: its module is imported; "
        "may be repeated",
    )


def metrics_in_words() -> str:
    """Every registered metric, those of installed packages among them, for the end of a help."""
    from worldlaw.measure.metrics import metrics

    said = f"Metrics (worldlaw list metrics says what each is): {', '.join(metrics.names())}."
    return textwrap.fill(said, 79, break_on_hyphens=False)


def say_card(scores: Path) -> None:
    from worldlaw.exam.cards.card_format import read_card
    from worldlaw.exam.cards.card_text import card_lines

    print("\n".join(card_lines(read_card(scores))), file=sys.stderr)

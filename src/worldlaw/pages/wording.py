"""How numbers, names and the words of the field are written on the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NOTHING = "–"
FIGURE_SPACE, PUNCTUATION_SPACE, NARROW_SPACE = "\u2007", "\u2008", "\u202f"  # the last one never breaks

REGION_WORDS = {
    "ID": "in distribution",
    "OOD": "out of distribution",
    "unknown": "where the training region is unknown",
}
KIND_WORDS = {"floor": "floor", "codec": "codecs", "model": "models", "reference": "references"}

_GLOSSARY = {
    "floor": "The true video, measured by the same tracker: the limit of measuring a single step. A "
    "reference that averages several frames can lie below it.",
    "codec": "The true video, encoded into a model's latents and decoded again, then tracked: the limit for "
    "every model that sees through this codec. It predicts nothing and has no rank.",
    "velocity error": "The mean length of the difference between the velocity in the rollout and the true "
    "velocity, over the frame intervals that could be measured, in m/s.",
    "charged velocity error": "The velocity error over all intervals that are fully visible in the truth, "
    "where one that could not be measured is charged with the true speed plus 1 m/s, and none costs more, so "
    "that making a body vanish never pays.",
    "measured share": "Intervals measured in the rollout as a share of the intervals fully visible in the "
    "truth. A body that vanishes lowers it.",
    "solved": "A clip is solved if {solved_if}.",
    "ID, OOD": "In distribution and out of distribution: clips whose attributes lie inside or outside the "
    "region that the model was trained on. Computed clip by clip, not read from the name of a split.",
    "level": "Which attributes of a clip lie outside the training region, and on which side: below what "
    "occurs in training (low), above it (high), or in a hole within it (gap). At the level “combination” "
    "every attribute lies inside, and only their combination is new.",
    "reference": "A predictor that reads positions instead of pixels, shown beside the models for scale.",
    "copy index": "How much nearer a rollout is to the training clip nearest to it in motion than to the "
    "truth: the difference of its two mean distances in velocity over their sum. +1 is a copy of training, "
    "−1 the truth. It says nothing, and is not counted, where the truth itself is within 0.1 m/s of a "
    "training clip.",
    "given frames": "The first frames of a clip, which the predictor sees. Only what follows is examined.",
    "95 % interval": "Of a mean the studentised bootstrap, clips resampled; none over fewer than ten clips, "
    "or where so few differ from the rest that nothing can be said. Of a share of clips Wilson's score "
    "interval. Of a model that was trained three times or more, that over clips and Student's t over "
    "trainings, added up in squares; over two trainings none. Intervals are not corrected for their number.",
}


def glossary(solved_if: str) -> dict[str, str]:
    """Word -> meaning; ``solved_if`` says when a clip is solved, in words of who measures it."""
    return {word: meaning.replace("{solved_if}", solved_if) for word, meaning in _GLOSSARY.items()}


def pretty(name: str) -> str:
    """A registered name as words."""
    return name.replace("_", " ")


def number(value: float) -> str:
    """Three significant digits; a dash for what could not be measured."""
    if not np.isfinite(value):
        return NOTHING
    size = abs(value)
    if size == 0:
        text = "0"
    elif size < 1e-3:
        text = f"{value:.1e}".replace("e-0", "e-")
    else:
        decimals = max(0, 2 - int(np.floor(np.log10(size))))
        text = f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def ratio(value: float) -> str:
    """``1.0×``: one decimal below ten, two significant digits below one tenth, none above ten."""
    if not np.isfinite(value):
        return NOTHING
    if value < 0.095:
        return f"{value:.2g}×"
    return f"{value:.1f}×" if value < 9.95 else f"{value:,.0f}×"


def percent(share: float) -> str:
    """A share as a percentage; a share that is not all or nothing never reads as 0 or 100."""
    if not np.isfinite(share):
        return NOTHING
    if 0 < share < 0.005:
        return f"< 1{NARROW_SPACE}%"
    if 0.995 < share < 1:
        return f"> 99{NARROW_SPACE}%"
    return f"{100 * share:.0f}{NARROW_SPACE}%"


def interval(low: float, high: float) -> str:
    """``0.00381 – 0.00443``; nothing where there is no interval."""
    if not np.isfinite(low) or not np.isfinite(high):
        return ""
    return f"{number(low)}{NARROW_SPACE}–{NARROW_SPACE}{number(high)}"


def percents(low: float, high: float) -> str:
    """``12 – 31 %``; nothing where there is no interval."""
    if not np.isfinite(low) or not np.isfinite(high):
        return ""
    return f"{100 * low:.0f}{NARROW_SPACE}–{NARROW_SPACE}{100 * high:.0f}{NARROW_SPACE}%"


def align_decimals(texts: Sequence[str]) -> list[str]:
    """Numbers padded on the right with spaces as wide as what they lack: decimal points stand in one line.

    A power of ten after the decimals is as wide as so many of them.
    """
    longest = max((len(text.partition(".")[2]) for text in texts), default=0)
    padded = []
    for text in texts:
        _, point, decimals = text.partition(".")
        lacking = longest - len(decimals)
        padded.append(text + ("" if point or not longest else PUNCTUATION_SPACE) + FIGURE_SPACE * lacking)
    return padded


def join_words(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

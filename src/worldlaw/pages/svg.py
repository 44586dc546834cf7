"""A matplotlib figure as SVG inside a page: the page's colours and type, ids of its own, no date."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Placeholders that matplotlib draws with, and the CSS variables of the page that take their place.
INK, MUTED, RULE, BAND, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
ID_COLOR, OOD_COLOR, LOST_COLOR = "#010203", "#030201", "#020301"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    BAND: "--band",
    PAPER: "--paper",
    ID_COLOR: "--id",
    OOD_COLOR: "--ood",
    LOST_COLOR: "--lost",
}
POINTS_PER_INCH = 72.0


@contextmanager
def svg_figure(width: float, height: float) -> Iterator[Any]:
    """A figure of so many points, with the settings under which it must also be written."""
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "worldlaw",
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.facecolor": "none",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": MUTED,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelsize": 9.5,
        "ytick.labelsize": 9.5,
        "axes.labelsize": 9.5,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
        figure.patch.set_visible(False)
        yield figure


def inline(figure: Any, slug: str, label: str) -> str:
    """The SVG of a figure for use inside HTML; call it within ``svg_figure``.

    ``slug`` starts every id in it.
    """
    from html import escape

    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--sans)", text)
    for placeholder, variable in VARIABLES.items():
        text = text.replace(placeholder, f"var({variable})")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    text = re.sub(r" id=\"([^\"]+)\"", lambda match: _own_id(match[1], used, slug), text)
    text = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{slug}-", text)
    text = text.replace("xlink:href", "href")
    text = re.sub(r">\s+<", "><", text)
    box = re.search(r"viewBox=\"[^\"]+\"", text)
    assert box is not None
    head = f'<svg {box[0]} role="img" aria-label="{escape(label)}">'
    return head + text[text.index(">") + 1 :].strip()


def _own_id(name: str, used: set[str], slug: str) -> str:
    return f' id="{slug}-{name}"' if name in used else ""

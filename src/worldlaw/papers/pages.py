"""Where the pages of this room find their templates: here, and beside the report of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worldlaw import report
from worldlaw.report import wording

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str) -> Template:
    """A template that knows how numbers and names are written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, Path(report.__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        pretty=wording.pretty, number=wording.number, ratio=wording.ratio, percent=wording.percent
    )
    return environment.get_template(name)

"""Where pages find their templates, and how these write numbers and names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worldlaw.pages import wording

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str, *beside: Path) -> Template:
    """A template of this room, or of a folder that is asked first."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*beside, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        pretty=wording.pretty, number=wording.number, ratio=wording.ratio, percent=wording.percent
    )
    return environment.get_template(name)

"""Questions to a whole experiment, each with its own section of the page; one file, one analysis.

- ``analysis``: the contract, what an analysis may read, the registry
- ``reversal``: mirrored memorisation
- ``velocity_gap``: a gap in the training speeds
- ``attribute_pair``: colour against size
- ``combination``: known objects in new combinations
- ``ambiguity``: frames that look alike and end otherwise
- ``scatter_figure``: the figure that analyses share

To add one: derive from ``Analysis``, register it, name it in an experiment's ``analyses``;
docs/extending.md.
"""

from worldlaw.pages.section import Cell, Group, Panel, Row, Section, Table
from worldlaw.report.analyses.analysis import Analysis, Evidence, Rollouts, Setting, analyses, sections

__all__ = [
    "Analysis",
    "Rollouts",
    "Cell",
    "Evidence",
    "Group",
    "Panel",
    "Row",
    "Section",
    "Setting",
    "Table",
    "analyses",
    "sections",
]

"""Questions to a whole experiment, each with its own section of the page; one file, one analysis.

To add one: derive from ``Analysis``, register it with ``@analyses.registering(NAME)``, and name it in an
experiment's ``analyses``. ``check`` says before any work starts whether the experiment can answer it;
``section`` turns results into sentences, a table and figures.
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

"""What came out of an experiment? Its page.

- ``report_page``: the page, section by section
- ``report_input``: what it is made from
- ``report_answer``: the answer in sentences
- ``tables``: ranking, tables, which clips to show
- ``report_figures``: speed against speed, error by level
- ``scaling``, ``scaling_figure``: error against data and model size
- ``copies``: how much is training
- ``look_sections``: how videos look
- ``exclusions``: all that was left out
- ``analyses``: questions to a whole experiment
"""

from worldlaw.pages.film_strips import Example
from worldlaw.report.report_input import Exclusion, ReportInput
from worldlaw.report.report_page import write_report
from worldlaw.report.tables import leaderboard

__all__ = ["Example", "Exclusion", "ReportInput", "leaderboard", "write_report"]

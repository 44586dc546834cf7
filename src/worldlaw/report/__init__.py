"""Tables, figures and one self-contained HTML page."""

from worldlaw.pages.film_strips import Example
from worldlaw.report.report_input import Exclusion, ReportInput
from worldlaw.report.report_page import write_report
from worldlaw.report.tables import leaderboard

__all__ = ["Example", "Exclusion", "ReportInput", "leaderboard", "write_report"]

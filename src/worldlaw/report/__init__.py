"""Tables, figures and one self-contained HTML page."""

from worldlaw.report.page import write_report
from worldlaw.report.source import Example, Exclusion, ReportInput
from worldlaw.report.tables import leaderboard

__all__ = ["Example", "Exclusion", "ReportInput", "leaderboard", "write_report"]

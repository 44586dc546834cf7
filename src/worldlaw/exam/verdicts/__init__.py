"""Does a clip of rigid bodies obey mechanics? From tracks and silhouettes, never from the scene."""

from worldlaw.exam.verdicts.judging import VERSION, Thresholds, Verdict, calibrate, judge, measure
from worldlaw.exam.verdicts.measures import MEASURES, UNITS, Finding
from worldlaw.exam.verdicts.sight import Sight

__all__ = [
    "MEASURES", "UNITS", "VERSION", "Finding", "Sight", "Thresholds", "Verdict", "calibrate", "judge",
    "measure",
]  # fmt: skip

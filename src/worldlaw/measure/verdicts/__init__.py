"""Does a clip of rigid bodies obey mechanics? From tracks and silhouettes, never from the scene."""

from worldlaw.measure.verdicts.clip_geometry import Sight
from worldlaw.measure.verdicts.measures import MEASURES, UNITS, Finding
from worldlaw.measure.verdicts.thresholds import VERSION, Thresholds, Verdict, calibrate, judge, measure

__all__ = [
    "MEASURES", "UNITS", "VERSION", "Finding", "Sight", "Thresholds", "Verdict", "calibrate", "judge",
    "measure",
]  # fmt: skip

"""Does a clip of rigid bodies obey mechanics? From tracks and silhouettes, never from the scene."""

from worldlaw.measure.verdicts.clip_geometry import ClipGeometry
from worldlaw.measure.verdicts.measures import MEASURES, UNITS, MeasuredFault
from worldlaw.measure.verdicts.thresholds import VERSION, Thresholds, Verdict, calibrate, judge, measure

__all__ = [
    "MEASURES",
    "UNITS",
    "VERSION",
    "MeasuredFault",
    "ClipGeometry",
    "Thresholds",
    "Verdict",
    "calibrate",
    "judge",
    "measure",
]

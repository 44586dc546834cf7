"""Does a clip of rigid bodies obey mechanics? From tracks and silhouettes, never from the scene.

- ``clip_geometry``: a clip as the measures read it: poses, silhouettes, distances
- ``measures``: seven measures, 0 where nothing is wrong
- ``separation_kernels``: how far silhouettes are apart (compiled)
- ``thresholds``: limits from true clips, and the verdict
"""

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

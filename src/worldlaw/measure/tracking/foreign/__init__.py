"""Tracking of what we did not draw: unknown things before an unknown, still backdrop.

- ``foreign_tracker``: a video to tracks
- ``backdrop``: what stands still, in which light
- ``camera_motion``: did the camera move, or was the picture cut?
- ``thing_finder``: what is a thing, at first sight
- ``things``: what is followed, and what was seen of it
- ``thing_view``: one thing in one frame
- ``thing_tracker``: a thing sought where its motion takes it
- ``thing_fit``: an outline laid on a frame
- ``leftover_paint``: paint that no thing explains
- ``contours``: outlines, normals, thickness
- ``user_tracks``: tracks from a CSV file
- ``foreign_kernels``: the compiled part
"""

from worldlaw.measure.tracking.foreign.foreign_tracker import VERSION, follow, see
from worldlaw.measure.tracking.foreign.thing_finder import describe
from worldlaw.measure.tracking.foreign.things import Seen, Things
from worldlaw.measure.tracking.foreign.user_tracks import read_tracks_csv

__all__ = ["VERSION", "Seen", "Things", "describe", "follow", "read_tracks_csv", "see"]

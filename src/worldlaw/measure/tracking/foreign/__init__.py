"""Tracking of what we did not draw: unknown things before an unknown, still backdrop."""

from worldlaw.measure.tracking.foreign.foreign_tracker import VERSION, follow, see
from worldlaw.measure.tracking.foreign.thing_finder import describe
from worldlaw.measure.tracking.foreign.things import Seen, Things
from worldlaw.measure.tracking.foreign.user_tracks import read_tracks_csv

__all__ = ["VERSION", "Seen", "Things", "describe", "follow", "read_tracks_csv", "see"]

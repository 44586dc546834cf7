"""Tracking of what we did not draw: unknown things before an unknown, still backdrop."""

from worldlaw.exam.foreign.finding import describe
from worldlaw.exam.foreign.seeing import VERSION, follow, see
from worldlaw.exam.foreign.things import Seen, Things
from worldlaw.exam.foreign.user_tracks import read_tracks_csv

__all__ = ["VERSION", "Seen", "Things", "describe", "follow", "read_tracks_csv", "see"]

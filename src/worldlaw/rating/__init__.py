"""People as judges: clips shown blind and shuffled, a yes or a no for each, and how far judges agree.

``exhibits`` finds what there is to show, ``session`` keeps who said what and whose turn it is, ``server`` is
the page on this machine, ``agreement`` and ``results`` make numbers of it (docs/rating.md).
"""

from worldlaw.rating.exhibits import exhibits, sample
from worldlaw.rating.results import results
from worldlaw.rating.session import FILE, Ratings, Session

__all__ = ["exhibits", "sample", "results", "FILE", "Ratings", "Session"]

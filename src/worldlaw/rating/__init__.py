"""What do people say? Clips shown blind and shuffled, a yes or a no for each.

- ``exhibits``: what there is to judge
- ``session``: ratings on disk, whose turn it is
- ``server``: the page, for this machine only
- ``rating_clips``: a clip as every browser shows it
- ``agreement``: Fleiss' kappa, a verdict against people
- ``automatic_verdicts``: what the automatic verdicts say of the same clips
- ``results``: rates by model and split
- ``results_text``: results for a terminal and as a table
"""

from worldlaw.rating.exhibits import exhibits, sample
from worldlaw.rating.results import results
from worldlaw.rating.session import FILE, Ratings, Session

__all__ = ["exhibits", "sample", "results", "FILE", "Ratings", "Session"]

"""What is a model worth? All that ``worldlaw exam`` runs; needs nothing of ``experiment``.

- ``examine``: one model sits one paper
- ``paper``: papers, their questions and prompts, a paper as a folder
- ``answers``: what came back, and how it lies to what was asked
- ``scoring``: answers to scores, with the floor under each
- ``cards``: submission cards: written, read, compared, verified
- ``page``: report and comparison as pages

Papers that ship lie in ``shipped``, with limits of verdicts for them.
"""

from worldlaw.exam.paper.paper import (
    Paper,
    PaperQuestion,
    PaperSection,
    PaperVideo,
    load_paper,
    papers,
    with_video,
)
from worldlaw.exam.paper.questions import Truth, questions, truth_of

__all__ = [
    "Paper",
    "PaperQuestion",
    "PaperSection",
    "Truth",
    "PaperVideo",
    "load_paper",
    "papers",
    "questions",
    "truth_of",
    "with_video",
]

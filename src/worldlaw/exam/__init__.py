"""Exam papers: versioned questions for models elsewhere, their answers, and what these are worth."""

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

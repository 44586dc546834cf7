"""Exam papers: questions for a model elsewhere, its answers, their scores and the card that goes with them."""

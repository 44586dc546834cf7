"""Submission cards: written, read, compared and verified."""

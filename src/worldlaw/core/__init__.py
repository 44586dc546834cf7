"""Nouns and rules; imports nothing of ours."""

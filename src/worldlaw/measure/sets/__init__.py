"""Distances between sets of clips, from features that somebody else extracted."""

"""Distances between sets of clips, from features that somebody else extracted.

- ``frechet``: the Fréchet distance
- ``track_features``: the tracks of a clip as one vector
- ``set_rows``: a row about a set
"""

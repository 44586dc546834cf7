"""From a file to what can be said of its motion.

- ``hints``: what somebody knows of their videos beforehand
- ``film_reader``: file to tracks to evidence
- ``video_evidence``: where things were, how surely, in what units
- ``segmentation``: where a track is cut
- ``flights``: stretches of one constant acceleration, with covariance
- ``common_pull``: what pulls, and whether it is one for all
- ``contacts``: what happened between flights, and its cause
- ``nearness``: who was near, and what is at the edge
- ``drawn_estimates``: estimates with intervals, from draws
- ``quantities``: every number with its interval
"""

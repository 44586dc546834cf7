"""Rigid bodies by synthesis: poses at which the bodies, drawn anew, give the picture.

- ``pose_tracker``: silhouettes and frames to tracks
- ``silhouettes``: outlines of all bodies in the first frame
- ``outline_fit``: the outline that covers pixels as a picture does
- ``pose_search``: which poses explain a frame
- ``picture_fit``: one frame and the bodies drawn into it
- ``coverage_kernels``: exact coverage and its derivative (compiled)
"""

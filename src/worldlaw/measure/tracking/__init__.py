"""From pixels to tracks.

- ``trackers``: which tracker reads a scenario's videos
- ``blobs``: bodies as blobs of one colour
- ``poses``: rigid bodies by synthesis
- ``foreign``: unknown things before an unknown, still backdrop

One more tracker: its folder, and a line in ``trackers``.
"""

"""Functions of numbers alone.

- ``stats``: means, shares, ratios and slopes with 95 % intervals
- ``permutation``: sign test, permutation test, Holm's correction
- ``physics``: closed forms, impacts, momentum, energy
- ``polygons``: areas and centroids of convex parts
- ``colors``: named colours
"""

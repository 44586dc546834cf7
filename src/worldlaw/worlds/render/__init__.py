"""From a scene and its motion to pixels.

- ``flat``: flat colours by exact area coverage; which edges there are
- ``shape_kernels``: discs, squares, rings
- ``polygon_kernels``: bodies of convex parts
- ``rigid_kernels``: bodies that turn, the exact way
- ``hard_edge``: the same, each pixel one body's
- ``study_edge``: the study's soft edge
- ``textured``: as from a camera: texture, shading, soft shadows
- ``scene_look``: colours and surfaces of a textured scene
- ``surface_texture``: grain of surfaces
- ``light_kernels``: shading, compiled

One more renderer: its file, and a value of ``edge`` in ``flat`` or a filming of exam papers.
"""

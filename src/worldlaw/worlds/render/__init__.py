"""From a scene and its motion to pixels: flat colours by exact area, or textured."""

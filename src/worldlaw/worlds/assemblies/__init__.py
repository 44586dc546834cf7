"""Scenes of many rigid bodies: kinds, templates, layouts, and the engine that moves them."""

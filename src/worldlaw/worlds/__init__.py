"""What is true: a law, a scene, its motion, its picture.

How to add a law: write one file with a ``Scenario`` and register it. Declare the attributes that splits are
about, with their units, the range a model trains on and the limits beyond which nothing can be built; draw
everything else in ``build``; know the true motion in ``simulate``. Nothing else in the house needs to change:
the command line lists it, experiments name it, and the contract tests (``worldlaw.testing.check_scenario``)
hold it to account. ``edges = "open"`` lets exam papers widen the view of a law that needs no walls.

    @scenarios.registering("uniform_motion")
    class UniformMotion(Scenario):
        ...

Constraints between attributes and placement belong in ``build``: where no scene satisfies them, raise
``Infeasible`` with the reason; it is counted and shown.

- ``scenario``: the contract: attributes with units and limits, the registry
- ``laws``: one law, one file
- ``placement``: what the study's three laws share
- ``assemblies``: scenes of many rigid bodies
- ``render``: scene and motion to pixels
- ``view``: a scene in a picture of any aspect
- ``recipe``: any clip of a split from its index
- ``scene_description``: a scene, and its law, in words and numbers
"""

from worldlaw.worlds.scenario import (
    Choice,
    Infeasible,
    Quantity,
    Scenario,
    draw_scene,
    scenarios,
    training_region,
)

__all__ = ["Choice", "Infeasible", "Quantity", "Scenario", "draw_scene", "scenarios", "training_region"]

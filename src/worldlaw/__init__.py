"""Has this world model learned the law, or only the look?

    import worldlaw
    experiment = worldlaw.load_experiment("experiments/quickstart.yaml")
    run = worldlaw.run(experiment, "runs")
    print(run.path)                                           # the report

Everything here is imported at first use, so that ``import worldlaw`` costs nothing.
"""

import importlib
from typing import Any

_HOMES = {
    "worldlaw.core.types": (
        "Body",
        "Case",
        "Conditioning",
        "Detections",
        "Hints",
        "Scene",
        "Tracks",
        "Trajectory",
    ),
    "worldlaw.core.errors": ("BadInput", "Failed"),
    "worldlaw.core.seeding": ("rng_for",),
    "worldlaw.worlds": ("Infeasible", "Scenario", "scenarios"),
    "worldlaw.worlds.render.flat": ("render",),
    "worldlaw.clips": ("Clips",),
    "worldlaw.models": ("VideoModel", "models"),
    "worldlaw.measure.tracking.blobs.blob_tracker": ("read_hints", "track"),
    "worldlaw.measure.metrics": ("metric", "metrics"),
    "worldlaw.experiment.config": ("load_experiment",),
    "worldlaw.experiment.run": ("run",),
    "worldlaw.exam": ("load_paper",),
    "worldlaw.exam.paper.paper_folder": ("make_paper",),
    "worldlaw.exam.scoring.exam_scores": ("score",),
    "worldlaw.exam.examine": ("examine",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'worldlaw' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

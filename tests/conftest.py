"""Shapes and dtypes that annotations promise are checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook(
    [
        "worldlaw.clips",
        "worldlaw.core",
        "worldlaw.exam.matching",
        "worldlaw.exam.metrics.study",
        "worldlaw.exam.tracking",
        "worldlaw.worlds.scenario",
    ],
    "beartype.beartype",
)

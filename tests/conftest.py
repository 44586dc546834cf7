"""Shapes and dtypes that annotations promise are checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook(
    ["worldlaw.core", "worldlaw.worlds.scenario", "worldlaw.exam.tracking", "worldlaw.exam.matching"],
    "beartype.beartype",
)

"""Shapes and dtypes that annotations promise are checked while the tests run."""

import pytest
from jaxtyping import install_import_hook

install_import_hook(
    [
        "worldlaw.clips",
        "worldlaw.core",
        "worldlaw.exam.matching",
        "worldlaw.exam.metrics.study",
        "worldlaw.exam.track_features",
        "worldlaw.exam.tracking",
        "worldlaw.worlds.scenario",
    ],
    "beartype.beartype",
)


@pytest.fixture
def one_thread():
    """PyTorch on one thread: sums of several come out in the order in which these end."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

"""Shapes and dtypes that annotations promise are checked while the tests run."""

import os

# Before NumPy and PyTorch are loaded, here and in every command that a test calls: tests run in as many
# processes as there are cores, and two threads each would slow all of them several times over.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

install_import_hook(
    [
        "worldlaw.clips",
        "worldlaw.core",
        "worldlaw.measure.matching",
        "worldlaw.measure.metrics.study",
        "worldlaw.measure.sets.track_features",
        "worldlaw.measure.tracking.blobs.blob_tracker",
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

"""Annotated shapes and dtypes are checked while the tests run; here is what tests of many rooms share."""

import os
import sys

# Before NumPy and PyTorch are loaded, here and in every command that a test calls: tests run in as many
# processes as there are cores, and two threads each would slow all of them several times over.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Hundreds of commands are called; without kept bytecode each would compile all of our modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import shutil  # noqa: E402

import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# An int is a float, as for the type checker (PEP 484). Of a container one element is looked at a call.
install_import_hook("worldlaw", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

BROWSERS = ("/usr/bin/chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items):
    """Marks that can be read off a test: who imports PyTorch needs it, who asks for a browser opens one."""
    for item in items:
        if hasattr(item.module, "torch") or "one_thread" in item.fixturenames:
            item.add_marker(pytest.mark.torch)
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser():
    """A browser without a window; tests that need one are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        except playwright.Error as error:
            pytest.skip(f"no browser can be started: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def one_thread():
    """PyTorch on one thread: sums of several come out in the order in which these end."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

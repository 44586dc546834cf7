"""Machine code kept on disk is that of the sources as they are, those of other files included."""

import os
import subprocess
import sys

from worldlaw.core.compiled import kernel_sources
from worldlaw.worlds.render import hard_edge, polygon_kernels, shape_kernels, textured

CALLEE = """
from tiny.constants import FACTOR
from worldlaw.core.compiled import compiled

@compiled
def scaled(x):
    return FACTOR * x
"""
KERNEL = """
from worldlaw.core.compiled import compiled
{imported}

@compiled
def kernel(x):
    return {called}(x) + 1
"""
WAYS = {  # file -> how it imports the callee, and its name there
    "by_name": ("from tiny.callee import (  # where it is (was) written\n    scaled as scale,\n)", "scale"),
    "by_module": ("from tiny import callee", "callee.scaled"),
    "relative": ("from .callee import scaled", "scaled"),
    "by_package": ("from tiny.inner import scaled", "scaled"),
}
SCRIPT = """
import importlib
for way in {ways}:
    kernel = importlib.import_module("tiny." + way).kernel
    print(kernel(10), sum(kernel.stats.cache_hits.values()))
"""


def write_package(folder):
    """Kernels in files of their own, their callee in another and its constant in a third."""
    files = {
        "__init__.py": "",
        "constants.py": "FACTOR = 2\n",
        "callee.py": CALLEE,
        "inner/__init__.py": "from tiny.callee import scaled\n",
    }
    for way, (imported, called) in WAYS.items():
        files[f"{way}.py"] = KERNEL.format(imported=imported, called=called)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def answers(package):
    """For each way what the kernel makes of 10, and whether its code came from disk, in a new process."""
    own = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(package.parent), *sys.path]),
        # Bytecode is told apart by size and second of writing, which is not what is tested here.
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(package.parent / "cache"),
    }
    command = [sys.executable, "-c", SCRIPT.format(ways=list(WAYS))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
    return dict(zip(WAYS, (tuple(map(int, line.split())) for line in done.stdout.splitlines()), strict=True))


def test_what_a_kernel_calls_or_names_in_another_file_is_part_of_it(tmp_path):
    package = tmp_path / "tiny"
    write_package(package)
    assert answers(package) == dict.fromkeys(WAYS, (21, 0))
    assert answers(package) == dict.fromkeys(WAYS, (21, 1))
    kept = sorted(path.name for path in tmp_path.glob("cache/**/*"))
    (package / "callee.py").write_text(CALLEE.replace("FACTOR * x", "FACTOR * x * x"))
    assert answers(package) == dict.fromkeys(WAYS, (201, 0))
    (package / "constants.py").write_text("FACTOR = 3\n")
    assert answers(package) == dict.fromkeys(WAYS, (301, 0))
    assert sorted(path.name for path in tmp_path.glob("cache/**/*")) == kept  # nothing old piles up


def test_a_kernel_reaches_kernels_through_kernels_and_not_all_that_a_library_imports():
    reached = kernel_sources(hard_edge.__file__, hard_edge.__package__).keys()
    assert {hard_edge.__file__, shape_kernels.__file__, polygon_kernels.__file__} <= reached
    assert textured.__file__ not in reached
    assert len(reached) < 10

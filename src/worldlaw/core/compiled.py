"""Machine code for the few loops that need it, kept on disk between runs until its source changes."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

MARK = b"@compiled"
# ``from a.b import c, d``, in parentheses or on one line, and ``import a.b``.
IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|.*)|import[ \t]+(.*))", re.M)


def compiled(function: Callable | None = None, **options: Any) -> Any:
    """Compile a function at its first call (Numba, no Python objects inside); usable with or without options.

    The code is kept where Numba keeps it (``NUMBA_CACHE_DIR``, ``__pycache__``, or a folder of the user's)
    and made anew when one of ``kernel_sources`` has changed.
    On a read-only installation without a writable home there is no place for a cache, and the function is
    compiled anew in every process, which takes some seconds.
    """
    if function is None:
        return lambda given: compiled(given, **options)
    function = inspect.unwrap(function)  # the test run checks shapes by wrappers, which no kernel can call
    try:
        kernel = njit(cache=True, **options)(function)
        # Numba looks at the function's own file only, though the code that it keeps holds that of all
        # functions that it calls, and the values of constants. So its stamp of the source gets a second half:
        # an index with another stamp counts as empty and is written over, so nothing old piles up.
        index = kernel._cache._cache_file
        package = str(function.__globals__.get("__package__") or "")
        sources = kernel_sources(function.__code__.co_filename, package)
        digest = hashlib.sha256(b"".join(sources[path] for path in sorted(sources))).digest()
        index._source_stamp = index._source_stamp, digest
    except (RuntimeError, AttributeError, OSError):
        # No folder that it may write to ("no locator available"), a Numba that keeps its stamp elsewhere, or
        # a function without a file: better slow than stale.
        return njit(**options)(function)
    return kernel


def kernel_sources(file: str, package: str) -> dict[str, bytes]:
    """File -> SHA-256 of all sources that the compiled functions of a file may depend on.

    These are itself and what it imports of worldlaw and of its own package, and so on from there as long as
    there are compiled functions, or an ``__init__`` that hands them on. Files are read, not executed.
    Raises OSError if one cannot be read.
    """
    found: dict[str, bytes] = {}
    waiting = [(file, package)]
    while waiting:
        path, inside = waiting.pop()
        if path not in found:
            at = os.stat(path)
            found[path], followed, imported = _source(path, inside, at.st_mtime_ns, at.st_size)
            if path == file or followed:
                waiting += imported
    return found


@cache
def _source(path: str, package: str, _time: int, _size: int) -> tuple[bytes, bool, list[tuple[str, str]]]:
    """Of a file: SHA-256, whether what it imports matters, and that: files, each with its package.

    ``_time`` and ``_size`` have it read again where it changed, as in a session that reloads modules.
    """
    with open(path, "rb") as file:
        text = file.read()
    names = []
    for origin, listed, modules in IMPORT.findall(text):
        if modules:
            names += [words[0] for part in modules.decode().split(",") if (words := part.split())]
            continue
        try:
            module = importlib.util.resolve_name(origin.decode(), package)
        except ImportError:  # relative, beyond the top or without a package
            continue
        # A name may be a module, or something in the module that it comes from.
        inside = re.findall(r"\w+", re.sub(r"#.*", "", listed.decode()))
        names += [module, *(f"{module}.{name}" for name in inside)]
    own = package.partition(".")[0]
    known = {_file_of(name) for name in names if name.partition(".")[0] in ("worldlaw", own)}
    followed = MARK in text or os.path.basename(path) == "__init__.py"
    return hashlib.sha256(text).digest(), followed, [place for place in known if place is not None]


@cache
def _file_of(name: str) -> tuple[str, str] | None:
    """(file, package) of a module whose outermost package is being imported already."""
    top, *inner = name.split(".")
    for folder in getattr(sys.modules.get(top), "__path__", ()):
        base = os.path.join(folder, *inner)
        if inner and os.path.isfile(base + ".py"):
            return base + ".py", name.rpartition(".")[0]
        if os.path.isfile(os.path.join(base, "__init__.py")):
            return os.path.join(base, "__init__.py"), name
    return None

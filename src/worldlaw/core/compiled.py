"""Machine code for the few loops that need it, kept on disk between runs where there is a place for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable | None = None, **options: Any) -> Any:
    """Compile a function at its first call (Numba, no Python objects inside); usable with or without options.

    On a read-only installation without a writable home there is no place for a cache, and the function is
    compiled anew in every process, which takes some seconds.
    """
    if function is None:
        return lambda given: compiled(given, **options)
    function = inspect.unwrap(function)  # the test run checks shapes by wrappers, which no kernel can call
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": Numba found no folder that it may write to
        return njit(**options)(function)

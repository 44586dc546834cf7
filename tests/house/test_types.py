"""Annotations are checked while the tests run: everywhere but in kernels, and but for a few names."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from worldlaw.core.types import Detections

SOURCE = Path(__file__).parents[2] / "src" / "worldlaw"
TREES = {
    ".".join(["worldlaw", *path.relative_to(SOURCE).with_suffix("").parts]): ast.parse(
        path.read_text("utf-8")
    )
    for path in sorted(SOURCE.rglob("*.py"))
}
# Annotations that name what is imported for the type checker alone (PyTorch, or a circle), or a class that is
# not yet whole: its own, or one below. jaxtyping leaves these out, each by itself.
UNKNOWN = 61


def test_what_is_annotated_is_checked():
    arrays = np.zeros((2, 2)), np.zeros(2), np.zeros((2, 3))
    Detections(np.zeros(2, np.int64), *arrays)
    with pytest.raises(jaxtyping.TypeCheckError, match="position"):
        Detections(np.zeros(3, np.int64), *arrays)


def test_no_module_was_imported_past_the_hook():
    loaders = {
        name: type(module.__spec__.loader).__name__
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "worldlaw" and module.__spec__
    }
    assert loaders
    assert set(loaders.values()) == {"_JaxtypingLoader"}, loaders


def test_kernels_are_compiled_as_they_stand():
    """Numba cannot call a wrapper, so ``compiled`` takes it off; of all other functions it stays on."""
    for module, tree in TREES.items():
        names = [
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _compiled(node)
        ]
        if names:
            found = vars(importlib.import_module(module))
            kernels = {
                name: its
                for name, its in found.items()
                if isinstance(its, Dispatcher) and its.py_func.__module__ == module
            }
            assert sorted(kernels) == sorted(names)
            assert all(inspect.unwrap(its.py_func) is its.py_func for its in kernels.values())


def test_few_annotations_name_what_is_not_known_when_they_are_read():
    unknown = [f"{module}:{node.lineno}" for module, tree in TREES.items() for node in _unknown(tree)]
    assert len(unknown) == UNKNOWN, "\n".join(unknown)


def _compiled(node):
    return any(getattr(getattr(one, "func", one), "id", "") == "compiled" for one in node.decorator_list)


def _unknown(tree):
    """Annotations of functions with a name that is bound only later, or only for the type checker."""
    known_from = {}  # name -> line after which it is bound
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            known_from[node.name] = node.end_lineno
        elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            hidden = [alias for inner in node.body for alias in getattr(inner, "names", ())]
            known_from |= {alias.asname or alias.name: np.inf for alias in hidden}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            every += [one for one in (node.args.vararg, node.args.kwarg) if one]
            for annotation in [*(one.annotation for one in every), node.returns]:
                names = {one.id for one in ast.walk(annotation or node.args) if isinstance(one, ast.Name)}
                if annotation and any(known_from.get(name, 0) > node.lineno for name in names):
                    yield annotation

"""Names are understood where they are used, and one name means one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "worldlaw"
# Participles and the like that could be anything.
VAGUE = {
    "told",
    "looking",
    "seeing",
    "telling",
    "showing",
    "fates",
    "counted",
    "watching",
    "running",
    "marking",
    "making",
    "finding",
    "pursuing",
    "following",
    "explaining",
    "posing",
    "judging",
    "cutting",
    "sitting",
    "checking",
    "adjusting",
    "comparing",
    "verifying",
    "describing",
    "answering",
    "teaching",
    "examining",
    "known",
    "said",
    "shown",
    "seen",
    "lacking",
    "joined",
    "opened",
    "ended",
    "limited",
    "listed",
    "noted",
}
# What the field, a metric's registered name or the standard library calls so.
FIELD = {"compiled", "solved", "floating"}


def public_definitions():
    """(file, node) of every public class and function outside other functions."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
                yield path.relative_to(SOURCE), node


def test_no_public_name_could_mean_anything():
    for path, node in public_definitions():
        inner = node.body if isinstance(node, ast.ClassDef) else []
        names = [node.name, *(each.name for each in inner if isinstance(each, ast.FunctionDef))]
        assert not VAGUE & set(names), f"{path}: {VAGUE & set(names)}"
        assert path.stem not in VAGUE, path


def test_a_function_is_no_bare_participle():
    for path, node in public_definitions():
        if isinstance(node, ast.FunctionDef) and "_" not in node.name and node.name not in FIELD:
            assert not node.name.endswith(("ed", "ing")), f"{path}: {node.name}"


def test_no_two_public_classes_share_a_name():
    homes = defaultdict(list)
    for path, node in public_definitions():
        if isinstance(node, ast.ClassDef):
            homes[node.name].append(str(path))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}

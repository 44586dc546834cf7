"""The walls of the house: what docs/architecture.md says of rooms and arrows is what the code does."""

import ast
import re
from pathlib import Path

import pytest

from worldlaw.cli.command_line import COMMANDS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "worldlaw"
LOOSE = {"__init__", "__main__", "testing", "py"}  # files that stand beside the rooms
PLUGINS = {"worlds/laws", "measure/metrics", "report/analyses", "cli"}  # one file, one of a kind: any number
MOST_FILES, MOST_LINES = 14, 400
FILES = sorted(SOURCE.rglob("*.py"))


def module_of(path):
    return ".".join(["worldlaw", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imports(path):
    """(module, at module level, for annotations only) of every import of a file, late ones included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top, id(node) in typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in MODULES else node.module), id(node) in top, id(node) in typing


def listed():
    """Modules that a room's list of plug-ins names: that list is where they are mentioned."""
    texts = (path.read_text(encoding="utf-8") for path in FILES)
    registered = {
        name for text in texts if "Registry(" in text for name in re.findall(r'"(worldlaw\.[\w.]+)[":]', text)
    }
    return registered | {f"worldlaw.cli.{name}" for name in COMMANDS}


LISTED = listed()


def arrows():
    """Room -> what it may import, from the table in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| [^|]* \| ([^|]*)\|$", text, re.MULTILINE)
    assert len(rows) > 5
    return {room: set(re.findall(r"`([\w.]+)`", allowed)) for room, allowed in rows}


MAY_IMPORT = arrows()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_what_its_arrow_allows(path):
    room = path.relative_to(SOURCE).parts[0]
    if room not in MAY_IMPORT:
        assert path.stem in LOOSE
        return
    for module, *_ in imports(path):
        inner = module.removeprefix("worldlaw").lstrip(".")
        if not module.startswith("worldlaw") or not inner:
            continue
        allowed = MAY_IMPORT[room] | {room}
        assert any(inner == a or inner.startswith(a + ".") for a in allowed), f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_is_imported_by_models_only_and_nothing_imports_torchvision(path):
    for module, top, _ in imports(path):
        package = module.split(".")[0]
        assert package != "torchvision"
        assert package != "torch" or not top or path.relative_to(SOURCE).parts[0] == "models"


def test_every_room_is_drawn_and_nothing_stands_loose_beside_them():
    assert {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__"} == set(MAY_IMPORT)
    assert {path.name.partition(".")[0] for path in SOURCE.iterdir() if path.is_file()} == LOOSE


def test_a_folder_holds_no_more_files_than_one_can_overlook():
    for folder in {path.parent for path in FILES} - {SOURCE}:
        if str(folder.relative_to(SOURCE)) not in PLUGINS:
            count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
            assert count <= MOST_FILES, f"{folder}: {count} files"


def test_a_file_is_one_idea_unless_it_holds_kernels_that_call_each_other():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= MOST_LINES or text.count("@compiled") >= 6, f"{path}: too long"


def test_no_module_imports_itself_by_way_of_others():
    """Late imports inside functions count; ``TYPE_CHECKING`` ones count between rooms."""

    def room(module):
        return module.split(".")[1:2]

    graph = {
        module: {
            other
            for other, _, typing in imports(path)
            if other in MODULES and other != module and not (typing and room(other) == room(module))
        }
        for module, path in MODULES.items()
        if room(module)
    }
    while graph:  # take away what imports nothing that is left, again and again
        free = {module for module, others in graph.items() if not others & graph.keys()}
        assert free, f"a circle among {sorted(graph)}"
        graph = {module: others for module, others in graph.items() if module not in free}


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {SOURCE}), ids=str)
def test_a_room_lists_what_it_holds(folder):
    about = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    inside = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    home = module_of(folder / "__init__.py")
    for name in inside - {"__init__", "__main__"}:
        told = f"``{name}``" in about or f"{home}.{name}" in LISTED
        assert told, f"{folder}: neither the docstring of the room nor a registry mentions {name}"

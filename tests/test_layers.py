"""The arrows of import between the rooms: what docs/architecture.md draws is what the code does."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "worldlaw"

# Room -> rooms of ours that it may import. HOUSE stands beside the rooms: pipeline, cli and their helpers.
MAY_IMPORT = {
    "core": {"core"},
    "worlds": {"core", "worlds"},
    "clips": {"core", "clips"},
    "models": {"core", "models", "clips.frames"},
    "exam": {"core", "worlds", "exam", "clips.media"},
    "judge": {"core", "clips", "exam", "judge", "report"},
    "papers": {"core", "worlds", "clips", "exam", "report", "papers"},
    "report": {"core", "exam", "report", "clips.media"},
    "rating": {"core", "clips", "rating"},
}
HOUSE = {path.stem for path in SOURCE.glob("*.py")}


def imports(path):
    """(module, at module level) of every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, id(node) in top
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_what_its_arrow_allows(path):
    room = path.relative_to(SOURCE).parts[0]
    if room not in MAY_IMPORT:
        assert path.stem in HOUSE
        return
    for module, _ in imports(path):
        if not module.startswith("worldlaw."):
            continue
        inner = module.removeprefix("worldlaw.")
        allowed = MAY_IMPORT[room]
        assert any(inner == a or inner.startswith(a + ".") for a in allowed), f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_is_imported_by_models_only_and_nothing_imports_torchvision(path):
    for module, top in imports(path):
        package = module.split(".")[0]
        assert package != "torchvision"
        assert package != "torch" or not top or path.relative_to(SOURCE).parts[0] == "models"


def test_every_room_is_drawn():
    rooms = {path.parent.relative_to(SOURCE).parts[0] for path in FILES if path.parent != SOURCE}
    assert rooms == set(MAY_IMPORT)

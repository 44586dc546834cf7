"""docs/extending.md keeps its word: its examples run from the page, as a package and in the house."""

import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.core.types import Question
from worldlaw.experiment.config import load_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.stages.report import evidence_of
from worldlaw.judge.signs.sign import sign_kinds
from worldlaw.measure.metrics import metrics
from worldlaw.measure.references import case_library, references
from worldlaw.models import codecs, models
from worldlaw.report.analyses import analyses
from worldlaw.testing import CONTEXT, check_analysis, make_recipe
from worldlaw.worlds import scenarios

torch = pytest.importorskip("torch")  # what the page's package depends on

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
# What stands in a fence, by the file that its first line names.
FILES = {
    path: f"# {path}\n{text}"
    for path, text in re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
EXAMPLES = {path: text for path, text in FILES.items() if path.startswith("src/")}
REGISTRIES = (scenarios, metrics, models, codecs, references, sign_kinds, analyses)
LINES = re.findall(r"^\| [^|]+ \| `(\w+)`[^|]* \| `(src/[^`]+)` \| `([^|]+)` \|$", PAGE, re.MULTILINE)
NAMES = {
    "scenarios": "sliding",
    "metrics": "resting_place_error",
    "models": "shifted_picture",
    "codecs": "pixel_means",
    "references": "constant_deceleration",
    "signs": "size_flicker",
    "analyses": "friction_answer",
}


def name_of(path):
    return path.rpartition("/")[2].removesuffix(".py")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder with every example, installed as the page's package is; its names are forgotten afterwards."""
    for path, text in FILES.items():
        (tmp_path / path.rpartition("/")[2]).write_text(text, encoding="utf-8")
    project = tomllib.loads(FILES["pyproject.toml"])
    about = tmp_path / "my_friction-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-friction\nVersion: 0.1\n")
    groups = project["project"]["entry-points"]
    (about / "entry_points.txt").write_text(
        "\n".join(f"[{group}]\n" + "\n".join(map(" = ".join, them.items())) for group, them in groups.items())
    )
    for registry in REGISTRIES:
        registry.names()  # ours are loaded for good, before theirs are for a while
        monkeypatch.setattr(registry, "_things", dict(registry._things))
        monkeypatch.setattr(registry, "_loaded", False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for path in EXAMPLES:
        sys.modules.pop(name_of(path), None)


def test_the_page_has_one_example_of_each_kind_and_none_is_long():
    assert {name_of(path) for path in EXAMPLES} == {*NAMES.values(), "attributes"}
    for path, text in EXAMPLES.items():
        assert text.count("\n") <= 60, path
    assert len(LINES) == len(EXAMPLES)
    listed = tomllib.loads(FILES["pyproject.toml"])["tool"]["setuptools"]["py-modules"]
    assert {name_of(path) for path in EXAMPLES} == set(listed)


@pytest.mark.slow
def test_addresses_of_the_page_are_those_of_its_entry_points(installed):
    rows = re.findall(r"^\| [^|]+ \| `(\w+:\w+)` \| [^|]+ \| `(worldlaw\.\w+)` \|$", PAGE, re.MULTILINE)
    groups = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    assert len(rows) == 6
    by_group = {f"worldlaw.{registry._plural}": registry for registry in REGISTRIES}
    for address, group in rows:
        assert [address] == list(groups[group].values())
        (name,) = groups[group]
        assert by_group[group].get(address) is by_group[group].get(name)


@pytest.mark.slow
def test_examples_keep_their_contracts(installed):
    tests = runpy.run_path(str(installed / "test_contracts.py"))
    found = [test for name, test in tests.items() if name.startswith("test_")]
    assert len(found) == 5
    for test in found:
        test()


def test_the_block_rests_where_the_work_of_friction_has_taken_its_energy(installed):
    recipe = make_recipe("sliding", num_frames=100)
    scene, _ = recipe.scene(0)
    way = recipe.trajectory(scene).position[-1, 0, 0] - scene.bodies[0].position[0]
    # m v² / 2 = friction m g s
    assert way == pytest.approx(scene.bodies[0].velocity[0] ** 2 / 2 / (scene.attributes["friction"] * 9.8))


def test_the_reference_knows_where_a_block_rests_if_it_sees_the_truth(installed):
    recipe = make_recipe("sliding", num_frames=60)
    scene, _ = recipe.scene(1)
    truth = recipe.trajectory(scene)
    question = Question(truth[:CONTEXT], 60, scene, ("square",), case_library([truth], CONTEXT))
    said = references.get("constant_deceleration")(question)
    np.testing.assert_allclose(said, truth.position, atol=1e-9)


@pytest.mark.slow
def test_a_report_shows_the_law_the_metric_the_reference_the_model_and_the_section(installed):
    assert main(["run", "slides.yaml", "--workers", "1"]) == 0
    page = (installed / "runs" / "slides" / "report.html").read_text(encoding="utf-8")
    for words in (
        "sliding",
        "resting place error",
        "constant deceleration",
        "shifted picture",
        "Friction: is more of it more?",
        "high friction",
    ):
        assert words in page
    plan = make_plan(load_experiment(installed / "slides.yaml"), installed / "runs")
    check_analysis("friction_answer", analyses.get("friction_answer"), evidence_of(plan))


@pytest.mark.slow
def test_an_exam_shows_the_sentence_of_the_law_its_references_and_the_metric(installed, capsys):
    assert main(["exam", "make", "slides-paper.yaml", "paper"]) == 0
    prompts = [
        path.read_text(encoding="utf-8") for path in sorted(Path("paper").glob("questions/*/prompt.txt"))
    ]
    assert len(prompts) == 3
    for prompt in prompts:
        assert "its friction slows what slides on it by" in prompt
    words = ["exam", "run", "paper", "--model", "copy_last_frame", "--out", "exam", "--workers", "1"]
    assert main([*words, "--allow-scenario", "sliding:Sliding"]) == 0
    page = (installed / "exam" / "scores" / "report.html").read_text(encoding="utf-8")
    for word in ("resting place error", "constant deceleration", "oracle law"):
        assert word in page
    card = json.loads((installed / "exam" / "scores" / "card.json").read_text())
    assert "resting_place_error" in card["other_metrics"]
    capsys.readouterr()


ROWS, COLUMNS = np.mgrid[:96, :128] + 0.5


def film(radii):
    """(T, H, W, 3): a red disc crosses a white picture, 3 pixels a frame, with a radius for each frame."""
    frames = []
    for frame, radius in enumerate(radii):
        cover = np.clip(radius - np.hypot(ROWS - 48, COLUMNS - 24 - 3 * frame) + 0.5, 0, 1)[..., None]
        frames.append(np.rint(255 + cover * (np.array([200, 30, 30]) - 255)).astype(np.uint8))
    return np.stack(frames)


@pytest.mark.slow
def test_the_judge_looks_for_the_sign_and_tells_it_everywhere(installed, capsys):
    np.save("flicker.npy", film([8 + 1.5 * (frame % 2) for frame in range(24)]))
    np.save("steady.npy", film([9] * 24))
    assert main(["judge", "flicker.npy", "steady.npy", "--workers", "1"]) == 0
    told = json.loads(Path("judged/judge.json").read_text())
    assert told["limits"]["size_flicker"] == {"value": 0.1, "unit": "share"}
    signs = {
        video["video"]: next(sign for sign in video["signs"] if sign["kind"] == "size_flicker")
        for video in told["videos"]
    }
    assert signs["flicker.npy"]["value"] == pytest.approx(np.log(9.5 / 8), rel=0.1)
    assert (signs["flicker.npy"]["counts"], signs["steady.npy"]["counts"]) == (True, False)
    assert [video["verdict"] for video in told["videos"]] == ["abnormal", "normal"]
    assert "size flicker" in Path("judged/report.html").read_text(encoding="utf-8")
    capsys.readouterr()


@pytest.mark.slow
def test_help_and_list_name_what_is_installed(installed, capsys):
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for kind, name in NAMES.items():
        assert found[kind][name], kind
    for verb in ("score", "run"):
        with pytest.raises(SystemExit):
            main(["exam", verb, "--help"])
        assert "resting_place_error" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "attributes of a scenario" in capsys.readouterr().out
    assert main(["attributes", "sliding", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["friction"]["unit"] == "1"


def test_a_command_of_a_package_that_cannot_be_imported_is_said_and_stops_no_other(installed, capsys):
    (installed / "attributes.py").write_text("import nothing_of_that_name")
    assert main(["list", "signs"]) == 0
    assert capsys.readouterr().err == ""
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr()
    assert "command 'attributes' of an installed package: ModuleNotFoundError" in said.err
    assert "judge" in said.out


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the house with every example at the path that it names, and the line that the page gives."""
    root = tmp_path_factory.mktemp("house")
    leave = shutil.ignore_patterns("__pycache__", "*.safetensors")
    shutil.copytree(ROOT / "src" / "worldlaw", root / "src" / "worldlaw", ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", root)
    for path, text in EXAMPLES.items():
        assert not (root / path).exists()
        (root / path).write_text(text, encoding="utf-8")
    for name, path, line in LINES:
        file = root / path
        file.write_text(with_line(file.read_text(encoding="utf-8"), name, line), encoding="utf-8")
    return root


def with_line(text, name, line):
    """The source with one more line at the head of a list: a tuple, or the modules of a registry."""
    start = re.search(rf"^{name}\b.*?= (Registry)?\(", text, re.MULTILINE)
    at = start.end()
    if start[1]:
        at = text.index("{" if ": (" in line else "[", at) + 1
    return f"{text[:at]}\n{line}\n{text[at:]}"


def in_house(house, *words):
    environment = {**os.environ, "PYTHONPATH": str(house / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "worldlaw", *words],
        cwd=house,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_in_the_house_a_file_and_a_line_are_all(house):
    found = json.loads(in_house(house, "list", "--json"))
    for kind, name in NAMES.items():
        assert found[kind][name], kind
    assert json.loads(in_house(house, "attributes", "sliding", "--json"))["friction"]["unit"] == "1"


def test_examples_are_written_in_the_style_of_the_house(house):
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if ruff is None:
        pytest.skip("ruff is not installed")
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *words, *EXAMPLES], cwd=house, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_a_new_path_of_the_changelog_can_be_imported():
    table = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    moved = re.findall(r"^\| `worldlaw\.[\w.]+` \| `(worldlaw\.[\w.]+)` \|$", table, re.MULTILINE)
    assert len(moved) > 40
    for name in moved:
        importlib.import_module(name)

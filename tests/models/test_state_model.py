"""The state model: a law from states alone, the same to the bit, blind to the order of bodies."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.types import Question
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.experiment.stages.evaluate import RESULTS
from worldlaw.measure.references import case_library, learning_kind, ready, references
from worldlaw.models.state_model import WEIGHTS, StateModel
from worldlaw.testing import make_recipe

CONTEXT = 3


def motions(name, num_clips, *, num_frames=16):
    recipe = make_recipe(name, num_frames=num_frames, num_clips=num_clips)
    scenes = [recipe.scene(index)[0] for index in range(num_clips)]
    return scenes, [recipe.trajectory(scene) for scene in scenes]


def question(scene, truth, library):
    return Question(truth[:CONTEXT], truth.num_frames, scene, ("ball",) * truth.num_bodies, library)


@pytest.fixture(scope="module")
def collisions(tmp_path_factory):
    """Scenes and motions of 400 clips, the library of the first 360, and the folder of what it taught."""
    scenes, truths = motions("collision", 400)
    library = case_library(truths[:360], CONTEXT)
    folder = tmp_path_factory.mktemp("taught")
    StateModel().fit(library, folder, seed=0)
    return scenes, truths, library, folder


def mean_velocity_error(name, folder, scenes, truths, library):
    asked = ready(name, folder)
    errors = []
    for scene, truth in zip(scenes, truths, strict=True):
        wrong = (asked(question(scene, truth, library)) - truth.position)[-1]
        errors.append(np.linalg.norm(wrong, axis=-1) / (truth.dt * (truth.num_frames - CONTEXT)))
    return np.mean(errors)


@pytest.mark.slow
def test_a_law_is_learnt_from_a_few_hundred_cases(collisions):
    scenes, truths, library, folder = collisions
    asked = scenes[360:], truths[360:], library
    learnt = mean_velocity_error("state_model", folder, *asked)
    assert learnt < 0.5 * mean_velocity_error("nearest_case", None, *asked)
    assert learnt < 0.5 * mean_velocity_error("constant_velocity", None, *asked)


def test_bodies_that_change_places_change_their_predictions(collisions):
    scenes, truths, library, folder = collisions
    asked = question(scenes[370], truths[370], library)
    arrays = {
        name: getattr(asked.given, name)[:, ::-1].copy()
        for name in ("position", "size", "color", "status", "confidence")
    }
    turned = dataclasses.replace(asked, given=dataclasses.replace(asked.given, **arrays))
    model = ready("state_model", folder)
    np.testing.assert_allclose(model(turned)[:, ::-1], model(asked), atol=1e-5)
    assert np.abs(model(turned) - model(asked)).max() > 0.1


def test_where_it_happens_does_not_matter(collisions):
    scenes, truths, library, folder = collisions
    asked = question(scenes[370], truths[370], library)
    away = np.array([1.0, -2.0])
    moved = dataclasses.replace(asked.given, position=asked.given.position + away)
    model = ready("state_model", folder)
    np.testing.assert_allclose(model(dataclasses.replace(asked, given=moved)), model(asked) + away, atol=1e-5)


def test_taught_twice_or_saved_and_loaded_it_is_the_same_to_the_bit(tmp_path):
    scenes, truths = motions("parabola", 20)
    library = case_library(truths, CONTEXT)
    first, second, other = StateModel(), StateModel(), StateModel()
    for model, folder, seed in ((first, "a", 0), (second, "b", 0), (other, "c", 1)):
        (tmp_path / folder).mkdir()
        model.fit(library, tmp_path / folder, seed=seed)
    asked = question(scenes[0], truths[0], library)
    np.testing.assert_array_equal(first(asked), second(asked))
    np.testing.assert_array_equal(first(asked), StateModel().load(tmp_path / "a")(asked))
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()
    assert not np.array_equal(first(asked), other(asked))


def test_what_it_cannot_answer_it_says(tmp_path, collisions):
    scenes, truths, library, folder = collisions
    asked = question(scenes[0], truths[0], library)
    with pytest.raises(ValueError, match="taught on 3 given and 13 new frames; asked about 3 and 17"):
        ready("state_model", folder)(dataclasses.replace(asked, num_frames=20))
    with pytest.raises(ValueError, match="was not taught"):
        StateModel()(asked)
    with pytest.raises(BadInput, match="not the weights of a state model"):
        StateModel().load(tmp_path)
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:500])
    with pytest.raises(BadInput, match="not the weights of a state model"):
        StateModel().load(tmp_path)


def experiment(**changes):
    raw = {
        "name": "taught",
        "video": {"resolution": 32, "num_frames": 8, "fps": 10},
        "worlds": {
            name: {"train": {"clips": 6}, "test": {"id": {"clips": 2}, "more": {"clips": 2}}}
            for name in ("uniform_motion", "parabola")
        },
        "references": ["constant_velocity", "state_model"],
        **changes,
    }
    return parse_experiment(raw)


@pytest.mark.slow
def test_it_is_taught_once_for_each_world_and_its_key_says_on_what(tmp_path):
    done = run(experiment(), tmp_path, until="evaluate")
    assert sum(name.startswith("train-") for name in done.made) == 2
    again = run(experiment(seed=0, name="other"), tmp_path, until="evaluate")
    assert not any(name.startswith("train-") for name in again.made)
    plans = [make_plan(experiment(**changes), tmp_path) for changes in ({}, {"seed": 1}, {"context": 2})]
    keys = {plan.train["parabola", "state_model"].key for plan in plans}
    assert len(keys) == 3
    assert len({plan.evaluate.key for plan in plans}) == 3
    assert (done.path / RESULTS).exists()
    assert learning_kind("state_model") is StateModel
    assert learning_kind("constant_velocity") is None
    with pytest.raises(ValueError, match="expected the folder"):
        ready("state_model")


@pytest.mark.slow
def test_without_torch_its_row_is_left_out_with_a_note(tmp_path):
    script = f"""
import sys
class NoTorch:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())  # not None in sys.modules: SciPy asks what is there for its Tensor
import pyarrow.parquet as pq
from worldlaw.core.progress import Quiet
from worldlaw.experiment import run
from worldlaw.experiment.config import parse_experiment
class Says(Quiet):
    def note(self, text): print(text)
asked = parse_experiment({experiment().model_dump()!r})
done = run.run(asked, {str(tmp_path)!r}, until="evaluate", progress=Says())
print(sorted(set(pq.read_table(done.path / {RESULTS!r})["predictor"].to_pylist())))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "state_model" in references.names()
    note, predictors = done.stdout.splitlines()
    assert note.endswith("install the extra: pip install 'worldlaw[torch]'; its row is left out")
    assert "state_model" in note
    assert predictors == "['constant_velocity', 'floor']"

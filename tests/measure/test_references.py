"""References: what can be said from the given frames alone."""

import dataclasses

import numpy as np
import pytest

from worldlaw.core.types import Question, Trajectory
from worldlaw.measure.references import case_library, learning_kind, ready, references
from worldlaw.testing import make_recipe

CONTEXT = 3


def question(name, index=0, num_training=50, noise=0.0):
    recipe = make_recipe(name, num_frames=32, num_clips=200)
    scene, _ = recipe.scene(100 + index)
    truth = recipe.trajectory(scene)
    given = truth[:CONTEXT]
    if noise:
        shake = np.random.default_rng(index).normal(0, noise, given.position.shape)
        given = dataclasses.replace(given, position=given.position + shake)
    library = case_library((recipe.trajectory(recipe.scene(i)[0]) for i in range(num_training)), CONTEXT)
    return Question(given, 32, scene, tuple(b.shape for b in scene.bodies), library), truth


def test_constant_velocity_is_exact_where_nothing_pushes():
    asked, truth = question("uniform_motion")
    np.testing.assert_allclose(references.get("constant_velocity")(asked), truth.position, atol=1e-9)


@pytest.mark.parametrize("name", ["uniform_motion", "parabola", "collision"])
@pytest.mark.parametrize("index", range(5))
def test_the_oracle_law_is_exact_on_exact_states(name, index):
    asked, truth = question(name, index)
    np.testing.assert_allclose(references.get("oracle_law")(asked), truth.position, atol=1e-6)


def test_the_oracle_law_is_as_good_as_its_given_frames():
    errors = []
    for index in range(10):
        asked, truth = question("parabola", index, noise=1e-3)
        predicted = references.get("oracle_law")(asked)
        errors.append(np.abs(np.diff(predicted - truth.position, axis=0) / 0.1).mean())
    # A millimetre of noise in three frames of 0.1 s is about 1e-3 / (0.1 * sqrt(2)) m/s in a fitted velocity.
    assert 0.001 < np.mean(errors) < 0.02


def test_the_nearest_case_repeats_a_training_case_that_is_the_same():
    recipe = make_recipe("collision", num_frames=32, num_clips=50)
    scene, _ = recipe.scene(7)
    truth = recipe.trajectory(scene)
    library = case_library((recipe.trajectory(recipe.scene(i)[0]) for i in range(50)), CONTEXT)
    asked = Question(truth[:CONTEXT], 32, scene, ("ball", "ball"), library)
    np.testing.assert_allclose(references.get("nearest_case")(asked), truth.position, atol=1e-5)


def test_the_nearest_case_stays_within_the_speeds_of_training():
    asked, _ = question("uniform_motion")
    fast = asked.given.position[0] + np.arange(CONTEXT)[:, None, None] * [
        0.6,
        0.0,
    ]  # 6 m/s, training ends at 4
    position = references.get("nearest_case")(
        dataclasses.replace(asked, given=dataclasses.replace(asked.given, position=fast))
    )
    speed = np.linalg.norm(np.diff(position[CONTEXT - 1 :], axis=0), axis=-1) / 0.1
    assert 3.5 < speed.max() <= 4.0 + 1e-6


def test_a_body_that_could_not_be_tracked_is_not_predicted(tmp_path):
    asked, _ = question("collision")
    position = asked.given.position.copy()
    position[:, 1] = np.nan
    given: Trajectory = dataclasses.replace(asked.given, position=position)
    for name in references.names():
        if learning_kind(name):
            learning_kind(name)().fit(asked.library, tmp_path, seed=0)
        predicted = ready(name, tmp_path)(dataclasses.replace(asked, given=given))
        assert np.isnan(predicted[:, 1]).all()

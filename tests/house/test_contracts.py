"""Everything that is registered keeps its contract, today's and tomorrow's."""

import numpy as np
import pytest

from worldlaw.core.types import Conditioning
from worldlaw.measure.metrics import metrics
from worldlaw.measure.references import references
from worldlaw.models import models
from worldlaw.testing import (
    CONTEXT,
    FPS,
    check_metric,
    check_model,
    check_reference,
    check_scenario,
    followed_by,
    make_case,
    make_recipe,
)
from worldlaw.worlds import scenarios

QUICK = {
    "dit": {"preset": "nano", "steps": 2, "batch": 4, "sampling_steps": 2}
}  # options that make a learner learn little


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_keeps_the_contract(name):
    check_scenario(name)


@pytest.mark.parametrize("name", models.names())
def test_every_model_keeps_the_contract(name, tmp_path):
    recipe = make_recipe("collision", resolution=32)
    model = models.get(name)(**QUICK.get(name, {}))
    if model.learns:
        model.fit(recipe, tmp_path, context=CONTEXT, seed=0)
    model = model.load(tmp_path, recipe)
    check_model(model, Conditioning(recipe.read(range(4), CONTEXT), FPS, ("a", "b", "c", "d")))


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_keeps_the_contract(name):
    check_metric(metrics.get(name))


@pytest.mark.parametrize("name", references.names())
def test_every_reference_keeps_the_contract(name):
    check_reference(name, references.get(name))


@pytest.mark.parametrize("name", followed_by("blobs"))
@pytest.mark.parametrize("index", range(5))
def test_tracking_a_rendered_truth_gives_the_truth_to_a_hundredth_of_a_pixel(name, index):
    case = make_case(name, index=index, resolution=128)
    seen = case.truth.status == 0
    error = np.linalg.norm(case.tracked.bodies.position - case.truth.position, axis=-1)[seen]
    assert len(error) > 0
    assert error.mean() * 12.8 < 0.01

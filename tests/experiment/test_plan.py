"""Keys: what decides an artifact's bytes is in its key, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from worldlaw.clips.frames import JoinedSources
from worldlaw.experiment.config import load_experiment, parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.experiment.stages.train import build_model
from worldlaw.testing import make_recipe


def raw(**changes):
    base = {
        "name": "keys",
        "video": {"resolution": 16, "num_frames": 6, "fps": 10},
        "context": 2,
        "worlds": {
            "uniform_motion": {"train": {"clips": 6}, "test": {"id": {"clips": 3}}},
            "parabola": {"train": {"clips": 4}, "test": {"id": {"clips": 2}}},
        },
        "models": {"dit": {"model": "dit", "options": {"steps": 1, "batch": 2, "warm_up": 1}}},
    }
    return {**base, **changes}


def plan(**options):
    together = options.pop("together", False)
    model = {
        "model": "dit",
        "options": {"steps": 1, "batch": 2, "warm_up": 1, **options},
        "together": together,
    }
    return make_plan(parse_experiment(raw(models={"dit": model})), Path("runs"))


MODEL = {"model": "copy_last_frame"}
PLACE = ("uniform_motion", "dit")


def test_options_of_sampling_change_answers_and_not_what_is_learnt():
    first, second = plan(), plan(sampling_steps=7)
    assert first.train[PLACE].key == second.train[PLACE].key
    assert first.generate[*PLACE, "id"].key != second.generate[*PLACE, "id"].key


def test_options_of_running_change_nothing():
    first, second = plan(), plan(time_limit=5.0)
    assert first.generate[*PLACE, "id"].key == second.generate[*PLACE, "id"].key


@pytest.mark.parametrize("change", [{"steps": 2}, {"precision": "fp32"}, {"together": True}])
def test_whatever_changes_the_weights_changes_the_key(change):
    assert plan().train[PLACE].key != plan(**change).train[PLACE].key


def test_an_edited_model_of_the_users_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = (
        "from worldlaw import VideoModel\nclass Mine(VideoModel):\n    def generate(self, *_): return {}\n"
    )
    keys = []
    for text in ("1", "2"):
        (tmp_path / "mine_for_test.py").write_text(source.format(text))
        made = make_plan(parse_experiment(raw(models={"mine": {"model": "mine_for_test:Mine"}})), tmp_path)
        keys.append(made.generate["parabola", "mine", "id"].key)
    assert keys[0] != keys[1]


def test_what_a_result_says_of_its_training_is_in_its_key():
    keys = {
        make_plan(
            parse_experiment(raw(models={"copy_last_frame": {**MODEL, "together": together}})), Path("r")
        ).evaluate.key
        for together in (False, True)
    }
    assert len(keys) == 2


def test_a_model_taught_together_is_taught_once_on_all_worlds(tmp_path):
    options = {"preset": "nano", "steps": 1, "batch": 2, "warm_up": 1, "sampling_steps": 1}
    model = {"model": "dit", "options": options, "together": True}
    done = run(parse_experiment(raw(models={"dit": model})), tmp_path, until="generate")
    assert sum(name.startswith("train-") for name in done.made) == 1
    assert sum(name.startswith("generate-") for name in done.made) == 2
    keys = {artifact.key for artifact in done.plan.train.values()}
    assert len(keys) == 1


def test_joined_sources_give_each_source_its_clips():
    first, second = make_recipe("parabola", resolution=16), make_recipe("uniform_motion", resolution=16)
    both = JoinedSources([first, second])
    assert len(both) == 16
    expected = np.concatenate([second.read([3]), first.read([7]), second.read([0])])
    np.testing.assert_array_equal(both.read([11, 7, 8]), expected)


def test_sources_of_different_sizes_are_not_joined():
    with pytest.raises(ValueError, match="one size"):
        JoinedSources([make_recipe("parabola", resolution=16), make_recipe("parabola", resolution=32)])


EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted(EXPERIMENTS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(EXPERIMENTS))
)
def test_every_experiment_that_ships_can_be_planned_and_its_models_take_their_options(path, tmp_path):
    asked = load_experiment(path)
    assert make_plan(asked, tmp_path).simulate
    if "study" not in path.parts:  # 310 million parameters take their time
        for name in asked.models:
            build_model(asked, name)

"""Training clips that are made as they are read: the same answers and rows as from stored ones, no disk."""

import re

import numpy as np
import pytest

from worldlaw.clips.store import Clips
from worldlaw.core.errors import BadInput
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.experiment.stages.evaluate import RESULTS
from worldlaw.experiment.training_clips import MadeClips, training_clips

pytestmark = pytest.mark.slow

PLACE = ("collision", "train")
QUICK = {"preset": "nano", "steps": 2, "batch": 4, "sampling_steps": 1}


def experiment(*, stored, clips=8, **region):
    return parse_experiment(
        {
            "name": "unstored",
            "context": 2,
            "video": {"resolution": 16, "num_frames": 8, "fps": 10},
            "worlds": {
                "collision": {
                    "train": {"clips": clips, "stored": stored, "region": region},
                    "test": {"id": {"clips": 2}},
                }
            },
            "models": {
                "nearest_clip": None,
                "dit": {"model": "dit", "options": QUICK},
                "told": {
                    "model": "dit",
                    "clips": 5,
                    "seeds": [0, 1],
                    "options": {**QUICK, "state": True, "text": True, "sample_steps": 1},
                },
            },
            "references": ["nearest_case", "state_model"],
            "metrics": ["velocity_error", "measured_share"],
        }
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return [run(experiment(stored=s), tmp_path_factory.mktemp("runs"), workers=1) for s in (True, False)]


def test_answers_and_results_are_the_same_and_nothing_is_stored(both):
    stored, made = both
    assert stored.plan.simulate[PLACE].complete
    assert not made.plan.simulate[PLACE].folder.exists()
    assert "collision / train" not in dict(made.plan.artifacts())
    for place, artifact in stored.plan.generate.items():
        again = made.plan.generate[place]
        assert again.key == artifact.key
        indices = range(len(Clips(artifact.folder)))
        np.testing.assert_array_equal(Clips(artifact.folder).read(indices), Clips(again.folder).read(indices))
    first, second = ((done.plan.evaluate.folder / RESULTS).read_bytes() for done in both)
    assert first == second
    for done in both:
        page = done.path.read_text()
        assert "draws without a scene" in page
        assert re.search(r"training clip \d, the nearest in motion", page)


def test_who_is_told_is_told_of_unstored_clips_and_continues_them_on_its_sheets(both):
    _, made = both
    for seed in (0, 1):
        folder = made.plan.train["collision", f"told seed {seed}"].folder / "samples"
        assert sorted(path.name for path in folder.iterdir()) == ["step-000001.png", "step-000002.png"]


def test_states_are_those_that_a_shard_gives_back(both):
    stored, made = (training_clips(done.plan, "collision") for done in both)
    assert isinstance(stored, Clips)
    assert isinstance(made, MadeClips)
    for index in range(8):
        first, second = stored.trajectory(index), made.trajectory(index)
        for name in ("position", "size", "color", "status", "confidence"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert stored.scene(index) == made.scene(index)


def test_the_key_of_what_is_learnt_depends_on_the_recipe_and_not_on_storing(tmp_path):
    keys = [
        make_plan(changed, tmp_path).train["collision", "dit"].key
        for changed in (
            experiment(stored=True),
            experiment(stored=False),
            experiment(stored=False, clips=9),
            experiment(stored=False, speed1=[1, 2]),
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_fresh_leaves_what_another_experiment_stored(both):
    stored, _ = both
    run(experiment(stored=False), stored.plan.root, until="simulate", workers=1, fresh=True)
    assert stored.plan.simulate[PLACE].complete


def test_millions_of_clips_need_no_shards_and_test_clips_are_always_stored():
    assert experiment(stored=False, clips=10**9).recipe(*PLACE).num_clips == 10**9
    raw = experiment(stored=False).model_dump(mode="json")
    raw["worlds"]["collision"]["test"]["id"]["stored"] = False
    with pytest.raises(BadInput, match=r"unknown key 'worlds.collision.test.id.stored'"):
        parse_experiment(raw)

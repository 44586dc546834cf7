"""Several trainings of one model, on all clips or some: keys, answers, intervals, and the scaling section."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest

from report_pages import report, rows_of, table_of
from run_folders import content
from worldlaw.clips.frames import First
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import lock_folder
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import log_slope, summarize
from worldlaw.core.seeding import rng_for
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.run import run
from worldlaw.models import VideoModel
from worldlaw.models.baselines import nearest_clips
from worldlaw.pages.cells import arrange
from worldlaw.report.report_page import page
from worldlaw.report.scaling import scaling_tables, slope, verdict, verdicts_of
from worldlaw.report.scaling_figure import sizes_of
from worldlaw.report.tables import extremes, leaderboard
from worldlaw.testing import make_recipe

DIT = {
    "model": "dit",
    "options": {"preset": "nano", "steps": 2, "batch": 2, "warm_up": 1, "sampling_steps": 1},
}
PLACE = ("uniform_motion", "id")


class Learner(VideoModel):
    """Draws the byte of its answer's seed in one row and the number of clips it learnt from in the next."""

    learns = True

    def load(self, folder, clips):
        self.num_clips = len(clips)
        return self

    def generate(self, given, num_new_frames, seeds):
        frames = np.zeros((len(seeds), num_new_frames, *given.frames.shape[2:]), np.uint8)
        frames[:, :, 0] = (seeds % 251)[:, None, None, None]
        frames[:, :, 1] = self.num_clips
        return frames


LEARNER = {"model": "test_scaling:Learner"}


def experiment(models, **changes):
    raw = {
        "name": "sizes",
        "video": {"resolution": 16, "num_frames": 6, "fps": 10},
        "context": 2,
        "worlds": {"uniform_motion": {"train": {"clips": 6}, "test": {"id": {"clips": 3}}}},
        "models": models,
        "metrics": ["velocity_error", "measured_share", "solved"],
    }
    return parse_experiment({**raw, **changes})


def plan(spec):
    return make_plan(experiment({"it": spec}), Path("runs"))


# Keys and answers


def test_the_experiments_own_seed_and_all_clips_change_no_key():
    plain, said = plan(DIT), plan({**DIT, "seeds": [0], "clips": 6})
    assert plain.train["uniform_motion", "it"].key == said.train["uniform_motion", "it seed 0"].key
    assert (
        plain.generate["uniform_motion", "it", "id"].key
        == said.generate["uniform_motion", "it seed 0", "id"].key
    )


def test_every_seed_and_every_number_of_clips_is_a_training_of_its_own():
    plans = [plan({**DIT, "seeds": [0, 1], "clips": count}) for count in (3, 6)]
    assert len({artifact.key for one in plans for artifact in one.train.values()}) == 4
    assert len({artifact.key for one in plans for artifact in one.generate.values()}) == 4


def test_instances_answer_every_clip_from_noise_of_their_own_and_a_single_one_as_before(tmp_path):
    models = {"plain": LEARNER, "several": {**LEARNER, "seeds": [0, 1], "clips": 2}}
    done = run(experiment(models), tmp_path, until="evaluate")

    def said(instance, row):
        clips = Clips(done.plan.generate["uniform_motion", instance, "id"].folder)
        return [int(clips.read([i])[0, -1, row, 0, 0]) for i in range(3)]

    before = [int(rng_for(0, "answer", *PLACE, i).integers(2**62)) % 251 for i in range(3)]
    assert said("plain", 0) == said("several seed 0", 0) == before
    assert said("several seed 1", 0) != before
    assert said("plain", 1) == [6] * 3
    assert said("several seed 0", 1) == said("several seed 1", 1) == [2] * 3

    rows = pq.read_table(done.path / "results.parquet").to_pylist()
    found = {(r["predictor"], r["training_seed"], r["training_clips"]) for r in rows if r["kind"] == "model"}
    assert found == {("plain", 0, 6), ("several", 0, 2), ("several", 1, 2)}


def test_the_nearest_clip_of_some_clips_is_one_of_them(tmp_path):
    models = {"all": {"model": "nearest_clip"}, "some": {"model": "nearest_clip", "clips": 2}}
    done = run(experiment(models), tmp_path, until="generate")
    training = Clips(done.plan.simulate["uniform_motion", "train"].folder)
    questions = Clips(done.plan.simulate[PLACE].folder)
    for name, count in (("all", 6), ("some", 2)):
        answers = Clips(done.plan.generate["uniform_motion", name, "id"].folder)
        nearest, _ = nearest_clips(First(training, count), questions.read(range(3), 2))
        np.testing.assert_array_equal(answers.read(range(3))[:, 2:], training.read(nearest.tolist())[:, 2:])
        if name == "all":
            assert max(nearest) >= 2, "the clips of this test have to tell the two apart"


def test_the_first_clips_of_a_source_are_its_first_and_no_others():
    source = make_recipe("parabola", resolution=16)
    some = First(source, 3)
    assert len(some) == 3
    np.testing.assert_array_equal(some.read([2, 0]), source.read([2, 0]))
    with pytest.raises(IndexError, match="clips 0 to 2"):
        some.read([3])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"model": "copy_last_frame", "seeds": [0]}, r"models.it.seeds: copy_last_frame does not learn"),
        ({"model": "copy_last_frame", "clips": 2}, r"models.it.clips: copy_last_frame does not learn"),
        (
            {**LEARNER, "clips": 7},
            r"models.it.clips: expected at most the 6 training clips of uniform_motion; f",
        ),
        ({**LEARNER, "seeds": [1, 2, 1]}, r"models.it.seeds: 1 is given twice"),
        ({**LEARNER, "seeds": []}, r"models.it.seeds: "),
        ({**LEARNER, "seeds": [-1]}, r"models.it.seeds.0: "),
        ({**LEARNER, "clips": 0}, r"models.it.clips: "),
    ],
)
def test_seeds_and_clips_that_cannot_be_are_refused_in_one_line(model, message):
    with pytest.raises(BadInput, match=message) as found:
        experiment({"it": model})
    assert "\n" not in str(found.value)


# Models at once, runs at once


@pytest.mark.slow
def test_workers_train_and_answer_several_models_at_once_to_the_same_bits(tmp_path, capfd):
    its = experiment({"it": {**DIT, "seeds": [0, 1]}})
    alone = run(its, tmp_path / "alone", until="generate")
    together = run(its, tmp_path / "together", until="generate", workers=2)
    assert sorted(alone.made) == sorted(together.made)
    found, expected = content(tmp_path / "together"), content(tmp_path / "alone")
    learnt = [name for name in expected if name.endswith((".safetensors", ".json")) and "train-" in name]
    answers = [name for name in expected if name.startswith("generate-")]
    assert len(learnt) == 6  # weights, card; a checkpoint and a log bear the marks of process and clock
    assert len(answers) == 4
    for name in answers + [name for name in learnt if not name.endswith("manifest.json")]:
        assert found[name] == expected[name]
    assert not [
        line for line in capfd.readouterr().err.splitlines() if not line.startswith("uniform_motion / ")
    ]


def test_what_another_run_is_making_is_waited_for_and_not_made_twice(tmp_path, capsys):
    its = experiment({"it": LEARNER})
    first = run(its, tmp_path, until="train")
    folder = first.plan.train["uniform_motion", "it"].folder
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").unlink()
    done = []
    with lock_folder(folder):
        other = threading.Thread(target=lambda: done.append(run(its, tmp_path, until="train")))
        other.start()
        deadline = time.monotonic() + 60
        while "waiting until it is done" not in (said := capsys.readouterr().err):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert said.startswith("uniform_motion / it: ")
        (folder / "manifest.json").write_bytes(manifest)
    other.join(60)
    assert done[0].made == []
    assert folder.name in done[0].kept


# Intervals


def test_one_seed_gives_the_interval_over_clips_to_the_bit():
    values = np.random.default_rng(0).normal(size=50)
    values[::7] = np.nan
    assert summarize(values[:, None]) == summarize(values)
    beside = np.stack([values, np.full(50, np.nan)], axis=1)  # a seed of which nothing could be measured
    assert summarize(beside) == summarize(values)


def coverage(num_seeds, *, between_seeds, between_clips, rest):
    """How often intervals hold the true mean, 5: over seeds and clips, and over clips alone."""
    both = clips = 0
    for i in range(120):
        rng = rng_for(i, "trial")
        values = 5 + between_seeds * rng.normal(size=(1, num_seeds))
        values = values + between_clips * rng.normal(size=(30, 1)) + rest * rng.normal(size=(30, num_seeds))
        over = summarize(values), summarize(values.mean(axis=1))
        both, clips = (
            count + (one.low <= 5 <= one.high) for count, one in zip((both, clips), over, strict=True)
        )
    return both / 120, clips / 120


def test_where_trainings_differ_most_only_the_hierarchical_interval_holds_the_truth():
    both, clips = coverage(10, between_seeds=1.0, between_clips=0.3, rest=0.3)
    assert both > 0.9
    assert clips < 0.4


def test_what_clips_differ_by_is_not_divided_by_the_number_of_seeds():
    both, clips = coverage(8, between_seeds=0.0, between_clips=1.0, rest=0.1)
    assert both > 0.9
    assert both == pytest.approx(clips, abs=0.05)


def test_the_mean_of_several_seeds_is_that_of_their_means():
    values = np.array([[1.0, 10.0], [3.0, np.nan], [np.nan, np.nan]])
    summary = summarize(values)
    assert (summary.mean, summary.num, summary.num_nan) == ((2 + 10) / 2, 2, 1)


def test_a_planted_power_law_has_its_slope_within_the_interval():
    rng = np.random.default_rng(1)
    at = [300, 3000, 30_000]
    clips = rng.lognormal(0, 0.5, (80, 1))
    cells = [10 * count**-0.5 * clips * rng.lognormal(0, 0.05, (80, 3)) for count in at]
    found = log_slope(at, cells)
    assert found.mean == pytest.approx(-0.5, abs=0.02)
    assert found.low < -0.5 < found.high
    assert found.high - found.low < 0.1  # what clips have in common falls out, they are the same in all cells
    exact = log_slope([1, 100], [np.full((10, 1), 1.0), np.full((10, 1), 10.0)])
    assert (exact.mean, exact.low, exact.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_slope_without_two_cells_or_with_an_error_of_nothing_is_not_a_number():
    assert np.isnan(log_slope([300], [np.ones((4, 2))]).mean)
    assert np.isnan(log_slope([300, 3000], [np.ones((4, 2)), np.full((4, 2), np.nan)]).mean)
    with pytest.raises(ValueError, match="same clips"):
        log_slope([300, 3000], [np.ones((4, 2)), np.ones((5, 2))])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.5, -0.1, "falls"),
        (0.1, 0.5, "rises"),
        (-0.3, 0.02, "open"),
        (-0.09, 0.09, "flat"),
        (-0.05, -0.01, "flat"),
    ],
)
def test_that_an_error_does_not_fall_is_an_equivalence_and_no_missing_star(low, high, said):
    assert verdict(low, high) == said  # log10(1.25) is 0.097


# The report


def card(parameters, **options):
    return {"model": "dit", "options": options, "parameters": parameters, "steps": 5}


CARDS = {
    "drift": {
        f"{name}_{clips}": card(parameters, preset=name, steps=clips)
        for name, parameters in (("nano", 300_000), ("micro", 2_000_000))
        for clips in (10, 100)
    }
}


def results(factor=0.5, seeds=(0, 1, 2)) -> pa.Table:
    """In distribution the error is halved by ten times the clips, out of distribution it stays."""
    parts = [rows_of("floor", [(0.01, 1.0)] * 11, kind="floor")]
    for name in CARDS["drift"]:
        clips = int(name.rpartition("_")[2])
        for seed in seeds:
            for split, level in (("id", "in"), ("fast", "speed high")):
                error = (0.4 + 0.02 * seed) * (factor if clips == 100 and level == "in" else 1.0)
                its = [(error * (1 + 0.1 * i), 1.0) for i in range(11)]
                where = {"split": split, "level": level, "training_clips": clips, "training_seed": seed}
                parts.append(rows_of(name, its, more={"mean_velocity_error": error}, **where))
    return table_of(*parts)


def test_rows_are_models_that_differ_in_clips_alone_small_ones_first():
    sizes = sizes_of(arrange(results()), CARDS["drift"], "drift")
    assert [(size.name, size.predictors) for size in sizes] == [
        ("nano", {10: "nano_10", 100: "nano_100"}),
        ("micro", {10: "micro_10", 100: "micro_100"}),
    ]
    assert sizes[0].about == "0.3 M parameters, 5 steps"


def test_models_that_differ_in_neither_clips_nor_parameters_are_no_scaling():
    cells = arrange(results())
    assert sizes_of(cells, {name: CARDS["drift"][name] for name in ("nano_10",)}, "drift") == []
    assert sizes_of(cells, {"nano_10": card(None), "nano_100": card(9)}, "drift") == []  # memory and network
    assert len(sizes_of(cells, {"nano_10": card(None), "nano_100": card(None)}, "drift")) == 1
    assert 'id="scaling"' not in page(report(results()))


def test_slopes_are_those_worked_out_by_hand():
    cells = arrange(results())
    (nano, _) = sizes_of(cells, CARDS["drift"], "drift")
    inside, outside = (slope(cells, "drift", nano, region) for region in ("ID", "OOD"))
    assert inside.mean == pytest.approx(np.log10(0.5))
    assert outside.mean == pytest.approx(0, abs=1e-12)
    assert inside.high < 0
    (entry,) = scaling_tables(cells, CARDS, {})
    assert entry["sentences"] == [
        "In distribution, the error falls with more training clips for “nano” and “micro”.",
        "Out of distribution, the error hardly changes with training clips for “nano” and “micro”: by less "
        "than a factor of 1.25 for ten times the clips, interval and all.",
    ]
    row = entry["tables"][0]["rows"][0]["cells"]
    assert [cell["mean"] for cell in row] == ["0.630", "0.315", "0.50×", "0.630", "0.630", "1.00×"]


def test_the_more_slopes_are_looked_at_the_more_is_asked_of_each():
    """Holm: a slope that is decided alone, and hardly, is not decided among many that are not."""
    rng = np.random.default_rng(4)
    names = [f"model{number}_{clips}" for number in range(12) for clips in (10, 100)]
    errors = {name: rng.lognormal(0, 0.5, 12) for name in names}
    errors["model0_10"] = np.ones(12)
    errors["model0_100"] = 10 ** (0.25 * rng.permutation(np.linspace(-1, 1, 12)) - 0.17)
    parts = [
        rows_of(name, [(error, 1.0) for error in its], training_clips=int(name.rpartition("_")[2]))
        for name, its in errors.items()
    ]
    cells = arrange(table_of(*parts))
    cards = {name: card(1000 + int(name[5:].split("_")[0])) for name in names}
    asked = [("drift", size, "ID") for size in sizes_of(cells, cards, "drift")]
    alone = slope(cells, *asked[0])
    assert alone.high < 0
    assert dict(enumerate(said for _, said in verdicts_of(cells, asked[:1]))) == {0: "falls"}
    assert {said for _, said in verdicts_of(cells, asked)} == {"open"}


def test_the_section_has_a_figure_and_the_studys_numbers_beside_uniform_motion():
    worlds = {"experiment": {"worlds": {"drift": {"scenario": "uniform_motion"}}}}
    html = page(report(results(), cards=CARDS, manifest=worlds))
    assert "velocity error against training clips" in html
    assert "0.0221" in html
    assert "over 3 training seeds</small>" in html
    two = page(report(results(seeds=(0, 1)), cards=CARDS, manifest=worlds))
    assert "over 2 training seeds, too few for an interval" in two
    other = page(report(results(), cards=CARDS, manifest={}))
    assert 'id="scaling"' in other
    assert "0.0221" not in other


def test_seeds_widen_the_interval_of_the_ranking_and_leave_counts_of_clips_alone():
    row = next(r for r in leaderboard(results()) if (r["predictor"], r["region"]) == ("nano_10", "ID"))
    assert row["num_clips"] == 11
    assert row["velocity_error"] == pytest.approx(0.42 * 1.5)
    single = results().filter(pa.compute.equal(results()["training_seed"], 0))
    narrow = next(r for r in leaderboard(single) if (r["predictor"], r["region"]) == ("nano_10", "ID"))
    width = row["velocity_error_high"] - row["velocity_error_low"]
    assert width > narrow["velocity_error_high"] - narrow["velocity_error_low"]


def test_the_worst_clip_is_shown_with_the_seed_that_drew_it():
    found = dict(extremes(arrange(results()), "drift", "nano_10", "ID"))
    assert (found["best"]["clip"], found["best"]["seed"]) == (0, 0)
    assert (found["worst"]["clip"], found["worst"]["seed"]) == (10, 2)
    assert found["worst"]["velocity_error"] == pytest.approx(0.44 * 2.0)


def test_a_worker_takes_its_share_of_the_cores(monkeypatch):
    torch = pytest.importorskip("torch")
    from worldlaw.core.progress import Quiet
    from worldlaw.experiment.job import Job, limit_threads, threads_each

    before = torch.get_num_threads()
    job = Job(plan(DIT), 2, Quiet())
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    try:
        assert threads_each(job, 1) == 0
        assert threads_each(job, 5) == (0 if torch.cuda.is_available() else 1)
        limit_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)

"""Killed at any moment, made by any number of workers, cut into any shards: the same bytes."""

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from run_folders import content
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import MANIFEST
from worldlaw.experiment.check import check
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.run import run
from worldlaw.measure.metrics import metrics

# Forking is what makes two hundred deaths affordable: a child has everything imported and compiled.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")]

TINY = {
    "name": "tiny",
    "seed": 3,
    "context": 2,
    "video": {"resolution": 16, "num_frames": 8},
    "shard_clips": 2,
    "worlds": {
        "uniform_motion": {"train": {"clips": 4}, "test": {"id": {"clips": 3}}},
        "collision": {"train": {"clips": 2}, "test": {"id": {"clips": 2}}},
    },
    "models": {"copy_last_frame": None, "nearest_clip": None},
    "references": ["constant_velocity", "nearest_case"],
    "metrics": ["velocity_error", "measured_share", "solved"],
}
CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir")  # all that changes what a folder holds
RANDOM_MOMENTS = 12


def tiny(**changes):
    return parse_experiment({**TINY, **changes})


def times(folder):
    return {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*-*/*")}


def artifacts(folder):
    return sorted(path.parent for path in Path(folder).glob(f"*-*/{MANIFEST}"))


def undisturbed_run(place):
    """A run that nobody kills: folder, content, the calls that it makes, and its length in s."""
    run(tiny(), place / "warm")
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(getattr(os, name), name, calls))
        started = time.perf_counter()
        run(tiny(), place / "runs")
    gc.freeze()  # children that are forked now share this memory as long as nobody collects it
    return place / "runs", content(place / "runs"), calls, time.perf_counter() - started


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody kills: its folder and its content."""
    return undisturbed_run(tmp_path_factory.mktemp("whole"))[:2]


@pytest.fixture
def scratch(tmp_path):
    """A folder in memory, where there is one: the order of calls is tested, and fsync is dear on disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def counted(call, name, calls, fate=None):
    """A call of the operating system that is counted, and fatal when ``fate`` says so."""
    moment, how = fate or (0, "")

    def do(*args, **kwargs):
        calls.append(name)
        mine = len(calls) == moment
        if mine and how == "half written":
            os.truncate(args[0], os.stat(args[0]).st_size // 2)
        if mine and how != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return do


def in_child(work):
    """The number of a child process that does some work and ends; 0 is success."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:  # a child must never go back into pytest
        if status:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)


def run_until(fate, out, **options):
    """In this process: run, and be killed where fate says."""
    if isinstance(fate, tuple):
        calls = []
        for name in CALLS:
            setattr(os, name, counted(getattr(os, name), name, calls, fate))
    run(tiny(), out, **options)


def die_and_rise(fate, out, expected, until):
    """Kill a run, look at what it left, run again, and compare with the run that was not killed."""
    child = in_child(lambda: run_until(fate, out))
    if isinstance(fate, float):
        time.sleep(fate)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or isinstance(fate, float), f"{fate}: was not killed"
    left = content(out)
    for name, value in left.items():
        assert name.endswith(".part") or value == expected[name], f"{fate}: {name} is not whole"
    for folder in artifacts(out):
        assert check(folder)[1] == [], f"{fate}: {folder} is not sound"
    run(tiny(), out, until=until)
    found = content(out)
    assert found == {name: expected[name] for name in found}, f"{fate}: other bytes"
    assert expected.keys() - found.keys() <= ({"tiny/report.html", "tiny/manifest.json"} - left.keys()), fate
    assert until != "report" or found.keys() == expected.keys(), fate
    shutil.rmtree(out)


def in_parallel(tasks):
    """Do all tasks in child processes, as many at a time as there are cores; returns how many failed."""
    failed, alive = 0, set()
    for task in [*tasks, None]:
        while alive and (task is None or len(alive) >= (os.cpu_count() or 1)):
            child, status = os.wait()
            alive.discard(child)
            failed += status != 0
        if task:
            alive.add(in_child(task))
    return failed


@pytest.mark.campaign
def test_killed_at_any_moment_a_run_ends_in_the_same_bytes(tmp_path, scratch):
    # In a process that does not check types: two hundred deaths and rises are dear enough.
    paths = [str(Path(__file__).parent), *sys.path]
    code = (
        f"import sys; sys.path[:] = {paths!r}; from pathlib import Path; import test_resume; "
        f"test_resume.die_at_every_moment(Path({str(tmp_path)!r}), Path({str(scratch)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def die_at_every_moment(place, scratch):
    """Kill a run before every call, in every write, and at random times; it has to end in the same bytes."""
    _, expected, calls, seconds = undisturbed_run(place)
    fates = [(number, "before") for number in range(1, len(calls) + 1)]
    fates += [(len(calls), "after")]  # after any other call is before the next, or half-way to it
    fates += [(number, "half written") for number, name in enumerate(calls, 1) if name == "replace"]
    rng = random.Random(0)
    fates += [rng.uniform(0, seconds) for _ in range(RANDOM_MOMENTS)]
    assert len(fates) >= 100
    assert calls.count("fsync") == 2 * calls.count("replace") > 50
    # The page costs more than all the rest and follows from it: of early deaths, every eighth goes up to it.
    last = len(calls) - 6  # the page and its record: fsync, replace, fsync each
    tasks = []
    for number, fate in enumerate(fates):
        late = isinstance(fate, float) or fate[0] > last or number % 8 == 0
        until = "report" if late else "evaluate"
        tasks.append(partial(die_and_rise, fate, scratch / str(number), expected, until))
    assert in_parallel(tasks) == 0


@pytest.mark.campaign
def test_killed_again_and_again_a_run_comes_to_its_end(whole, scratch):
    _, expected = whole
    deaths = 0
    while True:
        child = in_child(partial(run_until, (14 + deaths % 5, "before"), scratch / "runs"))
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        deaths += 1
        assert deaths < 50, "it comes no further"
        assert os.WIFSIGNALED(status)
    assert deaths >= 8
    assert content(scratch / "runs") == expected


@pytest.mark.campaign
def test_killed_while_making_everything_anew_a_run_ends_in_the_same_bytes(whole, scratch):
    folder, expected = whole
    for moment in (1, 3, 4, 6, 9, 14, 23, 40):
        out = scratch / str(moment)
        shutil.copytree(folder, out)
        child = in_child(partial(run_until, (moment, "before"), out, fresh=True))
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        assert all(check(artifact)[1] == [] for artifact in artifacts(out))
        run(tiny(), out)
        assert content(out) == expected


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_change_no_byte(whole, tmp_path, workers):
    _, expected = whole
    made = run(tiny(), tmp_path, workers=workers).made
    assert content(tmp_path) == expected
    assert len(made) == len(artifacts(tmp_path))


def test_a_second_run_makes_nothing_and_touches_nothing(whole):
    folder, expected = whole
    before = times(folder)
    again = run(tiny(), folder)
    assert again.made == []
    assert sorted(again.kept) == [path.name for path in artifacts(folder)]
    assert times(folder) == before
    assert content(folder) == expected


def test_other_metrics_are_evaluated_and_nothing_else_is_made(whole, tmp_path):
    folder, _ = whole
    shutil.copytree(folder, tmp_path / "runs")
    other = run(tiny(metrics=("psnr",)), tmp_path / "runs", until="evaluate")
    assert [name.split("-")[0] for name in other.made] == ["evaluate"]
    table = pq.read_table(other.plan.evaluate.folder / "results.parquet").to_pylist()
    assert {row["metric"] for row in table} & set(metrics.names()) == {"psnr"}  # readings stand there always


def test_the_order_of_metrics_and_predictors_is_part_of_what_is_evaluated(whole, tmp_path):
    folder, _ = whole
    shutil.copytree(folder, tmp_path / "runs")
    turned = {"references": TINY["references"][::-1], "metrics": TINY["metrics"][::-1]}
    after = run(tiny(**turned), tmp_path / "runs", until="evaluate").plan.evaluate
    alone = run(tiny(**turned), tmp_path / "alone", until="evaluate").plan.evaluate
    assert content(after.folder) == content(alone.folder)


def test_fresh_makes_everything_anew_with_the_same_bytes(whole, tmp_path):
    folder, expected = whole
    shutil.copytree(folder, tmp_path / "runs")
    before = times(tmp_path / "runs")
    anew = run(tiny(), tmp_path / "runs", fresh=True)
    assert sorted(anew.made) == [path.name for path in artifacts(folder)]
    assert anew.kept == []
    assert content(tmp_path / "runs") == expected
    assert all(after != before[path] for path, after in times(tmp_path / "runs").items())


def test_fresh_up_to_a_stage_leaves_what_comes_after_it(whole, tmp_path):
    folder, expected = whole
    shutil.copytree(folder, tmp_path / "runs")
    anew = run(tiny(), tmp_path / "runs", until="simulate", fresh=True)
    assert {name.split("-")[0] for name in anew.made} == {"simulate"}
    assert content(tmp_path / "runs") == expected


def clips_of(plan):
    """(stage, place, index) -> bytes of every simulated and generated clip, frames and states."""
    found = {}
    for group, stage in ((plan.simulate, "simulate"), (plan.generate, "generate")):
        for place, artifact in group.items():
            if not artifact.complete:
                continue
            clips = Clips(artifact.folder)
            for index in range(len(clips)):
                parts = [clips.read([index]).tobytes()]
                if stage == "simulate":
                    states = clips.trajectory(index)
                    parts += [
                        states.position.tobytes(),
                        states.status.tobytes(),
                        clips.scene(index).to_json(),
                    ]
                found[stage, place, index] = parts
    return found


@pytest.mark.parametrize("shard_clips", [1, 3, 100])
def test_the_size_of_shards_changes_no_clip(whole, tmp_path, shard_clips):
    folder, _ = whole
    expected = clips_of(run(tiny(), folder).plan)
    assert clips_of(run(tiny(shard_clips=shard_clips), tmp_path, until="generate").plan) == expected


def test_a_longer_split_begins_with_the_clips_of_a_shorter_one(whole, tmp_path):
    folder, _ = whole
    short = clips_of(run(tiny(), folder).plan)
    worlds = {"uniform_motion": {"train": {"clips": 9}, "test": {"id": {"clips": 7}}}}
    long = clips_of(run(tiny(worlds=worlds), tmp_path, until="simulate").plan)
    shared = {place: clip for place, clip in short.items() if place[:2] in {p[:2] for p in long}}
    assert len(long) == 16
    assert len(shared) == 7
    assert {place: long[place] for place in shared} == shared

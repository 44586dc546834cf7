"""The benchmarks run and report; how fast this machine is today is no matter of right or wrong."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NAMES = {"synthesis", "assemblies", "filming", "tracking", "reading", "memory", "startup", "learning"}


def run(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def report():
    done = run("--quick", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_benchmark_reports_our_figure_the_baselines_and_their_ratio(report):
    assert {figure["benchmark"] for figure in report["figures"]} == NAMES
    for figure in report["figures"]:
        for name in ("ours", "baseline", "ratio"):
            assert math.isfinite(figure[name]), figure
            assert figure[name] > 0, figure
        assert figure["unit"], figure
        assert figure["against"], figure


def test_a_smoke_run_is_held_to_no_target(report):
    assert report["quick"]
    assert all(figure["target"] is None and figure["met"] is None for figure in report["figures"])


def test_the_machine_is_described_without_its_name(report):
    assert {"cores", "load", "python", "numpy"} <= set(report["machine"])


def test_one_benchmark_can_be_chosen_and_read_as_text():
    done = run("startup", "--quick")
    assert done.returncode == 0, done.stderr
    assert "worldlaw --help" in done.stdout
    assert "synthesis" not in done.stdout


def test_a_small_network_learns_a_clip_by_heart():
    done = run("overfit", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    fidelity, place = json.loads(done.stdout)["figures"]
    assert fidelity["ours"] > 30 > fidelity["baseline"]  # dB
    assert place["ours"] < 0.3 < place["baseline"]  # px


def test_no_injected_fault_is_silent():
    done = run("faults", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    injected = json.loads(done.stdout)["figures"][-1]
    assert injected["ours"] == 0, injected["notes"]


def test_true_clips_are_solved_in_every_usual_form_and_planted_faults_in_none():
    done = run("solving", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    for figure in json.loads(done.stdout)["figures"]:
        if "true clips unsolved" in figure["what"]:
            assert figure["ours"] == 0, figure
            assert len(figure["notes"]) == 19  # forms
        elif "unsolved of" in figure["what"]:
            assert figure["ours"] == 1, figure
        else:
            assert figure["ours"] == 1, figure  # no form solves anything that lossless does not


def test_no_way_of_gaming_solves_more_than_the_honest_answer_it_copies():
    done = run("gaming", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    for figure in json.loads(done.stdout)["figures"]:
        assert figure["ours"] > 0.05, figure
        assert len(figure["notes"]) >= 30
        for line in figure["notes"].values():
            its, honest = (
                float(part.split("%")[0]) for part in line.removeprefix("solved ").split("against ")[:2]
            )
            assert its <= honest, line


def test_an_unknown_benchmark_is_one_line_and_exit_code_2():
    done = run("traking")
    assert done.returncode == 2
    assert "unknown benchmark 'traking'" in done.stderr

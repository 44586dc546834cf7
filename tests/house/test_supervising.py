"""A command is done when its work is done, whatever a model or a law does to the process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from worldlaw import run
from worldlaw.cli import main
from worldlaw.core.errors import Failed
from worldlaw.experiment.config import load_experiment, parse_experiment

pytestmark = [pytest.mark.slow, pytest.mark.campaign]

TINY = {
    "name": "tiny",
    "context": 2,
    "video": {"resolution": 16, "num_frames": 6},
    "shard_clips": 2,
    "worlds": {"uniform_motion": {"train": {"clips": 4}, "test": {"id": {"clips": 3}}}},
    "models": {"mine": {"model": "mine:Mine"}},
    "metrics": ["velocity_error"],
}
PAPER = """
name: short
video: {width: 64, height: 48, num_frames: 8, fps: 10, context: 3}
sections:
  fall: {scenario: parabola, questions: 5}
"""
MODEL = """
import os
import signal
import sys
from multiprocessing import parent_process
import numpy as np
from worldlaw import VideoModel
from worldlaw.worlds.laws.uniform_motion import UniformMotion

class Mine(VideoModel):
    def generate(self, given, num_new_frames, seeds):
        BODY
        return np.repeat(given.frames[:, -1:], num_new_frames, axis=1)

class Law(UniformMotion):
    def simulate(self, scene, num_frames, dt):
        BODY

def answer(frames, num_new_frames):
    BODY
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with an experiment; a function puts the user's code there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    def write(body):
        sys.modules.pop("mine", None)
        (tmp_path / "mine.py").write_text(MODEL.replace("BODY", body))
        return tmp_path

    yield write
    sys.modules.pop("mine", None)


def command(*words):
    """A command in a process of its own: exit code and the lines on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "worldlaw", *words], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(0)", "model mine: it called sys.exit(0) (mine.py, line 12)"),
        ("sys.exit()", "model mine: it called sys.exit(None) (mine.py, line 12)"),
        ("os._exit(0)", "model mine: while its code was at work the process was ended with exit code 0"),
        ("os._exit(7)", "model mine: while its code was at work the process was ended with exit code 7"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "model mine: while its code was at work the process was killed",
        ),
    ],
)
def test_a_model_that_ends_the_process_is_a_failure_that_names_it(place, body, said):
    place(body)
    code, lines = command("run", "tiny.yaml", "--workers", "1")
    assert code == 1
    assert len(lines) == 1
    assert said in lines[0]
    assert not Path("runs/tiny/report.html").exists()


@pytest.mark.parametrize("body", ["sys.exit(0)", "os._exit(0)", "os._exit(7)"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_law_that_ends_the_process_is_a_failure_that_names_it(place, body, workers):
    place(body)
    law = ["--set", "worlds.uniform_motion.scenario='mine:Law'", "--set", "models={}", "--workers", workers]
    code, lines = command("simulate", "tiny.yaml", *law)
    assert (code, len(lines)) == (1, 1), lines
    assert "scenario mine:Law" in lines[0]  # its first clip is drawn before anything is made


def test_a_law_that_ends_a_worker_late_is_a_failure_that_names_it(place):
    place("return super().simulate(scene, num_frames, dt) if not parent_process() else os._exit(0)")
    law = ["--set", "worlds.uniform_motion.scenario='mine:Law'", "--set", "models={}", "--workers", "2"]
    code, lines = command("simulate", "tiny.yaml", *law)
    assert (code, len(lines)) == (1, 1), lines
    assert "scenario mine:Law, split " in lines[0]
    assert "its code ended a worker with exit code 0" in lines[0]


@pytest.mark.parametrize("body", ["sys.exit(0)", "os._exit(0)"])
def test_a_model_that_ends_an_exam_is_a_failure_that_names_it(place, body):
    (place(body) / "short.yaml").write_text(PAPER)
    code, lines = command("exam", "run", "short.yaml", "--model", "mine:answer", "--no-score")
    assert code == 1
    assert "model mine:answer" in lines[-1]


def test_a_module_that_ends_the_process_as_it_is_imported_is_named(place):
    (place("pass") / "mine.py").write_text("import os\nos._exit(0)\n")
    code, lines = command("run", "tiny.yaml")
    assert (code, len(lines)) == (1, 1)
    assert "model 'mine:Mine': while its code was at work the process was ended with exit code 0" in lines[0]


@pytest.mark.parametrize(("body", "code"), [("sys.exit(0)", "0"), ("sys.exit()", "None")])
def test_from_python_sys_exit_is_an_error_like_any_other(place, tmp_path, body, code):
    place(body)
    with pytest.raises(Failed, match=rf"model mine: it called sys\.exit\({code}\) \(mine\.py, line 12\)"):
        run(parse_experiment(TINY), tmp_path / "runs")
    assert main(["run", "tiny.yaml", "--workers", "1"]) == 1


def test_a_command_that_is_done_ends_as_it_did(place):
    place("pass")
    code, lines = command("run", "tiny.yaml", "--workers", "1")
    assert code == 0, lines
    assert load_experiment(Path("runs/tiny/experiment.yaml")).name == "tiny"
    assert command("check", "runs/tiny") == (0, [])
    assert command("check", "nowhere")[0] == 2
    assert command("--version")[0] == 0
    assert command("rnu")[0] == 2


def test_whoever_asks_a_command_to_end_is_heard_by_its_work(place):
    folder = place("open('began', 'w').close(); import time; time.sleep(60)")
    for number, code, said in [
        (signal.SIGINT, 1, "worldlaw: stopped; what was complete is kept, run it again to go on\n"),
        (signal.SIGTERM, -signal.SIGTERM, ""),
    ]:
        process = subprocess.Popen(
            [sys.executable, "-m", "worldlaw", "run", "tiny.yaml", "--workers", "1"],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        deadline = time.monotonic() + 60
        while not (folder / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)  # to the parent alone
        assert process.communicate(timeout=20)[1] == said
        assert process.returncode == code
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        (folder / "began").unlink()

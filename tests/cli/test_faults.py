"""Bad input and faults: one clear line, the right exit code, nothing lost; the next good run ends well."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from worldlaw.cli import main
from worldlaw.clips.store import Shard
from worldlaw.core import artifact
from worldlaw.core.artifact import MANIFEST, lock_folder
from worldlaw.experiment.check import check

TINY = """
name: tiny
context: 2
video: {resolution: 16, num_frames: 6}
shard_clips: 2
worlds:
  uniform_motion:
    train: {clips: 4, region: {speed: [1, 4]}}
    test: {id: {clips: 3}}
models: {copy_last_frame: }
references: [nearest_case]
metrics: [velocity_error, measured_share, solved]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder with an experiment file in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def complaint(place, capfd):
    """Run a command that has to fail with a code, and return its one line on standard error."""

    def run(code, *words):
        try:
            found = main([str(word) for word in words])
        except SystemExit as end:  # argparse ends by itself
            found = end.code
        out, err = capfd.readouterr()
        lines = err.splitlines()
        assert len(lines) == 1, err
        assert lines[0].startswith("worldlaw: ")
        assert (found, "Traceback" in out) == (code, False), lines[0]
        return lines[0].removeprefix("worldlaw: ")

    return run


@pytest.fixture
def ends_well(place, capfd):
    """Run the tiny experiment, which has to end with a report and with sound artifacts only."""

    def run(*words):
        assert main(["run", "tiny.yaml", "--workers", "1", *words]) == 0
        out, err = capfd.readouterr()
        runs = place / "runs"
        assert (place / out.splitlines()[-1]).name == "report.html"
        assert [fault for path in runs.glob(f"*-*/{MANIFEST}") for fault in check(path.parent)[1]] == []
        assert not list(runs.rglob("*.part"))
        return err

    return run


def simulate():
    """The clips of the tiny experiment, and nothing else."""
    assert main(["simulate", "tiny.yaml", "--workers", "1", "--json"]) == 0


def simulated(place, split="train"):
    """The folder of the clips of a split."""
    return next(
        path.parent
        for path in (place / "runs").glob(f"simulate-*/{MANIFEST}")
        if yaml.safe_load(path.read_text())["inputs"]["split"] == split
    )


# What is typed.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rnu tiny.yaml", "unknown 'rnu'; did you mean 'run'?"),
        ("list modles", "unknown 'modles'; did you mean 'models'?"),
        ("run tiny.yaml --wrokers 2", "unknown '--wrokers'; did you mean '--workers'?"),
        ("run tiny.yaml --workers 0", "expected a whole number of at least 1; found '0'"),
        ("run", "the following arguments are required: EXPERIMENT.yaml"),
        ("export runs out --to videofoler", "did you mean 'videofolder'?"),
        ("run tiney.yaml", "tiney.yaml: no such experiment file; did you mean tiny.yaml?"),
        ("run .", "expected an experiment file in YAML (Is a directory)"),
        ("run tiny.yaml/x.yaml", "expected an experiment file in YAML (Not a directory)"),
        (f"run {'a' * 300}.yaml", "File name too long"),
        ("check nowhere", "nowhere: no such file or folder"),
        ("check .", "no manifest.json, so this is not a complete artifact"),
        (
            "check notes.txt",
            "expected a clip shard (.arrow), an artifact folder or an experiment file (.yaml)",
        ),
        ("preview uniform_moton", "unknown scenario 'uniform_moton'; did you mean 'uniform_motion'?"),
        ("preview collision --set speed=1", "unknown attribute of collision 'speed'; did you mean 'speed2'?"),
        (
            "preview uniform_motion --set color=rde",
            "unknown color of uniform_motion 'rde'; did you mean 'red'?",
        ),
        ("preview uniform_motion --set speed=[", "not valid YAML"),
        ("preview uniform_motion --set speed", "expected attribute=value"),
        ("preview uniform_motion --fps nan", "frames per second"),
        ("preview nowhere:Law", "no module 'nowhere' on the Python path"),
        ("preview uniform_motion -o nowhere/x.gif", "cannot be written (No such file or directory)"),
        ("run tiny.yaml --out notes.txt", "notes.txt/tiny: expected a folder, found a file"),
    ],
)
def test_a_bad_command_is_answered_by_one_line(complaint, place, words, said):
    (place / "notes.txt").write_text("notes")
    assert said in complaint(2, *words.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("vidoe.fps=3", "unknown key 'vidoe'; did you mean 'video'?"),
        ("video.resolutoin=32", "unknown key 'video.resolutoin'; did you mean 'resolution'?"),
        ("worlds.uniform_motion.tset={}", "unknown key 'worlds.uniform_motion.tset'; did you mean 'test'?"),
        ("worlds.uniform_motion.train.clip=3", "did you mean 'clips'?"),
        ("worlds.uniform_motion.test.id.regoin={}", "did you mean 'region'?"),
        ("worlds.uniform_motion.train.region.sped=1", "unknown attribute of uniform_motion 'sped'"),
        ("worlds.uniform_motion.scenario=parabla", "unknown scenario 'parabla'; did you mean 'parabola'?"),
        ("models.copy_last_farme=", "unknown model 'copy_last_farme'; did you mean 'copy_last_frame'?"),
        ("models.m={model: copy_last_frame, optoins: {}}", "did you mean 'options'?"),
        ("references=[nearest_cas]", "unknown reference 'nearest_cas'; did you mean 'nearest_case'?"),
        ("metrics=[velocity_eror]", "unknown metric 'velocity_eror'; did you mean 'velocity_error'?"),
        ("video.edge=aera", "unknown edge 'aera'; did you mean 'area'?"),
        ("worlds.uniform_motion.train.region.speed=[3, 2]", "expected [low, high] with low <= high"),
        ("worlds.uniform_motion.train.region.speed=[1, 1e9]", "speed: expected a number"),
        ("worlds.uniform_motion.train.region.speed=[1, 1.0e+9]", "[1, 1e+09] m/s is not within"),
        ("worlds.uniform_motion.train.region.speed=-1", "[-1, -1] m/s is not within"),
        ("worlds.uniform_motion.train.region.speed=.nan", "[nan, nan] m/s is not within"),
        ("worlds.uniform_motion.train.region.speed=[1, .inf]", "expected [low, high]"),
        ("worlds.uniform_motion.train.region.speed=fast", "expected a range in m/s; found 'fast'"),
        ("worlds.uniform_motion.train.region.speed=2024-01-01", "speed: expected a number"),
        ("worlds.uniform_motion.train.region.speed=2024-13-45", "not valid YAML"),
        ("worlds.uniform_motion.train.region=[]", "a region needs at least one box"),
        (
            "worlds.uniform_motion.train.region=3",
            "worlds.uniform_motion.train.region: input should be a valid",
        ),
        (
            "worlds.collision={train: {clips: 1, region: {speed1: 20, size1: 2}}, test: {id: {clips: 1}}}",
            "worlds.collision.train: collision, split 'train': no scene in 20000 draws from its region",
        ),
        ("worlds.uniform_motion.test.train={clips: 3}", "a test split cannot be called 'train'"),
        ("worlds.uniform_motion.test={}", "worlds.uniform_motion.test: mapping should have at least 1 item"),
        ("worlds.uniform_motion.train.clips=0", "greater than or equal to 1; found 0"),
        ("worlds.uniform_motion.train.clips=1000000000000", "are 500,000,000,000 files; at most 100,000"),
        ("worlds.uniform_motion.test.Größe={clips: 1}", "expected lower-case letters, digits, _ and -"),
        ("context=6", "context is 6 frames and clips have 6: none is left"),
        ("context=two", "context: input should be a valid integer; found 'two'"),
        ("seed=true", "seed: input should be a valid integer; found True"),
        ("seed=-1", "seed: input should be greater than or equal to 0"),
        ("video.fps=.nan", "video.fps: input should be a finite number"),
        ("video.fps='10'", "video.fps: input should be a valid number; found '10'"),
        ("video=", "video: input should be a valid mapping"),
        ("worlds=", "worlds: input should be a valid mapping"),
        ("metrics=[]", "metrics: list should have at least 1 item"),
        ("metrics=[solved, solved]", "metrics: 'solved' is given twice"),
        ("references=[nearest_case, nearest_case]", "references: 'nearest_case' is given twice"),
        ("models.floor={model: copy_last_frame}", "the name 'floor' is taken"),
        ("models.nearest_case={model: copy_last_frame}", "the name 'nearest_case' is taken"),
        (
            "models.m={model: copy_last_frame, options: {steps: 3}}",
            "copy_last_frame takes no options; found 'steps'",
        ),
        ("models.m={model: 'nowhere:Thing'}", "no module 'nowhere' on the Python path"),
        ("models.m={model: 'math:Thing'}", "module 'math' has no 'Thing'"),
        ("models.m={model: 'math:cos'}", "expected a class derived from VideoModel"),
        ("models.m={model: 'worldlaw.models:VideoModel'}", "the class has no 'generate'"),
        ("models.m={model: ':Thing'}", "expected an address such as package.module:Thing"),
        ("worlds.uniform_motion.scenario='math:cos'", "expected a class derived from Scenario"),
        ("metrics=['math:cos']", "expected a function that is decorated with @metric"),
        ("name=simulate-0123456789abcdef", "is what a folder of clips is called"),
        (f"name={'a' * 81}", "name: string should have at most 80 characters"),
        ("name=../up", "name: expected lower-case letters"),
        ("nonsense", "expected key=value"),
        ("=3", "expected key=value"),
        ("video..fps=3", "expected key=value"),
        ("seed.value=3", "seed: input should be a valid integer"),
        ("name.value=3", "name holds a value, not keys"),
        ("seed=[", "not valid YAML"),
    ],
)
def test_a_bad_setting_is_answered_before_anything_is_made(complaint, place, setting, said):
    assert said in complaint(2, "run", "tiny.yaml", "--set", setting)
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "expected an experiment with keys such as name and worlds; found nothing"),
        (b"- a\n- b\n", "found list"),
        (b"42", "found int"),
        (b"\x00\xff\xfe\x01", "found bytes that are no text"),
        (b"name: a\x00b", "not valid YAML"),
        (b"a: [1, 2", "not valid YAML"),
        (b"a: 1\na: 2\n", "'a' is given twice"),
        (b"worlds: {w: {test: {id: {clips: 1}, id: {clips: 2}}}}", "'id' is given twice"),
        (b"[" * 5000, "not valid YAML"),
        (b"name: x\nworlds: &w {x: *w}\n", "an alias within what it stands for"),
        (b"name: x\n", "missing key 'worlds'"),
    ],
)
def test_a_file_that_is_no_experiment_says_so(complaint, place, text, said):
    (place / "x.yaml").write_bytes(text)
    assert said in complaint(2, "check", "x.yaml")


def test_a_broken_file_does_not_hide_in_the_list_of_experiments(complaint, place):
    (place / "experiments").mkdir()
    (place / "experiments" / "x.yaml").write_text("a: [")
    assert "experiments/x.yaml: not valid YAML" in complaint(2, "list", "experiments")


BOXES = [{"speed": [1, 2], "size": 1}, {"speed": [3, 4], "size": 1.2}]


def test_a_test_split_inherits_a_training_region_of_several_boxes_whole(place, ends_well):
    raw = yaml.safe_load(TINY)
    raw["worlds"]["uniform_motion"]["train"]["region"] = BOXES
    raw["worlds"]["uniform_motion"]["test"]["gap"] = {"clips": 2, "region": {"speed": 2.5, "size": 1}}
    (place / "tiny.yaml").write_text(yaml.safe_dump(raw))
    ends_well()
    sizes = {
        Shard(simulated(place, "gap") / "clips-00000.arrow").scene(row).attributes["size"] for row in (0, 1)
    }
    assert sizes == {1.0}


def test_a_test_split_that_inherits_half_of_a_box_is_asked_which(complaint, place):
    raw = yaml.safe_load(TINY)
    raw["worlds"]["uniform_motion"]["train"]["region"] = BOXES
    raw["worlds"]["uniform_motion"]["test"]["gap"] = {"clips": 2, "region": {"speed": 2.5}}
    (place / "tiny.yaml").write_text(yaml.safe_dump(raw))
    assert "test.gap" in complaint(2, "check", "tiny.yaml")
    assert "missing: size" in complaint(2, "check", "tiny.yaml")


# What the user's own code does.

MODEL = """
import numpy as np
from worldlaw import VideoModel

class Mine(VideoModel):
    def __init__(self, size: int = 1):
        if size > 9:
            raise ValueError(f"size {size} is too large")

    def generate(self, given, num_new_frames, seeds):
        new = np.repeat(given.frames[:, -1:], num_new_frames, axis=1)
        return BODY
"""


@pytest.fixture
def mine(place, monkeypatch):
    """Write a module with a model of the user's own, whose answer is an expression; returns its settings."""
    written = []

    def write(body):
        name = f"mine_{len(written)}_{place.name}"
        written.append(name)
        (place / f"{name}.py").write_text(MODEL.replace("BODY", body))
        monkeypatch.syspath_prepend(place)
        return ["--set", f"models={{mine: {{model: '{name}:Mine'}}}}", "--workers", "1"]

    return write


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "new[:, 1:]",
            r"model mine: generate returned uint8 \(32, 3, 16, 16, 3\); expected .* \(32, 4, 16, 16, 3\)",
        ),
        (
            "new.astype(float)",
            r"model mine: generate returned float64 \(32, 4, 16, 16, 3\); expected .* uint8",
        ),
        ("None", r"model mine: generate returned NoneType"),
        ("new / 0", r"model mine: \w+: .*divide.* \(mine_0_\w+\.py, line 12\)"),
        ("{}['nothing']", r"model mine: KeyError: 'nothing' \(mine_0_\w+\.py, line 12\)"),
        (
            "np.zeros(2) + np.zeros(3)",
            r"model mine: ValueError: operands could not be broadcast .* line 12\)",
        ),
        ("(_ for _ in ()).throw(OSError(28, 'full'))", r"model mine: OSError: \[Errno 28\] full"),
        ("(_ for _ in ()).throw(RuntimeError('two\\nlines'))", r"model mine: RuntimeError: two lines"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_a_model_of_the_users_does_wrong_is_named_with_the_model(complaint, ends_well, mine, body, said):
    assert re.fullmatch(said + ".*", complaint(1, "run", "tiny.yaml", *mine(body)))
    ends_well(*mine("new"))


def test_options_that_a_model_refuses_are_bad_input_before_anything_is_made(complaint, mine, place):
    settings = mine("new")
    settings[1] = settings[1].replace("}}", ", options: {size: 10}}}")
    assert "size 10 is too large" in complaint(2, "run", "tiny.yaml", *settings)
    settings[1] = settings[1].replace("size", "siez")
    assert "did you mean 'size'?" in complaint(2, "run", "tiny.yaml", *settings)
    settings[1] = settings[1].replace("siez: 10", "size: 2024-01-01")
    assert "not JSON serializable" in complaint(2, "run", "tiny.yaml", *settings)
    assert not (place / "runs").exists()


def test_a_module_that_cannot_be_imported_is_named_with_its_line(complaint, place):
    (place / "unreadable.py").write_text("def f(:\n")
    said = complaint(1, "run", "tiny.yaml", "--set", "models={m: {model: 'unreadable:M'}}")
    assert "model 'unreadable:M': SyntaxError: invalid syntax (unreadable.py, line 1)" in said


def test_the_traceback_is_there_for_who_asks(place, mine, capfd):
    assert main(["run", "tiny.yaml", "--traceback", *mine("{}['nothing']")]) == 1
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("worldlaw: model mine: KeyError: 'nothing'")


# What happens to files.


def test_a_truncated_shard_is_found_and_made_anew(complaint, ends_well, place):
    ends_well()
    shard = simulated(place) / "clips-00001.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-100])
    assert "1 fault found" in complaint(2, "check", simulated(place))
    assert f"{len(whole) - 100} bytes; the manifest says {len(whole)}; it is made anew" in ends_well()
    assert shard.read_bytes() == whole
    assert ends_well() == "0 artifacts made, 6 were complete before\n"


@pytest.mark.parametrize("stage", ["simulate", "generate", "track", "evaluate"])
def test_a_deleted_file_of_a_complete_artifact_is_made_anew_and_not_left_out(ends_well, place, stage):
    ends_well()
    path = max(p for p in (place / "runs").glob(f"{stage}-*/*") if p.name != MANIFEST)
    whole = path.read_bytes()
    page = (place / "runs" / "tiny" / "report.html").read_bytes()
    path.unlink()
    said = ends_well()
    assert "missing; it is made anew" in said
    assert said.endswith("1 artifacts made, 5 were complete before\n")
    assert path.read_bytes() == whole
    assert (place / "runs" / "tiny" / "report.html").read_bytes() == page


@pytest.mark.slow
def test_a_damaged_manifest_is_made_anew(complaint, ends_well, place):
    ends_well()
    manifest = simulated(place) / MANIFEST
    for text in ("", "{}", "[]", '{"stage": "simulate"}', "\udcff"):
        manifest.write_bytes(text.encode(errors="surrogateescape"))
        assert "manifest" in complaint(2, "check", manifest.parent)
        assert "it is made anew" in ends_well()


@pytest.mark.campaign
def test_every_flipped_byte_of_an_artifact_is_found(ends_well, place):
    ends_well()
    for path in sorted((place / "runs").glob("*-*/*")):
        whole = path.read_bytes()
        for at in range(0, len(whole), max(len(whole) // 12, 1)):
            if path.name == MANIFEST:
                continue
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            assert check(path.parent)[1], f"{path}, byte {at}"
            if path.suffix == ".arrow":
                assert check(path)[1], f"{path}, byte {at}"
        path.write_bytes(whole)
        assert check(path.parent)[1] == []


@pytest.mark.campaign
@pytest.mark.slow
def test_a_shard_alone_with_a_flipped_byte_never_brings_the_reader_down(ends_well, place):
    ends_well()
    whole = (simulated(place) / "clips-00000.arrow").read_bytes()
    path = place / "clips-00000.arrow"
    frames = Shard(simulated(place) / path.name)._batch["frames"]
    blobs = [frames[row].as_buffer().to_pybytes() for row in (0, 1)]
    inside = {at for blob in blobs for at in range(whole.index(blob), whole.index(blob) + len(blob))}
    found = set()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :])
        if check(path)[1]:
            found.add(at)
    assert found >= inside


def test_damaged_frames_are_not_answered_but_named_and_made_anew_once_deleted(complaint, ends_well, place):
    simulate()
    shard = simulated(place, "id") / "clips-00000.arrow"
    whole = shard.read_bytes()
    blob = Shard(shard)._batch["frames"][1].as_buffer().to_pybytes()
    at = whole.index(blob) + len(blob) // 2
    shard.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    said = complaint(2, "run", "tiny.yaml", "--workers", "1")
    assert "clip 1 is damaged (checksum differs); delete the shard and run again" in said
    shard.unlink()
    ends_well()
    assert shard.read_bytes() == whole


def test_a_stranger_among_the_shards_is_found(complaint, ends_well, place):
    ends_well()
    folder = simulated(place)
    shutil.copy(folder / "clips-00000.arrow", folder / "clips-00009.arrow")
    assert "clips-00009.arrow: not in the manifest" in check(folder)[1][0]
    assert "begins with clip 0; expected clip 4" in complaint(
        2, "run", "tiny.yaml", "--set", "metrics=[velocity_error]", "--workers", "1"
    )


def test_what_a_killed_run_left_half_written_is_swept_away(ends_well, place):
    simulate()
    folder = simulated(place)
    (folder / MANIFEST).unlink()
    (folder / "clips-00001.arrow").rename(folder / "clips-00001.arrow.4711.part")
    (place / "runs" / "tiny" / "experiment.yaml.4711.part").write_text("name: t")
    ends_well()


# What the machine does.


@pytest.fixture
def small_disk(place):
    """Mount ``runs`` as a disk of its own; a function makes it anew with other options."""
    runs = place / "runs"
    runs.mkdir()

    def mount(*options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", runs], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root may mount a small disk here")

    mount("size=64k")
    yield mount
    subprocess.run(["umount", runs], check=True)


@pytest.mark.campaign
@pytest.mark.slow
def test_a_full_disk_is_one_line_and_more_room_is_enough_to_go_on(complaint, ends_well, small_disk):
    said = complaint(1, "run", "tiny.yaml", "--workers", "1")
    assert "the disk is full (0 MB free); what was complete is kept, make room and run it again" in said
    said = complaint(1, "run", "tiny.yaml", "--workers", "2")
    assert "the disk is full" in said
    small_disk("remount", "size=64m")
    ends_well()


@pytest.mark.campaign
def test_a_read_only_folder_is_one_line(complaint, ends_well, small_disk):
    small_disk("remount", "size=64m", "ro")
    assert "cannot be written (Read-only file system); choose another place" in complaint(
        2, "run", "tiny.yaml"
    )
    small_disk("remount", "rw")
    ends_well()


@pytest.mark.campaign
@pytest.mark.slow
def test_a_disk_that_fills_at_any_file_is_one_line(complaint, ends_well, place, monkeypatch):
    real = artifact.os.fsync
    fail_at = 0
    seen = []

    def fsync(handle):
        seen.append(handle)
        if len(seen) == fail_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(artifact.os, "fsync", fsync)
    ends_well()
    for fail_at in range(1, len(seen) + 1, 3):  # noqa: B007 - read by fsync
        shutil.rmtree(place / "runs")
        seen.clear()
        assert "the disk is full" in complaint(1, "run", "tiny.yaml", "--workers", "1")
        assert not list((place / "runs").rglob("*.part"))
    fail_at = 0
    ends_well()


def test_two_runs_at_once_in_one_folder(complaint, ends_well, place, capfd):
    ends_well()
    with lock_folder(place / "runs" / "tiny"):
        assert "another run is writing here; wait for it" in complaint(1, "run", "tiny.yaml")
    (simulated(place) / MANIFEST).unlink()
    with lock_folder(next((place / "runs").glob("simulate-*/clips-00001.arrow")).parent):
        words, ends = ["run", "tiny.yaml", "--set", "name=other", "--workers", "1"], []
        other = threading.Thread(target=lambda: ends.append(main(words)))
        other.start()
        deadline = time.monotonic() + 60
        while "another run is writing here; waiting until it is done" not in capfd.readouterr().err:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    other.join(60)
    assert ends == [0]
    ends_well()


LARGER = [
    "--set",
    "worlds.uniform_motion.train.clips=1000",
    "--set",
    "video.num_frames=32",
    "--set",
    "shard_clips=25",
]


def started(place, *words):
    """A run in a process of its own, in a group of its own, that is at work: some shard is complete."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worldlaw", "run", "tiny.yaml", *LARGER, "--workers", "2", *words],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    deadline = time.monotonic() + 60
    while not list((place / "runs").glob("simulate-*/clips-*.arrow")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def hear_ctrl_c():
    """A shell starts what it puts in the background deaf to Ctrl-C, and so are its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def group_of(process):
    """Ids of the processes of a run that are alive, its workers first."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:3]
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if int(group) == process.pid and state != "Z":
            found.append((b"spawn_main" not in command, int(entry.name) == process.pid, int(entry.name)))
    return [number for _, _, number in sorted(found)]


def all_end(process):
    deadline = time.monotonic() + 20
    while group_of(process):
        assert time.monotonic() < deadline, "a worker outlives its run"
        time.sleep(0.02)


@pytest.mark.campaign
@pytest.mark.slow
def test_two_runs_at_once_for_real(place, complaint):
    first = started(place)
    assert "another run is writing here" in complaint(1, "run", "tiny.yaml", *LARGER)
    assert first.communicate(timeout=120)[1] == "6 artifacts made, 0 were complete before\n"
    assert first.returncode == 0


@pytest.mark.campaign
@pytest.mark.slow
def test_ctrl_c_is_one_line_ends_the_workers_and_can_be_gone_on_with(place, ends_well):
    process = started(place)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = process.communicate(timeout=30)
    assert (out, err) == ("", "worldlaw: stopped; what was complete is kept, run it again to go on\n")
    assert process.returncode == 1
    all_end(process)
    ends_well(*LARGER)


@pytest.mark.campaign
@pytest.mark.slow
def test_a_killed_worker_is_one_line_and_can_be_gone_on_with(place, ends_well):
    process = started(place)
    os.kill(group_of(process)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("worldlaw: a worker process was killed (out of memory?")
    assert "what was complete is kept, run again with fewer workers" in err
    assert process.returncode == 1
    all_end(process)
    ends_well(*LARGER)


@pytest.mark.campaign
@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_run(place, ends_well):
    process = started(place)
    process.kill()
    process.communicate(timeout=30)
    all_end(process)
    ends_well(*LARGER)


LAW = """
from worldlaw.worlds.laws.uniform_motion import UniformMotion

class Law(UniformMotion):
    def simulate(self, scene, num_frames, dt):
        raise ArithmeticError("no such motion")
"""


@pytest.mark.slow
def test_what_a_law_of_the_users_raises_in_a_worker_is_named_with_the_law(complaint, ends_well, place):
    (place / "my_law.py").write_text(LAW)
    said = complaint(
        1, "run", "tiny.yaml", "--workers", "2", "--set", "worlds.uniform_motion.scenario='my_law:Law'"
    )
    assert said.startswith("scenario my_law:Law, split train, clip ")
    assert said.endswith(": ArithmeticError: no such motion (my_law.py, line 6)")
    ends_well()


def test_hidden_files_are_not_part_of_an_artifact(ends_well, place):
    ends_well()
    (simulated(place) / ".DS_Store").write_text("left by a desktop")
    assert check(simulated(place))[1] == []

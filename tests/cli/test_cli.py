"""The command line on its good days; test_faults.py has the bad ones."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from worldlaw.cli import main
from worldlaw.clips.store import Clips

TINY = """
name: tiny
video: {resolution: 32, num_frames: 8, fps: 10}
shard_clips: 4
worlds:
  collision:
    train: {clips: 10}
    test:
      id: {clips: 5}
      ood_fast: {clips: 3, region: {speed1: [4.5, 6]}}
models:
  copy_last_frame:
  nearest_clip:
references: [constant_velocity, nearest_case, oracle_law]
"""


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


def run(*words, code=0):
    assert main([str(word) for word in words]) == code


@pytest.mark.slow
def test_a_run_ends_with_the_path_of_a_report_that_names_every_predictor(tiny, tmp_path, capsys):
    run("run", tiny, "--out", tmp_path / "runs", "--workers", 1)
    out, err = capsys.readouterr()
    path = out.splitlines()[-1]
    assert path == str(tmp_path / "runs" / "tiny" / "report.html")
    page = (tmp_path / "runs" / "tiny" / "report.html").read_text()
    for name in (
        "floor",
        "copy last frame",
        "nearest clip",
        "constant velocity",
        "nearest case",
        "oracle law",
    ):
        assert name in page
    assert "http" not in page.split("<body")[1].split("<script")[0].replace("http://www.w3.org", "")
    assert "artifacts made" in err


def test_json_is_one_object_and_nothing_else(tiny, tmp_path, capsys):
    run("simulate", tiny, "--out", tmp_path, "--workers", 1, "--json")
    said = json.loads(capsys.readouterr().out)
    assert len(said["made"]) == 3
    run("simulate", tiny, "--out", tmp_path, "--workers", 1, "--json")
    again = json.loads(capsys.readouterr().out)
    assert again["made"] == []
    assert sorted(again["kept"]) == sorted(said["made"])


def test_a_stage_runs_the_stages_before_it_and_not_those_after(tiny, tmp_path, capsys):
    run("track", tiny, "--out", tmp_path, "--workers", 1)
    stages = {path.name.split("-")[0] for path in tmp_path.glob("*-*") if path.is_dir()}
    assert stages == {"simulate", "train", "generate", "track"}
    assert not (tmp_path / "tiny" / "report.html").exists()


def test_a_dry_run_makes_nothing_and_names_what_it_would(tiny, tmp_path, capsys):
    run("run", tiny, "--out", tmp_path / "runs", "--dry-run", "--json")
    said = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "runs").exists()
    train = next(row for row in said["artifacts"] if row["what"] == "collision / train")
    assert (train["clips"], train["shards"]) == (10, 3)
    run("simulate", tiny, "--out", tmp_path / "runs", "--workers", 1)
    size = sum(p.stat().st_size for p in (tmp_path / "runs" / train["folder"]).glob("*.arrow"))
    assert size == pytest.approx(train["bytes"], rel=0.3)


def test_settings_change_the_experiment(tiny, tmp_path, capsys):
    run(
        "simulate",
        tiny,
        "--out",
        tmp_path,
        "--workers",
        1,
        "--set",
        "video.resolution=16",
        "--set",
        "seed=3",
        "--json",
    )
    made = json.loads(capsys.readouterr().out)["made"]
    assert Clips(tmp_path / made[0]).shape == (8, 16, 16)


def test_a_run_that_has_not_ended_is_told_as_such(tiny, tmp_path, capsys):
    run("simulate", tiny, "--out", tmp_path, "--workers", 1)
    capsys.readouterr()
    run("check", tmp_path / "tiny")
    assert "not finished; those there, sound" in capsys.readouterr().out


@pytest.mark.slow
def test_what_was_made_is_sound_and_the_experiment_as_used_can_be_run_again(tiny, tmp_path, capsys):
    run("run", tiny, "--out", tmp_path, "--workers", 1, "--json")
    for name in json.loads(capsys.readouterr().out)["made"]:
        run("check", tmp_path / name)
        assert capsys.readouterr().out.endswith("sound\n")
    run("check", tmp_path / "tiny" / "experiment.yaml")
    run("check", tmp_path / "tiny")
    assert "artifacts complete, sound" in capsys.readouterr().out
    run("run", tmp_path / "tiny" / "experiment.yaml", "--out", tmp_path, "--workers", 1, "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["made"] == []


@pytest.mark.parametrize("suffix", [".gif", ".png", ".mp4", ".webp"])
def test_a_preview_is_a_picture_of_the_attributes_asked_for(suffix, tmp_path, capsys):
    path = tmp_path / f"clip{suffix}"
    run("preview", "uniform_motion", "--set", "speed=2", "--set", "color=blue", "--seed", 4, "-o", path)
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == str(path)
    assert "  speed = 2 m/s" in out
    assert path.stat().st_size > 300
    if suffix == ".png":
        colors = np.array(Image.open(path).convert("RGB")).reshape(-1, 3)
        assert (colors == [0, 0, 255]).all(axis=1).any()


def test_a_textured_preview_is_wide_and_nowhere_plain(tmp_path, capsys):
    path = tmp_path / "clip.webp"
    run("preview", "gap", "--textured", "--resolution", 90, "--frames", 2, "-o", path)
    first = np.array(Image.open(path).convert("RGB"))
    assert first.shape == (90, 160, 3)
    assert (first == 255).all(axis=-1).mean() < 0.5
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 300


def test_the_list_names_what_is_registered_with_units(capsys):
    run("list", "--json")
    found = json.loads(capsys.readouterr().out)
    assert {"uniform_motion", "parabola", "collision", "assembly"} <= set(found["scenarios"])
    assert "m/s" in found["metrics"]["velocity_error"]
    assert {"reversal", "velocity_gap", "attribute_pair", "combination"} <= set(found["analyses"])
    run("list", "references")
    assert "oracle_law" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["videofolder", "phyworld", "phyworld-rollouts"])
def test_an_artifact_can_be_exported(layout, tiny, tmp_path, capsys):
    run("generate", tiny, "--out", tmp_path, "--workers", 1, "--json")
    made = json.loads(capsys.readouterr().out)["made"]
    stage = "generate" if layout == "phyworld-rollouts" else "simulate"
    artifact = next(name for name in made if name.startswith(stage))
    run("export", tmp_path / artifact, tmp_path / "out", "--to", layout)
    assert any((tmp_path / "out").rglob("*"))
    wrong = next(name for name in made if name.startswith("train"))
    run("export", tmp_path / wrong, tmp_path / "out2", "--to", layout, code=2)


def test_help_imports_none_of_the_heavy_rooms():
    script = (
        "import sys; from worldlaw.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'numba', 'torch', 'matplotlib', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("setting", ["metrics=[psnr]", "context=1", "models={}", "references=[]"])
def test_a_report_is_made_of_little_too(setting, tiny, tmp_path, capsys):
    run("run", tiny, "--out", tmp_path, "--workers", 1, "--set", setting)
    assert (tmp_path / "tiny" / "report.html").stat().st_size > 10_000


def test_the_charged_error_is_listed_before_the_one_of_what_was_measured(capsys):
    run("list", "metrics", "--json")
    assert list(json.loads(capsys.readouterr().out)["metrics"])[:2] == [
        "charged_velocity_error",
        "velocity_error",
    ]

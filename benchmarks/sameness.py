"""Do two commits give the same numbers? Runs both with the same commands and compares what they write.

    python -m benchmarks.sameness COMMIT                      # that commit against the working tree
    python -m benchmarks.sameness COMMIT --films FOLDER       # with films of yours for worldlaw judge

What is compared, number by number: the results of the quickstart, a small combinatorial run (a training in
it), every shipped paper answered by two fixed models, and ``judge.json`` of a folder of films. Both sides are
called by the command line only, so that files may move. Names may change by ``RENAMED``; times, folders,
commits and checksums of what holds them are left out. It takes about two hours of one core; a side that is
done is kept in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
PAPERS = ("laws-in", "laws-out", "laws", "assemblies-in", "assemblies-out")
MODELS = {"still": "copy_last_frame", "drift": "drift:answer"}
DRIFT = '''"""A model that sees nothing: the last given frame, moved by two pixels a frame."""

import numpy as np


def answer(frames, num_new_frames):
    return np.stack([np.roll(frames[-1], 2 * (step + 1), axis=1) for step in range(num_new_frames)])
'''
FILMED = ("uniform_motion", "parabola", "collision", "assembly", "ambiguity")  # when no films are given
TESTED = "{known: {clips: 24}, new: {clips: 20, region: {template: test-10}}}"
COMBINATORIAL = {
    "worlds": "{six: {scenario: assembly, train: {clips: 60, region: {template: train-6}}, test: TESTED}, "
    "sixty: {scenario: assembly, train: {clips: 120, region: {template: train-60}}, test: TESTED}}",
    "models.micro.options.steps": "24",
    "models.micro.options.compile": "false",
    "analyses": "[]",
}
# What differs between two runs of one commit, or says where a thing lies and not what it is.
LEFT_OUT = re.compile(
    r"(^|\.)(made|provenance|commit|seconds|started|finished|date|path|folder|sha256|worldlaw|"
    r"versions|machine|python|platform|other_metrics|format)(\.|\[|$)"
)
# Name at COMMIT -> name now, in what worldlaw judge writes
RENAMED = {
    "vanish": "absence",
    "duplicate": "intrusion",
    "deformation": "appearance_change",
    "uncaused_motion": "uncaused_step",
    "energy_gain": "rebound_gain",
}


def main() -> int:
    """Run both sides and print every value that differs; 1 if there is one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", metavar="COMMIT")
    parser.add_argument("--films", type=Path, metavar="FOLDER", help="films that worldlaw judge looks at")
    parser.add_argument("--out", type=Path, default=Path("runs/sameness"), help="default: runs/sameness")
    parser.add_argument("--only", choices=("before", "now"), help="make one side and compare nothing")
    parser.add_argument("--fewer", action="store_true", help="without the papers that take long")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    films = arguments.films.resolve() if arguments.films else out / "films"
    before = out / "tree"
    if not before.exists():
        _call(["git", "worktree", "add", "--detach", str(before), arguments.commit], ROOT, {})
    sides = {"before": before, "now": ROOT}
    for side, tree in sides.items():
        if arguments.only in (None, side):
            _make(tree, out / side, films, fewer=arguments.fewer)
    if arguments.only:
        return 0
    found = {side: dict(_numbers(out / side, RENAMED if side == "before" else {})) for side in sides}
    return compare(found["before"], found["now"])


def compare(before: dict[str, Any], now: dict[str, Any]) -> int:
    """Print what differs and how much was compared; 1 if anything differs, or if there was nothing."""
    places = sorted(before.keys() | now.keys())
    differing = [place for place in places if not _same(before.get(place), now.get(place))]
    for place in differing[:50]:
        print(f"{place}: {before.get(place, 'missing')!r} -> {now.get(place, 'missing')!r}")
    print(f"{len(places):,} values compared, {len(differing):,} differ")
    return int(bool(differing) or not places)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


def _make(tree: Path, out: Path, films: Path, *, fewer: bool) -> None:
    """All that is compared, of one source tree; what is there already is kept."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "drift.py").write_text(DRIFT)
    own = {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "NUMBA_CACHE_DIR": str(out / "numba")}
    if not films.exists():
        for name in FILMED:
            _worldlaw(["preview", name, "-o", str(films / f"{name}.mp4"), "--fps", "30"], out, own)
    jobs = {
        "quickstart": ["run", str(tree / "experiments/quickstart.yaml"), "--out", "quickstart"],
        "combinatorial": [
            "run",
            str(tree / "experiments/combinatorial_small.yaml"),
            "--out",
            "combinatorial",
        ],
        "judge": ["judge", *sorted(map(str, films.glob("*.*4"))), "--out", "judge"],
    }
    for key, value in COMBINATORIAL.items():
        jobs["combinatorial"] += ["--set", f"{key}={value.replace('TESTED', TESTED)}"]
    for paper in PAPERS[:2] if fewer else PAPERS:
        for name, model in MODELS.items():
            jobs[f"{paper}-{name}"] = ["exam", "run", paper, "--model", model, "--out", f"{paper}-{name}"]
    for name, words in jobs.items():
        if not (out / f"{name}.done").exists():
            workers = [] if name == "judge" else ["--workers", "1"]
            _worldlaw([*words, *workers], out, own)
            (out / f"{name}.done").touch()


def _worldlaw(words: list[str], folder: Path, own: dict[str, str]) -> None:
    Path(words[words.index("-o") + 1] if "-o" in words else folder).parent.mkdir(parents=True, exist_ok=True)
    _call(
        [sys.executable, "-m", "worldlaw", *words], folder, own, fine=(0, 1) if words[0] == "judge" else (0,)
    )


def _call(command: list[str], folder: Path, own: dict[str, str], fine: tuple[int, ...] = (0,)) -> None:
    print(" ".join(command), flush=True)
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **own}, check=False, stdout=subprocess.DEVNULL
    )
    if done.returncode not in fine:  # worldlaw judge ends with 1 if it could not read one of the films
        sys.exit(f"exit code {done.returncode} of {' '.join(command)}")


def _numbers(folder: Path, renamed: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """(place, value) of all that a side wrote: its tables row by row, its JSON leaf by leaf."""
    for path in sorted([*folder.glob("**/results.parquet"), *folder.glob("judge/*.parquet")]):
        where = f"{path.relative_to(folder).parts[0]}/{path.name}"
        yield from _rows(path, where, renamed if "judge" in where else {})
    for path in sorted([*folder.glob("*/scores/*.json"), *folder.glob("judge/*.json")]):
        where = str(path.relative_to(folder))
        yield from _leaves(json.loads(path.read_text()), where, renamed if "judge" in where else {})


def _rows(path: Path, where: str, renamed: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Every row of a table by all that it says but its last number."""
    for number, row in enumerate(pq.read_table(path).to_pylist()):
        if "metric" in row:
            place = "/".join(f"{row[key]}" for key in row if key not in ("value", "unit", "best"))
            yield f"{where}/{place}", row["value"]
        else:
            yield from _leaves(row, f"{where}/{number}", renamed)


def _leaves(value: Any, where: str, renamed: dict[str, str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{where}.{_now(key, renamed)}", renamed)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{where}[{number}]", renamed)
    elif not LEFT_OUT.search(where.partition(".json")[2]):
        yield where, _now(value, renamed) if isinstance(value, str) else value


def _now(text: str, renamed: dict[str, str]) -> str:
    """A text with its names as they are now, written with underscores or as words."""
    for old, new in renamed.items():
        for one, other in ((old, new), (old.replace("_", " "), new.replace("_", " "))):
            text = re.sub(rf"\b{one}\b", other, text)
    return text


if __name__ == "__main__":
    sys.exit(main())

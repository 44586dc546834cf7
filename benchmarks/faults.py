"""Faults: every kind of file is damaged, then the experiment is run again, checked, or made on from."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.timing import Figure, Target
from worldlaw.clips import arrow_files
from worldlaw.clips.store import Clips, Shard, damaged_files, shard_name
from worldlaw.core.artifact import MANIFEST, PARTS, read_manifest
from worldlaw.core.errors import BadInput, Failed
from worldlaw.core.progress import Quiet
from worldlaw.experiment import keys
from worldlaw.experiment.check import check
from worldlaw.experiment.config import Experiment, load_experiment, parse_experiment
from worldlaw.experiment.run import run
from worldlaw.experiment.stages import calibrate
from worldlaw.experiment.stages.simulate import simulate_shard
from worldlaw.testing import make_recipe

QUICKSTART = Path(__file__).parents[1] / "experiments" / "quickstart.yaml"
SILENT = Target(0, at="most")
COST = Target(0.03, at="most")
KINDS = ("flip", "truncate", "delete", "swap", "zero")
# rerun: the run is repeated. remade: what follows from the damaged artifact is gone and is made from it.
# unfinished: the artifact's manifest is gone too, as if its making had been killed.
DEEDS = ("check", "rerun", "remade", "unfinished")
LEARNER = {"steps": 2, "batch": 2, "warm_up": 1, "sampling_steps": 1, "preset": "nano"}
TAUGHT = {"channels": 4, "width": 8, "blocks": 1, "steps": 2, "batch": 2, "warm_up": 1, "stride": [2, 4, 4]}
EXPERIMENT: dict[str, Any] = {
    "name": "faults",
    "context": 2,
    "video": {"resolution": 16, "num_frames": 6},
    "shard_clips": 2,
    "worlds": {"uniform_motion": {"train": {"clips": 4}, "test": {"id": {"clips": 3}, "far": {"clips": 3}}}},
    "codecs": {"small": {"codec": "video_vae", "options": TAUGHT}},
    "models": {
        "copy_last_frame": None,
        "learner": {"model": "dit", "seeds": [0, 1], "options": LEARNER},
    },
    "references": ["nearest_case", "state_model"],
    "metrics": ["velocity_error", "measured_share", "solved"],
    "look": ["track_frechet"],
}
ASSEMBLIES: dict[str, Any] = {
    "name": "assemblies",
    "context": 1,
    "video": {"resolution": 64, "num_frames": 4, "fps": 3},
    "worlds": {
        "six": {
            "scenario": "assembly",
            "train": {"clips": 1, "region": {"template": "train-6"}},
            "test": {"new": {"clips": 1, "region": {"template": "test-10"}}},
        }
    },
    "models": {"copy_last_frame": None},
    "metrics": ["position_error", "abnormal"],
}
RESULTS = ("results.parquet", "sets.json", "models.json", "training_speed.json")


@dataclass(frozen=True)
class Fault:
    """A file of a whole run, how it is damaged, and what is done then."""

    file: str  # below the folder of all artifacts
    kind: str
    deed: str

    @property
    def artifact(self) -> str:
        """The folder that the file is of."""
        return self.file.partition("/")[0]


class Whole:
    """An undamaged run, and what is looked at to tell whether another one came to the same numbers."""

    def __init__(self, experiment: Experiment, root: Path) -> None:
        self.experiment, self.root = experiment, root
        self.done = run(experiment, root)
        self.numbers = self.of(root)

    def of(self, root: Path) -> dict[str, bytes]:
        """Name -> bytes of what an experiment says in the end."""
        folder = root / self.done.plan.evaluate.folder.name
        found = {name: (folder / name).read_bytes() for name in RESULTS if (folder / name).exists()}
        page = root / self.experiment.name / "report.html"
        return {**found, "report.html": page.read_bytes()}

    def files(self) -> list[str]:
        """Every file of every artifact, and of the run's own folder."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def faults(self) -> list[Fault]:
        """Every damage to every kind of file, one file of each, with every deed that makes sense there."""
        files: dict[tuple[str, str], list[str]] = {}
        for file in self.files():
            folder, name = file.partition("/")[::2]
            files.setdefault((folder.partition("-")[0], name), []).append(file)
        found = []
        rng = random.Random(0)
        for (stage, name), alike in files.items():
            own = stage == self.experiment.name
            for kind, deed in itertools.product(KINDS, DEEDS):
                if deed == "unfinished" and (own or not _goes_on(name)):
                    continue
                if deed == "remade" and (own or stage == "evaluate"):
                    continue
                found.append(Fault(rng.choice(alike), kind, deed))
        return found

    def twin(self, file: str) -> str:
        """Another file to swap with: of the same name in another artifact if there is one."""
        folder, name = file.partition("/")[::2]
        stage = folder.partition("-")[0]
        content = (self.root / file).read_bytes()
        others = [other for other in self.files() if (self.root / other).read_bytes() != content]
        return max(others, key=lambda other: (other.endswith(f"/{name}"), other.startswith(stage), other))


def _goes_on(name: str) -> bool:
    return any(Path(name).match(part) for part in PARTS) or name == "model.safetensors"


def measure(quick: bool) -> Iterator[Figure]:
    """What it costs to look for faults, and what came of all that were injected."""
    with tempfile.TemporaryDirectory() as folder:
        yield _cost_of_a_shard(Path(folder), 20 if quick else 1000)
        if not quick:
            yield _cost_of_quickstart(Path(folder))
        yield _injected(Path(folder), quick=quick)


def _injected(folder: Path, *, quick: bool) -> Figure:
    outcomes: Counter[str] = Counter()
    by_deed: Counter[str] = Counter()
    bad: dict[str, str] = {}
    started = time.monotonic()
    for raw in [EXPERIMENT] if quick else [EXPERIMENT, ASSEMBLIES]:
        with (
            patch.object(keys, "CALIBRATION_CLIPS", 230),  # the fewest that limits are made from
            patch.object(calibrate, "measure_clips", _remembered(calibrate.measure_clips)),
        ):
            with contextlib.redirect_stderr(io.StringIO()):
                whole = Whole(parse_experiment(raw), folder / raw["name"])
            faults = whole.faults()
            if raw is ASSEMBLIES:  # the rest is as above
                faults = [fault for fault in faults if fault.file.startswith("calibrate-")]
            if quick:
                faults = random.Random(0).sample(faults, 12)
            for number, fault in enumerate(faults):
                outcome = inject(whole, fault, folder / "scratch", seed=number)
                outcomes[outcome.partition(":")[0]] += 1
                by_deed[fault.deed] += 1
                if outcome.startswith(("silent", "traceback")):
                    bad[f"{fault.file}, {fault.kind}, {fault.deed}"] = outcome
    failed = sum(outcomes[name] for name in ("silent", "traceback"))
    return Figure(
        "faults",
        f"silent or a traceback, of {outcomes.total():,} injected faults",
        "faults",
        ours=failed,
        baseline=outcomes.total(),
        ratio=failed / outcomes.total(),
        against="all faults",
        target=SILENT,
        notes={
            "outcomes": ", ".join(f"{count} {name}" for name, count in outcomes.most_common()),
            "deeds": ", ".join(f"{count} {name}" for name, count in by_deed.most_common()),
            "seconds": f"{time.monotonic() - started:.0f}",
            **bad,
        },
    )


def _remembered(measure_clips: Callable[..., list]) -> Callable[..., list]:
    """Measures of true clips, which are not what is tested here, measured once."""
    known: dict[range, list] = {}

    def measured(recipe: Any, indices: range, context: int) -> list:
        if indices not in known:
            known[indices] = measure_clips(recipe, indices, context)
        return known[indices]

    return measured


def inject(whole: Whole, fault: Fault, scratch: Path, *, seed: int) -> str:
    """Damage a copy of a whole run and see what comes of it.

    Returns: ``found`` (by check), ``refused`` (one line and no numbers), ``mended`` (the same numbers, and it
    was said), ``harmless`` (the same numbers, nothing needed the file), ``silent`` or ``traceback``.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(whole.root, scratch, copy_function=os.link)
    _damage(scratch / fault.file, fault.kind, scratch / whole.twin(fault.file), seed)
    if fault.deed == "unfinished":
        (scratch / fault.artifact / MANIFEST).unlink()
    if fault.deed in ("remade", "unfinished"):
        for folder in _downstream(whole, fault.artifact):
            shutil.rmtree(scratch / folder)
    said = Said()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            if fault.deed == "check":
                return _checked(scratch / fault.artifact)
            # The page costs more than all the rest: of faults above the results, every fifth goes up to it.
            page = seed % 5 == 0 or fault.artifact.startswith(("evaluate", whole.experiment.name))
            run(whole.experiment, scratch, until="report" if page else "evaluate", progress=said)
    except (BadInput, Failed) as error:
        return f"refused: {error}"
    except Exception:  # noqa: BLE001 - any other is what is looked for
        return f"traceback: {traceback.format_exc()}"
    if whole.of(scratch) != whole.numbers:
        return "silent: other numbers"
    return "mended" if said.notes else "harmless"


class Said(Quiet):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Kept."""
        self.notes.append(text)


def _checked(folder: Path) -> str:
    with contextlib.suppress(BadInput):
        summary, faults = check(folder)
        if not faults and "not finished" not in summary:
            return f"silent: check says {summary}, sound"
    own = folder.parent / EXPERIMENT["name"]
    if own.exists() and own != folder:
        with contextlib.suppress(BadInput):
            summary, faults = check(own)
            if not faults:
                return f"silent: check of the run says {summary}, sound"
    return "found"


def _damage(path: Path, kind: str, twin: Path, seed: int) -> None:
    """Damage one file; the copy shares its bytes with the whole run, so it is written anew."""
    content, rng = path.read_bytes(), random.Random(seed)
    path.unlink()
    if kind == "flip":
        place = rng.randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
    elif kind == "truncate":
        path.write_bytes(content[: rng.randrange(len(content))])
    elif kind == "zero":
        path.write_bytes(bytes(len(content)))
    elif kind == "swap":
        other = twin.read_bytes()
        twin.unlink()
        path.write_bytes(other)
        twin.write_bytes(content)


def _downstream(whole: Whole, folder: str) -> set[str]:
    """Artifacts that are made from one, directly or not."""
    plan = whole.done.plan
    inputs = {artifact.folder.name: str(artifact.inputs) for _, artifact in plan.artifacts()}
    found: set[str] = set()
    new = {folder}
    while new:
        keys = [name.rpartition("-")[2] for name in new]
        new = {name for name, text in inputs.items() if any(key in text for key in keys)} - found
        found |= new
    return found - {folder}


def _cost_of_a_shard(folder: Path, num_clips: int) -> Figure:
    """Looking at a shard before it is read, as a share of reading it; both are in proportion to its size."""
    recipe = make_recipe("collision", resolution=64, num_frames=32, num_clips=num_clips)
    path = folder / "shards" / shard_name(0)
    path.parent.mkdir()
    simulate_shard(recipe, path, range(num_clips))

    def look() -> float:
        arrow_files.verify_file.cache_clear()
        started = time.perf_counter()
        Shard(path)
        return time.perf_counter() - started

    def read() -> float:
        clips = Clips(path.parent)
        started = time.perf_counter()
        for index in range(num_clips):
            clips.read([index])
        return time.perf_counter() - started

    looked, took = (min(work() for _ in range(5)) for work in (look, read))
    size = path.stat().st_size
    return Figure(
        "faults",
        "verifying a shard of 64² x 32 collisions when it is first opened, of reading it once",
        "s a 10 GB shard",
        ours=looked / size * 1e10,
        baseline=took / size * 1e10,
        ratio=looked / took,
        against="decompressing every clip",
        target=Target(COST.limit, of="ratio", at="most"),
    )


def _cost_of_quickstart(folder: Path) -> Figure:
    """All that verifying adds to the quickstart when nothing was made before, and when everything was."""
    experiment = load_experiment(QUICKSTART)
    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def work(*args: Any) -> Any:
            nonlocal spent
            started = time.perf_counter()
            try:
                return function(*args)
            finally:
                spent += time.perf_counter() - started

        return work

    with (
        patch.object(arrow_files, "verified", _with_clear(timed(arrow_files.verify_file))),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        started = time.perf_counter()
        done = run(experiment, folder / "quickstart")
        took = time.perf_counter() - started
    arrow_files.verify_file.cache_clear()
    started = time.perf_counter()
    for _, artifact in done.plan.artifacts():
        damaged_files(artifact.folder, read_manifest(artifact.folder))
    again = time.perf_counter() - started
    return Figure(
        "faults",
        "verifying in the quickstart, when it is made",
        "s",
        ours=spent,
        baseline=took,
        ratio=spent / took,
        against="the whole quickstart, one process",
        target=Target(COST.limit, of="ratio", at="most"),
        notes={"looking at all that it made, as a second run does": f"{again:.3f} s ({again / took:.2%})"},
    )


def _with_clear(function: Callable[..., Any]) -> Callable[..., Any]:
    function.cache_clear = arrow_files.verify_file.cache_clear  # type: ignore[attr-defined]
    return function

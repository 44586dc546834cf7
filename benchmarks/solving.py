"""Who solves a question: true clips in many forms, answers with one planted fault, models a little off.

True clips have to be solved in every usual form, planted faults must not be, and no form may solve what the
same answer does not solve lossless. Clips are of the three laws as ``laws-in`` asks them, of seeds that set
no cap.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.planted import FAULTS, LAWS, LOSSLESS, LOSSY, MODELS, USUAL, WORSE, scored, truths
from benchmarks.timing import Figure, Target
from worldlaw.core.numbers.permutation import holm
from worldlaw.core.seeding import rng_for
from worldlaw.core.workers import Workers
from worldlaw.exam.scoring.coarse_forms import at_least

TRUE, FAULTY, OFF = 1000, 300, 300  # clips a law and form; tries at each fault; clips a law and model
CHUNK = 5  # clips that a worker takes at a time
WORKERS = 2
SEEDS = {"true": 101, "fault": 102, "model": 103}
MOST_UNSOLVED, LEAST_FOUND = Target(0.004, at="most"), Target(0.95)
LEVEL = Target(0.05)  # of the least corrected p-value: no form pays

Row = tuple[str, str, float]  # what was planted, form, solved


def measure(quick: bool) -> Iterator[Figure]:
    """Shares of true clips unsolved and of faults found; whether any form solves more than lossless."""
    sizes = (1, 1, 1) if quick else (TRUE, FAULTY, OFF)
    team = Workers(1 if quick else WORKERS)
    with team.pool():
        for law in LAWS:
            yield from _true(law, _rows(team, "true", law, sizes[0]))
        for law in LAWS:
            yield from _faults(law, _rows(team, "fault", law, sizes[1]))
        yield _models({law: _rows(team, "model", law, sizes[2]) for law in LAWS})


def _rows(team: Workers, kind: str, law: str, num: int) -> list[Row]:
    tasks = [(kind, law, range(start, min(start + CHUNK, num))) for start in range(0, num, CHUNK)]
    return [row for part in team.each(_score, tasks) for row in part]


def _score(kind: str, law: str, indices: range) -> list[Row]:
    """(planted, form, solved) of some clips; a fault that a clip cannot have is left out."""
    forms = {"true": USUAL, "fault": (LOSSLESS, LOSSY), "model": (LOSSLESS, *WORSE)}[kind]
    plants = {"true": {}, "fault": FAULTS, "model": MODELS}[kind]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        for truth in truths(law, indices, seed=SEEDS[kind]):
            answers = {} if plants else {("truth", form): (truth.video(), form) for form in forms}
            for name, plant in plants.items():
                frames = plant(truth, rng_for(SEEDS[kind], name, law, truth.question.index))
                if frames is not None:
                    answers |= {(name, form): (frames, form) for form in forms}
            named = {f"{name}|{form.name}": answer for (name, form), answer in answers.items()}
            for key, (value, _) in scored(truth, named, Path(place)).items():
                name, _, form = key.partition("|")
                rows.append((name, form, value))
    return rows


def _true(law: str, rows: list[Row]) -> Iterator[Figure]:
    """Of every form the share unsolved, the worst first."""
    shares = {form: _unsolved(rows, "truth", form) for form in dict.fromkeys(form for _, form, _ in rows)}
    order = sorted(shares, key=lambda form: -shares[form][0])
    notes = {form: f"{shares[form][0]:.1%} of {shares[form][1]:,} unsolved" for form in order}
    worst, num = shares[order[0]]
    yield Figure(
        "solving",
        f"{law}: true clips unsolved, the worst of {len(order)} forms ({num:,} clips each)",
        "share",
        ours=worst,
        baseline=shares["plain"][0],
        ratio=worst / shares["plain"][0] if shares["plain"][0] else math.nan,
        against="the same clips, lossless and as asked",
        target=MOST_UNSOLVED,
        notes=notes,
    )


def _faults(law: str, rows: list[Row]) -> Iterator[Figure]:
    for name in FAULTS:
        for form in (LOSSLESS, LOSSY):
            found, num = _unsolved(rows, name, form.name)
            if num:
                yield Figure(
                    "solving",
                    f"{law}: {name}, {form.name}: unsolved of {num:,}",
                    "share",
                    ours=found,
                    baseline=_unsolved(rows, name, LOSSLESS.name)[0],
                    ratio=found / max(_unsolved(rows, name, LOSSLESS.name)[0], 1e-9),
                    against="the same answers, lossless",
                    target=LEAST_FOUND,
                )


def _models(by_law: dict[str, list[Row]]) -> Figure:
    """The least p-value of "this form solves more than lossless", over all laws, models and forms."""
    cells, chances, notes = [], [], {}
    for law, rows in by_law.items():
        for name in MODELS:
            plain = np.array([value for one, form, value in rows if (one, form) == (name, LOSSLESS.name)])
            for form in WORSE:
                other = np.array([value for one, its, value in rows if (one, its) == (name, form.name)])
                if len(plain):
                    more, fewer = int((other > plain).sum()), int((other < plain).sum())
                    cells.append(f"{law}, {name}, {form.name}")
                    chances.append(at_least(more, more + fewer, 0.5))  # an exact, paired sign test
                    if more:
                        notes[cells[-1]] = f"{more} solved only so, {fewer} only lossless, of {len(plain)}"
    corrected = holm(chances)
    least = int(np.argmin(corrected))
    return Figure(
        "solving",
        f"least p, corrected for {len(cells)} cells, that a form solves more ({cells[least]})",
        "",
        ours=float(corrected[least]),
        baseline=float(min(chances)),
        ratio=float(corrected[least] / min(chances)),
        against="the same p, not corrected",
        target=LEVEL,
        notes=notes,
    )


def _unsolved(rows: list[Row], planted: str, form: str) -> tuple[float, int]:
    """The share unsolved, and of how many; a question on which nobody is judged does not count."""
    values = np.array([value for one, its, value in rows if (one, its) == (planted, form)], float)
    values = values[np.isfinite(values)]
    return (float((values < 1).mean()) if len(values) else math.nan), len(values)

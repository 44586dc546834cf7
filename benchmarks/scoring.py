"""Scoring: 1,000 answers of 32 frames at 128² in h264 mp4 files, with and without metrics of looks.

Timed up to results, statuses and card; the page with its moving pictures is drawn once, and noted.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.timing import Figure, Target
from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4
from worldlaw.exam import load_paper, truth_of
from worldlaw.exam.page.exam_page import write_exam_report
from worldlaw.exam.paper.paper_folder import MadePaper, make_paper
from worldlaw.exam.scoring.exam_scores import score
from worldlaw.exam.scoring.question_scores import PARTS

ANSWERS = 1000
CORES = 2
WITHOUT, WITH = Target(15.0, at="most"), Target(45.0, at="most")  # s
AGAINST = "reading the same files one by one, and nothing else"


def measure(quick: bool) -> list[Figure]:
    """Seconds for all answers, one to a question, and what parts of the work take of them."""
    with tempfile.TemporaryDirectory() as place:
        made = _answered(Path(place), 9 if quick else ANSWERS)
        workers = min(CORES, os.cpu_count() or 1)
        answers = Path(place) / "answers"
        score(made.folder, answers, workers=workers)  # compiles what is not compiled yet
        return [_measure(made, answers, workers, look, 1 if quick else 3) for look in (False, True)]


def _answered(folder: Path, num: int) -> MadePaper:
    """A paper and a folder of true answers to it, compressed."""
    paper = load_paper("laws-in")
    each = -(-num // len(paper.sections))
    sections = tuple(dataclasses.replace(section, num_questions=each) for section in paper.sections)
    made = make_paper(dataclasses.replace(paper, sections=sections), folder / "paper")
    (folder / "answers").mkdir()
    for question in made.questions[:num]:
        content = encode_mp4(truth_of(made.paper, question).video(), paper.video.fps, quality=23)
        (folder / "answers" / f"{question.id}.mp4").write_bytes(content)
    return made


def _measure(made: MadePaper, answers: Path, workers: int, look: bool, repetitions: int) -> Figure:
    runs = [score(made.folder, answers, workers=workers, look=look, report=False) for _ in range(repetitions)]
    wall = np.array([run.seconds["wall"] for run in runs])
    middle = runs[int(np.argsort(wall)[len(wall) // 2])]
    reading = _reading(answers)
    started = time.perf_counter()
    write_exam_report(middle.folder, made.folder, answers)
    page = time.perf_counter() - started
    busy = sum(middle.seconds[part] for part in PARTS)
    shares = ", ".join(f"{part} {middle.seconds[part] / busy:.0%}" for part in PARTS)
    num = middle.count("scored")
    return Figure(
        "scoring",
        f"{num:,} answers of {made.paper.video.num_frames} frames, {made.paper.video.width}²"
        f"{', with PSNR and SSIM' if look else ''}, {workers} workers",
        "s",
        ours=float(np.median(wall)),
        baseline=reading,
        ratio=float(np.median(wall) / reading),
        against=AGAINST,
        target=WITH if look else WITHOUT,
        spread=(float(wall.min()), float(wall.max())),
        notes={
            "of the work": shares,
            "processor time of all workers": f"{busy:.1f} s",
            "the page on top": f"{page:.1f} s",
        },
    )


def _reading(answers: Path) -> float:
    started = time.perf_counter()
    for path in sorted(answers.glob("*.mp4")):
        read_film(path)
    return time.perf_counter() - started

"""Writes the submission card beside the results of an exam."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worldlaw.core.artifact import checksum, provenance, write_text
from worldlaw.core.errors import BadInput
from worldlaw.exam.answers.answer_folder import open_answers
from worldlaw.exam.cards.card_format import (
    CARD,
    FORMAT,
    Card,
    HashesOfCard,
    ModelOfCard,
    PaperOfCard,
    ScoringOfCard,
    VersionsOfCard,
    VideoOfCard,
)
from worldlaw.exam.paper.paper_index import PaperIndex
from worldlaw.exam.scoring import question_scores
from worldlaw.exam.scoring.coarse_forms import COARSE_SHARE
from worldlaw.exam.scoring.scores import INDEX, RESULTS, Scores, read_scores
from worldlaw.exam.scoring.summary import other_metrics_of, questions_of, summary_of
from worldlaw.measure import references
from worldlaw.measure.metrics import metrics, trajectory
from worldlaw.measure.metrics.caps import BREAK_PIXELS, CAPS, SOLVED_EXTRA
from worldlaw.measure.tracking import trackers
from worldlaw.worlds import scenarios

PACKAGES = ("numpy", "scipy", "numba", "pyarrow", "pillow", "av")


def write_card(
    scores: Path,
    paper: Path,
    answers: Path,
    *,
    look: bool = False,
    verdicts: bool = False,
    tracks: Path | None = None,
    limits: Mapping[str, Mapping[str, float]] | None = None,
) -> Card:
    """Write ``card.json`` into a folder of scores; the same scores give the same bytes on one machine.

    ``paper`` is the folder that ``exam make`` wrote, ``tracks`` the folder of the user's own tracker, if it
    was used, ``limits`` those of verdicts by scenario.
    Raises BadInput for a folder that does not hold what it should.
    """
    card = make_card(
        read_scores(scores, paper),
        scores,
        paper,
        answers,
        look=look,
        verdicts=verdicts,
        tracks=tracks,
        limits=limits or {},
    )
    write_text(scores / CARD, card.to_json())
    return card


def make_card(
    found: Scores,
    scores: Path,
    paper: Path,
    answers: Path,
    *,
    look: bool,
    verdicts: bool,
    tracks: Path | None,
    limits: Mapping[str, Mapping[str, float]],
) -> Card:
    """The card, not written."""
    index = found.index
    opened = open_answers(answers, (one.id for one in found.questions))
    files, declared = hashes_of(answers, opened.files()), opened.declared
    return Card(
        format=FORMAT,
        paper=paper_of(index),
        video=video_of(index),
        model=ModelOfCard(
            name=declared.model or None,
            about=declared.about or None,
            settings=declared.settings,
            sampler_steps=declared.sampler_steps,
            seeds=declared.seeds,
        ),
        scoring=ScoringOfCard(
            look=look, verdicts=verdicts, tracks=None if tracks is None else hashes_of_tracks(tracks)
        ),
        versions=versions_of(found),
        thresholds=thresholds(),
        limits={scenario: dict(its) for scenario, its in sorted(limits.items())},
        hashes=HashesOfCard(
            answers=files,
            all_answers=hash_of(files),
            paper_index=checksum(paper / INDEX),
            results=checksum(scores / RESULTS),
        ),
        summary=summary_of(found),
        questions=questions_of(found),
        other_metrics=other_metrics_of(found),
    )


def paper_of(index: PaperIndex) -> PaperOfCard:
    """What the index of a paper's folder says of the paper."""
    definition = index["paper"]
    secret = index.get("secret_hash")
    return PaperOfCard(
        name=str(definition.get("name", "")),
        version=int(definition.get("version", 0)),
        sha256=str(index.get("paper_sha256")),
        set="public" if secret is None else "held-out",
        secret_hash=secret,
        num_questions=len(index["questions"]),
    )


def video_of(index: PaperIndex) -> VideoOfCard:
    """The video that the index of a paper's folder asks for. Raises BadInput if it is none."""
    try:
        video = index["video"]
        return VideoOfCard(
            **{key: int(video[key]) for key in ("width", "height", "num_frames", "context")},
            fps=float(video["fps"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{INDEX}: video: expected width, height, num_frames, fps and context") from error


def versions_of(found: Scores) -> VersionsOfCard:
    """By what code these scores came about: this one."""
    made = provenance(datetime.datetime.now(datetime.UTC))
    filmings = {one.filming for one in found.questions}
    reading = {scenarios.get(one.scenario).tracker for one in found.questions if one.filming == "plain"}
    if filmings - {"plain"}:
        reading.add("foreign")
    used = {metric for _, metric in found.values} & set(metrics.names())
    return VersionsOfCard(
        worldlaw=made["versions"].get("worldlaw", "not installed"),
        commit=made.get("commit"),
        dirty=made.get("dirty"),
        python=made["python"],
        platform=f"{platform.system()} {platform.machine()}",
        packages=_installed(PACKAGES),
        trackers={name: trackers.tracker(name).version for name in sorted(reading)},
        truth={str(name): int(version) for name, version in found.index.get("versions", {}).items()},
        metrics={name: metrics.get(name).version for name in sorted(used)},
        references=references.VERSION,
        scoring=question_scores.VERSION,
    )


def thresholds() -> dict[str, float]:
    """What a solved question may not exceed."""
    return {
        **CAPS,
        "path_break_pixels": BREAK_PIXELS,
        "extra_per_frame": SOLVED_EXTRA,
        "coarse_share": COARSE_SHARE,
        "charge": trajectory.CHARGE,
    }


def hashes_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of some files of a folder, by name. Raises BadInput if one cannot be read."""
    found = {}
    for name in sorted(names):
        try:
            found[name.encode(errors="backslashreplace").decode()] = checksum(folder / name)
        except OSError as error:
            raise BadInput(f"{folder / name}: cannot be read ({error.strerror})") from error
    return found


def hashes_of_answers(folder: Path, questions: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every file that scoring a folder of answers to these questions reads, by name."""
    return hashes_of(folder, open_answers(folder, questions).files())


def hashes_of_tracks(folder: Path) -> dict[str, str]:
    """SHA-256 of every CSV file in a folder of tracks, by name. Raises BadInput if there is no folder."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")
    return hashes_of(folder, (path.name for path in folder.glob("*.csv") if path.is_file()))


def hash_of(content: Any) -> str:
    """SHA-256 of content as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # av is an extra
            continue
    return found

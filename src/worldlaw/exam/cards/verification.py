"""Scores answers again and says whether that gives what their card says."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worldlaw.core.artifact import checksum
from worldlaw.core.errors import BadInput
from worldlaw.exam.cards.card import hashes_of_answers, hashes_of_tracks
from worldlaw.exam.cards.card_format import CARD, Card, VersionsOfCard, read_card
from worldlaw.exam.paper.paper import load_paper, papers, with_video
from worldlaw.exam.paper.paper_folder import make_paper, open_paper
from worldlaw.exam.paper.secret import secret_of
from worldlaw.exam.scoring.scores import RESULTS

CLOSE = 1e-6  # of a value, and of 1 where it is smaller
MOST_NAMED = 5  # files or rows that are named
SAME_BYTES, CLOSE_ENOUGH, OTHER_NUMBERS = "same bytes", "same to 1e-6", "other numbers"
OTHER_CARD = "the card's numbers are not those of its results"
OTHER_ANSWERS, OTHER_PAPER, OTHER_TRACKS = "other answers", "other paper", "other tracks"
SCORING = "scoring"  # the version that says by what method intervals are
ENDS = (", low", ", high")
VERIFIED = (SAME_BYTES, CLOSE_ENOUGH)


@dataclass(frozen=True)
class Change:
    """One number that came out otherwise."""

    where: str
    said: float  # by the card or its results
    found: float


@dataclass(frozen=True)
class Verification:
    """What scoring again gave."""

    verdict: str  # one of those above
    files: dict[str, str]  # name -> changed, missing or new, where the files are not those of the card
    versions: dict[str, tuple[Any, Any]]  # what is another version -> (of the card, here)
    compared: str  # against what numbers were compared; empty if none
    num_compared: int
    largest: float  # difference, NaN where nothing was compared
    changes: tuple[Change, ...]  # beyond CLOSE, the largest first
    otherwise: dict[str, tuple[Any, Any]]  # what the card says that is no number -> (of the card, here)

    @property
    def verified(self) -> bool:
        """Whether the card says what scoring again gives."""
        return self.verdict in VERIFIED


def verify(
    card_path: Path,
    answers: Path,
    *,
    paper: Path | None = None,
    secret: Path | None = None,
    tracks: Path | None = None,
    workers: int = 1,
    allow: Collection[str] = (),
    wrap: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    progress: Any = None,
) -> Verification:
    """Hash the answers, score them again where nobody sees it, compare the results and what the card says.

    ``paper`` is the folder that ``exam make`` wrote; a paper that ships is made again without it, and
    ``allow`` are the scenarios of the user's own that the folder may name. All rows
    are compared where ``results.parquet`` lies beside the card as it was written, and the numbers of the card
    always. Numbers are the same if they differ by at most 1e-6, of the value where that is more than 1.

    Raises BadInput for a file that is no card, a folder that is not there, a paper that has to be given and
    is not, a missing or another secret.
    """
    card = read_card(card_path)
    files = _other_files(card.hashes.answers, hashes_of_answers(answers, card.questions))
    if files:
        return _unscored(OTHER_ANSWERS, files=files)
    if (card.scoring.tracks is None) != (tracks is None):
        what = "its answers were read by" if tracks is None else "it knows nothing of"
        raise BadInput(
            f"{card_path}: {what} tracks of the maker's own; {'give' if tracks is None else 'omit'} --tracks"
        )
    if tracks is not None:
        files = _other_files(card.scoring.tracks or {}, hashes_of_tracks(tracks))
        if files:
            return _unscored(OTHER_TRACKS, files=files)
    opened = secret_of(secret, card.paper.secret_hash)
    with tempfile.TemporaryDirectory(prefix="worldlaw-verify-") as place:
        if paper is None:
            again = Path(place) / "paper"
            other = _remake(card, again, opened, wrap)
        else:
            again, other = paper, _other_paper(card, paper, allow)
        if other:
            return _unscored(OTHER_PAPER, versions=other)
        from worldlaw.exam.scoring.exam_scores import score

        out = Path(place) / "scores"
        score(
            again,
            answers,
            out,
            workers=workers,
            look=card.scoring.look,
            verdicts=card.scoring.verdicts,
            tracks=tracks,
            secret=secret,
            report=False,
            allow=allow,
            progress=progress,
        )
        return compare_scores(card_path, card, out)


def compare_scores(card_path: Path, card: Card, out: Path) -> Verification:
    """A card against a folder of scores of the same answers: its results, then all that it says itself."""
    again = read_card(out)
    versions = _other_versions(card.versions, again.versions)
    beside = (card_path if card_path.is_dir() else card_path.parent) / RESULTS
    same = checksum(out / RESULTS) == card.hashes.results
    num, largest, what = 0, 0.0, ""
    changes: tuple[Change, ...] = ()
    if same:
        num, what = pq.read_metadata(out / RESULTS).num_rows, RESULTS
    elif beside.is_file() and checksum(beside) == card.hashes.results:
        said = _rows(pq.read_table(beside))
        num, what = len(said), RESULTS
        largest, changes = differences(said, _rows(pq.read_table(out / RESULTS)))
    if changes:
        return Verification(OTHER_NUMBERS, {}, versions, what, num, largest, changes, {})
    numbers, texts = _told(card, again, strictly=not versions, intervals=SCORING not in versions)
    if card.hashes.paper_index != again.hashes.paper_index and versions:
        versions["paper.json"] = (card.hashes.paper_index[:16], again.hashes.paper_index[:16])
    if not what:  # of the results there is nothing but a hash
        num, what = len(numbers[0]), f"the numbers of {CARD}"
    apart, changes = differences(*numbers)
    if changes or texts:
        verdict = OTHER_NUMBERS if what != RESULTS and not texts else OTHER_CARD
    else:
        verdict = SAME_BYTES if same and apart == 0 else CLOSE_ENOUGH
    return Verification(verdict, {}, versions, what, num, max(largest, apart), changes, texts)


def _told(
    card: Card, again: Card, *, strictly: bool, intervals: bool
) -> tuple[tuple[dict[str, float], dict[str, float]], dict[str, tuple[Any, Any]]]:
    """The numbers of two cards by where they stand, and what else they say otherwise.

    Versions aside, the format, other metrics, and the hash of the results. The index of the paper, which
    names the version that made it, is the same only where all versions are; it counts if ``strictly``.
    Without ``intervals`` their ends are left out: another version of scoring may have them by another method
    from the same results.
    """
    numbers: list[dict[str, float]] = []
    texts: list[dict[str, Any]] = []
    for one in (card, again):
        leaves = dict(
            _leaves(
                one.model_dump(
                    exclude={"versions": True, "format": True, "other_metrics": True, "hashes": {"results"}}
                )
            )
        )
        if not strictly:
            leaves.pop("hashes, paper_index")
        if not intervals:
            leaves = {where: value for where, value in leaves.items() if not where.endswith(ENDS)}
        known = {where: _number(value) for where, value in leaves.items()}
        numbers.append({where: value for where, value in known.items() if value is not None})
        texts.append({where: leaves[where] for where, value in known.items() if value is None})
    old, new = texts
    nothing = "nothing"
    otherwise = {
        where: (old.get(where, nothing), new.get(where, nothing))
        for where in dict.fromkeys([*old, *new])
        if (where in old, old.get(where)) != (where in new, new.get(where))
    }
    # A number that is null on the other side is a number that differs: told once.
    absent = {where for side in numbers for where in side} & otherwise.keys()
    return (numbers[0], numbers[1]), {k: pair for k, pair in otherwise.items() if k not in absent}


def _leaves(content: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every value in nested mappings and lists, by the way to it, and how long each of them is."""
    if isinstance(content, (dict, list)):
        if not content:
            yield ", ".join(place), type(content)()
        inner = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in inner:
            yield from _leaves(value, (*place, str(key)))
    else:
        yield ", ".join(place), content


def _number(value: Any) -> float | None:
    """A number, truth values aside; None if it is none, or larger than a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e300 else None


def differences(said: Mapping[str, float], found: Mapping[str, float]) -> tuple[float, tuple[Change, ...]]:
    """The largest difference of two tables of numbers, and those beyond CLOSE, the largest first.

    NaN equals NaN; a number on one side only differs by infinity.
    """
    nowhere = float("nan")
    largest, changes = 0.0, []
    for where in dict.fromkeys([*said, *found]):
        one, other = said.get(where, nowhere), found.get(where, nowhere)
        both = where in said and where in found
        if both and (one == other or (np.isnan(one) and np.isnan(other))):
            continue
        apart = abs(one - other) if both and np.isfinite(one) and np.isfinite(other) else float("inf")
        largest = max(largest, apart)
        if apart > CLOSE * max(1.0, abs(one)):
            changes.append((apart, Change(where, one, other)))
    changes.sort(key=lambda change: (-change[0], change[1].where))
    return largest, tuple(change for _, change in changes)


def lines(found: Verification) -> Iterator[str]:
    """The verification as lines for a terminal."""
    yield found.verdict + _explained(found)
    for name, fate in list(found.files.items())[:MOST_NAMED]:
        yield f"  {fate}: {name}"
    if len(found.files) > MOST_NAMED:
        yield f"  and {len(found.files) - MOST_NAMED:,} more files"
    for what, (said, here) in found.versions.items():
        yield f"  {what}: {said} in the card, {here} here"
    for what, (said, here) in list(found.otherwise.items())[:MOST_NAMED]:
        yield f"  {what}: {said!r:.80} in the card, {here!r:.80} now"
    if len(found.otherwise) > MOST_NAMED:
        yield f"  and {len(found.otherwise) - MOST_NAMED:,} more sayings"
    for change in found.changes[:MOST_NAMED]:
        yield f"  {change.where}: {_shown(change.said)} in the card, {_shown(change.found)} now"
    if len(found.changes) > MOST_NAMED:
        yield f"  and {len(found.changes) - MOST_NAMED:,} more numbers"


def as_json(found: Verification) -> dict[str, object]:
    """The verification as plain data."""
    return {
        "verdict": found.verdict,
        "verified": found.verified,
        "files": found.files,
        "versions": {what: list(pair) for what, pair in found.versions.items()},
        "compared": found.compared or None,
        "num_compared": found.num_compared,
        "largest_difference": found.largest if np.isfinite(found.largest) else None,
        "changes": [
            {"where": one.where, "said": _plain(one.said), "found": _plain(one.found)}
            for one in found.changes
        ],
        "otherwise": {what: list(pair) for what, pair in found.otherwise.items()},
    }


def _explained(found: Verification) -> str:
    if found.verdict == SAME_BYTES:
        return f": {found.num_compared:,} rows of {RESULTS}"
    if found.verdict == CLOSE_ENOUGH:
        numbers = f"{found.num_compared:,} numbers of {found.compared}"
        return f": {numbers}; the largest difference is {found.largest:.2g}"
    if found.verdict == OTHER_NUMBERS:
        why = ", scored by other versions" if found.versions else ""
        return (
            f"{why}: {len(found.changes):,} of {found.num_compared:,} numbers of {found.compared} differ by "
            f"more than {CLOSE:g}, by up to {found.largest:.2g}"
        )
    if found.verdict == OTHER_CARD:
        return f": {len(found.changes) + len(found.otherwise):,} things that it says come out otherwise"
    if found.verdict == OTHER_PAPER:
        return ": not scored again"
    return f": {len(found.files):,} files are not those of the card; not scored again"


def _unscored(
    verdict: str,
    *,
    files: dict[str, str] | None = None,
    versions: dict[str, tuple[Any, Any]] | None = None,
) -> Verification:
    return Verification(verdict, files or {}, versions or {}, "", 0, float("nan"), (), {})


def _other_files(said: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Files that are not as they were, each with what became of it."""
    fates = {
        name: "missing" if name not in found else "new" if name not in said else "changed"
        for name in sorted({*said, *found})
        if said.get(name) != found.get(name)
    }
    order = ("changed", "missing", "new")
    return dict(sorted(fates.items(), key=lambda item: order.index(item[1])))


def _remake(
    card: Card, folder: Path, secret: bytes | None, wrap: Callable[[Iterable[Any]], Iterable[Any]]
) -> dict[str, tuple[Any, Any]]:
    """Make the paper of a card again; what is another about it, if it is not the same."""
    if card.paper.name not in papers():
        raise BadInput(f"paper {card.paper.name!r} does not ship: give its folder with --paper")
    video = card.video
    paper = with_video(
        load_paper(card.paper.name),
        size=(video.width, video.height),
        num_frames=video.num_frames,
        fps=video.fps,
        context=video.context,
    )
    if paper.sha256 != card.paper.sha256:
        return _papers_differ(card, paper.name, paper.version, paper.sha256, card.paper.secret_hash)
    make_paper(paper, folder, secret=secret, wrap=wrap)
    return {}


def _other_paper(card: Card, folder: Path, allow: Collection[str]) -> dict[str, tuple[Any, Any]]:
    made = open_paper(folder, allow=allow)
    return _papers_differ(card, made.paper.name, made.paper.version, made.paper.sha256, made.secret_hash)


def _papers_differ(
    card: Card, name: str, version: int, sha256: str, secret_hash: str | None
) -> dict[str, tuple[Any, Any]]:
    pairs = {
        "paper": (f"{card.paper.name} {card.paper.version}", f"{name} {version}"),
        "definition and video": (card.paper.sha256[:16], sha256[:16]),
        "hash of the secret": (card.paper.secret_hash, secret_hash),
    }
    return {what: pair for what, pair in pairs.items() if pair[0] != pair[1]}


def _other_versions(said: VersionsOfCard, here: VersionsOfCard) -> dict[str, tuple[Any, Any]]:
    """Versions that are not the same, by their names; the place and the machine do not count."""
    old, new = _flat(said.model_dump()), _flat(here.model_dump())
    return {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    }


def _flat(versions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in versions.items():
        if isinstance(value, dict):
            found |= {f"{name.removesuffix('s')} {inner}": one for inner, one in value.items()}
        elif name != "dirty":
            found[name] = value
    return found


def _rows(table: pa.Table) -> dict[str, float]:
    """Every number of a table of results, by where it stands."""
    names = ("question", "answer", "predictor", "body", "metric")
    found: dict[str, float] = {}
    for *where, value in zip(*(table[name].to_pylist() for name in (*names, "value")), strict=True):
        question, answer, predictor, body, metric = where
        place = question + (f", answer {answer}" if answer >= 0 else "") + f", {predictor}, {metric}"
        found[place + (f" of body {body}" if body >= 0 else "")] = np.nan if value is None else value
    return found


def _shown(value: float) -> str:
    return "nothing" if np.isnan(value) else f"{value:.9g}"


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""What there is to judge: the videos of a folder, or the answers of a run and the true clips beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from worldlaw.clips.films import PICTURES, VIDEOS, read_film
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import MANIFEST
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for

SUFFIXES = (*VIDEOS, *PICTURES)
TRUE = "floor"  # the predictor under which the true clips stand in tables
STILL_FPS = 10.0  # Hz, for files that say nothing of time


@dataclass(frozen=True)
class Exhibit:
    """One clip to be judged, and where it belongs."""

    name: str  # what ratings call it: a path below the folder, or <artifact>/<index>
    predictor: str
    split: str
    scenario: str = ""
    clip: int = -1  # index in its split; -1 for a file
    training_seed: int = -1  # -1 for a file
    path: Path = Path()  # the file, or the artifact's folder
    questions: Path | None = None  # the artifact of the true clips, for a run

    def video(self) -> tuple[np.ndarray, float]:
        """Frames (T, H, W, 3) uint8 and their rate in Hz. Raises BadInput if they cannot be read."""
        if self.questions is None:
            film = read_film(self.path, least_frames=1)
            return film.frames, film.fps if np.isfinite(film.fps) else STILL_FPS
        clips = _opened(self.path)
        try:
            return clips.read([self.clip])[0], clips.fps
        except IndexError as error:
            raise BadInput(f"{self.path}: expected clip {self.clip}; found {len(clips)} clips") from error


def exhibits(folder: Path) -> list[Exhibit]:
    """Everything in a folder of videos, or of a run's folder: all models' answers and the true test clips.

    In a folder of videos the first sub-folder stands for the model and those below it for the split. Codecs'
    reconstructions are left out of a run. Several exhibits may have one name, where two models of a run are
    one artifact.
    Raises BadInput if there is nothing to show, for a link that leads out of the folder, and for a manifest
    that is not a run's.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected a folder of videos, or of a run (runs/NAME)")
    return _of_run(folder) if (folder / MANIFEST).exists() else _of_files(folder)


def sample(found: Sequence[Exhibit], num: int, *, seed: int = 0) -> list[Exhibit]:
    """At most ``num`` clips of every model, scenario and split, drawn without replacement.

    A draw goes in turn through training seeds and through the values of attributes that are names (a colour,
    a template), so that each has its share. A smaller sample is part of a larger one with the same seed.
    """
    cells: dict[tuple[str, str, str], dict[str, list[Exhibit]]] = {}
    for each in found:
        cell = cells.setdefault((each.scenario, each.predictor, each.split), {})
        cell.setdefault(_stratum(each), []).append(each)
    drawn = []
    for address, strata in cells.items():
        rng = rng_for(seed, "rating sample", *address)
        queues = [
            [members[place] for place in rng.permutation(len(members))]
            for _, members in sorted(strata.items())
        ]
        queues = [queues[place] for place in rng.permutation(len(queues))]
        longest = max(map(len, queues))
        in_turn = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
        drawn += in_turn[:num]
    return drawn


def _of_files(folder: Path) -> list[Exhibit]:
    inside = os.path.realpath(folder)
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in place.parts)
        if hidden or path.suffix.lower() not in SUFFIXES or path.is_dir():
            continue
        if not Path(os.path.realpath(path)).is_relative_to(inside):
            raise BadInput(f"{path}: a link that leads out of the folder; put the video itself there")
        if not path.is_file():
            raise BadInput(f"{path}: no regular file")
        first, *rest = place.parts[:-1] or ("",)
        found.append(Exhibit(place.as_posix(), first, "/".join(rest), path=path))
    if not found:
        raise BadInput(
            f"{folder}: no videos here; expected {', '.join(SUFFIXES)} files, or a run's {MANIFEST}"
        )
    return found


def _of_run(folder: Path) -> list[Exhibit]:
    record = _record(folder)
    root = folder.parent
    try:
        experiment = record["experiment"]
        trained = _instances(experiment)
        tests = {
            (world, split): int(about["clips"])
            for world, spec in experiment["worlds"].items()
            for split, about in spec["test"].items()
        }
        made = [(entry["stage"], entry["for"].split(" / "), entry["folder"]) for entry in record["artifacts"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{folder / MANIFEST}: not the manifest of a run ({error!r})") from error
    questions = {
        (place[0], place[1]): root / name
        for stage, place, name in made
        if stage == "simulate" and tuple(place) in tests
    }
    found = []
    for stage, place, name in made:
        if stage == "simulate" and tuple(place) in questions:
            world, split = place
            predictor, training_seed = TRUE, int(experiment["seed"])
        elif stage == "generate" and len(place) == 3 and place[1] in trained:
            world, split = place[0], place[2]
            predictor, training_seed = trained[place[1]]
        else:
            continue
        found += [
            Exhibit(
                f"{name}/{clip:06d}",
                predictor,
                split,
                world,
                clip,
                training_seed,
                root / name,
                questions[world, split],
            )
            for clip in range(tests[world, split])
        ]
    if not found:
        raise BadInput(f"{folder}: this run has no test clips and no answers; run it up to generate")
    return found


def _record(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not readable as JSON ({error})") from error
    if isinstance(record, dict) and "stage" in record:
        raise BadInput(
            f"{folder}: a {record['stage']} artifact; expected the folder of a run, where report.html lies"
        )
    if not isinstance(record, dict):
        raise BadInput(f"{path}: not the manifest of a run")
    return record


def _instances(experiment: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """Instance in the plan -> (model, training seed)."""
    found = {}
    for name, spec in experiment["models"].items():
        seeds = (spec or {}).get("seeds")
        if seeds is None:
            found[name] = (name, int(experiment["seed"]))
        else:
            found |= {f"{name} seed {seed}": (name, int(seed)) for seed in seeds}
    return found


def _stratum(exhibit: Exhibit) -> str:
    if exhibit.questions is None:
        return ""
    attributes = _opened(exhibit.questions).scene(exhibit.clip).attributes
    named = sorted((name, value) for name, value in attributes.items() if isinstance(value, str))
    return json.dumps([exhibit.training_seed, named])


@lru_cache(maxsize=256)
def _opened(folder: Path) -> Clips:
    """Shards of an artifact; how many files stay open is up to ``Clips``."""
    if not os.path.isdir(folder):
        raise BadInput(f"{folder}: not here; run the experiment again to make it anew")
    return Clips(folder)

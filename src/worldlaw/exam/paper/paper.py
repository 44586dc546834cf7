"""A paper: a versioned set of questions with fixed seeds, from a YAML file that ships or another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.region import Region
from worldlaw.core.strict_files import Name, RawRegion, Strict, explain, inherit, read_yaml
from worldlaw.worlds import Scenario, scenarios, training_region

SHIPPED = Path(__file__).parents[1] / "shipped"
FILMINGS = ("plain", "textured")
SIZES = (32, 4096)  # pixels of a side
LENGTHS = (2, 4096)  # frames
RATES = (0.1, 1000.0)  # Hz
LONGEST = 600.0  # s of a video
MOST_QUESTIONS = 10_000  # of a section: ids have four digits


@dataclass(frozen=True)
class PaperVideo:
    """What the model under test wants."""

    width: int  # pixels
    height: int
    num_frames: int  # T, the given ones among them
    fps: float  # Hz
    context: int  # K, frames that are given


@dataclass(frozen=True)
class PaperSection:
    """Questions about one law, filmed in one way, from one region."""

    name: str  # unique in the paper
    scenario: str
    region: Region
    training: Region | None  # None: the paper knows nothing of what the model was trained on
    num_questions: int
    filming: str  # one of FILMINGS
    stream: str  # sections of one stream ask about the same scenes


@dataclass(frozen=True)
class Paper:
    """A versioned set of questions."""

    name: str
    version: int
    about: str
    seed: int
    video: PaperVideo
    sections: tuple[PaperSection, ...]

    @property
    def num_questions(self) -> int:
        """How many questions all sections have together."""
        return sum(section.num_questions for section in self.sections)

    def to_json(self) -> dict[str, Any]:
        """All of the paper as plain data; ``paper_from`` gives an equal paper back."""
        sections = [
            {
                **vars(section),
                "region": section.region.to_json(),
                "training": section.training and section.training.to_json(),
            }
            for section in self.sections
        ]
        return {**vars(self), "video": vars(self.video), "sections": sections}

    @property
    def sha256(self) -> str:
        """Hash of all that the paper asks, the video wanted among it."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class PaperQuestion:
    """One question of a paper."""

    id: str
    section: PaperSection
    index: int  # within its section


class AskedVideo(Strict):
    """``PaperVideo`` as it stands in files."""

    width: int
    height: int
    num_frames: int
    fps: float
    context: int


class _Section(Strict):
    """Where no region is said it is the training region; where no training is, the scenario's own ranges."""

    scenario: str
    questions: int = Field(ge=1, le=MOST_QUESTIONS)
    region: RawRegion = {}
    training: RawRegion | None = None
    filming: list[str] = Field(default=["plain"], min_length=1)


class _Every(Strict):
    """A section of every scenario that is registered, those of plugins among them."""

    questions: int = Field(ge=1, le=MOST_QUESTIONS)
    filming: list[str] = Field(default=["plain"], min_length=1)
    regions: dict[str, RawRegion] = {}  # of scenarios whose own ranges are not wanted


class _Paper(Strict):
    name: Name
    version: int = Field(default=1, ge=1)
    about: str = ""
    seed: int = Field(default=0, ge=0)
    video: AskedVideo
    sections: dict[Name, _Section] = {}
    every_scenario: _Every | None = None


def papers() -> dict[str, Path]:
    """The papers that ship, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def load_paper(name: str | Path) -> Paper:
    """The paper that ships under a name, or that of a YAML file.

    Raises BadInput, one line that names the key, for whatever is wrong.
    """
    text = str(name)
    if text in papers():
        path = papers()[text]
    elif isinstance(name, str) and "/" not in text and not text.endswith((".yaml", ".yml")):
        raise unknown("paper", text, papers())
    else:
        path = Path(name)
    raw = read_yaml(path, "a paper")
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else type(raw).__name__
        raise BadInput(f"{path}: expected a paper with keys such as name and sections; found {found}")
    try:
        spec = _Paper.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"{path}: {explain(error, _fields_at)}") from error
    try:
        return _checked(_parse(spec))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def with_video(
    paper: Paper,
    *,
    size: tuple[int, int] | None = None,
    num_frames: int | None = None,
    fps: float | None = None,
    context: int | None = None,
) -> Paper:
    """The same questions filmed otherwise; ``size`` is width and height.

    Raises BadInput for a video that cannot be made.
    """
    wanted: dict[str, Any] = {"num_frames": num_frames, "fps": fps and float(fps), "context": context}
    if size is not None:
        wanted |= {"width": size[0], "height": size[1]}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    return _checked(dataclasses.replace(paper, video=dataclasses.replace(paper.video, **wanted)))


def paper_from(raw: Mapping[str, Any]) -> Paper:
    """The paper that ``to_json`` said. Raises BadInput if something is missing or wrong."""
    try:
        sections = tuple(
            PaperSection(
                **{
                    **section,
                    "region": Region.from_json(section["region"]),
                    "training": section["training"] and Region.from_json(section["training"]),
                }
            )
            for section in raw["sections"]
        )
        return _checked(Paper(**{**raw, "video": PaperVideo(**raw["video"]), "sections": sections}))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"not the definition of a paper ({error})") from error


def _parse(spec: _Paper) -> Paper:
    if not spec.sections and spec.every_scenario is None:
        raise BadInput("expected sections, or every_scenario, to ask anything at all")
    return Paper(
        name=spec.name,
        version=spec.version,
        about=spec.about,
        seed=spec.seed,
        video=PaperVideo(**vars(spec.video)),
        sections=tuple([*_named(spec), *_every(spec.every_scenario)]),
    )


def _named(spec: _Paper) -> Iterator[PaperSection]:
    for name, section in spec.sections.items():
        place = f"sections.{name}"
        scenario = _scenario(section.scenario, place)
        try:
            training = None if section.training is None else training_region(scenario, section.training)
            raw = inherit(section.training or {}, section.region, "region")
            region = training_region(scenario, raw)
        except BadInput as error:
            raise BadInput(f"{place}: {error}") from error
        yield from _filmed(
            name, section.scenario, region, training, section.questions, section.filming, place
        )


def _every(spec: _Every | None) -> Iterator[PaperSection]:
    if spec is None:
        return
    for name in spec.regions:
        if name not in scenarios.names():
            raise unknown("scenario in every_scenario.regions", name, scenarios.names())
    for name in scenarios.names():
        try:
            region = training_region(scenarios.get(name), spec.regions.get(name, {}))
        except BadInput as error:
            raise BadInput(f"every_scenario.regions: {error}") from error
        title = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        yield from _filmed(title, name, region, None, spec.questions, spec.filming, "every_scenario")


def _filmed(
    name: str, scenario: str, region: Region, training: Region | None, count: int, filming: list, place: str
) -> Iterator[PaperSection]:
    """One section for each way of filming; several ask about the same scenes."""
    for how in filming:
        if how not in FILMINGS:
            raise unknown(f"filming in {place}", how, FILMINGS)
        if filming.count(how) > 1:
            raise BadInput(f"{place}.filming: {how!r} is given twice")
        title = f"{name}-{how}" if len(filming) > 1 else name
        yield PaperSection(title.replace("_", "-"), scenario, region, training, count, how, name)


def _scenario(address: str, place: str) -> type[Scenario]:
    try:
        scenario = scenarios.get(address)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from error
    if not (isinstance(scenario, type) and issubclass(scenario, Scenario)):
        raise BadInput(f"{place}: scenario {address!r}: expected a class derived from Scenario")
    return scenario


def _checked(paper: Paper) -> Paper:
    """The same paper. Raises BadInput if its video cannot be made or two sections have one name."""
    names = [section.name for section in paper.sections]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two sections are called {name!r}")
    video = paper.video
    for side, value in (("width", video.width), ("height", video.height)):
        if not SIZES[0] <= value <= SIZES[1]:
            raise BadInput(f"{side}: expected {SIZES[0]} to {SIZES[1]} pixels; found {value}")
        if value % 2:
            raise BadInput(f"{side}: expected an even number of pixels, as mp4 wants; found {value}")
    if not LENGTHS[0] <= video.num_frames <= LENGTHS[1]:
        raise BadInput(f"frames: expected {LENGTHS[0]} to {LENGTHS[1]}; found {video.num_frames}")
    if not RATES[0] <= video.fps <= RATES[1]:
        raise BadInput(f"fps: expected {RATES[0]:g} to {RATES[1]:g} frames a second; found {video.fps:g}")
    if video.num_frames / video.fps > LONGEST:
        raise BadInput(
            f"{video.num_frames} frames at {video.fps:g} a second are {video.num_frames / video.fps:,.0f} s; "
            f"at most {LONGEST:g} s"
        )
    if not 1 <= video.context < video.num_frames:
        raise BadInput(
            f"context: expected 1 to {video.num_frames - 1} given frames of {video.num_frames}; "
            f"found {video.context}"
        )
    return paper


def _fields_at(location: tuple[str | int, ...]) -> list[str]:
    """Names of the keys that are known at a place in the file."""
    inner: dict[str, type[Strict]] = {"video": AskedVideo, "sections": _Section, "every_scenario": _Every}
    return sorted((inner.get(str(location[0]), _Paper) if location else _Paper).model_fields)

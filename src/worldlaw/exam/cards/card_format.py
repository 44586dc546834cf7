"""What a submission card holds: who was examined, on what, by what, and what came out, in one JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worldlaw.core.errors import BadInput
from worldlaw.core.strict_files import read_json

CARD = "card.json"
FORMAT: Literal[2] = 2  # 1 had no other metrics
READABLE = (1, 2)
SCHEMA = "card.schema.json"  # beside this file

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Error = Annotated[float, Field(ge=0)]  # m/s
Count = Annotated[int, Field(ge=0)]


class _Noun(BaseModel):
    """Immutable, strict, finite: what is not known is null."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PaperOfCard(_Noun):
    """Which questions."""

    name: str = Field(min_length=1)
    version: int
    sha256: Sha256 = Field(description="of the definition, the video asked for among it, as canonical JSON")
    set: Literal["public", "held-out"]
    secret_hash: str | None = Field(description="of the secret of a held-out set, published before")
    num_questions: Annotated[int, Field(ge=1)]


class VideoOfCard(_Noun):
    """What was asked for; the frames include the given ones."""

    width: int = Field(ge=1, description="pixels")
    height: int = Field(ge=1, description="pixels")
    num_frames: int = Field(ge=2)
    fps: float = Field(gt=0, description="Hz")
    context: int = Field(ge=1, description="given frames")


class ModelOfCard(_Noun):
    """What answers.json says of the model; null where it does not say."""

    name: str | None
    about: str | None
    settings: Any
    sampler_steps: int | None
    seeds: list[int] | None


class ScoringOfCard(_Noun):
    """What verify must know to score in the same way."""

    look: bool = Field(description="whether metrics of pixels were asked for")
    verdicts: bool = Field(description="whether limits of verdicts were measured where none ship")
    tracks: dict[str, Sha256] | None = Field(description="files of the user's own tracker, if it read them")


class VersionsOfCard(_Noun):
    """By what code; numbers compare only where all but the packages agree."""

    worldlaw: str
    commit: str | None = Field(description="of a source checkout")
    dirty: bool | None = Field(description="whether the checkout was changed")
    python: str
    platform: str
    packages: dict[str, str]
    trackers: dict[str, int]
    truth: dict[str, int] = Field(description="of laws, pictures and prompts, as paper.json says")
    metrics: dict[str, int]
    references: int
    scoring: int


class HashesOfCard(_Noun):
    """Of the files that went in and came out."""

    answers: dict[str, Sha256] = Field(description="every file that scoring read")
    all_answers: Sha256 = Field(description="of the line above as canonical JSON")
    paper_index: Sha256 = Field(description="of paper.json")
    results: Sha256 = Field(description="of results.parquet")


class ShareOfCard(_Noun):
    """A share with its 95 % interval over scenes."""

    share: Share
    low: Share | None
    high: Share | None


class ErrorOfCard(_Noun):
    """Medians over questions, in m/s."""

    median: Error | None = Field(description="of the velocity error, what could not be measured left out")
    charged_median: Error | None = Field(description="with it charged, as is an answer that is not there")
    floor: Error | None


class ReferenceOfCard(_Noun):
    """The floor or a reference on the same questions."""

    solved: Share | None
    velocity_error: Error | None = Field(description="median over questions, m/s")
    charged_velocity_error: Error | None = Field(
        default=None, description="likewise, what could not be measured charged; since scoring 3"
    )


class LineOfCard(_Noun):
    """A summary over some questions; section, scenario and filming are null where it is over several."""

    section: str | None
    scenario: str | None
    filming: str | None
    num_questions: Count
    answered: Count = Field(description="questions with an answer that was scored")
    excluded: Count = Field(description="answers that are there but could not be scored")
    missing: Count = Field(description="answers that are not there")
    not_scorable: Count = Field(description="questions that nobody can be judged on")
    solved: ShareOfCard | None
    measured_share: Share | None = Field(description="missing answers count 0, since scoring 3")
    velocity_error: ErrorOfCard
    abnormal: ShareOfCard | None = Field(description="of scenes of rigid bodies")
    beside: dict[str, ReferenceOfCard]


class SummaryOfCard(_Noun):
    """Over all questions, over each scenario and filming, over each section."""

    all: LineOfCard
    scenarios: list[LineOfCard]
    sections: list[LineOfCard]


class QuestionOfCard(_Noun):
    """Means over the answers to one question: all that a comparison of two cards needs."""

    section: str
    scenario: str
    filming: str
    scene: str = Field(description="questions about one scene, filmed in several ways, are not independent")
    answers: Annotated[int, Field(ge=1, description="expected")]
    scored: Count
    horizon: int | None = Field(description="frames that count, if fewer than all may")
    solved: Share | None = Field(description="missing and excluded answers count 0; null: not scorable")
    velocity_error: Error | None = Field(description="charged, m/s")
    abnormal: Share | None


class OtherMetricOfCard(_Noun):
    """A metric that papers do without, or a plugin's: medians over the questions on which it is a number."""

    version: int
    unit: str
    median: float | None = Field(description="of the answers")
    floor: float | None = Field(description="of the true videos, measured alike")
    num_questions: Count = Field(description="on which it is a number for the answers")


class Card(_Noun):
    """A submission card."""

    model_config = ConfigDict(title="worldlaw exam card")

    format: Literal[1, 2]
    paper: PaperOfCard
    video: VideoOfCard
    model: ModelOfCard
    scoring: ScoringOfCard
    versions: VersionsOfCard
    thresholds: dict[str, float]
    limits: dict[str, dict[str, float]] = Field(
        description="scenario -> what each verdict may not exceed in clips of the form of these answers"
    )
    hashes: HashesOfCard
    summary: SummaryOfCard
    questions: dict[str, QuestionOfCard]
    other_metrics: dict[str, OtherMetricOfCard] = Field(
        default={}, description="beyond the paper's: they enter neither ranking nor verify; since format 2"
    )

    def to_json(self) -> str:
        """The text of the file; the same card gives the same bytes."""
        return json.dumps(self.model_dump(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_card(path: Path) -> Card:
    """The card in a file, or in a folder of scores. Raises BadInput in one line if it is none."""
    path = path / CARD if path.is_dir() else path
    raw = read_json(path, "not a card: ", absent="no card here ({}); exam score writes one")
    if not isinstance(raw, dict) or "format" not in raw:
        raise BadInput(f"{path}: not a card: no 'format'")
    if raw["format"] not in READABLE:
        raise BadInput(f"{path}: a card of format {raw['format']!r:.20}; this version reads 1 and 2")
    try:
        card = Card.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{path}: not a card: {where}: {first['msg']}; found {first['input']!r:.60}"
        ) from error
    if card.paper.num_questions != len(card.questions):
        raise BadInput(
            f"{path}: not a card: {len(card.questions)} questions; its paper has {card.paper.num_questions}"
        )
    return card


def card_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a card; what lies in ``card.schema.json``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Card.model_json_schema()}

"""Folders of papers, answers and scores as the exam writes them, made by hand for tests."""

import hashlib
import json
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

NAN = float("nan")
SECTIONS = {
    "fall-plain": ("parabola", "plain"),
    "fall-textured": ("parabola", "textured"),
    "drift-plain": ("uniform_motion", "plain"),
}


@dataclass
class Folders:
    """A paper with some questions per section, one file per answer, and what scoring would have written.

    ``outcomes`` are, for one question, what became of each of its answers: a velocity error in m/s, or
    "missing" or "excluded".
    """

    root: object
    outcomes: dict
    model: str | None = "wan"
    declared: dict = field(default_factory=dict)
    video: dict = field(
        default_factory=lambda: {"width": 64, "height": 36, "num_frames": 8, "fps": 8.0, "context": 1}
    )
    secret_hash: str | None = None
    name: str = "tiny"

    def make(self):
        """Write the three folders; returns (scores, paper, answers)."""
        paper, answers, scores = (self.root / name for name in ("paper", "answers", "answers-scores"))
        for folder in (paper, answers, scores):
            folder.mkdir(parents=True, exist_ok=True)
        paper_itself = {
            "name": self.name,
            "version": 1,
            "seed": 7,
            "sections": [{"name": name, "stream": name.partition("-")[0]} for name in SECTIONS],
            "video": self.video,
        }
        index = {
            "format": 1,
            "paper": paper_itself,
            "paper_sha256": hashlib.sha256(json.dumps(paper_itself).encode()).hexdigest(),
            "video": self.video,
            "versions": {"scenario parabola": 1, "render": 1},
            "secret_hash": self.secret_hash,
            "questions": [
                {
                    "id": name,
                    "section": section_of(name),
                    "scenario": SECTIONS[section_of(name)][0],
                    "filming": SECTIONS[section_of(name)][1],
                    "prompt": f"A ball, question {name}.",
                }
                for name in self.outcomes
            ],
        }
        (paper / "paper.json").write_text(json.dumps(index))
        declared = {} if self.model is None else {"model": self.model}
        if declared | self.declared:
            (answers / "answers.json").write_text(json.dumps(declared | self.declared))
        statuses, rows = [], []
        for name, outcomes in self.outcomes.items():
            for k, outcome in enumerate(outcomes):
                statuses.append(self._status(name, k, outcome))
                if outcome != "missing":
                    (answers / f"{name}__{k}.mp4").write_bytes(f"{name} {k} {outcome}".encode())
                if not isinstance(outcome, str):
                    rows += rows_of(name, k, "answers", "model", outcome)
            rows += rows_of(name, -1, "floor", "floor", 0.01)
            rows += rows_of(name, -1, "standing_still", "reference", 2.0)
        (scores / "status.json").write_text(json.dumps(statuses))
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, scores / "results.parquet")
        return scores, paper, answers

    def _status(self, name, k, outcome):
        status = outcome if isinstance(outcome, str) else "scored"
        return {
            "question": name,
            "answer": k,
            "file": "" if outcome == "missing" else f"{name}__{k}.mp4",
            "status": status,
            "reason": {"missing": "no answer", "excluded": "unreadable: empty (0 bytes)"}.get(status, ""),
            "adjustments": [{"what": "rate", "detail": "16 to 8 fps"}] if status == "scored" else [],
            "floor": {"through": "h264", "velocity_error": 0.01} if status == "scored" else {},
            "horizon": 8,
        }


def section_of(question):
    return question.rpartition("-")[0]


def rows_of(question, answer, predictor, kind, error, **metrics):
    """Rows of one answer in which everything was measured, with this velocity error in m/s."""
    section = section_of(question)
    scenario, filming = SECTIONS[section]
    values = {
        "velocity_error": (error, "m/s", 0.0),
        "charged_velocity_error": (error, "m/s", 0.0),
        "measured_share": (1.0, "", 1.0),
        "lost_share": (0.0, "", 0.0),
        "solved": (NAN if error != error else float(error <= 0.1), "", 1.0),
        **{name: (value, "", 0.0) for name, value in metrics.items()},
    }
    return [
        {
            "paper": "tiny",
            "section": section,
            "scenario": scenario,
            "filming": filming,
            "level": "in",
            "in_train_region": "unknown",
            "question": question,
            "answer": answer,
            "predictor": predictor,
            "kind": kind,
            "body": -1,
            "metric": metric,
            "value": value,
            "unit": unit,
            "best": best,
        }
        for metric, (value, unit, best) in values.items()
    ]


def questions(section, *outcomes):
    """Outcomes of the questions of a section, one answer each unless a list says more."""
    return {
        f"{section}-{index:04d}": outcome if isinstance(outcome, list) else [outcome]
        for index, outcome in enumerate(outcomes)
    }

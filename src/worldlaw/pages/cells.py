"""The long table of results, arranged as one value per clip for every scenario, predictor and metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import Summary, summarize

COLUMNS = (
    "experiment",
    "scenario",
    "predictor",
    "kind",
    "training_clips",
    "training_seed",
    "split",
    "level",
    "clip",
    "answer_seed",
    "body",
    "in_train_region",
    "metric",
    "value",
    "unit",
    "best",
)
KINDS = ("floor", "codec", "model", "reference")
REGIONS = ("ID", "OOD", "unknown")
ALL_BODIES = -1
YES_OR_NO = ("solved", "abnormal")  # metrics that are 0 or 1, and how names of others of them begin
INDEX = "clip"  # unit of rows that hold the index of a clip: nothing to average


@dataclass(frozen=True)
class PerClip:
    """One metric of one predictor in one scenario; several answers to a clip count by their mean.

    S is the number of the predictor's training seeds, in the order of ``Cells.seeds``.
    """

    split: np.ndarray  # (N,) str
    level: np.ndarray  # (N,) str
    region: np.ndarray  # (N,) str, one of REGIONS
    clip: np.ndarray  # (N,) int
    value: np.ndarray  # (N,) the mean over answers and seeds, NaN where no row of the clip is finite
    by_seed: np.ndarray  # (N, S) the mean over answers, NaN where a seed has none
    rows: np.ndarray  # (N,) rows of the table behind each value
    nan_rows: np.ndarray  # (N,) of those, the ones that are not finite
    share: bool = False  # whether an answer's value is yes or no

    def where(self, **among: str | tuple[str, ...]) -> PerClip:
        """The clips for which the named fields have this value, or one of these."""
        keep = np.ones(len(self.value), bool)
        for field, values in among.items():
            keep &= np.isin(getattr(self, field), values)
        arrays = {name: each[keep] for name, each in vars(self).items() if isinstance(each, np.ndarray)}
        return PerClip(**arrays, share=self.share)

    def summary(self) -> Summary:
        """Its mean over clips and training seeds, with the interval of both."""
        return summarize(self.by_seed, share=self.share)

    @staticmethod
    def none() -> PerClip:
        """No clip at all."""
        text, whole = np.zeros(0, object), np.zeros(0, np.int64)
        return PerClip(text, text, text, whole, np.zeros(0), np.zeros((0, 1)), whole, whole)


@dataclass(frozen=True)
class Speeds:
    """True and measured speed of bodies, pairwise."""

    true: np.ndarray  # (P,) m/s
    measured: np.ndarray  # (P,) m/s, NaN where it could not be measured
    region: np.ndarray  # (P,) str


@dataclass(frozen=True)
class Cells:
    """The results of an experiment, by scenario, predictor and metric."""

    scenarios: tuple[str, ...]  # in the order of their first row
    kinds: dict[str, str]  # predictor -> kind, in the order of their first row
    units: dict[str, str]  # metric -> unit
    best: dict[str, float]  # metric -> best possible value, NaN if there is none
    regions: tuple[str, ...]  # those of REGIONS that occur
    per_clip: dict[tuple[str, str, str], PerClip]
    speeds: dict[tuple[str, str], Speeds]
    training_clips: dict[tuple[str, str], int]  # (scenario, predictor)
    seeds: dict[tuple[str, str], tuple[int, ...]]  # (scenario, predictor) -> training seeds, ascending

    def get(self, scenario: str, predictor: str, metric: str) -> PerClip:
        """The values per clip; empty where there are none."""
        return self.per_clip.get((scenario, predictor, metric), PerClip.none())

    def predictors(self, scenario: str) -> Iterator[tuple[str, str]]:
        """(predictor, kind) of those with results in a scenario, in the order of KINDS."""
        present = {key[1] for key in self.per_clip if key[0] == scenario}
        for kind in KINDS:
            yield from ((name, kind) for name, its in self.kinds.items() if its == kind and name in present)


def arrange(results: pa.Table) -> Cells:
    """The cells of a table of results; the order of its rows decides the order of names and nothing else.

    Raises BadInput if a column is missing, a kind is unknown, or one name stands for several predictors.
    """
    missing = [name for name in COLUMNS if name not in results.column_names]
    if missing:
        raise BadInput(f"results: expected the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    names = ("scenario", "predictor", "metric", "split", "level", "kind", "unit", "in_train_region")
    codes, labels = {}, {}
    for name in names:
        codes[name], labels[name] = _encoded(results, name)
    _check(results, codes, labels)
    region = np.where(labels["level"][codes["level"]] == "in", "ID", "OOD").astype(object)
    region[labels["in_train_region"][codes["in_train_region"]] == "unknown"] = "unknown"
    value = results["value"].to_numpy().astype(float)
    best = results["best"].to_numpy().astype(float)
    of_metric = {labels["metric"][code]: row for code, row in _first_rows(codes["metric"])}
    of_predictor = {labels["predictor"][code]: row for code, row in _first_rows(codes["predictor"])}
    seeds, codes["training_seed"] = np.unique(results["training_seed"].to_numpy(), return_inverse=True)
    rows = _Rows(codes, labels, region, results["clip"].to_numpy(), value)
    trained: dict[tuple[str, str], list[int]] = {}  # the columns of a predictor's seeds
    for scenario, predictor, column in _distinct(
        codes["scenario"], codes["predictor"], codes["training_seed"]
    ):
        trained.setdefault((labels["scenario"][scenario], labels["predictor"][predictor]), []).append(column)
    pair = codes["scenario"] * len(labels["predictor"]) + codes["predictor"]
    clips = results["training_clips"].to_numpy()[np.unique(pair, return_index=True)[1]].tolist()
    body = results["body"].to_numpy()
    of_clip = (body == ALL_BODIES) & (labels["unit"][codes["unit"]] != INDEX)
    return Cells(
        scenarios=tuple(str(name) for name in labels["scenario"]),
        kinds={name: str(labels["kind"][codes["kind"][row]]) for name, row in of_predictor.items()},
        units={name: str(labels["unit"][codes["unit"][row]]) for name, row in of_metric.items()},
        best={name: float(best[row]) for name, row in of_metric.items()},
        regions=tuple(name for name in REGIONS if (region == name).any()),
        per_clip=_per_clip(rows, np.flatnonzero(of_clip), trained),
        speeds=_speeds(rows, results, body),
        training_clips=dict(zip(trained, clips, strict=True)),
        seeds={pair: tuple(seeds[columns].tolist()) for pair, columns in trained.items()},
    )


@dataclass(frozen=True)
class _Rows:
    codes: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    region: np.ndarray
    clip: np.ndarray
    value: np.ndarray


def _encoded(results: pa.Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(R,) whole numbers and the names they stand for, in the order of their first row."""
    array = results[name].cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.indices.to_numpy(zero_copy_only=False), np.array(array.dictionary.to_pylist(), object)


def _distinct(*columns: np.ndarray) -> list[tuple[int, ...]]:
    """The combinations of whole numbers that occur, ascending."""
    if not len(columns[0]):
        return []
    sides = [int(column.max()) + 1 for column in columns]
    found = np.unravel_index(np.unique(np.ravel_multi_index(columns, sides)), sides)
    return list(zip(*(column.tolist() for column in found), strict=True))


def _first_rows(codes: np.ndarray) -> list[tuple[int, int]]:
    found, rows = np.unique(codes, return_index=True)
    return [(int(code), int(row)) for code, row in zip(found, rows, strict=True)]


def _check(results: pa.Table, codes: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> None:
    for kind in labels["kind"]:
        if kind not in KINDS:
            raise BadInput(f"results: expected a kind among {', '.join(KINDS)}; found {kind!r}")
    for name in ("kind", "training_clips"):
        other = codes["kind"] if name == "kind" else results[name].to_numpy()
        triples = np.stack([codes["scenario"], codes["predictor"], other])
        pairs, counts = np.unique(np.unique(triples, axis=1)[:2], axis=1, return_counts=True)
        if (counts > 1).any():
            scenario, predictor = pairs[:, np.argmax(counts > 1)]
            raise BadInput(
                f"results: predictor {labels['predictor'][predictor]!r} has several values of {name} in "
                f"{labels['scenario'][scenario]!r}; give each its own name, so that they are not averaged"
            )


def _per_clip(
    rows: _Rows, chosen: np.ndarray, trained: dict[tuple[str, str], list[int]]
) -> dict[tuple[str, str, str], PerClip]:
    """Group the rows of whole clips; several answers to one clip become their mean."""
    if not len(chosen):
        return {}
    names = ("scenario", "predictor", "metric", "split")
    columns = [rows.codes[name][chosen] for name in names] + [rows.clip[chosen] - rows.clip[chosen].min()]
    key = np.ravel_multi_index(columns, [int(column.max()) + 1 for column in columns])
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    value = rows.value[chosen]
    finite = np.isfinite(value)
    count = np.bincount(group)
    num_finite = np.bincount(group, weights=finite)
    total = np.bincount(group, weights=np.where(finite, value, 0))
    mean = np.where(num_finite > 0, total / np.maximum(num_finite, 1), np.nan)
    seed = rows.codes["training_seed"][chosen]
    shape = (len(count), int(seed.max()) + 1)
    place, size = group * shape[1] + seed, shape[0] * shape[1]
    num_by_seed = np.bincount(place, weights=finite, minlength=size).reshape(shape)
    total_by_seed = np.bincount(place, weights=np.where(finite, value, 0), minlength=size).reshape(shape)
    by_seed = np.where(num_by_seed > 0, total_by_seed / np.maximum(num_by_seed, 1), np.nan)
    first = chosen[first]
    cell = np.stack([rows.codes[name][first] for name in names[:3]])
    starts = np.flatnonzero(np.r_[True, (cell[:, 1:] != cell[:, :-1]).any(axis=0)])
    found = {}
    for low, high in zip(starts, [*starts[1:], len(first)], strict=True):
        at = first[low:high]
        scenario, predictor, metric = (rows.labels[name][rows.codes[name][at[0]]] for name in names[:3])
        found[str(scenario), str(predictor), str(metric)] = PerClip(
            split=rows.labels["split"][rows.codes["split"][at]],
            level=rows.labels["level"][rows.codes["level"][at]],
            region=rows.region[at],
            clip=rows.clip[at],
            value=mean[low:high],
            by_seed=by_seed[low:high, trained[scenario, predictor]],
            rows=count[low:high],
            nan_rows=(count - num_finite)[low:high].astype(np.int64),
            share=str(metric).startswith(YES_OR_NO),
        )
    return found


def _speeds(rows: _Rows, results: pa.Table, body: np.ndarray) -> dict[tuple[str, str], Speeds]:
    """Pair the rows true_speed and measured_speed of the same body in the same answer."""
    metric = rows.labels["metric"][rows.codes["metric"]]
    identity = [rows.codes[name] for name in ("scenario", "predictor", "split")]
    identity += [rows.clip, body, *(results[name].to_numpy() for name in ("answer_seed", "training_seed"))]
    stacked = np.stack(identity)
    true, measured = np.flatnonzero(metric == "true_speed"), np.flatnonzero(metric == "measured_speed")
    both = np.concatenate([true, measured])
    if not len(true) or not len(measured):
        return {}
    _, group = np.unique(stacked[:, both], axis=1, return_inverse=True)
    group = group.reshape(-1)
    _, of_true, of_measured = np.intersect1d(group[: len(true)], group[len(true) :], return_indices=True)
    true, measured = true[of_true], measured[of_measured]
    moving = np.isfinite(
        rows.value[true]
    )  # no true speed: the body is never in view, so there is nothing to measure
    true, measured = true[moving], measured[moving]
    found = {}
    cell = stacked[:2, true]
    for scenario, predictor in np.unique(cell, axis=1).T:
        at = (cell[0] == scenario) & (cell[1] == predictor)
        names = str(rows.labels["scenario"][scenario]), str(rows.labels["predictor"][predictor])
        found[names] = Speeds(rows.value[true[at]], rows.value[measured[at]], rows.region[true[at]])
    return found

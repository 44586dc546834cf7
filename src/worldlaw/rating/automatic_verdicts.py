"""The automatic verdicts on the clips that people judge."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from worldlaw.core.artifact import MANIFEST, altered_files, read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.rating.exhibits import Exhibit

FILE = "verdicts.csv"
METRIC = "abnormal"  # rows of a run's results: 1 abnormal, 0 not
ALL_BODIES = -1
COLUMNS = ("clip", "abnormal")


def verdicts(folder: Path, shown: Sequence[Exhibit], table: Path | None = None) -> dict[str, bool]:
    """Name of an exhibit -> whether the automatic verdict calls it abnormal; empty where there is none.

    From ``table``, else from ``verdicts.csv`` in the folder, else from the results of a run. A clip without a
    finite value is left out.
    Raises BadInput if ``table`` does not exist, or has other columns than clip and abnormal, other values
    than 0 and 1, or two values for a clip.
    """
    if table is not None:
        return _of_table(table)
    if (folder / FILE).exists():
        return _of_table(folder / FILE)
    if (folder / MANIFEST).exists():
        return _of_results(folder, shown)
    return {}


def _of_table(path: Path) -> dict[str, bool]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise BadInput(f"{path}: expected the columns {', '.join(COLUMNS)}; found {rows.fieldnames}")
            found: dict[str, bool] = {}
            for row in rows:
                name, text = row["clip"], (row["abnormal"] or "").strip()
                if text.lower() in ("", "nan"):
                    continue
                if text not in ("0", "1", "0.0", "1.0"):
                    raise BadInput(
                        f"{path}, line {rows.line_num}: expected abnormal to be 0, 1 or empty; found {text!r}"
                    )
                if name in found:
                    raise BadInput(f"{path}, line {rows.line_num}: a second verdict on {name!r}")
                found[name] = float(text) == 1
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file of verdicts") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not readable as CSV ({error})") from error
    return found


def _of_results(folder: Path, shown: Sequence[Exhibit]) -> dict[str, bool]:
    record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    paths = [
        folder.parent / entry["folder"] / "results.parquet"
        for entry in record["artifacts"]
        if entry["stage"] == "evaluate"
    ]
    if not paths or not paths[0].exists():
        return {}
    for fault in altered_files(paths[0].parent, read_manifest(paths[0].parent)).values():
        raise BadInput(f"{fault}; run the experiment again to make it anew")
    keys = ("scenario", "predictor", "split", "clip", "training_seed")
    results = pq.read_table(paths[0], columns=[*keys, "body", "metric", "value"])
    of_clip = pc.and_(pc.equal(results["metric"], METRIC), pc.equal(results["body"], ALL_BODIES))
    rows = results.filter(of_clip).to_pylist()
    known = {tuple(row[key] for key in keys): row["value"] for row in rows}
    found = {}
    for each in shown:
        value = known.get(tuple(getattr(each, key) for key in keys))
        if value is not None and math.isfinite(value):
            found[each.name] = value == 1
    return found

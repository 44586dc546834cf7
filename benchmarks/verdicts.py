"""Verdicts: how many true clips of assemblies are called abnormal, and how many planted faults are found.

    python -m benchmarks verdicts   # 1,000 to calibrate on, 1,000 fresh, 200 of each fault, 256²
    python -m benchmarks.verdicts --calibration 400 --fresh 200 --planted 50 --store numbers.jsonl

Half an hour on a quiet core; with ``--store`` what was measured is kept and not measured again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.timing import Figure, Target
from worldlaw.core.seeding import rng_for
from worldlaw.measure.planted_faults import FAULTS, plant
from worldlaw.measure.tracking.poses.pose_tracker import VERSION as TRACKER
from worldlaw.measure.tracking.poses.pose_tracker import follow, read_silhouettes
from worldlaw.measure.verdicts import MEASURES, UNITS, VERSION, calibrate
from worldlaw.measure.verdicts import measure as measured
from worldlaw.measure.verdicts.clip_geometry import sight_of
from worldlaw.worlds import scenarios
from worldlaw.worlds.assemblies.body_kinds import WIDTH
from worldlaw.worlds.render.flat import render

SEED, FRAMES, FPS, CONTEXT = 20261122, 32, 3.0, 1
TEMPLATES, LAYOUTS = 70, 1000
TRUE = ("calibration", "fresh")
FALSE_ALARMS, FOUND = Target(0.01, at="most"), Target(0.95)
BLUNT = ("vanish", "duplicate")
AGAINST = "the two measures that need no mechanics, vanish and duplicate, calibrated alike"
Numbers = dict[str, float]


def measure(quick: bool) -> list[Figure]:
    """The figures that the project promises; ``quick`` shows only that all parts run."""
    if quick:
        counts = {"calibration": 12, "fresh": 2, "planted": 1}
        return figures(counts, 64, num_frames=8, share=0.2)
    return figures({"calibration": 1000, "fresh": 1000, "planted": 200}, 256)


def figures(
    counts: dict[str, int],
    resolution: int,
    *,
    processes: int = 1,
    store: Path | None = None,
    num_frames: int = FRAMES,
    share: float = 0.01,
) -> list[Figure]:
    """False alarms on fresh true clips, and the share found of each fault; ``counts`` of clips of each."""
    known = _read(store)
    rows: dict[str, list[Numbers]] = {}
    for kind in (*TRUE, *FAULTS):
        wanted = counts[kind] if kind in TRUE else counts["planted"]
        rows[kind] = list(_numbers(kind, wanted, resolution, num_frames, processes, known, store))
    about = {"resolution": resolution, "fps": FPS, "frames": num_frames}
    alone = [{name: row[name] if name in BLUNT else 0.0 for name in row} for row in rows["calibration"]]
    thresholds, blunt = (
        calibrate(values, pixel=WIDTH / resolution, share=share, about=about)
        for values in (rows["calibration"], alone)
    )
    out = []
    for kind in ("fresh", *FAULTS):
        exceeded = [[name for name in MEASURES if row[name] > thresholds.limits[name]] for row in rows[kind]]
        ours = float(np.mean([bool(names) for names in exceeded]))
        plain = float(np.mean([any(row[name] > blunt.limits[name] for name in BLUNT) for row in rows[kind]]))
        by = {name: sum(name in names for names in exceeded) for name in MEASURES}
        what = "fresh true clips called abnormal" if kind == "fresh" else f"{kind} found"
        notes = {"by": ", ".join(f"{name} {count}" for name, count in by.items() if count) or "none"}
        if kind == "fresh":
            limits = (f"{name} {limit:.3g} {UNITS[name]}" for name, limit in thresholds.limits.items())
            notes["limits"] = ", ".join(limits).replace(" ,", ",")
            notes["calibrated on"] = f"{thresholds.clips} clips, {thresholds.exceeding} of them above"
        out.append(
            Figure(
                "verdicts",
                f"{what}, {resolution}²",
                f"of {len(exceeded)}",
                ours=ours,
                baseline=plain,
                ratio=ours / plain if plain else np.nan,
                against=AGAINST,
                target=FALSE_ALARMS if kind == "fresh" else FOUND,
                notes=notes,
            )
        )
    return out


def _numbers(
    kind: str,
    wanted: int,
    resolution: int,
    num_frames: int,
    processes: int,
    known: dict[str, Numbers | None],
    store: Path | None,
) -> Iterator[Numbers]:
    """The seven numbers of so many clips; clips that cannot have the fault are passed over."""
    index = got = 0
    with get_context("spawn").Pool(processes) if processes > 1 else nullcontext() as pool:
        while got < wanted:
            batch = [(kind, k, resolution, num_frames) for k in range(index, index + 4 * processes)]
            index += len(batch)
            new = [address for address in batch if _key(address) not in known]
            for address, row in zip(new, pool.imap(_one, new) if pool else map(_one, new), strict=True):
                known[_key(address)] = row
                if store:
                    with store.open("a", encoding="utf-8") as handle:
                        handle.write(json.dumps([_key(address), row]) + "\n")
            for address in batch:
                row = known[_key(address)]
                if row is not None and got < wanted:
                    got += 1
                    yield row


def _key(address: tuple[str, int, int, int]) -> str:
    return "/".join(map(str, (*address, TRACKER, VERSION)))


def _read(store: Path | None) -> dict[str, Numbers | None]:
    if store is None or not store.exists():
        return {}
    return dict(json.loads(line) for line in store.read_text(encoding="utf-8").splitlines())


def _one(address: tuple[str, int, int, int]) -> Numbers | None:
    """The numbers of one clip, drawn, tracked and measured; None if it cannot have the fault."""
    kind, index, resolution, num_frames = address
    scenario, rng = scenarios.get("assembly")(), rng_for(SEED, kind, index)
    template, layout = rng.integers(TEMPLATES), rng.integers(LAYOUTS)
    scene = scenario.build({"template": f"{template:02d}", "layout": float(layout)}, rng)
    truth = scenario.simulate(scene, num_frames, 1 / FPS)
    drawn, moved = scene, truth
    if kind in FAULTS:
        planted = plant(kind, scene, truth, rng)
        if planted is None:
            return None
        drawn, moved = planted.scene, planted.trajectory
    video = render(drawn, moved, resolution)
    silhouettes = read_silhouettes(video[:CONTEXT], extent=scene.extent, fps=FPS)
    tracks = follow(video, silhouettes, fps=FPS)
    sight = sight_of(tracks, silhouettes, gravity=scene.gravity, context=CONTEXT)
    return {name: finding.value for name, finding in measured(sight).items()}


def main() -> None:
    """Measure with numbers of one's own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--calibration", type=int, default=1000)
    parser.add_argument("--fresh", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=200, help="of each fault")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--store", type=Path, help="keep what was measured in this file")
    given = vars(parser.parse_args())
    counts = {name: given.pop(name) for name in ("calibration", "fresh", "planted")}
    for figure in figures(counts, **given):
        print(figure, flush=True)


if __name__ == "__main__":
    main()

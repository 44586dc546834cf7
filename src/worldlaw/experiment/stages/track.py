"""Stage track: positions from all videos, the true ones likewise, and the limits of verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from worldlaw.clips.store import SHARDS, Clips, Shard
from worldlaw.clips.tracks import TrackedClip, read_tracks_file, tracks_name, write_tracks
from worldlaw.core.errors import BadInput
from worldlaw.experiment.job import Job
from worldlaw.experiment.keys import FLOOR
from worldlaw.experiment.stages.calibrate import calibrate
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import scenarios


def track(job: Job) -> Path:
    """Track the videos that were not; returns the folder of the experiment."""
    experiment = job.plan.experiment
    todo = job.missing(job.plan.track)
    sizes = {place: experiment.recipe(place[0], place[2]).num_clips for place, _ in todo}
    job.progress.start("track", sum(sizes.values()), "clips")
    for (world, name, split), artifact in todo:
        if name == FLOOR:
            source = job.plan.simulate[world, split]
        else:
            source = (job.plan.redraw | job.plan.generate)[world, name, split]
        with job.hold(artifact) as finish:
            if finish is None:
                continue
            extent = Clips(job.plan.simulate[world, split].folder).scene(0).extent
            named = scenarios.get(experiment.scenario_of(world)).tracker
            tasks = [
                (path, artifact.folder / tracks_name(number), experiment.context, extent, named)
                for number, path in enumerate(sorted(source.folder.glob(SHARDS)))
            ]
            for count in job.each(track_shard, tasks):
                job.progress.advance(count)
            finish({"clips": sizes[world, name, split]})
    calibrate(job)
    return job.plan.folder


def track_shard(
    source: Path, path: Path, context: int, extent: tuple[float, float], tracker_name: str
) -> int:
    shard = Shard(source)
    asked = [shard.index(row) for row in range(len(shard))]
    try:
        known = read_tracks_file(path, folder_name=path.parent.name) if path.exists() else []
        if [tracked.index for tracked in known] == asked:
            return len(shard)
    except BadInput:
        path.unlink()

    read = tracker(tracker_name)

    def rows() -> Iterator[TrackedClip]:
        for row in range(len(shard)):
            video = shard.frames(row)
            looks, tracks = read(video, context=context, extent=extent, fps=shard.fps)
            yield TrackedClip(shard.index(row), looks, tracks)

    write_tracks(path, rows(), fps=shard.fps)
    return len(shard)

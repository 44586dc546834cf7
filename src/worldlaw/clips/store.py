"""Clip shards: Arrow files with one lossless blob a clip, states and scene beside it (docs/format.md)."""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from worldlaw.clips.arrow_files import add_optional, flat_array, optional_column, read_batch, write_batch
from worldlaw.clips.frames import FramesOnly
from worldlaw.core.artifact import MANIFEST, Manifest, altered_files, missing_files, read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.core.types import TRAJECTORY_ARRAYS, Record, Scene, Trajectory

FORMAT = 2  # of the shard: raise it whenever an older reader would misread a newer file
ZSTD_LEVEL = 1  # level 3 took 1.5 times as long and saved nothing on these pictures
MAX_OPEN = 16  # shards held open at a time
SHARDS = "clips-*.arrow"

STATE_TYPES = {
    "position": pa.float64(),
    "size": pa.float64(),
    "color": pa.float32(),
    "status": pa.int8(),
    "confidence": pa.float32(),
}
# Columns that a file has only if some of its clips have them.
OPTIONAL_TYPES = {"angle": pa.float64(), "misfit": pa.float32()}
RECORD_TYPES = {
    "contact_time": pa.float64(),
    "contact_pair": pa.int32(),
    "contact_speed": pa.float64(),
    "energy": pa.float64(),
}
SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64()),
        pa.field("frames", pa.large_binary()),
        pa.field("crc32", pa.uint32()),
        pa.field("scene", pa.string()),
        pa.field("num_bodies", pa.int32()),
        *(pa.field(name, pa.list_(kind)) for name, kind in STATE_TYPES.items()),
    ]
)


@dataclass(frozen=True)
class Clip:
    """A video with its scene and trajectory; videos that were not simulated have neither."""

    index: int
    frames: np.ndarray  # (T, H, W, 3) uint8
    scene: Scene | None = None
    trajectory: Trajectory | None = None


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"clips-{number:05d}.arrow"


def write_shard(
    path: Path, clips: Iterable[Clip], *, fps: float, notes: Mapping[str, object] | None = None
) -> None:
    """Write clips of one size to a shard, atomically; ``notes`` go into its metadata.

    Frames are compressed one clip at a time, so that memory holds one raw clip, however long the iterable. A
    clip may reuse the frame buffer of the one before. Raises ValueError if there is no clip or if sizes
    differ.
    """
    codec = pa.Codec("zstd", ZSTD_LEVEL)
    columns: dict[str, list] = {field.name: [] for field in SCHEMA}
    optional: dict[str, list] = {name: [] for name in (*OPTIONAL_TYPES, *RECORD_TYPES)}
    shape: tuple[int, ...] = ()
    for clip in clips:
        shape = shape or clip.frames.shape
        if clip.frames.shape != shape or clip.frames.dtype != np.uint8:
            raise ValueError(f"expected uint8 frames {shape}; found {clip.frames.dtype} {clip.frames.shape}")
        blob = codec.compress(np.ascontiguousarray(clip.frames), asbytes=True)
        columns["index"].append(clip.index)
        columns["frames"].append(blob)
        columns["crc32"].append(zlib.crc32(blob))
        columns["scene"].append(clip.scene.to_json() if clip.scene else None)
        states = clip.trajectory
        columns["num_bodies"].append(states.num_bodies if states else 0)
        for name in TRAJECTORY_ARRAYS:
            columns[name].append(getattr(states, name).ravel() if states else None)
        for name in OPTIONAL_TYPES:
            optional[name].append(flat_array(states, name))
        for name in RECORD_TYPES:
            optional[name].append(flat_array(states and states.record, name))
    if not columns["index"]:
        raise ValueError("a shard needs at least one clip")
    about = {"format": FORMAT, "shape": shape, "fps": fps, "notes": notes or {}}
    schema = add_optional(SCHEMA, columns, optional, OPTIONAL_TYPES | RECORD_TYPES)
    write_batch(path, columns, schema, about)


class Shard:
    """One shard, memory-mapped: opening it reads only its footer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._batch, about = read_batch(path, SCHEMA, "clip shard", version=("format", FORMAT))
        try:
            num_frames, height, width, _ = map(int, about["shape"])
            self.shape = num_frames, height, width
            self.fps = float(about["fps"])
            self.notes: dict[str, Any] = dict(about["notes"])
            self.folder_name = str(about["folder"])  # of the artifact that it was written for
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"{path}: not a clip shard: expected shape, fps, notes and folder in its metadata"
            ) from error
        self._codec = pa.Codec("zstd")

    def __len__(self) -> int:
        return self._batch.num_rows

    def index(self, row: int) -> int:
        """The clip's index in its split."""
        return self._batch["index"][row].as_py()

    def frames(self, row: int, num_frames: int | None = None) -> np.ndarray:
        """(T, H, W, 3) uint8, read-only; only the first ``num_frames`` are decompressed if that is given.

        Raises BadInput if the clip's checksum differs: zstd makes a picture of many a damaged blob.
        """
        blob = self._batch["frames"][row].as_buffer()
        if zlib.crc32(blob) != self._batch["crc32"][row].as_py():
            raise BadInput(
                f"{self.path}: clip {self.index(row)} is damaged (checksum differs); "
                "delete the shard and run again"
            )
        total, height, width = self.shape
        count = total if num_frames is None else num_frames
        size = count * height * width * 3
        try:
            if count == total:
                raw = self._codec.decompress(blob, decompressed_size=size)
            else:
                raw = pa.CompressedInputStream(pa.BufferReader(blob), "zstd").read(size)
            return np.frombuffer(raw, np.uint8).reshape(count, height, width, 3)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BadInput(f"{self.path}: clip {self.index(row)} is not of the shape {self.shape}") from error

    def scene(self, row: int) -> Scene | None:
        """The scene, if the clip was simulated."""
        text = self._batch["scene"][row].as_py()
        return Scene.from_json(text) if text else None

    def trajectory(self, row: int) -> Trajectory | None:
        """The true trajectory, if the clip was simulated."""
        num_bodies = self._batch["num_bodies"][row].as_py()
        if not num_bodies:
            return None
        width = {"position": (2,), "color": (3,)}
        arrays: dict[str, Any] = {
            name: self._batch[name][row]
            .values.to_numpy(zero_copy_only=False)
            .reshape(-1, num_bodies, *width.get(name, ()))
            for name in TRAJECTORY_ARRAYS
        }
        for name in ("color", "confidence"):
            arrays[name] = arrays[name].astype(np.float64)
        arrays |= optional_arrays(self._batch, row, num_bodies)
        record = _record(self._batch, row)
        return Trajectory(dt=1 / self.fps, record=record, **arrays)

    def check(self) -> list[str]:
        """What is wrong with the shard, one line each; every blob is read and held against its checksum."""
        faults = []
        for row in range(len(self)):
            try:
                self.frames(row)
                self.scene(row)
                states = self.trajectory(row)
            except BadInput as error:
                faults.append(str(error))
                continue
            except (ValueError, TypeError, KeyError, OSError):
                faults.append(f"{self.path}: clip {self.index(row)}: frames, scene or states are damaged")
                continue
            if states is not None and states.num_frames != self.shape[0]:
                faults.append(
                    f"{self.path}: clip {self.index(row)}: {states.num_frames} states, {self.shape[0]} frames"
                )
        return faults


class Clips:
    """All shards of a folder as one sequence of clips, in order of index, with random access.

    Raises BadInput if a shard is missing or damaged: a gap would give every later clip another's index.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        paths = sorted(self.folder.glob(SHARDS))
        if not paths:
            raise BadInput(f"{folder}: no clip shards (clips-*.arrow) here")
        name = ""
        if (self.folder / MANIFEST).exists():
            manifest = read_manifest(self.folder)
            name = f"{manifest['stage']}-{manifest['key']}"
            faults = missing_files(self.folder, manifest).values()
            if faults:
                raise BadInput(f"{next(iter(faults))}; run the experiment again to make it anew")
        self._paths = paths
        # Pages of a mapped file count as memory of this process while it is mapped, so few stay open.
        self._open = lru_cache(MAX_OPEN)(Shard)
        self._first = self._open(paths[0])
        self._starts = [0]
        for shard in self.shards:
            if name and shard.folder_name != name:
                raise BadInput(f"{shard.path}: a shard of {shard.folder_name}, another artifact")
            if shard.index(0) != self._starts[-1]:
                raise BadInput(
                    f"{shard.path}: begins with clip {shard.index(0)}; expected clip {self._starts[-1]}"
                )
            if (shard.shape, shard.fps) != (self.shape, self.fps):
                raise BadInput(f"{folder}: shards differ in frame count, resolution or frame rate")
            self._starts.append(self._starts[-1] + len(shard))

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def shards(self) -> Iterator[Shard]:
        """All shards in order; each is closed again some shards later."""
        return map(self._open, self._paths)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width of every clip."""
        return self._first.shape

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self._first.fps

    def read(self, indices: Sequence[int], num_frames: int | None = None) -> np.ndarray:
        """(N, num_frames, H, W, 3) uint8: the first frames of some clips, all frames by default."""
        total, height, width = self.shape
        out = np.empty((len(indices), num_frames or total, height, width, 3), np.uint8)
        for place, index in enumerate(indices):
            shard, row = self._find(index)
            out[place] = shard.frames(row, num_frames)
        return out

    def scene(self, index: int) -> Scene:
        """The scene of a clip. Raises BadInput if the clip was not simulated."""
        shard, row = self._find(index)
        scene = shard.scene(row)
        if scene is None:
            raise BadInput(f"{shard.path}: clip {index} has no scene: it was not simulated")
        return scene

    def trajectory(self, index: int) -> Trajectory:
        """The true trajectory of a clip. Raises BadInput if the clip was not simulated."""
        shard, row = self._find(index)
        trajectory = shard.trajectory(row)
        if trajectory is None:
            raise BadInput(f"{shard.path}: clip {index} has no states: it was not simulated")
        return trajectory

    def frames_only(self) -> FramesOnly:
        """The view that a model gets."""
        return FramesOnly(self)

    def _find(self, index: int) -> tuple[Shard, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        number = bisect.bisect_right(self._starts, index) - 1
        return self._open(self._paths[number]), index - self._starts[number]


def complete_shard(path: Path, indices: range) -> bool:
    """Whether a shard holds these clips of the artifact that its folder is, undamaged to the last byte."""
    try:
        shard = Shard(path)
        return (
            shard.folder_name == path.parent.name
            and [shard.index(row) for row in range(len(shard))] == list(indices)
            and not shard.check()
        )
    except BadInput:
        return False


def damaged_files(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Files of an artifact that are not as they were written, each with its fault.

    Of shards all but the frames is looked at, which are most of the bytes: their checksums are looked at by
    whoever reads them.
    """
    faults = altered_files(folder, manifest, leave=SHARDS)
    for name in sorted(manifest["files"].keys() - faults.keys()):
        if fnmatch(name, SHARDS):
            try:
                whose = Shard(folder / name).folder_name
                if whose != f"{manifest['stage']}-{manifest['key']}":
                    faults[name] = f"{folder / name}: a shard of {whose}, another artifact"
            except BadInput as error:
                faults[name] = str(error)
    return faults


def optional_arrays(batch: pa.RecordBatch, row: int, num_bodies: int) -> dict[str, np.ndarray]:
    """Those of a trajectory's optional arrays (T, B) that a row has."""
    found = {name: optional_column(batch, row, name) for name in OPTIONAL_TYPES}
    return {
        name: values.reshape(-1, num_bodies).astype(np.float64)
        for name, values in found.items()
        if values is not None and len(values)
    }


def _record(batch: pa.RecordBatch, row: int) -> Record | None:
    """What the engine noted of a clip, if one moved its bodies."""
    noted = {name: optional_column(batch, row, name) for name in RECORD_TYPES}
    time, pair, speed, energy = (noted[name] for name in RECORD_TYPES)
    if time is None or pair is None or speed is None or energy is None or not len(energy):
        return None
    return Record(time, pair.reshape(-1, 2), speed, energy.reshape(-1, 2))

"""Clip shards: Arrow files with one lossless blob a clip, states and scene beside it (docs/format.md)."""

from __future__ import annotations

import bisect
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worldlaw.clips.frames import FramesOnly
from worldlaw.core.artifact import MANIFEST, altered_files, atomic_path, missing_files, read_manifest
from worldlaw.core.errors import BadInput
from worldlaw.core.types import TRAJECTORY_ARRAYS, Record, Scene, Trajectory

FORMAT = 2  # of the shard: raise it whenever an older reader would misread a newer file
ZSTD_LEVEL = 1  # level 3 took 1.5 times as long and saved nothing on these pictures
MAX_OPEN = 16  # shards held open at a time
METADATA_KEY = b"worldlaw"
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
    path: Path, clips: Iterable[Clip], *, fps: float, notes: dict[str, Any] | None = None
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
            optional[name].append(flat(states, name))
        for name in RECORD_TYPES:
            optional[name].append(flat(states and states.record, name))
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
            name: self._batch[name][row].values.to_numpy(zero_copy_only=False)
            .reshape(-1, num_bodies, *width.get(name, ()))
            for name in TRAJECTORY_ARRAYS
        }  # fmt: skip
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


def damaged_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, str]:
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


def write_batch(path: Path, columns: dict[str, list], schema: pa.Schema, about: dict[str, Any]) -> None:
    """Write rows as an Arrow file of one batch, atomically.

    Its metadata are ``about``, the folder that it is written to, and a digest of all but the frames.
    """
    arrays = [
        list_array(columns[field.name], field.type)
        if pa.types.is_list(field.type) and not pa.types.is_string(field.type.value_type)
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    batch = pa.record_batch(arrays, schema=schema)
    about = json.loads(json.dumps({**about, "folder": path.parent.name}))
    about["digest"] = _digest(batch, about)
    schema = schema.with_metadata({METADATA_KEY: json.dumps(about, sort_keys=True).encode()})
    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as out,
    ):
        out.write_batch(batch.replace_schema_metadata(schema.metadata))


def read_batch(
    path: Path, schema: pa.Schema, what: str, *, version: tuple[str, int]
) -> tuple[pa.RecordBatch, dict[str, Any]]:
    """The one record batch of an Arrow file, memory-mapped, and what its metadata say.

    When a process first opens the file, all but its frames is held against its digest.
    Raises BadInput for a file that is damaged, of another format (``version``: key and number) or with other
    columns, so that no reader runs past an end.
    """
    try:
        with pa.memory_map(str(path)) as source:
            file = pa.ipc.open_file(source)
            batch, num_batches = file.get_batch(0), file.num_record_batches
            about = json.loads((batch.schema.metadata or {}).get(METADATA_KEY, b"{}"))
            columns = dict(zip(batch.schema.names, batch.schema.types, strict=True))
        key, number = version
        found_number = about.get(key, "unknown") if isinstance(about, dict) else "unknown"
        if found_number != number:
            raise BadInput(
                f"{path}: {what}, {key} {found_number}; this version reads {key} {number}: "
                "make it again, or install the version that wrote it"
            )
        if num_batches != 1 or not batch.num_rows or any(columns.get(f.name) != f.type for f in schema):
            raise BadInput(
                f"{path}: not a {what}: expected one batch of rows with columns {', '.join(schema.names)}"
            )
        at = os.stat(path)
        verified(str(path), (at.st_ino, at.st_size, at.st_mtime_ns))
    except BadInput:
        raise
    except (pa.ArrowException, ValueError, OSError) as error:
        found = f"{path.stat().st_size} bytes" if path.exists() else "no file"
        raise BadInput(
            f"{path}: not a complete {what} ({found}); delete it and run again to make it anew"
        ) from error
    return batch, about


@lru_cache(maxsize=2**16)
def verified(path: str, at: tuple[int, ...]) -> None:
    """Hold a file against its own digest, once a process while ``at``, its place, size and time, stays.

    It is mapped for this alone, so that the pages that it touches do not count as the reader's memory.
    Raises BadInput if it is damaged.
    """
    with pa.memory_map(path) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
        batch.validate(full=True)
        source.seek(len(b"ARROW1\0\0"))  # whoever reads the file as a stream meets the schema here, too
        begun = pa.ipc.read_schema(source)
        about = json.loads(batch.schema.metadata[METADATA_KEY])
        same = begun.equals(batch.schema, check_metadata=True)
        if about.pop("digest", None) != _digest(batch, about) or not same:
            raise BadInput(f"{path}: damaged (its digest differs); delete it and run again to make it anew")


def _digest(batch: pa.RecordBatch, about: dict[str, Any]) -> str:
    """SHA-256 of what a batch and its metadata say, however they are laid out; of frames their ``crc32``."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for field, column in zip(batch.schema, batch.columns, strict=True):
        digest.update(f"{field.name} {field.type} {column.null_count}\n".encode())
        if field.name == "frames":
            continue
        while pa.types.is_list(column.type):
            digest.update(_plain(column.value_lengths()))
            column = column.flatten()
        if pa.types.is_string(column.type):
            digest.update(_plain(pc.binary_length(column)))
            digest.update("".join(column.fill_null("").to_pylist()).encode())
        else:
            digest.update(_plain(column))
    return digest.hexdigest()


def _plain(column: pa.Array) -> memoryview:
    """The numbers of a column, null as 0."""
    return (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False).data


def flat(thing: object, name: str) -> np.ndarray | None:
    """An array of something that may lack it, or may not be there itself, without its shape."""
    values = getattr(thing, name, None)
    return None if values is None else values.ravel()


def add_optional(
    schema: pa.Schema,
    columns: dict[str, list],
    optional: dict[str, list],
    kinds: dict[str, pa.DataType],
) -> pa.Schema:
    """The schema with those optional columns that some row fills; they join ``columns``."""
    for name, rows in optional.items():
        if any(row is not None for row in rows):
            columns[name] = rows
            schema = schema.append(pa.field(name, pa.list_(kinds[name])))
    return schema


def optional_column(batch: pa.RecordBatch, row: int, name: str) -> np.ndarray | None:
    """A row of a list column; None if the file has no such column or the row is null."""
    if name not in batch.schema.names or not batch[name][row].is_valid:
        return None
    return batch[name][row].values.to_numpy(zero_copy_only=False)


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


def list_array(rows: list[np.ndarray | None], kind: pa.DataType) -> pa.Array:
    """A list column from flat arrays, without a Python object per number; None is an empty list."""
    lengths = [0 if row is None else len(row) for row in rows]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    flat = np.concatenate([row for row in rows if row is not None] or [np.zeros(0)])
    values = pa.array(flat.astype(kind.value_type.to_pandas_dtype(), copy=False))
    return pa.ListArray.from_arrays(offsets, values, type=kind)

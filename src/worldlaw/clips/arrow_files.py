"""Arrow files of one batch of rows, written at once and held against their own digest when opened."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worldlaw.core.artifact import atomic_path
from worldlaw.core.errors import BadInput

METADATA_KEY = b"worldlaw"


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
        verify_file(str(path), (at.st_ino, at.st_size, at.st_mtime_ns))
    except BadInput:
        raise
    except (pa.ArrowException, ValueError, OSError) as error:
        found = f"{path.stat().st_size} bytes" if path.exists() else "no file"
        raise BadInput(
            f"{path}: not a complete {what} ({found}); delete it and run again to make it anew"
        ) from error
    return batch, about


@lru_cache(maxsize=2**16)
def verify_file(path: str, at: tuple[int, ...]) -> None:
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


def list_array(rows: list[np.ndarray | None], kind: pa.DataType) -> pa.Array:
    """A list column from flat arrays, without a Python object per number; None is an empty list."""
    lengths = [0 if row is None else len(row) for row in rows]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    flat = np.concatenate([row for row in rows if row is not None] or [np.zeros(0)])
    values = pa.array(flat.astype(kind.value_type.to_pandas_dtype(), copy=False))
    return pa.ListArray.from_arrays(offsets, values, type=kind)


def flat_array(thing: object, name: str) -> np.ndarray | None:
    """An array of something that may lack it, or may not be there itself, without its shape."""
    values = getattr(thing, name, None)
    return None if values is None else values.ravel()


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

"""Every stage writes a folder named by a hash of what went into it, complete when its manifest exists."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import fcntl
import fnmatch
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from worldlaw.core.errors import BadInput, Failed

MANIFEST = "manifest.json"
TEMPORARY = ".part"  # suffix of a file that is being written
# What work goes on from; each says itself whether it is whole, so it stays when another file is damaged.
PARTS = ("clips-*.arrow", "tracks-*.arrow", "checkpoint.pt")
_REFUSALS = (
    errno.EACCES,
    errno.EROFS,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


def key_of(inputs: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of the SHA-256 of what goes into an artifact, as canonical JSON."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path``, all at once and on disk, when the block ends well.

    Whatever happens, ``path`` is either what it was before or complete. Raises Failed on a full disk and
    BadInput for a read-only folder, with nothing left behind. The temporary name is this process's own, so
    that a dying worker of a killed run cannot move a file that its successor is still writing.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with explain_os_errors(path):
            yield temporary
            with open(temporary, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> None:
    """Create a folder and its parents. Raises Failed or BadInput with one line if that cannot be done."""
    with explain_os_errors(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise BadInput(f"{path}: expected a folder, found a file") from error


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing to a path into one line that helps."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = f"{shutil.disk_usage(_existing(path)).free / 1e6:.0f} MB free"
            raise Failed(
                f"{path}: the disk is full ({free}); what was complete is kept, make room and run it again"
            ) from error
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _REFUSALS:
            raise BadInput(f"{path}: cannot be written ({reason}); choose another place") from error
        raise Failed(f"{path}: writing failed ({reason}); what was complete is kept") from error


@contextlib.contextmanager
def lock_folder(folder: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder for this process; a killed run holds nothing.

    If another run holds it: calls ``waiting`` and waits, or raises Failed if there is nothing to call.
    """
    with explain_os_errors(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if waiting is None:
                raise Failed(
                    f"{folder}: another run is writing here; wait for it, or choose another place"
                ) from error
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    with explain_os_errors(folder):
        for path in folder.glob(f"*{TEMPORARY}"):
            path.unlink()


class _Commit(TypedDict, total=False):
    commit: str
    dirty: bool


class Provenance(_Commit):
    """Where, when and by what code something was made; with its commit if that is known."""

    started: str  # ISO 8601
    seconds: float
    python: str
    platform: str
    versions: dict[str, str]
    command: str


class Manifest(TypedDict):
    """What a finished artifact says of itself."""

    stage: str
    key: str
    inputs: dict[str, Any]
    results: dict[str, Any]  # what its stage counted
    files: dict[str, int]  # name -> bytes
    sha256: dict[str, str]
    made: Provenance


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A stage's output folder."""

    stage: str
    inputs: dict[str, Any]  # all that decides the bytes, JSON-able; upstream artifacts by their keys
    root: Path  # the folder that holds all artifacts

    @property
    def key(self) -> str:
        """Hash of the inputs."""
        return key_of({"stage": self.stage, **self.inputs})

    @property
    def folder(self) -> Path:
        """``root/<stage>-<key>``."""
        return self.root / f"{self.stage}-{self.key}"

    @property
    def complete(self) -> bool:
        """Whether the manifest, which is written last, exists, and all files that it lists at full length."""
        return (self.folder / MANIFEST).exists() and not self.faults()

    def faults(self) -> list[str]:
        """What a look at names and lengths finds wrong with a finished artifact, one line each."""
        return list(self.damaged(missing_files).values())

    def damaged(self, look: Callable[[Path, Manifest], dict[str, str]]) -> dict[str, str]:
        """Files of a finished artifact with their faults: what ``look`` finds in its folder and manifest.

        A manifest that cannot be trusted is the only one named.
        """
        try:
            manifest = read_manifest(self.folder)
        except BadInput as error:
            return {MANIFEST: str(error)}
        if manifest["key"] != self.key:
            return {
                MANIFEST: f"{self.folder / MANIFEST}: the manifest of {manifest['key']}, another artifact"
            }
        return look(self.folder, manifest)

    def clear(self, damaged: Mapping[str, str]) -> None:
        """Empty the folder of what is to be made anew, but for intact parts.

        What is damaged goes before the manifest, so that none of it is left when there is nothing to say so.
        """
        with explain_os_errors(self.folder):
            names = [name for name in data_files(self.folder) if not _is_part(name)]
            for name in (*damaged, MANIFEST, *names):
                (self.folder / name).unlink(missing_ok=True)

    def finish(self, results: Mapping[str, Any], *, started: datetime.datetime) -> None:
        """Write the manifest: inputs, files, sizes, checksums, what was counted, and where it was made."""
        with explain_os_errors(self.folder):
            files = {name: self.folder / name for name in data_files(self.folder)}
            manifest: Manifest = {
                "stage": self.stage,
                "key": self.key,
                "inputs": self.inputs,
                "results": dict(results),
                "files": {name: path.stat().st_size for name, path in files.items()},
                "sha256": {name: checksum(path) for name, path in files.items()},
                "made": provenance(started),
            }
        write_record(self.folder / MANIFEST, manifest)


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON object with a digest of all that it says."""
    plain = json.loads(json.dumps(record))
    write_text(path, json.dumps({**plain, "digest": _digest(plain)}, indent=1, sort_keys=True) + "\n")


def read_record(path: Path) -> dict[str, Any]:
    """What ``write_record`` wrote. Raises BadInput if it says anything else by now."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(record, dict) or record.pop("digest", None) != _digest(record):
        raise BadInput(f"{path}: damaged, changed by hand, or of an older version: its digest differs")
    return record


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact folder. Raises BadInput if there is none or it is not as it was written."""
    path = folder / MANIFEST
    try:
        manifest = read_record(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(f"{folder}: no {MANIFEST}, so this is not a complete artifact") from error
    expected = {
        "stage": str,
        "key": str,
        "inputs": dict,
        "results": dict,
        "files": dict,
        "sha256": dict,
        "made": dict,
    }
    for name, kind in expected.items():
        if not isinstance(manifest, dict) or not isinstance(manifest.get(name), kind):
            raise BadInput(f"{path}: not the manifest of an artifact: no {name!r}")
    return cast(Manifest, manifest)


def data_files(folder: Path) -> list[str]:
    """Names of an artifact's files below its folder, sorted: no manifest, nothing hidden or half-written."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file()]
    return sorted(name for name in names if name != MANIFEST and not name.endswith(TEMPORARY))


def missing_files(folder: Path, manifest: Manifest) -> dict[str, str]:
    """Files that are not there, or not at the length that the manifest says, each with its fault."""
    faults = {}
    for name, size in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            faults[name] = f"{path}: missing"
        elif path.stat().st_size != size:
            faults[name] = f"{path}: {path.stat().st_size} bytes; the manifest says {size}"
    return faults


def altered_files(folder: Path, manifest: Manifest, *, leave: str = "") -> dict[str, str]:
    """Files that are not the bytes that were written, each with its fault; of names like ``leave`` the length
    alone is looked at."""
    faults = missing_files(folder, manifest)
    for name in manifest["files"].keys() - faults.keys():
        path = folder / name
        try:
            if not fnmatch.fnmatch(name, leave) and checksum(path) != manifest["sha256"].get(name):
                faults[name] = f"{path}: not the bytes that were written: its checksum differs"
        except FileNotFoundError:  # another run has just cleared it
            faults[name] = f"{path}: missing"
    return dict(sorted(faults.items()))


def _is_part(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in PARTS)


def checksum(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(started: datetime.datetime) -> Provenance:
    """Where, when and by what code something was made."""
    finished = datetime.datetime.now(datetime.UTC)
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 3),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": _versions(),
        **_commit(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


@functools.cache  # a process runs the code that it has read, whatever happens to the files later
def _versions() -> dict[str, str]:
    found = {}
    for name in ("worldlaw", "numpy", "numba", "scipy", "pyarrow", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # torch is an extra
            found[name] = importlib.metadata.version(name)
    return found


@functools.cache
def _commit() -> _Commit:
    """The commit of a source checkout and whether it was changed; empty for an installed package."""
    here = Path(__file__).parent
    try:
        top, head = subprocess.run(
            ["git", "-C", here, "rev-parse", "--show-toplevel", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.split()
        if not here.is_relative_to(Path(top) / "src"):
            return {}
        dirty = subprocess.run(
            ["git", "-C", top, "status", "--porcelain"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return {"commit": head, "dirty": bool(dirty.strip())}


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

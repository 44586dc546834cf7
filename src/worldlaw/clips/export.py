"""Clips in the layouts that others read: a video folder, and the study's HDF5 and side-by-side rollouts.

Every export is a folder that appears complete or not at all (docs/format.md). It replaces nothing but an
earlier export of the same kind. ``progress`` wraps the sequence of clip numbers, so that a caller can show
how far the work is.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from worldlaw.clips.media import encode_mp4, write_video
from worldlaw.clips.store import Clips, Shard
from worldlaw.core.artifact import TEMPORARY, explain_os_errors, lock_folder, make_folder, write_text
from worldlaw.core.errors import BadInput
from worldlaw.core.types import STATUSES, Scene, Trajectory

VERSION = 1  # of the layouts: raise it whenever a reader of an older export would misread a newer one
MARK = ".worldlaw-export.json"  # in every finished export: its kind, version and number of clips
CHUNK = 1000  # scenes in a chunk of the study's file; also files in a folder of videos
STUDY_FILE = "clips.hdf5"
STUDY_EXTENT = (10.0, 10.0)  # m
STUDY_FPS = 10.0  # Hz: evaluate.py divides by 0.1 s
STUDY_SCENARIOS = ("uniform_motion", "parabola", "collision")
STUDY_PANEL = (
    256  # pixels: what evaluate.py cuts rollouts into, except for a few models that it knows by name
)
STUDY_COLORS = ("red", "blue")  # the index is the study's code
STUDY_SHAPES = ("ball", "square")
MISSING_H5PY = "phyworld needs the extra: pip install 'worldlaw[export]'"

ItemWrapper = Callable[[Iterable[int]], Iterable[int]]


def export_videofolder(clips: Clips, out: Path, *, progress: ItemWrapper = iter) -> Path:
    """A folder that ``datasets.load_dataset("videofolder", data_dir=out)`` reads, with one mp4 per clip.

    ``metadata.jsonl`` has a line per clip: ``file_name``, ``index`` (of the clip in its split), ``fps`` in Hz
    and, for a simulated clip, ``scenario``, ``attributes`` by name, ``position`` in m as nested lists (T, B,
    2) and ``status`` by name (T, B). The mp4 files are lossy: measure on clip shards.

    Returns: ``out``. Raises BadInput if ``out`` holds anything but an earlier export of this kind, or without
    PyAV.
    """
    with _folder(Path(out), "videofolder", len(clips)) as part:
        metadata = part / "metadata.jsonl"
        with explain_os_errors(metadata), open(metadata, "w", encoding="utf-8") as lines:
            for number, (shard, row) in zip(progress(range(len(clips))), _rows(clips), strict=True):
                name = f"videos/{number // CHUNK:05d}/{number:08d}.mp4"
                make_folder((part / name).parent)
                write_video(part / name, shard.frames(row), shard.fps)
                about = {"file_name": name, "index": shard.index(row), "fps": shard.fps}
                lines.write(json.dumps(about | _described(shard, row), allow_nan=False) + "\n")
    return Path(out)


def export_phyworld(
    clips: Clips, out: Path, *, draw: Callable[[Scene, Trajectory], np.ndarray], progress: ItemWrapper = iter
) -> Path:
    """The study's data file, ``out/clips.hdf5``, which its evaluate.py and its readers open.

    Clip i of the split is row ``i % 1000`` of chunk ``f"{i // 1000:05d}"`` in each of three groups:
    ``position_streams`` float64 (n, T, 2), or (n, T, 2, 2) for two balls, in units of 0 to 10, y up, not
    normalised; ``init_streams`` float64 (n, 2): radius and speed (with colour, then shape, as the study's
    codes 0 and 1 where a clip needs them), or (n, 4): r1, r2, v1, v2; ``video_streams`` (n,) of uint8 of any
    length, each an mp4 file. ``draw`` makes the frames (T, H, W, 3) uint8 anew from scene and trajectory; the
    study's are 256 x 256 with its own soft edge. Its frames are at 0.01 s + k / fps, ours at k / fps; states
    and frames agree in both.

    Returns: the file. Raises BadInput for what the layout cannot hold (another law, view, rate, colour or
    shape, or balls that do not meet as red from the left and blue from the right), if ``out`` holds anything
    but an earlier export of this kind, and without h5py or PyAV.
    Source: Kang et al. 2024 (arXiv:2411.02385), the generators and readers in their public code.
    """
    h5py = _h5py()
    _check_rate(clips)
    init = _init_rows(clips)
    with _folder(Path(out), "phyworld", len(clips)) as part:
        path = part / STUDY_FILE
        with explain_os_errors(path), h5py.File(path, "w") as file:
            for number in progress(range(len(clips))):
                chunk, row = f"{number // CHUNK:05d}", number % CHUNK
                scene, trajectory = clips.scene(number), clips.trajectory(number)
                position = trajectory.position
                if len(scene.bodies) == 1:
                    position = position[:, 0]
                if row == 0:
                    rows = min(CHUNK, len(clips) - number)
                    file.create_dataset(f"init_streams/{chunk}", data=init[number : number + rows])
                    file.create_dataset(f"position_streams/{chunk}", (rows, *position.shape), np.float64)
                    file.create_dataset(f"video_streams/{chunk}", (rows,), h5py.vlen_dtype(np.uint8))
                file[f"position_streams/{chunk}"][row] = position
                video = encode_mp4(draw(scene, trajectory), clips.fps)
                file[f"video_streams/{chunk}"][row] = np.frombuffer(video, np.uint8)
    return Path(out) / STUDY_FILE


def export_rollouts(
    true: Clips, generated: Clips, out: Path, *, panel: int = STUDY_PANEL, progress: ItemWrapper = iter
) -> Path:
    """The mp4 files that the study's evaluate.py reads: truth | reconstruction | rollout, side by side.

    The reconstruction is what a codec makes of the truth; no codec is involved here, so it is the true video
    again. Clip i is ``f"{i // 1000:05d}-{i % 1000:05d}.mp4"``, its place in the file of ``export_phyworld``,
    from which evaluate.py takes the true states. The last frame is left out, because evaluate.py compares
    with all true states but the last. Each of the three pictures is ``panel`` pixels wide: evaluate.py cuts
    at 256, and at 128 if the model's folder is named after DiT-S or DiT-L (collisions always at 256). Smaller
    clips are enlarged by repeating pixels, which scales no velocity.

    Returns: ``out``. Raises BadInput if the two sets differ in number, size or rate of frames, if the rate is
    not 10 Hz, the frames are not square or ``panel`` is not a multiple of their width, if ``out`` holds
    anything but an earlier export of this kind, and without PyAV.
    """
    if (len(true), true.shape, true.fps) != (len(generated), generated.shape, generated.fps):
        raise BadInput(
            f"{generated.folder}: {_size(generated)}; expected the same as {true.folder}: {_size(true)}"
        )
    _check_rate(true)
    if true.scene(0).scenario not in STUDY_SCENARIOS:
        raise BadInput(
            f"{true.folder}: phyworld has no {true.scene(0).scenario}; expected {', '.join(STUDY_SCENARIOS)}"
        )
    _, height, width = true.shape
    if height != width or panel % width:
        raise BadInput(
            f"{true.folder}: evaluate.py reads squares of {panel} pixels; found {width} x {height}, "
            f"expected a square whose side divides {panel}"
        )
    factor = panel // width
    with _folder(Path(out), "phyworld-rollouts", len(true)) as part:
        for number in progress(range(len(true))):
            truth, rollout = true.read([number])[0, :-1], generated.read([number])[0, :-1]
            frames = np.concatenate([truth, truth, rollout], axis=2)
            frames = frames.repeat(factor, axis=1).repeat(factor, axis=2)
            write_video(part / f"{number // CHUNK:05d}-{number % CHUNK:05d}.mp4", frames, true.fps)
    return Path(out)


@contextlib.contextmanager
def _folder(out: Path, kind: str, num_clips: int) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``out`` when the block ends well and not before.

    Raises BadInput if ``out`` is a file or holds anything but an earlier export of this kind, and Failed if
    another export to ``out`` is under way. A killed export leaves only a folder beside ``out``, which the
    next one empties.
    """
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: expected a folder, found a file")
    before = out.is_dir() and any(out.iterdir())
    if before and _kind(out) != kind:
        raise BadInput(f"{out}: not empty, and not an earlier {kind} export; choose another folder")
    part, old = (out.with_name(out.name + suffix + TEMPORARY) for suffix in ("", ".old"))
    make_folder(part)
    with lock_folder(part):
        try:
            for stale in [*part.iterdir(), old]:
                if stale.is_dir():
                    shutil.rmtree(stale)
                else:
                    stale.unlink(missing_ok=True)
            yield part
            mark = {"export": kind, "version": VERSION, "clips": num_clips}
            write_text(part / MARK, json.dumps(mark) + "\n")
            with explain_os_errors(out):
                if before:
                    os.replace(out, old)
                os.replace(part, out)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _kind(folder: Path) -> str | None:
    """What kind of export a folder is; None if it is none."""
    try:
        return json.loads((folder / MARK).read_text(encoding="utf-8"))["export"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _rows(clips: Clips) -> Iterator[tuple[Shard, int]]:
    """Every clip, in order, as its shard and its row there."""
    for shard in clips.shards:
        for row in range(len(shard)):
            yield shard, row


def _described(shard: Shard, row: int) -> dict[str, object]:
    """Scene and states of a clip as plain data; nothing for a clip that was not simulated."""
    about: dict[str, object] = {}
    if (scene := shard.scene(row)) is not None:
        about |= {"scenario": scene.scenario, "attributes": scene.attributes}
    if (states := shard.trajectory(row)) is not None:
        about["position"] = states.position.tolist()
        about["status"] = [[STATUSES[code] for code in frame] for frame in states.status]
    return about


def _check_rate(clips: Clips) -> None:
    if clips.fps != STUDY_FPS:
        raise BadInput(
            f"{clips.folder}: phyworld's frames are 0.1 s apart; found {clips.fps:g} frames per second"
        )


def _init_rows(clips: Clips) -> Float[np.ndarray, "N D"]:
    """The study's description of every clip; of single bodies without colour and shape if all are red balls.

    Raises BadInput if the clips are not all of one scenario, or if one does not fit.
    """
    scenario = clips.scene(0).scenario
    rows = []
    for number in range(len(clips)):
        scene = clips.scene(number)
        if scene.scenario != scenario:
            raise BadInput(
                f"clip {number}: {scene.scenario} among clips of {scenario}; export one scenario at a time"
            )
        rows.append(_init(number, scene))
    init = np.array(rows)
    if scenario != "collision":
        while init.shape[1] > 2 and not init[:, -1].any():
            init = init[:, :-1]
    return init


def _init(number: int, scene: Scene) -> list[float]:
    """What the study says of a scene before it starts: r, v, colour, shape, or r1, r2, v1, v2 of two balls.

    Raises BadInput, naming clip ``number``, for a scene that the study's layout cannot hold.
    """
    if scene.scenario not in STUDY_SCENARIOS:
        raise BadInput(
            f"clip {number}: phyworld has no {scene.scenario}; expected {', '.join(STUDY_SCENARIOS)}"
        )
    if scene.extent != STUDY_EXTENT:
        raise BadInput(
            f"clip {number}: phyworld's view is 10 m x 10 m; found {scene.extent[0]:g} x {scene.extent[1]:g}"
        )
    looks = [(body.color, body.shape) for body in scene.bodies]
    speeds = [float(np.hypot(*body.velocity)) for body in scene.bodies]
    if scene.scenario == "collision":
        first, second = scene.bodies
        meet = first.velocity[0] >= 0 >= second.velocity[0] and first.velocity[1] == second.velocity[1] == 0
        if looks != [("red", "ball"), ("blue", "ball")] or not meet or first.position[0] > second.position[0]:
            raise BadInput(
                f"clip {number}: phyworld's collisions are a red ball going right and a blue ball going left"
            )
        return [first.size, second.size, *speeds]
    ((color, shape),) = looks
    if color not in STUDY_COLORS or shape not in STUDY_SHAPES:
        raise BadInput(
            f"clip {number}: phyworld has no {color} {shape}; expected a red or blue ball or square"
        )
    return [scene.bodies[0].size, *speeds, float(STUDY_COLORS.index(color)), float(STUDY_SHAPES.index(shape))]


def _size(clips: Clips) -> str:
    frames, height, width = clips.shape
    return f"{len(clips)} clips of {frames} frames of {width} x {height} at {clips.fps:g} Hz"


def _h5py() -> Any:
    """h5py. Raises BadInput with the extra to install if it is missing."""
    try:
        import h5py
    except ImportError as error:
        raise BadInput(MISSING_H5PY) from error
    return h5py

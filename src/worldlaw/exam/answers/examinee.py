"""What may sit an exam: a function, a class or an object of anybody's, asked in one way."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worldlaw.core.errors import BadInput, Failed, blame, unknown
from worldlaw.core.types import Conditioning

TOLD = ("fps", "prompt", "seed")  # what a function gets beside frames, if its signature has the name
STEPS = ("sampler_steps", "sampling_steps", "num_inference_steps")  # where a model may say how many it takes
BATCH = 16  # questions at a time for what takes several
BATCH_BYTES = 2**28  # of the frames given and answered, at most
SLACK = 1e-3  # floats may pass 0 and 1 by so much: decoders do


@dataclass(frozen=True)
class AskedFrames:
    """One question as a model gets it."""

    name: str  # of the answer
    frames: np.ndarray  # (K, H, W, 3) uint8
    prompt: str
    seed: int  # of this question and answer alone


@dataclass(frozen=True)
class Sitter:
    """A model that is ready to be asked."""

    name: str
    most: int  # questions that it takes at a time
    ask: Callable[
        [Sequence[AskedFrames], int, float], Sequence[object]
    ]  # questions, new frames, Hz -> raw answers
    sampler_steps: int | None  # as far as it says
    thing: object  # what is asked

    def at_once(self, num_frames: int, height: int, width: int) -> int:
        """How many questions of this size it gets at a time."""
        return max(1, min(self.most, BATCH_BYTES // (num_frames * height * width * 3)))

    @property
    def adjustments(self) -> tuple[str, ...]:
        """What the model says it had to change of what was asked."""
        return tuple(getattr(self.thing, "adjustments", ()))


def sitter(thing: object, name: str, options: Mapping[str, Any]) -> Sitter:
    """Make ready what a user named.

    A class is built with the options; a function takes them as keyword arguments; an object takes none. What
    has ``generate`` is asked as a ``worldlaw.VideoModel``, anything else is called as
    ``f(frames, num_new_frames)``, with ``fps``, ``prompt`` and ``seed`` if its signature has these names.
    Raises BadInput if it is none of these, for options that it does not take, and for a model that has to
    learn first.
    """
    if isinstance(thing, type):
        _check_options(thing, name, options)
        _check_taught(thing, name, options)
        model = _built(thing, name, options)
    else:
        model = thing
        if options and not inspect.isroutine(thing):
            raise BadInput(f"model {name}: it is an object already and takes no options; name its class")
    steps = next((getattr(model, key) for key in STEPS if isinstance(getattr(model, key, None), int)), None)
    if callable(getattr(model, "generate", None)):
        text = _texts(model, name, options)
        most = int(getattr(model, "at_once", BATCH))
        return Sitter(name, most, functools.partial(_generate, model, text), steps, model)
    if not callable(model):
        raise BadInput(
            f"model {name}: expected a function, or a class or object with generate or __call__; "
            f"found {type(model).__name__}"
        )
    bound = dict(options) if model is thing else {}
    told = _told(model, name, bound)
    return Sitter(name, 1, functools.partial(_call, model, told, bound), steps, model)


def as_video(raw: object, shape: tuple[int, int, int, int]) -> tuple[np.ndarray, str]:
    """(T, H, W, 3) uint8 of what a model returned, and what was done to it, empty if nothing.

    Taken are arrays of any library, tensors (by their ``detach``) and lists of frames; uint8, or floats in
    [0, 1]. Raises Failed with the reason for anything else.
    """
    video = _array(raw)
    if video.shape != shape:
        raise Failed(f"it returned {video.dtype} {video.shape}; expected {shape}: the new frames alone")
    if video.dtype == np.uint8:
        return video, ""
    if video.dtype.kind != "f":
        raise Failed(f"it returned {video.dtype}; expected uint8, or floats in [0, 1]")
    bad = int((~np.isfinite(video)).any(axis=(1, 2, 3)).sum())
    if bad:
        raise Failed(f"it returned numbers that are none (NaN or infinite) in {bad} of {len(video)} frames")
    low, high = float(video.min()), float(video.max())
    if low < -SLACK or high > 1 + SLACK:
        raise Failed(f"it returned floats from {low:.4g} to {high:.4g}; expected uint8, or floats in [0, 1]")
    return np.rint(np.clip(video, 0, 1) * 255).astype(np.uint8), "floats in [0, 1] rounded to 8 bits"


def _array(raw: object) -> np.ndarray:
    if isinstance(raw, (list, tuple)) and len(raw):
        frames = [_array(frame) for frame in raw]
        if len({frame.shape for frame in frames}) > 1:
            raise Failed("it returned a list of frames of different sizes")
        return np.stack(frames)
    tensor: Any = raw
    if hasattr(raw, "detach"):
        tensor = tensor.detach().cpu()
        tensor = tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()
    elif hasattr(raw, "__array__") or hasattr(raw, "__array_interface__"):  # jax's, Pillow's
        tensor = np.asarray(raw)
    if not isinstance(tensor, np.ndarray):
        raise Failed(f"it returned {'None' if raw is None else type(raw).__name__}; expected an array")
    return tensor


def _generate(
    model: Any, text: bool, asked: Sequence[AskedFrames], num_new: int, fps: float
) -> Sequence[np.ndarray]:
    given = Conditioning(
        np.stack([one.frames for one in asked]),
        fps,
        tuple(one.name for one in asked),
        text=tuple(one.prompt for one in asked) if text else None,
    )
    answers = model.generate(given, num_new, np.array([one.seed for one in asked], np.int64))
    if not hasattr(answers, "__len__") or len(answers) != len(asked):
        found = len(answers) if hasattr(answers, "__len__") else type(answers).__name__
        raise Failed(f"generate was asked {len(asked)} questions and returned {found} answers")
    return list(answers)


def _call(
    model: Any,
    told: tuple[str, ...],
    bound: dict[str, Any],
    asked: Sequence[AskedFrames],
    num_new: int,
    fps: float,
) -> Sequence[object]:
    answers = []
    for one in asked:
        known = {"fps": fps, "prompt": one.prompt, "seed": one.seed}
        answers.append(model(one.frames.copy(), num_new, **{key: known[key] for key in told}, **bound))
    return answers


def _told(model: Any, name: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """What of TOLD a callable's signature asks for. Raises BadInput if it cannot be called."""
    try:
        takes = list(inspect.signature(model).parameters.values())
    except (TypeError, ValueError):  # some compiled functions do not say
        return ()
    anything = any(each.kind is each.VAR_KEYWORD for each in takes)
    places = [each for each in takes if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    first, named = places[:2], [each for each in takes if each.kind is each.KEYWORD_ONLY] + places[2:]
    if not any(each.kind is each.VAR_POSITIONAL for each in takes) and (
        len(first) < 2 or {each.name for each in first} & {*TOLD, *options}
    ):
        raise BadInput(
            f"model {name}: expected a callable that takes frames and num_new_frames first; "
            f"found {name.rpartition(':')[2]}{inspect.signature(model)}"
        )
    names = [each.name for each in named if each.kind is not each.POSITIONAL_ONLY]
    takes_also = [each for each in names if each not in TOLD]
    for option in options:
        if option not in names and not anything:
            if not takes_also:
                raise BadInput(f"model {name}: it takes no options; found {option!r}")
            raise unknown(f"option of {name}", option, takes_also)
    needed = [each.name for each in named if each.default is each.empty and each.name in names]
    lacking = [each for each in needed if each not in (*TOLD, *options)]
    if lacking:
        raise BadInput(
            f"model {name}: it needs {lacking[0]!r}; it is told {', '.join(TOLD)} "
            f"and what --option {lacking[0]}=… says"
        )
    return tuple(each for each in TOLD if (anything or each in names) and each not in options)


def _texts(model: Any, name: str, options: Mapping[str, Any]) -> bool:
    """Whether a VideoModel wants the prompt. Raises BadInput if it wants what no paper gives."""
    asks = getattr(model, "asked", None)  # a model that is ready may know better than its options
    if not isinstance(asks, tuple):
        asks = model.asks(dict(options)) if hasattr(model, "asks") else ()
    beyond = [each for each in asks if each != "text"]
    if beyond:
        raise BadInput(f"model {name} asks for a {beyond[0]}; a paper gives frames and a prompt")
    return "text" in asks


def _check_options(kind: type, name: str, options: Mapping[str, Any]) -> None:
    try:
        takes = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return
    if any(each.kind is each.VAR_KEYWORD for each in takes.values()):
        return
    for option in options:
        if option not in takes and not takes:
            raise BadInput(f"model {name}: it takes no options; found {option!r}")
        if option not in takes:
            raise unknown(f"option of {name}", option, takes)


def _check_taught(kind: Any, name: str, options: Mapping[str, Any]) -> None:
    """Raises BadInput for a VideoModel that has to learn, unless its options name what was learnt."""
    if getattr(kind, "learns", False) and not (hasattr(kind, "taught") and kind.taught(dict(options))):
        takes = "checkpoint" in inspect.signature(kind).parameters
        how = "; say which with --option checkpoint=NAME" if takes else ""
        raise BadInput(f"model {name} has to learn before it can be asked{how}")


def _built(kind: type, name: str, options: Mapping[str, Any]) -> Any:
    with blame(f"model {name}"):
        try:
            return kind(**options)
        except (TypeError, ValueError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"model {name}: options {dict(options)} do not fit: {error}") from error

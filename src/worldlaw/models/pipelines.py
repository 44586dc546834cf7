"""Pipelines of the diffusers package as models: one that animates a picture, one that takes a video."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.types import Conditioning
from worldlaw.models.model import VideoModel

INDEX = "model_index.json"  # every pipeline that was saved has one
EXTRA = "pip install 'worldlaw[diffusers]'"
OURS = ("prompt", "image", "video", "num_frames", "generator", "output_type")  # what no option may say
RATES = ("frame_rate", "fps")  # what pipelines call the frame rate
STEP = 16  # pixels: most pipelines refuse sides that are no multiple, whatever their networks could take
PRECISIONS = ("float32", "bfloat16", "float16")


class ImageToVideo(VideoModel):
    """A diffusers pipeline that goes on from one picture: the last given frame."""

    takes: ClassVar[str] = "image"
    at_once: ClassVar[int] = 1  # question at a time: each is long, and what is answered is kept

    def __init__(
        self,
        *,
        path: str,
        dtype: str = "float32",
        device: str | None = None,
        height: int | None = None,
        width: int | None = None,
        **options: Any,
    ) -> None:
        """``path`` is the folder of a pipeline saved by ``save_pretrained``; nothing is downloaded.

        Weights are read from safetensors only, and no code that lies in the folder is run. It works on
        ``device`` (a GPU if there is one) in ``dtype``, on pictures of ``height`` and ``width`` (those of the
        question, rounded to what its networks take). ``options`` go to every call of the pipeline
        (num_inference_steps, guidance_scale, negative_prompt, strength, …); the prompt, the number of frames
        and the frame rate are passed where its call takes them.

        Raises BadInput for another kind of pipeline, an option that its call does not take, or a folder that
        cannot be loaded.
        """
        self.size = (height, width)
        self.adjustments: set[str] = set()
        if dtype not in PRECISIONS:
            raise unknown("dtype", dtype, PRECISIONS)
        self.pipeline = _load(path, dtype, device)
        name = type(self.pipeline).__name__
        self.accepts = tuple(inspect.signature(type(self.pipeline).__call__).parameters)[1:]
        if self.takes not in self.accepts:
            raise BadInput(f"{path}: a {name} takes no {self.takes}; expected {_wanted(self.takes)}")
        for option in options:
            if option in OURS or option not in self.accepts:
                raise unknown(f"option of {name}", option, set(self.accepts) - set(OURS))
        self.options = options
        self.sampler_steps = options.get(
            "num_inference_steps", _default(self.pipeline, "num_inference_steps")
        )
        self.multiple = (_time_step(self.pipeline), _space_step(self.pipeline))

    @classmethod
    def asks(cls, options: Any) -> tuple[str, ...]:
        """The text; pipelines without one leave it unread."""
        return ("text",)

    def generate(self, given: Conditioning, num_new_frames: int, seeds: np.ndarray) -> np.ndarray:
        """(N, num_new_frames, H, W, 3) uint8, clip by clip, each from a generator of its own seed.

        Frames are resized by Pillow (Lanczos) to what the pipeline works on, and back; that, and whatever
        else was not as asked, is named in ``adjustments``. Raises ValueError if the pipeline returns too few
        frames.
        """
        prompts = given.text or ("",) * given.num_clips
        rows = zip(given.frames, prompts, seeds, strict=True)
        answers = [self._answer(*row, given.fps, num_new_frames) for row in rows]
        return np.stack(answers)

    def _answer(
        self, frames: np.ndarray, prompt: str, seed: int | np.integer, fps: float, new: int
    ) -> np.ndarray:
        import torch

        asked = frames.shape[1:3]
        height, width = (
            own or round_to(side, self.multiple[1]) for own, side in zip(self.size, asked, strict=True)
        )
        if (height, width) != asked:
            self.adjustments.add(f"drawn at {width} x {height}, resized from and to {asked[1]} x {asked[0]}")
        pictures = [
            Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS) for frame in frames
        ]
        known: dict[str, Any] = {
            "prompt": prompt,
            "height": height,
            "width": width,
            "generator": torch.Generator("cpu").manual_seed(int(seed)),
            "output_type": "np",
            **{name: int(fps) if float(fps).is_integer() else fps for name in RATES},
        }
        shown = self._shown(pictures, new)
        lead = shown.pop("lead")
        call = {name: value for name, value in (known | shown | self.options).items() if name in self.accepts}
        drawn = np.asarray(self.pipeline(**call).frames[0])[lead : lead + new]
        if len(drawn) < new:
            raise ValueError(f"the pipeline drew {len(drawn)} new frames; expected {new}")
        if not np.isfinite(drawn).all():
            raise ValueError(f"the pipeline drew numbers that are none, in {self.pipeline.dtype}")
        drawn = np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
        return np.stack([_resized(picture, asked) for picture in drawn])

    def _shown(self, pictures: list[Image.Image], new: int) -> dict[str, Any]:
        """What the pipeline is shown, how many frames it shall draw; how many of these lead the new ones."""
        if len(pictures) > 1:
            self.adjustments.add("of the given frames it was shown the last one only")
        return {"image": pictures[-1], "num_frames": self._length(1 + new), "lead": 1}

    def _length(self, num_frames: int) -> int:
        """The next number of frames that its codec can take: one and whole latents after it."""
        step = self.multiple[0]
        return 1 + math.ceil((num_frames - 1) / step) * step


class VideoToVideo(ImageToVideo):
    """A diffusers pipeline that takes a video: it continues the given frames, or redraws them and a still.

    One whose call takes ``num_frames`` is shown the given frames and asked for a longer video that begins
    with them. One that redraws a video as long as it is shown gets the given frames and then the last of
    them, repeated; how far it departs from these is its option ``strength``.
    """

    takes = "video"

    def _shown(self, pictures: list[Image.Image], new: int) -> dict[str, Any]:
        length = self._length(len(pictures) + new)
        if "num_frames" in self.accepts:
            if self._length(len(pictures)) != len(pictures):
                takes = f"1 and multiples of {self.multiple[0]} more"
                self.adjustments.add(
                    f"shown {len(pictures)} frames; its codec takes {takes}, and may drop some"
                )
            return {"video": pictures, "num_frames": length, "lead": len(pictures)}
        self.adjustments.add("shown the given frames and then the last of them, repeated, to redraw")
        still = [pictures[-1]] * (length - len(pictures))
        return {"video": pictures + still, "lead": len(pictures)}


def round_to(side: int, step: int) -> int:
    """The multiple of a step nearest to a side, at least one step."""
    return max(1, round(side / step)) * step


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if picture.shape[:2] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.LANCZOS))


def _load(path: str, dtype: str, device: str | None) -> Any:
    """The pipeline of a folder, ready on a device. Raises BadInput if it cannot be loaded."""
    try:
        import diffusers
        import torch
    except ImportError as error:
        raise BadInput(f"{path}: a pipeline needs the extra: {EXTRA} ({error})") from error
    _check(path, diffusers)
    try:
        pipeline = diffusers.DiffusionPipeline.from_pretrained(
            path, dtype=getattr(torch, dtype), local_files_only=True, use_safetensors=True
        )
        pipeline = pipeline.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, ImportError) as error:
        raise BadInput(f"{path}: cannot be loaded ({' '.join(str(error).split())[:300]})") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _check(path: str, diffusers: Any) -> None:
    """Raises BadInput unless the folder names classes of diffusers and transformers alone."""
    place = Path(path) / INDEX
    try:
        index = json.loads(place.read_text(encoding="utf-8"))
        name = index["_class_name"]
        parts = {key: value for key, value in index.items() if isinstance(value, list) and len(value) == 2}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: expected the folder of a saved pipeline, with {INDEX} ({error!r})"
        ) from error
    if not isinstance(name, str) or not hasattr(diffusers, name):
        raise BadInput(f"{path}: {name!r:.80} is no pipeline of diffusers {diffusers.__version__}")
    for part, (library, _) in parts.items():
        ours = library in (None, "diffusers", "transformers") or hasattr(diffusers.pipelines, str(library))
        if not ours or list((Path(path) / part).glob("*.py")):
            raise BadInput(f"{path}: {part} has code of its own ({library}), which is not run")


def _time_step(pipeline: Any) -> int:
    """Frames per latent."""
    for name in ("vae_scale_factor_temporal", "vae_temporal_compression_ratio"):
        if hasattr(pipeline, name):
            return int(getattr(pipeline, name))
    return 1


def _space_step(pipeline: Any) -> int:
    """Pixels that a side has to be a multiple of: what the codec shrinks by, times what the network does."""
    names = ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_scale_factor")
    codec = next((int(getattr(pipeline, name)) for name in names if hasattr(pipeline, name)), 1)
    transformer = getattr(pipeline, "transformer", None) or getattr(pipeline, "transformer_2", None)
    if transformer is not None:
        patch = getattr(transformer.config, "patch_size", 1)
        return math.lcm(STEP, codec * int(patch if isinstance(patch, int) else patch[-1]))
    unet = getattr(pipeline, "unet", None)
    halvings = 0 if unet is None else len(unet.config.block_out_channels) - 1
    return math.lcm(STEP, codec * 2**halvings)


def _wanted(takes: str) -> str:
    return "an image-to-video pipeline" if takes == "image" else "a video-to-video pipeline"


def _default(pipeline: Any, name: str) -> int | None:
    parameter = inspect.signature(type(pipeline).__call__).parameters.get(name)
    return parameter.default if parameter is not None and isinstance(parameter.default, int) else None

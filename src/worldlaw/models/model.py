"""What a video model is: pixels of the given frames in, pixels of the new frames out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

import numpy as np
from jaxtyping import Int64, UInt8

from worldlaw.clips.frames import FrameSource
from worldlaw.core.registry import Registry
from worldlaw.core.types import Conditioning

if TYPE_CHECKING:
    from worldlaw.models.autoencoders.codec import Codec

CARD = "model.json"  # what a model may say of itself beside its weights: parameters, steps, …


class CheckpointCard(TypedDict):
    """What a checkpoint that travels says of itself."""

    model: str
    options: dict[str, Any]
    context: int
    seed: int
    clip: list[int]  # frames, rows, columns
    parameters: int
    steps: int
    training: dict[str, Any]  # the options of its training
    training_clips: int
    weights: str  # their hash
    made: dict[str, Any]


class VideoModel(ABC):
    """A predictor of video. Options of an experiment are keyword arguments of the constructor."""

    version: ClassVar[int] = (
        1  # raise it whenever the same training and the same question would give other frames
    )
    learns: ClassVar[bool] = False  # whether ``fit`` has to be called before ``generate``
    parallel: ClassVar[bool] = False  # whether ``fit`` is called in every process of torchrun, to share it
    answer_options: ClassVar[tuple[str, ...]] = ()  # options that change answers but not what is learnt
    runtime_options: ClassVar[tuple[str, ...]] = ()  # options that change neither
    takes_codec: ClassVar[bool] = False  # whether option ``codec`` names a codec of the experiment

    @classmethod
    def taught(cls, options: Mapping[str, Any]) -> CheckpointCard | None:
        """The card of the checkpoint that these options name: ``weights`` (a hash), ``training_clips``.

        With one there is nothing to ``fit``, and what it learnt from is not the experiment's. Else None.
        """
        return None

    @classmethod
    def asks(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The conditioning beside pixels that it needs with these options: of ``state`` and ``text``.

        What it asks for stands in the conditioning, and ``fit`` gets a ``DescribedSource``; who does not ask
        is not told.
        """
        return ()

    @abstractmethod
    def generate(
        self, given: Conditioning, num_new_frames: int, seeds: Int64[np.ndarray, " N"]
    ) -> UInt8[np.ndarray, "N T H W 3"]:
        """The frames that follow the given ones.

        Any noise is drawn per clip from its own seed, so that a clip's answer does not depend on its batch.
        """

    def fit(self, clips: FrameSource, folder: Path, *, context: int, seed: int) -> None:  # noqa: B027 - optional
        """Learn from clips and leave a checkpoint in ``folder``; a second call goes on from what is there.

        Only a finished artifact has checksums; of one that is found damaged, ``checkpoint.pt`` is all that is
        left for a second call, if it is intact.
        """

    def see_through(self, codec: Codec) -> None:
        """Work on a codec's latents from now on; called before ``fit`` and ``load`` if one is named."""
        raise NotImplementedError(f"{type(self).__name__} takes no codec")

    def load(self, folder: Path, clips: FrameSource) -> VideoModel:
        """The model as ``fit`` left it in ``folder``; ``clips`` are the ones it was trained on."""
        return self


def limit_time(options: dict[str, Any], takes: tuple[str, ...], time_limit: float | None) -> dict[str, Any]:
    """Options with a time limit in s, for what ``takes`` one, unless its own is shorter."""
    if time_limit is None or "time_limit" not in takes:
        return options
    own = options.get("time_limit")
    return {**options, "time_limit": time_limit if own is None else min(own, time_limit)}


models: Registry[type[VideoModel]] = Registry(
    "model",
    ["worldlaw.models.baselines"],
    optional={"dit": ("worldlaw.models.video_dit:VideoDiT", "torch")},
)

codecs: Registry[type[Codec]] = Registry(
    "codec",
    optional={
        "video_vae": ("worldlaw.models.autoencoders.video_vae:VideoVAE", "torch"),
        "diffusers": ("worldlaw.models.autoencoders.published_vae:PublishedVAE", "diffusers"),
    },
)

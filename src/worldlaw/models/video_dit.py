"""The video diffusion transformer as a model: taught on clips or their latents, asked for what comes next."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from worldlaw.clips.frames import FrameSource
from worldlaw.core.artifact import atomic_path, write_text
from worldlaw.core.errors import BadInput, unknown
from worldlaw.core.types import Conditioning, Description
from worldlaw.models.autoencoders.codec import Codec
from worldlaw.models.checkpoint import WEIGHTS, find, read_card
from worldlaw.models.model import CARD, CheckpointCard, VideoModel
from worldlaw.models.networks import description_encoder
from worldlaw.models.networks.diffusion import PROCESSES, SAMPLERS
from worldlaw.models.networks.dit import PRESETS, DiT
from worldlaw.models.training import loop, processes
from worldlaw.models.training.sample_sheets import Sheets
from worldlaw.models.training.training_options import RUNTIME_OPTIONS, Training

MICRO_BATCH = (
    16  # clips sampled at a time, always: a short batch is filled up, so that batching changes nothing
)


class VideoDiT(VideoModel):
    """A diffusion transformer on patches of pixels or latents, taught from scratch on the training clips."""

    version = 2
    learns = True
    parallel = True
    answer_options = ("sampler", "sampling_steps")
    runtime_options = RUNTIME_OPTIONS
    takes_codec = True

    def __init__(
        self,
        *,
        checkpoint: str | None = None,
        preset: str = "micro",
        patch: tuple[int, int, int] | list[int] | None = None,
        codec: str | None = None,
        process: str = "rectified_flow",
        process_options: dict[str, float] | None = None,
        sampler: str = "euler",
        sampling_steps: int = 20,
        state: bool = False,
        text: bool = False,
        **settings: Any,
    ) -> None:
        """``settings`` are those of ``Training``; ``state`` and ``text`` add that conditioning.

        ``patch`` is in frames, rows and columns of what the network sees: (2, 8, 8) of pixels unless given,
        and (1, 2, 2) of latents. ``codec`` is a codec's name in the experiment, handed over by
        ``see_through``. With a ``checkpoint`` (a shipped one's name, or a folder) it is that network, and
        only the sampler's options count. Raises BadInput for a name that is not known.
        """
        self.card = None if checkpoint is None else read_card(checkpoint)
        if self.card is not None:
            its = self.card["options"]
            preset, patch = its.get("preset", "micro"), its.get("patch", (2, 8, 8))
            process, process_options = its.get("process", "rectified_flow"), its.get("process_options")
            state, text = its.get("state", False), its.get("text", False)
            settings = {"precision": its.get("precision", "bf16")}
        for kind, name, known in (
            ("preset", preset, PRESETS),
            ("process", process, PROCESSES),
            ("sampler", sampler, SAMPLERS),
        ):
            if name not in known:
                raise unknown(kind, name, known)
        fields = {field.name for field in dataclasses.fields(Training)}
        for name in settings:
            if name not in fields:
                own = ["checkpoint", "preset", "patch", "codec", "process", "process_options", "sampler"]
                raise unknown("option of dit", name, [*fields, *own])
        try:
            self.process = PROCESSES[process](**(process_options or {}))
        except TypeError as error:
            raise BadInput(f"process_options of {process}: {error}") from error
        self.sample = SAMPLERS[sampler]
        self.sampling_steps = sampling_steps if self.process.generative else 1
        self.options = Training(**settings)
        self.asked = self.asks({"state": state, "text": text})
        if self.asked and self.options.mirror:
            raise BadInput(f"mirror: a mirrored clip is not what its {' and '.join(self.asked)} says")
        patch = patch or ((1, 2, 2) if codec else (2, 8, 8))
        self.network = DiT(PRESETS[preset], channels=3, patch=(patch[0], patch[1], patch[2]))
        self.codec: Codec | None = None
        if checkpoint is not None:
            if codec is not None:
                raise BadInput(f"checkpoint {checkpoint!r} sees pixels; remove codec {codec!r}")
            self._read(find(checkpoint) / WEIGHTS)

    @classmethod
    def taught(cls, options: Mapping[str, Any]) -> CheckpointCard | None:
        """The card of the option ``checkpoint``, if there is one."""
        name = options.get("checkpoint")
        return None if name is None else read_card(name)

    def see_through(self, codec: Codec) -> None:
        """Work on a codec's latents from now on."""
        self.codec = codec
        self.network = DiT(self.network.size, channels=codec.channels, patch=self.network.patch)

    @classmethod
    def asks(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The options ``state`` and ``text`` that are true."""
        return tuple(name for name in ("state", "text") if options.get(name))

    def fit(self, clips: FrameSource, folder: Path, *, context: int, seed: int) -> None:
        """Teach the network, from a checkpoint if ``folder`` has one, and leave its averaged weights."""
        if self.codec:
            self._check_patch(self.codec.size(clips.shape)[:3])
        said = description_encoder.sample(clips) if self.asked else Description()
        torch.manual_seed(seed)
        wanted = said.state if "state" in self.asked else None
        self.network = self._network(0 if wanted is None else wanted.shape[1])
        self.network.measure(said)
        show = None
        first = processes.place()[0] == 0
        if first and (self.options.sample_minutes is not None or self.options.sample_steps is not None):
            show = self._shown(clips, Sheets(clips, folder, context=context))
        state = loop.fit(
            self.network,
            self.process,
            clips,
            folder,
            context=context,
            seed=seed,
            options=self.options,
            say=lambda text: print(text, file=sys.stderr),
            codec=self.codec,
            tell=self._teller(clips) if self.asked else None,
            show=show,
        )
        if not first:
            return
        card = {
            "steps": state.step,
            "parameters": sum(value.numel() for value in self.network.parameters()),
            "clip": list(clips.shape),
            "context": context,
            "options": dataclasses.asdict(self.options),
        }
        write_text(folder / CARD, json.dumps(card, indent=1) + "\n")
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file({name: value.contiguous() for name, value in state.average.items()}, temporary)

    def _shown(self, clips: FrameSource, sheets: Sheets) -> Callable[[int, dict[str, torch.Tensor]], Path]:
        """A function of a step and weights that draws a sample sheet; what is being taught is not touched."""
        twin = copy.copy(self)
        twin.network = copy.deepcopy(self.network)
        said = Description()
        if self.asked:
            said = description_encoder.describing_source(clips).describe(range(sheets.num_clips))

        def show(step: int, weights: dict[str, torch.Tensor]) -> Path:
            twin.network.load_state_dict(weights)
            return sheets.draw(
                step,
                lambda given, num_new: twin.generate(
                    Conditioning(given, clips.fps, tuple(map(str, range(len(given)))), said.state, said.text),
                    num_new,
                    np.arange(len(given)),
                ),
            )

        return show

    def load(self, folder: Path, clips: FrameSource | None) -> VideoDiT:
        """The averaged weights that ``fit`` left. Raises BadInput if they are not those of this network."""
        self._read(folder / WEIGHTS)
        return self

    def _read(self, path: Path) -> None:
        try:
            weights = load_file(path)
            self.network = self._network(len(weights.get("state.mean", ())))
            self.network.load_state_dict(weights)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise BadInput(f"{path}: not the weights of this network ({error})") from error

    @torch.no_grad()
    def generate(self, given: Conditioning, num_new_frames: int, seeds: np.ndarray) -> np.ndarray:
        """(N, num_new_frames, H, W, 3) uint8, each clip from the noise of its own seed.

        Raises BadInput if a checkpoint was taught on clips of another size.
        """
        device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
        network = self.network.to(device).eval()
        count, context = given.frames.shape[:2]
        shape = (context + num_new_frames, *given.frames.shape[2:])
        self._fits(shape, context)
        out = np.empty((count, num_new_frames, *shape[1:]), np.uint8)
        told = network.tell(Description(given.state, given.text))
        told = {name: value.to(device) for name, value in told.items()}
        for start in range(0, count, MICRO_BATCH):
            rows = np.minimum(np.arange(start, start + MICRO_BATCH), count - 1)
            inner = self.codec.size(shape) if self.codec else shape
            noise = torch.stack([self._noise(inner, int(seeds[row])) for row in rows]).to(device)
            video = torch.zeros((len(rows), *shape), device=device)
            video[:, :context] = loop.to_network(torch.from_numpy(given.frames[rows])).to(device)
            shown, mask = loop.pad_given(video, context)
            if self.codec:
                shown, mask = self.codec.given(video[:, :context], shape[0])
            here = {name: value[rows] for name, value in told.items()}

            def field(
                z: torch.Tensor,
                s: torch.Tensor,
                shown: torch.Tensor = shown,
                mask: torch.Tensor = mask,
                here: dict[str, torch.Tensor] = here,
            ) -> torch.Tensor:
                with loop.autocast(device, self.options.precision):
                    answer = network(z, shown, mask, s, **here)
                return self.process.velocity(answer.float(), z, s.view(-1, 1, 1, 1, 1))

            drawn = self.sample(field, noise, self.sampling_steps)
            drawn = self.codec.decode(drawn, shape[0]) if self.codec else drawn
            new = loop.to_frames(drawn)[:, context:].cpu().numpy()
            kept = min(MICRO_BATCH, count - start)
            out[start : start + kept] = new[:kept]
        return out

    def _fits(self, shape: tuple[int, ...], context: int) -> None:
        """Raises BadInput if a checkpoint was taught on other clips than a question's (T, H, W, 3)."""
        if self.card is None:
            return
        asked, learnt = (*shape[:3], context), (*self.card["clip"], self.card["context"])
        if asked != learnt:
            size = "{} frames of {} x {} with {} given".format
            raise BadInput(f"the checkpoint was taught on {size(*learnt)}; these clips have {size(*asked)}")

    def _network(self, numbers: int) -> DiT:
        """An untaught network of this size; ``numbers`` are those of a state, known from training.

        Raises BadInput if there are none and it asks for a state, or the other way round.
        """
        if bool(numbers) != ("state" in self.asked):
            raise BadInput(f"found {numbers} numbers a clip; state is {'state' in self.asked}")
        size, channels, patch = self.network.size, self.network.channels, self.network.patch
        return DiT(size, channels=channels, patch=patch, numbers=numbers, text="text" in self.asked)

    def _check_patch(self, sides: tuple[int, int, int]) -> None:
        if any(side % step for side, step in zip(sides, self.network.patch, strict=True)):
            raise BadInput(
                f"patch: latents of {' x '.join(map(str, sides))} are not made of patches of "
                f"{' x '.join(map(str, self.network.patch))}"
            )

    def _teller(self, clips: FrameSource) -> Callable[[list[int]], dict[str, torch.Tensor]]:
        """What the network takes beside the pixels of some training clips."""
        source, network = description_encoder.describing_source(clips), self.network
        return lambda chosen: network.tell(source.describe(chosen))

    def _noise(self, shape: tuple[int, ...], seed: int) -> torch.Tensor:
        """Noise drawn on the host, so that the device changes nothing; none for plain regression."""
        if not self.process.generative:
            return torch.zeros(shape)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

"""A checkpoint that travels: weights in half precision, and a card that says what they are and where from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import cast

import numpy as np

from worldlaw.core.artifact import Manifest, atomic_path, make_folder, write_text
from worldlaw.core.errors import BadInput, unknown
from worldlaw.models.model import CARD, CheckpointCard

WEIGHTS = "model.safetensors"
SHIPPED = Path(__file__).parent / "shipped"
TOLD = ("model", "options", "context", "clip", "training_clips", "weights")  # what a card has to say
MADE = ("commit", "dirty", "python", "platform", "versions", "seconds")  # what it says of its making


def shipped_checkpoints() -> list[str]:
    """Names of the checkpoints that came with worldlaw."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}"))


def find(name: str) -> Path:
    """The folder of a shipped checkpoint, or one that ``worldlaw export --to checkpoint`` made.

    Raises BadInput if there is none of that name.
    """
    for folder in (SHIPPED / name, Path(name)):
        if (folder / CARD).is_file():
            return folder
    if "/" in name:
        raise BadInput(f"checkpoint {name!r}: expected a folder with {CARD} and {WEIGHTS}; found none")
    raise unknown("checkpoint", name, shipped_checkpoints())


def read_card(name: str) -> CheckpointCard:
    """What a checkpoint is. Raises BadInput for a card that does not say it or has other weights."""
    folder = find(name)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
    except (OSError, ValueError) as error:
        raise BadInput(f"checkpoint {name!r}: expected {CARD} and {WEIGHTS} in {folder} ({error})") from error
    missing = [key for key in TOLD if not isinstance(card, dict) or key not in card]
    if missing:
        raise BadInput(f"checkpoint {name!r}: its card does not say: {', '.join(missing)}")
    if hashlib.sha256(weights).hexdigest() != card["weights"]:
        raise BadInput(f"checkpoint {name!r}: {WEIGHTS} is not the file that its card was written for")
    return cast(CheckpointCard, card)


def share(taught: Path, manifest: Manifest, out: Path) -> None:
    """Write what a training left in the folder ``taught`` as a checkpoint; ``manifest`` is that folder's.

    Raises BadInput if it is no model whose weights can be shared.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    inputs = manifest["inputs"]
    try:
        weights = load_file(taught / WEIGHTS)
        about = json.loads((taught / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{taught}: expected {WEIGHTS} and {CARD} of a trained network ({error})") from error
    if inputs.get("codec"):
        raise BadInput(f"{taught}: a model on the latents of a codec cannot be shared without it")
    make_folder(out)
    with atomic_path(out / WEIGHTS) as temporary:
        save_file({name: value.astype(np.float16) for name, value in weights.items()}, temporary)
        temporary.chmod(0o644)  # safetensors writes for its owner alone
    card: CheckpointCard = {
        "model": inputs["model"],
        "options": inputs["options"],
        "context": inputs["context"],
        "seed": inputs["seed"],
        "clip": about["clip"],
        "parameters": about["parameters"],
        "steps": about["steps"],
        "training": about["options"],
        "training_clips": manifest["results"]["clips"],
        "weights": hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest(),
        "made": {key: value for key, value in manifest["made"].items() if key in MADE},
    }
    write_text(out / CARD, json.dumps(card, indent=1) + "\n")

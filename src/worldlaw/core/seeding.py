"""One random stream per clip, addressed by name, so that order and workers never change a draw."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def rng_for(seed: int, *path: str | int) -> np.random.Generator:
    """The random stream at an address such as ``(seed, "train", 17, "placement")``.

    Streams at different addresses are independent: the 128-bit key of a counter-based generator (Philox,
    Salmon et al. 2011) is the BLAKE2b hash of the address. The same address gives the same stream on every
    machine.
    """
    address = json.dumps([int(seed), *path], separators=(",", ":")).encode()
    key = np.frombuffer(hashlib.blake2b(address, digest_size=16).digest(), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))

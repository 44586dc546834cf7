"""Held-out questions: a secret that nobody guesses, and its hash, which is published before anybody answers.

The hash is that of the file's bytes, so that ``sha256sum`` says it too once the secret is told. The seed of
the questions is another hash of the same bytes, so that the published one gives nothing away.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from worldlaw.core.artifact import explain_os_errors
from worldlaw.core.errors import BadInput

LEAST, MOST = 32, 4096  # bytes of a secret


def make_secret(path: Path) -> str:
    """Write a new random secret and return the hash to publish. Raises BadInput if the file exists."""
    content = secrets.token_hex(32).encode() + b"\n"
    with explain_os_errors(path):
        try:
            with open(path, "xb") as file:
                path.chmod(0o600)
                file.write(content)
        except FileExistsError as error:
            raise BadInput(f"{path}: there is a file already; a secret is never overwritten") from error
    return hash_of(content)


def open_secret(path: Path, expected_hash: str | None = None) -> bytes:
    """The bytes of a secret file.

    Raises BadInput if it cannot be read, is too short to be a secret, or has another hash than expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: expected a secret file ({error.strerror})") from error
    if not LEAST <= len(content) <= MOST:
        raise BadInput(
            f"{path}: expected a secret of {LEAST} to {MOST} bytes, as worldlaw exam secret makes it; "
            f"found {len(content)}"
        )
    found = hash_of(content)
    if expected_hash is not None and found != expected_hash:
        raise BadInput(
            f"{path}: another secret: its hash begins with {found[:16]}, that of the paper's with "
            f"{expected_hash[:16]}"
        )
    return content


def secret_of(path: Path | None, secret_hash: str | None) -> bytes | None:
    """The secret that a made paper needs: None for public questions.

    Raises BadInput if it is needed and not given, given and not needed, or another one.
    """
    if secret_hash is None:
        if path is not None:
            raise BadInput(f"{path}: the questions of this paper are public; leave the secret out")
        return None
    if path is None:
        raise BadInput(
            "the questions of this paper are held out: give the secret file whose hash begins with "
            f"{secret_hash[:16]}"
        )
    return open_secret(path, secret_hash)


def hash_of(secret: bytes) -> str:
    """What is published before: SHA-256 of the secret."""
    return hashlib.sha256(secret).hexdigest()


def seed_of(secret: bytes) -> int:
    """Seed of the questions: 128 bits that cannot be told from the published hash."""
    return int.from_bytes(hashlib.sha256(b"worldlaw held-out questions\n" + secret).digest()[:16], "big")

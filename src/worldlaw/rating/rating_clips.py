"""A clip as every browser shows it: an animated picture that repeats, with a rest before it begins again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worldlaw.clips.media import encode_webp
from worldlaw.rating.exhibits import Exhibit

MEDIA_TYPE = "image/webp"
REST = (
    0.8  # s that the last frame stays, so that the jump back to the first is not taken for part of the clip
)
LOSSLESS = 32 * 512 * 512  # pixels of a clip up to which it is lossless; above, encoding would take seconds


def check(shown: Sequence[Exhibit]) -> None:
    """Read the first clip of every folder and kind of file, so that what lacks is said before anyone judges.

    Raises BadInput if it cannot be read, for .mp4 without PyAV, and for an artifact that is not here.
    """
    first: dict[tuple[Path, str], Exhibit] = {}
    for each in shown:
        of_run = each.questions is not None
        first.setdefault((each.path, "") if of_run else (Path(), each.path.suffix.lower()), each)
    for each in first.values():
        each.video()


def picture(exhibit: Exhibit) -> bytes:
    """An exhibit as animated WebP, whatever it is stored as: the file tells nothing of where it is from.

    At its own resolution; the page enlarges it without smoothing. Raises BadInput if it cannot be read.
    """
    frames, fps = exhibit.video()
    return encode_webp(frames, fps, hold=REST, lossless=frames[..., 0].size <= LOSSLESS, effort=2)

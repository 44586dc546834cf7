"""How is it kept? Videos on disk and in memory.

- ``store``: clip shards: write, read, check, random access (docs/format.md)
- ``arrow_files``: Arrow files with a digest of their own
- ``tracks``: tracks on disk
- ``frames``: what a model sees of clips: frames, and a description if it asks
- ``film``, ``films``: a video file as it was found; any file in
- ``streams``, ``pictures``, ``arrays``: how each kind of file is read
- ``media``: mp4, GIF, WebP, PNG for people and foreign models
- ``recompression``: frames through a film's own codec
- ``export``: layouts that others read

One more kind of file: a reader that returns a ``Film``, and a line in ``films``.
"""

from worldlaw.clips.frames import FrameSource
from worldlaw.clips.store import Clip, Clips, write_shard

__all__ = ["Clip", "Clips", "FrameSource", "write_shard"]

"""Videos on disk and in memory."""

from worldlaw.clips.frames import FrameSource
from worldlaw.clips.store import Clip, Clips, write_shard

__all__ = ["Clip", "Clips", "FrameSource", "write_shard"]

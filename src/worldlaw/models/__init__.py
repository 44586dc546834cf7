"""What predicts: sees pixels only.

A model gets the first frames of some clips and returns the frames that follow. To bring your own, write a
class with ``generate`` (and ``fit``, if it learns) and name it in an experiment as
``"package.module:Class"``; ``worldlaw.testing.check_model`` says whether it keeps the contract.
"""

from worldlaw.models.model import VideoModel, codecs, models

__all__ = ["VideoModel", "codecs", "models"]

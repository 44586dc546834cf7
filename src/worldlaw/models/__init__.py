"""What predicts: sees pixels only.

A model gets the first frames of some clips and returns the frames that follow. To bring your own, write a
class with ``generate`` (and ``fit``, if it learns) and name it in an experiment as
``"package.module:Class"``; ``worldlaw.testing.check_model`` says whether it keeps the contract.

- ``model``: the contract and the registries
- ``baselines``: copy last frame, nearest training clip
- ``video_dit``: the transformer as a model
- ``checkpoint``: checkpoints that travel; one ships in ``shipped``
- ``pipelines``: pipelines of diffusers as models
- ``state_model``: a reference that learns, on states
- ``networks``: the networks as such
- ``autoencoders``: codecs
- ``training``: the loop that teaches
- ``features``: networks that see for a metric
"""

from worldlaw.models.model import VideoModel, codecs, models

__all__ = ["VideoModel", "codecs", "models"]

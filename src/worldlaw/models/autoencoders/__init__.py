"""Codecs: video to latents and back.

- ``codec``: the contract, latent time, normalised latents
- ``video_vae``: ours: a causal (2+1)D autoencoder
- ``published_vae``: codecs in the layout of diffusers

One more codec: a class derived from ``Codec``, and a line in the registry in ``models.model``.
"""

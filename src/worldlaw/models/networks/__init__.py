"""Networks as such.

- ``dit``: the video diffusion transformer and its presets
- ``diffusion``: training target and samplers
- ``description_encoder``: a state or a text as the network takes it in
- ``video_autoencoder``: the encoder and decoder of our codec
"""

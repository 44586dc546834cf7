"""Networks that see for a metric or a loss.

- ``i3d``: features of the Fréchet video distance
- ``lpips``: perceptual distance
- ``critic``: critics that help to teach an autoencoder
- ``published_weights``: where published weights lie, identified by their checksum
"""

"""Named colours, as the study drew them where it had them."""

from __future__ import annotations

# Red, blue and white are the study's (facts: pure primaries on white); the others are as far from those as
# they can be.
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 160, 0),
    "magenta": (200, 0, 200),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    # PHYRE's red and gray (Bakhtin et al. 2019, arXiv:1908.05656, published code), for assemblies.
    "coral": (243, 79, 70),
    "silver": (185, 202, 210),
}
# What bodies of the three laws may have. On white, gray would be a mixture of black and white: a pixel could
# not say which of the two it shows; assemblies are tracked by how whole bodies look, which can.
BODY_COLORS = ("red", "blue", "green", "magenta", "black")

"""A question in words: what is seen, how it moves at first and what law holds; never how it ends."""

from __future__ import annotations

import math

from worldlaw.core.types import Body
from worldlaw.exam.paper.paper import PaperVideo
from worldlaw.worlds.scene_description import heading_of
from worldlaw.worlds.view import View

VERSION = 1  # raise it whenever the same question would be said otherwise

LOOKS = {
    "plain": "A plain drawing: flat colours on an even background, no shadows.",
    "textured": "Filmed from the side, camera on a stand: solid bodies before a wall, soft light, shadows.",
}
COLOR_WORDS = {"coral": "light red", "silver": "light grey"}
SHAPE_WORDS = {"sticks": "cross of two sticks"}


def prompt_of(view: View, video: PaperVideo, filming: str, *, law: str) -> str:
    """Sentences for a model that takes text: bodies, first motion, the scenario's law, camera.

    Places are shares of the picture from its left and bottom edge; speeds are in m/s and in widths or heights
    of the picture a second, whichever the body moves along.
    """
    scene = view.scene
    massive = sum(not body.fixed for body in scene.bodies) > 1
    bodies = " ".join(_body(body, view, massive=massive) for body in scene.bodies)
    resting = all(body.velocity == (0.0, 0.0) for body in scene.bodies)
    start = "Everything is at rest at first." if resting else ""
    sentences = (LOOKS[filming], bodies, start, law, _camera(view, video))
    return " ".join(sentence for sentence in sentences if sentence)


def _body(body: Body, view: View, *, massive: bool) -> str:
    name = f"{COLOR_WORDS.get(body.color, body.color)} {SHAPE_WORDS.get(body.shape, body.shape)}"
    article = "An" if name[0] in "aeiou" else "A"
    mass = f" of {body.mass:.2f} kg" if massive and not body.fixed else ""
    across, up = view.place(body.position)
    motion = ", fixed" if body.fixed else _motion(body, view)
    return f"{article} {name}{mass} is {across:.0%} from the left and {up:.0%} up{motion}."


def _motion(body: Body, view: View) -> str:
    speed = math.hypot(*body.velocity)
    if speed == 0:
        return ""
    x, y = body.velocity
    along, side = ("width", view.width) if abs(x) >= abs(y) else ("height", view.height)
    share = speed * view.pixels_per_metre / side
    return f" and moves {heading_of(x, y)} at {speed:.2f} m/s, {share:.3f} picture {along}s a second"


def _camera(view: View, video: PaperVideo) -> str:
    wide, high = view.width / view.pixels_per_metre, view.height / view.pixels_per_metre
    return (
        f"The picture shows {wide:.1f} m by {high:.1f} m. The camera stands still; "
        f"{video.num_frames} frames at {video.fps:g} frames a second, no cuts."
    )

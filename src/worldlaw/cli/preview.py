"""worldlaw preview: one clip of a scenario."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, add_settings
from worldlaw.core.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

    from worldlaw.worlds.recipe import Recipe


def add(commands: Any) -> None:
    """Hook the command in."""
    preview = add_command(commands, "preview", draw_preview, "draw one clip of a scenario")
    preview.add_argument("scenario", metavar="SCENARIO")
    add_settings(preview, "attribute=value", "an attribute, e.g. --set speed=2.5 --set color=blue")
    preview.add_argument("--seed", type=int, default=0, help="which scene (default: 0)")
    preview.add_argument("--resolution", type=int, default=256, help="rows of a frame (default: 256)")
    preview.add_argument("--frames", type=int, default=32, help="number of frames (default: 32)")
    preview.add_argument("--fps", type=float, default=10.0, help="frames per second (default: 10)")
    preview.add_argument(
        "--textured", action="store_true", help="as exam papers film it: texture, light, shadows, 16:9"
    )
    preview.add_argument(
        "-o", "--output", type=Path, help=".gif, .webp, .mp4 or .png (default: SCENARIO.gif)"
    )


def draw_preview(arguments: argparse.Namespace) -> None:
    from worldlaw.clips.media import write_video
    from worldlaw.experiment.config import parse_yaml
    from worldlaw.worlds import scenarios, training_region
    from worldlaw.worlds.recipe import Recipe

    scenario = scenarios.get(arguments.scenario)
    raw = {}
    for text in arguments.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--set {text!r}: expected attribute=value")
        raw[name] = parse_yaml(value, f"--set {text!r}")
    if not (
        16 <= arguments.resolution <= 4096 and 1 <= arguments.frames <= 4096 and 0 < arguments.fps <= 10_000
    ):
        raise BadInput(
            "expected a resolution of 16 to 4096 rows, 1 to 4096 frames, and at most 10,000 frames per second"
        )
    recipe = Recipe(
        scenario=arguments.scenario,
        region=training_region(scenario, raw),
        seed=arguments.seed,
        split="preview",
        num_clips=1,
        resolution=arguments.resolution,
        num_frames=arguments.frames,
        fps=arguments.fps,
    )
    path = arguments.output or Path(f"{arguments.scenario.replace(':', '_')}.gif")
    scene, _ = recipe.scene(0)
    video = _textured(recipe) if arguments.textured else recipe.read([0])[0]
    write_video(path, video, recipe.fps)
    if arguments.json:
        print(json.dumps({"path": str(path), "scene": json.loads(scene.to_json())}))
        return
    for name, value in scene.attributes.items():
        said = value if isinstance(value, str) else format(value, ".4g")
        print(f"  {name} = {said}{scenario.attributes[name].shown_unit}")
    print(path)


def _textured(recipe: Recipe) -> np.ndarray:
    """(T, H, W, 3) uint8: the first clip as exam papers film it, 16:9."""
    from worldlaw.core.seeding import rng_for
    from worldlaw.worlds import scenarios
    from worldlaw.worlds.render.textured import render_textured
    from worldlaw.worlds.view import view_of

    scene, _ = recipe.scene(0)
    edges = scenarios.get(recipe.scenario).edges
    view = view_of(scene, 2 * round(recipe.resolution * 8 / 9), recipe.resolution, edges=edges)
    motion, rng = recipe.trajectory(view.scene), rng_for(recipe.seed, "preview", "look")
    return render_textured(view.scene, motion, view.width, view.height, rng=rng, box=view.box)

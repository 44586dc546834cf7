"""A scene in pictures of other aspects: geometry stays, an open view is widened, walls do not move."""

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.types import Scene
from worldlaw.measure.matching import match
from worldlaw.measure.tracking.trackers import tracker
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.view import BARS, view_of

OPEN = [name for name in scenarios.names() if scenarios.get(name).edges == "open"]
WALLED = [name for name in scenarios.names() if scenarios.get(name).edges == "walls"]


def scene_of(name, index=0):
    kind = scenarios.get(name)
    return draw_scene(kind(), training_region(kind), seed=0, split="view", index=index)[0]


def test_the_edges_of_all_that_ships_are_declared():
    assert {"uniform_motion", "parabola", "collision"} <= set(OPEN)
    assert {"assembly", "gap", "offset"} <= set(WALLED)


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize(("width", "height"), [(832, 480), (256, 144), (144, 256), (128, 128)])
def test_a_wider_view_of_an_open_world_only_moves_its_motion(name, width, height):
    scene = scene_of(name)
    view = view_of(scene, width, height)
    aside = np.subtract(view.scene.extent, scene.extent) / 2
    kind = scenarios.get(name)()
    before = kind.simulate(scene, 24, 0.1).position
    after = kind.simulate(view.scene, 24, 0.1).position
    np.testing.assert_allclose(after, before + aside, atol=1e-9)
    assert view.scene.extent[0] / view.scene.extent[1] == pytest.approx(width / height)
    assert min(aside) == pytest.approx(0)
    assert view.box == (0, 0, width, height)


@pytest.mark.parametrize("name", scenarios.names())
@pytest.mark.parametrize(("width", "height"), [(320, 180), (160, 288)])
def test_tracking_a_film_of_another_aspect_gives_the_truth(name, width, height):
    view = view_of(scene_of(name), width, height)
    kind = scenarios.get(name)
    truth = kind().simulate(view.scene, 10, 0.1)
    video = view.film(truth)
    assert video.shape == (10, height, width, 3)
    tracks = tracker(kind.tracker)(view.crop(video), context=3, extent=view.scene.extent, fps=10.0)[1]
    error = np.abs(match(tracks, truth).bodies.position - truth.position)[truth.status == 0]
    assert np.isfinite(error).all()
    assert np.median(error) * view.pixels_per_metre < 0.02


@pytest.mark.parametrize("name", WALLED)
def test_what_has_walls_stands_between_bars(name):
    scene = scene_of(name)
    view = view_of(scene, 832, 480)
    assert view.scene is scene
    assert view.box == (176, 0, 480, 480)
    video = view.film(scenarios.get(name)().simulate(scene, 2, 0.1))
    assert (video[:, :, :176] == BARS).all()
    assert (video[:, :, 656:] == BARS).all()
    assert view_of(scene, 100, 400).box == (0, 150, 100, 100)


def test_a_place_in_the_picture_is_where_the_renderer_draws_it():
    view = view_of(scene_of("gap"), 400, 200)
    assert view.place((0.0, 0.0)) == pytest.approx((0.25, 0.0))
    assert view.place(view.scene.extent) == pytest.approx((0.75, 1.0))


def test_a_view_without_square_pixels_is_refused():
    scene = Scene(scenario="x", attributes={}, bodies=(), extent=(1.0, np.pi))
    with pytest.raises(BadInput, match="square pixels"):
        view_of(scene, 64, 64, edges="walls")

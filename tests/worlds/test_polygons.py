"""Pictures of bodies with parts: every pixel gets exactly the share that their union covers."""

import dataclasses
import math

import numpy as np
import pytest

from worldlaw.core.numbers.colors import COLORS
from worldlaw.core.types import VISIBLE, Scene, Trajectory
from worldlaw.worlds.assemblies.body_kinds import WIDTH, ball, bar, body_at, jar, sticks
from worldlaw.worlds.render.flat import polygon_coverage, render

FORMS = {"bar": bar(0.4), "jar": jar(0.25), "sticks": sticks(0.5)}
ANGLES = (0.0, 0.3, math.pi / 2, 2.0, -1.2, 1e-12)


def in_pixels(form, resolution):
    """Parts of a form in pixels, y down."""
    scale = resolution / WIDTH
    return tuple(tuple((x * scale, -y * scale) for x, y in part) for part in form.parts)


def inside(parts, center, angle, x, y):
    """Whether points lie in some part: an independent test, by the sides of lines."""
    cos, sin = math.cos(angle), math.sin(angle)
    dx, dy = x - center[0], y - center[1]
    u, v = cos * dx + sin * dy, -sin * dx + cos * dy
    found = np.zeros(x.shape, bool)
    for part in parts:
        sides = [
            (bx - ax) * (v - ay) - (by - ay) * (u - ax)
            for (ax, ay), (bx, by) in zip(part, part[1:] + part[:1], strict=True)
        ]
        found |= np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)
    return found


def supersampled(parts, center, angle, size, samples=32):
    grid = (np.arange(size * samples) + 0.5) / samples
    x, y = np.meshgrid(grid, grid)
    return inside(parts, center, angle, x, y).reshape(size, samples, size, samples).mean(axis=(1, 3))


def still(bodies, angles=None):
    """A scene of bodies that rest, and its trajectory of one frame."""
    scene = Scene("assembly", {}, tuple(bodies), extent=(WIDTH, WIDTH))
    return scene, Trajectory(
        dt=1.0,
        position=np.array([[body.position for body in bodies]], float),
        size=np.array([[body.size for body in bodies]]),
        color=np.array([[COLORS[body.color] for body in bodies]]) / 255,
        status=np.full((1, len(bodies)), VISIBLE, np.int8),
        confidence=np.ones((1, len(bodies))),
        angle=np.array([[body.angle for body in bodies]]),
    )


def shares(frame):
    """(H, W) share of black on white."""
    return 1 - frame[..., 0] / 255


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("resolution", [24, 48])
def test_coverage_is_what_fine_sampling_finds(name, angle, resolution):
    parts, center = in_pixels(FORMS[name], resolution), (0.49 * resolution, 0.53 * resolution)
    exact = polygon_coverage(parts, center, angle, resolution, resolution)
    sampled = supersampled(parts, center, angle, resolution)
    assert np.abs(exact - sampled).max() < 0.04  # a line through a pixel meets 32 of its 1024 samples
    if abs(math.remainder(angle, math.pi / 2)) > 0.1:  # along a level edge all samples err alike
        assert abs(exact.sum() - sampled.sum()) < 2e-3 * exact.sum()


@pytest.mark.parametrize("angle", ANGLES)
def test_the_area_of_a_picture_is_the_area_of_the_body(angle):
    one = bar(0.4)
    drawn = polygon_coverage(in_pixels(one, 128), (60.3, 65.8), angle, 128, 128).sum()
    assert drawn == pytest.approx(0.4 * 128 * 128 / 50, rel=1e-9)
    scene, states = still([body_at(one, "black", center=0.5, bottom=0.4, angle=angle)])
    assert shares(render(scene, states, 256)[0]).sum() == pytest.approx(0.4 * 256 * 256 / 50, rel=1e-3)


def test_sticks_that_cross_are_not_counted_twice_where_they_cross():
    form = sticks(0.5)
    length, thick = (2 / 3 * 0.5 * 128, 2 / 3 * 128 / 50)
    crossing = thick**2 / math.sin(math.radians(180 - 2 * 77.5))  # a rhombus as high as the sticks are thick
    drawn = polygon_coverage(in_pixels(form, 128), (64, 64), 0.7, 128, 128)
    assert drawn.sum() == pytest.approx(2 * length * thick - crossing, rel=1e-9)
    assert drawn.max() <= 1


@pytest.mark.parametrize("name", FORMS)
def test_turning_by_a_right_angle_turns_the_picture(name):
    parts = in_pixels(FORMS[name], 96)
    for angle in (0.2, 1.0):
        one = polygon_coverage(parts, (48, 48), angle, 96, 96)
        turned = polygon_coverage(parts, (48, 48), angle + math.pi / 2, 96, 96)
        np.testing.assert_allclose(turned, np.rot90(one, -1), atol=1e-9)  # y down: clockwise


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("angle", ANGLES)
def test_a_video_shows_the_coverage_to_half_a_step_of_8_bits(name, angle):
    body = body_at(FORMS[name], "silver", center=0.5, bottom=0.2, angle=angle)
    body = dataclasses.replace(body, color="black", fixed=False)
    scene, states = still([body])
    x, y = body.position[0] * 96 / WIDTH, 96 - body.position[1] * 96 / WIDTH
    exact = polygon_coverage(in_pixels(FORMS[name], 96), (x, y), -angle, 96, 96)
    assert np.abs(shares(render(scene, states, 96)[0]) - exact).max() <= 0.5 / 255 + 1e-9


def test_what_is_fixed_covers_what_moves_and_a_later_body_an_earlier():
    fixed = body_at(bar(0.4), "black", center=0.5, bottom=0.49)
    silver = body_at(ball(0.2), "silver", center=0.5, bottom=0.4)
    red = body_at(ball(0.2), "coral", center=0.5, bottom=0.4)
    frame = render(*still([fixed, silver, red]), 128)[0]
    row, column = round(128 - fixed.position[1] * 128 / WIDTH), 64
    assert tuple(frame[row, column]) == COLORS["black"]
    assert tuple(frame[row - 8, column]) == COLORS["coral"]
    assert not (frame == COLORS["silver"]).all(axis=-1).any()


def test_pixels_that_bodies_share_are_filled_once():
    left = body_at(bar(0.3), "black", right=0.5, bottom=0.3)
    right = body_at(bar(0.3), "black", left=0.5, bottom=0.3)
    together = render(*still([left, right]), 50)[0]
    whole = render(*still([body_at(bar(0.6), "black", left=0.2, bottom=0.3)]), 50)[0]
    assert np.abs(together.astype(int) - whole).max() <= 1


def test_later_frames_show_fixed_bodies_and_no_trace_of_earlier_ones():
    bodies = [
        body_at(bar(0.4), "black", center=0.5, bottom=0.3, angle=0.4),
        body_at(jar(0.2), "silver", center=0.4, bottom=0.4, angle=0.3),
        body_at(ball(0.1), "coral", center=0.5, bottom=0.35),
    ]
    scene, states = still(bodies)
    steps = np.array([0.0, 3.0, 7.0, 12.0])[:, None, None] * np.array([0, 1, 1])[None, :, None]
    position, angle = states.position + steps, states.angle + steps[..., 0] / 5
    unchanged = ("size", "color", "status", "confidence")
    kept = {name: np.repeat(getattr(states, name), 4, axis=0) for name in unchanged}
    four = dataclasses.replace(states, position=position, angle=angle, **kept)
    video = render(scene, four, 64)
    for t in range(4):
        alone = dataclasses.replace(states, position=position[t : t + 1], angle=angle[t : t + 1])
        assert np.array_equal(video[t], render(scene, alone, 64)[0])

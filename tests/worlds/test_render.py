"""Pictures: exact area coverage, occlusion, and the study's edge on request."""

import dataclasses
import math

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.types import Body, Scene
from worldlaw.worlds.render.flat import frame_shape, render
from worldlaw.worlds.scenario import true_trajectory


def picture(*bodies, resolution=64, edge="area", extent=(10.0, 10.0)):
    scene = Scene("uniform_motion", {}, bodies, extent=extent)
    position = np.array([[body.position for body in bodies]])
    return render(scene, true_trajectory(scene, position, 0.1), resolution, edge=edge)[0]


def body(x, y, size, color="red", shape="ball"):
    return Body(shape, float(size), color, 1.0, (float(x), float(y)), (0.0, 0.0))


def covered(frame, channel=1):
    """Share of each pixel that a red body covers: what is missing of green."""
    return (255.0 - frame[..., channel]) / 255


def supersampled(test, resolution, factor=32):
    """Coverage by counting sub-pixels whose centre is inside, in units of pixels."""
    centres = (np.arange(resolution * factor) + 0.5) / factor
    x, y = np.meshgrid(centres, resolution - centres)
    return test(x, y).reshape(resolution, factor, resolution, factor).mean(axis=(1, 3))


@pytest.mark.parametrize("x", [5.0, 5.03, 4.876, 0.2, 9.9])
@pytest.mark.parametrize("size", [0.05, 0.3, 1.234, 2.5])
def test_a_disc_covers_every_pixel_by_exactly_its_area(x, size):
    frame = picture(body(x, 4.4321, size))
    cx, cy, r = x * 6.4, 4.4321 * 6.4, size * 6.4
    expected = supersampled(lambda u, v: (u - cx) ** 2 + (v - cy) ** 2 <= r * r, 64)
    # Rounding to 8 bits gives 1/510; counting 32 x 32 sub-pixels along an edge is itself off by about 1/64.
    assert np.abs(covered(frame) - expected).max() < 1 / 510 + 1 / 50


@pytest.mark.parametrize("size", [0.1, 0.77, 2.0])
def test_the_area_of_a_disc_in_view_is_pi_r_squared(size):
    area = covered(picture(body(5.1, 5.2, size), resolution=128)).sum()
    assert area == pytest.approx(math.pi * (size * 12.8) ** 2, rel=1e-3, abs=0.02)


def test_a_square_and_a_ring_cover_their_areas():
    square = covered(picture(body(5.03, 5.21, 1.1, shape="square"), resolution=128)).sum()
    assert square == pytest.approx((2 * 1.1 * 12.8) ** 2, rel=1e-3)
    ring = covered(picture(body(5.03, 5.21, 1.1, shape="ring"), resolution=128)).sum()
    assert ring == pytest.approx(math.pi * (1.1**2 - 0.55**2) * 12.8**2, rel=1e-3)


def test_up_in_the_world_is_up_in_the_picture():
    frame = picture(body(2.0, 8.0, 0.5))
    rows, columns = np.nonzero(covered(frame) > 0.5)
    assert rows.mean() < 20
    assert columns.mean() < 20


def test_moving_by_whole_pixels_moves_the_picture():
    one, other = (picture(body(3.0 + dx, 4.0, 0.8), resolution=50) for dx in (0.0, 1.0))
    np.testing.assert_array_equal(one[:, :-5], other[:, 5:])


def test_mirrored_positions_give_mirrored_pictures():
    one, other = (picture(body(x, 5.0, 0.83)) for x in (3.3, 6.7))
    assert np.abs(one.astype(int) - other[:, ::-1]).max() <= 1


def test_the_body_drawn_later_covers_the_one_before():
    frame = picture(body(5, 5, 1.5), body(5.5, 5, 1.0, color="blue"))
    assert tuple(frame[32, 35]) == (0, 0, 255)
    assert tuple(frame[32, 24]) == (255, 0, 0)


def test_bodies_in_contact_share_a_pixel_without_a_gap():
    # They touch in the middle of column 32: nothing of the background may show there on the line of centres.
    touch = 32.5 / 6.4
    frame = picture(
        body(touch - 2.0, 5.0, 2.0, shape="square"), body(touch + 2.0, 5.0, 2.0, "blue", "square")
    )
    np.testing.assert_allclose(frame[32, 32], [128, 0, 128], atol=1)


def test_drawing_alone_and_drawing_together_agree():
    alone = picture(body(3.0, 5.0, 0.9))
    with_speck = picture(body(3.0, 5.0, 0.9), body(4.3, 5.0, 0.05, color="blue"))
    left = alone[:, :24]
    assert np.abs(left.astype(int) - with_speck[:, :24]).max() <= 1


def test_a_given_buffer_is_drawn_into_and_leaves_no_trace_of_the_clip_before():
    scene = Scene("uniform_motion", {}, (body(5, 5, 1),))
    first, second = (true_trajectory(scene, np.full((4, 1, 2), at), 0.1) for at in (3.0, 7.0))
    buffer = render(scene, first, 32)
    drawn = render(scene, second, 32, out=buffer)
    assert drawn is buffer
    np.testing.assert_array_equal(drawn, render(scene, second, 32))


def test_a_wide_view_gets_wide_frames_and_odd_ratios_are_refused():
    assert frame_shape((16.0, 9.0), 90) == (90, 160)
    with pytest.raises(BadInput, match="square pixels"):
        frame_shape((16.0, 9.0), 64)


def test_the_studys_edge_is_solid_inside_and_white_outside_its_rim():
    frame = picture(body(5.0, 5.0, 1.0), resolution=101, edge="study")  # pixel i is at i / 10 m
    assert tuple(frame[50, 50]) == (255, 0, 0)
    assert tuple(frame[50, 59]) == (255, 0, 0)  # d = 0.9 m < 0.985 R
    assert tuple(frame[50, 60]) == (255, 255, 255)  # d = R
    # alpha = (1 - 0.9925²) / 0.03 = 0.498 at d = 0.9925 R, truncated: 255 * 0.502 = 127.9 -> 127
    moved = picture(
        dataclasses.replace(body(5.0, 5.0, 1.0), position=(4.9075, 5.0)), resolution=101, edge="study"
    )
    assert moved[50, 59].tolist() == [255, 127, 127]

"""Tracking by synthesis: poses, honesty and identity, on pictures whose truth is known."""

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.types import HIDDEN, LOST, VISIBLE, Body, Scene, Trajectory
from worldlaw.measure.matching import partners
from worldlaw.measure.tracking.poses import (
    coverage_kernels,
    outline_fit,
    picture_fit,
    pose_search,
    pose_tracker,
    silhouettes,
)
from worldlaw.measure.tracking.poses.pose_tracker import follow, read_silhouettes
from worldlaw.worlds import scenarios
from worldlaw.worlds.assemblies.body_kinds import WIDTH, jar, sticks
from worldlaw.worlds.assemblies.templates import TEMPLATES
from worldlaw.worlds.render.flat import render

W = WIDTH
EXTENT = (W, W)


def box(length, breadth):
    x, y = length / 2, breadth / 2
    return ((x, y), (-x, y), (-x, -y), (x, -y))


def thing(shape, size, parts=(), color="silver", fixed=False):
    """A body whose place comes with its motion."""
    return Body(shape, size, color, 1.0, (0.0, 0.0), (0.0, 0.0), fixed=fixed, parts=parts)


def bar(length=0.3, color="silver", fixed=False, breadth=0.02):
    length, breadth = length * W, breadth * W
    return thing("bar", math.hypot(length, breadth) / 2, (box(length, breadth),), color, fixed)


def ball(radius=0.05, color="silver", fixed=False):
    return thing("ball", radius * W, color=color, fixed=fixed)


def formed(form):
    return thing(form.shape, form.size, form.parts)


def film(*moving, resolution=128, num_frames=8):
    """Bodies with (x, y, angle) as functions of the frame, lengths in widths: (video, truth)."""
    time = np.arange(num_frames)
    pose = np.stack([np.stack(np.broadcast_arrays(*motion(time)), axis=-1) for _, motion in moving], axis=1)
    bodies = [body for body, _ in moving]
    shape = pose.shape[:2]
    truth = Trajectory(
        dt=1 / 3,
        position=pose[..., :2] * W,
        size=np.broadcast_to([body.size for body in bodies], shape).astype(float),
        color=np.zeros((*shape, 3)),
        status=np.zeros(shape, np.int8),
        confidence=np.ones(shape),
        angle=pose[..., 2].astype(float),
    )
    return render(Scene("assembly", {}, tuple(bodies), extent=EXTENT), truth, resolution), truth


def tracked(video, truth):
    """(tracks in the order of the truth's bodies, silhouettes in that order as indices, silhouettes)."""
    shown = read_silhouettes(video[:1], extent=EXTENT, fps=3.0)
    tracks = follow(video, shown, fps=3.0)
    return tracks, partners(tracks.bodies, truth), shown


def errors(tracks, order, truth, shown, resolution):
    """Position errors in pixels, angle errors in rad modulo symmetry, (T, B) both.

    The centroid of an outline and a centre of mass differ by a distance that turns with the body.
    """
    turned = truth.angle - truth.angle[0]
    away = shown.centroid[order] - truth.position[0]
    cos, sin = np.cos(turned), np.sin(turned)
    carried = np.stack([cos * away[:, 0] - sin * away[:, 1], sin * away[:, 0] + cos * away[:, 1]], axis=-1)
    off = tracks.bodies.position[:, order] - truth.position - carried
    period = 2 * math.pi / np.maximum(shown.symmetry[order], 1)
    angle = (tracks.bodies.angle[:, order] - turned + period / 2) % period - period / 2
    return np.linalg.norm(off, axis=-1) * resolution / W, angle


def still(x, y, angle=0.0):
    return lambda t: (x + 0 * t, y + 0 * t, angle + 0 * t)


def moving(x, y, vx=0.0, vy=0.0, angle=0.0, spin=0.0):
    return lambda t: (x + vx * t, y + vy * t, angle + spin * t)


def a_scene():
    """One of each kind, that neither meet nor leave."""
    return (
        (bar(0.2, "black", fixed=True), still(0.2, 0.1, 0.4)),
        (ball(0.02, "black", fixed=True), still(0.5, 0.06)),
        (formed(sticks(0.4)), moving(0.75, 0.3, -0.004, 0.02, 0.3, -0.3)),
        (formed(jar(0.2)), moving(0.25, 0.65, 0.02, 0.01, 0.2, 0.25)),
        (bar(0.25), moving(0.3, 0.33, 0.015, -0.004, 1.0, 0.7)),
        (ball(0.06, "coral"), moving(0.75, 0.85, -0.025, 0.003)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_a_drawn_pose_is_read_back_to_a_few_hundredths_of_a_pixel(resolution):
    video, truth = film(*a_scene(), resolution=resolution)
    tracks, order, shown = tracked(video, truth)
    off, angle = errors(tracks, order, truth, shown, resolution)
    assert off.max() < 0.05
    assert np.degrees(np.nanmax(np.abs(angle))) < 0.5
    assert (tracks.bodies.status == VISIBLE).all()
    assert not len(tracks.extra.frame)
    assert tracks.bodies.misfit.max() < 0.02


@pytest.mark.parametrize("template", tuple(TEMPLATES)[3::14])
def test_assemblies_are_followed_through_contact(template):
    scenario = scenarios.get("assembly")()
    attributes = {"template": template, "layout": 7.5}
    scene = scenario.build(attributes, np.random.default_rng(5))
    truth = scenario.simulate(scene, 16, 1 / 3)
    tracks, order, shown = tracked(render(scene, truth, 256), truth)
    off, angle = errors(tracks, order, truth, shown, 256)
    assert sorted(order) == list(range(len(scene.bodies)))
    assert np.median(off) < 0.1
    assert np.percentile(off, 95) < 1
    known = np.degrees(np.abs(angle[np.isfinite(angle)]))
    assert np.percentile(known, 95) < 3
    assert np.isfinite(tracks.bodies.position).all()


def test_silhouettes_have_the_area_reach_and_symmetry_of_what_was_drawn():
    video, truth = film(*a_scene(), num_frames=1, resolution=256)
    shown = read_silhouettes(video, extent=EXTENT, fps=3.0)
    order = partners(follow(video, shown, fps=3.0).bodies, truth)
    assert shown.symmetry[order].tolist() == [2, 0, 2, 1, 2, 0]
    assert shown.disc[order].tolist() == [False, True, False, False, False, True]
    sizes = [body.size for body, _ in a_scene()]
    for place in (0, 1, 2, 4, 5):  # a jar's centre of mass is not the centroid of its outline
        assert shown.reach[order[place]] == pytest.approx(sizes[place], abs=0.02)
    assert shown.area[order[1]] == pytest.approx(math.pi * (0.02 * W) ** 2, rel=0.01)
    assert shown.area[order[4]] == pytest.approx(0.25 * 0.02 * W**2, rel=0.01)
    colors = [tuple(shown.color[index]) for index in order]
    assert colors == [(0, 0, 0)] * 2 + [(185, 202, 210)] * 3 + [(243, 79, 70)]


def test_what_moves_by_whole_pixels_is_tracked_as_moved():
    video, truth = film(*a_scene(), num_frames=4)
    moved = np.full_like(video, 255)
    moved[:, :-5, 3:] = video[:, 5:, :-3]  # up by 5, right by 3
    first, _, _ = tracked(video, truth)
    second = follow(moved, read_silhouettes(moved[:1], extent=EXTENT, fps=3.0), fps=3.0)
    pixel = W / 128
    np.testing.assert_allclose(
        second.bodies.position, first.bodies.position + np.array([3, 5]) * pixel, atol=0.01 * pixel
    )
    np.testing.assert_allclose(second.bodies.angle, first.bodies.angle, atol=1e-3)


def test_a_film_turned_by_a_quarter_gives_tracks_turned_by_a_quarter():
    video, truth = film(*a_scene(), num_frames=4)
    turned = np.ascontiguousarray(np.rot90(video, axes=(1, 2)))  # counter-clockwise
    first, _, _ = tracked(video, truth)
    second = follow(turned, read_silhouettes(turned[:1], extent=EXTENT, fps=3.0), fps=3.0)
    x, y = first.bodies.position[..., 0], first.bodies.position[..., 1]
    expected = np.stack([W - y, x], axis=-1)
    partner = [int(np.hypot(*(second.bodies.position[0] - place).T).argmin()) for place in expected[0]]
    np.testing.assert_allclose(second.bodies.position[:, partner], expected, atol=0.02 * W / 128)
    np.testing.assert_allclose(second.bodies.angle[:, partner], first.bodies.angle, atol=5e-3)


def test_the_order_in_which_bodies_were_listed_does_not_matter():
    scene = a_scene()
    video, _ = film(*scene, num_frames=4)
    again, _ = film(*scene[1::-1], *scene[:1:-1], num_frames=4)
    np.testing.assert_array_equal(video, again)  # nothing is covered
    shown = read_silhouettes(video[:1], extent=EXTENT, fps=3.0)
    assert (np.diff(shown.area) <= 0).all()


def test_a_body_that_vanishes_is_lost_in_these_frames_only():
    video, truth = film(*a_scene(), num_frames=10, resolution=256)
    without, _ = film(*a_scene()[:-1], num_frames=10, resolution=256)
    video[4:7] = without[4:7]
    tracks, order, _ = tracked(video, truth)
    gone = tracks.bodies.status == LOST
    assert gone[:, order[-1]].tolist() == [False] * 4 + [True] * 3 + [False] * 3
    assert gone.sum() == 3
    assert np.isnan(tracks.bodies.position[4:7, order[-1]]).all()
    assert np.isnan(tracks.bodies.misfit[4:7, order[-1]]).all()


def test_a_body_that_appears_beside_the_known_ones_is_an_extra_detection():
    video, truth = film(*a_scene(), num_frames=6, resolution=256)
    doubled, _ = film(*a_scene(), (ball(0.05), still(0.3, 0.85)), num_frames=6, resolution=256)
    video[3:] = doubled[3:]
    tracks, order, shown = tracked(video, truth)
    assert tracks.extra.frame.tolist() == [3, 4, 5]
    np.testing.assert_allclose(tracks.extra.position, [[0.3 * W, 0.85 * W]] * 3, atol=0.2)
    np.testing.assert_allclose(tracks.extra.size, 0.05 * W, rtol=0.1)
    off, _ = errors(tracks, order, truth, shown, 256)
    assert off.max() < 0.05


@pytest.mark.parametrize("resolution", [128, 256])
def test_a_bent_bar_is_followed_and_shows_its_misfit(resolution):
    length, breadth = 0.3 * W, 0.02 * W
    sag = math.atan(0.2)  # the middle is off by a tenth of the length
    halves = []
    for side in (1, -1):
        cos, sin = math.cos(side * sag), math.sin(side * sag)
        halves.append(
            tuple(
                (
                    cos * (x + side * length / 4) - sin * y,
                    sin * (x + side * length / 4) + cos * y - length / 20,
                )
                for x, y in box(length / 2, breadth)
            )
        )
    bent = thing("bar", length / 2, tuple(halves))
    motion = moving(0.4, 0.6, 0.01, -0.02, 0.3, 0.1)
    other = (ball(0.06, "coral"), still(0.7, 0.2))
    video, truth = film((bar(0.3), motion), other, resolution=resolution)
    warped, _ = film((bent, motion), other, resolution=resolution)
    video[4:] = warped[4:]
    tracks, order, _ = tracked(video, truth)
    misfit = tracks.bodies.misfit[:, order]
    assert misfit[:4].max() < 0.02
    assert misfit[4:, 0].min() > 0.15
    assert misfit[4:, 1].max() < 0.02
    assert (tracks.bodies.status == VISIBLE).all()


def test_balls_that_look_alike_keep_their_names_where_they_pass_each_other():
    one = (ball(0.05), moving(0.2, 0.5, 0.075, 0.0))
    other = (ball(0.05), moving(0.8, 0.62, -0.075, 0.0))
    video, truth = film(one, other, num_frames=8)
    tracks, order, shown = tracked(video, truth)
    off, _ = errors(tracks, order, truth, shown, 128)
    assert off.max() < 0.05


def test_bars_that_lie_against_each_other_are_told_apart():
    """One picture shows one gray thing; only the outlines say which of the two lies where."""
    one = (bar(0.3), lambda t: (0.5 + 0 * t, 0.3 + 0 * t, 0 * t))
    other = (bar(0.22), lambda t: (0.47 + 0.01 * t, np.maximum(0.52 - 0.1 * t, 0.32), 0 * t))
    video, truth = film(one, other, num_frames=6)
    tracks, order, shown = tracked(video, truth)
    off, angle = errors(tracks, order, truth, shown, 128)
    assert off.max() < 0.1
    assert np.degrees(np.abs(angle).max()) < 0.5


def test_what_goes_behind_a_fixed_body_is_hidden_there():
    wall = (bar(0.5, "black", fixed=True, breadth=0.3), still(0.5, 0.5, math.pi / 2))
    video, truth = film(wall, (ball(0.03, "coral"), moving(0.2, 0.5, 0.1)), num_frames=7)
    tracks, order, _ = tracked(video, truth)
    assert tracks.bodies.status[:, order[1]].tolist() == 2 * [VISIBLE] + 3 * [HIDDEN] + 2 * [VISIBLE]
    assert (tracks.bodies.status[:, order[0]] == VISIBLE).all()


def test_a_disc_shows_no_angle():
    video, truth = film((ball(0.06, "coral"), moving(0.4, 0.5, 0.02)), num_frames=3)
    tracks, _, _ = tracked(video, truth)
    assert np.isnan(tracks.bodies.angle).all()


def test_frames_that_show_nothing_or_another_view_are_refused():
    with pytest.raises(BadInput, match="nothing but its background"):
        read_silhouettes(np.full((1, 64, 64, 3), 255, np.uint8), extent=EXTENT, fps=3.0)
    video, _ = film((ball(), still(0.5, 0.5)), num_frames=1)
    with pytest.raises(BadInput, match="do not show a view"):
        read_silhouettes(video[:, :, :100], extent=EXTENT, fps=3.0)
    shown = read_silhouettes(video, extent=EXTENT, fps=3.0)
    with pytest.raises(BadInput, match="do not show a view"):
        follow(video[:, :, :100], shown, fps=3.0)


@pytest.mark.parametrize(
    "module", [pose_tracker, silhouettes, outline_fit, picture_fit, pose_search, coverage_kernels]
)
def test_the_tracker_sees_pixels_only(module):
    """It neither imports nor names a scene, a world or a case."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not names & {"Scene", "Body", "Case", "scenarios"}
    assert not any(name.startswith("worldlaw.worlds") for name in modules)

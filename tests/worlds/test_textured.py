"""Textured films: the same stream gives the same film, outlines are the truth, shadows are soft."""

import dataclasses

import numpy as np
import pytest

from worldlaw.core.seeding import rng_for
from worldlaw.core.types import VISIBLE, Body, Scene
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.scene_look import LEAST_CONTRAST, look_of
from worldlaw.worlds.render.textured import film, render_textured
from worldlaw.worlds.view import view_of

WIDTH, HEIGHT = 256, 144


def filmed(name, index=0, width=WIDTH, height=HEIGHT, num_frames=6):
    kind = scenarios.get(name)
    scene = draw_scene(kind(), training_region(kind), seed=0, split="look", index=index)[0]
    view = view_of(scene, width, height)
    return view, kind().simulate(view.scene, num_frames, 0.1)


def textured(view, trajectory, key=0, **options):
    return render_textured(
        view.scene, trajectory, view.width, view.height, rng=rng_for(0, "look", key), box=view.box, **options
    )


def flat(look, tones):
    """A look without shading, shine, grain and shadow, and with these tones."""
    maps = tuple(np.zeros_like(one) for one in look.maps)
    return dataclasses.replace(look, maps=maps, ambient=1.0, gloss=0.0, shadow=0.0, tones=tones)


@pytest.mark.parametrize("name", scenarios.names())
def test_the_same_stream_gives_the_same_film_and_another_another(name):
    view, truth = filmed(name)
    one = textured(view, truth)
    assert one.shape == (6, HEIGHT, WIDTH, 3)
    assert (one == textured(view, truth)).all()
    assert (one != textured(view, truth, key=1)).any(axis=-1).mean() > 0.5


def test_the_first_frames_of_a_film_do_not_hang_on_the_later_ones():
    view, truth = filmed("collision")
    options = {"noise": 5.0, "flicker": 0.1}
    assert (textured(view, truth[:3], **options) == textured(view, truth, **options)[:3]).all()


@pytest.mark.parametrize("name", scenarios.names())
def test_outlines_cover_what_the_truth_covers(name):
    view, truth = filmed(name, num_frames=3)
    look = look_of(view.scene, WIDTH, HEIGHT, rng=rng_for(0, "look"), box=view.box)
    scale = view.pixels_per_metre
    for b in range(len(view.scene.bodies)):
        dark = np.full_like(look.tones, 20)
        light = dark.copy()
        light[b] = 220
        frames = [
            film(view.scene, truth, flat(look, tones), box=view.box)[..., 0].astype(float)
            for tones in (dark, light)
        ]
        share = view.crop(np.stack([frames[1] - frames[0]] * 3, axis=-1))[..., 0] / 200
        for t in np.flatnonzero(truth.status[:, b] == VISIBLE):
            rows, columns = np.indices(share[t].shape) + 0.5
            total = share[t].sum()
            x, y = (share[t] * columns).sum() / total, (share[t] * rows).sum() / total
            true = truth.position[t, b] * scale
            # Overlapping parts count twice in a centre of mass, once in a picture.
            near = 0.05 if view.scene.bodies[b].shape in ("ball", "square", "ring", "bar") else 2.0
            assert abs(x - true[0]) < near
            assert abs(share.shape[1] - y - true[1]) < near


def test_a_turning_body_is_drawn_at_its_angle():
    bar = ((-2.0, -0.5), (2.0, -0.5), (2.0, 0.5), (-2.0, 0.5))
    body = Body("bar", float(np.hypot(2, 0.5)), "red", 1.0, (5.0, 5.0), (0.0, 0.0), angle=0.5, parts=(bar,))
    scene = Scene("x", {}, (body,))
    truth = filmed("gap", num_frames=1)[1]
    one = np.ones((1, 1))
    truth = dataclasses.replace(
        truth,
        position=np.array([[[5.0, 5.0]]]),
        size=one * body.size,
        color=np.ones((1, 1, 3)),
        status=np.zeros((1, 1), int),
        confidence=one,
        angle=one * 0.5,
        record=None,
    )
    look = look_of(scene, 100, 100, rng=rng_for(0), box=(0, 0, 100, 100))
    frames = [
        film(scene, truth, flat(look, np.full((1, 3), tone, np.float32)), box=(0, 0, 100, 100))
        for tone in (20, 220)
    ]
    share = (frames[1].astype(float) - frames[0])[0, :, :, 0] / 200
    rows, columns = np.indices(share.shape) + 0.5
    x, y = columns - 50, 50 - rows
    angle = 0.5 * np.arctan2(2 * (share * x * y).sum(), (share * (x**2 - y**2)).sum())
    assert angle == pytest.approx(0.5, abs=0.002)
    assert share.sum() == pytest.approx(400, rel=0.002)


def test_a_shadow_is_softer_than_its_body_and_moves_no_outline():
    view, truth = filmed("uniform_motion", num_frames=1)
    look = look_of(view.scene, WIDTH, HEIGHT, rng=rng_for(0, "look"), box=view.box)
    with_shadow, without = (
        film(view.scene, truth, dataclasses.replace(look, shadow=shadow), box=view.box)[0].astype(float)
        for shadow in (0.5, 0.0)
    )
    dark = (without - with_shadow).max(axis=-1)
    body = np.abs(without - look.backdrop).max(axis=-1)
    assert dark.max() > 20
    assert (dark >= 0).all()
    rows, columns = np.indices(dark.shape) + 0.5
    center = truth.position[0, 0] * view.pixels_per_metre
    away = np.hypot(columns - center[0], HEIGHT - rows - center[1]) - truth.size[0, 0] * view.pixels_per_metre
    assert (dark[away < -1] == 0).all()
    slope = np.hypot(*np.gradient(dark))[away > 2].max() / dark.max()
    sharp = np.hypot(*np.gradient(body)).max() / body.max()
    assert slope < 0.5 * sharp


@pytest.mark.parametrize("name", scenarios.names())
@pytest.mark.parametrize("key", range(4))
def test_bodies_stand_out_from_what_is_behind_them(name, key):
    view, truth = filmed(name, index=key, num_frames=1)
    rng = rng_for(0, "look", key)
    look = look_of(view.scene, WIDTH, HEIGHT, rng=rng, box=view.box)
    frame = film(view.scene, truth, look, box=view.box)[0].astype(float)
    white = film(view.scene, truth, flat(look, np.full_like(look.tones, 255)), box=view.box)[0]
    black = film(view.scene, truth, flat(look, np.zeros_like(look.tones)), box=view.box)[0]
    covered = (white == 255).all(axis=-1) & (black == 0).all(axis=-1)
    apart = np.abs(frame - look.backdrop).max(axis=-1)[covered]
    assert np.percentile(apart, 2) >= LEAST_CONTRAST


def test_bars_shade_the_edges_that_they_touch():
    for width, height, across in ((256, 144, True), (144, 256, False)):
        view, _ = filmed("gap", width=width, height=height)
        look = look_of(view.scene, width, height, rng=rng_for(0, "look"), box=view.box)
        stage = view.crop(look.backdrop[None])[0].mean(axis=-1)
        beside, above = (np.abs(edge / stage[20:-20, 20:-20].mean() - 1) for edge in (stage[:, 0], stage[0]))
        barred, free = (beside, above) if across else (above, beside)
        assert barred.mean() > 0.2
        assert free[20:-20].mean() < 0.15


def test_noise_is_as_strong_as_asked_for_and_light_swings():
    view, truth = filmed("uniform_motion")
    clean, noisy = textured(view, truth), textured(view, truth, noise=10.0)
    middle = (clean > 50) & (clean < 205)
    assert np.std((noisy.astype(float) - clean)[middle]) == pytest.approx(10, rel=0.02)
    swinging = textured(view, truth, flicker=0.2)
    change = swinging[1:].mean(axis=(1, 2, 3)) / clean[1:].mean(axis=(1, 2, 3)) - 1
    assert np.abs(change).max() > 0.02
    assert (swinging[0] == clean[0]).all()


def test_pictures_of_other_sizes_have_the_same_look():
    small, truth = filmed("parabola", width=128, height=72)
    large, finer = filmed("parabola", width=512, height=288)
    one = textured(small, truth).astype(float)
    two = textured(large, finer).reshape(6, 72, 4, 128, 4, 3).mean(axis=(2, 4))
    assert np.abs(one - two).mean() < 6

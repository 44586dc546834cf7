"""Moving pictures on a page: rings, outlines, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from report_pages import NAN, example, trajectory
from worldlaw.core.types import LOST
from worldlaw.pages.film_strips import film, outline_frames, ring_coverage


def test_a_ring_stands_where_the_body_was_predicted_to_be() -> None:
    position = np.full((2, 1, 2), NAN)
    position[0, 0] = (5.0, 7.5)  # m: column 50, row 25 from the top of 100 pixels over 10 m
    coverage = ring_coverage(trajectory(position), 100, 100, (10.0, 10.0))
    row, column = np.nonzero(coverage[0] > 0.5)
    assert (row.mean(), column.mean()) == pytest.approx((24.5, 49.5))
    assert np.hypot(row - 24.5, column - 49.5).max() == pytest.approx(20, abs=0.6)  # a radius of 2 m
    assert not coverage[1].any()  # a lost body has no ring


def test_an_outline_leaves_the_background_as_it_is_and_dims_the_truth() -> None:
    drawn = outline_frames(
        replace(example("drift", "state", "id", 0), tracked=trajectory(np.full((6, 1, 2), NAN), LOST))
    )
    assert drawn.shape == (6, 128, 128, 3)
    assert tuple(drawn[0, 0, 0]) == (255, 255, 255)
    assert tuple(drawn[0, 40, 40]) == (255, 184, 184)  # red, 72 % of the way to white


def test_a_noisy_clip_is_made_to_fit_and_one_that_cannot_is_left_out() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    noisy = replace(example("drift", "model", "id", 0), true_video=noise, shown_video=noise)
    fitting = film(noisy, 20_000)
    assert fitting is not None
    assert len(fitting.truth) + len(fitting.shown) <= 20_000
    assert film(noisy, 100) is None

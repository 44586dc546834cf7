"""Regions: what is in, what is out, and that sampling is uniform."""

import numpy as np
import pytest

from worldlaw.core.errors import BadInput
from worldlaw.core.region import Box, Region, region_from
from worldlaw.core.seeding import rng_for

DEFAULT = {"size": ((0.7, 1.4),), "speed": ((1.0, 4.0),), "color": ("red",)}


def points(region, count=4000):
    return [region.sample(rng_for(0, "test", i)) for i in range(count)]


def test_what_is_not_named_keeps_its_default():
    region = region_from({"speed": [0, 0.8]}, DEFAULT)
    assert region.boxes[0].values == {"size": ((0.7, 1.4),), "speed": ((0.0, 0.8),), "color": ("red",)}


def test_every_sample_lies_in_its_region():
    region = region_from([{"size": 0.5}, {"speed": [[0, 0.8], [4.5, 6]], "color": ["red", "blue"]}], DEFAULT)
    assert all(region.contains(point) for point in points(region, 500))


def test_a_union_of_intervals_is_sampled_by_length():
    region = region_from({"speed": [[0, 1], [4, 7]]}, DEFAULT)
    share = np.mean([point["speed"] >= 4 for point in points(region)])
    assert share == pytest.approx(0.75, abs=0.03)  # 3 m/s of 4 m/s


def test_overlapping_boxes_are_sampled_as_one_set():
    region = region_from([{"speed": [0, 2]}, {"speed": [1, 3]}], DEFAULT)
    speeds = [point["speed"] for point in points(region)]
    share, _ = np.histogram(speeds, bins=3, range=(0, 3))
    np.testing.assert_allclose(share / len(speeds), 1 / 3, atol=0.03)


def test_narrowing_one_attribute_does_not_move_the_others():
    wide = region_from({}, DEFAULT).sample(rng_for(1, "a"))
    narrow = region_from({"speed": [1, 1.5]}, DEFAULT).sample(rng_for(1, "a"))
    assert wide["size"] == narrow["size"]
    assert (wide["speed"] - 1) / 3 == pytest.approx((narrow["speed"] - 1) / 0.5)


def test_attributes_outside_are_named_and_a_new_combination_names_none():
    region = region_from([{"size": [0.7, 1], "speed": [1, 2]}, {"size": [1, 1.4], "speed": [3, 4]}], DEFAULT)
    assert region.outside({"size": 2.0, "speed": 0.5, "color": "red"}) == ("size", "speed")
    crossed = {"size": 0.8, "speed": 3.5, "color": "red"}
    assert not region.contains(crossed)
    assert region.outside(crossed) == ()


def test_regions_overlap_only_where_a_box_meets_a_box_in_every_attribute():
    train = region_from({}, DEFAULT)
    assert train.overlaps(region_from({"speed": [3, 9]}, DEFAULT))
    assert not train.overlaps(region_from({"speed": [4.5, 6]}, DEFAULT))
    assert not train.overlaps(region_from({"color": "blue"}, DEFAULT))


def test_a_value_outside_has_a_side():
    region = region_from({"speed": [[1, 2], [3, 4]]}, DEFAULT)
    assert [region.side("speed", v) for v in (0.5, 2.5, 9.0)] == ["low", "gap", "high"]
    assert region.side("color", "blue") == ""


@pytest.mark.parametrize("bad", [[[1, 3], [2, 4]], [[1, 1], [2, 4]], [[1, 1], [1, 1]], ["red", "red"]])
def test_what_could_not_be_drawn_evenly_is_refused(bad):
    with pytest.raises(BadInput, match="speed"):
        region_from({"speed": bad}, DEFAULT)


@pytest.mark.parametrize("bad", [[3, 1], [1, float("nan")], [], None, {"a": 1}, [[1, 2], "red"], True])
def test_what_is_no_range_is_refused_with_its_name(bad):
    with pytest.raises(BadInput, match="speed"):
        region_from({"speed": bad}, DEFAULT)


def test_a_fixed_value_is_sampled_as_it_is():
    assert Region((Box({"speed": ((2.0, 2.0),)}),)).sample(rng_for(0))["speed"] == 2.0

"""Streams, registries, statistics and artifacts."""

import datetime
import subprocess
import sys

import numpy as np
import pytest

from worldlaw.core.artifact import Artifact, atomic_path, key_of, lock_folder, read_manifest
from worldlaw.core.errors import BadInput, Failed, unknown
from worldlaw.core.numbers.stats import paired_difference, proportion, summarize
from worldlaw.core.registry import Registry
from worldlaw.core.seeding import rng_for


def test_a_stream_depends_on_its_whole_address_and_on_nothing_else():
    first = rng_for(7, "train", 3).random(4)
    np.testing.assert_array_equal(first, rng_for(7, "train", 3).random(4))
    others = [(8, "train", 3), (7, "test", 3), (7, "train", 4), (7, "train", "3"), (7, "train", 3, 0)]
    assert all(not np.array_equal(first, rng_for(*address).random(4)) for address in others)


def test_a_stream_is_the_same_on_every_machine():
    # Philox with the BLAKE2b hash of '[0,"train",0]' as its key; written down once, must never change.
    np.testing.assert_allclose(rng_for(0, "train", 0).random(2), EXPECTED_FIRST_DRAWS, rtol=1e-15)


EXPECTED_FIRST_DRAWS = [0.3050913967554264, 0.6151767575793647]


def test_a_misspelt_name_gets_the_nearest_one():
    registry: Registry[int] = Registry("scenario")
    registry.register("parabola", 1)
    with pytest.raises(BadInput, match=r"unknown scenario 'parabolla'; did you mean 'parabola'\?"):
        registry.get("parabolla")


def test_of_many_known_names_only_the_first_and_the_last_are_listed():
    said = str(unknown("template", "?", [f"{number:02}" for number in range(70)]))
    assert "00, 01" in said
    assert "68, 69" in said
    assert "35" not in said


def test_anything_importable_can_be_named():
    assert Registry("model").get("collections:Counter").__name__ == "Counter"
    with pytest.raises(BadInput, match="no module 'nowhere'"):
        Registry("model").get("nowhere:Thing")
    with pytest.raises(BadInput, match="has no 'Thing'"):
        Registry("model").get("collections:Thing")


def test_two_things_cannot_share_a_name():
    registry: Registry[int] = Registry("model")
    registry.register("one", 1)
    with pytest.raises(ValueError, match="two models"):
        registry.register("one", 2)


def test_what_is_not_measured_is_counted_and_left_out():
    summary = summarize(np.array([1.0, np.nan, 3.0, np.nan]))
    assert (summary.mean, summary.num, summary.num_nan) == (2.0, 2, 2)


def test_nothing_measured_gives_nan_and_one_value_gives_no_interval():
    assert np.isnan(summarize(np.array([np.nan])).mean)
    one = summarize(np.array([4.0]))
    assert one.mean == 4.0
    assert np.isnan(one.low)
    assert summarize(np.array([])).num == 0


def test_a_paired_difference_uses_only_clips_measured_in_both():
    summary = paired_difference(np.array([3.0, np.nan, 5.0]), np.array([1.0, 1.0, 1.0]))
    assert (summary.mean, summary.num) == (3.0, 2)


def test_the_interval_of_a_share_is_wilsons_and_none_of_many_is_not_certainly_none():
    half = proportion(np.array([1.0, 0.0, np.nan, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]))
    assert (half.mean, half.num, half.num_nan) == (0.5, 10, 1)
    assert (half.low, half.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # 5 of 10 in Wilson's tables
    none = proportion(np.zeros(100))
    assert (none.mean, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1.96**2 / (100 + 1.96**2), abs=1e-4)
    assert np.isnan(proportion(np.array([np.nan])).mean)


def test_a_key_depends_on_content_and_not_on_order():
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})


def test_an_artifact_is_complete_when_its_manifest_exists(tmp_path):
    artifact = Artifact("simulate", {"seed": 0}, tmp_path)
    artifact.folder.mkdir()
    (artifact.folder / "clips-00000.arrow").write_bytes(b"1234")
    assert not artifact.complete
    artifact.finish({"clips": 4}, started=datetime.datetime.now(datetime.UTC))
    assert artifact.complete
    manifest = read_manifest(artifact.folder)
    assert manifest["files"] == {"clips-00000.arrow": 4}
    assert manifest["key"] == artifact.key
    assert manifest["made"]["versions"]["numpy"] == np.__version__


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path):
    with lock_folder(tmp_path), pytest.raises(Failed, match="another run"), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


def test_without_a_place_for_a_cache_code_is_compiled_all_the_same():
    script = (
        "from numba.core.caching import CacheImpl\n"
        "for kind in CacheImpl.__subclasses__(): kind._locator_classes = []\n"
        "CacheImpl._locator_classes = []\n"
        "from worldlaw.core.compiled import compiled\n"
        "double = compiled(lambda x: 2 * x)\n"
        "assert double(21) == 42\n"
        "print(type(double._cache).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "NullCache\n"


def test_the_order_of_names_does_not_depend_on_what_was_imported_first():
    room = "worldlaw.measure.metrics"
    script = f"import {room}.{{}}; from {room} import metrics; print(metrics.names())"
    said = [
        subprocess.run(
            [sys.executable, "-c", script.format(name)], capture_output=True, text=True, check=True
        ).stdout
        for name in ("pixels", "trajectory")
    ]
    assert said[0] == said[1]
    assert said[0].startswith("['charged_velocity_error', 'velocity_error'")

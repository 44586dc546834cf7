"""The network: its size is the study's, its parts do what they say."""

import pytest
import torch

from worldlaw.models.networks.dit import PRESETS, DiT, patchify, rotary, rotate, unpatchify


@pytest.mark.parametrize(("preset", "millions"), [("S", 22.5), ("B", 89.5), ("L", 310.0), ("XL", 456.0)])
def test_presets_have_the_studys_number_of_parameters(preset, millions):
    with torch.device("meta"):
        network = DiT(PRESETS[preset], channels=4, patch=(1, 2, 2))
    assert sum(value.numel() for value in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)


@pytest.mark.parametrize(("preset", "millions"), [("nano", 0.279), ("mini", 1.108), ("micro", 2.337)])
def test_small_presets_have_the_number_of_parameters_that_is_told(preset, millions):
    network = DiT(PRESETS[preset], channels=3, patch=(2, 8, 8))
    assert sum(value.numel() for value in network.parameters()) / 1e6 == pytest.approx(millions, abs=5e-4)


def test_patches_go_apart_and_come_together():
    video = torch.randn(2, 4, 8, 12, 3)
    tokens = patchify(video, (2, 4, 4))
    assert tokens.shape == (2, 2 * 2 * 3, 2 * 4 * 4 * 3)
    assert torch.equal(tokens[0, 0].view(2, 4, 4, 3), video[0, :2, :4, :4])
    assert torch.equal(unpatchify(tokens, (2, 2, 3), (2, 4, 4)), video)


def test_at_first_the_network_says_zero():
    network = DiT(PRESETS["micro"], channels=3, patch=(2, 8, 8))
    video = torch.randn(2, 4, 16, 16, 3)
    answer = network(video, video, torch.ones(2, 4, 16, 16, 1), torch.tensor([0.1, 0.9]))
    assert answer.shape == video.shape
    assert answer.abs().max() == 0


def test_a_video_that_is_not_made_of_patches_is_refused():
    network = DiT(PRESETS["micro"], channels=3, patch=(2, 8, 8))
    video = torch.zeros(1, 3, 16, 16, 3)
    with pytest.raises(ValueError, match="not made of patches"):
        network(video, video, video[..., :1], torch.zeros(1))


def test_rotary_attention_depends_on_distances_only():
    turn = rotary((4, 5, 6), 64, torch.device("cpu"))
    query, key = torch.randn(2, 1, 1, 1, 64).unbind(0)

    def score(a, b):
        place = [(t * 5 + y) * 6 + x for t, y, x in (a, b)]
        q, k = (
            rotate(h.expand(1, 120, 1, 64), turn)[0, p, 0] for h, p in zip((query, key), place, strict=True)
        )
        return float(q @ k)

    assert score((0, 0, 0), (1, 2, 3)) == pytest.approx(score((2, 1, 2), (3, 3, 5)), abs=1e-4)
    assert score((0, 0, 0), (1, 2, 3)) != pytest.approx(score((0, 0, 0), (3, 2, 1)), abs=1e-3)

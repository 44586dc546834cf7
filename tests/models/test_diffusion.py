"""Processes and samplers on a case with a known answer: data that is a normal distribution."""

import numpy as np
import pytest
import torch

from worldlaw.models.networks.diffusion import PROCESSES, SAMPLERS, RectifiedFlow, Regression, VPrediction

MEAN, WIDTH = 0.7, 0.3


def perfect(process, z, s):
    """What a perfect network says of data distributed as N(MEAN, WIDTH²)."""
    if isinstance(process, RectifiedFlow):
        signal, noise = s, 1 - s
    else:
        signal, noise = torch.sin(s * torch.pi / 2), torch.cos(s * torch.pi / 2)
    rest = (z - signal * MEAN) / (signal**2 * WIDTH**2 + noise**2)
    data, e = MEAN + signal * WIDTH**2 * rest, noise * rest
    return data if isinstance(process, RectifiedFlow) else noise * data - signal * e


def error(process, sampler, num_steps):
    """Of a sample against the exact map of noise e to data, MEAN + WIDTH e."""
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    end = SAMPLERS[sampler](
        lambda z, s: process.velocity(perfect(process, z, s.double()), z, s.double()), start, num_steps
    )
    return float((end - (MEAN + WIDTH * start)).abs().max())


@pytest.mark.parametrize("process", [RectifiedFlow(), VPrediction()], ids=["flow", "v"])
@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_a_samplers_error_falls_with_its_order(process, sampler, order):
    errors = [error(process, sampler, count) for count in (20, 40, 80, 160)]
    measured = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert measured[-1] == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("name", PROCESSES)
def test_the_right_answer_has_no_error_and_points_to_the_data(name):
    process = PROCESSES[name]()
    generator = torch.Generator().manual_seed(0)
    data, noise = torch.randn((2, 5, 1, 1, 1), generator=generator).unbind(0)
    s = torch.full((5, 1, 1, 1), 0.4)
    mixed = process.mix(data, noise, s)
    if name == "v_prediction":
        answer = torch.cos(s * torch.pi / 2) * data - torch.sin(s * torch.pi / 2) * noise
    else:
        answer = data
    assert process.error(answer, data, noise, s).max() < 1e-12
    if name != "regression":
        ahead = process.mix(data, noise, s + 1e-3)
        torch.testing.assert_close(
            process.velocity(answer, mixed, s), (ahead - mixed) / 1e-3, atol=5e-3, rtol=5e-3
        )


def test_pure_noise_holds_no_data_at_time_zero():
    data, noise = torch.ones(3), torch.randn(3)
    for process in (RectifiedFlow(), VPrediction()):
        assert torch.equal(process.mix(data, noise, torch.zeros(3)), noise)
        torch.testing.assert_close(process.mix(data, noise, torch.ones(3)), data)


def test_regression_sees_nothing_and_says_the_answer():
    process = Regression()
    assert process.mix(torch.ones(2), torch.ones(2), torch.zeros(2)).abs().max() == 0
    answer = torch.tensor([0.3, -0.2])
    sample = SAMPLERS["euler"](lambda z, s: process.velocity(answer, z, s), torch.zeros(2), 1)
    assert torch.equal(sample, answer)

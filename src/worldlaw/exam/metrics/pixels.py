"""How much the generated frames look like the true ones."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from worldlaw.core.types import Case
from worldlaw.exam.metrics.metric import metric

MAX_PSNR = 100.0  # dB: for frames that are equal in every pixel


@metric(unit="dB", best=MAX_PSNR)
def psnr(case: Case) -> float:
    """Peak signal-to-noise ratio of the generated frames, averaged over frames; 100 for equal ones.

    Returns: dB; NaN for a predictor that draws nothing.
    """
    if case.generated_video is None:
        return np.nan
    true, seen = (video()[case.context :].astype(float) for video in (case.true_video, case.generated_video))
    error = ((true - seen) ** 2).mean(axis=(1, 2, 3))
    return float(np.minimum(10 * np.log10(255**2 / np.maximum(error, 1e-12)), MAX_PSNR).mean())


@metric(unit="", best=1.0)
def ssim(case: Case) -> float:
    """Structural similarity of the generated frames, averaged over frames and channels.

    Gaussian window of 11 pixels with standard deviation 1.5, K1 = 0.01, K2 = 0.03, averaged over the pixels
    whose window lies within the frame.

    Returns: -1 to 1; NaN for a predictor that draws nothing.
    Source: Wang, Bovik, Sheikh and Simoncelli 2004.
    """
    if case.generated_video is None:
        return np.nan
    true, seen = (video()[case.context :] for video in (case.true_video, case.generated_video))
    return structural_similarity(true, seen)


def structural_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Mean SSIM of two uint8 videos (T, H, W, 3); see ``ssim``."""
    a, b = first.astype(np.float32), second.astype(np.float32)
    if np.array_equal(first, second):
        return 1.0
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(x: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(x, window, axis=1), window, axis=2)[:, 5:-5, 5:-5]

    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(index.mean(dtype=np.float64))

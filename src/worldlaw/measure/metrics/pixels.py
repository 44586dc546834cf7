"""How much the generated frames look like the true ones."""

from __future__ import annotations

import numpy as np

from worldlaw.core.compiled import compiled
from worldlaw.core.types import Case
from worldlaw.measure.metrics.metric import metric

MAX_PSNR = 100.0  # dB: for frames that are equal in every pixel
REACH = 5  # pixels from the middle of a window to its edge


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


@metric(unit="", best=1.0, version=2)
def ssim(case: Case) -> float:
    """Structural similarity of the generated frames, averaged over frames and channels.

    Gaussian window of 11 pixels with standard deviation 1.5, K1 = 0.01, K2 = 0.03, averaged over the pixels
    whose window lies within the frame.

    Returns: -1 to 1; NaN for a predictor that draws nothing, and for frames smaller than the window.
    Source: Wang, Bovik, Sheikh and Simoncelli 2004.
    """
    if case.generated_video is None:
        return np.nan
    true, seen = (video()[case.context :] for video in (case.true_video, case.generated_video))
    return structural_similarity(true, seen)


def structural_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Mean SSIM of two uint8 videos (T, H, W, 3); see ``ssim``. NaN for frames smaller than the window."""
    if np.array_equal(first, second):
        return 1.0
    offsets = np.arange(-REACH, REACH + 1)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = (window / window.sum()).astype(np.float32)
    num_frames, height, width, channels = first.shape
    if min(height, width) <= 2 * REACH:
        return np.nan
    rows = (num_frames, height, width * channels)
    a, b = (np.ascontiguousarray(video).reshape(rows) for video in (first, second))
    about = [np.float32(np.rint(video[:, ::8, ::8].mean())) for video in (first, second)]
    total = _similarity(a, b, window, channels, about[0], about[1])
    return total / (num_frames * (height - 2 * REACH) * (width - 2 * REACH) * channels)


@compiled
def _similarity(
    a: np.ndarray, b: np.ndarray, window: np.ndarray, channels: int, about_a: np.float32, about_b: np.float32
) -> float:
    """Sum of the index over all windows of two videos (T, H, W * C) of bytes.

    Rows are taken as they lie in memory, so that the compiler takes many values at once: first down, then
    across. Levels are counted from about their mean, where squares lose least.
    """
    num_frames, height, width = a.shape
    taps = len(window)
    inner = width - (taps - 1) * channels
    c1, c2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    two = np.float32(2)
    down = np.empty((4, width), np.float32)  # of a, b, a² + b² and a b
    across = np.empty((4, inner), np.float32)
    total = 0.0
    for t in range(num_frames):
        for row in range(height - taps + 1):
            down[:] = 0
            for k in range(taps):
                weight = window[k]
                for i in range(width):
                    p = np.float32(a[t, row + k, i]) - about_a
                    q = np.float32(b[t, row + k, i]) - about_b
                    down[0, i] += weight * p
                    down[1, i] += weight * q
                    down[2, i] += weight * (p * p + q * q)
                    down[3, i] += weight * (p * q)
            across[:] = 0
            for m in range(4):
                for k in range(taps):
                    weight = window[k]
                    for i in range(inner):
                        across[m, i] += weight * down[m, i + k * channels]
            for i in range(inner):
                p, q = across[0, i], across[1, i]
                spread = across[2, i] - p * p - q * q
                covariance = across[3, i] - p * q
                p, q = p + about_a, q + about_b
                across[0, i] = ((two * p * q + c1) * (two * covariance + c2)) / (
                    (p * p + q * q + c1) * (spread + c2)
                )
            for i in range(inner):
                total += across[0, i]
    return total

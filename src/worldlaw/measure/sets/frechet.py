"""The Fréchet distance between two sets of clips, each a set of feature vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from worldlaw.core.errors import BadInput


def frechet_distance(first: Float[np.ndarray, "N F"], second: Float[np.ndarray, "M _"]) -> float:
    """Squared Fréchet distance between the Gaussians with the means and covariances of two sets.

        d² = |m1 - m2|² + tr C1 + tr C2 - 2 tr (C1^½ C2 C1^½)^½

    with covariances divided by N - 1 and M - 1. The last trace is the sum of the singular values of A Bᵀ,
    where C1 = Aᵀ A and C2 = Bᵀ B for the centred features over √(N - 1) and √(M - 1): no square root of a
    matrix, so it is exact where there are fewer clips than features, symmetric and never negative.

    Returns: in squares of the features' unit; 0 for equal sets.
    Raises: BadInput for sets of different features, of fewer than two clips, or with a value that is not
    finite.
    Source: Dowson and Landau 1982; as a distance between sets of features Heusel et al. 2017.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise BadInput(f"expected two sets of the same features; found {first.shape} and {second.shape}")
    if min(len(first), len(second)) < 2:
        raise BadInput(f"expected at least 2 clips in each set; found {len(first)} and {len(second)}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise BadInput("expected features that are numbers; found some that are not finite")
    (mean1, root1), (mean2, root2) = _mean_and_root(first), _mean_and_root(second)
    together = np.linalg.svd(root1 @ root2.T, compute_uv=False).sum()
    distance = ((mean1 - mean2) ** 2).sum() + (root1**2).sum() + (root2**2).sum() - 2 * together
    return float(max(distance, 0.0))


def shortage(num_first: int, num_second: int, num_features: int) -> str:
    """What a distance between sets of so many clips cannot know, in one line; empty where they are enough.

    From N clips a covariance of rank N - 1 at most can be had; with fewer clips than features some
    directions are taken for constant, and the distance depends on N more than on the clips.
    """
    fewest = min(num_first, num_second)
    if fewest > num_features:
        return ""
    return f"{fewest} clips are too few for {num_features} features: compare only with as many clips"


def _mean_and_root(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (F,), and a root R of the covariance, RᵀR = C, with at most F rows."""
    mean = features.mean(axis=0)
    centred = (features - mean) / np.sqrt(len(features) - 1)
    if len(centred) > centred.shape[1]:
        centred = np.asarray(np.linalg.qr(centred, mode="r"))
    return mean, centred

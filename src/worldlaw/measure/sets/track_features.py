"""What the tracks of a clip are like, as one vector, and how far two sets of clips differ in that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from worldlaw.core.types import VISIBLE, Tracks
from worldlaw.measure.sets.frechet import frechet_distance

VERSION = 1  # raise it whenever the same tracks would give another number


@dataclass(frozen=True)
class Feature:
    """One number of a clip; lengths in heights of the view (h), times in lengths of the clip (c)."""

    name: str
    unit: str
    least: float  # spread below which differences between true clips are taken for nothing
    group: str = ""  # features that are missing together


PRESENCE = (
    Feature("seen_share", "", 0.02),  # bodies and frames seen, as a share of all
    Feature("least_seen_share", "", 0.02),  # of the body that is seen least
    Feature("last_seen_share", "", 0.02),  # of the bodies, in the last frame
    Feature("changes", "per body", 0.1),  # how often a body goes out of sight or comes back
    Feature("extra", "", 0.1),  # log(1 + things per frame that are none of the bodies)
)
PLACE = tuple(
    Feature(name, unit, least, "place")
    for name, unit, least in (
        ("x", "h", 0.01),  # means over bodies and frames
        ("y", "h", 0.01),
        ("x_spread", "h", 0.01),
        ("y_spread", "h", 0.01),
        ("size_change", "", 0.02),  # deviation of a body's size over time, as a share of the mean size
    )
)
MOTION = tuple(
    Feature(name, "h/c", 0.05, "motion")
    for name in (
        *("mean_vx", "mean_vy", "mean_speed", "deviation_of_speed"),
        *("speed_10", "speed_50", "speed_90", "largest_speed"),  # quantiles over bodies and intervals
        "net_speed",  # from where a body is first seen to where it is last seen, over the time between
    )
)
CHANGE = tuple(
    Feature(name, unit, least, "change")
    for name, unit, least in (
        ("mean_ax", "h/c²", 0.1),
        ("mean_ay", "h/c²", 0.1),
        ("mean_acceleration", "h/c²", 1.0),
        ("acceleration_50", "h/c²", 1.0),
        ("acceleration_90", "h/c²", 1.0),
        ("largest_acceleration", "h/c²", 3.0),  # the mean of the body that has most of it
        ("turning", "", 0.02),  # 1 - cosine between successive velocities, weighted by their lengths
    )
)
SPIN = tuple(
    Feature(name, "rad/c", 0.2, "spin")
    for name in ("mean_spin", "spin_90", "largest_spin")  # without their sign; largest: the body's mean
)
PAIRS = tuple(
    Feature(name, unit, least, "pairs")
    for name, unit, least in (
        ("nearest", "h", 0.01),  # least distance of two bodies' centres, mean over pairs
        ("nearest_of_all", "h", 0.01),
        ("mean_distance", "h", 0.01),
        ("approach_90", "h/c", 0.1),  # how fast pairs come nearer, 90 % quantile over pairs and intervals
        ("parting_90", "h/c", 0.1),
    )
)
FEATURES = (*PRESENCE, *PLACE, *MOTION, *CHANGE, *SPIN, *PAIRS)
GROUPS = ("place", "motion", "change", "spin", "pairs")
SLOW = 0.05  # h/c: what moves more slowly does not turn
ABSENT = 0.1  # spread of a group's presence below which it is taken for always or never there
DIMENSION = len(FEATURES) + len(GROUPS)


def track_features(tracks: Tracks, *, extent: tuple[float, float], context: int) -> Float[np.ndarray, " F"]:
    """One clip as ``FEATURES``, from the last of the ``context`` given frames on, whatever its bodies.

    ``extent`` is width and height of the view in m. A body counts in a frame in which it is fully visible and
    measured, a velocity between two such frames, an acceleration between two such velocities; an angle where
    the tracks have one, as they have none of discs. All features are means, quantiles or extremes over
    bodies, so no order of bodies matters and any number will do.

    Returns: (F,); NaN for every feature of a group of which nothing could be measured.
    """
    states = tracks.bodies[context - 1 :]
    num_frames, num_bodies = states.position.shape[:2]
    height, step = extent[1], 1 / (tracks.bodies.num_frames - 1)  # m; one interval in lengths of the clip
    seen = (states.status == VISIBLE) & np.isfinite(states.position).all(axis=-1)
    place = np.where(seen[..., None], states.position, np.nan) / height
    velocity = np.diff(place, axis=0) / step
    found = {
        **_presence(seen, int((tracks.extra.frame >= context).sum()) / max(num_frames - 1, 1)),
        **_place(place, np.where(seen, states.size, np.nan)),
        **_motion(place, velocity, step),
        **_change(velocity, step),
        **_spin(states.angle, seen, step),
        **(_pairs(place, step) if num_bodies > 1 else {}),
    }
    return np.array([found.get(feature.name, np.nan) for feature in FEATURES])


def track_frechet(
    true: Float[np.ndarray, "N F"],
    generated: Float[np.ndarray, "M F"],
    *,
    unit: Float[np.ndarray, "L F"] | None = None,
) -> float:
    """Fréchet distance between the ``track_features`` of true and of generated clips; 0 is the best.

    Each feature is divided by its spread among the true clips (or the clips of ``unit``), or by ``least``
    where they spread less. What is missing is said, not dropped: the features of a group that could not be
    measured in a clip are set to the mean of the true clips, and every group has one feature more, 1 where it
    was measured and 0 where not. So F features and G groups give F + G dimensions (``DIMENSION``).

    **It sees** how bodies as a crowd move: wrong gravity, lost or gained speed, jitter, turns, spin, standing
    still, bodies that vanish, come back or are doubled, bodies that no longer come near each other, sizes
    that change. **It cannot see** which clip or which body does what: a predictor that answers every question
    with the truth of another one has distance 0. Nor shape, colour, the order of events, or anything
    that mean and covariance do not show. It ranks nobody: ``velocity_error`` compares with the clip's own
    truth.

    Returns: a pure number, biased upwards where clips are few (``frechet.shortage``).
    Raises: BadInput for fewer than two clips in a set, or sets of different features.
    """
    return frechet_distance(*_standardised(true, generated, true if unit is None else unit))


def farthest_feature(true: Float[np.ndarray, "N F"], generated: Float[np.ndarray, "M F"]) -> str:
    """The feature in which the sets differ most taken alone, as ``mean_ay`` or ``no motion``; a hint only.

    By the squares of the differences of mean and of deviation, in the units of ``track_frechet``.
    """
    first, second = _standardised(true, generated, true)
    apart = (first.mean(axis=0) - second.mean(axis=0)) ** 2 + (first.std(axis=0) - second.std(axis=0)) ** 2
    names = [*(feature.name for feature in FEATURES), *(f"no {group}" for group in GROUPS)]
    return names[int(apart.argmax())]


def _standardised(true: np.ndarray, generated: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, ...]:
    """Both sets (N, F + G), in units of the spread of a set of clips."""
    true, generated, unit = (np.asarray(part, float) for part in (true, generated, unit))
    counted = np.isfinite(unit)
    number = np.maximum(counted.sum(axis=0), 1)
    mean = np.where(counted, unit, 0.0).sum(axis=0) / number
    spread = np.sqrt(np.where(counted, (unit - mean) ** 2, 0.0).sum(axis=0) / number)
    spread = np.maximum(spread, [feature.least for feature in FEATURES])
    presence_spread = np.maximum(_measured(unit).std(axis=0), ABSENT)
    return tuple(
        np.concatenate(
            [
                np.where(np.isfinite(features), features - mean, 0.0) / spread,
                _measured(features) / presence_spread,
            ],
            axis=1,
        )
        for features in (true, generated)
    )


def _measured(features: np.ndarray) -> np.ndarray:
    """(N, G): 1 where a group of features was measured, 0 where not."""
    first = [next(i for i, feature in enumerate(FEATURES) if feature.group == group) for group in GROUPS]
    return np.isfinite(features[:, first]).astype(float)


def _presence(seen: np.ndarray, extra: float) -> dict[str, float]:
    """seen (T, B) bool; extra is things per generated frame."""
    later = seen[1:]
    return {
        "seen_share": later.mean(),
        "least_seen_share": later.mean(axis=0).min(),
        "last_seen_share": later[-1].mean(),
        "changes": (seen[1:] != seen[:-1]).sum(axis=0).mean(),
        "extra": np.log1p(extra),
    }


def _place(place: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """place (T, B, 2) h and size (T, B) m, NaN where not seen."""
    known = np.isfinite(place[..., 0])
    if not known.any():
        return {}
    at = place[known]
    spreads = [its[np.isfinite(its)] for its in size.T]
    changes = [its.std() / its.mean() for its in spreads if len(its)]
    return {
        "x": at[:, 0].mean(),
        "y": at[:, 1].mean(),
        "x_spread": at[:, 0].std(),
        "y_spread": at[:, 1].std(),
        "size_change": float(np.mean(changes)) if changes else 0.0,
    }


def _motion(place: np.ndarray, velocity: np.ndarray, step: float) -> dict[str, float]:
    """velocity (T - 1, B, 2) h/c, NaN where not measured; step c."""
    known = np.isfinite(velocity[..., 0])
    if not known.any():
        return {}
    speed = np.linalg.norm(velocity[known], axis=-1)
    net = []
    for its in np.moveaxis(place, 1, 0):
        frames = np.flatnonzero(np.isfinite(its[:, 0]))
        if len(frames) > 1:
            first, last = frames[0], frames[-1]
            net.append(np.linalg.norm(its[last] - its[first]) / ((last - first) * step))
    low, middle, high = np.quantile(speed, [0.1, 0.5, 0.9])
    return {
        "mean_vx": velocity[known][:, 0].mean(),
        "mean_vy": velocity[known][:, 1].mean(),
        "mean_speed": speed.mean(),
        "deviation_of_speed": speed.std(),
        "speed_10": low,
        "speed_50": middle,
        "speed_90": high,
        "largest_speed": speed.max(),
        "net_speed": float(np.mean(net)),
    }


def _change(velocity: np.ndarray, step: float) -> dict[str, float]:
    """velocity (T - 1, B, 2) h/c, NaN where not measured; step c."""
    acceleration = np.diff(velocity, axis=0) / step
    known = np.isfinite(acceleration[..., 0])
    if not known.any():
        return {}
    size = np.linalg.norm(acceleration, axis=-1)
    before, after = velocity[:-1][known], velocity[1:][known]
    lengths = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    turned = lengths - (before * after).sum(axis=-1)
    middle, high = np.quantile(size[known], [0.5, 0.9])
    return {
        "mean_ax": acceleration[known][:, 0].mean(),
        "mean_ay": acceleration[known][:, 1].mean(),
        "mean_acceleration": size[known].mean(),
        "acceleration_50": middle,
        "acceleration_90": high,
        "largest_acceleration": _largest_mean(size, known),
        "turning": turned.sum() / (lengths.sum() + len(lengths) * SLOW**2),
    }


def _spin(angle: np.ndarray | None, seen: np.ndarray, step: float) -> dict[str, float]:
    """angle (T, B) rad, NaN where not measured, None where bodies do not turn; seen (T, B) bool; step c."""
    if angle is None:
        return {}
    rate = np.abs(np.diff(np.where(seen, angle, np.nan), axis=0)) / step
    known = np.isfinite(rate)
    if not known.any():
        return {}
    return {
        "mean_spin": rate[known].mean(),
        "spin_90": float(np.quantile(rate[known], 0.9)),
        "largest_spin": _largest_mean(rate, known),
    }


def _pairs(place: np.ndarray, step: float) -> dict[str, float]:
    """place (T, B, 2) h, NaN where not seen, of two bodies at least; step c."""
    first, second = np.triu_indices(place.shape[1], 1)
    distance = np.linalg.norm(place[:, first] - place[:, second], axis=-1)  # (T, P)
    change = np.diff(distance, axis=0) / step
    known = np.isfinite(distance)
    if not np.isfinite(change).any():
        return {}
    nearest = np.where(known, distance, np.inf).min(axis=0)[known.any(axis=0)]
    parting = change[np.isfinite(change)]
    return {
        "nearest": nearest.mean(),
        "nearest_of_all": nearest.min(),
        "mean_distance": distance[known].mean(),
        "approach_90": float(np.quantile(-parting, 0.9)),
        "parting_90": float(np.quantile(parting, 0.9)),
    }


def _largest_mean(values: np.ndarray, known: np.ndarray) -> float:
    """The mean over time of the body that has most; values and known (T, B), some of them known."""
    return max(its[good].mean() for its, good in zip(values.T, known.T, strict=True) if good.any())

"""The study's own velocity error with every quirk of its code: for comparison with its printed numbers only.

Source: Kang et al. 2024 (arXiv:2411.02385), https://github.com/phyworld/phyworld, id_ood_data/evaluate.py at
ee0e473, rewritten from its behaviour. Its quirks, none of which ``velocity_error`` has:

- Pixel i of N is drawn as the point i/(N-1) of the view and read as i/N, so every speed comes out too small
  by 1/N: 0.4 % at 256 pixels, which is most of the floor.
- Velocities are averaged over time before they are compared, so jitter and errors that take turns cancel.
- A ball that has vanished is put at an edge of the view instead of being left out.
- The last frame is dropped, and frames before the fourth never count, whatever the number of given frames.
- Small balls are dropped: a single one below 0.6 m, either of two at or below 0.5 m.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, UInt8

from worldlaw.core.types import Body, Case
from worldlaw.measure.metrics.metric import metric

WORLD_SCALE = 10.0  # m: the study's view is this wide, and it scales both axes by the width
FIRST_FRAME = 3  # frames before this one never count
THRESHOLD = 127  # of 255: a channel is on above it, off below it, and neither at it
CONTACT_JUMP = 0.1  # m/s: the first larger change of a true velocity is taken for the contact
MIN_SINGLE_RADIUS = 0.6  # m: a single ball below this is dropped
MAX_DROPPED_RADIUS = 0.5  # m: a pair is dropped if one of its balls is not above this


@metric(unit="m/s", best=0.0)
def study_velocity_error(case: Case) -> float:
    """The velocity error that the study prints, over the frames that count.

    - uniform_motion: ``|mean_t v_x - v|``, horizontal only, against the attribute and not the measured truth.
    - collision: ``|mean_t v_x - mean_t v_x,true|`` after contact, averaged over the two balls.
    - parabola: ``|mean_t v_x - v| + |mean_t v_y - mean_t v_y,true|``. The study's code for this number is not
      public; of the formulas that were tried this one comes closest to its printed floor. Unverified.

    A frame counts, by the true states, if the ball is fully in view; of two balls only the left edge of the
    first and the right edge of the second are looked at. Velocities are differences of neighbouring frames
    that count.

    Returns: m/s; NaN for a predictor on states, for what the study never scored (another scenario or view, a
    colour other than red and blue, a ball that does not start to the right, or two that do not meet as red
    from the left and blue from the right), for the small balls that it drops, where fewer than two frames
    count (after contact: no interval), and in a parabola whose ball is missing from the first that does.
    Raises: ValueError if video and truth differ in their number of frames.
    """
    if case.generated_video is None or not _scored(case):
        return np.nan
    video = case.generated_video()
    if len(video) != case.truth.num_frames:
        raise ValueError(f"clip {case.clip}: {len(video)} frames of video, {case.truth.num_frames} of truth")
    true = case.truth.position[:-1]  # (T - 1, B, 2) m
    radius = np.array([body.size for body in case.scene.bodies])
    counts = _valid_pair(true, radius) if len(radius) == 2 else _valid_single(true[:, 0], radius[0])
    frames, true = video[:-1][counts], true[counts]
    if len(frames) < 2:
        return np.nan
    dt = case.truth.dt
    if case.scene.scenario == "collision":
        return _pair_error(frames, true, dt)
    (ball,) = case.scene.bodies
    position, _ = study_positions(frames, ball.color)
    velocity, true_velocity = _mean_velocity(position, dt), _mean_velocity(true[:, 0], dt)
    error = abs(velocity[0] - ball.velocity[0])
    if case.scene.scenario == "parabola":
        error += abs(velocity[1] - true_velocity[1])
    return float(error)


def study_positions(
    video: UInt8[np.ndarray, "T H W 3"], color: str, *, absent_x: float = WORLD_SCALE
) -> tuple[Float[np.ndarray, "T 2"], Float[np.ndarray, " T"]]:
    """Centre (x, y) in m, y up, and radius in m of all pixels of a colour, "red" or "blue", in each frame.

    The centre is the mean pixel index over the picture's width, times 10 m; the radius is that of a disc of
    as many pixels. Where there is no such pixel, x is ``absent_x`` (the study: 10, but 0 for the first of two
    balls) and y and radius are those of the frame before, NaN if there is none.

    Raises: KeyError for another colour.
    """
    own, *others = {"red": (0, 1, 2), "blue": (2, 0, 1)}[color]
    mask = video[..., own] > THRESHOLD
    for channel in others:
        mask &= video[..., channel] < THRESHOLD
    height, width = mask.shape[1:]
    # Sums of ones are exact in float32 up to 2^24, and a product is several times as fast as a sum of bools.
    ones = mask.astype(np.float32)
    columns = np.ones(height, np.float32) @ ones  # (T, W) pixels in each column
    rows = ones @ np.ones(width, np.float32)  # (T, H)
    area = columns.sum(axis=1, dtype=float)
    scale = WORLD_SCALE / width
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing is seen
        x = columns @ np.arange(width, dtype=float) / area * scale
        y = rows @ np.arange(height - 1, -1, -1, dtype=float) / area * scale  # row 0 is at the top
    radius = np.sqrt(area / np.pi) * scale
    absent = area == 0
    x[absent] = absent_x
    radius[absent] = np.nan
    return np.stack([x, _carried(y, absent)], axis=1), _carried(radius, absent)


def _scored(case: Case) -> bool:
    """Whether the study's tables would hold this clip."""
    bodies = case.scene.bodies
    if case.scene.extent != (WORLD_SCALE, WORLD_SCALE):
        return False
    if case.scene.scenario in ("uniform_motion", "parabola"):
        (ball,) = bodies
        return ball.color in ("red", "blue") and _along(ball, 1) and ball.size >= MIN_SINGLE_RADIUS
    if case.scene.scenario == "collision":
        first, second = bodies
        heading = _along(first, 1) and _along(second, -1) and first.position[0] < second.position[0]
        large = min(first.size, second.size) > MAX_DROPPED_RADIUS
        return (first.color, second.color) == ("red", "blue") and heading and large
    return False


def _along(body: Body, sign: int) -> bool:
    """Whether a body starts along x in that direction, or at rest."""
    return body.velocity[1] == 0 and sign * body.velocity[0] >= 0


def _valid_single(position: Float[np.ndarray, "T 2"], radius: float) -> Bool[np.ndarray, " T"]:
    valid: np.ndarray = np.all((position >= radius) & (position <= WORLD_SCALE - radius), axis=-1)
    valid[:FIRST_FRAME] = False
    return valid


def _valid_pair(
    position: Float[np.ndarray, "T 2 2"], radius: Float[np.ndarray, " 2"]
) -> Bool[np.ndarray, " T"]:
    valid = (position[:, 0, 0] >= radius[0]) & (position[:, 1, 0] <= WORLD_SCALE - radius[1])
    valid[:FIRST_FRAME] = False
    return valid


def _pair_error(frames: UInt8[np.ndarray, "F H W 3"], true: Float[np.ndarray, "F 2 2"], dt: float) -> float:
    """The collision error over frames that count."""
    true_velocity = np.diff(true[:, :, 0], axis=0) / dt  # (F - 1, 2) m/s
    jumps = (np.abs(np.diff(true_velocity, axis=0)) > CONTACT_JUMP).any(axis=1)
    contact = int(np.argmax(jumps)) + 1 if jumps.any() else len(true_velocity) - 1
    after = slice(contact + 1, None)  # the interval that holds the contact is left out
    x = np.stack(
        [
            study_positions(frames, color, absent_x=absent_x)[0][:, 0]
            for color, absent_x in (("red", 0.0), ("blue", WORLD_SCALE))
        ],
        axis=1,
    )
    velocity = np.diff(x, axis=0) / dt
    if not len(velocity[after]):
        return np.nan
    return float(np.abs(velocity[after].mean(axis=0) - true_velocity[after].mean(axis=0)).mean())


def _mean_velocity(position: Float[np.ndarray, "F 2"], dt: float) -> Float[np.ndarray, " 2"]:
    """Mean over time of the velocities between neighbouring frames, in m/s."""
    return (np.diff(position, axis=0) / dt).mean(axis=0)


def _carried(values: Float[np.ndarray, " T"], absent: Bool[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
    """Each absent value replaced by the last one before it, NaN if there is none."""
    last = np.maximum.accumulate(np.where(absent, -1, np.arange(len(values))))
    return np.where(last < 0, np.nan, values[last])

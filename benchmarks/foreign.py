"""Foreign tracking on textured films with noise and h264: errors, planted losses, false flags, speed.

Seeds below ``FIRST_TEST`` were used while it was built; what is printed comes from others.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.timing import Figure, Target
from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4
from worldlaw.core.errors import BadInput
from worldlaw.core.seeding import rng_for
from worldlaw.core.types import Scene
from worldlaw.measure.tracking.foreign import Seen, see
from worldlaw.worlds import draw_scene, scenarios, training_region
from worldlaw.worlds.render.textured import render_textured
from worldlaw.worlds.view import view_of

SCENARIOS = ("uniform_motion", "parabola", "collision")
FIRST_TEST = 10_000
NOISE, CODED = 10.0, 23  # grey levels; constant rate factor of h264
APART = 3.0  # px between outlines beyond which two bodies do not touch
NEAR = 2.0  # px: a measured place this far from the true one is wrong
MEDIAN, HIGH = Target(0.5, at="most"), Target(2.0, at="most")  # px
FLAGGED, FALSE = Target(0.99), Target(0.01, at="most")
LOSSES = ("gap", "gone", "painted", "teleport")


@dataclass(frozen=True)
class Setting:
    """How a film is taken."""

    width: int = 256
    height: int = 144
    num_frames: int = 32
    fps: float = 16.0
    textured: bool = True
    noise: float = NOISE
    coded: int | None = CODED
    flicker: float = 0.0  # share by which the light swings


@dataclass(frozen=True)
class Film:
    """A video and what is true of it, in pixels, y down."""

    video: np.ndarray
    scene: Scene
    place: np.ndarray  # (T, B, 2)
    size: np.ndarray  # (T, B)
    clear: np.ndarray  # (T, B) bool: fully visible and apart from the others
    lost: np.ndarray  # (T, B) bool: a planted loss


def film(scenario: str, seed: int, setting: Setting, *, loss: str | None = None) -> Film | None:
    """A film of a scene, perhaps with a loss planted; None if this scene has no room for it."""
    rule = scenarios.get(scenario)()
    drawn, _ = draw_scene(rule, training_region(scenarios.get(scenario)), seed=seed, split="foreign", index=0)
    view = view_of(drawn, setting.width, setting.height)
    scene, scale = view.scene, view.pixels_per_metre
    truth = rule.simulate(scene, setting.num_frames, 1 / setting.fps)
    place, size = _pixels(truth.position, scene, scale), truth.size * scale
    rng = rng_for(seed, "loss", scenario, loss or "none")
    lost = np.zeros(size.shape, bool)
    shown = truth
    if loss is not None:
        planted = _plant(loss, place, size, view.box[2:], rng)
        if planted is None:
            return None
        b, first, last, moved = planted
        lost[first:last, b] = True
        position = truth.position.copy()
        if loss == "teleport":
            place[first:, b] += moved
            position[first:, b] += moved * np.array([1, -1]) / scale
        elif loss != "painted":
            position[first:last, b] = -1e3
        shown = replace(truth, position=position)
    if setting.textured:
        look = rng_for(seed, "look", scenario)
        video = render_textured(
            scene, shown, setting.width, setting.height, rng=look, box=view.box, flicker=setting.flicker
        )
    else:
        video = view.film(shown)
    if loss == "painted":
        _paint_over(view.crop(video), place, size, b, lost[:, b], rng)
    if setting.noise:
        noise = rng_for(seed, "noise", scenario)
        video = np.clip(np.rint(video + noise.normal(0, setting.noise, video.shape)), 0, 255).astype(np.uint8)
    if setting.coded is not None:
        video = _coded(video, setting.fps, setting.coded)
    width, height = view.box[2:]
    inside = np.minimum(place, [width, height] - place).min(axis=-1) >= size
    hidden = np.zeros(size.shape, bool)
    for i in range(size.shape[1]):
        for o in range(size.shape[1]):
            if o != i:
                gap = np.linalg.norm(place[:, i] - place[:, o], axis=-1) - size[:, i] - size[:, o]
                hidden[:, i] |= gap < APART
    return Film(np.ascontiguousarray(view.crop(video)), scene, place, size, inside & ~hidden, lost)


def _coded(video: np.ndarray, fps: float, quality: int) -> np.ndarray:
    """A video through h264 and back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        path.write_bytes(encode_mp4(video, fps, quality=quality))
        return read_film(path).frames


def _pixels(position: np.ndarray, scene: Scene, scale: float) -> np.ndarray:
    return np.stack([position[..., 0] * scale, (scene.extent[1] - position[..., 1]) * scale], axis=-1)


def _plant(
    loss: str, place: np.ndarray, size: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int, int, np.ndarray] | None:
    """Body, first frame, frame after the last, and by how many px it is moved; None if there is no room."""
    num_frames, count = size.shape
    b = int(rng.integers(count))
    inside = np.minimum(place[:, b], shape - place[:, b]).min(axis=-1) >= size[:, b]
    times = [t for t in range(4, num_frames - 4) if inside[t]]
    if not times:
        return None
    first = int(rng.choice(times))
    last = min(num_frames, first + int(rng.integers(1, 9))) if loss in ("gap", "painted") else num_frames
    if loss != "teleport":
        return b, first, last, np.zeros(2)
    others = [o for o in range(count) if o != b]
    for _ in range(500):
        moved = rng.uniform(-1, 1, 2) * shape
        to = place[first:, b] + moved
        if np.linalg.norm(moved) < 3 * size[0, b] or np.minimum(to[0], shape - to[0]).min() < size[0, b] + 2:
            continue
        gaps = [np.linalg.norm(place[first:, o] - to, axis=-1)[:5] - size[0, o] for o in others]
        if all(gap.min() > size[0, b] + 10 for gap in gaps):
            return b, first, last, moved
    return None


def _paint_over(
    video: np.ndarray, place: np.ndarray, size: np.ndarray, b: int, lost: np.ndarray, rng: np.random.Generator
) -> None:
    """Cover a body with a piece of one colour or of the empty backdrop elsewhere, which follows it."""
    _, height, width, _ = video.shape
    plain = rng.random() < 0.5
    corners = rng.random((200, 2))
    for t in np.flatnonzero(lost):
        reach = 1.25 * size[t, b] + 2
        left, top = np.maximum(place[t, b] - reach, 0).round().astype(int)
        right, bottom = np.minimum(place[t, b] + reach, [width, height]).round().astype(int)
        side = np.array([right - left, bottom - top])
        empty = [
            corner
            for corner in (corners * ([width, height] - side)).astype(int)
            if (np.abs(corner + side / 2 - place[t]) > side / 2 + 1.6 * size[t][:, None]).any(axis=1).all()
        ]
        if plain or not empty:
            video[t, top:bottom, left:right] = np.median(video[t], axis=(0, 1))
        else:
            x, y = empty[0]
            video[t, top:bottom, left:right] = video[t, y : y + side[1], x : x + side[0]].copy()


AGAINST = (
    "pixels 40 levels from the median over time, in pieces; a body is the centroid of the nearest of at "
    "least 20 pixels, within twice its size of where it was; it is told where bodies start"
)


def plain_tracking(made: Film) -> np.ndarray:
    """Places (T, B, 2) in px: the baseline, as one would write it in ten lines; NaN for nothing found."""
    video = made.video.astype(np.int16)
    ground = np.median(video, axis=0)
    place = np.full(made.place.shape, np.nan)
    last = made.place[0].copy()
    for t, frame in enumerate(video):
        labels, count = ndimage.label(np.abs(frame - ground).max(axis=-1) > 40)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        pieces = [k + 1 for k in range(count) if sizes[k] >= 20]
        centers = np.array(ndimage.center_of_mass(labels > 0, labels, pieces)).reshape(-1, 2)[:, ::-1] + 0.5
        for b in range(len(last)):
            away = np.linalg.norm(centers - last[b], axis=-1)
            if len(away) and away.min() < 2 * made.size[0, b]:
                place[t, b] = last[b] = centers[away.argmin()]
    return place


@dataclass(frozen=True)
class Outcome:
    """What was seen of one film."""

    error: np.ndarray  # px, over clear frames that were measured
    sigmas: np.ndarray  # errors per axis in units of the stated uncertainty
    num_clear: int
    num_missed: int  # clear frames without a measurement: false flags
    flagged: bool | None  # whether the planted loss was; None without one
    extra: int
    frames: int
    seconds: float
    plain_error: np.ndarray  # px, of the baseline
    plain_missed: int
    plain_flagged: bool | None
    surplus: int = 0  # things that are none


def examine(made: Film, setting: Setting) -> Outcome:
    """See a film and compare with what is true."""
    started = time.process_time()
    seen: Seen | None
    try:
        seen = see(made.video, fps=setting.fps, context=3)
    except BadInput:
        seen = None
    seconds = time.process_time() - started
    count = made.size.shape[1]
    clear = made.clear & ~made.lost
    height = made.video.shape[1]
    plain = _compared(made, plain_tracking(made))
    if seen is None:
        place, deviation, extra = np.full_like(made.place, np.nan), np.full(made.size.shape, np.nan), 0
    else:
        nearest = [
            int(np.linalg.norm(seen.things.position - made.place[0, b], axis=-1).argmin())
            for b in range(count)
        ]
        position = seen.tracks.bodies.position[:, nearest]
        place = _pixels(position, replace(made.scene, extent=(1.0, 1.0)), height)
        deviation = seen.uncertainty[:, nearest] * height
        extra = len(seen.tracks.extra.frame)
    error, missed, flagged = _compared(made, place)
    counted = clear & np.isfinite(place[..., 0])
    return Outcome(
        error=error,
        sigmas=((place - made.place) / deviation[..., None])[counted].ravel(),
        num_clear=int(clear.sum()),
        num_missed=missed,
        flagged=flagged,
        extra=extra,
        frames=len(clear),
        seconds=seconds,
        plain_error=plain[0],
        plain_missed=plain[1],
        plain_flagged=plain[2],
        surplus=0 if seen is None else max(seen.things.num_things - count, 0),
    )


def _compared(made: Film, place: np.ndarray) -> tuple[np.ndarray, int, bool | None]:
    """Errors (px) over clear frames, clear frames missed, whether a planted loss was flagged."""
    clear = made.clear & ~made.lost
    error = np.linalg.norm(place - made.place, axis=-1)
    measured = np.isfinite(error)
    lost = [b for b in range(clear.shape[1]) if made.lost[:, b].any()]
    flagged = all(_flagged(made, b, error[:, b]) for b in lost) if lost else None
    return error[clear & measured], int((clear & ~measured).sum()), flagged


def _flagged(made: Film, b: int, error: np.ndarray) -> bool:
    """Whether a lost body was given no place; after a jump, none in its first frame and no wrong one."""
    lost = made.lost[:, b]
    measured = np.isfinite(error)
    first = int(lost.argmax())
    if lost[-1] and np.isfinite(made.place[:, b]).all() and made.clear[first:, b].any() and _jumped(made, b):
        return bool(not measured[first] and not (measured & lost & (error > NEAR)).any())
    return not (measured & lost).any()


def _jumped(made: Film, b: int) -> bool:
    steps = np.linalg.norm(np.diff(made.place[:, b], axis=0), axis=-1)
    first = int(made.lost[:, b].argmax())
    return bool(steps[first - 1] > 2.5 * made.size[0, b])


@dataclass(frozen=True)
class Sum:
    """What came of many films."""

    outcomes: tuple[Outcome, ...]

    @property
    def error(self) -> np.ndarray:
        """px, over all clear frames that were measured."""
        return np.concatenate([one.error for one in self.outcomes])

    @property
    def plain_error(self) -> np.ndarray:
        """px, of the baseline."""
        return np.concatenate([one.plain_error for one in self.outcomes])

    @property
    def false_flags(self) -> tuple[float, float]:
        """Share of clear frames without a measurement, and the baseline's."""
        clear = sum(one.num_clear for one in self.outcomes)
        missed = [(one.num_missed, one.plain_missed) for one in self.outcomes]
        return sum(ours for ours, _ in missed) / clear, sum(plain for _, plain in missed) / clear

    def notes(self) -> dict[str, str]:
        """What else there is to say."""
        sigmas = np.concatenate([one.sigmas for one in self.outcomes])
        return {
            "films": f"{len(self.outcomes)}, {sum(one.num_clear for one in self.outcomes)} clear frames",
            "largest error": f"{self.error.max():.2f} px" if len(self.error) else "none",
            "within one stated deviation": f"{(np.abs(sigmas) < 1).mean():.2f}",
            "extra detections": f"{sum(one.extra for one in self.outcomes)}",
            "things that are none": f"{sum(one.surplus for one in self.outcomes)}",
            "frames per CPU second": f"{self.rate:.0f}",
        }

    @property
    def rate(self) -> float:
        """Frames seen in a second of one core."""
        return sum(one.frames for one in self.outcomes) / sum(one.seconds for one in self.outcomes)


def seen_of(scenario: str, seeds: range, setting: Setting, loss: str | None = None) -> Sum:
    """What came of every film that could be made."""
    made = (film(scenario, seed, setting, loss=loss) for seed in seeds)
    return Sum(tuple(examine(one, setting) for one in made if one is not None))


SETTINGS = {
    "textured, noise 10, h264": Setting(),
    "textured, noise 10, h264, light swings by a fifth": Setting(flicker=0.2),
    "textured, noise 10, h264, 128 x 128 at 10 Hz": Setting(width=128, height=128, fps=10.0),
    "textured, noise 10, h264, 832 x 480, 49 frames": Setting(width=832, height=480, num_frames=49),
    "textured, no noise, not compressed": Setting(noise=0.0, coded=None),
    "plain, h264": Setting(textured=False, noise=0.0),
}


def measure(quick: bool) -> list[Figure]:
    """Errors, flags and speed on films whose seeds were not used before."""
    examine(film("uniform_motion", 0, Setting(num_frames=8)), Setting(num_frames=8))  # type: ignore[arg-type]
    count = 2 if quick else 20  # films of each kind; fewer where the setting is not the promised one
    figures = []
    for name, setting in list(SETTINGS.items())[: 1 if quick else None]:
        few = min(count, 20 if setting == Setting() else 8 if setting.height < 400 else 3)
        for scenario in SCENARIOS[-1:] if quick else SCENARIOS:
            figures += _figures(f"{scenario}, {name}", seen_of(scenario, _seeds(few), setting))
    figures += _losses(Setting(), 1 if quick else count)
    if not quick:
        for name, setting in {
            "textured, no noise": Setting(256, 256, 16, 3.0, noise=0.0, coded=None),
            "textured, noise 10, h264": Setting(256, 256, 32, 16.0),
        }.items():
            found = seen_of("assembly", _seeds(8), setting)
            figures += _figures(f"assembly, {name}, {setting.fps:g} Hz", found, promised=False)
    return figures


def _seeds(count: int) -> range:
    return range(FIRST_TEST, FIRST_TEST + count)


def _figures(what: str, found: Sum, *, promised: bool = True) -> list[Figure]:
    errors = found.error, found.plain_error
    values: tuple[tuple[str, str, Sequence[float], Target, dict[str, str]], ...] = (
        ("median error", "px", [float(np.median(one)) for one in errors], MEDIAN, found.notes()),
        ("95th percentile of errors", "px", [float(np.percentile(one, 95)) for one in errors], HIGH, {}),
        ("clear frames flagged", "share", found.false_flags, FALSE, {}),
    )
    return [
        _figure(f"{what}: {name}", unit, pair, target if promised else None, notes)
        for name, unit, pair, target, notes in values
    ]


def _losses(setting: Setting, count: int) -> list[Figure]:
    """Planted losses and false flags beside them."""
    kinds: dict[str, str] = {}
    every: list[Outcome] = []
    for loss in LOSSES:
        found = [one for name in SCENARIOS for one in seen_of(name, _seeds(count), setting, loss).outcomes]
        told = sum(bool(one.flagged) for one in found)
        plain = sum(bool(one.plain_flagged) for one in found)
        kinds[loss] = f"{told} of {len(found)}, baseline {plain}"
        every += found
    flagged = [
        float(np.mean([bool(one.flagged) for one in every])),
        float(np.mean([bool(one.plain_flagged) for one in every])),
    ]
    return [
        _figure("planted losses flagged", "share", flagged, FLAGGED, kinds),
        _figure("clear frames of those films flagged", "share", Sum(tuple(every)).false_flags, FALSE, {}),
    ]


def _figure(
    what: str, unit: str, pair: Sequence[float], target: Target | None, notes: dict[str, str]
) -> Figure:
    ours, plain = map(float, pair)
    ratio = ours / plain if plain else math.inf if ours else 1.0
    return Figure("foreign", what, unit, ours, plain, ratio, AGAINST, target, notes=notes)

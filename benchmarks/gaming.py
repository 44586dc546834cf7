"""Ways to game an exam, against the honest answers that they copy: none may rank above them.

The honest answers are drawn from what the given frames show: bodies that go on at constant velocity, and
bodies that obey the law with velocities that are off by up to 5 %. A strategy changes them without knowing
the truth. Questions are held out: they hang on a secret.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.planted import AWAY, LAWS, Form, Frames, WrongLaw, drawn, moved, scored, truths
from benchmarks.timing import Figure, Target
from worldlaw.core.numbers.permutation import holm
from worldlaw.core.seeding import rng_for
from worldlaw.core.workers import Workers
from worldlaw.exam import Truth
from worldlaw.exam.scoring.coarse_forms import at_least

SECRET = b"held out for the benchmark of gaming"
QUESTIONS = 102  # of each law
CHUNK = 6
WORKERS = 2
LEVEL = Target(0.05)

Motion = np.ndarray  # (T, B, 2) m
Game = Callable[["Honest"], "Frames | tuple[Frames, Form] | None"]  # None: no answer is given


@dataclasses.dataclass(frozen=True)
class Honest:
    """An honest answer, and all that a strategy may use."""

    truth: Truth  # of which only what was given, and the look of the bodies, may be used
    motion: Motion
    rng: np.random.Generator

    @property
    def given(self) -> int:
        """How many frames were given."""
        return self.truth.paper.video.context

    @property
    def frames(self) -> Frames:
        """The honest answer itself."""
        return moved(self.truth, self.motion)

    def new(self, change: Callable[[np.ndarray, np.ndarray], None]) -> Frames:
        """The answer with the places (N, B, 2) of its new frames changed, told their numbers (N,)."""
        motion = self.motion.copy()
        later = motion[self.given :]
        change(later, np.arange(len(later)))
        return moved(self.truth, motion)

    def sized(self, factor: np.ndarray) -> Frames:
        """The answer with sizes times factors (T,)."""
        scene = self.truth.scene
        frames = []
        for t, by in enumerate(factor):
            bodies = tuple(dataclasses.replace(body, size=body.size * by) for body in scene.bodies)
            one = dataclasses.replace(
                self.truth.trajectory[t : t + 1],
                position=self.motion[t : t + 1],
                size=self.truth.trajectory.size[t : t + 1] * by,
            )
            frames.append(drawn(self.truth, dataclasses.replace(scene, bodies=bodies), one)[0])
        return np.stack(frames)

    def with_copies(self, *places: Motion) -> Frames:
        """The answer with every body drawn in other places, too, in its new frames."""
        true, scene = self.truth.trajectory, self.truth.scene
        motions = [self.motion]
        for place in places:
            hidden = np.array(place)
            hidden[: self.given] = AWAY
            motions.append(hidden)
        count = len(motions)
        more = {
            name: np.concatenate([getattr(true, name)] * count, axis=1)
            for name in ("size", "color", "status", "confidence")
        }
        trajectory = dataclasses.replace(true, position=np.concatenate(motions, axis=1), record=None, **more)
        return drawn(self.truth, dataclasses.replace(scene, bodies=scene.bodies * count), trajectory)

    @property
    def still(self) -> Motion:
        """Bodies that stop where they were last given."""
        motion = self.motion.copy()
        motion[self.given :] = motion[self.given - 1]
        return motion


def _constant_velocity(truth: Truth, rng: np.random.Generator) -> Motion:
    """Bodies go on as over the last given interval."""
    given, motion = truth.paper.video.context, truth.trajectory.position.copy()
    step = motion[given - 1] - motion[given - 2]
    motion[given:] = motion[given - 1] + step * np.arange(1, len(motion) - given + 1)[:, None, None]
    return motion


def _nearly_right(truth: Truth, rng: np.random.Generator) -> Motion:
    """Bodies obey the law, with velocities that are off by up to 5 %."""
    return WrongLaw(velocity=float(rng.uniform(0.95, 1.05))).motion(truth)


def _gone(when: Callable[[Honest, np.ndarray, np.ndarray], np.ndarray]) -> Game:
    """Bodies are not drawn where (N,) or (N, B) says so, told places (N, B, 2) and numbers of new frames."""

    def game(honest: Honest) -> Frames:
        def change(later: np.ndarray, number: np.ndarray) -> None:
            hidden = np.asarray(when(honest, later.copy(), number))
            later[np.broadcast_to(hidden.T, later.shape[1::-1]).T] = AWAY

        return honest.new(change)

    return game


def _near_another(honest: Honest, later: np.ndarray, number: np.ndarray) -> np.ndarray:
    if later.shape[1] == 1:
        return np.zeros(len(later), bool)
    gap = np.linalg.norm(later[:, 0] - later[:, 1], axis=-1) - honest.truth.trajectory.size[0].sum()
    return np.maximum.accumulate(gap < 0.5)


def _near_edge(honest: Honest, later: np.ndarray, number: np.ndarray) -> np.ndarray:
    extent, size = np.array(honest.truth.scene.extent), honest.truth.trajectory.size[0]
    return np.minimum(later, extent - later).min(axis=-1) - size < 0.5


def _moving(change: Callable[[Honest, np.ndarray, np.ndarray], np.ndarray]) -> Game:
    """Bodies go elsewhere: told the honest places (N, B, 2) and the numbers (N, 1, 1) of new frames."""

    def game(honest: Honest) -> Frames:
        def inner(later: np.ndarray, number: np.ndarray) -> None:
            later[:] = change(honest, later.copy(), number[:, None, None])

        return honest.new(inner)

    return game


def _painted(change: Callable[[Honest, np.ndarray, int], np.ndarray]) -> Game:
    """New frames (N, H, W, 3) of the honest answer, as floats, are painted over."""

    def game(honest: Honest) -> Frames:
        frames = honest.frames
        later = change(honest, frames[honest.given :].astype(np.float32), honest.given)
        return np.concatenate([frames[: honest.given], np.clip(np.rint(later), 0, 255).astype(np.uint8)])

    return game


def _written(form: Form) -> Game:
    return lambda honest: (honest.frames, form)


def _box(honest: Honest, later: np.ndarray, given: int) -> np.ndarray:
    out = later.copy()
    out[:, 20:108, 20:108] = (255, 0, 0)
    return out


def _faded(honest: Honest, later: np.ndarray, given: int) -> np.ndarray:
    keep = np.linspace(1, 0, len(later))[:, None, None, None]
    return later * keep + 255 * (1 - keep)


def _trail(honest: Honest, later: np.ndarray, given: int) -> np.ndarray:
    return np.minimum.accumulate(later, axis=0)


def _flicker(honest: Honest, later: np.ndarray, given: int) -> np.ndarray:
    return later * np.where(np.arange(len(later)) % 2, 0.8, 1.0)[:, None, None, None]


def _fog(honest: Honest, later: np.ndarray, given: int) -> np.ndarray:
    return later * 0.3 + 255 * 0.7


def _last(honest: Honest) -> Motion:
    return honest.motion[honest.given - 1]


GAMES: dict[str, Game] = {
    "vanish half-way": _gone(lambda h, later, k: k >= len(k) // 2),
    "vanish after five frames": _gone(lambda h, later, k: k >= 5),
    "vanish at once": _gone(lambda h, later, k: k >= 0),
    "vanish in every second frame": _gone(lambda h, later, k: k % 2 == 1),
    "vanish in every fifth frame": _gone(lambda h, later, k: k % 5 == 4),
    "vanish in one frame": _gone(lambda h, later, k: k == 9),
    "vanish before an impact": _gone(_near_another),
    "vanish near the edge": _gone(_near_edge),
    "show one body only": _gone(lambda h, later, k: np.arange(later.shape[1])[None] + 0 * k[:, None] > 0),
    "vanish in the last frame": _gone(lambda h, later, k: k == len(k) - 1),
    "fade out": _painted(_faded),
    "fog": _painted(_fog),
    "white frames at the end": _painted(lambda h, v, k: np.concatenate([v[:10], np.full_like(v[10:], 255)])),
    "black frames at the end": _painted(lambda h, v, k: np.concatenate([v[:10], np.zeros_like(v[10:])])),
    "a red box over all": _painted(_box),
    "a trail of all places": _painted(_trail),
    "colours swapped": _painted(lambda h, v, k: v[..., ::-1]),
    "flicker of brightness": _painted(_flicker),
    "shrink away": lambda h: h.sized(np.r_[np.ones(h.given), np.linspace(1, 0.1, len(h.motion) - h.given)]),
    "grow": lambda h: h.sized(np.r_[np.ones(h.given), np.linspace(1, 2, len(h.motion) - h.given)]),
    "two guesses at once": lambda h: h.with_copies(h.still),
    "three guesses at once": lambda h: h.with_copies(h.still, (h.motion + h.still) / 2),
    "a decoy from half-way on": lambda h: h.with_copies(
        np.where(np.arange(len(h.motion))[:, None, None] > 17, h.still, AWAY)
    ),
    "freeze half-way": _moving(lambda h, v, k: np.where(k < len(v) // 2, v, v[len(v) // 2])),
    "slow down": _moving(lambda h, v, k: _last(h) + (v - _last(h)) * (1 - k / 100)),
    "half as far": _moving(lambda h, v, k: (v + _last(h)) / 2),
    "a tenth faster": _moving(lambda h, v, k: _last(h) + (v - _last(h)) * 1.1),
    "backwards": _moving(lambda h, v, k: 2 * _last(h) - v),
    "leave the view at once": _moving(lambda h, v, k: v + 1.5 * (k + 1)),
    "jitter of a pixel": _moving(lambda h, v, k: v + h.rng.choice([-0.08, 0.08], v.shape)),
    "a random walk": _moving(lambda h, v, k: v + h.rng.normal(0, 0.1, v.shape).cumsum(axis=0)),
    "frames shuffled": lambda h: np.concatenate(
        [h.frames[: h.given], h.frames[h.given :][h.rng.permutation(len(h.motion) - h.given)]]
    ),
    "given frames in a loop": lambda h: h.frames[np.arange(len(h.motion)) % h.given],
    "end after five frames": lambda h: h.frames[: h.given + 5],
    "every second frame, at half the rate": _written(Form("", every=2)),
    "every fifth frame, at a fifth of the rate": _written(Form("", every=5)),
    "half the size, h264 crf 40": _written(Form("", crf=40, scale=0.5)),
    "an eighth of the size": _written(Form("", scale=1 / 8)),
    "h264 crf 51": _written(Form("", crf=51)),
    "gif": _written(Form("", suffix=".gif")),
    "no answer": lambda h: None,
    "an answer only without impacts": lambda h: h.frames if h.motion.shape[1] == 1 else None,
}
MODELS: dict[str, Callable[[Truth, np.random.Generator], Motion]] = {
    "constant velocity": _constant_velocity,
    "nearly right": _nearly_right,
}
HONEST = "honest"
Row = tuple[str, str, float, float]  # model, strategy, solved, charged velocity error


def measure(quick: bool) -> Iterator[Figure]:
    """For either honest model the least p of "a strategy ranks above", and where each strategy stands."""
    num = 1 if quick else QUESTIONS
    team = Workers(1 if quick else WORKERS)
    tasks = [(law, range(k, min(k + CHUNK, num))) for law in LAWS for k in range(0, num, CHUNK)]
    with team.pool():
        rows = [row for part in team.each(play, tasks) for row in part]
    yield from figures(rows)


def play(law: str, indices: range) -> list[Row]:
    """Every strategy of every model on some questions."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        for truth in truths(law, indices, seed=0, secret=SECRET):
            answers: dict[str, tuple[Frames, Form]] = {}
            for name, model in MODELS.items():
                rng = rng_for(0, "gaming", name, law, truth.question.index)
                honest = Honest(truth, model(truth, rng), rng)
                answers[f"{name}|{HONEST}"] = honest.frames, Form("")
                for game, play_it in GAMES.items():
                    shown = play_it(honest)
                    shown = NOTHING if shown is None else shown
                    answers[f"{name}|{game}"] = shown if isinstance(shown, tuple) else (shown, Form(""))
            for key, (good, error) in scored(truth, answers, Path(place)).items():
                name, _, game = key.partition("|")
                rows.append((name, game, good, error))
    return rows


NOTHING = np.zeros((1, 128, 128, 3), np.uint8)  # one frame is no video: excluded, which counts as missing


def figures(rows: list[Row]) -> Iterator[Figure]:
    """A strategy ranks above if it solves more, or as many and its charged error is lower in the mean."""
    from scipy.stats import ttest_rel

    chances: dict[tuple[str, str], float] = {}
    notes: dict[tuple[str, str], str] = {}
    for name in MODELS:
        good, error = _table(rows, name, HONEST)
        for game in GAMES:
            its_good, its_error = _table(rows, name, game)
            more, fewer = int((its_good > good).sum()), int((its_good < good).sum())
            if more != fewer:
                chance = at_least(more, more + fewer, 0.5)
            else:  # a tie is broken by the charged error
                same = np.array_equal(its_error, error)
                chance = 1.0 if same else float(ttest_rel(its_error, error, alternative="less").pvalue)
            chances[name, game] = chance
            notes[name, game] = (
                f"solved {its_good.mean():.1%} against {good.mean():.1%}, charged error "
                f"{its_error.mean():.3f} against {error.mean():.3f} m/s"
            )
    corrected = dict(zip(chances, holm(list(chances.values())), strict=True))
    for name in MODELS:
        its = {game: corrected[name, game] for game in GAMES}
        least = min(its, key=lambda game: its[game])
        yield Figure(
            "gaming",
            f"{name}: least corrected p that one of {len(GAMES)} strategies ranks above ({least}), "
            f"{len(_table(rows, name, HONEST)[0])} questions",
            "",
            ours=float(its[least]),
            baseline=min(chances[name, game] for game in GAMES),
            ratio=float(its[least]) / min(chances[name, game] for game in GAMES),
            against="the same p, not corrected",
            target=LEVEL,
            notes={game: notes[name, game] for game in GAMES},
        )


def _table(rows: list[Row], name: str, game: str) -> tuple[np.ndarray, np.ndarray]:
    found = [row[2:] for row in rows if row[:2] == (name, game)]
    good, error = np.array(found, float).T
    return good, error

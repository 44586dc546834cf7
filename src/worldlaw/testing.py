"""The contracts, for everybody: what a scenario, model, codec, metric, reference must keep, ours and yours.

Each check raises AssertionError with a sentence that says what was expected. Call them from your own tests:

    from worldlaw.testing import check_scenario
    def test_my_law_keeps_the_contract(): check_scenario("my_package.my_law:MyLaw")
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from worldlaw.core.types import (
    VISIBLE,
    Case,
    Conditioning,
    Detections,
    Hints,
    Question,
    Scene,
    Tracks,
    Trajectory,
)
from worldlaw.measure.matching import match
from worldlaw.measure.metrics import Metric
from worldlaw.measure.references import LearningReference, Reference, case_library
from worldlaw.measure.tracking.blobs.blob_tracker import read_hints, track
from worldlaw.models import VideoModel
from worldlaw.worlds import Choice, scenarios, training_region
from worldlaw.worlds.recipe import Recipe
from worldlaw.worlds.scene_description import EDGES
from worldlaw.worlds.view import view_of

if TYPE_CHECKING:
    from worldlaw.models.autoencoders.codec import Codec
    from worldlaw.report.analyses import Analysis, Evidence

FPS = 10.0
CONTEXT = 3


def make_recipe(
    scenario: str, *, resolution: int = 64, num_frames: int = 12, num_clips: int = 8, seed: int = 0
) -> Recipe:
    """Small clips of a scenario in its training range."""
    region = training_region(scenarios.get(scenario))
    return Recipe(scenario, region, seed, "check", num_clips, resolution, num_frames, FPS)


def make_case(scenario: str, *, index: int = 0, resolution: int = 64, num_frames: int = 32) -> Case:
    """The true video of a clip, tracked and matched, as the case of a perfect predictor."""
    recipe = make_recipe(scenario, resolution=resolution, num_frames=num_frames)
    scene, _ = recipe.scene(index)
    truth = recipe.trajectory(scene)
    video = recipe.frames(scene, truth)
    tracks = match(track(video, hints_of(video, scene), fps=FPS), truth)
    return Case(index, scene, CONTEXT, truth, tracks, lambda: video, lambda: video)


def followed_by(tracker: str) -> list[str]:
    """Names of the scenarios whose bodies are followed in this way."""
    return [name for name in scenarios.names() if scenarios.get(name).tracker == tracker]


def hints_of(video: np.ndarray, scene: Scene) -> Hints:
    """What the first three frames show; of the scene only the extent of the view is used."""
    return read_hints(video[:CONTEXT], extent=scene.extent, fps=FPS)


def check_scenario(name: str) -> None:
    """Scenes repeat and start in view; motion is exact at any frame time and measurable from pixels."""
    scenario = scenarios.get(name)
    for attribute, spec in scenario.attributes.items():
        if isinstance(spec, Choice):
            assert set(spec.training) <= set(spec.among), (
                f"{name}.{attribute}: training names are not among all"
            )
        else:
            low, high = spec.training
            assert spec.limits[0] <= low <= high <= spec.limits[1], (
                f"{name}.{attribute}: training beyond limits"
            )
            assert spec.unit, f"{name}.{attribute}: a quantity needs a unit"
    recipe = make_recipe(name)
    for index in range(len(recipe)):
        scene, _ = recipe.scene(index)
        assert scene == recipe.scene(index)[0], "the same address must give the same scene"
        assert Scene.from_json(scene.to_json()) == scene, "a scene must survive JSON"
        numbers, sentence = scenario().numbers(scene), scenario().sentence(scene)
        assert np.isfinite(numbers).all(), "a scene's numbers must be finite"
        assert sentence.strip(), "a scene's sentence must say something"
        assert set(scene.attributes) == set(scenario.attributes), "a scene must name every attribute"
        assert recipe.region.contains(scene.attributes), (
            "a scene must have the attributes that were asked for"
        )
        truth = recipe.trajectory(scene)
        _check_trajectory(truth, recipe.num_frames, len(scene.bodies))
        assert (truth.status[:CONTEXT] == VISIBLE).any(axis=1).all(), "given frames must show a body in full"
        half = scenario().simulate(scene, 2 * recipe.num_frames - 1, 0.5 / FPS)
        np.testing.assert_allclose(
            half.position[::2], truth.position, atol=1e-9, err_msg="states must not depend on the frame rate"
        )
    assert scenario.edges in ("", *EDGES), f"{name}.edges: expected one of {', '.join(EDGES)}, or nothing"
    assert scenario().law(recipe.scene(0)[0]).strip(), f"{name}.law: a prompt must say what holds"
    if scenario.edges == "open":
        _check_wider_view(name, recipe)
    if scenario.tracker != "blobs":
        return
    case = make_case(name, resolution=128)
    error = np.abs(case.tracked.bodies.velocity - case.truth.velocity)[case.truth.in_view]
    assert np.isfinite(error).all(), "every body in full view must be measurable in the true video"
    assert error.mean() < 0.006, "tracking the true video must give the true velocities to 0.006 m/s"


def check_model(model: VideoModel, given: Conditioning, *, num_new_frames: int = 5) -> None:
    """Answers have the shape asked for, repeat, do not depend on the batch, and leave given frames alone."""
    seeds = np.arange(given.num_clips, dtype=np.int64)
    before = given.frames.copy()
    answers = model.generate(given, num_new_frames, seeds)
    expected = (given.num_clips, num_new_frames, *given.frames.shape[2:])
    assert answers.shape == expected, f"expected {expected}; generate returned {answers.shape}"
    assert answers.dtype == np.uint8, f"expected uint8; generate returned {answers.dtype}"
    assert np.array_equal(given.frames, before), "generate must not touch the frames it is given"
    assert np.array_equal(model.generate(given, num_new_frames, seeds), answers), "the same question and seed"
    order = np.roll(np.arange(given.num_clips), 1)
    turned = _some(given, order)
    again = model.generate(turned, num_new_frames, seeds[order])
    assert np.array_equal(again, answers[order]), "an answer must not depend on its place in the batch"
    alone = model.generate(_some(given, np.array([-1])), num_new_frames, seeds[-1:])
    assert np.array_equal(alone[0], answers[-1]), "an answer must not depend on what else is in the batch"


def _some(given: Conditioning, rows: np.ndarray) -> Conditioning:
    """Some of the clips, in this order."""
    return dataclasses.replace(
        given,
        frames=given.frames[rows],
        ids=tuple(given.ids[row] for row in rows),
        state=None if given.state is None else given.state[rows],
        text=None if given.text is None else tuple(given.text[row] for row in rows),
    )


def check_codec(codec: Codec, frames: np.ndarray) -> None:
    """Latents and videos have the shapes promised, repeat, and no later frame reaches an earlier latent."""
    before = frames.copy()
    drawn = codec.reconstruct(frames)
    assert drawn.shape == frames.shape, f"expected {frames.shape}; reconstruct returned {drawn.shape}"
    assert drawn.dtype == np.uint8, f"expected uint8; reconstruct returned {drawn.dtype}"
    assert np.array_equal(frames, before), "reconstruct must not touch the frames it is given"
    assert np.array_equal(codec.reconstruct(frames), drawn), "the same frames must give the same picture"
    whole, alone = (codec.encode_frames(part) for part in (frames, frames[:, :1]))
    expected = (len(frames), *codec.size(frames.shape[1:]))
    assert whole.shape == expected, f"expected latents {expected}; found {whole.shape}"
    assert np.isfinite(whole).all(), "latents must be numbers"
    close = np.allclose(whole[:, :1], alone, atol=1e-4)
    assert close, "the latent of the first frame must not depend on later frames"


def check_metric(metric: Metric) -> None:
    """A perfect rollout scores the best value, up to the floor, and one without bodies never does."""
    for name in followed_by("blobs"):
        perfect = make_case(name, resolution=128)
        value = metric(perfect)
        assert isinstance(value, float), f"{metric.name}: expected a float"
        if np.isfinite(value) and np.isfinite(metric.best):
            slack = 0.05 if metric.best == 0 else 1e-9
            assert abs(value - metric.best) <= slack, f"{metric.name}: {value} on the true video of {name}"
        gone = Trajectory(
            dt=perfect.truth.dt,
            position=np.full_like(perfect.truth.position, np.nan),
            size=np.full_like(perfect.truth.size, np.nan),
            color=np.full_like(perfect.truth.color, np.nan),
            status=np.full_like(perfect.truth.status, 4),
            confidence=np.zeros_like(perfect.truth.confidence),
        )
        start = np.broadcast_to(perfect.truth.position[:1], perfect.truth.position.shape)
        still = dataclasses.replace(perfect.truth, position=start.copy())
        stopped = dataclasses.replace(perfect, tracked=Tracks(still, Detections.none()), generated_video=None)
        assert isinstance(metric(stopped), float), f"{metric.name}: expected a float where nothing moves"
        empty = dataclasses.replace(perfect, tracked=Tracks(gone, Detections.none()), generated_video=None)
        lost = metric(empty)
        assert isinstance(lost, float), f"{metric.name}: expected a float for a rollout without bodies"
        if np.isfinite(metric.best) and not metric.absence_is_best:
            assert lost != metric.best, (
                f"{metric.name}: a rollout without bodies must not score the best value"
            )


def check_reference(name: str, reference: Reference | type[LearningReference]) -> None:
    """Predictions have the shape asked for and do not look at the bodies of the scene.

    One that learns is taught on a few cases first, and says the same when it is loaded from its folder.
    """
    for scenario in followed_by("blobs"):
        recipe = make_recipe(scenario, num_frames=20)
        library = case_library((recipe.trajectory(recipe.scene(i)[0]) for i in range(1, 8)), CONTEXT)
        scene, _ = recipe.scene(0)
        given = recipe.trajectory(scene)[:CONTEXT]
        shapes = tuple(body.shape for body in scene.bodies)
        moved = tuple(
            dataclasses.replace(body, position=(0.0, 0.0), velocity=(0.0, 0.0), size=0.1, mass=1.0)
            for body in scene.bodies
        )
        with tempfile.TemporaryDirectory() as folder:
            asked = reference
            if isinstance(reference, type):
                reference().fit(library, Path(folder), seed=0)
                asked = reference().load(Path(folder))
            first, second = (
                cast(Reference, asked)(Question(given, 20, law, shapes, library))
                for law in (scene, dataclasses.replace(scene, bodies=moved))
            )
        assert first.shape == (20, len(scene.bodies), 2), f"{name}: expected (T, B, 2); found {first.shape}"
        assert np.array_equal(first, second), f"{name}: a reference must not look at the bodies of the scene"


def check_analysis(name: str, analysis: type[Analysis], evidence: Evidence) -> None:
    """It is about worlds of the experiment, and says the same whole section again; ids begin with its slug.

    ``evidence`` is that of an experiment which it can answer, from ``experiment.stages.report.evidence_of``.
    """
    about = analysis().worlds(evidence.settings)
    assert set(about) <= set(evidence.settings), f"{name}: worlds that the experiment does not have: {about}"
    section = analysis().section(evidence, "slug0")
    assert section == analysis().section(evidence, "slug0"), f"{name}: the same evidence, the same section"
    assert section.title.strip(), f"{name}: a section needs a title"
    assert section.answer, f"{name}: a section begins with its answer in sentences"
    for group in section.table.groups:
        for row in group.rows:
            assert len(row.cells) == len(section.table.columns), f"{name}: {row.name}: a cell per column"
    for panel in section.panels:
        for found in re.findall(r'\bid="([^"]+)"', panel.svg):
            assert found.startswith("slug0"), f"{name}: the id {found!r} of a figure is not its own"


def _check_wider_view(name: str, recipe: Recipe) -> None:
    """That nothing of an open scenario's motion hangs on the view."""
    scene, _ = recipe.scene(0)
    wider = view_of(scene, 192, 128, edges="open").scene
    moved = (wider.extent[0] - scene.extent[0]) / 2, (wider.extent[1] - scene.extent[1]) / 2
    np.testing.assert_allclose(
        recipe.trajectory(wider).position,
        recipe.trajectory(scene).position + moved,
        atol=1e-9,
        err_msg=f"{name}.edges: in a wider view the same motion is expected, moved with the view",
    )


def _check_trajectory(states: Trajectory, num_frames: int, num_bodies: int) -> None:
    assert states.position.shape == (num_frames, num_bodies, 2), f"positions have {states.position.shape}"
    assert np.isfinite(states.position).all(), "true positions must be finite, in view or not"
    assert np.isfinite(states.size).all(), "true sizes must be finite"
    assert ((states.color >= 0) & (states.color <= 1)).all(), "colours must lie in [0, 1]"
    if states.angle is not None:
        assert states.angle.shape == (num_frames, num_bodies), f"angles have {states.angle.shape}"
        assert np.isfinite(states.angle).all(), "true angles must be finite"
    if states.record is not None:
        pairs, energy = states.record.contact_pair, states.record.energy
        assert ((pairs >= -1) & (pairs < num_bodies)).all(), "contacts are of bodies, or -1 for a wall"
        assert (pairs[:, 0] != pairs[:, 1]).all(), "no body touches itself"
        assert (np.diff(states.record.contact_time) >= 0).all(), "contacts must be in order of time"
        assert energy.shape == (num_frames, 2), f"energies have {energy.shape}"
        total = energy.sum(axis=1)
        assert (total <= total[0] + 1e-6 * abs(total[0])).all(), "no engine may add energy"

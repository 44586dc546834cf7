"""LPIPS and FVD against independent arithmetic; weights that are missing or wrong; the table of the look."""

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from skimage.transform import resize

from report_pages import rows_of, table_of
from worldlaw.cli import main
from worldlaw.clips.store import Clips
from worldlaw.core.errors import BadInput
from worldlaw.core.types import LOST
from worldlaw.experiment import run
from worldlaw.experiment.config import parse_experiment
from worldlaw.experiment.look_choice import missing_weights_of
from worldlaw.experiment.plan import make_plan
from worldlaw.experiment.stages.look import SplitLook
from worldlaw.measure.metrics import metrics
from worldlaw.measure.metrics.pixels import structural_similarity
from worldlaw.measure.sets.frechet import frechet_distance
from worldlaw.measure.sets.set_rows import HALVES, SetRow
from worldlaw.models.features.i3d import VideoFeatures
from worldlaw.models.features.lpips import CONVOLUTIONS, PerceptualDistance
from worldlaw.models.features.published_weights import ALEXNET, I3D, LPIPS_HEADS, VARIABLE
from worldlaw.pages.cells import arrange
from worldlaw.pages.wording import interval
from worldlaw.report.look_sections import look_sections
from worldlaw.testing import make_case

HEADS = (64, 192, 384, 256, 256)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in which weights are looked for."""
    place = tmp_path / "weights"
    place.mkdir()
    monkeypatch.setenv(VARIABLE, str(place))
    return place


@pytest.fixture
def alexnet(folder):
    """Random weights in the published layout, classifier and all but its size, and as arrays."""
    rng = np.random.default_rng(0)
    tensors, heads = {}, {}
    for place, given, made, kernel, _, _ in CONVOLUTIONS:
        values = rng.normal(0, 1 / np.sqrt(given * kernel**2), (made, given, kernel, kernel))
        tensors[f"features.{place}.weight"] = values.astype(np.float32)
        tensors[f"features.{place}.bias"] = rng.normal(0, 0.1, made).astype(np.float32)
    tensors["classifier.1.weight"] = np.zeros((4, 9216), np.float32)
    for number, channels in enumerate(HEADS):
        heads[f"lin{number}.model.1.weight"] = rng.uniform(0, 1, (1, channels, 1, 1)).astype(np.float32)
    save(tensors, folder / ALEXNET.file)
    save(heads, folder / LPIPS_HEADS.file)
    return tensors | heads


def save(arrays, path):
    torch.save({name: torch.from_numpy(values) for name, values in arrays.items()}, path)


class Tiny(torch.nn.Module):
    """As the published network is asked; its features are mean, first and last pixel of each channel."""

    def forward(
        self, x: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ):
        assert x.shape[1] == 3
        assert x.shape[3] == 224
        assert x.shape[4] == 224
        assert return_features
        assert not rescale
        assert not resize
        mean = x.mean(dim=[2, 3, 4])
        found = torch.cat([mean, x[:, :, 0, 0, 0], x[:, :, -1, -1, -1]], dim=1)
        return torch.nn.functional.pad(found, [0, 391])


def publish(network, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(network).save(str(folder / I3D.file))


def convolved(picture, kernels, bias, stride, padding):
    """(C, H, W) by (M, C, k, k): plain correlation with zeros around."""
    padded = np.pad(picture, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[2:], axis=(1, 2))
    return np.einsum("chwij,mcij->mhw", windows[:, ::stride, ::stride], kernels) + bias[:, None, None]


def pooled(picture):
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max(axis=(3, 4))


def lpips_by_hand(weights, first, second):
    """LPIPS of two frames (H, W, 3) uint8, in NumPy and scikit-image."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    pair = [((frame / 127.5 - 1 - shift) / scale).transpose(2, 0, 1) for frame in (first, second)]
    total = np.zeros(first.shape[:2])
    for number, (place, _, _, _, stride, padding) in enumerate(CONVOLUTIONS):
        kernels, bias = (weights[f"features.{place}.{part}"].astype(float) for part in ("weight", "bias"))
        if number in (1, 2):
            pair = [pooled(picture) for picture in pair]
        pair = [np.maximum(convolved(picture, kernels, bias, stride, padding), 0) for picture in pair]
        units = [picture / (np.sqrt((picture**2).sum(axis=0)) + 1e-10) for picture in pair]
        head = weights[f"lin{number}.model.1.weight"][0, :, 0, 0]
        seen = np.einsum("c,chw->hw", head, (units[0] - units[1]) ** 2)
        total += resize(seen, total.shape, order=1, mode="edge", anti_aliasing=False)
    return total.mean()


def test_lpips_is_what_plain_arithmetic_gives_from_the_published_layout(alexnet):
    rng = np.random.default_rng(1)
    true = rng.integers(0, 256, (3, 35, 47, 3), dtype=np.uint8)
    seen = true.copy()
    seen[1, 5:20, 5:30] = 200
    seen[2] = 255 - true[2]
    found = PerceptualDistance().of_frames(true, seen)
    expected = [0, *(lpips_by_hand(alexnet, true[t], seen[t]) for t in (1, 2))]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[2] > found[1] > 0
    np.testing.assert_allclose(PerceptualDistance().of_frames(seen, true), found, rtol=1e-5)


def test_frames_too_small_for_alexnet_are_refused(alexnet):
    video = np.zeros((1, 31, 31, 3), np.uint8)
    assert PerceptualDistance().of_frames(video, video + np.uint8(255))[0] > 0
    with pytest.raises(BadInput, match="at least 31 pixels"):
        PerceptualDistance().of_frames(video[:, 1:], video[:, 1:])


def test_a_file_that_is_missing_is_named_with_its_publisher(folder):
    with pytest.raises(BadInput, match=r"^no alexnet-owt-7be5be79.pth in .*: put it there, from torchvision"):
        PerceptualDistance()
    with pytest.raises(BadInput, match=r"^no i3d_torchscript.pt in .*universome/fvd-comparison"):
        VideoFeatures()


def test_a_file_that_is_something_else_is_refused_in_one_line(alexnet, folder):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    save({**alexnet, "lin3.model.1.weight": np.zeros((1, 99, 1, 1), np.float32)}, folder / LPIPS_HEADS.file)
    with pytest.raises(
        BadInput, match=r"lin3.model.1.weight of shape \(1, 256, 1, 1\); found \(1, 99, 1, 1\)"
    ):
        PerceptualDistance()
    torch.save({"lin0.model.1.weight": Evil()}, folder / LPIPS_HEADS.file)
    with pytest.raises(BadInput, match="expected tensors by name"):
        PerceptualDistance()
    (folder / ALEXNET.file).write_bytes(b"<html>not found</html>")
    with pytest.raises(BadInput, match="expected tensors by name"):
        PerceptualDistance()
    (folder / I3D.file).write_bytes(b"<html>not found</html>")
    with pytest.raises(BadInput, match="expected a TorchScript network"):
        VideoFeatures()


def test_a_video_reaches_the_network_as_stylegan_v_prepares_it(folder):
    publish(Tiny(), folder)
    video = np.zeros((10, 20, 40, 3), np.uint8)
    video[:, :, 15:25] = (255, 51, 0)  # the middle of a wide frame
    video[:, :, :8] = 99  # is cut away: the middle 20 of 40 columns stay
    found = VideoFeatures().of_video(video)
    assert found.shape == (400,)
    # Half of the columns are painted; bilinear drawing gives one side of an edge what it takes from another.
    np.testing.assert_allclose(found[:3], [0, 2 * 0.5 * 51 / 255 - 1, -1], atol=1e-5)
    np.testing.assert_allclose(found[3:9], -1)
    tall = VideoFeatures().of_video(video.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(tall, found, atol=1e-5)
    with pytest.raises(BadInput, match="at least 10 frames"):
        VideoFeatures().of_video(video[:9])


def test_a_network_that_returns_something_else_is_refused(folder):
    publish(torch.nn.Flatten(), folder)
    with pytest.raises(BadInput, match="cannot be asked for features"):
        VideoFeatures().of_video(np.zeros((10, 16, 16, 3), np.uint8))


def test_psnr_is_averaged_over_frames_and_not_over_errors():
    case = make_case("uniform_motion", num_frames=5)
    true = np.full((5, 16, 16, 3), 100, np.uint8)
    seen = true.copy()
    seen[3] += np.uint8(1)
    seen[4] += np.uint8(10)
    value = metrics.get("psnr")(replace(case, true_video=lambda: true, generated_video=lambda: seen))
    one = 20 * np.log10(255)
    assert value == pytest.approx((one + one - 20) / 2)


def test_ssim_of_two_plain_pictures_is_the_closed_form_of_their_means():
    first, second = (np.full((1, 24, 24, 3), value, np.uint8) for value in (60, 180))
    constant = (0.01 * 255) ** 2
    expected = (2 * 60 * 180 + constant) / (60**2 + 180**2 + constant)
    assert structural_similarity(first, second) == pytest.approx(expected, abs=1e-5)


def experiment(**changes):
    raw = {
        "name": "looks",
        "video": {"resolution": 32, "num_frames": 12, "fps": 10},
        "worlds": {
            "uniform_motion": {"train": {"clips": 3}, "test": {"id": {"clips": 6}, "few": {"clips": 1}}}
        },
        "models": {"copy_last_frame": None},
        "references": ["oracle_law"],
        "metrics": ["velocity_error", "measured_share", "solved", "psnr", "ssim"],
        "look": ["fvd", "lpips", "track_frechet"],
        **changes,
    }
    return parse_experiment(raw)


class Notes(run.Quiet):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def sets(run):
    return json.loads((run.plan.evaluate.folder / "sets.json").read_text())


def test_without_weights_the_rows_say_so_and_tracks_are_compared_all_the_same(folder, tmp_path):
    notes = Notes()
    done = run.run(experiment(), tmp_path / "runs", progress=notes)
    rows = sets(done)
    for name, file in (("fvd", I3D.file), ("lpips", ALEXNET.file)):
        (row, other) = (row for row in rows if row["name"] == name)
        assert (row["split"], other["split"]) == ("id", "few")
        assert row["value"] is None
        assert row["note"].startswith(f"not measured: no {file} in {folder}: ")
        assert sum(text.startswith(f"look {name}: no {file}") for text in notes.said) == 1
    tracks = {
        row["predictor"]: row for row in rows if row["name"] == "track_frechet" and row["split"] == "id"
    }
    assert list(tracks) == [HALVES, "floor", "copy_last_frame", "oracle_law"]
    value = {name: row["value"] for name, row in tracks.items()}
    assert value["floor"] < 0.1 < value[HALVES] < value["copy_last_frame"]
    assert value["oracle_law"] < value[HALVES]
    assert "6 clips are too few for 39 features" in tracks["floor"]["note"]
    few = {
        row["predictor"]: row["value"]
        for row in rows
        if row["name"] == "track_frechet" and row["split"] == "few"
    }
    assert few == {"floor": None, "copy_last_frame": None, "oracle_law": None}
    page = done.path.read_text()
    assert "The look" in page
    assert f"FVD not measured: no {I3D.file} in {folder}: " in page
    assert "true clips, halved" in page


def test_with_weights_the_numbers_are_those_of_the_networks_and_the_key_knows_the_weights(
    alexnet, folder, tmp_path
):
    lacking = make_plan(experiment(), tmp_path / "runs").evaluate.key
    publish(Tiny(), folder)
    done = run.run(experiment(), tmp_path / "runs")
    assert done.plan.evaluate.key != lacking
    assert make_plan(experiment(look=[]), tmp_path / "runs").evaluate.key not in (
        lacking,
        done.plan.evaluate.key,
    )
    rows = {(row["predictor"], row["name"]): row for row in sets(done) if row["split"] == "id"}
    lpips, fvd = rows["", "lpips"], rows["copy_last_frame", "fvd"]
    assert ("oracle_law", "fvd") not in rows  # draws nothing
    plan = done.plan
    true = Clips(plan.simulate["uniform_motion", "id"].folder).read(range(6))
    seen = Clips(plan.generate["uniform_motion", "copy_last_frame", "id"].folder).read(range(6))
    distance, features = PerceptualDistance(), VideoFeatures()
    by_clip = [distance.of_frames(a[3:], b[3:]).mean() for a, b in zip(true, seen, strict=True)]
    table = pq.read_table(plan.evaluate.folder / "results.parquet")
    found = {
        name: [
            row["value"]
            for row in table.to_pylist()
            if (row["predictor"], row["split"], row["metric"]) == (name, "id", "lpips")
        ]
        for name in ("floor", "copy_last_frame", "oracle_law")
    }
    np.testing.assert_allclose(found["copy_last_frame"], by_clip, rtol=1e-5)
    assert found["floor"] == [0] * 6
    assert np.isnan(found["oracle_law"]).all()
    assert lpips["weights"].startswith("alexnet-owt-7be5be79.pth (SHA-256 ")
    assert "not the published file" in lpips["weights"]
    first, second = (np.stack([features.of_video(video) for video in videos]) for videos in (true, seen))
    assert fvd["value"] == pytest.approx(frechet_distance(first, second))
    assert fvd["value"] > 0
    assert "6 clips are too few for 400 features" in fvd["note"]
    assert set(table["clip"].to_pylist()) == set(range(6))  # nothing about sets among rows about clips
    page = done.path.read_text()
    headings = [page.index(f">{name}") for name in ("FVD<", "SSIM<", "PSNR<", "LPIPS<", "Fréchet<")]
    assert headings == sorted(headings)
    changed = folder / LPIPS_HEADS.file
    save({**alexnet, "lin0.model.1.weight": alexnet["lin0.model.1.weight"] + 1}, changed)
    assert make_plan(experiment(), tmp_path / "runs").evaluate.key != plan.evaluate.key


def test_an_experiment_that_asks_for_no_look_has_no_table(tmp_path):
    done = run.run(experiment(look=[], name="blind"), tmp_path)
    assert not (done.plan.evaluate.folder / "sets.json").exists()
    assert "The look" not in done.path.read_text()


def test_what_the_tracker_loses_in_true_videos_too_is_no_fault_of_a_model():
    look = SplitLook(["track_frechet"])
    for index in range(6):
        case = make_case("collision", index=index, num_frames=12)
        bodies = case.tracked.bodies
        position, status = bodies.position.copy(), bodies.status.copy()
        if index < 3:
            position[6:, 0], status[6:, 0] = np.nan, LOST
        lossy = replace(
            case, tracked=replace(case.tracked, bodies=replace(bodies, position=position, status=status))
        )
        for predictor, kind, its in (
            ("floor", "floor", lossy),
            ("same", "model", lossy),
            ("seen", "model", case),
        ):
            assert look.add(predictor, kind, 0, its) == []
    value = {row.predictor: row.value for row in look.rows("w", "s")}
    assert value["same"] == pytest.approx(0, abs=1e-9)
    assert min(value["floor"], value["seen"]) > 10


def test_a_model_trained_several_times_has_one_line_and_the_span_of_its_trainings():
    def row(seed, name, value, **others):
        return SetRow("drift", "id", "taught", "model", seed, name, value, 30, **others)

    clips = table_of(rows_of("taught", [(0.1, 1.0)] * 3, more={"ssim": 0.9, "psnr": 30.0, "lpips": 0.5}))
    rows = [row(0, "fvd", 10.0, features=400), row(1, "fvd", 20.0, features=400), row(0, "lpips", None)]
    (section,) = look_sections(
        arrange(clips), [*rows, SetRow("drift", "id", "", "", 0, "track_frechet", None, 0)]
    )
    assert section.table.columns == ["FVD", "SSIM", "PSNR\ndB", "LPIPS", "Fréchet\nof tracks"]
    (line,) = section.table.groups[0].rows
    assert [cell.text for cell in line.cells] == ["15.0†", "0.900", "30.0", "0.500", "–"]
    assert line.cells[0].small == f"{interval(10, 20)} over 2 training seeds"
    assert any(
        note.startswith("† fewer clips than a distance has features (FVD 400)") for note in section.notes
    )
    assert look_sections(arrange(clips), []) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"look": ["fvdd"]}, "unknown look 'fvdd'; did you mean 'fvd'"),
        ({"look": ["fvd", "fvd"]}, "'fvd' is given twice"),
        (
            {"video": {"resolution": 30, "num_frames": 12}},
            "lpips needs frames of at least 31 pixels; found 30",
        ),
        ({"video": {"resolution": 32, "num_frames": 9}}, "fvd needs clips of at least 10 frames; found 9"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(changes, said):
    with pytest.raises(BadInput, match=said):
        experiment(**changes)


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert (
        missing_weights_of("lpips")
        == missing_weights_of("fvd")
        == "needs PyTorch: pip install 'worldlaw[look]'"
    )
    assert missing_weights_of("track_frechet") == ""
    path = tmp_path / "x.yaml"
    path.write_text(
        "name: x\nlook: [fid]\nworlds: {uniform_motion: {train: {clips: 1}, test: {id: {clips: 1}}}}\n"
    )
    assert main(["run", str(path), "--out", str(tmp_path)]) == 2
    assert "unknown look 'fid'" in capsys.readouterr().err

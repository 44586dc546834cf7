"""People as judges: whose turn it is, what is kept, who is let in, and what the numbers are."""

import csv
import http.client
import json
import multiprocessing
import threading
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from worldlaw.cli import main
from worldlaw.clips.media import write_video
from worldlaw.clips.store import Clips
from worldlaw.core.artifact import checksum, read_manifest, write_record
from worldlaw.core.errors import BadInput
from worldlaw.core.numbers.stats import proportion, summarize
from worldlaw.experiment.stages import evaluate
from worldlaw.rating import Ratings, Session, exhibits, results, sample
from worldlaw.rating.agreement import confusion, fleiss
from worldlaw.rating.automatic_verdicts import verdicts
from worldlaw.rating.rating_clips import picture
from worldlaw.rating.results_text import as_csv, as_json, lines
from worldlaw.rating.server import LONGEST_BODY, RatingServer
from worldlaw.rating.session import OutOfTurn, Rating

NAMES = [
    f"{model}/{split}/{clip}.webp"
    for model in ("small", "large")
    for split in ("in", "out")
    for clip in "012"
]


@pytest.fixture
def answers(tmp_path):
    """Two models, two splits, three clips each: a square that moves."""
    folder = tmp_path / "answers"
    for number, name in enumerate(NAMES):
        frames = np.full((4, 16, 24, 3), 255, np.uint8)
        for t in range(4):
            frames[t, 4:10, number + t : number + t + 6] = (255, 0, 0)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(folder / name, frames, 10.0)
    return folder


RUN = """
name: seen
video: {resolution: 32, num_frames: 8, fps: 10}
worlds:
  uniform_motion:
    train: {clips: 2, region: {color: [red, blue]}}
    test:
      id: {clips: 12, region: {color: [red, blue]}}
      ood: {clips: 2, region: {speed: [4.5, 6]}}
models:
  copy_last_frame:
  nearest_clip:
metrics: [velocity_error]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run's folder."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "seen.yaml").write_text(RUN)
    assert main(["run", str(folder / "seen.yaml"), "--out", str(folder / "runs"), "--workers", "1"]) == 0
    return folder / "runs" / "seen"


def judge(session, rater, say, *, times=None):
    """Answer by name of the clip until nothing is left, or so many times."""
    turn = session.turn(rater)
    while turn.clip is not None and times != 0:
        turn = session.answer(rater, turn.clip, say(session.name_of(turn.clip)), 1.5)
        times = None if times is None else times - 1
    return turn


# Turns.


def test_a_rater_sees_every_clip_once_in_an_order_of_their_own(tmp_path):
    seen = {}
    for rater in ("Ann", "Bob"):
        session = Session(NAMES, Ratings(tmp_path / f"{rater}.jsonl"))
        seen[rater] = []
        judge(session, rater, lambda name, rater=rater: seen[rater].append(name) or True)
        assert sorted(seen[rater]) == sorted(NAMES)
    assert seen["Ann"] != seen["Bob"]
    again = []
    judge(Session(NAMES, Ratings(tmp_path / "again")), "Ann", lambda name: again.append(name) or True)
    assert again == seen["Ann"]


def test_clips_that_are_added_do_not_change_the_order_of_the_others(tmp_path):
    order = Session(NAMES, Ratings(tmp_path / "a"))._order("Ann")
    more = Session([*NAMES, "one/more.mp4", "and/another.mp4"], Ratings(tmp_path / "a"))._order("Ann")
    assert [name for name in more if name in NAMES] == order


def test_an_interrupted_rater_goes_on_where_they_stopped(tmp_path):
    path = tmp_path / "ratings.jsonl"
    stopped = judge(Session(NAMES, Ratings(path)), "Ann", lambda name: True, times=5)
    begun = Session(NAMES, Ratings(path))
    turn = begun.turn("Ann")
    assert (turn.done, turn.total) == (stopped.done, stopped.total) == (5, 12)
    assert begun.turn("Bob").done == 0
    judge(begun, "Ann", lambda name: False)
    kept = Ratings(path).standings()["Ann"].answers
    assert sorted(kept) == sorted(NAMES)
    assert sum(rating.obeys for rating in kept.values()) == 5


def test_undo_asks_about_the_last_clips_again_the_last_first(tmp_path):
    session = Session(NAMES, Ratings(tmp_path / "ratings.jsonl"))
    first = session.turn("Ann").clip
    second = session.answer("Ann", first, True, 1).clip
    third = session.answer("Ann", second, True, 1).clip
    assert session.undo("Ann").clip == second
    turn = session.undo("Ann")
    assert (turn.clip, turn.then, turn.done, turn.can_undo) == (first, second, 0, False)
    assert session.undo("Ann") == turn  # nothing is left to undo
    restarted = Session(NAMES, Ratings(tmp_path / "ratings.jsonl"))
    assert restarted.name_of(restarted.turn("Ann").clip) == session.name_of(first)
    assert session.answer("Ann", first, False, 1).clip == second
    assert session.answer("Ann", second, True, 1).clip == third
    kept = Ratings(tmp_path / "ratings.jsonl").standings()["Ann"].answers
    assert [rating.obeys for rating in kept.values()] == [False, True]


def test_an_answer_sent_twice_counts_once(tmp_path):
    session = Session(NAMES, Ratings(tmp_path / "ratings.jsonl"))
    first = session.turn("Ann").clip
    session.answer("Ann", first, True, 1)
    with pytest.raises(OutOfTurn):
        session.answer("Ann", first, False, 1)
    assert session.turn("Ann").done == 1


def test_a_session_for_one_rater_takes_no_other(tmp_path):
    session = Session(NAMES, Ratings(tmp_path / "ratings.jsonl"), only="Ann")
    assert session.turn("  Ann ").total == 12
    with pytest.raises(BadInput, match="Ann"):
        session.turn("Bob")


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x00b", "a\x1b[2J", None, 3])
def test_names_that_are_none_are_refused(tmp_path, name):
    with pytest.raises(BadInput, match="name"):
        Session(NAMES, Ratings(tmp_path / "ratings.jsonl")).turn(name)


# The file.


def test_a_line_is_on_disk_when_the_next_clip_is_shown(tmp_path):
    path = tmp_path / "ratings.jsonl"
    session = Session(NAMES, Ratings(path))
    clip = session.turn("Zoë").clip
    session.answer("Zoë", clip, False, 2.25)
    line = json.loads(path.read_text(encoding="utf-8"))
    assert (line["rater"], line["clip"], line["answer"]) == ("Zoë", session.name_of(clip), "no")
    assert line["seconds"] == 2.25
    assert line["time"].endswith("+00:00")


def test_half_a_line_of_a_killed_process_is_cut_off(tmp_path):
    path = tmp_path / "ratings.jsonl"
    whole = Rating("Ann", NAMES[0], True, 1.0, "").to_json()
    path.write_text(whole + "\n" + whole[:30])
    ratings = Ratings(path)
    assert list(ratings.standings()["Ann"].answers) == [NAMES[0]]
    ratings.add(Rating("Ann", NAMES[1], False, 1.0, ""))
    assert list(ratings.standings()["Ann"].answers) == NAMES[:2]
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 2


def test_a_last_line_without_its_end_is_kept(tmp_path):
    path = tmp_path / "ratings.jsonl"
    path.write_text(Rating("Ann", NAMES[0], True, 1.0, "").to_json())
    ratings = Ratings(path)
    assert list(ratings.standings()["Ann"].answers) == NAMES[:1]
    ratings.add(Rating("Ann", NAMES[1], False, 1.0, ""))
    for reader in (ratings, Ratings(path)):
        assert list(reader.standings()["Ann"].answers) == NAMES[:2]


@pytest.mark.parametrize(
    "line", ["{", "[]", "7", '{"rater": "Ann", "clip": "a", "answer": "maybe"}', '{"rater": "Ann"}']
)
def test_a_line_that_is_no_rating_is_named(tmp_path, line):
    path = tmp_path / "ratings.jsonl"
    path.write_text(Rating("Ann", "a", True, 1.0, "").to_json() + f"\n{line}\n")
    with pytest.raises(BadInput, match=r"ratings\.jsonl, line 2"):
        Ratings(path).standings()


def add_many(path, rater, count):
    ratings = Ratings(path)
    for number in range(count):
        ratings.add(Rating(rater, f"clip {number}", number % 2 == 0, 1.0, ""))


@pytest.mark.slow
def test_several_processes_may_write_at_the_same_time(tmp_path):
    path = tmp_path / "ratings.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_many, args=(path, rater, 100)) for rater in ("Ann", "Bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    counts = {rater: len(one.answers) for rater, one in Ratings(path).standings().items()}
    assert counts == {"Ann": 100, "Bob": 100}


# What there is to judge.


def test_folders_are_models_and_splits(answers):
    found = exhibits(answers)
    assert {each.name for each in found} == set(NAMES)
    assert {(each.predictor, each.split) for each in found} == {
        ("small", "in"),
        ("small", "out"),
        ("large", "in"),
        ("large", "out"),
    }


def test_a_link_out_of_the_folder_is_refused(answers, tmp_path):
    (tmp_path / "private.webp").write_bytes((answers / NAMES[0]).read_bytes())
    (answers / "small" / "link.webp").symlink_to(tmp_path / "private.webp")
    with pytest.raises(BadInput, match=r"link.webp.*out of the folder"):
        exhibits(answers)


def test_a_run_gives_the_answers_of_its_models_and_the_true_clips(made):
    found = exhibits(made)
    counts = Counter((each.predictor, each.split) for each in found)
    assert counts == {
        (predictor, split): num
        for predictor in ("floor", "copy_last_frame", "nearest_clip")
        for split, num in (("id", 12), ("ood", 2))
    }
    by_place = {(each.predictor, each.split, each.clip): each for each in found}
    true, copied = (by_place[name, "id", 7].video()[0] for name in ("floor", "copy_last_frame"))
    np.testing.assert_array_equal(true[:3], copied[:3])
    np.testing.assert_array_equal(copied[3:], copied[2:3].repeat(5, axis=0))
    assert (true[3:] != copied[3:]).any()


def test_a_sample_is_even_over_models_splits_and_named_attributes(made):
    found = exhibits(made)
    drawn = sample(found, 4, seed=1)
    counts = Counter((each.predictor, each.split) for each in drawn)
    assert {count for (_, split), count in counts.items() if split == "id"} == {4}
    assert {count for (_, split), count in counts.items() if split == "ood"} == {2}  # there are no more
    colors = Counter(
        (each.predictor, Clips(each.questions).scene(each.clip).attributes["color"])
        for each in drawn
        if each.split == "id"
    )
    assert len(colors) == 6
    assert set(colors.values()) == {2}
    assert len({each.name for each in drawn}) == len(drawn)
    larger = {each.name for each in sample(found, 6, seed=1)}
    assert {each.name for each in drawn} < larger
    assert {each.name for each in sample(found, 4, seed=2)} != {each.name for each in drawn}


def test_an_artifact_is_told_from_a_run(made):
    artifact = next(made.parent.glob("generate-*"))
    with pytest.raises(BadInput, match="a generate artifact; expected the folder of a run"):
        exhibits(artifact)


def test_a_picture_keeps_every_pixel_rests_at_its_end_and_repeats(answers):
    shown = exhibits(answers)[0]
    path = answers.parent / "shown.webp"
    path.write_bytes(picture(shown))
    with Image.open(path) as image:
        assert image.n_frames == 4
        assert image.info["loop"] == 0
        durations = []
        for frame in range(4):
            image.seek(frame)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), shown.video()[0][frame])
            durations.append(image.info["duration"])
    assert durations == [100, 100, 100, 900]


# The server.


@pytest.fixture
def server(answers):
    shown = exhibits(answers)
    session = Session((each.name for each in shown), Ratings(answers / "ratings.jsonl"))
    with RatingServer(shown, session) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def request(server, method, path, *, body=None, **headers):
    """Status, headers and body; a header given as None is not sent."""
    port = server.server_address[1]
    sent = {"Host": f"127.0.0.1:{port}"}
    if method == "POST":
        sent |= {"Content-Type": "application/json", "X-Token": server.token}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    if content is not None:
        sent.setdefault("Content-Length", str(len(content)))
    for name, value in sent.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(content)
    reply = connection.getresponse()
    found = reply.status, dict(reply.headers), reply.read()
    connection.close()
    return found


def test_the_page_and_the_clips_are_served_to_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    status, headers, page = request(server, "GET", "/")
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"http" not in page.replace(b"http-equiv", b"")  # nothing from elsewhere
    turn = json.loads(request(server, "POST", "/turn", body={"rater": "Ann"})[2])
    status, headers, clip = request(server, "GET", f"/clip/{turn['clip']}")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert clip[:4] == b"RIFF"


def test_localhost_is_this_machine_too_and_so_is_a_forwarded_port(server):
    for host in ("localhost", "localhost:9999", f"127.0.0.1:{server.server_address[1]}"):
        assert request(server, "GET", "/", Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/turn")])
def test_another_host_or_origin_is_refused(server, method, path):
    body = {"rater": "Ann"} if method == "POST" else None
    assert request(server, method, path, body=body)[0] == 200
    for headers in (
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example@127.0.0.2"},
        {"Host": "[::"},
        {"Host": ""},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://localhost"},
    ):
        status, _, said = request(server, method, path, body=body, **headers)
        assert status == 403, headers
        assert server.token.encode() not in said


def test_a_path_outside_is_not_found(server):
    for path in (
        "/ratings.jsonl",
        "/small/in/0.webp",
        "/clip/small/in/0.webp",
        "/clip/../ratings.jsonl",
        "/../../etc/passwd",
        "/clip/..%2f..%2fetc%2fpasswd",
        "/clip/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/clip/",
        "/clip",
        "/page.html",
        "/?a=1",
        "/clip/0123456789abcdef0123456789abcdef",
        "http://127.0.0.1/",
    ):
        assert request(server, "GET", path)[0] == 404, path
        assert request(server, "POST", path, body={"rater": "Ann"})[0] == 404, path


def test_a_post_that_is_not_the_pages_is_refused(server, answers):
    ann = {"rater": "Ann"}
    for status, body, headers in (
        (403, ann, {"X_Token": None}),
        (403, ann, {"X_Token": "guess"}),
        (403, ann, {"X_Token": "gu\xe9ss"}),
        (415, ann, {"Content_Type": "text/plain"}),
        (415, ann, {"Content_Type": "application/x-www-form-urlencoded"}),
        (413, b" " * (LONGEST_BODY + 1), {}),
        (413, b"{}", {"Content_Length": "9" * 30}),
        (411, b"", {"Content_Length": None}),
        (411, b"", {"Content_Length": "-1"}),
        (400, b"{", {}),
        (400, b"[]", {}),
        (400, b"[" * 4000, {}),
        (400, {"rater": "x" * 50}, {}),
        (400, {"rater": ["Ann"]}, {}),
    ):
        for path in ("/turn", "/answer", "/undo"):
            assert request(server, "POST", path, body=body, **headers)[0] == status, (path, body, headers)
    assert not (answers / "ratings.jsonl").exists()


def test_an_answer_that_is_none_is_refused(server, answers):
    clip = json.loads(request(server, "POST", "/turn", body={"rater": "Ann"})[2])["clip"]
    for wrong in (
        {"answer": "maybe"},
        {"answer": None},
        {"answer": ["yes"]},
        {"seconds": "soon"},
        {"seconds": True},
    ):
        body = {"rater": "Ann", "clip": clip, "answer": "yes", "seconds": 1} | wrong
        assert request(server, "POST", "/answer", body=body)[0] == 400, wrong
    assert not (answers / "ratings.jsonl").exists()


def test_nothing_that_a_rater_is_sent_names_a_model_a_split_or_a_file(server, answers):
    said = request(server, "GET", "/")[2]
    turn = json.loads(request(server, "POST", "/turn", body={"rater": "Ann"})[2])
    while turn["clip"]:
        _, headers, content = request(server, "GET", f"/clip/{turn['clip']}")
        said += content + json.dumps([turn, headers]).encode()
        answer = {"rater": "Ann", "clip": turn["clip"], "answer": "yes", "seconds": 1}
        status, headers, content = request(server, "POST", "/answer", body=answer)
        assert status == 200
        said += content + json.dumps(headers).encode()
        turn = json.loads(content)
    assert turn["done"] == 12
    for word in (b"small/", b"large/", b"/in/", b"/out/", b"0.webp", bytes(answers)):
        assert word not in said


def test_an_answer_out_of_turn_is_told_where_the_rater_stands(server):
    clip = json.loads(request(server, "POST", "/turn", body={"rater": "Ann"})[2])["clip"]
    body = {"rater": "Ann", "clip": clip, "answer": "yes", "seconds": 1e99}
    assert request(server, "POST", "/answer", body=body)[0] == 200
    status, _, said = request(server, "POST", "/answer", body=body)
    assert (status, json.loads(said)["done"]) == (409, 1)


def test_a_clip_that_cannot_be_read_is_left_out_and_said(server, answers, capsys):
    (answers / NAMES[0]).write_bytes(b"no video")
    identifier = server.session.identifier(NAMES[0])
    status, _, said = request(server, "GET", f"/clip/{identifier}")
    assert status == 410
    assert b"small" not in said
    assert NAMES[0] in capsys.readouterr().err
    assert json.loads(request(server, "POST", "/turn", body={"rater": "Ann"})[2])["total"] == 11


# Numbers.


# Fourteen raters, ten subjects, five categories (Wikipedia, "Fleiss' kappa").
PUBLISHED = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def test_kappa_of_the_published_example():
    found = fleiss(PUBLISHED)
    assert found.observed == pytest.approx(0.378, abs=5e-4)
    assert found.expected == pytest.approx(0.213, abs=5e-4)
    assert found.kappa == pytest.approx(0.210, abs=5e-4)


def test_the_interval_of_kappa_narrows_with_the_root_of_the_clips():
    few, many = (fleiss(np.tile(PUBLISHED, (times, 1))) for times in (5, 125))
    assert few.low < few.kappa < few.high
    assert many.kappa == pytest.approx(few.kappa)
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(1 / 5, rel=0.2)
    one = fleiss(PUBLISHED[1:2])
    assert np.isnan([one.low, one.high]).all()


def test_kappa_is_one_if_all_agree_and_not_defined_if_they_never_differ():
    assert fleiss(np.array([[3, 0], [0, 3], [3, 0]])).kappa == 1
    same = fleiss(np.array([[3, 0], [3, 0]]))
    assert same.observed == 1
    assert np.isnan(same.kappa)
    assert np.isnan(fleiss(np.zeros((0, 2), int)).kappa)


def test_kappa_of_two_raters_by_hand():
    # yes-yes, yes-yes, no-no, yes-no: pairs agree on 3/4; 5 yes of 8, so by chance (25 + 9) / 64.
    found = fleiss(np.array([[2, 0], [2, 0], [0, 2], [1, 1]]))
    assert found.kappa == pytest.approx((3 / 4 - 34 / 64) / (1 - 34 / 64))


def test_kappa_needs_as_many_raters_for_every_clip():
    with pytest.raises(ValueError, match="same number"):
        fleiss(np.array([[2, 0], [2, 1]]))
    with pytest.raises(ValueError, match="at least two"):
        fleiss(np.array([[1, 0], [0, 1]]))


def test_a_confusion_by_hand():
    people = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    verdict = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    found = confusion(people, verdict)
    assert (found.both, found.people_only, found.verdict_only, found.neither) == (3, 1, 1, 5)
    assert (found.agreement.mean, found.sensitivity.mean, found.specificity.mean) == (0.8, 0.75, 5 / 6)


def rated(path, table):
    """Write ratings: rater -> clip -> obeys."""
    ratings = Ratings(path)
    for rater, said in table.items():
        for clip, obeys in said.items():
            ratings.add(Rating(rater, clip, obeys, 2.0, ""))
    return ratings


def test_rates_agreement_and_verdict_by_hand(answers):
    clips = [name for name in NAMES if name.startswith("small")]  # three in, three out
    table = {
        "Ann": dict(zip(clips, [True, True, True, False, False, True], strict=True)),
        "Bob": dict(zip(clips, [True, True, False, False, False, False], strict=True)),
        "Cy": dict(zip(clips[:4], [True, True, True, False], strict=True)),
    }
    ratings = rated(answers / "ratings.jsonl", table)
    # The third is called abnormal by Bob alone, the last is a tie.
    (answers / "verdicts.csv").write_text(
        "clip,abnormal\n" + "".join(f"{clip},{bad}\n" for clip, bad in zip(clips, "001011", strict=True))
    )
    shown = exhibits(answers)
    found = results(shown, ratings.standings(), verdicts=verdicts(answers, shown))
    assert (found.num_clips, found.num_answers, found.num_common) == (6, 16, 4)
    rates = {(rate.predictor, rate.split): rate for rate in found.rates}
    assert set(rates) == {("small", "in"), ("small", "out")}
    assert rates["small", "in"].no.mean == pytest.approx((0 + 1 / 3 + 0) / 3)
    assert rates["small", "out"].no.mean == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert rates["small", "in"].by_rater["Bob"] == proportion(np.array([0, 0, 1]))
    nan = np.nan
    assert rates["small", "out"].no == summarize(np.array([[1, 1, 1], [1, 1, nan], [0, 1, nan]]), share=True)
    # Of the four common clips: yes-yes-yes, yes-yes-yes, yes-no-yes, no-no-no; 8 yes of 12.
    assert found.agreement.observed == pytest.approx((1 + 1 + 1 / 3 + 1) / 4)
    assert found.agreement.kappa == pytest.approx((5 / 6 - 5 / 9) / (1 - 5 / 9))
    assert found.judged.ties == 1
    table = found.judged.confusion
    assert (table.both, table.verdict_only, table.people_only, table.neither) == (1, 1, 1, 2)
    text = "\n".join(lines(found))
    assert "0.625" in text
    assert "1 without a majority" in text
    assert as_json(found)["agreement"]["fleiss_kappa"] == pytest.approx(0.625)
    rows = list(csv.DictReader(as_csv(found).splitlines()))
    values = {row["quantity"]: row["value"] for row in rows}
    assert (values["fleiss_kappa"], values["clips_abnormal_neither"]) == ("0.625", "2")


def test_the_chosen_raters_alone_count(answers):
    ratings = rated(
        answers / "ratings.jsonl",
        {
            "Ann": {NAMES[0]: True, NAMES[1]: False},
            "Bob": {NAMES[0]: True, NAMES[1]: False},
            "Cy": {NAMES[2]: True},
        },
    )
    shown = exhibits(answers)
    assert results(shown, ratings.standings()).num_common == 0
    found = results(shown, ratings.standings(), raters=["Ann", "Bob"])
    assert (found.num_common, found.agreement.kappa) == (2, 1)
    with pytest.raises(BadInput, match=r"unknown rater 'Anne'; did you mean 'Ann'\?"):
        results(shown, ratings.standings(), raters=["Anne"])


def test_why_kappa_is_not_defined_is_said(answers):
    shown = exhibits(answers)
    same = {NAMES[0]: True, NAMES[1]: True}
    for table, why in [
        ({"Ann": same}, "two raters"),
        ({"Ann": same, "Bob": same}, "all answers are equal"),
        ({"Ann": {NAMES[0]: True}, "Bob": {NAMES[1]: True}}, "no clip was judged by all"),
    ]:
        path = answers / f"{len(table)}{why[:3]}.jsonl"
        found = results(shown, rated(path, table).standings())
        assert why in "\n".join(lines(found))
        assert as_json(found)["agreement"]["fleiss_kappa"] is None


def test_answers_about_clips_that_are_not_here_are_counted(answers):
    ratings = rated(answers / "ratings.jsonl", {"Ann": {NAMES[0]: True, "gone.webp": False}})
    found = results(exhibits(answers), ratings.standings())
    assert (found.num_answers, found.strangers) == (1, 1)
    assert "1 answer left out" in "\n".join(lines(found))


def test_withdrawn_answers_do_not_count(answers):
    ratings = rated(
        answers / "ratings.jsonl", {"Ann": {NAMES[0]: True, NAMES[1]: False}, "Bob": {NAMES[0]: True}}
    )
    ratings.add(Rating("Ann", NAMES[1], None, np.nan, ""))
    ratings.add(Rating("Bob", NAMES[0], None, np.nan, ""))
    found = results(exhibits(answers), ratings.standings())
    assert (list(found.raters), found.num_answers) == (["Ann"], 1)


def test_verdicts_of_a_run_come_from_its_results(made, tmp_path):
    shown = exhibits(made)
    assert verdicts(made, shown) == {}  # this run has judged nothing
    root = tmp_path / "runs"
    (root / "seen").mkdir(parents=True)
    (root / "seen" / "manifest.json").write_bytes((made / "manifest.json").read_bytes())
    evaluated = next(made.parent.glob("evaluate-*"))
    table = pq.read_table(evaluated / "results.parquet")
    row = table.slice(0, 1).to_pylist()[0]
    rows = [
        row | {"predictor": predictor, "split": "id", "clip": clip, "metric": "abnormal", "value": value}
        for predictor, clip, value in [
            ("floor", 0, 0.0),
            ("copy_last_frame", 3, 1.0),
            ("copy_last_frame", 4, float("nan")),
        ]
    ]
    (root / evaluated.name).mkdir()
    pq.write_table(
        pa.concat_tables([table, pa.Table.from_pylist(rows, evaluate.SCHEMA)]),
        root / evaluated.name / "results.parquet",
    )
    path = root / evaluated.name / "results.parquet"
    told = {"files": {path.name: path.stat().st_size}, "sha256": {path.name: checksum(path)}}
    write_record(path.with_name("manifest.json"), read_manifest(evaluated) | told)
    names = {(each.predictor, each.split, each.clip): each.name for each in shown}
    assert verdicts(root / "seen", shown) == {
        names["floor", "id", 0]: False,
        names["copy_last_frame", "id", 3]: True,
    }


# The command.


def say(capsys, *words, code):
    assert main(["rate", *map(str, words)]) == code
    out, err = capsys.readouterr()
    if code:
        assert err.count("\n") == 1
    return out + err


def test_results_are_printed_and_written(answers, capsys, tmp_path):
    rated(answers / "ratings.jsonl", {"Ann": {NAMES[0]: False}, "Bob": {NAMES[0]: False}})
    assert "100.0 %" in say(capsys, answers, "--results", "--csv", tmp_path / "r.csv", code=0)
    assert "fleiss_kappa" in (tmp_path / "r.csv").read_text()
    found = json.loads(say(capsys, answers, "--results", "--json", "--rater", "Ann", code=0))
    assert found["rates"][0]["no"]["share"] == 1
    assert found["agreement"]["not_defined"] == "it needs two raters"


def test_bad_input_gets_one_line(answers, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd.csv").write_text("clip,abnormal\na,perhaps\n")
    for words, expected in [
        ([tmp_path / "nowhere"], "no such folder"),
        ([tmp_path / "empty"], "no videos here"),
        ([answers, "--results"], "nobody has rated"),
        ([answers, "--results", "--sample", 3], "--sample decides what is shown"),
        ([answers, "--csv", "x.csv"], "--csv goes with --results"),
        ([answers, "--rater", "Ann", "--rater", "Bob"], "one at a time"),
        ([answers, "--rater", " "], "expected the rater's name"),
        ([answers, "--port", 70000], "port 70000 cannot be used"),
        ([answers, "--results", "--verdicts", tmp_path / "none.csv"], "no such file of verdicts"),
        ([answers, "--results", "--verdicts", tmp_path / "odd.csv"], "expected abnormal to be 0, 1 or empty"),
        ([answers, "--out", answers], "found a folder"),
    ]:
        assert expected in say(capsys, *words, code=2)


def test_a_port_that_is_taken_is_said(server, answers, capsys):
    assert "choose another" in say(capsys, answers, "--port", server.server_address[1], code=2)


def test_damage_is_said_before_anyone_judges(answers, capsys):
    (answers / "large" / "in" / "0.webp").write_bytes(b"no video")
    assert "not a readable webp video" in say(capsys, answers, code=2)

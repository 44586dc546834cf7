"""Papers: what they ask is fixed, what they give holds no truth, and what is wrong is said in one line."""

import hashlib
import json
import math

import numpy as np
import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.exam import load_paper, papers, questions, truth_of, with_video
from worldlaw.exam.paper.paper import PaperQuestion, paper_from
from worldlaw.exam.paper.paper_folder import make_paper, open_paper
from worldlaw.exam.paper.secret import make_secret, secret_of, seed_of
from worldlaw.worlds import scenarios
from worldlaw.worlds.laws.uniform_motion import UniformMotion


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(
        "name: small\nseed: 3\nvideo: {width: 64, height: 64, num_frames: 8, fps: 10, context: 2}\n"
        "sections:\n"
        "  fall: {scenario: parabola, questions: 2, training: {speed: [1, 2]}, region: {size: 1}}\n"
    )
    return path


@pytest.mark.parametrize("name", papers())
def test_what_ships_says_what_it_asks(name):
    paper = load_paper(name)
    assert paper.name == name
    assert paper.about
    assert paper_from(json.loads(json.dumps(paper.to_json()))) == paper
    assert len({question.id for question in questions(paper)}) == paper.num_questions


def test_a_question_is_the_same_scene_however_it_is_filmed(small):
    paper = load_paper(small)
    wide = with_video(paper, size=(128, 72), num_frames=12, fps=5, context=1)
    for question, other in zip(questions(paper), questions(wide), strict=True):
        one, two = truth_of(paper, question).scene, truth_of(wide, other).scene
        assert one.attributes == two.attributes
        assert one.bodies[0].velocity == two.bodies[0].velocity
        assert one.bodies[0].position[1] == two.bodies[0].position[1]


def test_a_folder_has_what_is_given_and_the_same_bytes_every_time(small, tmp_path):
    paper = load_paper(small)
    made = make_paper(paper, tmp_path / "one")
    make_paper(paper, tmp_path / "two")
    files = sorted(path.relative_to(made.folder) for path in made.folder.rglob("*") if path.is_file())
    for path in files:
        assert (made.folder / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    question = made.questions[1]
    truth = truth_of(paper, question)
    assert (made.given(question.id) == truth.video()[:2]).all()
    assert open_paper(made.folder).paper == paper


def test_the_lines_of_the_guide_answer_a_paper_as_they_are(small, tmp_path, monkeypatch):
    made = make_paper(load_paper(small), tmp_path / "out")
    guide = (made.folder / "HOW_TO_ANSWER.md").read_text()
    code = guide.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(made.folder)
    exec(code, {"my_model": lambda given, prompt: given[[0, 1, 1, 1, 1, 1, 1, 1]]})
    answers = sorted((made.folder / "answers").iterdir())
    assert [path.stem for path in answers] == [question.id for question in made.questions]
    assert np.load(answers[0])["video"].shape == (8, 64, 64, 3)


def test_a_stopped_making_goes_on_where_it_was(small, tmp_path):
    paper = load_paper(small)

    def stopping(every):
        yield next(iter(every))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_paper(paper, tmp_path / "out", wrap=stopping)
    with pytest.raises(BadInput, match="no complete paper"):
        open_paper(tmp_path / "out")
    first = next((tmp_path / "out" / "questions").rglob("given-000.png"))
    before = first.stat().st_mtime_ns
    assert len(make_paper(paper, tmp_path / "out").entries) == 2
    assert first.stat().st_mtime_ns == before


def test_a_folder_that_was_changed_or_made_by_other_laws_is_refused(small, tmp_path, monkeypatch):
    made = make_paper(load_paper(small), tmp_path / "out")
    index = made.folder / "paper.json"
    text = index.read_text()
    index.write_text(text.replace('"seed": 3', '"seed": 4'))
    with pytest.raises(BadInput, match="changed after it was made"):
        open_paper(made.folder)
    index.write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(BadInput, match="format 1; found 2"):
        open_paper(made.folder)
    index.write_text(text)
    monkeypatch.setattr(scenarios.get("parabola"), "version", 99)
    with pytest.raises(BadInput, match="scenario parabola version 1; this worldlaw has 99"):
        open_paper(made.folder)


def test_a_given_frame_that_was_changed_is_noticed(small, tmp_path):
    made = make_paper(load_paper(small), tmp_path / "out")
    folder = made.folder / "questions" / made.questions[0].id
    (folder / "given-000.png").write_bytes((folder / "given-001.png").read_bytes())
    with pytest.raises(BadInput, match="not those that were made"):
        made.given(made.questions[0].id)


def test_a_folder_with_anything_else_is_left_alone(small, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="other files"):
        make_paper(load_paper(small), tmp_path / "out")
    make_paper(load_paper(small), tmp_path / "new")
    with pytest.raises(BadInput, match="another paper"):
        make_paper(with_video(load_paper(small), fps=5.0), tmp_path / "new")


def test_only_the_secret_of_the_hash_opens_held_out_questions(tmp_path):
    one, two, short = (tmp_path / name for name in ("one", "two", "short"))
    told = make_secret(one)
    make_secret(two)
    short.write_text("swordfish")
    assert secret_of(one, told) == one.read_bytes()
    assert secret_of(None, None) is None
    for given, expected, said in (
        (two, told, "another secret"),
        (None, told, "held out"),
        (one, None, "public"),
        (short, told, "too short|32"),
    ):
        with pytest.raises(BadInput, match=said):
            secret_of(given, expected)
    assert seed_of(one.read_bytes()) != int(told, 16) >> 128


def test_a_secret_asks_other_questions_and_only_its_hash_is_told(small, tmp_path, capsys):
    file = tmp_path / "secret"
    assert main(["exam", "secret", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["secret_hash"]
    assert said == hashlib.sha256(file.read_bytes()).hexdigest()
    assert main(["exam", "secret", str(file)]) == 2
    assert main(["exam", "make", str(small), str(tmp_path / "held"), "--secret", str(file)]) == 0
    made = open_paper(tmp_path / "held")
    assert made.secret_hash == said
    public = truth_of(made.paper, made.questions[0])
    assert public.scene != truth_of(made.paper, made.questions[0], file.read_bytes()).scene
    secret = file.read_text().strip()
    assert all(secret not in path.read_text("latin-1") for path in made.folder.rglob("*") if path.is_file())


def test_a_paper_of_every_law_asks_about_each_and_about_those_still_to_come(monkeypatch):
    before = {section.scenario for section in load_paper("laws").sections}
    assert before == set(scenarios.names())

    class Tomorrow(UniformMotion):
        """A law of tomorrow."""

        name = "law of_tomorrow"

    monkeypatch.setitem(scenarios._things, "law of_tomorrow", Tomorrow)
    paper = load_paper("laws")
    new = [section for section in paper.sections if section.scenario == "law of_tomorrow"]
    assert [section.name for section in new] == ["law-of-tomorrow-plain", "law-of-tomorrow-textured"]
    assert truth_of(paper, PaperQuestion("x", new[0], 0)).trajectory.num_bodies == 1


def test_a_scene_is_asked_about_plain_and_textured():
    paper = with_video(load_paper("laws"), size=(256, 144), num_frames=3)
    every = questions(paper)
    pairs = [(q, other) for q in every for other in every if other.id == q.id.replace("plain", "textured")]
    chosen = [pair for pair in pairs if pair[0] is not pair[1] and pair[0].index == 7]
    assert len(chosen) == len(scenarios.names())
    for one, two in chosen:
        plain, textured = truth_of(paper, one), truth_of(paper, two)
        assert plain.scene == textured.scene
        assert (plain.trajectory.position == textured.trajectory.position).all()
        assert (plain.video() != textured.video()).any(axis=-1).mean() > 0.5
        assert (textured.video(1) == textured.video()[:1]).all()


def test_the_papers_of_models_of_ours_ask_within_the_training_range_or_beyond_it():
    for name, within in (
        ("laws-in", True),
        ("laws-out", False),
        ("assemblies-in", True),
        ("assemblies-out", False),
    ):
        paper = load_paper(name)
        for question in questions(paper)[::7]:
            training = question.section.training
            assert training.contains(truth_of(paper, question).scene.attributes) == within


def test_a_closed_form_is_foreseeable_to_its_end_and_a_pile_is_not():
    laws, pile = load_paper("laws-in"), load_paper("assemblies-in")
    for question in questions(laws)[::10]:
        assert truth_of(laws, question).horizon == 32
    horizons = [truth_of(pile, question).horizon for question in questions(pile)[:20]]
    assert 3 <= min(horizons) < max(horizons) <= 16
    assert sum(horizons) / 20 > 6


def test_what_hangs_on_less_than_a_pixel_ends_the_horizon(tmp_path):
    path = tmp_path / "edge.yaml"
    path.write_text(
        "name: edge\nvideo: {width: 256, height: 256, num_frames: 40, fps: 5, context: 1}\nsections:\n"
        "  even: {scenario: gap, questions: 1, region: {gap: 6.8}}\n"
        "  wide: {scenario: gap, questions: 1, region: {gap: 12.0}}\n"
    )
    paper = load_paper(path)
    even, wide = (truth_of(paper, question).horizon for question in questions(paper))
    assert even < 20
    assert wide == 40


def test_a_prompt_tells_the_start_and_not_the_end():
    paper = load_paper("laws")
    for question in questions(paper)[::9]:
        truth = truth_of(paper, question)
        later = with_video(paper, num_frames=20)
        cut = truth_of(later, question).prompt
        assert truth.prompt.replace("49 frames", "20 frames") == cut
        for body in truth.scene.bodies:
            speed = math.hypot(*body.velocity)
            assert speed == 0 or f"{speed:.2f} m/s" in truth.prompt


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("width: 64", "width: 31", "expected 32 to 4096 pixels; found 31"),
        ("width: 64", "width: 65", "even number of pixels"),
        ("context: 2", "context: 8", "expected 1 to 7 given frames of 8; found 8"),
        ("fps: 10", "fps: 0", "fps: expected 0.1 to 1000"),
        ("num_frames: 8, fps: 10", "num_frames: 100, fps: 0.1", "are 1,000 s; at most 600 s"),
        ("questions: 2", "question: 2", "did you mean 'questions'"),
        ("questions: 2", "questions: 0", "sections.fall.questions"),
        ("parabola", "parabolla", "did you mean 'parabola'"),
        ("speed: [1, 2]", "spede: [1, 2]", "did you mean 'speed'"),
        ("size: 1}", "size: 9}", "is not within"),
        ("name: small", "name: Small Paper", "lower-case letters"),
        ("questions: 2", "questions: 2, filming: [plane]", "did you mean 'plain'"),
        ("sections:", "every_scenario: {questions: 1, regions: {gab: {}}}\nsections:", "did you mean 'gap'"),
    ],
)
def test_what_is_wrong_in_a_paper_is_one_line(small, capsys, before, after, said):
    small.write_text(small.read_text().replace(before, after))
    assert main(["exam", "make", str(small), "nowhere", "--dry-run"]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1

"""Papers: what they ask is fixed, what they give holds no truth, and what is wrong is said in one line."""

import hashlib
import json

import pytest

from worldlaw.cli import main
from worldlaw.core.errors import BadInput
from worldlaw.papers import load_paper, papers, questions, truth_of, with_video
from worldlaw.papers.making import make_paper, open_paper
from worldlaw.papers.paper import paper_from


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


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("width: 64", "width: 31", "expected 32 to 4096 pixels; found 31"),
        ("width: 64", "width: 65", "even number of pixels"),
        ("context: 2", "context: 8", "expected 1 to 7 given frames of 8; found 8"),
        ("fps: 10", "fps: 0", "fps: expected 0.1 to 1000"),
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

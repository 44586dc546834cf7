"""worldlaw exam: papers for models elsewhere. One subcommand per verb; rooms are imported when one runs."""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich_argparse import RawDescriptionRichHelpFormatter

from worldlaw.cli.command import add_command, positive

if TYPE_CHECKING:
    from worldlaw.exam import Paper
    from worldlaw.exam.answers.answer_folder import Finding

Add = Callable[..., argparse.ArgumentParser]


def add_commands(commands: Any, parser_class: type[argparse.ArgumentParser]) -> None:
    """Hook ``worldlaw exam`` and its subcommands into the command line."""
    about = "examine any model: make a paper, check and score its answers"
    looks = RawDescriptionRichHelpFormatter
    exam = commands.add_parser(
        "exam", help=about, description=f"{about[0].upper()}{about[1:]}.", formatter_class=looks
    )
    verbs = exam.add_subparsers(metavar="VERB", required=True, title="verbs", parser_class=parser_class)

    add = functools.partial(add_command, verbs)
    _add_make(add)
    _add_check(add)
    _add_score(add)
    _add_run(add)
    _add_secret(add)
    _add_compare(add)
    _add_verify(add)


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """What the model under test wants, as ``asked_paper`` reads it."""
    parser.add_argument("--size", type=_size, metavar="WxH", help="width and height in pixels, e.g. 832x480")
    parser.add_argument("--frames", type=int, help="frames of a whole video, the given ones among them")
    parser.add_argument("--fps", type=float, help="frames a second")
    parser.add_argument("--context", type=int, help="frames that are given")


def asked_paper(arguments: argparse.Namespace) -> Paper:
    """The paper that the arguments name, for the video that they want."""
    from worldlaw.exam import load_paper, with_video

    return with_video(
        load_paper(arguments.paper),
        size=arguments.size,
        num_frames=arguments.frames,
        fps=arguments.fps,
        context=arguments.context,
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6})[xX×]([0-9]{1,6})", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"expected width x height in pixels, such as 832x480; found {text!r}"
        )
    return int(found[1]), int(found[2])


def _add_make(add: Add) -> None:
    make = add(
        "make", _make, "write the questions of a paper, as your model wants them",
        "Frames (PNG), clip (mp4), prompt and an index per question. A stopped run goes on where it was.",
    )  # fmt: skip
    make.add_argument("paper", metavar="PAPER", help="a name (worldlaw list papers), or a YAML file")
    make.add_argument("out", metavar="OUT", type=Path, help="a new folder")
    add_video_options(make)
    make.add_argument(
        "--secret", type=Path, metavar="FILE", help="held-out questions of this secret, not the public ones"
    )
    make.add_argument("--dry-run", action="store_true", help="only say what would be asked")


def _make(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.exam.paper.paper_folder import make_paper
    from worldlaw.exam.paper.secret import open_secret

    paper = asked_paper(arguments)
    secret = None if arguments.secret is None else open_secret(arguments.secret)
    if arguments.dry_run:
        _tell(paper, arguments)
        return
    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        made = make_paper(paper, arguments.out, secret=secret, wrap=counted(progress, "make", "questions"))
    if arguments.json:
        said = {"path": str(made.folder), "questions": len(made.entries), "paper_sha256": made.paper.sha256}
        print(json.dumps({**said, "secret_hash": made.secret_hash}))
        return
    print(made.folder / "HOW_TO_ANSWER.md")


def _tell(paper: Paper, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps({"paper": paper.to_json(), "questions": paper.num_questions}))
        return
    video = paper.video
    for section in paper.sections:
        print(f"{section.name:32} {section.num_questions:6,}  {section.scenario}, {section.filming}")
    print(
        f"{paper.num_questions:,} questions; of each {video.context} of {video.num_frames} frames are given, "
        f"{video.width} x {video.height} pixels at {video.fps:g} frames a second"
    )


def _add_check(add: Add) -> None:
    check = add(
        "check", _check, "say what is missing or off in a folder of answers, before it is scored",
        "Exit code 0: all of it can be scored; 1: some answers are excluded or missing; 2: nothing can be.",
    )  # fmt: skip
    _add_folders(check)


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paper", metavar="PAPER", type=Path, help="the folder that exam make wrote")
    parser.add_argument("answers", metavar="ANSWERS", type=Path, help="a folder of videos called ID.mp4, …")
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1, metavar="N")
    _add_allow(parser)


def _add_allow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-scenario", dest="allow", action="append", default=[], metavar="module:Law",
        help="a scenario of your own that the folder of a paper may name: its module is imported; "
        "may be repeated",
    )  # fmt: skip


def _check(arguments: argparse.Namespace) -> None:
    from worldlaw.core.errors import BadInput, Failed
    from worldlaw.core.progress import progress_for
    from worldlaw.exam.answers.answer_check import check

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        findings = check(
            arguments.paper,
            arguments.answers,
            workers=arguments.workers,
            allow=arguments.allow,
            progress=progress,
        )
    if arguments.json:
        print(json.dumps([vars(finding) for finding in findings]))
    else:
        for line in _grouped(findings):
            print(line)
    fatal = [finding for finding in findings if finding.level == "fatal"]
    excluded = [finding for finding in findings if finding.level == "excluded"]
    if fatal:
        raise BadInput(fatal[0].line)
    if excluded:
        # Two files of one answer are two findings about it.
        about = {(one.question, _number(one)) if one.question else one.answer: one.code for one in excluded}
        kinds = ", ".join(f"{count} {code}" for code, count in Counter(about.values()).items())
        raise Failed(f"{len(about)} answers are excluded or missing: {kinds}")
    if not arguments.json:
        print("everything can be scored")


def _number(finding: Any) -> int:
    from worldlaw.exam.answers.answer_folder import address_of

    return address_of(finding.answer.removesuffix(Path(finding.answer).suffix))[1]


def _grouped(findings: Sequence[Finding]) -> Iterator[str]:
    """Findings in lines, the worst first; what is the same of several answers in one."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in findings:
        groups.setdefault((one.level, one.code, one.line), []).append(one.answer)
    order = ("fatal", "excluded", "adjusted", "note")
    for (level, code, line), names in sorted(groups.items(), key=lambda group: order.index(group[0][0])):
        first = names[0] or "all"
        who = first if len(names) == 1 else f"{len(names):,} answers ({first}, …)"
        yield f"{level:8}  {who}: {code}: {line}"


def _add_score(add: Add) -> None:
    score = add(
        "score", _score, "measure a folder of answers against the truth, and the floor under each",
        "An answer of another size, shape, rate or length is adjusted, and says so; one that cannot be read "
        "is excluded, and counts as unsolved.",
    )  # fmt: skip
    _add_folders(score)
    score.add_argument("--out", type=Path, metavar="SCORES", help="(default: ANSWERS-scores)")
    score.add_argument("--look", action="store_true", help="metrics on pixels, too: PSNR, SSIM")
    score.add_argument(
        "--verdicts",
        action="store_true",
        help="which answers about rigid bodies are abnormal (minutes, once)",
    )
    score.add_argument(
        "--tracks", type=Path, metavar="FOLDER", help="tracks of your own: one CSV file an answer"
    )
    score.add_argument("--secret", type=Path, metavar="FILE", help="of a paper with held-out questions")


def _score(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import progress_for
    from worldlaw.exam.scoring.exam_scores import score

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        done = score(
            arguments.paper,
            arguments.answers,
            arguments.out,
            workers=arguments.workers,
            look=arguments.look,
            tracks=arguments.tracks,
            secret=arguments.secret,
            verdicts=arguments.verdicts,
            allow=arguments.allow,
            progress=progress,
        )
    counts = {status: done.count(status) for status in ("scored", "excluded", "missing")}
    if arguments.json:
        print(
            json.dumps(
                {"path": str(done.folder), **counts, "unknown": list(done.unknown), "notes": list(done.notes)}
            )
        )
        return
    if done.unknown:
        more = f" and {len(done.unknown) - 3} more" if len(done.unknown) > 3 else ""
        print(f"no question is called as: {', '.join(done.unknown[:3])}{more}", file=sys.stderr)
    if done.notes:
        more = f" (and {len(done.notes) - 1} more)" if len(done.notes) > 1 else ""
        print(f"{done.notes[0]}{more}", file=sys.stderr)
    said = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
    print(f"{said}; every one with its reason in {done.folder / 'status.json'}", file=sys.stderr)
    _say_card(done.folder)
    print(done.folder)


def _say_card(scores: Path) -> None:
    from worldlaw.exam.cards.card_format import read_card
    from worldlaw.exam.cards.card_text import card_lines

    print("\n".join(card_lines(read_card(scores))), file=sys.stderr)


def _add_secret(add: Add) -> None:
    secret = add(
        "secret",
        _secret,
        "make the secret of held-out questions, and the hash to publish before they are asked",
    )
    secret.add_argument("file", metavar="FILE", type=Path, help="a new file; keep it to yourself")


def _secret(arguments: argparse.Namespace) -> None:
    from worldlaw.exam.paper.secret import make_secret

    found = make_secret(arguments.file)
    if arguments.json:
        print(json.dumps({"path": str(arguments.file), "secret_hash": found}))
        return
    print(f"SHA-256 of {arguments.file}, to be published before anybody answers:", file=sys.stderr)
    print(found)


def _add_run(add: Add) -> None:
    run = add(
        "run", _run, "let a model answer a paper, score it, write the report",
        "MODEL is a registered name, or module:Thing of your own: a function f(frames, num_new_frames), a\n"
        "class or an object (docs/exam.md). A stopped run goes on where it was.",
    )  # fmt: skip
    run.add_argument("paper", metavar="PAPER", help="a name, a YAML file, or the folder of a made paper")
    run.add_argument(
        "--model", required=True, metavar="MODEL", help="e.g. my_file:answer, or copy_last_frame"
    )
    run.add_argument(
        "--option", dest="options", action="append", default=[], metavar="key=value",
        help="an option of the model; may be repeated",
    )  # fmt: skip
    run.add_argument("--out", type=Path, metavar="FOLDER", help="default: exams/PAPER-MODEL")
    run.add_argument(
        "--seeds", type=_seeds, default=[0], metavar="0,1,2", help="one answer for each (default: 0)"
    )
    add_video_options(run)
    run.add_argument("--secret", type=Path, metavar="FILE", help="held-out questions of this secret")
    run.add_argument("--fresh", action="store_true", help="forget the answers that are there")
    run.add_argument("--no-score", action="store_true", help="only ask")
    run.add_argument("--look", action="store_true", help="score pixels, too")
    run.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        help="processes that score (default: one a core)",
    )
    _add_allow(run)


def _run(arguments: argparse.Namespace) -> None:
    from worldlaw.core.errors import BadInput, Failed
    from worldlaw.core.progress import progress_for
    from worldlaw.core.strict_files import parse_yaml
    from worldlaw.exam.examine import examine

    options = {}
    for text in arguments.options:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--option {text!r}: expected key=value")
        options[name] = parse_yaml(value, f"--option {text!r}")
    video = ("size", "frames", "fps", "context")
    made = Path(arguments.paper).is_dir()
    if made and any(getattr(arguments, name) is not None for name in video):
        raise BadInput(f"{arguments.paper}: its size, frames, fps and context were decided when it was made")
    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        done = examine(
            arguments.paper if made else asked_paper(arguments),
            arguments.model,
            arguments.out,
            options=options,
            seeds=arguments.seeds,
            secret=arguments.secret,
            fresh=arguments.fresh,
            score=not arguments.no_score,
            workers=arguments.workers,
            look=arguments.look,
            allow=arguments.allow,
            progress=progress,
        )
    failed = done.ran.failed
    if arguments.json:
        counts = {"answered": done.ran.answered, "kept": done.ran.kept, "failed": failed}
        paths = {"paper": done.paper, "answers": done.answers, "report": done.report}
        print(json.dumps({**{name: path and str(path) for name, path in paths.items()}, **counts}))
    else:
        if done.report:
            _say_card(done.report.parent)
        print(done.report or done.answers)
    if failed:
        first = next(iter(failed))
        raise Failed(f"{done.answers}: the model failed {len(failed)} times; {first}: {failed[first]}")


def _seeds(text: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text):
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 0,1,2; found {text!r}")
    return [int(part) for part in text.split(",")]


def _add_compare(add: Add) -> None:
    compare = add(
        "compare", _compare, "rank the cards of several models on one paper",
        "Question by question, corrected for all that is looked at; says which differences are not shown.",
    )  # fmt: skip
    compare.add_argument(
        "cards", metavar="CARD", type=Path, nargs="+", help="card.json, or a folder of scores"
    )
    compare.add_argument(
        "--metric",
        choices=("solved", "velocity_error", "abnormal"),
        default="solved",
        help="(default: solved)",
    )
    compare.add_argument("--html", type=Path, metavar="FILE", help="write a page, too")


def _compare(arguments: argparse.Namespace) -> None:
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.exam.cards.card_text import as_json, lines
    from worldlaw.exam.cards.comparison import compare

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        found = compare(
            arguments.cards, metric=arguments.metric, counted=counted(progress, "compare", "pairs")
        )
    if arguments.html:
        from worldlaw.exam.page.comparison_page import write_compare_page

        write_compare_page(found, arguments.html)
    print(json.dumps(as_json(found)) if arguments.json else "\n".join(lines(found)))


def _add_verify(add: Add) -> None:
    verify = add(
        "verify", _verify, "score answers again, and say whether that gives what their card says",
        "Exit code 0: the same bytes, or the same numbers to 1e-6; 1: not.",
    )  # fmt: skip
    verify.add_argument("card", metavar="CARD", type=Path, help="card.json, or a folder of scores")
    verify.add_argument("answers", metavar="ANSWERS", type=Path, help="the folder that was scored")
    verify.add_argument("--paper", type=Path, metavar="FOLDER", help="its paper, where that does not ship")
    verify.add_argument("--secret", type=Path, metavar="FILE", help="of held-out questions")
    verify.add_argument(
        "--tracks", type=Path, metavar="FOLDER", help="tracks by a tracker of the maker's own"
    )
    verify.add_argument("--workers", type=positive, default=os.cpu_count() or 1, metavar="N")
    _add_allow(verify)


def _verify(arguments: argparse.Namespace) -> None:
    from worldlaw.core.errors import Failed
    from worldlaw.core.progress import counted, progress_for
    from worldlaw.exam.cards.verification import as_json, lines, verify

    with progress_for(quiet=arguments.json or not sys.stderr.isatty()) as progress:
        found = verify(
            arguments.card,
            arguments.answers,
            paper=arguments.paper,
            secret=arguments.secret,
            tracks=arguments.tracks,
            workers=arguments.workers,
            allow=arguments.allow,
            wrap=counted(progress, "make", "questions"),
            progress=progress,
        )
    print(json.dumps(as_json(found)) if arguments.json else "\n".join(lines(found)))
    if not found.verified:
        raise Failed(f"{arguments.card}: not verified: {found.verdict}")

"""worldlaw exam check: what is missing or off in a folder of answers."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command, progress_of
from worldlaw.cli.exam.shared_options import add_folders
from worldlaw.core.errors import BadInput, Failed

if TYPE_CHECKING:
    from worldlaw.exam.answers.answer_folder import AnswerFinding


def add(commands: Any) -> None:
    """Hook the verb in."""
    check = add_command(
        commands,
        "check",
        check_answers,
        "say what is missing or off in a folder of answers, before it is scored",
        "Exit code 0: all of it can be scored; 1: some answers are excluded or missing; 2: nothing can be.",
    )
    add_folders(check)


def check_answers(arguments: argparse.Namespace) -> None:
    from worldlaw.exam.answers.answer_check import check

    with progress_of(arguments) as progress:
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


def _grouped(findings: Sequence[AnswerFinding]) -> Iterator[str]:
    """Findings in lines, the worst first; what is the same of several answers in one."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in findings:
        groups.setdefault((one.level, one.code, one.line), []).append(one.answer)
    order = ("fatal", "excluded", "adjusted", "note")
    for (level, code, line), names in sorted(groups.items(), key=lambda group: order.index(group[0][0])):
        first = names[0] or "all"
        who = first if len(names) == 1 else f"{len(names):,} answers ({first}, …)"
        yield f"{level:8}  {who}: {code}: {line}"

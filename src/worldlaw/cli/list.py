"""worldlaw list: what there is, of every kind."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldlaw.cli.command import add_command
from worldlaw.core.errors import BadInput

if TYPE_CHECKING:
    from worldlaw.core.registry import Registry


LISTED = (
    "scenarios",
    "codecs",
    "models",
    "references",
    "metrics",
    "analyses",
    "signs",
    "papers",
    "experiments",
)


def add(commands: Any) -> None:
    """Hook the command in."""
    listing = add_command(
        commands,
        "list",
        list_all,
        "what there is: scenarios, models, metrics, signs of the judge, exam papers, experiments, …",
    )
    listing.add_argument("what", nargs="?", choices=LISTED, help="one kind only")


def list_all(arguments: argparse.Namespace) -> None:
    kinds = [arguments.what] if arguments.what else LISTED
    found = {kind: _LISTERS[kind]() for kind in kinds}
    if arguments.json:
        print(json.dumps(found))
        return
    for kind, entries in found.items():
        if len(found) > 1:
            print(f"{kind}:")
        width = max((len(name) for name in entries), default=0)
        for name, about in entries.items():
            print(f"  {name:<{width}}  {about}")


def _list_scenarios() -> dict[str, str]:
    from worldlaw.worlds import scenarios

    return {
        name: f"{_first_line(scenarios.get(name))} [{', '.join(scenarios.get(name).attributes)}]"
        for name in scenarios.names()
    }


def _list_models() -> dict[str, str]:
    from worldlaw.models import models

    return _installed(models)


def _list_codecs() -> dict[str, str]:
    from worldlaw.models import codecs

    return _installed(codecs)


def _installed(registry: Registry) -> dict[str, str]:
    """First lines of what can be used, and the extra to install for what cannot."""
    found = {}
    for name in registry.names():
        try:
            found[name] = _first_line(registry.get(name))
        except BadInput as error:
            found[name] = f"not installed ({str(error).rpartition('; ')[2]})"
    return found


def _list_references() -> dict[str, str]:
    from worldlaw.measure.references import references

    found = {}
    for name in references.names():
        lacking = references.missing_extra(name).rpartition("; ")[2]
        found[name] = f"not installed ({lacking})" if lacking else _first_line(references.get(name))
    return found


def _list_metrics() -> dict[str, str]:
    from worldlaw.measure.metrics import metrics

    every = [metrics.get(name) for name in metrics.names()]
    return {m.name: m.about + (f" [{m.unit}]" if m.unit else "") for m in every}


def _list_analyses() -> dict[str, str]:
    from worldlaw.report.analyses import analyses

    return {name: _first_line(analyses.get(name)) for name in analyses.names()}


def _list_signs() -> dict[str, str]:
    from worldlaw.judge.signs.sign import sign_kinds

    every = {name: sign_kinds.get(name) for name in sign_kinds.names()}
    return {name: f"{kind.about} [more than {kind.limit:g} {kind.unit}]" for name, kind in every.items()}


def _list_papers() -> dict[str, str]:
    from worldlaw.exam import load_paper, papers

    return {name: load_paper(name).about for name in papers()}


def _list_experiments() -> dict[str, str]:
    from worldlaw.experiment.config import parse_yaml

    found = {}
    for path in sorted(Path("experiments").glob("**/*.yaml")):
        raw = parse_yaml(path.read_text(encoding="utf-8", errors="replace"), str(path))
        found[str(path)] = str(raw.get("about", "")) if isinstance(raw, dict) else ""
    return found


_LISTERS = {
    "scenarios": _list_scenarios,
    "codecs": _list_codecs,
    "models": _list_models,
    "references": _list_references,
    "metrics": _list_metrics,
    "analyses": _list_analyses,
    "signs": _list_signs,
    "papers": _list_papers,
    "experiments": _list_experiments,
}


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]

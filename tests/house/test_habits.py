"""What a contributor relies on: a changelog that is kept, and a server that runs what everybody can run."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_changelog_has_a_place_for_what_comes_next_and_the_server_calls_make_ci():
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == ["make ci"]

"""What folders of runs hold."""

import json
from pathlib import Path

from worldlaw.core.artifact import MANIFEST


def content(folder):
    """Relative path -> bytes of every file; of manifests all but where and when they were made."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.name == MANIFEST:
            told = json.loads(path.read_text()) | {"made": None, "digest": None}
            if "artifacts" in told:  # of a run: has the checksum of the page if it came so far
                told["sha256"] = None
            found[str(path.relative_to(folder))] = told
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found

"""HOW_TO_ANSWER.md of a paper folder: what to do, for people."""

from __future__ import annotations

from worldlaw.exam.paper.paper import Paper
from worldlaw.exam.paper.questions import questions


def guide_of(paper: Paper, secret_hash: str | None) -> str:
    """The text, in Markdown; it names the paper by its hash."""
    video = paper.video
    size = f"{video.width} x {video.height}"
    held_out = f"\nHeld-out questions; SHA-256 of their secret: `{secret_hash}`\n" if secret_hash else ""
    return f"""# {paper.name}, version {paper.version}

{paper.about}
{held_out}
{paper.num_questions} questions, each a folder `questions/ID` with

- `given-000.png` …: the first {video.context} of {video.num_frames} frames, {size} pixels, lossless
- `given.mp4`: the same as a clip at {video.fps:g} frames a second
- `prompt.txt`: what is seen, how it moves at first, what law holds

`paper.json` says the same for programs. Show what happens: a video of {video.num_frames} frames that
begins with the given ones, at {video.fps:g} frames a second. Call it `ID.mp4`, for example
`{questions(paper)[0].id}.mp4` (or .webm, .mov, .mkv, .avi, .gif, .webp, .npz or .npy with an array
`video` of uint8, or a folder `ID/` of PNGs). Several answers to one question are `ID__0.mp4`,
`ID__1.mp4`, …; their mean counts. Other sizes, rates and lengths are allowed: `answers.json` says them,
or they are measured.

```python
import json, pathlib, numpy as np
from PIL import Image

out = pathlib.Path("answers")
out.mkdir(exist_ok=True)
for question in json.loads(pathlib.Path("paper.json").read_text())["questions"]:
    given = np.stack([np.asarray(Image.open(name)) for name in question["frames"]])
    video = my_model(given, question["prompt"])  # ({video.num_frames}, H, W, 3) uint8, given ones first
    np.savez_compressed(out / question["id"], video=video)
```

Then `worldlaw exam check PAPER_FOLDER ANSWERS` and `worldlaw exam score PAPER_FOLDER ANSWERS`.

Paper {paper.sha256}
"""

"""Textured films: clips per second, against the same scenes drawn plain."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Figure, Target, compare_rates
from worldlaw.exam import Truth, load_paper, questions, truth_of, with_video

NUM_FRAMES = 32
PLAIN = "the same scenes drawn plain, by exact area coverage"
TARGETS = {(256, 144): Target(0.1, of="ratio"), (832, 480): Target(0.2, of="ratio")}


def measure(quick: bool) -> list[Figure]:
    """Films of every law that is registered, two scenes of each."""
    figures = []
    for size in ((128, 72),) if quick else TARGETS:
        paper = with_video(load_paper("laws"), size=size, num_frames=NUM_FRAMES)
        chosen = [question for question in questions(paper) if question.index < (1 if quick else 2)]
        truths = {
            filming: [truth_of(paper, q) for q in chosen if q.section.filming == filming]
            for filming in ("plain", "textured")
        }
        figures.append(
            compare_rates(
                "filming",
                f"{size[0]} x {size[1]}, {NUM_FRAMES} frames, textured",
                "clips/s",
                ours=(lambda every=truths["textured"]: _film(every), len(truths["textured"])),
                baseline=(lambda every=truths["plain"]: _film(every), len(truths["plain"])),
                against=PLAIN,
                repetitions=1 if quick else 7,
                target=TARGETS.get(size),
            )
        )
    return figures


def _film(truths: list[Truth]) -> int:
    return int(np.sum([len(truth.video()) for truth in truths]))

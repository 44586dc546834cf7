"""Can any video be true? No prompt, no truth, no simulator: only what its own tracks can bear.

- ``evidence``: from a file to tracks, flights, contacts and quantities
- ``signs``: what cannot be, and its limits
- ``judgement``: the verdict on one video
- ``judge_videos``: all videos of a call
- ``records``: JSON and Parquet
- ``page``: the page

One more sign: docs/extending.md.
"""

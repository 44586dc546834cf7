"""One law, one file; the registry in ``worlds.scenario`` lists them.

- ``uniform_motion``: nothing pushes a ball
- ``parabola``: a ball thrown level falls
- ``collision``: two balls meet head-on
- ``assembly``: many rigid bodies fall, hit, slide, tip and rest
- ``ambiguity``: outcomes that hang on less than a pixel

One more law: its file here, its module in the registry's list; docs/extending.md.
"""

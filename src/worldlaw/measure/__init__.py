"""What is seen? Pixels to tracks, tracks to numbers; experiments and exams measure by the same code.

- ``tracking``: pixels to tracks: blobs, poses, or things that nobody described
- ``matching``: tracked bodies to true bodies
- ``cases``: a rollout beside its truth
- ``rows``: numbers of cases as rows of one long table
- ``metrics``: one number per clip, one function each
- ``verdicts``: do rigid bodies obey mechanics? seven measures, limits from true clips
- ``references``: predictors on tracked states
- ``nearest_case``: the training case nearest in motion, the copy index
- ``body_readings``: velocity, size and colour of a body beside the true ones
- ``rest_outcome``: where a ball came to rest, and the best guess from the same pixels
- ``sets``: distances between whole sets of clips
- ``planted_faults``: faults planted in true clips, to test detectors

One more metric or reference: docs/extending.md.
"""

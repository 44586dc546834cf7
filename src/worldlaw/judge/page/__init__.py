"""The page of ``worldlaw judge``.

- ``judge_page``: verdicts and why, then all that was measured
- ``judge_strips``: which frames are shown
"""

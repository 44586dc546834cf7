"""What a run does, one stage a file.

- ``simulate``: clips of every split
- ``train``: what learns is taught
- ``generate``: models answer
- ``encode``: codecs redraw the true videos
- ``track``: positions from all videos
- ``calibrate``: limits of verdicts from true clips
- ``evaluate``: every metric of every predictor
- ``split_cases``: the cases of one test split
- ``look``: FVD, LPIPS and the distance of tracks
- ``report``: what the page is made from
"""

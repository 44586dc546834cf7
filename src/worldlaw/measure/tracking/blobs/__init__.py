"""Bodies as blobs of one colour, to a few thousandths of a pixel.

- ``blob_tracker``: frames and hints to tracks, a status where nothing can be measured
- ``blob_kernels``: frame to blobs, blobs to bodies (compiled)
"""

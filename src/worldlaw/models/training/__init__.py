"""The loop that teaches a network, and what it keeps.

- ``loop``: batches in, weights out, resumable to the same bits
- ``training_options``: how a network is taught
- ``training_state``: weights, averages and optimiser; checkpoints
- ``processes``: several processes of one training
- ``throughput``: clips, tokens and FLOPs a second
- ``sample_sheets``: what a few training clips look like meanwhile
"""

"""Submission cards.

- ``card_format``: what a card holds, read with care
- ``card``: a card from scores
- ``comparison``: cards ranked question by question
- ``verification``: answers scored again against their card
- ``card_text``: cards and comparisons for a terminal
"""

"""From answers to scores: floors, limits, one question, all of them."""

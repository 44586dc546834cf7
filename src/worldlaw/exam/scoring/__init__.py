"""From answers to scores.

- ``exam_scores``: a folder of answers, shared out
- ``question_scores``: one question: answers, floor and references measured alike
- ``floors``: the truth in the form of an answer
- ``coarse_forms``: forms too coarse to judge
- ``verdict_limits``: what true clips show of physical faults
- ``scores``: what scoring left: statuses, one value a question
- ``summary``: shares and medians
"""

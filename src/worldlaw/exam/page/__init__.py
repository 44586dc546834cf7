"""The pages of an exam.

- ``exam_page``: the report
- ``exam_answer``: its answer in sentences
- ``question_statuses``: every question and what became of it
- ``answer_strips``: which answers are shown, and how
- ``exam_figures``: its figure
- ``comparison_page``: a comparison of cards
"""

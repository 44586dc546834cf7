"""What is asked.

- ``paper``: a paper from YAML: sections, video
- ``questions``: what a paper asks, and what is true
- ``prompts``: a question in words
- ``secret``: held-out questions
- ``paper_folder``: a paper as a folder
- ``paper_index``: its paper.json, read with care
- ``answer_guide``: its HOW_TO_ANSWER.md
"""

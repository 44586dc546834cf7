"""How does a page look? What the pages of experiments, exams and the judge share.

- ``templates``: where templates lie, and how they write numbers
- ``wording``: numbers, names and the glossary in words
- ``cells``: the long table as one value per clip
- ``levels``: levels of clips: words and order
- ``metric_tables``: every metric as a table of texts
- ``section``: what a section of a page is made of
- ``svg``: figures inside a page
- ``film_strips``: clips that move by CSS

Style and script that all pages include lie beside: ``page.css.jinja``, ``page.js.jinja``.
"""

"""What came back.

- ``examinee``: a function, class or object made ready to be asked
- ``answer_run``: every question asked, every answer kept
- ``answer_folder``: which file answers which question
- ``answer_check``: what is missing or off
- ``adjustments``: where and when an answer shows what was asked
- ``resampling``: tracks at other times
- ``answer_tracks``: tracks that the maker of an answer brings
"""

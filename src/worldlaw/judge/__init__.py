"""Physics of any video: no prompt, no truth, no simulator; only what its own tracks can bear.

``evidence`` holds what was tracked, ``flights`` cuts it into stretches of free motion, ``contacts`` says what
happened between them, ``signs`` what cannot be, and ``judging`` puts all of it together.
"""

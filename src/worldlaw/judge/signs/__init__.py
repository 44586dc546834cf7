"""What cannot be: signs that a video is untrue.

- ``sign``: a sign, a kind of sign with unit and limit, the registry
- ``sign_list``: the seven kinds that ship, of each the largest in a video
- ``presence_signs``: what is missing or intrudes
- ``appearance_signs``: what changes its look
"""

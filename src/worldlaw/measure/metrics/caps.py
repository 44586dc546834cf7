"""What a solved clip may not exceed: one cap a measure, for all forms of a video.

The measures (``solved.py``) average over several frames or look at what lasts, so what a codec,
a smaller picture or another brightness takes from true clips stays below their caps:
``benchmarks/solving.py`` measures how far.
"""

from __future__ import annotations

SOLVED_ERROR = 0.1  # m/s
SOLVED_EXTRA = 0.05  # things per frame that are none of the bodies
CAPS = {
    "flight_velocity_error": SOLVED_ERROR,
    "path_break": 0.06,  # m
    "size_change": 0.06,
    "color_change": 0.1,
    "momentum_change": 0.03,
    "energy_change": 0.08,
}
BREAK_PIXELS = 0.75  # of the asked picture: a path may break by as much, where that is more
_PERCENT = {name: f"{100 * cap:.0f} %" for name, cap in CAPS.items()}
IN_WORDS = (
    "every body is there in every frame that counts, with at most "
    f"{SOLVED_EXTRA:g} extra detections per frame beside them, the velocity error of its flights is at most "
    f"{SOLVED_ERROR:g} m/s, no path breaks by more than {CAPS['path_break']:g} m, no size changes by more "
    f"than {_PERCENT['size_change']}, no colour by more than {_PERCENT['color_change']} of black to white, "
    f"and an impact changes the momenta by at most {_PERCENT['momentum_change']} and the kinetic energy by "
    f"at most {_PERCENT['energy_change']}; of rigid bodies tracked by pose, no physical measure is above "
    "what true clips show"
)


def wider_caps(pixel: float) -> dict[str, float]:
    """The caps that are wider where a picture is asked for in which a pixel is so many metres wide.

    They hang on what was asked, never on the form of an answer.
    """
    return {"path_break": max(CAPS["path_break"], BREAK_PIXELS * pixel)}

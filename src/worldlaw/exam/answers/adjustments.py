"""How an answer lies to what was asked: where in its pictures, and when; every adjustment has a name.

What is declared is believed, what is not is measured against the given frames. An answer that cannot lie
there in any way raises ``Unfit``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from worldlaw.clips.film import Film
from worldlaw.exam.answers.answer_folder import Declaration
from worldlaw.exam.paper.paper import PaperVideo

Box = tuple[int, int, int, int]  # left, top, width, height in pixels

ASPECT = 0.01  # of the width over the height: closer is rounding
UNLIKE = 0.5  # of a given frame's contrast: a first frame further off is another picture
FORGIVEN = 0.25  # of the time asked for may lack at the end of an answer of few frames a second
CUT = 0.7  # as well must a picture cut at its sides fit for it to be believed
TELLING = 30  # of 255: how far pixels of two frames must differ to tell which of them was copied
LEAST_TELLING = 8  # pixels that do
FAINT = 12  # of 255: less of a difference is a codec's


class Unfit(Exception):  # noqa: N818
    """An answer that cannot be held against its question: a code and one line."""

    def __init__(self, code: str, line: str) -> None:
        super().__init__(line)
        self.code = code


@dataclass(frozen=True)
class Adjustment:
    """One thing in which an answer is not as asked, and what is done about it."""

    what: str
    detail: str


@dataclass(frozen=True)
class AnswerFit:
    """Where and when an answer shows what was asked."""

    size: tuple[int, int]  # width and height of its frames
    box: Box  # the part of them that shows what was asked
    bars: tuple[int, int, int]  # RGB beside the box
    fps: float  # Hz at which its frames are taken to be
    time: Float[np.ndarray, " S"]  # s of its frames since the first given one
    steady: bool  # whether these are even
    begins: int  # the given frame that its first one is; as many as are given: it begins after them
    adjustments: tuple[Adjustment, ...]

    @property
    def plain(self) -> bool:
        """Whether no bars surround the picture."""
        return self.box == (0, 0, *self.size)


def fit(
    film: Film, given: UInt8[np.ndarray, "K H W 3"], video: PaperVideo, declared: Declaration
) -> AnswerFit:
    """How a film lies to a question with these given frames, asked for as ``video``.

    Raises Unfit if it ends before anything new, is cut at its sides, or shows another picture.
    """
    found: list[Adjustment] = [Adjustment(code, line) for code, line in film.notes]
    box, bars, begins = _place(film, given, video, declared, found)
    fps, time = _times(film, video, declared, begins, found)
    _, height, width, _ = film.frames.shape
    return AnswerFit((width, height), box, bars, fps, time, bool(_even(time)), begins, tuple(found))


def last_counted(time: Float[np.ndarray, " S"], fps: float, video: PaperVideo) -> float:
    """When the part of an exam ends, in s, that an answer with frames at these times is held against.

    It ends with what was asked, or with the answer if that lacks no more than a step of its own rate: at half
    the rate the last of an even number of frames can not be there. The step is at most a quarter of what was
    asked, or a frame of it; what lacks more counts up to where it would have been forgiven.
    """
    last = (video.num_frames - 1) / video.fps
    step = min(1 / fps, max(1 / video.fps, FORGIVEN * (last - (video.context - 1) / video.fps)))
    return min(last, max(float(time[-1]), last - step, video.context / video.fps))


def crop_frames(frames: UInt8[np.ndarray, "T H W 3"], box: Box) -> UInt8[np.ndarray, "T h w 3"]:
    """What of the frames lies in the box."""
    left, top, width, height = box
    return frames[:, top : top + height, left : left + width]


def resize_frames(
    frames: UInt8[np.ndarray, "T H W 3"], width: int, height: int
) -> UInt8[np.ndarray, "T h w 3"]:
    """Frames of another size: pixels' areas averaged where it gets smaller, bicubic where larger."""
    _, rows, columns, _ = frames.shape
    if (rows, columns) == (height, width):
        return frames
    smaller = width <= columns and height <= rows
    how = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height), how)) for frame in frames])


def frame_answer(frames: UInt8[np.ndarray, "T H W 3"], fit: AnswerFit) -> UInt8[np.ndarray, "T h w 3"]:
    """Frames brought to an answer's size and between its bars."""
    left, top, width, height = fit.box
    inner = resize_frames(frames, width, height)
    if fit.plain:
        return inner
    out = np.empty((len(frames), fit.size[1], fit.size[0], 3), np.uint8)
    out[...] = np.array(fit.bars, np.uint8)
    out[:, top : top + height, left : left + width] = inner
    return out


def _times(
    film: Film, video: PaperVideo, declared: Declaration, begins: int, found: list[Adjustment]
) -> tuple[float, np.ndarray]:
    """The rate and the times of a film's frames."""
    count, asked = len(film.frames), video.num_frames - begins
    fps, steady = video.fps, True
    if declared.fps is not None:
        fps = declared.fps
        if not _alike(fps, video.fps):
            found.append(Adjustment("rate", f"{fps:g} Hz declared for the {video.fps:g} Hz asked"))
    elif math.isnan(film.fps):
        if count != asked:
            found.append(Adjustment("rate", f"says no rate: taken as the {video.fps:g} Hz asked"))
    elif count == asked:
        if not film.steady or not _alike(film.fps, video.fps, film.container):
            found.append(
                Adjustment(
                    "rate",
                    f"says {film.fps:g} Hz but has the {asked} frames asked for: taken as {video.fps:g} Hz",
                )
            )
    elif film.steady and _alike(film.fps, video.fps, film.container):
        pass
    else:
        fps, steady = film.fps, film.steady
        what = "rate" if steady else "uneven"
        found.append(
            Adjustment(what, f"{'' if steady else 'about '}{fps:g} Hz for the {video.fps:g} Hz asked")
        )
    after = begins == video.context
    start = (video.context - 1) / video.fps + 1 / fps if after else begins / video.fps
    time = start + (np.arange(count) / fps if steady or film.time is None else film.time)
    last = (video.num_frames - 1) / video.fps
    slack = 1e-4 / video.fps
    if time[-1] < video.context / video.fps - slack:
        raise Unfit(
            "short",
            f"ends {time[-1] - start:.3g} s after its first frame ({count} frames at {fps:g} Hz), before "
            f"the first new one of the {last:.3g} s asked",
        )
    if time[-1] < last - slack:
        at = np.arange(video.num_frames) / video.fps
        beyond, until = at > time[-1] + slack, last_counted(time, fps, video)
        lost = int((beyond & (at <= until + slack)).sum())
        line = f"ends after {time[-1]:.3g} of {last:.3g} s: frames "
        parts = [f"unmeasured: {lost}"] if lost else []
        if left := int(beyond.sum()) - lost:
            parts.append(f"not counted: {left}")
        found.append(Adjustment("short", line + ", ".join(parts)))
    elif time[-1] > last + 1 / fps - slack:
        found.append(Adjustment("long", f"lasts {time[-1]:.3g} s: cut after {last:.3g} s"))
    return fps, time


def _even(time: np.ndarray) -> bool:
    steps = np.diff(time)
    return len(steps) < 2 or float(np.ptp(steps)) <= 1e-6 * float(steps[0])


def _alike(fps: float, asked: float, container: str = "") -> bool:
    """Whether two rates are one, but for how finely a container tells them."""
    tick = {"gif": 0.0051, "webp": 0.00051}.get(container, 0.0)
    return abs(fps / asked - 1) <= 0.005 or abs(1 / fps - 1 / asked) <= tick


def _place(
    film: Film, given: np.ndarray, video: PaperVideo, declared: Declaration, found: list[Adjustment]
) -> tuple[Box, tuple[int, int, int], int]:
    """The box that shows what was asked, the colour beside it, and with which given frame it begins."""
    _, height, width, _ = film.frames.shape
    whole: Box = (0, 0, width, height)
    same_aspect = abs(width / height / (video.width / video.height) - 1) <= ASPECT
    letterbox = declared.letterbox
    box = whole
    if isinstance(letterbox, list):
        left, top, across, down = letterbox
        if left + across > width or top + down > height:
            raise Unfit("letterbox", f"the declared box {letterbox} reaches out of {width} x {height} frames")
        box = (left, top, across, down)
        found.append(Adjustment("letterbox", f"box {_said(box)} declared"))
    elif letterbox == "measure" or (letterbox is None and not same_aspect):
        box = _search(film.frames[0], given[0], video, found)
    begins = _begins(film, given, video, declared, box, found)
    if begins < video.context:
        first = resize_frames(crop_frames(film.frames[:1], box), video.width, video.height)[0]
        unlike = _unlike(first, given[begins])
        if unlike > UNLIKE:
            line = f"its first frame differs from the given one by {unlike:.0%} of that one's contrast"
            found.append(Adjustment("first-frame", line))
    if (box[2], box[3]) != (video.width, video.height):
        found.append(Adjustment("size", f"{box[2]} x {box[3]} for the {video.width} x {video.height} asked"))
    aspect = box[2] / box[3] / (video.width / video.height) - 1
    if abs(aspect) > ASPECT:
        how = "wider" if aspect > 0 else "narrower"
        found.append(Adjustment("stretch", f"{abs(aspect):.1%} {how} than asked: undone"))
    return box, _bars(film.frames[0], box), begins


def _begins(
    film: Film, given: np.ndarray, video: PaperVideo, declared: Declaration, box: Box, found: list[Adjustment]
) -> int:
    """The given frame with which a film begins; as many as there are for one that begins after them."""
    last, after = video.context - 1, video.context
    if declared.includes_given is not None:
        begins, why = {True: 0, False: after, "last": last}[declared.includes_given], "declared"
    else:
        begins, why = _begins_seen(film, given, video, box)
    if begins == after:
        found.append(Adjustment("given", f"begins after the given frames ({why})"))
    elif begins:
        found.append(Adjustment("given", f"begins with the last given frame ({why})"))
    return begins


def _begins_seen(film: Film, given: np.ndarray, video: PaperVideo, box: Box) -> tuple[int, str]:
    """As ``_begins``, from the first two frames and the number of all, and why."""
    last, after = video.context - 1, video.context
    more = len(film.frames) - (video.num_frames - video.context)  # than there are new ones
    ends = resize_frames(crop_frames(film.frames[:2], box)[[0, -1]], video.width, video.height).astype(int)
    first, second = ends
    telling = np.abs(given[0].astype(int) - given[-1]).max(axis=-1) > TELLING
    late, why = False, f"{len(film.frames)} frames"
    if telling.sum() >= LEAST_TELLING:
        away, beyond = (np.abs(first - one)[telling].mean() for one in (given[0], given[-1]))
        if away < 0.5 * beyond:
            return 0, ""
        late = bool(beyond < 0.5 * away)
    if late or (video.context == 1 and more == 0):
        # A film that goes on from the last given frame leaves it in its first step as in its second.
        own, gone = _change(first, second), _change(given[-1].astype(int), first)
        if (np.abs(second - first).max(axis=-1) > 3 * TELLING).sum() >= LEAST_TELLING:
            limit = 0.5 if late else 0.05  # a body may have been at rest in a single given frame
            return (last if gone < limit * own else after), "seen"
    if more == 1:
        return last, why
    return (after if late or more == 0 else 0), why


def _change(one: np.ndarray, other: np.ndarray) -> int:
    """How much of two frames differs by more than codecs make of one."""
    return int(np.clip(np.abs(other - one).max(axis=-1) - FAINT, 0, None).sum())


def _search(frame: np.ndarray, given: np.ndarray, video: PaperVideo, found: list[Adjustment]) -> Box:
    """The box of a first frame in which it looks most like the given one, with one colour beside it."""
    height, width, _ = frame.shape
    whole: Box = (0, 0, width, height)
    scale = min(width / video.width, height / video.height)
    across, down = round(video.width * scale), round(video.height * scale)
    fitted: Box = ((width - across) // 2, (height - down) // 2, across, down)
    picture = Image.fromarray(given)
    likely = (whole, fitted, _trimmed(frame), _spread(_trimmed(frame), _trimmed(given), whole, given))
    cost = {box: _cost(frame, picture, box) for box in likely}
    best = min(cost, key=lambda box: cost[box])
    for step in (4, 2, 1, 1):
        for sides in ((0,), (1,), (2,), (3,), (0, 2), (1, 3)):  # one side, or opposite ones together
            for by in (-step, step):
                tried = _moved(best, sides, by, width, height)
                if tried is not None and tried not in cost:
                    cost[tried] = _cost(frame, picture, tried)
                    if cost[tried] < cost[best]:
                        best = tried
    contrast = float(np.abs(given.astype(int) - np.median(given, axis=(0, 1))).mean())
    zoom = max(width / video.width, height / video.height)
    inner = (min(width / zoom, video.width), min(height / zoom, video.height))
    left, top = (video.width - inner[0]) / 2, (video.height - inner[1]) / 2
    middle = picture.resize(
        (width, height), Image.Resampling.BICUBIC, (left, top, left + inner[0], top + inner[1])
    )
    if np.abs(np.asarray(middle, int) - frame).mean() < CUT * cost[best]:
        share = inner[0] * inner[1] / (video.width * video.height)
        raise Unfit(
            "cropped",
            f"{width} x {height} frames show the middle {share:.0%} of the {video.width} x {video.height} "
            "picture asked for",
        )
    if cost[best] > UNLIKE * max(contrast, 1):
        shape = "portrait" if height > width and video.height <= video.width else "aspect"
        raise Unfit(
            shape,
            f"{width} x {height} frames for the {video.width} x {video.height} asked, and no part of the "
            "first looks like the given one",
        )
    if best != whole:
        found.append(Adjustment("letterbox", f"box {_said(best)} measured"))
    return best


def _moved(box: Box, sides: tuple[int, ...], by: int, width: int, height: int) -> Box | None:
    """A box with some sides moved; None if it leaves the frame."""
    edges = [box[0], box[1], box[0] + box[2], box[1] + box[3]]
    for side in sides:
        edges[side] += by
    left, top, right, bottom = edges
    if left < 0 or top < 0 or right > width or bottom > height or right - left < 8 or bottom - top < 8:
        return None
    return left, top, right - left, bottom - top


def _trimmed(frame: np.ndarray) -> Box:
    """A frame without the rows and columns at its sides that have the colour of its corner."""
    away = np.abs(frame.astype(int) - frame[0, 0]).max(axis=-1) > TELLING
    rows, columns = np.flatnonzero(away.any(axis=1)), np.flatnonzero(away.any(axis=0))
    if not len(rows) or len(rows) < 8 or len(columns) < 8:
        return 0, 0, frame.shape[1], frame.shape[0]
    return int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def _spread(shown: Box, true: Box, whole: Box, given: np.ndarray) -> Box:
    """The box of a frame whose bars have the background's colour, from where both trimmed pictures lie."""
    edges = []
    for axis, length in ((0, given.shape[1]), (1, given.shape[0])):
        scale = shown[axis + 2] / true[axis + 2]
        low = shown[axis] - true[axis] * scale
        edges.append((max(0, round(low)), min(whole[axis + 2], round(low + length * scale))))
    (left, right), (top, bottom) = edges
    return (left, top, right - left, bottom - top) if min(right - left, bottom - top) >= 8 else whole


def _cost(frame: np.ndarray, picture: Image.Image, box: Box) -> float:
    """Mean difference of a frame from a picture drawn into a box of it, on the colour beside the box."""
    left, top, width, height = box
    smaller = width <= picture.width and height <= picture.height
    how = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    drawn = np.empty(frame.shape, int)
    drawn[...] = _bars(frame, box)
    drawn[top : top + height, left : left + width] = np.asarray(picture.resize((width, height), how))
    return float(np.abs(drawn - frame).mean())


def _bars(frame: np.ndarray, box: Box) -> tuple[int, int, int]:
    """The median colour beside a box; black if nothing is beside it."""
    left, top, width, height = box
    beside = np.ones(frame.shape[:2], bool)
    beside[top : top + height, left : left + width] = False
    if not beside.any():
        return 0, 0, 0
    red, green, blue = np.median(frame[beside], axis=0).astype(int).tolist()
    return red, green, blue


def _unlike(frame: np.ndarray, given: np.ndarray) -> float:
    """Mean difference of two frames as a share of the second's contrast."""
    contrast = np.abs(given.astype(int) - np.median(given, axis=(0, 1))).mean()
    return float(np.abs(frame.astype(int) - given).mean() / max(float(contrast), 1.0))


def _said(box: Box) -> str:
    return f"{box[2]} x {box[3]} at {box[0]}, {box[1]}"

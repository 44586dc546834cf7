"""Films of shaded balls before a rough wall, drawn for tests."""

import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from worldlaw.clips.films import read_film
from worldlaw.clips.media import encode_mp4
from worldlaw.worlds.render.flat import coverage

HEIGHT, WIDTH, FPS = 96, 160, 10.0


def backdrop(seed=0):
    """A rough brownish wall."""
    rng = np.random.default_rng(seed)
    rough = sum(gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), s) * s for s in (1.5, 4, 12))
    return np.array([150.0, 120.0, 90.0]) + rough[..., None] / rough.std() * [18, 15, 12]


def film(*balls, num_frames=20, seed=0, noise=10.0, coded=True, ground=None, light=None):
    """Shaded balls with soft shadows: (path (T, 2) px or NaN where it is not there, radius, colour) each."""
    rng = np.random.default_rng(seed)
    ground = backdrop(seed) if ground is None else ground
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    video = np.empty((num_frames, HEIGHT, WIDTH, 3))
    for t in range(num_frames):
        picture = ground.copy()
        for path, radius, color in balls:
            if np.isfinite(path[t, 0]):
                cover = coverage("ball", tuple(path[t]), radius, HEIGHT, WIDTH)
                shadow = np.roll(gaussian_filter(cover, 0.3 * radius), (4, 4), (0, 1))
                picture *= 1 - 0.35 * shadow[..., None]
                light_on = 0.75 - 0.3 * ((x - path[t, 0]) + (y - path[t, 1]))[..., None] / (1.5 * radius)
                picture += cover[..., None] * (np.clip(light_on, 0.45, 1.1) * color - picture)
        video[t] = picture * (1 if light is None else light[t])
    video += rng.normal(0, noise, video.shape)
    frames = np.clip(np.rint(video), 0, 255).astype(np.uint8)
    return through_h264(frames) if coded else frames


def through_h264(frames):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        path.write_bytes(encode_mp4(frames, FPS, quality=23))
        return read_film(path).frames


def line(x, y, vx, vy=0.0, num_frames=20):
    return np.array([x, y]) + np.arange(num_frames)[:, None] * [vx, vy]


RED, BLUE = np.array([215.0, 40, 45]), np.array([45.0, 60, 210])


def pixels(seen):
    """(T, B, 2) px, y down."""
    position = seen.tracks.bodies.position * HEIGHT
    return np.stack([position[..., 0], HEIGHT - position[..., 1]], axis=-1)

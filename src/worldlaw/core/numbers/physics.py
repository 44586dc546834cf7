"""Closed forms and conserved quantities of point-like bodies; vectorised, SI units."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

Vector = tuple[float, float] | Float[np.ndarray, "2"]


def free_motion(
    position: Vector, velocity: Vector, gravity: Vector, time: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "T 2"]:
    """Positions (T, 2) in m at times (T,) in s of a body under constant gravity: x0 + v0 t + g t² / 2."""
    t = time[:, None]
    return np.asarray(position) + np.asarray(velocity) * t + 0.5 * np.asarray(gravity) * t**2


def impact(mass1: float, mass2: float, v1: float, v2: float, *, restitution: float) -> tuple[float, float]:
    """Velocities in m/s after a head-on impact, along the line of centres.

    Momentum is kept and the relative velocity is reversed and scaled by ``restitution`` (Newton's law of
    impact).
    """
    mean = (mass1 * v1 + mass2 * v2) / (mass1 + mass2)
    closing = restitution * (v1 - v2) / (mass1 + mass2)
    return mean - mass2 * closing, mean + mass1 * closing


def momentum(mass: Float[np.ndarray, " B"], velocity: Float[np.ndarray, "T B 2"]) -> Float[np.ndarray, "T 2"]:
    """Total momentum in kg m/s at each time; NaN where any body's velocity is NaN."""
    return np.einsum("b,tbd->td", mass, velocity)


def interval_energy(
    mass: Float[np.ndarray, " B"],
    position: Float[np.ndarray, "T B 2"],
    gravity: tuple[float, float],
    dt: float,
) -> Float[np.ndarray, " I"]:
    """Mechanical energy in J over each frame interval, from positions alone.

    Kinetic energy of the interval's mean velocity plus potential energy at its middle. Under constant gravity
    the mean velocity is the velocity in the middle, and the middle lies g dt² / 8 above the chord, so the
    value is exact for any interval without an impact. NaN where any body is not measured.
    """
    g = np.asarray(gravity, float)
    velocity = np.diff(position, axis=0) / dt
    middle = (position[1:] + position[:-1]) / 2 - g * dt**2 / 8
    kinetic = 0.5 * (velocity**2).sum(axis=-1)
    return (mass * (kinetic - middle @ g)).sum(axis=-1)


def impact_intervals(
    position: Float[np.ndarray, "T B 2"], gravity: tuple[float, float], dt: float
) -> Bool[np.ndarray, " I"]:
    """Which frame intervals of an exact trajectory contain an impact of any body, or touch one that does.

    Between impacts the velocity changes by g dt from interval to interval; where it changes otherwise, one of
    the two intervals holds an impact, and both are marked.
    """
    velocity = np.diff(position, axis=0) / dt
    jump = np.abs(np.diff(velocity, axis=0) - np.asarray(gravity) * dt).max(axis=(1, 2)) > 1e-6
    marked = np.zeros(len(velocity), bool)
    marked[:-1] |= jump
    marked[1:] |= jump
    return marked

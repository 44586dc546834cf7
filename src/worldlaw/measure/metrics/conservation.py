"""Does the rollout keep what the law keeps?"""

from __future__ import annotations

import numpy as np

from worldlaw.core.numbers import physics
from worldlaw.core.types import Case
from worldlaw.measure.metrics.metric import metric


@metric(unit="", best=0.0)
def momentum_drift(case: Case) -> float:
    """Mean distance of the measured total momentum from the initial one, as a share of all momenta.

    Over the intervals in which every body is visible in the truth and measured: the mean of |p(t) - p(0)|,
    with the true masses and the true initial momentum, divided by the sum over bodies of m |v(0)| in the
    truth plus the mean sum of m |v(t)| in the rollout. So 1 is the worst that can be, and a slow scene weighs
    as much as a fast one.

    Returns: 0 to 1; NaN if the law does not keep momentum, nothing moves in the truth, or no interval can be
    measured.
    """
    intervals = case.measured_intervals.all(axis=1)
    if "momentum" not in case.scene.invariants or not intervals.any():
        return np.nan
    mass = np.array([body.mass for body in case.scene.bodies])
    start = np.array([body.velocity for body in case.scene.bodies])  # (B, 2) m/s
    moving = float((mass * np.linalg.norm(start, axis=-1)).sum())
    if moving == 0:
        return np.nan
    velocity = case.tracked.bodies.velocity[intervals]
    drift = np.linalg.norm(physics.momentum(mass, velocity) - mass @ start, axis=1).mean()
    return float(drift / (moving + (mass * np.linalg.norm(velocity, axis=-1)).sum(axis=1).mean()))


@metric(unit="", best=0.0)
def energy_drift(case: Case) -> float:
    """Mean distance of the measured mechanical energy from the true one, as a share of the kinetic energies.

    Energy over an interval is that of ``core.physics.interval_energy``, with the true masses, for truth and
    rollout alike; the share is of the mean kinetic energies of truth and rollout together. Intervals at or
    beside a true impact are left out: a mean velocity across an impact says nothing of the energy.

    Returns: a share; NaN if the law does not keep energy, nothing moves in the truth, or no interval can be
    measured.
    """
    scene, truth, seen = case.scene, case.truth, case.tracked.bodies
    intervals = case.measured_intervals.all(axis=1) & ~physics.impact_intervals(
        truth.position, scene.gravity, truth.dt
    )
    if "energy" not in scene.invariants or not intervals.any():
        return np.nan
    mass = np.array([body.mass for body in scene.bodies])
    total, kinetic = (
        np.array(
            [
                physics.interval_energy(mass, states.position, gravity, truth.dt)[intervals]
                for states in (truth, seen)
            ]
        )
        for gravity in (scene.gravity, (0.0, 0.0))
    )
    true_kinetic, seen_kinetic = kinetic.mean(axis=1)
    if true_kinetic == 0:
        return np.nan
    return float(np.abs(total[1] - total[0]).mean() / (true_kinetic + seen_kinetic))

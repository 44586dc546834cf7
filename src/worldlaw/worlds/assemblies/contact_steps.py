"""How rigid bodies that touch move on: steps of second order that end where bodies meet (compiled).

Between impacts places and velocities are those of RATTLE (Andersen 1983, doi:10.1016/0021-9991(83)90014-1),
with contacts that push but never pull, and Coulomb's friction: a push at the start of a step keeps bodies
from overlapping, and what sticks from slipping, at its end; a push at the end stops them from approaching.
Impacts follow Newton's law of restitution with friction. Pushes are found contact by contact (projected
Gauss-Seidel).

Places x (B + 1, 3) are m, m, rad, and v their rates; the last body is the ground, which never moves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from worldlaw.core.compiled import compiled

ROUNDS = 1000  # in which all contacts are solved one after another, at most
UNCHANGED = 1e-5  # m/s; a round that changes less is the last
CLOSER = 1e-7  # m; places that change less by solving once more are final
IMPACTS = 1000  # at one time, at most
TOGETHER = 0.999  # of the speed of the fastest impact: solved together with it
ATTEMPTS = 30  # at most, to end a step where bodies meet
CORRECTION = 0.5  # m/s at most, at which an overlap is undone
BITS = 12  # of a key for a part and for a corner

# One over mass and moment of inertia (0 for what is fixed), whether turning leaves it as it is, reach in m.
BODY = np.dtype([("lightness", "f8"), ("ease", "f8"), ("round", "i8"), ("reach", "f8")])
# A convex part: corners ``start`` to ``end`` in the frame of its body, counter-clockwise, or a ball's centre.
PART = np.dtype([("body", "i8"), ("start", "i8"), ("end", "i8"), ("radius", "f8")])
# A point p of one body, with a radius, near a side (through q) of another or a point q with a radius; p, q
# and the side's outward normal are in the frames of their bodies. The normal n points from the second body to
# the first; a and b lead from their centres to the contact. Along is along n, across is to its left.
CONTACT = np.dtype(
    [(name, "i8") for name in ("key", "side", "first", "second", "held", "rests")]
    + [
        (name, "f8")
        for name in (
            "px",
            "py",
            "radius",
            "qx",
            "qy",
            "other_radius",
            "outward_x",
            "outward_y",  # m
            "gap",
            "nx",
            "ny",
            "ax",
            "ay",
            "bx",
            "by",  # m
            "mass_along",
            "mass_across",  # kg that a push moves
            "bias_along",
            "bias_across",  # m/s that the push has to undo beside the velocity
            "push_along",
            "push_across",
            "before_along",
            "before_across",  # N s, now and earlier in this step
            "early_along",
            "early_across",
            "late_along",
            "late_across",  # N, at either end of a step
        )
    ]
)


class Law(NamedTuple):
    """Constants, SI."""

    gravity_x: float
    gravity_y: float
    friction: float
    restitution: float
    damping: float  # of turning, 1/s
    width: float
    height: float
    step: float  # s
    touch: float  # m; what is nearer touches
    slow: float  # m/s; slower impacts do not bounce


@compiled
def advance(law, bodies, parts, corners, x, v, states, done, now, then, num_now, near, apart, events):
    """Move on by ``len(states)`` (S, B, 6) steps from step ``done``; they get x and v after each.

    ``now`` holds ``num_now`` contacts at x (negative: not yet looked for), ``then`` is room for others.
    ``near`` (B + 1, B + 1) has the time at which bodies last touched; after ``apart`` seconds without that a
    touch is an event (E, 4): time, first and second body, speed of approach. Returns the number of contacts
    and of events, and whether ``now`` and ``then`` have changed places.
    """
    half, end = np.zeros_like(v), np.zeros_like(x)
    turn, turn_end = np.zeros((len(x), 2)), np.zeros((len(x), 2))
    world, boxes = np.zeros_like(corners), np.zeros((len(parts), 4))
    num_bodies, num_events, swapped, weight = len(x) - 1, 0, False, 0.0
    for b in range(num_bodies):
        if bodies[b].lightness > 0:
            weight += math.hypot(law.gravity_x, law.gravity_y) / bodies[b].lightness
    _turns(x, turn)
    if num_now < 0:
        num_now = _detect(law, bodies, parts, corners, x, v, turn, world, boxes, now)
    for step in range(len(states)):
        left = law.step
        while left > 1e-9 * law.step:
            time = (done + step + 1) * law.step - left
            num_events = _touches(law, v, now, num_now, time, near, apart, events, num_events)
            _impact(law, bodies, v, now, num_now)
            duration, num_then = left, 0
            for i in range(num_now):
                now[i].held = now[i].gap <= law.touch
            for attempt in range(ATTEMPTS):
                last = attempt == ATTEMPTS - 1
                _push(law, bodies, x, v, duration, now, num_now, half, end, turn_end)
                sooner = _meeting(law, x, v, half, end, turn_end, duration, now, num_now)
                if 0 < sooner < duration and not last:
                    duration = sooner
                elif sooner == duration or last:
                    num_then = _detect(law, bodies, parts, corners, end, half, turn_end, world, boxes, then)
                    if last or duration < 1e-3 * law.step:
                        break
                    shorter, known = _overlooked(law, bodies, x, turn, now, num_now, then, num_then)
                    if shorter:
                        duration /= 2
                    elif known == num_now:
                        break
                    num_now = known
            _settle(law, bodies, duration, now, num_now, end, turn_end, half)
            for b in range(num_bodies):
                for k in range(3):
                    x[b, k], v[b, k] = end[b, k], half[b, k]
                turn[b, 0], turn[b, 1] = turn_end[b, 0], turn_end[b, 1]
            _hand_on(now, num_now, then, num_then, weight)
            now, then, num_now, swapped = then, now, num_then, not swapped
            left -= duration
        for b in range(num_bodies):
            for k in range(3):
                states[step, b, k], states[step, b, 3 + k] = x[b, k], v[b, k]
    return num_now, num_events, swapped


@compiled
def _turns(x, turn):
    for b in range(len(x)):
        turn[b, 0], turn[b, 1] = math.cos(x[b, 2]), math.sin(x[b, 2])


@compiled
def _touches(law, v, found, count, time, near, apart, events, num_events):
    for i in range(count):
        if found[i].gap > law.touch:
            continue
        low, high = min(found[i].first, found[i].second), max(found[i].first, found[i].second)
        if time - near[low, high] >= apart and num_events < len(events):
            fastest = 0.0
            for j in range(count):
                a, b = found[j].first, found[j].second
                if min(a, b) == low and max(a, b) == high and found[j].gap <= law.touch:
                    fastest = max(fastest, -_approach(found[j], v)[0])
            events[num_events, 0], events[num_events, 1] = time, low
            events[num_events, 2], events[num_events, 3] = high, fastest
            num_events += 1
        near[low, high] = time
    return num_events


@compiled
def _approach(c, v):
    """Relative velocity at a contact along the normal and across it, m/s; below 0 if it closes."""
    x = v[c.first, 0] - v[c.first, 2] * c.ay - v[c.second, 0] + v[c.second, 2] * c.by
    y = v[c.first, 1] + v[c.first, 2] * c.ax - v[c.second, 1] - v[c.second, 2] * c.bx
    return c.nx * x + c.ny * y, -c.ny * x + c.nx * y


@compiled
def _apply(bodies, c, v, along, across):
    """Push two bodies apart along the normal and aside across it, N s."""
    jx, jy = c.nx * along - c.ny * across, c.ny * along + c.nx * across
    a, b = c.first, c.second
    v[a, 0] += jx * bodies[a].lightness
    v[a, 1] += jy * bodies[a].lightness
    v[a, 2] += (c.ax * jy - c.ay * jx) * bodies[a].ease
    v[b, 0] -= jx * bodies[b].lightness
    v[b, 1] -= jy * bodies[b].lightness
    v[b, 2] -= (c.bx * jy - c.by * jx) * bodies[b].ease


@compiled
def _measure(c, x, turn):
    """Gap, normal and the point of the first body that is nearest, at some poses."""
    a, b = c.first, c.second
    px = x[a, 0] + turn[a, 0] * c.px - turn[a, 1] * c.py
    py = x[a, 1] + turn[a, 1] * c.px + turn[a, 0] * c.py
    dx = px - x[b, 0] - turn[b, 0] * c.qx + turn[b, 1] * c.qy
    dy = py - x[b, 1] - turn[b, 1] * c.qx - turn[b, 0] * c.qy
    if c.side:
        nx = turn[b, 0] * c.outward_x - turn[b, 1] * c.outward_y
        ny = turn[b, 1] * c.outward_x + turn[b, 0] * c.outward_y
        gap = nx * dx + ny * dy
    else:
        gap = math.sqrt(dx * dx + dy * dy)
        nx, ny = dx / gap, dy / gap
    return gap - c.radius - c.other_radius, nx, ny, px - c.radius * nx, py - c.radius * ny


@compiled
def _place(bodies, c, x, turn):
    """Gap, normal, arms and masses of a contact at some poses."""
    c.gap, c.nx, c.ny, px, py = _measure(c, x, turn)
    a, b = c.first, c.second
    c.ax, c.ay, c.bx, c.by = px - x[a, 0], py - x[a, 1], px - x[b, 0], py - x[b, 1]
    light, first, second = bodies[a].lightness + bodies[b].lightness, bodies[a].ease, bodies[b].ease
    along_a, along_b = c.ax * c.ny - c.ay * c.nx, c.bx * c.ny - c.by * c.nx
    across_a, across_b = c.ax * c.nx + c.ay * c.ny, c.bx * c.nx + c.by * c.ny
    c.mass_along = 1 / (light + first * along_a * along_a + second * along_b * along_b)
    c.mass_across = 1 / (light + first * across_a * across_a + second * across_b * across_b)


@compiled
def _solve(law, bodies, found, count, v):
    """Find the pushes of what is held: none pulls (with those before), none rubs more than friction can."""
    for _ in range(ROUNDS):
        most = 0.0
        for i in range(count):
            c = found[i]
            if not c.held:
                continue
            normal, _tangent = _approach(c, v)
            along = max(c.push_along - (normal + c.bias_along) * c.mass_along, -c.before_along)
            change = along - c.push_along
            if change != 0:
                most = max(most, abs(change) / c.mass_along)
                c.push_along = along
                _apply(bodies, c, v, change, 0.0)
            _normal, tangent = _approach(c, v)
            limit = law.friction * (along + c.before_along)
            across = c.push_across - (tangent + c.bias_across) * c.mass_across
            across = min(max(across, -limit - c.before_across), limit - c.before_across)
            change = across - c.push_across
            if change != 0:
                most = max(most, abs(change) / c.mass_across)
                c.push_across = across
                _apply(bodies, c, v, 0.0, change)
        if most < UNCHANGED:
            return


@compiled
def _impact(law, bodies, v, found, count):
    """Newton's law of restitution where bodies that touch close fast.

    One contact after another, the fastest first, with all that rested before: an impact between bodies that
    nearly touch others is what it is when they do, so that little hangs on which of them count as touching.
    """
    for again in range(IMPACTS):
        fastest = law.slow
        for i in range(count):
            c = found[i]
            if c.gap <= law.touch:
                normal, _across = _approach(c, v)
                fastest = max(fastest, -normal)
                if again == 0:
                    c.rests = abs(normal) < law.slow
        if fastest == law.slow:
            return
        for i in range(count):
            c = found[i]
            c.held = False
            if c.gap <= law.touch:
                normal, _across = _approach(c, v)
                c.held = -normal >= TOGETHER * fastest or c.rests
                c.push_along = c.push_across = c.before_along = c.before_across = 0.0
                c.bias_along, c.bias_across = law.restitution * min(normal, 0.0), 0.0
        _solve(law, bodies, found, count, v)


@compiled
def _push(law, bodies, x, v, duration, found, count, half, end, turn_end):
    """Velocities half a step and places a step on, at which nothing that is held overlaps."""
    for b in range(len(x) - 1):
        for k in range(3):
            half[b, k] = v[b, k]
        if bodies[b].lightness > 0:
            half[b, 0] += law.gravity_x * duration / 2
            half[b, 1] += law.gravity_y * duration / 2
            half[b, 2] *= math.exp(-law.damping * duration)
    any_held = False
    for i in range(count):
        c = found[i]
        if c.held:
            any_held = True
            c.push_along, c.push_across = c.early_along * duration, c.early_across * duration
            c.before_along = c.before_across = 0.0
            _apply(bodies, c, half, c.push_along, c.push_across)
    for again in range(4):
        for b in range(len(x) - 1):
            for k in range(3):
                end[b, k] = x[b, k] + duration * half[b, k]
        _turns(end, turn_end)
        if not any_held or again == 3:
            break
        changed = 0.0
        for i in range(count):
            c = found[i]
            if c.held:
                gap, _nx, _ny, _px, _py = _measure(c, end, turn_end)
                normal, _ = _approach(c, half)
                along = (gap - min(0.0, c.gap + CORRECTION * duration)) / duration - normal
                across = _curved(bodies, c, half, duration)
                changed = max(changed, abs(along - c.bias_along), abs(across - c.bias_across))
                c.bias_along, c.bias_across = along, across
        if again > 0 and changed * duration < CLOSER:
            break
        _solve(law, bodies, found, count, half)
    for i in range(count):
        c = found[i]
        if c.held:
            c.early_along, c.early_across = c.push_along / duration, c.push_across / duration


@compiled
def _curved(bodies, c, v, duration):
    """By how much the points in contact leave the tangents of their circles, across the contact, m/s."""
    aside = 0.0
    if not bodies[c.first].round:
        angle = v[c.first, 2] * duration
        aside += (math.cos(angle) - 1) * (c.nx * c.ay - c.ny * c.ax)
        aside += (math.sin(angle) - angle) * (c.nx * c.ax + c.ny * c.ay)
    if not bodies[c.second].round:
        angle = v[c.second, 2] * duration
        aside -= (math.cos(angle) - 1) * (c.nx * c.by - c.ny * c.bx)
        aside -= (math.sin(angle) - angle) * (c.nx * c.bx + c.ny * c.by)
    return aside / duration


@compiled
def _meeting(law, x, v, half, end, turn_end, duration, found, count):
    """When the first loose contact closes: the duration if none does, 0 if a slow one is held now."""
    soonest, slow = duration, False
    for i in range(count):
        c = found[i]
        if c.held:
            continue
        gap, _nx, _ny, _px, _py = _measure(c, end, turn_end)
        if gap >= -law.touch / 10:
            continue
        low, high, at = 0.0, duration, duration
        gap_low, gap_high = c.gap, gap
        for _ in range(40):
            at = (low * gap_high - high * gap_low) / (gap_high - gap_low)
            value = _gap_on_path(c, x, v, half, duration, at)
            if abs(value) < law.touch / 10:
                break
            if value > 0:
                low, gap_low = at, value
                gap_high /= 2
            else:
                high, gap_high = at, value
                gap_low /= 2
        later = min(at * (1 + 1e-6) + 1e-9, duration)
        sooner = at * (1 - 1e-6)
        closing = _gap_on_path(c, x, v, half, duration, sooner)
        closing -= _gap_on_path(c, x, v, half, duration, later)
        if closing < law.slow * (later - sooner) or at < 1e-6 * law.step:
            c.held = slow = True
            c.early_along = c.early_across = c.late_along = c.late_across = 0.0
        else:
            soonest = min(soonest, at)
    if slow:
        return 0.0
    return soonest


@compiled
def _gap_on_path(c, x, v, half, duration, at):
    """Gap of a contact some time after the start of a step, m."""
    a, b = c.first, c.second
    bend = at * at / duration
    angle = x[a, 2] + at * v[a, 2] + bend * (half[a, 2] - v[a, 2])
    cos, sin = math.cos(angle), math.sin(angle)
    dx = x[a, 0] + at * v[a, 0] + bend * (half[a, 0] - v[a, 0]) + cos * c.px - sin * c.py
    dy = x[a, 1] + at * v[a, 1] + bend * (half[a, 1] - v[a, 1]) + sin * c.px + cos * c.py
    angle = x[b, 2] + at * v[b, 2] + bend * (half[b, 2] - v[b, 2])
    cos, sin = math.cos(angle), math.sin(angle)
    dx -= x[b, 0] + at * v[b, 0] + bend * (half[b, 0] - v[b, 0]) + cos * c.qx - sin * c.qy
    dy -= x[b, 1] + at * v[b, 1] + bend * (half[b, 1] - v[b, 1]) + sin * c.qx + cos * c.qy
    if c.side:
        gap = (cos * c.outward_x - sin * c.outward_y) * dx + (sin * c.outward_x + cos * c.outward_y) * dy
    else:
        gap = math.sqrt(dx * dx + dy * dy)
    return gap - c.radius - c.other_radius


@compiled
def _overlooked(law, bodies, x, turn, now, num_now, then, num_then):
    """Add contacts that were found only at the end of a step, and deep, to those of its start.

    Returns whether there are such as could not have been found there, so that a shorter step has to be tried,
    and how many contacts there are now.
    """
    shorter = False
    for j in range(num_then):
        if then[j].gap >= -law.touch:
            continue
        known = num_now == len(now)
        for i in range(num_now):
            known = known or now[i].key == then[j].key
        if not known:
            now[num_now] = then[j]
            now[num_now].held = False
            _place(bodies, now[num_now], x, turn)
            if now[num_now].gap <= 0:
                shorter = True
            else:
                num_now += 1
    return shorter, num_now


@compiled
def _settle(law, bodies, duration, found, count, end, turn_end, half):
    """Velocities at the end of a step: what was held no longer closes."""
    for b in range(len(half) - 1):
        if bodies[b].lightness > 0:
            half[b, 0] += law.gravity_x * duration / 2
            half[b, 1] += law.gravity_y * duration / 2
    any_held = False
    for i in range(count):
        c = found[i]
        if c.held:
            _place(bodies, c, end, turn_end)
            c.before_along, c.before_across = c.early_along * duration, c.early_across * duration
            normal, _ = _approach(c, half)
            if c.before_along == 0 and (c.gap > law.touch or normal < -law.slow):
                c.held = False
    for i in range(count):
        c = found[i]
        if c.held:
            any_held = True
            c.bias_along = c.bias_across = 0.0
            c.push_along = max(c.late_along * duration, -c.before_along)
            c.push_across = c.late_across * duration
            _apply(bodies, c, half, c.push_along, c.push_across)
    if any_held:
        _solve(law, bodies, found, count, half)
    for i in range(count):
        c = found[i]
        if c.held:
            c.late_along, c.late_across = c.push_along / duration, c.push_across / duration


@compiled
def _hand_on(now, num_now, then, num_then, most):
    """The pushes of a step are the first guess of those of the next, up to a force (N).

    Without the limit jammed bodies, which any pushes hold that are large enough, would press ever more.
    """
    for j in range(num_then):
        c = then[j]
        c.early_along = c.early_across = c.late_along = c.late_across = 0.0
        for i in range(num_now):
            if now[i].key == c.key:
                if now[i].held:
                    early = most / max(now[i].early_along, most)
                    late = most / max(now[i].late_along, most)
                    c.early_along, c.early_across = early * now[i].early_along, early * now[i].early_across
                    c.late_along, c.late_across = late * now[i].late_along, late * now[i].late_across
                break


@compiled
def _detect(law, bodies, parts, corners, x, v, turn, world, boxes, found):
    """All contacts of corners and sides that could close within a step; their number."""
    count, ground = 0, len(x) - 1
    for p in range(len(parts)):
        part = parts[p]
        b = part.body
        margin = (math.hypot(v[b, 0], v[b, 1]) + abs(v[b, 2]) * bodies[b].reach) * law.step + 0.02
        margin += part.radius
        left, low, right, high = math.inf, math.inf, -math.inf, -math.inf
        for c in range(part.start, part.end):
            wx = x[b, 0] + turn[b, 0] * corners[c, 0] - turn[b, 1] * corners[c, 1]
            wy = x[b, 1] + turn[b, 1] * corners[c, 0] + turn[b, 0] * corners[c, 1]
            world[c, 0], world[c, 1] = wx, wy
            left, low, right, high = min(left, wx), min(low, wy), max(right, wx), max(high, wy)
        boxes[p, 0], boxes[p, 1] = left - margin, low - margin
        boxes[p, 2], boxes[p, 3] = right + margin, high + margin
        if bodies[b].lightness == 0:
            continue
        if left > margin and low > margin and right < law.width - margin and high < law.height - margin:
            continue
        for c in range(part.start, part.end):
            for wall in range(4):
                nx, ny = (1.0, 0.0, -1.0, 0.0)[wall], (0.0, 1.0, 0.0, -1.0)[wall]
                qx, qy = (0.0, 0.0, law.width, 0.0)[wall], (0.0, 0.0, 0.0, law.height)[wall]
                if nx * (world[c, 0] - qx) + ny * (world[c, 1] - qy) < margin and count < len(found):
                    new = found[count]
                    _begin(parts, corners, new, p, c, ground, len(parts), 2 * wall + 1)
                    new.qx, new.qy, new.outward_x, new.outward_y = qx, qy, nx, ny
                    _place(bodies, new, x, turn)
                    count += 1
    for p in range(len(parts)):
        for q in range(p + 1, len(parts)):
            if boxes[p, 0] > boxes[q, 2] or boxes[q, 0] > boxes[p, 2]:
                continue
            if boxes[p, 1] > boxes[q, 3] or boxes[q, 1] > boxes[p, 3]:
                continue
            a, b = parts[p].body, parts[q].body
            if a == b or bodies[a].lightness + bodies[b].lightness == 0 or count + 4 > len(found):
                continue
            before = count
            if parts[p].radius > 0:
                count = _detect_ball(parts, corners, found, count, p, q, world)
            elif parts[q].radius > 0:
                count = _detect_ball(parts, corners, found, count, q, p, world)
            else:
                count = _detect_sides(parts, corners, found, count, p, q, world)
            for i in range(before, count):
                _place(bodies, found[i], x, turn)
    return count


@compiled
def _next(part, c):
    return c + 1 if c + 1 < part.end else part.start


@compiled
def _along(world, c, start, end):
    """Where the foot of a point on a side is, as a share of the side."""
    ex, ey = world[end, 0] - world[start, 0], world[end, 1] - world[start, 1]
    return ((world[c, 0] - world[start, 0]) * ex + (world[c, 1] - world[start, 1]) * ey) / (ex * ex + ey * ey)


@compiled
def _detect_ball(parts, corners, found, count, p, q, world):
    """A ball p against another, or the side or corner of q that is nearest to its centre."""
    part, center = parts[q], parts[p].start
    if part.radius > 0:
        return _point(parts, corners, found, count, p, center, q, part.start)
    best, side = -math.inf, part.start
    for c in range(part.start, part.end):
        d = _next(part, c)
        ex, ey = world[d, 0] - world[c, 0], world[d, 1] - world[c, 1]
        beyond = (world[center, 0] - world[c, 0]) * ey - (world[center, 1] - world[c, 1]) * ex
        beyond /= math.sqrt(ex * ex + ey * ey)
        if beyond > best:
            best, side = beyond, c
    along = _along(world, center, side, _next(part, side))
    if along < 0:
        return _point(parts, corners, found, count, p, center, q, side)
    if along > 1:
        return _point(parts, corners, found, count, p, center, q, _next(part, side))
    return _side(parts, corners, found, count, p, center, q, side)


@compiled
def _most_apart(part, other, world):
    """How far the nearest corner of another part is outside of the side that it is farthest outside of."""
    best, side = -math.inf, part.start
    for c in range(part.start, part.end):
        d = _next(part, c)
        ex, ey = world[d, 0] - world[c, 0], world[d, 1] - world[c, 1]
        length = math.sqrt(ex * ex + ey * ey)
        least = math.inf
        for k in range(other.start, other.end):
            least = min(least, ey * (world[k, 0] - world[c, 0]) - ex * (world[k, 1] - world[c, 1]))
        if least / length > best:
            best, side = least / length, c
    return best, side


@compiled
def _detect_sides(parts, corners, found, count, p, q, world):
    """Two convex parts: corners of either that lie before the facing side of the other."""
    apart, side = _most_apart(parts[p], parts[q], world)
    other_apart, other_side = _most_apart(parts[q], parts[p], world)
    if other_apart > apart:
        p, q, side = q, p, other_side
    side_end = _next(parts[p], side)
    ex, ey = world[side_end, 0] - world[side, 0], world[side_end, 1] - world[side, 1]
    best, facing, facing_end = math.inf, side, side
    for c in range(parts[q].start, parts[q].end):
        d = _next(parts[q], c)
        fx, fy = world[d, 0] - world[c, 0], world[d, 1] - world[c, 1]
        alike = (ex * fx + ey * fy) / math.sqrt(fx * fx + fy * fy)
        if alike < best:
            best, facing, facing_end = alike, c, d
    for c in (facing, facing_end):
        if -1e-9 <= _along(world, c, side, side_end) <= 1 + 1e-9:
            count = _side(parts, corners, found, count, q, c, p, side)
    for c in (side, side_end):
        if -1e-9 <= _along(world, c, facing, facing_end) <= 1 + 1e-9:
            count = _side(parts, corners, found, count, p, c, q, facing)
    return count


@compiled
def _begin(parts, corners, c, p, corner, second, other, feature):
    """Corner of part p against a feature of another part."""
    c.key = (((p << BITS) + corner - parts[p].start << BITS) + other << BITS) + feature
    c.first, c.second, c.side, c.held = parts[p].body, second, feature % 2, 0
    c.px, c.py, c.radius, c.other_radius = corners[corner, 0], corners[corner, 1], parts[p].radius, 0.0


@compiled
def _point(parts, corners, found, count, p, corner, q, other):
    c = found[count]
    _begin(parts, corners, c, p, corner, parts[q].body, q, 2 * (other - parts[q].start))
    c.qx, c.qy, c.other_radius = corners[other, 0], corners[other, 1], parts[q].radius
    return count + 1


@compiled
def _side(parts, corners, found, count, p, corner, q, side):
    c = found[count]
    _begin(parts, corners, c, p, corner, parts[q].body, q, 2 * (side - parts[q].start) + 1)
    end = _next(parts[q], side)
    ex, ey = corners[end, 0] - corners[side, 0], corners[end, 1] - corners[side, 1]
    length = math.sqrt(ex * ex + ey * ey)
    c.qx, c.qy, c.outward_x, c.outward_y = corners[side, 0], corners[side, 1], ey / length, -ex / length
    return count + 1

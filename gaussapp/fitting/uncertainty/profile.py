r"""Ends of profile-likelihood intervals, for a stack of quantities, sides and data sets at once.

The profile of a quantity γ is what the deviance D rises to when γ is held and all else is fitted anew; an end of the
interval is where it has risen by τ². In coordinates of which γ is one, a trial point (γ, ψ) with gradient g and Hessian
H of the rest gives the profile to second order, :math:`D - g^T H^{-1} g`, and its slope; √D is nearly linear in γ. So
every evaluation moves γ by Newton's step on √D and ψ to its new best place together (Venzon and Moolgavkar, Appl. Stat.
37:87, 1988), held between points known to lie inside and outside (Bates and Watts, Nonlinear Regression Analysis, 1988,
ch. 6 for the profile as such).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.constrained.coordinates import Coordinates
from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.loss import Evaluations, StackLoss
from gaussapp.fitting.uncertainty.quantity import Quantity

STEPS = 80
"""Evaluations for one end at most; five is usual."""

FARTHEST = 100.0
"""An end farther than this many symmetric half widths does not exist."""

LEVEL = 8.0
"""Symmetric half widths beyond which a profile that rises by too little to come to its end is known to have none."""

RISEN = 1e-8
"""Share of τ² to which the deviance at an end is right."""


# ---------------------------------------------------------------------------------------------- ends


@dataclass(slots=True)
class Side:
    """A stack of ends to find, all arrays (S,): how each quantity is held, and what is known of it so far."""

    held: NDArray[np.intp]
    other: NDArray[np.intp]  # the held one itself where there is none, with nothing depending on it
    inverse: NDArray[np.bool_]
    m_slope: Array
    m_shift: Array
    slope: Array
    shift: Array
    divisor: Array

    def chosen(self, rows: NDArray[np.intp]) -> Side:
        """Return some of the stack."""
        return Side(*(getattr(self, name)[rows] for name in self.__slots__))

    def derivatives(self, gamma: Array, other: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Return the held coordinate, its derivatives by the other (first, second) and by γ, and the mixed one."""
        argument = self.m_slope * other + self.m_shift
        safe = np.where(argument == 0.0, 1e-300, argument)
        m = np.where(self.inverse, 1.0 / safe, argument)
        m1 = np.where(self.inverse, -self.m_slope / safe**2, self.m_slope)
        m2 = np.where(self.inverse, 2.0 * self.m_slope**2 / safe**3, 0.0)
        value = (gamma * m + self.slope * other + self.shift) / self.divisor
        return (
            value,
            (gamma * m1 + self.slope) / self.divisor,
            gamma * m2 / self.divisor,
            m / self.divisor,
            m1 / self.divisor,
        )

    def gamma(self, f: Array) -> tuple[Array, Array]:
        """Return γ and its gradient at free coordinates, (S,), (S, F)."""
        rows = np.arange(f.shape[0])
        other = f[rows, self.other]
        argument = self.m_slope * other + self.m_shift
        left = f[rows, self.held] * self.divisor - self.slope * other - self.shift
        safe = np.where(argument == 0.0, 1e-300, argument)
        factor = np.where(self.inverse, argument, 1.0 / safe)
        gamma = left * factor
        gradient = np.zeros_like(f)
        by_argument = np.where(self.inverse, left, -left / safe**2) * self.m_slope
        gradient[rows, self.other] += by_argument - self.slope * factor
        gradient[rows, self.held] += self.divisor * factor
        return gamma, gradient


def sides_of(quantities: list[Quantity]) -> Side:
    """Return the ends of some quantities as a stack of one each."""
    held = np.array([q.held for q in quantities], dtype=np.intp)
    other = np.array([q.held if q.other < 0 else q.other for q in quantities], dtype=np.intp)
    columns = [[getattr(q, name) for q in quantities] for name in ("m_slope", "m_shift", "slope", "shift", "divisor")]
    return Side(
        held, other, np.array([q.inverse for q in quantities]), *(np.array(column, float) for column in columns)
    )


def profile_ends(
    loss: StackLoss,
    best: Array,
    least: Array,
    noise: Array,
    covariance: Array,
    quantities: list[Quantity],
    tau: float,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return both ends of the interval of every quantity for every data set.

    Parameters
    ----------
    loss
        What the fits have minimised.
    best, least
        Free coordinates, (R, F), and loss, (R,), at the minima.
    noise
        What the loss is divided by, and doubled, to become a deviance, (R,): the variance of a point, 1 for counts.
    covariance
        Of the free coordinates, (R, F, F); anything where it is not known.
    quantities
        What to find intervals of, Q.
    tau
        Square root of the rise of the deviance.

    Returns
    -------
    ends : ndarray of shape (R, Q, 2)
        γ at the lower and upper end; ∓inf where the deviance never rises that far.
    values : ndarray of shape (R, Q)
        γ at the minima.
    found : ndarray of shape (R, Q, 2)
        False where an end was not found to the last digits; it is farther out than it should be then.
    """
    count, sets = len(quantities), best.shape[0]
    each = sides_of(quantities)
    which = np.tile(np.repeat(np.arange(count), 2), sets)
    data = np.repeat(np.arange(sets), 2 * count)
    sign = np.tile([-1.0, 1.0], sets * count)
    with np.errstate(all="ignore"):
        ends, found, centers = seek(
            loss, best[data], least[data], noise[data], covariance[data], each.chosen(which), sign, data, tau
        )
    shape = (sets, count, 2)
    return ends.reshape(shape), centers.reshape(shape)[:, :, 0], found.reshape(shape)


def seek(
    loss: StackLoss,
    f: Array,
    least: Array,
    noise: Array,
    covariance: Array,
    side: Side,
    sign: Array,
    data: NDArray[np.intp],
    tau: float,
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return the ends of a stack, which of them were found, and the quantities at the minima."""
    stack = f.shape[0]
    low, high = loss.coordinates.low, loss.coordinates.high
    rows = np.arange(stack)
    center, direction = side.gamma(f)
    along = np.einsum("sij,sj->si", covariance, direction)
    error = np.sqrt(np.einsum("si,si->s", along, direction))
    known = np.isfinite(error) & (error > 0.0) & np.all(np.isfinite(along), axis=1)
    error = np.where(known, error, 0.1 * np.maximum(np.abs(center), 0.1))
    start = sign * tau * error
    tangent = np.where(known[:, None], along / np.where(known, error * error, 1.0)[:, None], 0.0)
    unit = np.abs(start)
    distance = within_box(side, center, sign, unit, np.zeros(stack), f, low, high).copy()
    inside, outside = np.zeros(stack), np.full(stack, np.inf)
    here = kept(f + tangent * (sign * distance)[:, None], f, low, high, loss.coordinates)
    ends, found = np.full(stack, np.nan), np.zeros(stack, dtype=bool)
    damping, settled_value = np.zeros(stack), np.full(stack, np.inf)
    settled, inner = f.copy(), f.copy()
    growth = np.full(stack, 4.0)
    active = rows
    for _ in range(STEPS):
        if not active.size:
            break
        s = side.chosen(active)
        now = here[active]
        index = np.arange(active.size)
        gamma = center[active] + sign[active] * distance[active]
        held, by_other, by_other2, by_gamma, mixed = s.derivatives(gamma, now[index, s.other])
        now[index, s.held] = held
        seen = loss.evaluate(now, data[active])
        gradient, matrix = reduced(seen, seen.full, s, by_other, by_other2, now, low, high)
        step, decrement = newton(matrix, gradient, damping[active], now, low, high)
        bad = ~(decrement >= 0.0)
        if bad.any():
            soft = reduced(seen, seen.positive, s, by_other, by_other2, now, low, high, second=False)[1]
            again, less = newton(soft[bad], gradient[bad], np.maximum(damping[active][bad], 1e-3), now[bad], low, high)
            step[bad], decrement[bad] = again, less
        v = noise[active]
        deviance = 2.0 * (seen.value - least[active]) / v
        fall = np.where(bad, 0.0, decrement / v)  # a Newton step would take this off
        profile = np.maximum(deviance - fall, 0.0)
        finite = np.isfinite(deviance) & np.isfinite(step).all(axis=1)
        # where the rest is far from its best place, only that is improved, and never for the worse
        rough = ~finite | (decrement / v > 0.1 * tau * tau) | (damping[active] > 1e-6)
        far = ~finite | (rough & (deviance > 9.0 * tau * tau))
        worse = ~finite | (rough & (seen.value > settled_value[active] * (1.0 + 1e-12)))
        done = finite & ~rough & (decrement / v < 1e-9 * tau * tau) & (abs(profile - tau * tau) < RISEN * tau * tau)
        # a safeguard that is reached stands for infinity
        endless = done & run_away(now, loss.coordinates)
        ends[active[done]] = np.where(endless, np.inf * sign[active], gamma)[done]
        found[active[done]] = True
        # --- the quantity's own step
        cross = np.einsum("sij,s->sij", seen.full, by_gamma)[index, :, s.held]
        cross[index, s.other] += by_other * seen.full[index, s.held, s.held] * by_gamma
        cross[index, s.other] += np.where(s.other == s.held, 0.0, mixed * seen.gradient[index, s.held])
        cross = np.where(frozen(now, gradient, s, low, high), 0.0, cross)
        # the slope of the profile to the same order: what the step of the rest changes of it included
        slope = seen.gradient[index, s.held] * by_gamma + np.where(bad, 0.0, np.vecdot(step, cross))
        slope *= 2.0 / v * sign[active]
        root = np.sqrt(profile)
        moving = ~rough & ~done
        short = moving & (profile < tau * tau)
        # A deviance at any place is at least the profile's, so that it can vouch for inside at once; for outside only
        # where there is nothing left to gain.
        certain = finite & (deviance < tau * tau)
        further = certain & (distance[active] >= inside[active])
        inside[active[further]], inner[active[further]] = distance[active][further], now[further]
        left = decrement / v
        beyond = moving & ~short & ((left < 0.1 * (profile - tau * tau)) | (left < 1e-7 * tau * tau))
        outside[active[beyond]] = np.minimum(outside[active[beyond]], distance[active[beyond]])
        change = np.where(slope > 0.0, (tau - root) * 2.0 * root / slope, np.inf)
        wanted = distance[active] + np.where(np.isfinite(change), change, np.inf)
        least_d, most_d = inside[active], outside[active]
        open_end = ~np.isfinite(most_d)
        limit = np.where(open_end, growth[active] * np.maximum(distance[active], 0.3 * unit[active]), most_d)
        out = (wanted <= least_d) | (wanted >= most_d) | (wanted > limit)
        middle = np.where(open_end, limit, 0.5 * (least_d + most_d))
        wanted = np.where(out, middle, wanted)
        wanted = np.where(moving, wanted, distance[active])
        wanted = within_box(s, center[active], sign[active], wanted, distance[active], now, low, high)
        bound, near_bound = at_bound(s, held, f[active], sign[active] * by_gamma, low, high)
        # --- the step of the rest, with what it has to follow the quantity by
        shift = (wanted - distance[active]) * sign[active]
        follow = np.where(moving[:, None], -solved(matrix, cross)[0] * shift[:, None], 0.0)
        follow[~np.isfinite(follow).all(axis=1)] = 0.0
        moved = now + np.where(finite[:, None], step, 0.0) + follow
        moved = kept(moved, now, low, high, loss.coordinates)
        if worse.any():  # back to the last good place, with a shorter step
            back = active[worse]
            damping[back] = np.maximum(10.0 * damping[back], 1e-2)
            moved[worse] = 0.5 * (settled[back] + now[worse])
        good = ~worse
        damping[active[good]] *= np.where(damping[active[good]] > 1e-5, 0.03, 0.0)
        settled[active[good]] = now[good]
        settled_value[active[good]] = np.where(rough[good], seen.value[good], np.inf)
        if far.any():  # too long a way at once: a shorter one from where it was still inside
            back = active[far]
            wanted[far] = inside[back] + 0.3 * (distance[back] - inside[back])
            moved[far] = inner[back]
            growth[back] = np.maximum(0.5 * growth[back], 1.5)
            damping[back], settled_value[back] = 0.0, np.inf
        distance_before = distance[active]
        distance[active] = wanted
        here[active] = moved
        # Far out a profile levels off as 1/γ: what it still rises by is its slope times the way gone, taken twice here.
        level = short & (distance_before > LEVEL * unit[active]) & (left < 1e-3 * tau * tau)
        level &= profile + 2.0 * distance_before * np.maximum(slope, 0.0) < tau * tau
        gone = level | moving & ((inside[active] > FARTHEST * unit[active]) | (short & run_away(now, loss.coordinates)))
        ends[active[gone]] = np.inf * sign[active[gone]]
        found[active[gone]] = True
        # inside and outside have met: the profile jumps there, from one minimum of the rest to another
        met = moving & (outside[active] - inside[active] < 1e-7 * unit[active])
        ends[active[met]] = gamma[met]
        found[active[met]] = True
        # the held coordinate has come to its own bound, and the deviance has not risen far enough
        stopped = short & near_bound & ~met & ~gone
        at_end = gamma + (bound - held) / by_gamma
        at_end = np.where(stated_bound(s, bound, loss.coordinates), at_end, np.inf * sign[active])
        ends[active[stopped]] = at_end[stopped]
        found[active[stopped]] = True
        active = active[~(done | gone | met | stopped)]
    # What has not settled ends where the deviance is known to have risen too far, if anywhere.
    ends[active] = center[active] + sign[active] * outside[active]
    return ends, found, center


def within_box(
    side: Side, center: Array, sign: Array, wanted: Array, distance: Array, f: Array, low: Array, high: Array
) -> Array:
    """Return distances halved back towards `distance` until the held coordinate is inside its bounds."""
    index = np.arange(wanted.size)
    for _ in range(60):
        held = side.derivatives(center + sign * wanted, f[index, side.other])[0]
        beyond = (held < low[side.held]) | (held > high[side.held])
        if not beyond.any():
            break
        wanted = np.where(beyond, 0.5 * (wanted + distance), wanted)
    return wanted


def at_bound(
    side: Side, held: Array, best: Array, heading: Array, low: Array, high: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the bound that the held coordinate heads for, and whether it has come within a thousandth of the way."""
    bound = np.where(heading > 0.0, high[side.held], low[side.held])
    way = np.abs(best[np.arange(held.size), side.held] - bound)
    return bound, np.isfinite(bound) & (np.abs(held - bound) <= 1e-3 * way)


def run_away(f: Array, coordinates: Coordinates) -> NDArray[np.bool_]:
    """Tell where a coordinate is at a bound that nobody asked for: the best place is beyond, at infinity."""
    low, high = coordinates.low + 1e-9, coordinates.high - 1e-9
    return np.asarray(np.any(((f <= low) & ~coordinates.stated[0]) | ((f >= high) & ~coordinates.stated[1]), axis=1))


def stated_bound(side: Side, bound: Array, coordinates: Coordinates) -> NDArray[np.bool_]:
    """Tell which bounds are real ones, zero for a width among them."""
    upper = bound == coordinates.high[side.held]
    return np.asarray(np.where(upper, coordinates.stated[1][side.held], True))


def kept(f: Array, before: Array, low: Array, high: Array, coordinates: Coordinates) -> Array:
    """Return coordinates inside the box, no width less than a third or more than three times of what it was."""
    f = np.clip(f, low, high)
    p, q = (g @ coordinates.transform.T + coordinates.shift for g in (f, before))
    widths = slice(2, 3 * coordinates.peaks, 3)
    centers = slice(1, 3 * coordinates.peaks, 3)
    ratio = p[:, widths] / q[:, widths]
    up, down = 2.0 / np.maximum(ratio - 1.0, 1e-300), (2.0 / 3.0) / np.maximum(1.0 - ratio, 1e-300)
    away = 2.0 * q[:, widths] / np.maximum(np.abs(p[:, centers] - q[:, centers]), 1e-300)
    factor = np.minimum(1.0, np.min(np.minimum(np.minimum(up, down), away), axis=1))
    return np.asarray(np.where(factor[:, None] < 1.0, before + factor[:, None] * (f - before), f))


def frozen(f: Array, gradient: Array, side: Side, low: Array, high: Array) -> NDArray[np.bool_]:
    """Tell which coordinates do not move: the held one, and those at a bound that the loss pushes outwards."""
    fixed = ((f <= low) & (gradient > 0.0)) | ((f >= high) & (gradient < 0.0)) | (low == high)
    fixed[np.arange(f.shape[0]), side.held] = True
    return np.asarray(fixed)


def reduced(
    seen: Evaluations,
    hessian: Array,
    side: Side,
    by_other: Array,
    by_other2: Array,
    f: Array,
    low: Array,
    high: Array,
    *,
    second: bool = True,
) -> tuple[Array, Array]:
    """Return gradient and Hessian of all but the held coordinate, which follows the other one."""
    index = np.arange(f.shape[0])
    pair = side.other != side.held
    push = np.where(pair, by_other, 0.0)
    gradient, matrix = seen.gradient.copy(), hessian.copy()
    pull = gradient[index, side.held].copy()
    gradient[index, side.other] += push * pull
    column = matrix[index, :, side.held].copy()
    matrix[index, :, side.other] += push[:, None] * column
    matrix[index, side.other, :] += push[:, None] * column
    matrix[index, side.other, side.other] += push * push * column[index, side.held]
    if second:
        matrix[index, side.other, side.other] += np.where(pair, by_other2 * pull, 0.0)
    fixed = frozen(f, gradient, side, low, high)
    gradient[fixed] = 0.0
    matrix[fixed] = 0.0
    matrix.transpose(0, 2, 1)[fixed] = 0.0
    diagonal = np.einsum("sii->si", matrix)
    diagonal[fixed] = 1.0
    return gradient, matrix


def solved(matrix: Array, right: Array, damping: Array | None = None) -> tuple[Array, Array]:
    """Return the solution of every system, equilibrated, and the diagonal's scales."""
    diagonal = np.abs(np.einsum("sii->si", matrix))
    scale = 1.0 / np.sqrt(np.maximum(diagonal, 1e-280))
    equal = matrix * scale[:, :, None] * scale[:, None, :]
    raised = np.einsum("sii->si", equal)
    raised += 1e-14 if damping is None else 1e-14 + damping[:, None]
    equal = np.where(np.isfinite(equal), equal, 0.0)
    try:
        result = np.linalg.solve(equal, (right * scale)[:, :, None])[:, :, 0] * scale
    except np.linalg.LinAlgError:
        raised = np.einsum("sii->si", equal)
        raised += 1e-6
        result = np.linalg.solve(equal, (right * scale)[:, :, None])[:, :, 0] * scale
    return result, scale


def newton(matrix: Array, gradient: Array, damping: Array, f: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return the damped step of every row and how far the loss falls along it, times two.

    A coordinate that would leave the box goes to its bound, and the rest to its best place for it there: where a step
    is merely cut off, the rest follows a way that was not gone, and never settles.
    """
    step = -solved(matrix, gradient, damping)[0]
    fall = -np.vecdot(step, gradient)
    out = (f + step < low) | (f + step > high)
    rows = np.flatnonzero(out.any(axis=1) & np.isfinite(step).all(axis=1))
    if rows.size:
        out, kept_matrix, slope = out[rows], matrix[rows], gradient[rows]
        way = np.where(out, np.clip(f[rows] + step[rows], low, high) - f[rows], 0.0)
        rest = np.where(out, 0.0, slope + np.einsum("sij,sj->si", kept_matrix, way))
        alone = np.where(out[:, :, None] | out[:, None, :], 0.0, kept_matrix)
        diagonal = np.einsum("sii->si", alone)
        diagonal[out] = 1.0
        way = np.where(out, way, -solved(alone, rest, damping[rows])[0])
        step[rows] = way
        fall[rows] = -2.0 * np.vecdot(way, slope) - np.einsum("si,sij,sj->s", way, kept_matrix, way)
    return step, fall

"""The loss of counts for a stack of data sets, and its minimisation: `gaussapp.fitting.constrained.descent` on arrays.

Half the deviance of one peak on a baseline, with its gradient, Fisher's information and the Hessian. All sums over the
points are moments of the weighted peak, Σ e vᵏ q with v = (t - c)/w, which for a whole stack are one matrix product.
The steps are those of `descend`, damping and bounds included, so that every row ends where it would have ended alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import WIDEST
from gaussapp.fitting.constrained.coordinates import FARTHEST, NARROWEST
from gaussapp.fitting.constrained.descent import BARRIER_STEPS, BARRIERS, MAX_STEPS
from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.moments import about
from gaussapp.fitting.stack.points import Rows, solve_stack
from gaussapp.fitting.stack.products import row_products
from gaussapp.fitting.stack.solve import MOMENTS

Some = NDArray[np.bool_]
Index = NDArray[np.intp]

SAME = 0.003
"""Share of a width within which a descent has come to an answer that is known already."""


@dataclass(slots=True)
class Trials:
    """Losses at a stack of places: (S,), (P, S), and lower triangles (P (P + 1) / 2, S) of two second derivatives."""

    value: Array
    gradient: Array
    positive: Array  # Fisher's information, never indefinite
    full: Array


@dataclass(slots=True)
class Ends:
    """Where the descents of a stack ended: parameters (P, S), and the rest (S,) or, `active`, (P, S)."""

    f: Array
    value: Array
    converged: Some
    given_up: Some
    blocked: Some  # the last steps were cut short where the mean would be below zero
    active: Some  # at a bound that the loss pushes against


@dataclass(slots=True)
class Walks:
    """The descents under way, (S,) each: which they are, and what `descent.descend_once` keeps of each."""

    which: Index
    rows: Index
    damping: Array
    near: Some
    newton: Some
    taken: Index
    cut: Index
    ceiling: Array

    def chosen(self, some: Some) -> Walks:
        """Return some of them."""
        return Walks(*(getattr(self, each.name)[some] for each in fields(self)))


@dataclass(slots=True)
class CountStack:
    """Counts of R data sets at the same scaled positions, and bounds of the parameters.

    The parameters of a place are amplitude, center, width, and the offset or the values of a line at both ends of the
    window: center and width scaled, all else in counts.
    """

    t: Array  # (N,)
    y: Array  # (R, N)
    baseline: str
    low: Array  # (P, 1)
    high: Array  # (P, 1)
    powers: Array | None  # (N, 5), of t; None for so many points that they would leave too few digits
    own: Array  # (R,), the part of the loss that no parameter changes
    barrier: float = 0.0  # counts added to each point, which hold the mean above zero

    @classmethod
    def of(cls, t: Array, y: Array, baseline: str) -> CountStack:
        """Return the stack of some counts."""
        from scipy.special import xlogy

        under = {"none": 0, "constant": 1, "linear": 2}[baseline]
        low = np.array([-np.inf, -FARTHEST, NARROWEST] + [0.0] * under)[:, None]
        high = np.array([np.inf, FARTHEST, WIDEST] + [np.inf] * under)[:, None]
        powers = np.vander(t, 5, increasing=True) if t.size <= MOMENTS else None
        return cls(t, y, baseline, low, high, powers, (xlogy(y, y) - y).sum(axis=1))

    def without_peak(self) -> CountStack:
        """Return the same with the amplitude held at zero."""
        low, high = self.low.copy(), self.high.copy()
        low[0] = high[0] = 0.0
        return replace(self, low=low, high=high)

    def peak(self, f: Array) -> tuple[Array, Array]:
        """Return (t - c)/w and the peak of height one, (S, N) each."""
        v = self.t - f[1][:, None]
        v *= (1.0 / f[2])[:, None]
        e = v * v
        e *= -0.5
        np.maximum(e, -330.0, out=e)
        return v, np.exp(e, out=e)

    def mean(self, f: Array, e: Array) -> Array:
        """Return the mean of all counts, (S, N)."""
        mean: Array = e * f[0][:, None]
        if self.baseline == "constant":
            mean += f[3][:, None]
        elif self.baseline == "linear":
            mean += (0.5 * (f[3] + f[4]))[:, None] + (0.5 * (f[4] - f[3]))[:, None] * self.t
        return mean

    def loss(self, mean: Array, safe: Array, y: Array, rows: Index) -> Array:
        """Return half the deviance, (S,); inf where a mean is not above zero."""
        value = mean.sum(axis=1) + self.own[rows] - np.vecdot(y, np.log(safe))
        if not mean.min(initial=1.0) > 0.0:
            value[np.any((mean < 0.0) | ((mean <= 0.0) & (y > 0.0)), axis=1)] = np.inf
        return np.asarray(value)

    def value(self, f: Array, rows: Index) -> Array:
        """Return half the deviance at places (P, S), (S,)."""
        mean = self.mean(f, self.peak(f)[1])
        return self.loss(mean, np.maximum(mean, 1e-140), self.counts(rows), rows)

    def counts(self, rows: Index) -> Array:
        """Return the counts of some rows, the barrier among them, (S, N)."""
        y = self.y[rows]
        return y + self.barrier if self.barrier else y

    def evaluate(self, f: Array, rows: Index) -> Trials:
        """Return the loss at places (P, S) with its derivatives."""
        v, e = self.peak(f)
        y, mean = self.counts(rows), self.mean(f, e)
        safe = np.maximum(mean, 1e-140)
        value = self.loss(mean, safe, y, rows)
        bent = y / safe
        slope = 1.0 - bent
        bent /= safe
        fisher = 1.0 / np.maximum(mean, 1e-30, out=mean)
        a, c, w = f[:3]
        s = a / w

        def second(q: Array) -> list[Array]:
            eq = e * q
            one = [] if self.baseline == "none" else self.moments(eq, v, f, 2 + len(f) - 3)
            eq *= e
            return self.products(s, c, w, self.moments(eq, v, f, 5), one, q)

        positive, full = second(fisher), second(bent)
        across = self.moments(e * slope, v, f, 5)
        full[1] = full[1] + across[1] / w
        full[3] = full[3] + across[2] / w
        bend = s / w
        full[2] = full[2] + bend * (across[2] - across[0])
        full[4] = full[4] + bend * (across[3] - 2.0 * across[1])
        full[5] = full[5] + bend * (across[4] - 3.0 * across[2])
        gradient = [across[0], s * across[1], s * across[2]]
        if self.baseline == "constant":
            gradient.append(slope.sum(axis=1))
        elif self.baseline == "linear":
            level, along = slope.sum(axis=1), row_products(slope, self.t[:, None])[:, 0]
            gradient += [0.5 * (level - along), 0.5 * (level + along)]
        return Trials(value, np.array(gradient), np.array(positive), np.array(full))

    def moments(self, q: Array, v: Array, f: Array, count: int) -> list[Array]:
        """Return Σ q vᵏ for k from 0, (S,) each."""
        if self.powers is not None:
            return about(row_products(q, self.powers[:, :count]), f[1], 1.0 / f[2])
        sums = [q.sum(axis=1)]
        for _ in range(1, count):
            q = q * v
            sums.append(q.sum(axis=1))
        return sums

    def products(self, s: Array, c: Array, w: Array, two: list[Array], one: list[Array], q: Array) -> list[Array]:
        """Return Jᵀ q J as a lower triangle, from the moments of e² q (`two`) and of e q (`one`)."""
        ss = s * s
        entries = [two[0], s * two[1], ss * two[2], s * two[2], ss * two[3], ss * two[4]]
        if self.baseline == "constant":
            entries += [one[0], s * one[1], s * one[2], q.sum(axis=1)]
        elif self.baseline == "linear":
            along = [c * one[k] + w * one[k + 1] for k in range(3)]
            # Not from moments of t: a mean of zero at one end has a weight beyond all others.
            left, right = 0.5 - 0.5 * self.t, 0.5 + 0.5 * self.t
            for side, products in ((-1.0, (left * left,)), (1.0, (left * right, right * right))):
                at_end = [0.5 * (one[k] + side * along[k]) for k in range(3)]
                entries += [
                    at_end[0],
                    s * at_end[1],
                    s * at_end[2],
                    *(row_products(q, product[:, None])[:, 0] for product in products),
                ]
        return entries


def descend_stack(
    stack: CountStack, f: Array, rows: Index, ceiling: Array | None = None, known: Array | None = None
) -> Ends:
    """Return what `descend_once` does; where the mean would have to touch zero, behind ever lower barriers."""
    ends = descend_once(stack, f, rows, ceiling, known)
    blocked = np.flatnonzero(ends.blocked & ~ends.given_up)
    if not blocked.size:
        return ends
    f, rows = ends.f[:, blocked], rows[blocked]
    for barrier in BARRIERS:
        behind = descend_once(replace(stack, barrier=barrier), f, rows, max_steps=BARRIER_STEPS)
        f = behind.f
    value = stack.value(f, rows)
    lower = value < ends.value[blocked]
    at = blocked[lower]
    ends.f[:, at], ends.value[at] = f[:, lower], value[lower]
    ends.converged[at], ends.active[:, at] = behind.converged[lower], behind.active[:, lower]
    return ends


def descend_once(
    stack: CountStack,
    f: Array,
    rows: Index,
    ceiling: Array | None = None,
    known: Array | None = None,
    max_steps: int = MAX_STEPS,
) -> Ends:
    """Return the minima reached from places (P, S), for the data set that each belongs to, (S,).

    Parameters
    ----------
    stack
        The counts.
    f, rows
        Where to start, and in which data set.
    ceiling
        Descents that are near a minimum clearly above it are given up, (S,).
    known
        An answer for each, (P, S); descents that come to it are given up.
    """
    count, low, high = rows.size, stack.low, stack.high
    f = np.clip(f, low, high)
    here = stack.evaluate(f, rows)
    nowhere = np.zeros(count, dtype=bool)
    ends = Ends(f.copy(), here.value.copy(), nowhere.copy(), nowhere.copy(), nowhere.copy(), pushed(f, here, low, high))
    begun = np.isfinite(here.value)
    no, none = np.zeros(count, dtype=bool), np.zeros(count, dtype=np.intp)
    top = np.full(count, np.inf) if ceiling is None else ceiling
    walks = Walks(np.arange(count), rows, np.full(count, 1e-3), no, no.copy(), none, none.copy(), top).chosen(begun)
    f, here = f[:, begun], chosen_trials(here, begun)
    while walks.which.size:
        step, definite = next_steps(here, f, walks, low, high)
        walks.taken += definite
        reach = length(f, step)
        step *= np.minimum(1.0, 1.4 / np.maximum(reach, 1e-300))
        gain = -(here.gradient * step).sum(axis=0)
        size = np.maximum(abs(here.value), stack.t.size)
        arrived = ~definite | (gain <= 1e-18 * size)
        last = ~arrived & walks.newton & (walks.damping < 1e-4) & (gain < 1e-12 * size) & (reach < 1e-3)
        where = np.clip(f + step, low, high)
        trying = np.flatnonzero(~(arrived | last))
        value = np.where(last, here.value - 0.5 * gain, np.inf)  # such a step's end need not be looked at
        trial = stack.evaluate(where[:, trying], walks.rows[trying])
        value[trying] = trial.value
        better = last | (~arrived & (value <= here.value))
        worse = ~(arrived | better)
        walks.cut += worse & ~np.isfinite(value)
        small = (gain < 1e-14 * size) & ~walks.newton
        stuck = worse & ((walks.damping > 1e12) | (walks.taken >= max_steps) | small)
        done = arrived | last | (stuck & ((walks.damping > 1e12) | (gain < 1e-14 * size)))
        walks.damping = np.where(worse, np.maximum(10.0 * walks.damping, 1e-2), walks.damping)
        gained = here.value - value
        f[:, better], here.value[better] = where[:, better], value[better]
        moved = better[trying]
        put_trials(here, trying[moved], trial, moved)
        eased = better & (gained > 0.25 * 0.5 * gain)
        walks.damping[eased] *= 0.1
        walks.near = np.where(better, reach < 0.5, walks.near)
        walks.newton = np.where(better, walks.near, walks.newton)
        lost = better & ~last & walks.near & (value - 10.0 * np.maximum(gained, gain) > walks.ceiling)
        if known is not None:
            there = known[:, walks.which]
            same = abs(f[1] - there[1]) < SAME * there[2]
            lost |= better & walks.near & same & (abs(f[2] - there[2]) < SAME * there[2])
        over = done | stuck | lost | (walks.taken >= max_steps)
        if over.any():
            at = walks.which[over]
            ends.f[:, at], ends.value[at] = f[:, over], here.value[over]
            ends.converged[at], ends.given_up[at] = (done & ~lost)[over], lost[over]
            ends.blocked[at] = walks.cut[over] > 2
            ends.active[:, at] = pushed(f, here, low, high)[:, over]
            walks, f, here = walks.chosen(~over), f[:, ~over], chosen_trials(here, ~over)
    return ends


def next_steps(here: Trials, f: Array, walks: Walks, low: Array, high: Array) -> tuple[Array, Some]:
    """Return a step of each that stays in the box, (P, S), and where there is one; of Newton's where that goes down."""
    held = pushed(f, here, low, high)
    newton = walks.newton
    damped = np.where(newton & (walks.damping < 1e-4), 0.0, walks.damping)
    matrix = np.where(newton, here.full, here.positive) if newton.any() else here.positive
    step, definite = box_steps(matrix, here.gradient, f, damped, low, high, held)
    again = np.flatnonzero(newton & ~definite)
    if again.size:
        newton[again] = False
        walks.damping[again] = np.maximum(walks.damping[again], 1e-3)
        step[:, again], definite[again] = box_steps(
            here.positive[:, again], here.gradient[:, again], f[:, again], walks.damping[again], low, high,
            held[:, again],
        )  # fmt: skip
    return step, definite


def box_steps(
    packed: Array, gradient: Array, f: Array, damping: Array, low: Array, high: Array, held: Some
) -> tuple[Array, Some]:
    """Return steps that do not leave the box, (P, S), as `descent.box_step`, and where the matrix is definite."""
    step, free = np.zeros_like(f), ~held
    definite = np.ones(f.shape[1], dtype=bool)
    todo: Index = np.arange(f.shape[1])
    for _ in range(f.shape[0]):
        some = slice(None) if todo.size == f.shape[1] else todo
        loose = free[:, some]
        solved, fine = solved_where_free(packed[:, some], gradient[:, some], loose, step[:, some], damping[some])
        definite[todo] = fine
        step[:, todo] = solved
        reached = f[:, some] + solved
        over = loose & fine & ((reached > high) | (reached < low))
        again = over.any(axis=0)
        if not again.any():
            break
        todo, over = todo[again], over[:, again]
        ended = np.where(reached[:, again] > high, high, low) - f[:, todo]
        step[:, todo] = np.where(over, ended, step[:, todo])
        free[:, todo] &= ~over
    return step, definite


def solved_where_free(packed: Array, gradient: Array, free: Some, step: Array, damping: Array) -> tuple[Array, Some]:
    """Return what solves the systems of the free parameters, the others being where `step` has them."""
    size = gradient.shape[0]
    matrix: Rows = [[packed[i * (i + 1) // 2 + j] for j in range(i + 1)] for i in range(size)]
    right = [-gradient[i] for i in range(size)]
    if not free.all():
        fixed = np.where(free, 0.0, step)
        for i in range(size):
            for j in range(size):
                right[i] = right[i] - (matrix[i][j] if j <= i else matrix[j][i]) * fixed[j]
        right = [np.where(free[i], right[i], 0.0) for i in range(size)]
        matrix = [[np.where(free[i] & free[j], matrix[i][j], float(i == j)) for j in range(i + 1)] for i in range(size)]
    solved, definite = solve_stack(matrix, right, damping, 0, 1e-15)
    return np.where(free, np.array(solved), step), definite


def pushed(f: Array, here: Trials, low: Array, high: Array) -> Some:
    """Tell which parameters are at a bound that the loss pushes them against, (P, S)."""
    outwards = ((f <= low) & (here.gradient > 0.0)) | ((f >= high) & (here.gradient < 0.0))
    return np.asarray(outwards | (low == high))


def length(f: Array, step: Array) -> Array:
    """Return the longest part of each step: centers in widths, widths in factors, (S,)."""
    change = step[2] / f[2]
    longest: Array = np.maximum(abs(step[1]) / f[2], np.where(change < 0.0, -2.0 * change, 0.5 * change))
    return longest


def chosen_trials(trials: Trials, some: Some) -> Trials:
    """Return some of the trials."""
    return Trials(trials.value[some], trials.gradient[:, some], trials.positive[:, some], trials.full[:, some])


def put_trials(trials: Trials, rows: Index, others: Trials, some: Some) -> None:
    """Put some of other trials in the place of some of these."""
    trials.gradient[:, rows] = others.gradient[:, some]
    trials.positive[:, rows] = others.positive[:, some]
    trials.full[:, rows] = others.full[:, some]

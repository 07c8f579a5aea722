"""Least squares for a stack of data sets at once: the steps of `gaussapp.fitting.solve` on arrays, one row a data set.

Whatever needs special care (a peak that leaves the window, one that shrinks to a single point, a search that does not
settle) is handed over to `minimise`, one data set at a time, so that every row ends where it would have ended alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import LARGEST_LOG_WIDTH, Place
from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import MAX_ITERATIONS, PRECISION, Layout, Minimum, Problem, curved, ended, row_scales

Rows = list[list[Array]]
"""A small matrix for each of a stack: entries of shape (R,)."""


MOMENTS = 250
"""Points up to which products are taken as moments of t: beyond, narrow peaks would leave too few digits of them."""


THINNEST = -12.0
"""Logarithm of the width below which a peak is finished alone."""


@dataclass(slots=True)
class StackMinimum:
    """Where each of a stack of minimisations ended.

    Centers and log widths are (R, K), rates, sums of squares and steps (R,), in scaled coordinates. Rows in `given_up`
    were on their way to something clearly worse than their ceiling, or to the answer already known. Rows in `delicate`
    did not end here: see `Stack.alone`.
    """

    centers: Array
    log_widths: Array
    rates: Array
    sse: Array
    iterations: NDArray[np.intp]
    given_up: NDArray[np.bool_]
    delicate: NDArray[np.bool_]


@dataclass(slots=True)
class Known:
    """An answer that is known already, (R,) each: center, log width, rate and the sum of squares not worth reaching."""

    center: Array
    log_width: Array
    rate: Array
    ceiling: Array


@dataclass(slots=True)
class Points:
    """A trial point of each of a stack, as lists of arrays (R,)."""

    first: list[Array]
    second: list[Array]
    rate: Array
    beta: list[Array]
    sse: Array
    jtj: Rows  # lower triangle
    slopes: list[Array]

    @property
    def tail(self) -> list[bool]:
        """Which peaks are tails: none, these are handed over."""
        return [False] * len(self.first)

    def chosen(self, rows: NDArray[np.intp]) -> Points:
        """Return some of the points."""
        return Points(
            [value[rows] for value in self.first],
            [value[rows] for value in self.second],
            self.rate[rows],
            [value[rows] for value in self.beta],
            self.sse[rows],
            [[value[rows] for value in row] for row in self.jtj],
            [value[rows] for value in self.slopes],
        )

    def replace(self, rows: NDArray[np.intp], others: Points, from_rows: NDArray[np.bool_]) -> None:
        """Put some of other points in the place of some of these."""
        pairs: list[tuple[Array, Array]] = [(self.rate, others.rate), (self.sse, others.sse)]
        pairs += zip(self.first, others.first, strict=True)
        pairs += zip(self.second, others.second, strict=True)
        pairs += zip(self.beta, others.beta, strict=True)
        pairs += zip(self.slopes, others.slopes, strict=True)
        for mine, theirs in zip(self.jtj, others.jtj, strict=True):
            pairs += zip(mine, theirs, strict=True)
        for old, new in pairs:
            old[rows] = new[from_rows]


def minimise_stack(
    stack: Stack, centers: Array, log_widths: Array, rates: Array, known: Known | None = None
) -> StackMinimum:
    """Minimise the sum of squares of every row of a stack from its own start.

    Parameters
    ----------
    stack
        Data and model.
    centers, log_widths
        Starts, (R, K).
    rates
        Decay rates to start from, (R,); 0 without an exponential baseline.
    known
        For one peak: what each row has already; rows that turn out the same or worse are given up.
    """
    count, layout = stack.y.shape[0], stack.layout
    every = np.arange(count)
    with np.errstate(all="ignore"):
        point = stack.evaluate(every, list(centers.T.copy()), list(log_widths.T.copy()), rates.copy())
        settled = np.zeros(count, dtype=bool)
        given_up = np.zeros(count, dtype=bool)
        delicate = ~np.isfinite(point.sse) | stack.delicate(point)
        iterations = np.zeros(count, dtype=np.intp)
        damping = np.full(count, 1e-3)
        near = np.zeros(count, dtype=bool)
        previous = np.ones(count)
        for _ in range(MAX_ITERATIONS):
            active = np.flatnonzero(~(settled | delicate | given_up))
            if not active.size:
                break
            iterations[active] += 1
            here = point.chosen(active) if active.size < count else point
            step, newton, failed = steps(here, layout, near[active], damping[active])
            delicate[active[failed]] = True
            downhill = [a * s for a, s in zip(row_scales(here.beta, layout), here.slopes, strict=False)]
            predicted = sum(a * b for a, b in zip(step, downhill, strict=True))
            longest = np.max(np.abs(step[layout.linear :]), axis=0)
            left = longest * longest * np.maximum(1.0, longest / np.maximum(previous[active] ** 2, 1e-200))
            moved = moved_stack(here, step, layout)
            # What such a step leaves is below rounding; its end need not be looked at.
            final = newton & (damping[active] < 1e-4) & (left < PRECISION) & ~failed
            if final.any():
                finish(point, active[final], moved, predicted, final)
                settled[active[final]] = True
                others = np.flatnonzero(~final)
                if not others.size:
                    continue
                active, here = active[others], here.chosen(others)
                moved = [v[others] for v in moved[0]], [v[others] for v in moved[1]], moved[2][others]
                newton, failed = newton[others], failed[others]
                predicted, longest = predicted[others], longest[others]
            last = newton & (damping[active] < 1e-4) & (predicted < 1e-13 * here.sse)
            trial = stack.evaluate(active, *moved)
            gained = here.sse - trial.sse
            better = ((gained >= 0.0) | (last & (gained > -1e-12 * here.sse))) & ~failed
            done = (last & better) | (predicted <= 1e-22 * here.sse)
            settled[active[done]] = True
            damping[active[~better]] = np.maximum(10.0 * damping[active[~better]], 1e-2)
            eased = active[better & (gained > 0.25 * predicted)]
            damping[eased] *= 0.1
            close = better & (longest < 0.5)
            near[active[better]] = close[better]
            previous[active[better]] = longest[better]
            if known is not None:
                worse = trial.sse - 10.0 * np.maximum(gained, predicted) > known.ceiling[active]
                worse |= same_peak(trial, known, active)
                given_up[active[close & worse]] = True
            if better.all() and active.size == count:
                point = trial
            else:
                point.replace(active[better], trial, better)
            stack.collapse(point, active[better])
            delicate |= stack.delicate(point) | (damping > 1e6)
        delicate |= ~(settled | given_up)
    delicate &= ~given_up
    return StackMinimum(
        np.array(point.first).reshape(layout.peaks, count).T,
        np.array(point.second).reshape(layout.peaks, count).T,
        point.rate,
        point.sse,
        iterations,
        given_up,
        delicate,
    )


def finish(
    point: Points,
    rows: NDArray[np.intp],
    moved: tuple[list[Array], list[Array], Array],
    predicted: Array,
    chosen: NDArray[np.bool_],
) -> None:
    """Put the ends of some rows' last steps in place, with the sum of squares that these predict."""
    for mine, end in zip([*point.first, *point.second, point.rate], [*moved[0], *moved[1], moved[2]], strict=True):
        mine[rows] = end[chosen]
    point.sse[rows] -= predicted[chosen]


def same_peak(point: Points, known: Known, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which points are as good as at the known answer, by the measure of `gaussapp.fitting.search.same_answer`."""
    width = np.exp(known.log_width[rows])
    same = abs(point.first[0] - known.center[rows]) < 0.003 * width
    same &= abs(point.second[0] - known.log_width[rows]) < 0.003
    same &= abs(point.rate - known.rate[rows]) < 0.003
    return same


class Stack:
    """The sums of squares of a stack of data sets, evaluated with the linear parameters at their best.

    Parameters
    ----------
    t
        Scaled positions, (N,) for all or (R, N).
    y
        Whitened data, (R, N).
    root_weight
        Square root of the weights, None, (N,) or (R, N).
    layout
        The model.
    """

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        # Peaks narrower than half the mean spacing may sit on a single point.
        self.narrow = math.log(1.0 / y.shape[1])
        self.moments: Moments | None = None
        if t.ndim == 1 and layout.peaks == 1 and not layout.rates and y.shape[1] <= MOMENTS:
            self.moments = Moments(t, y, root_weight, layout)

    def delicate(self, point: Points) -> NDArray[np.bool_]:
        """Tell which rows are better finished alone: peaks outside the window, very wide or on single points."""
        rows = np.zeros(point.sse.size, dtype=bool)
        for c, u in zip(point.first, point.second, strict=True):
            rows |= (abs(c) > 1.0) | (u > 0.5 * LARGEST_LOG_WIDTH)
            rows |= u < THINNEST
        return rows | (abs(point.rate) > 30.0)

    def collapse(self, point: Points, rows: NDArray[np.intp]) -> None:
        """Confine narrow peaks that hardly more than one or two points see to these, as `Problem.collapsed` does."""
        if self.layout.peaks > 1:
            return
        rows = rows[point.second[0][rows] < self.narrow]
        if not rows.size:
            return
        c, u = point.first[0][rows], point.second[0][rows]
        t = self.t if self.t.ndim == 2 else np.broadcast_to(self.t, self.y.shape)
        t = t[rows]
        squares = (t - c[:, None]) ** 2
        nearest = np.argpartition(squares, 2, axis=1)[:, :3]
        squares, t = np.take_along_axis(squares, nearest, 1), np.take_along_axis(t, nearest, 1)
        order = np.argsort(squares, axis=1)
        squares, t = np.take_along_axis(squares, order, 1), np.take_along_axis(t, order, 1)
        one, two = np.diff(squares, axis=1).T
        square = np.exp(2.0 * u)
        on_one = (one > 12.0 * square) & (one < 50.0 * square)
        on_two = ~on_one & (two > 12.0 * square) & (two < 50.0 * square)
        changed = on_one | on_two
        if not changed.any():
            return
        narrower = 0.5 * np.log(np.where(on_one, one, two) / 60.0)
        middle = 0.5 * (t[:, 0] + t[:, 1])
        center = np.where(on_one, t[:, 0], middle + (c - middle) * np.exp(2.0 * (narrower - u)))
        rows = rows[changed]
        trial = self.evaluate(rows, [center[changed]], [narrower[changed]], point.rate[rows])
        better = trial.sse <= point.sse[rows]
        point.replace(rows[better], trial, better)

    def holds(self, alone: Minimum) -> bool:
        """Tell whether a minimum of one row is one of those that a stack has."""
        at = alone.point.place
        inside = not any(at.tail) and all(abs(c) <= 1.0 for c in at.first)
        wide = any(not self.narrow < u <= 0.5 * LARGEST_LOG_WIDTH for u in at.second)
        return alone.status == "converged" and inside and not wide and abs(at.rate) <= 30.0

    def row(self, row: int) -> Problem:
        """Return one row by itself."""
        t = self.t if self.t.ndim == 1 else self.t[row]
        weight = self.root_weight if self.root_weight is None or self.root_weight.ndim == 1 else self.root_weight[row]
        return Problem(t, self.y[row], weight, self.layout)

    def minimum(self, row: int, at: Place, iterations: int) -> Minimum:
        """Return where the minimisation of one row ended, as it would have ended alone."""
        return ended(self.row(row).evaluate(at), "converged", iterations)

    def chosen(self, rows: NDArray[np.intp]) -> Stack:
        """Return the stack of some rows."""
        t = self.t if self.t.ndim == 1 else self.t[rows]
        weight = self.root_weight if self.root_weight is None or self.root_weight.ndim == 1 else self.root_weight[rows]
        return Stack(t, self.y[rows], weight, self.layout)

    def evaluate(self, rows: NDArray[np.intp], first: list[Array], second: list[Array], rate: Array) -> Points:
        """Return the points of some rows."""
        if self.moments is not None:
            return self.moments.evaluate(rows, first, second, rate)
        layout, everything = self.layout, rows.size == self.y.shape[0]
        y = self.y if everything else self.y[rows]
        t = self.t if everything or self.t.ndim == 1 else self.t[rows]
        weight = self.root_weight
        if weight is not None and weight.ndim == 2 and not everything:
            weight = weight[rows]
        linear: list[Array] = []
        nonlinear: list[list[Array]] = [[], []]
        curvature: list[list[Array]] = [[], []]
        for c, u in zip(first, second, strict=True):
            z = (t - c[:, None]) * np.exp(-u)[:, None]
            zz = z * z
            e = np.exp(np.maximum(-0.5 * zz, -330.0))
            if weight is not None:
                e *= weight
            linear.append(e)
            for power, row in enumerate((e * z, e * zz)):
                nonlinear[power].append(row)
                curvature[power].append(row * zz)
        rated: list[Array] = []
        if layout.baseline in ("constant", "linear"):
            ones = np.ones_like(y) if weight is None else np.broadcast_to(weight, y.shape)
            linear.append(ones)
            if layout.baseline == "linear":
                linear.append(ones * t)
        elif layout.rates:
            decay = np.exp(-rate[:, None] * t)
            if weight is not None:
                decay *= weight
            linear.append(decay)
            rated = [decay * t, decay * t * t]
        model = [*linear, *nonlinear[0], *nonlinear[1], *rated[:1]]
        every = [*model, *curvature[0], *curvature[1], *rated[1:]]
        gram: Rows = [[np.vecdot(model[i], model[j]) for j in range(i + 1)] for i in range(layout.size)]
        beta = solve_stack(
            [row.copy() for row in gram[: layout.linear]], [np.vecdot(row, y) for row in linear], 0.0, 0, 1e-13
        )[0]
        residual = y.copy()
        for b, row in zip(beta, linear, strict=True):
            residual -= b[:, None] * row
        slopes = [np.vecdot(row, residual) for row in every]
        scales: list[Any] = row_scales(beta, layout)
        for i in range(layout.linear, layout.size):
            gram[i] = [value * (scales[i] * scales[j]) for j, value in enumerate(gram[i])]
        return Points(first, second, rate, beta, np.vecdot(residual, residual), gram, slopes)


class Moments:
    r"""One peak at positions that all rows share: every product is a moment :math:`\sum_n f_n t_n^k`.

    Moments of a whole stack are one matrix product with the powers of t; those of :math:`z = (t - c) / w` follow from
    them by the binomial theorem. Of the digits, :math:`(c / w)^k` are lost, which for the narrowest peaks that `Stack`
    keeps leaves more than enough for a step.
    """

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        self.powers = np.ascontiguousarray(t[:, None] ** np.arange(5))
        self.scratch = np.empty((2, *y.shape))  # fresh memory costs as much as the arithmetic
        self.columns = layout.linear - 1
        self.ones: Array | None = None  # products of the baseline's columns among themselves, (R,) or numbers
        if self.columns:
            whitened = y if root_weight is None else y * root_weight
            self.level = whitened @ self.powers[:, : self.columns]
            weight = np.ones(t.size) if root_weight is None else root_weight * root_weight
            self.ones = np.tile(weight @ self.powers[:, :3], (1 if weight.ndim == 2 else y.shape[0], 1))

    def evaluate(self, rows: NDArray[np.intp], first: list[Array], second: list[Array], rate: Array) -> Points:
        """Return the points of some rows."""
        columns = self.columns
        everything = rows.size == self.y.shape[0]
        y = self.y if everything else self.y[rows]
        weight = self.root_weight
        if weight is not None and weight.ndim == 2 and not everything:
            weight = weight[rows]
        (c,), (u,) = first, second
        inverse = np.exp(-u)
        e, product = self.scratch[:, : rows.size]
        np.subtract(self.t, c[:, None], out=e)
        e *= inverse[:, None]
        np.multiply(e, e, out=e)
        e *= -0.5
        if (
            inverse.max(initial=0.0) > 12.0
        ):  # keeps products of far tails from becoming denormal numbers, which are slow
            np.maximum(e, -330.0, out=e)
        np.exp(e, out=e)
        if weight is not None:
            e *= weight
        np.multiply(e, e, out=product)
        among = about(product @ self.powers, c, inverse)
        gram: Rows = [[among[0]]]
        right = [np.vecdot(e, y)]
        if columns:
            assert self.ones is not None
            ones = self.ones if everything else self.ones[rows]
            level = self.level if everything else self.level[rows]
            flat = e if weight is None else np.multiply(e, weight, out=product)
            in_t = flat @ self.powers[:, : columns + 2]
            across = [about(in_t[:, :3], c, inverse)]
            if columns == 2:
                across.append(about(in_t[:, 1:4], c, inverse))
            for i in range(columns):
                gram.append([across[i][0], *(ones[:, i + j] for j in range(i + 1))])
                right.append(level[:, i])
        beta = solve_stack([row.copy() for row in gram], right, 0.0, 0, 1e-13)[0]
        residual = np.multiply(e, -beta[0][:, None], out=product)
        residual += y
        for i in range(columns):
            part: Array = beta[1 + i][:, None] * self.t if i else beta[1][:, None]
            residual -= part if weight is None else part * weight
        sse = np.vecdot(residual, residual)
        e *= residual
        slopes = about(e @ self.powers, c, inverse)
        along: list[Array] = []
        if columns:
            if weight is not None:
                residual *= weight
            along = list((residual @ self.powers[:, :columns]).T)
        a = beta[0]
        for power in (1, 2):
            row = [among[power], *(across[i][power] for i in range(columns))]
            row += [among[power + other] * a for other in range(1, power + 1)]
            gram.append([value * a for value in row])
        return Points(first, second, rate, beta, sse, gram, [slopes[0], *along, *slopes[1:]])


def about(moments: Array, center: Array, inverse: Array) -> list[Array]:
    """Return the moments of (t - center) · inverse, (R,) each, from those of t, (R, n)."""
    result = list(np.ascontiguousarray(moments.T))
    for i in range(1, len(result)):
        for k in range(len(result) - 1, i - 1, -1):
            result[k] = result[k] - center * result[k - 1]
    scale = inverse
    for k in range(1, len(result)):
        result[k] = result[k] * scale
        scale = scale * inverse
    return result


def steps(
    here: Points, layout: Layout, near: NDArray[np.bool_], damping: Array
) -> tuple[list[Array], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the damped step of every row, whether it is Newton's, and whether there is none."""
    hessian = curved(here.jtj, here.beta, here.slopes, here, layout)
    downhill: list[Array] = [a * s for a, s in zip(row_scales(here.beta, layout), here.slopes, strict=False)]
    matrix: Rows = [
        [np.where(near, h, j) for h, j in zip(*rows, strict=True)] for rows in zip(hessian, here.jtj, strict=True)
    ]
    damped = np.where(near & (damping < 1e-4), 0.0, damping)
    step, definite = solve_stack(matrix, downhill, damped, layout.linear, 1e-15)
    retry = np.flatnonzero(near & ~definite)
    if retry.size:
        jtj = [[value[retry] for value in row] for row in here.jtj]
        again, fine = solve_stack(
            jtj, [value[retry] for value in downhill], np.maximum(damping[retry], 1e-3), layout.linear, 1e-15
        )
        for value, new in zip(step, again, strict=True):
            value[retry] = new
        definite = definite.copy()
        definite[retry] = fine
        near = near.copy()
        near[retry] = False
    return step, near, ~definite


def solve_stack(
    matrix: Rows, right: list[Array], damping: Array | float, linear: int, tolerance: float
) -> tuple[list[Array], NDArray[np.bool_]]:
    """Solve a symmetric system for each of a stack by LDLᵀ, and tell which are positive definite.

    As `gaussapp.fitting.algebra.eliminate`, with every number an array of shape (R,).
    """
    n = len(right)
    definite = np.ones(right[0].shape, dtype=bool)
    lower: Rows = []
    inverse: list[Array] = []
    x = list(right)
    for i in range(n):
        row = list(matrix[i][:i])
        for j in range(i):
            for k in range(j):
                row[j] = row[j] - row[k] * lower[j][k]
        pivot = matrix[i][i]
        floor = abs(tolerance * pivot)
        for j in range(i):
            if j == linear:
                pivot = pivot + damping * pivot
            share = row[j] * inverse[j]
            pivot = pivot - row[j] * share
            x[i] = x[i] - share * x[j]
            row[j] = share
        if i == linear:
            pivot = pivot + damping * pivot
        positive = pivot > floor
        definite &= positive | ((pivot >= -floor) & (abs(x[i]) <= floor))  # nothing to see, nowhere to go
        inverse.append(np.where(positive, 1.0 / np.where(positive, pivot, 1.0), 0.0))
        lower.append(row)
    for i in range(n - 1, -1, -1):
        x[i] = x[i] * inverse[i]
        for k in range(i + 1, n):
            x[i] = x[i] - np.where(inverse[i] != 0.0, lower[k][i] * x[k], 0.0)
    return x, definite


def moved_stack(here: Points, step: list[Array], layout: Layout) -> tuple[list[Array], list[Array], Array]:
    """Return centers, log widths and rates after a step, shortened as `gaussapp.fitting.chart.moved` does."""
    q, peaks = layout.linear, layout.peaks
    longest = np.max(np.abs(step[q : q + 2 * peaks]), axis=0)
    if layout.rates:
        longest = np.maximum(longest, abs(step[-1]) / np.maximum(1.0, 0.5 * abs(here.rate)))
    factor = np.where(longest > 1.4, 1.4 / longest, 1.0)
    first = [c + factor * step[q + i] * np.exp(here.second[i]) for i, c in enumerate(here.first)]
    second = []
    for i, u in enumerate(here.second):
        wider = factor * step[q + peaks + i]
        bent = -0.5 * np.log(np.maximum(1.0 - 2.0 * wider, 1e-9))
        second.append(np.minimum(u + np.where(u > 0.0, bent, wider), LARGEST_LOG_WIDTH))
    return first, second, here.rate + factor * step[-1] if layout.rates else here.rate

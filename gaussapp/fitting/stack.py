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

from gaussapp.fitting.chart import LARGEST_LOG_WIDTH, place
from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import MAX_ITERATIONS, PRECISION, Layout, Minimum, Problem, curved, minimise, row_scales

Rows = list[list[Array]]
"""A small matrix for each of a stack: entries of shape (R,)."""


@dataclass(slots=True)
class StackMinimum:
    """Where each of a stack of minimisations ended.

    Centers and log widths are (R, K), rates (R,), linear parameters (R, q), in scaled coordinates; `jtj` is (R, P, P)
    with the center in units of the width. Rows in `alone` were finished one by one; what these hold counts, and a peak
    there may be in the other chart.
    """

    centers: Array
    log_widths: Array
    rates: Array
    beta: Array
    sse: Array
    jtj: Array
    alone: dict[int, Minimum]


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
    t: Array, y: Array, root_weight: Array | None, layout: Layout, centers: Array, log_widths: Array, rates: Array
) -> StackMinimum:
    """Minimise the sum of squares of every row of `y` from its own start.

    Parameters
    ----------
    t
        Scaled positions, (N,) for all or (R, N).
    y
        Whitened data, (R, N).
    root_weight
        Square root of the weights, None, (N,) or (R, N); 0 leaves a point out.
    layout
        The model.
    centers, log_widths
        Starts, (R, K).
    rates
        Decay rates to start from, (R,); 0 without an exponential baseline.
    """
    count = y.shape[0]
    stack = Stack(t, y, root_weight, layout)
    every = np.arange(count)
    with np.errstate(all="ignore"):
        point = stack.evaluate(every, list(centers.T.copy()), list(log_widths.T.copy()), rates.copy())
        settled = np.zeros(count, dtype=bool)
        alone = ~np.isfinite(point.sse)
        damping = np.full(count, 1e-3)
        near = np.zeros(count, dtype=bool)
        previous = np.ones(count)
        for _ in range(MAX_ITERATIONS):
            active = np.flatnonzero(~settled & ~alone)
            if not active.size:
                break
            here = point.chosen(active) if active.size < count else point
            step, newton, failed = steps(here, layout, near[active], damping[active])
            alone[active[failed]] = True
            downhill = [a * s for a, s in zip(row_scales(here.beta, layout), here.slopes, strict=False)]
            predicted = sum(a * b for a, b in zip(step, downhill, strict=True))
            longest = np.max(np.abs(step[layout.linear :]), axis=0)
            left = longest * longest * np.maximum(1.0, longest / np.maximum(previous[active] ** 2, 1e-200))
            last = newton & (damping[active] < 1e-4) & ((left < PRECISION) | (predicted < 1e-13 * here.sse))
            trial = stack.evaluate(active, *moved_stack(here, step, layout))
            gained = here.sse - trial.sse
            better = ((gained >= 0.0) | (last & (gained > -1e-12 * here.sse))) & ~failed
            point.replace(active[better], trial, better)
            settled[active[(last & better) | (predicted <= 1e-22 * here.sse)]] = True
            damping[active[~better]] = np.maximum(10.0 * damping[active[~better]], 1e-2)
            eased = active[better & (gained > 0.25 * predicted)]
            damping[eased] *= 0.1
            near[active[better]] = longest[better] < 0.5
            previous[active[better]] = longest[better]
            alone |= stack.delicate(point) | (damping > 1e6)
        alone |= ~settled
    minima = {int(i): stack.alone(int(i), centers[i], log_widths[i], rates[i]) for i in np.flatnonzero(alone)}
    jtj = np.empty((count, layout.size, layout.size))
    for i in range(layout.size):
        for j in range(i + 1):
            jtj[:, i, j] = jtj[:, j, i] = point.jtj[i][j]
    return StackMinimum(
        np.array(point.first).reshape(layout.peaks, count).T,
        np.array(point.second).reshape(layout.peaks, count).T,
        point.rate,
        np.array(point.beta).T,
        point.sse,
        jtj,
        minima,
    )


class Stack:
    """The sums of squares of a stack of data sets, evaluated with the linear parameters at their best."""

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        # Peaks narrower than half the mean spacing may sit on a single point.
        self.narrow = math.log(1.0 / y.shape[1])

    def delicate(self, point: Points) -> NDArray[np.bool_]:
        """Tell which rows are better finished alone: peaks outside the window, very wide or on single points."""
        rows = np.zeros(point.sse.size, dtype=bool)
        for c, u in zip(point.first, point.second, strict=True):
            rows |= (abs(c) > 1.0) | (u > 0.5 * LARGEST_LOG_WIDTH) | (u < self.narrow)
        return rows | (abs(point.rate) > 30.0)

    def alone(self, row: int, centers: Array, log_widths: Array, rate: float) -> Minimum:
        """Minimise one row by itself, from its start."""
        y = self.y[row]
        t = self.t if self.t.ndim == 1 else self.t[row]
        weight = self.root_weight if self.root_weight is None or self.root_weight.ndim == 1 else self.root_weight[row]
        if weight is not None and not np.all(weight):
            used = weight > 0.0
            t, y, weight = t[used], y[used], weight[used]
        start = place(centers.tolist(), log_widths.tolist(), float(rate))
        return minimise(Problem(t, y, weight, self.layout), start)

    def evaluate(self, rows: NDArray[np.intp], first: list[Array], second: list[Array], rate: Array) -> Points:
        """Return the points of some rows."""
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
        definite &= positive
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

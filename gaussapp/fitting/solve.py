"""Least squares for peaks on a baseline: Newton steps with Levenberg-Marquardt damping, in scaled coordinates.

Every function here works on whitened data of order one: positions `t` in [-1, 1], values `y` already multiplied by the
square root of their weight. With ``v`` and ``e`` of each peak as in `gaussapp.fitting.chart`, all that a step needs is
a handful of rows,

    linear      ``e_k`` and the baseline's columns
    nonlinear   ``v_k e_k``, ``v_k² e_k`` for the two coordinates of a peak, ``t exp(-ρt)`` for a decay rate
    curvature   ``v_k³ e_k``, ``v_k⁴ e_k``, ``t² exp(-ρt)`` for second derivatives

and their products with each other and with the residual. The linear parameters (amplitudes and baseline) are solved
exactly at every trial point, so that the search runs over centers, widths and the decay rate only: a step of the full
problem followed by that solution is a step of variable projection (Ruhe and Wedin, SIAM Review 22:318, 1980). The
curvature rows make it Newton's step rather than Gauss and Newton's, so that it converges quadratically however large
the residuals are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy import add, exp, maximum, multiply, subtract

from gaussapp.fitting.algebra import PLAIN, Matrix, damped_step, solve_positive
from gaussapp.fitting.chart import Place, largest_exponent, moved, recharted, runs_away, step_to_bound
from gaussapp.fitting.peak import Array

LINEAR_COLUMNS = {"none": 0, "constant": 1, "linear": 2, "exponential": 1}
"""Number of linear parameters of each baseline."""

PRECISION = 3e-11
"""What the last step may leave undone, in widths; a Newton step leaves of the order of its square."""

MAX_ITERATIONS = 60
"""Bound on the steps of one minimisation."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows a model has. Make one with `layout_of`."""

    peaks: int
    baseline: str
    linear: int  # parameters that enter linearly: amplitudes and baseline
    rates: int  # decay rates: 1 for the exponential baseline, else 0
    size: int  # parameters, P
    rows: int  # rows, those of the second derivatives included


@cache
def layout_of(peaks: int, baseline: str) -> Layout:
    """Return the layout of a model."""
    linear = peaks + LINEAR_COLUMNS[baseline]
    rates = int(baseline == "exponential")
    size = linear + 2 * peaks + rates
    return Layout(peaks, baseline, linear, rates, size, size + 2 * peaks + rates)


@dataclass(slots=True)
class Point:
    """One trial point: parameters, sum of squares and all the products a step is made of.

    The parameters of a step, and of `gram`, are ordered as the rows: linear, first coordinates of the peaks (centers in
    units of their widths), second ones, rate.
    """

    place: Place
    beta: list[float]  # amplitudes, as multiples of e_k, and the baseline's linear parameters
    sse: float
    gram: Array  # (P, P): products of the rows, not yet multiplied by the amplitudes
    slopes: list[float]  # (rows,): products of the rows with the residual


@dataclass(slots=True)
class Minimum:
    """Where a minimisation ended: `status` is ``converged``, ``runaway``, ``iterations`` or ``given up``."""

    point: Point
    status: str
    iterations: int


def fill_rows(rows: list[Array], t: Array, root_weight: Array | None, at: Place, layout: Layout) -> None:
    """Write the rows of a model at a place into `rows`, apart from a constant or linear baseline's, which stay."""
    peaks, first, size = layout.peaks, layout.linear, layout.size
    for i in range(peaks):
        e, ve, vve = rows[i], rows[first + i], rows[first + peaks + i]
        v, vv = rows[size + i], rows[size + peaks + i]  # scratch until the last two lines
        if at.tail[i]:
            h, k = at.first[i], at.second[i]
            multiply(t, k, e)
            add(e, h, e)
            multiply(e, t, e)
            subtract(e, largest_exponent(h, k), e)
            v = t
            multiply(t, t, vv)
        else:
            subtract(t, at.first[i], v)
            inverse = math.exp(-at.second[i])
            multiply(v, inverse, v)
            multiply(v, v, vv)
            multiply(vv, -0.5, e)
            if inverse > 12.0:  # keeps products of far tails from becoming denormal numbers, which are slow
                maximum(e, -330.0, out=e)
        exp(e, e)
        if root_weight is not None:
            multiply(e, root_weight, e)
        multiply(e, v, ve)
        multiply(e, vv, vve)
        multiply(ve, vv, rows[size + i])
        multiply(vve, vv, vv)
    if layout.rates:
        decay = rows[peaks]
        multiply(t, -at.rate, decay)
        exp(decay, decay)
        if root_weight is not None:
            multiply(decay, root_weight, decay)
        multiply(decay, t, rows[size - 1])
        multiply(rows[size - 1], t, rows[layout.rows - 1])


def fill_fixed_rows(rows: list[Array], t: Array, root_weight: Array | None, layout: Layout) -> None:
    """Write the rows of a constant or linear baseline, which no step changes."""
    if layout.baseline in ("constant", "linear"):
        rows[layout.peaks][:] = 1.0 if root_weight is None else root_weight
    if layout.baseline == "linear":
        rows[layout.peaks + 1][:] = t if root_weight is None else t * root_weight


class Problem:
    """The sum of squares of one data set, evaluated with the linear parameters at their best."""

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        # The last row is y, so that one product gives the rows among themselves and with the data. Its shape differs
        # from that of the rows alone, which keeps BLAS off its slow path for products of a matrix with itself.
        self._all = np.empty((layout.rows + 1, t.size))
        self._all[-1] = y
        self._list = list(self._all)
        self._model = self._all[: layout.size]
        self._linear = self._all[: layout.linear]
        self._with_curvature = self._all[:-1]
        self._transposed = self._model.T
        self.rounding = 1e-31 * float(y.dot(y))
        # A minimum above this share of another one is a clearly worse fit: by more than 10 noise variances.
        self.within_reach = 1.0 + 10.0 / max(t.size - layout.size, 1)
        # An exponential this steep lives on the first or last point alone, and gains from becoming steeper.
        self.steepest = min(4.0 * t.size, 300.0)
        self._narrow = math.log(1.0 / t.size)  # below half the mean spacing a peak may be a single point
        fill_fixed_rows(self._list, t, root_weight, layout)

    def evaluate(self, at: Place) -> Point:
        """Return the point at a place; its rows stay in `model_rows` until the next call."""
        layout = self.layout
        q = layout.linear
        fill_rows(self._list, self.t, self.root_weight, at, layout)
        products = self._all.dot(self._transposed)
        if q == 1:
            norm = float(products[0, 0])
            beta = [float(products[-1, 0]) / norm if norm > 0.0 else 0.0]
            residual = subtract(self.y, multiply(self._list[0], beta[0]))
        elif q:
            beta = solve_positive(products[:q, :q].tolist(), products[-1, :q].tolist())
            residual = self.y - np.array(beta).dot(self._linear)
        else:
            beta, residual = [], self.y
        slopes = self._with_curvature.dot(residual).tolist()
        return Point(at, beta, float(residual.dot(residual)), products[: layout.size], slopes)

    def collapsed(self, at: Place) -> Place | None:
        """Return the place with a peak that hardly more than one or two x see confined to these; None if there is none.

        Such a peak gains from becoming ever narrower, by ever less: its best width is 0. With the center's distance
        from the middle of two x shrinking as the square of the width, the ratio of its heights there stays.
        """
        for i, (c, u) in enumerate(zip(at.first, at.second, strict=True)):
            if at.tail[i] or u >= self._narrow:
                continue
            square = math.exp(2.0 * u)
            distances = abs(self.t - c)
            nearest = self.t[int(distances.argmin())]
            others = self.t[self.t != nearest]
            second = others[int(abs(others - c).argmin())]
            thirds = others[others != second]
            one_sees = float((second - c) ** 2 - (nearest - c) ** 2)
            two_see = float(np.min((thirds - c) ** 2) - (second - c) ** 2) if thirds.size else 0.0
            if 12.0 < one_sees / square < 50.0:
                center, narrower = float(nearest), 0.5 * math.log(one_sees / 60.0)
            elif 12.0 < two_see / square < 50.0:
                middle, narrower = 0.5 * float(nearest + second), 0.5 * math.log(two_see / 60.0)
                center = middle + (c - middle) * math.exp(2.0 * (narrower - u))
            else:
                continue
            first, log_widths = list(at.first), list(at.second)
            first[i], log_widths[i] = center, narrower
            return Place(first, log_widths, at.tail, at.rate)
        return None

    @property
    def model_rows(self) -> Array:
        """Rows of the last point, (P, N), not yet multiplied by the amplitudes."""
        return self._model

    @property
    def curvature_rows(self) -> Array:
        """Rows of the last point that only second derivatives need."""
        return self._all[self.layout.size : -1]


def row_scales(beta: list[Any], layout: Layout) -> list[Any]:
    """Return what the rows are multiplied by to become the Jacobian, (P,)."""
    amplitudes = beta[: layout.peaks]
    scales = [1.0] * layout.linear + amplitudes + amplitudes
    if layout.rates:
        scales.append(-beta[layout.peaks])
    return scales


def newton_matrices(point: Point, layout: Layout) -> tuple[Matrix, Matrix, list[float]]:
    """Return the Hessian of half the sum of squares, JᵀJ, and minus the gradient at `point`.

    Of the matrices only the lower triangle is filled if they are small.
    """
    q, size = layout.linear, layout.size
    scales = row_scales(point.beta, layout)
    if size > PLAIN:
        outer = np.array(scales)
        jtj: Matrix = (point.gram * outer * outer[:, None]).tolist()
    else:
        jtj = point.gram.tolist()
        for i in range(q, size):
            a, row = scales[i], jtj[i]
            for j in range(i + 1):
                row[j] *= a * scales[j]
    hessian = curved(jtj, point.beta, point.slopes, point.place, layout)
    if size > PLAIN:
        for i in range(size):
            for j in range(i):
                hessian[j][i] = hessian[i][j]
    return hessian, jtj, list(map(float.__mul__, scales, point.slopes))


def curved(jtj: list[list[Any]], beta: list[Any], slopes: list[Any], at: Any, layout: Layout) -> list[list[Any]]:
    """Return the Hessian of half the sum of squares: JᵀJ less the residuals' share, in the lower triangle.

    The numbers may as well be arrays, one entry for each of a stack of data sets.
    """
    q, peaks, size = layout.linear, layout.peaks, layout.size
    hessian = [row.copy() for row in jtj]
    for i in range(peaks):
        a = beta[i]
        c, u = q + i, q + peaks + i
        s0, s1, s2, s3, s4 = slopes[i], slopes[c], slopes[u], slopes[size + i], slopes[size + peaks + i]
        if at.tail[i]:
            cc, cu, uu = s2, s3, s4
        else:
            # The last term: the curve that `moved` follows bends for a wide peak.
            cc, cu, uu = s2 - s0, s3 - 2.0 * s1, s4 - 2.0 * s2 + (at.second[i] > 0.0) * 2.0 * s2
        at_center, at_width = hessian[c], hessian[u]
        at_center[i] = at_center[i] - s1
        at_center[c] = at_center[c] - a * cc
        at_width[i] = at_width[i] - s2
        at_width[c] = at_width[c] - a * cu
        at_width[u] = at_width[u] - a * uu
    if layout.rates:
        hessian[-1][peaks] = hessian[-1][peaks] + slopes[size - 1]
        hessian[-1][-1] = hessian[-1][-1] - beta[peaks] * slopes[layout.rows - 1]
    return hessian


def bounded_step(matrix: Matrix, right: list[float], damping: float, at: Place, layout: Layout) -> list[float] | None:
    """Return the damped step, with every peak that would be wider than `WIDEST` held at that width."""
    step = damped_step(matrix, right, damping, layout.linear)
    if step is None:
        return None
    first = layout.linear + layout.peaks
    over = [first + i for i in range(layout.peaks) if step[first + i] > 0.0 and step[first + i] > step_to_bound(at, i)]
    if not over:
        return step
    lower = np.tril(np.array(matrix))
    full = lower + np.tril(lower, -1).T
    free = [i for i in range(layout.size) if i not in over]
    held = [step_to_bound(at, j - first) for j in over]
    shifted = np.array(right)[free] - full[np.ix_(free, over)] @ held
    rest = damped_step(full[np.ix_(free, free)].tolist(), shifted.tolist(), damping, layout.linear)
    if rest is None:
        return None
    step = [0.0] * layout.size
    for i, value in zip([*free, *over], [*rest, *held], strict=True):
        step[i] = value
    return step


def minimise(problem: Problem, at: Place, max_iterations: int = MAX_ITERATIONS, ceiling: float = math.inf) -> Minimum:
    """Minimise the sum of squares from a place, to the last digits that it determines.

    It is given up once the minimum is near and clearly above `ceiling`.

    Far from the minimum the damped Gauss-Newton step is the safer one; once steps are shorter than half a width,
    Newton's takes over wherever the Hessian is positive definite.
    """
    layout = problem.layout
    q, peaks = layout.linear, layout.peaks
    point = problem.evaluate(at)
    damping = 1e-3
    near = False
    previous = 1.0
    iteration = 0
    while iteration < max_iterations:
        hessian, jtj, downhill = newton_matrices(point, layout)
        matrix = hessian if near else jtj
        newton = near
        while True:
            step = bounded_step(matrix, downhill, 0.0 if newton and damping < 1e-4 else damping, point.place, layout)
            if step is None:
                if not newton:  # nothing is determined here
                    return ended(point, "converged", iteration)
                matrix, newton = jtj, False
                damping = max(damping, 1e-3)
                continue
            iteration += 1
            longest = max(map(abs, step[q:]))
            predicted = sum(map(float.__mul__, step, downhill))
            if predicted <= 1e-22 * point.sse or point.sse <= problem.rounding:
                return ended(point, "converged", iteration)
            # Below the rounding of the sum of squares itself only the step can be trusted.
            left = longest * longest * max(1.0, longest / max(previous * previous, 1e-200))
            last = newton and damping < 1e-4 and (left < PRECISION or predicted < 1e-13 * point.sse)
            trial = problem.evaluate(moved(point.place, step[q:], peaks))
            gained = point.sse - trial.sse
            if gained >= 0.0 or (last and gained > -1e-12 * point.sse):
                break
            settled = predicted < 1e-15 * point.sse or damping > 1e10
            if settled or iteration >= max_iterations:
                return ended(point, "converged" if settled else "iterations", iteration)
            damping = max(10.0 * damping, 1e-2)
        point = trial
        if last:
            return ended(point, "converged", iteration)
        if gained > 0.25 * predicted:
            damping *= 0.1
        near = longest < 0.5
        previous = longest
        if near and point.sse - 10.0 * max(gained, predicted) > ceiling:
            return ended(point, "given up", iteration)
        narrower = problem.collapsed(point.place)
        if narrower is not None:
            trial = problem.evaluate(narrower)
            if trial.sse <= point.sse:
                point = trial
                continue
        if abs(point.place.rate) > problem.steepest:
            return ended(point, "converged", iteration)
        other = recharted(point.place)
        if other is not None:
            point = problem.evaluate(other)
    return ended(point, "iterations", iteration)


def ended(point: Point, status: str, iterations: int) -> Minimum:
    """Return a minimum, told apart from one that lies at infinity."""
    return Minimum(point, "runaway" if runs_away(point.place) else status, iterations)

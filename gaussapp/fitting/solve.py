"""Least squares for peaks on a baseline: Newton steps with Levenberg-Marquardt damping, in scaled coordinates.

Every function here works on whitened data of order one: positions `t` in about [-1, 1], values `y` already multiplied
by the square root of their weight. With ``z_k = (t - c_k) / w_k`` all that a step needs is a handful of rows,

    linear      ``e_k = exp(-z_k²/2)`` and the baseline's columns
    nonlinear   ``z_k e_k`` (center, in units of the width), ``z_k² e_k`` (log width), ``t exp(-ρt)`` (decay rate)
    curvature   ``z_k³ e_k``, ``z_k⁴ e_k``, ``t² exp(-ρt)``

and their products with each other and with the residual. The linear parameters (amplitudes and baseline) are solved
exactly at every trial point, so that the search runs over centers, log widths and the decay rate only: a step of the
full problem followed by that solution is a step of variable projection (Ruhe and Wedin, SIAM Review 22:318, 1980).
The curvature rows make it Newton's step rather than Gauss and Newton's, so that it converges quadratically however
large the residuals are; where the Hessian is not positive definite, the damped Gauss-Newton matrix takes its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaussapp.fitting.peak import Array

Matrix = list[list[float]]

LINEAR_COLUMNS = {"none": 0, "constant": 1, "linear": 2, "exponential": 1}
"""Number of linear parameters of each baseline."""

STEP_TOLERANCE = 1e-7
"""A Newton step shorter than this (in widths) is the last one: what it leaves is of the order of its square."""

MAX_ITERATIONS = 60
"""Bound on the steps of one minimisation."""

RUNAWAY_WIDTH = 200.0
"""Width, in half windows, beyond which a peak is no longer told from a constant: the search stops there."""

RUNAWAY_DISTANCE = 12.0
"""Distance from the window, in widths, beyond which a peak is no longer told from an exponential."""


class Layout(NamedTuple):
    """Which rows a model has: its number of peaks and its baseline."""

    peaks: int
    baseline: str

    @property
    def linear(self) -> int:
        """Number of parameters that enter linearly: amplitudes and baseline."""
        return self.peaks + LINEAR_COLUMNS[self.baseline]

    @property
    def rates(self) -> int:
        """Number of decay rates: 1 for the exponential baseline, else 0."""
        return int(self.baseline == "exponential")

    @property
    def size(self) -> int:
        """Number of parameters P."""
        return self.linear + 2 * self.peaks + self.rates

    @property
    def rows(self) -> int:
        """Number of rows including those of the second derivatives."""
        return self.size + 2 * self.peaks + self.rates


@dataclass(slots=True)
class Point:
    """One trial point: parameters, sum of squares and all the products a step is made of.

    `theta` holds the nonlinear parameters, ``c_1 … c_K, log w_1 … log w_K`` and the rate, `beta` the linear ones. The
    parameters of a step, and of `gram`, are ordered as the rows: linear, centers in units of their widths, log widths,
    rate.
    """

    theta: list[float]
    beta: list[float]
    sse: float
    gram: Array  # (P, P): products of the rows, not yet multiplied by the amplitudes
    slopes: list[float]  # (rows,): products of the rows with the residual


@dataclass(slots=True)
class Minimum:
    """Where a minimisation ended: `status` is ``converged``, ``runaway`` or ``iterations``."""

    point: Point
    status: str
    iterations: int


def fill_rows(rows: list[Array], t: Array, root_weight: Array | None, theta: list[float], layout: Layout) -> None:
    """Write the rows of a model at `theta` into `rows`, apart from a constant or linear baseline's, which stay."""
    peaks, first, size = layout.peaks, layout.linear, layout.size
    for k in range(peaks):
        inverse = math.exp(-theta[peaks + k])
        e, ze, zze = rows[k], rows[first + k], rows[first + peaks + k]
        z, zz = rows[size + k], rows[size + peaks + k]  # scratch until the last two lines
        np.subtract(t, theta[k], z)
        np.multiply(z, inverse, z)
        np.multiply(z, z, zz)
        np.multiply(zz, -0.5, e)
        np.exp(e, e)
        if root_weight is not None:
            np.multiply(e, root_weight, e)
        np.multiply(e, z, ze)
        np.multiply(e, zz, zze)
        np.multiply(ze, zz, z)
        np.multiply(zze, zz, zz)
    if layout.rates:
        decay = rows[peaks]
        np.multiply(t, -theta[-1], decay)
        np.exp(decay, decay)
        if root_weight is not None:
            np.multiply(decay, root_weight, decay)
        np.multiply(decay, t, rows[size - 1])
        np.multiply(rows[size - 1], t, rows[layout.rows - 1])


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
        fill_fixed_rows(self._list, t, root_weight, layout)

    def evaluate(self, theta: list[float]) -> Point:
        """Return the point at `theta`; its rows stay in `model_rows` until the next call."""
        layout = self.layout
        q = layout.linear
        fill_rows(self._list, self.t, self.root_weight, theta, layout)
        products = self._all.dot(self._transposed)
        if q == 1:
            norm = float(products[0, 0])
            beta = [float(products[-1, 0]) / norm if norm > 0.0 else 0.0]
            residual = self.y - self._list[0] * beta[0]
        else:
            beta = solve_positive(products[:q, :q].tolist(), products[-1, :q].tolist())
            residual = self.y - np.array(beta).dot(self._linear)
        slopes = self._with_curvature.dot(residual).tolist()
        return Point(theta, beta, float(residual.dot(residual)), products[: layout.size], slopes)

    @property
    def model_rows(self) -> Array:
        """Rows of the last point, (P, N), not yet multiplied by the amplitudes."""
        return self._model

    @property
    def curvature_rows(self) -> Array:
        """Rows of the last point that only second derivatives need."""
        return self._all[self.layout.size : -1]


def row_scales(beta: list[float], layout: Layout) -> list[float]:
    """Return what the rows are multiplied by to become the Jacobian, (P,)."""
    amplitudes = beta[: layout.peaks]
    scales = [1.0] * layout.linear + amplitudes + amplitudes
    if layout.rates:
        scales.append(-beta[layout.peaks])
    return scales


def solve_positive(matrix: Matrix, right: list[float], tolerance: float = 1e-13) -> list[float]:
    """Solve a positive semi-definite system; directions that the matrix does not see get 0.

    Plain Python: for the few rows of a peak this takes a third of the time of a call into LAPACK.
    """
    n = len(right)
    if n > 6:
        equal = 1.0 / np.sqrt(np.maximum(np.diag(np.array(matrix)), 1e-300))
        scaled = np.array(matrix) * equal * equal[:, None]
        return list((np.linalg.pinv(scaled, rcond=tolerance, hermitian=True) @ (np.array(right) * equal) * equal).tolist())
    lower, pivots, x = [[0.0] * n for _ in range(n)], [0.0] * n, list(right)
    for i in range(n):
        row, source = lower[i], matrix[i]
        pivot = source[i]
        for j in range(i):
            value, other = source[j], lower[j]
            for k in range(j):
                value -= row[k] * other[k]
            row[j] = value  # L_ij d_j for now
            if pivots[j]:
                x[i] -= value / pivots[j] * x[j]
        for j in range(i):
            if pivots[j]:
                value = row[j]
                row[j] = value / pivots[j]
                pivot -= value * row[j]
            else:
                row[j] = 0.0
        pivots[i] = pivot if pivot > tolerance * source[i] and pivot > 0.0 else 0.0
    for i in range(n - 1, -1, -1):
        value = x[i] / pivots[i] if pivots[i] else 0.0
        for k in range(i + 1, n):
            value -= lower[k][i] * x[k]
        x[i] = value if pivots[i] else 0.0
    return x


def newton_matrices(point: Point, layout: Layout) -> tuple[Matrix, Matrix, list[float], list[float]]:
    """Return the Hessian of half the sum of squares, JᵀJ, its diagonal and minus the gradient at `point`."""
    q, peaks, size = layout.linear, layout.peaks, layout.size
    scales = row_scales(point.beta, layout)
    slopes = point.slopes
    if size > 6:
        outer = np.array(scales)
        jtj: Matrix = (point.gram * outer * outer[:, None]).tolist()
    else:
        jtj = [
            [g * a * b for g, b in zip(row, scales, strict=True)]
            for row, a in zip(point.gram.tolist(), scales, strict=True)
        ]
    diagonal = [jtj[i][i] for i in range(size)]
    hessian = [row.copy() for row in jtj]
    for k in range(peaks):
        a = point.beta[k]
        c, u = q + k, q + peaks + k
        s1, s2, s3, s4 = slopes[c], slopes[u], slopes[size + k], slopes[size + peaks + k]
        at_height, at_center, at_width = hessian[k], hessian[c], hessian[u]
        at_height[c] -= s1
        at_height[u] -= s2
        at_center[k] -= s1
        at_center[c] -= a * (s2 - slopes[k])
        at_center[u] -= a * (s3 - 2.0 * s1)
        at_width[k] -= s2
        at_width[c] -= a * (s3 - 2.0 * s1)
        at_width[u] -= a * (s4 - 2.0 * s2)
    if layout.rates:
        hessian[peaks][-1] += slopes[size - 1]
        hessian[-1][peaks] += slopes[size - 1]
        hessian[-1][-1] -= point.beta[peaks] * slopes[layout.rows - 1]
    return hessian, jtj, diagonal, [a * s for a, s in zip(scales, slopes, strict=False)]


def damped_step(matrix: Matrix, diagonal: list[float], right: list[float], damping: float) -> list[float] | None:
    """Return the solution of ``(matrix + damping diag(diagonal)) step = right``; None if it is not positive definite.

    Directions in which neither the matrix nor the right side has anything (a peak so narrow that only one point
    sees it has no gradient in its width) get a step of 0.
    """
    n = len(right)
    if n > 6:
        full = np.array(matrix)
        scale = 1.0 / np.sqrt(np.maximum(np.array(diagonal), 1e-30))
        full *= scale * scale[:, None]
        full[np.diag_indices(n)] += damping + 1e-15
        try:
            np.linalg.cholesky(full)
        except np.linalg.LinAlgError:
            return None
        return list((np.linalg.solve(full, np.array(right) * scale) * scale).tolist())
    lower, pivots, x = [[0.0] * n for _ in range(n)], [0.0] * n, list(right)
    for i in range(n):
        row, source = lower[i], matrix[i]
        pivot = source[i] + damping * diagonal[i]
        floor = 1e-15 * diagonal[i]
        for j in range(i):
            value, other = source[j], lower[j]
            for k in range(j):
                value -= row[k] * other[k]
            row[j] = value
        for j in range(i):
            if pivots[j]:
                value = row[j]
                row[j] = value / pivots[j]
                pivot -= value * row[j]
                x[i] -= row[j] * x[j]
            else:
                row[j] = 0.0
        if pivot > floor:
            pivots[i] = pivot
        elif pivot < -floor or abs(x[i]) > floor:
            return None
    for i in range(n - 1, -1, -1):
        if pivots[i]:
            value = x[i] / pivots[i]
            for k in range(i + 1, n):
                value -= lower[k][i] * x[k]
            x[i] = value
        else:
            x[i] = 0.0
    return x


def minimise(problem: Problem, theta: list[float], max_iterations: int = MAX_ITERATIONS) -> Minimum:
    """Minimise the sum of squares from `theta`, to the last digits that it determines.

    Far from the minimum the damped Gauss-Newton step is the safer one; once steps are shorter than half a width,
    Newton's takes over wherever the Hessian is positive definite.
    """
    layout = problem.layout
    q, peaks = layout.linear, layout.peaks
    point = problem.evaluate(theta)
    damping = 1e-3
    near = False
    iteration = 0
    while iteration < max_iterations:
        hessian, jtj, diagonal, downhill = newton_matrices(point, layout)
        matrix = hessian if near else jtj
        newton = near
        while True:
            step = damped_step(matrix, diagonal, downhill, 0.0 if newton and damping < 1e-4 else damping)
            if step is None:
                if not newton:  # nothing is determined here
                    return Minimum(point, "converged", iteration)
                matrix, newton = jtj, False
                damping = max(damping, 1e-3)
                continue
            iteration += 1
            longest = max(map(abs, step[q:]))
            predicted = sum(map(float.__mul__, step, downhill))
            if predicted <= 1e-17 * point.sse:
                return Minimum(point, "converged", iteration)
            # Below the rounding of the sum of squares itself only the step can be trusted.
            last = newton and damping < 1e-4 and (longest < STEP_TOLERANCE or predicted < 1e-13 * point.sse)
            trial = problem.evaluate(moved(point.theta, step[q:], peaks, longest))
            gained = point.sse - trial.sse
            if gained >= 0.0 or (last and gained > -1e-12 * point.sse):
                break
            settled = predicted < 1e-15 * point.sse
            if settled or damping > 1e10 or iteration >= max_iterations:
                return Minimum(point, "converged" if settled or damping > 1e10 else "iterations", iteration)
            damping = max(10.0 * damping, 1e-2)
        point = trial
        if last:
            return Minimum(point, "converged", iteration)
        if gained > 0.25 * predicted:
            damping *= 0.1
        near = longest < 0.5
        if runs_away(point.theta, peaks):
            return Minimum(point, "runaway", iteration)
    return Minimum(point, "iterations", iteration)


def moved(theta: list[float], step: list[float], peaks: int, longest: float) -> list[float]:
    """Return `theta` after a step in units of the widths, shortened to change no width by more than a factor of 4."""
    factor = 1.4 / longest if longest > 1.4 else 1.0
    result = [theta[k] + factor * step[k] * math.exp(theta[peaks + k]) for k in range(peaks)]
    result += [theta[i] + factor * step[i] for i in range(peaks, len(theta))]
    return result


def runs_away(theta: list[float], peaks: int) -> bool:
    """Tell whether a peak has become one with a constant or an exponential: its best place is at infinity."""
    for k in range(peaks):
        width = math.exp(min(theta[peaks + k], 700.0))
        if width > RUNAWAY_WIDTH or abs(theta[k]) - 1.0 > RUNAWAY_DISTANCE * width or width < 1e-12:
            return True
    return len(theta) > 2 * peaks and abs(theta[-1]) > 300.0

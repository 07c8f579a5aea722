"""A minimum in scaled coordinates, and the way back to parameters and covariance in the units of x and y."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaussapp.fitting.algebra import PLAIN, Matrix, inverse_of
from gaussapp.fitting.chart import Place, largest_exponent
from gaussapp.fitting.large import CHUNK
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import Scaled
from gaussapp.fitting.search import Search
from gaussapp.fitting.solve import Layout, Minimum, fill_fixed_rows, fill_rows, row_scales

LARGEST_POWER = 300.0
"""Power of ten beyond which a number, or its error, may be none that float64 has."""

FAR = 100.0
"""Powers of e by which an exponential baseline has to grow up to x = 0 for its height there to be looked at."""


@dataclass(slots=True, eq=False)
class Solution:
    """A minimum in scaled coordinates, its peaks in order of center."""

    layout: Layout
    scale: Scaled
    place: Place
    beta: list[float]
    sse: float
    jtj: Matrix  # (P, P), in the order of the rows and the coordinates of each peak's chart
    status: str
    iterations: int
    starts: int
    rival: Minimum | None
    searched: bool = True  # False if a start was given, and nobody has looked for a rival yet

    def peak(self, k: int) -> tuple[float, float, float]:
        """Return amplitude, center and width of a peak in scaled coordinates."""
        first, second = self.place.first[k], self.place.second[k]
        if not self.place.tail[k]:
            return self.beta[k], first, math.exp(second)
        center = -0.5 * first / second
        growth = exponential(0.5 * first * center - largest_exponent(first, second))
        return (self.beta[k] * growth if self.beta[k] else 0.0), center, math.sqrt(-0.5 / second)


def solution_of(found: Search, scale: Scaled) -> Solution:
    """Return the minimum of a search, its peaks sorted by center."""
    layout, point = found.layout, found.best.point
    peaks, q, size = layout.peaks, layout.linear, layout.size
    at, beta, gram = point.place, point.beta, point.gram
    if peaks > 1:
        centers = [center for center, _ in at.centers_and_log_widths()]
        order = sorted(range(peaks), key=lambda k: centers[k])
        last = range(q + 2 * peaks, size)
        rows = [*order, *range(peaks, q), *(q + k for k in order), *(q + peaks + k for k in order), *last]
        gram = gram[np.ix_(rows, rows)]
        beta = [beta[k] for k in order] + beta[peaks:]
        at = Place([at.first[k] for k in order], [at.second[k] for k in order], [at.tail[k] for k in order], at.rate)
    scales = row_scales(beta, layout)
    jtj = [[g * a * b for g, b in zip(row, scales, strict=True)] for row, a in zip(gram.tolist(), scales, strict=True)]
    best = found.best
    ways = found.starts, found.rival, found.searched
    return Solution(layout, scale, at, beta, point.sse, jtj, best.status, best.iterations, *ways)


def rows_at(solution: Solution, t: Array) -> Array:
    """Return the rows at scaled positions (n,), not yet multiplied by the amplitudes, (rows, n)."""
    block = np.empty((solution.layout.rows, t.size))
    rows = list(block)
    with np.errstate(all="ignore"):
        fill_fixed_rows(rows, t, None, solution.layout)
        fill_rows(rows, t, None, solution.place, solution.layout)
    return block


def curve_at(solution: Solution, t: Array) -> Array:
    """Return the curve at scaled positions, (n,), in scaled units of y."""
    linear = np.array(solution.beta)
    if t.size <= CHUNK:
        return np.asarray(linear @ rows_at(solution, t)[: linear.size])
    parts = [t[first : first + CHUNK] for first in range(0, t.size, CHUNK)]
    return np.concatenate([linear @ rows_at(solution, part)[: linear.size] for part in parts])


def baseline_values(solution: Solution) -> list[float]:
    """Return the baseline's parameters in units of x and y."""
    scale, layout = solution.scale, solution.layout
    b = solution.beta[layout.peaks :]
    if layout.baseline == "none":
        return []
    if layout.baseline == "constant":
        return [scale.y0 + scale.y_unit * b[0]]
    if layout.baseline == "linear":
        slope = scale.y_unit * b[1] / scale.half_window
        return [scale.y0 + scale.y_unit * (b[0] - b[1] * (scale.x0 / scale.half_window)), slope]
    rate = solution.place.rate
    return [b[0] * scale.y_unit * exponential(rate * (scale.x0 / scale.half_window)), rate / scale.half_window]


def beyond_numbers(solution: Solution) -> bool:
    """Tell whether the height of an exponential baseline at x = 0 cannot be written, though the curve is ordinary."""
    scale, height = solution.scale, abs(solution.beta[solution.layout.peaks]) * solution.scale.y_unit
    growth = solution.place.rate * (scale.x0 / scale.half_window)
    return height > 0.0 and abs(growth) > FAR and abs(math.log10(height) + growth / math.log(10.0)) > LARGEST_POWER


def exponential(value: float) -> float:
    """Return exp(value), inf where float64 ends."""
    return math.exp(value) if value < 709.0 else math.inf


def covariance_in_units(solution: Solution, unit: Matrix, variance: float) -> tuple[list[float], Matrix]:
    """Return the unit of every parameter and the covariance of the parameters in these units, (P, P)."""
    scale, layout = solution.scale, solution.layout
    peaks, q, size = layout.peaks, layout.linear, layout.size
    units = [scale.y_unit, scale.half_window, scale.half_window] * peaks
    factors, rows = [], []
    for k in range(peaks):
        width = solution.peak(k)[2]
        factors += [1.0, width, width]
        rows += [k, q + k, q + peaks + k]
    if layout.baseline == "constant":
        units.append(scale.y_unit)
        factors.append(1.0)
        rows.append(peaks)
    if len(rows) == size and True not in solution.place.tail:
        matrix = [
            [unit[i][j] * (a * b * variance) for j, b in zip(rows, factors, strict=True)]
            for i, a in zip(rows, factors, strict=True)
        ]
        return units, matrix
    if layout.baseline == "linear":
        units += [scale.y_unit, scale.y_unit / scale.half_window]
    elif layout.baseline == "exponential":
        growth = exponential(solution.place.rate * (scale.x0 / scale.half_window))
        units += [scale.y_unit * growth, 1.0 / scale.half_window]
    transform = derivatives(solution)
    with np.errstate(all="ignore"):
        covariance = transform @ (np.array(unit) * variance) @ transform.T
    return units, covariance.tolist()


def derivatives(solution: Solution) -> Array:
    """Return the derivatives of the scaled parameters, in the order of their names, by those of the rows, (P, P)."""
    scale, layout = solution.scale, solution.layout
    peaks, q, size = layout.peaks, layout.linear, layout.size
    transform = np.zeros((size, size))
    for k in range(peaks):
        amplitude, center, width = solution.peak(k)
        here, first, second = 3 * k, q + k, q + peaks + k
        if solution.place.tail[k]:
            growth = amplitude / solution.beta[k] if solution.beta[k] else 1.0
            transform[here, [k, first, second]] = growth, amplitude * center, amplitude * center * center
            transform[here + 1, [first, second]] = width * width, 2.0 * center * width * width
            transform[here + 2, second] = width**3
        else:
            transform[here, k] = 1.0
            transform[here + 1, first] = transform[here + 2, second] = width
    here, shift = 3 * peaks, scale.x0 / scale.half_window
    if layout.baseline in ("constant", "linear"):
        transform[here, peaks] = 1.0
    if layout.baseline == "linear":
        transform[here, peaks + 1] = -shift
        transform[here + 1, peaks + 1] = 1.0
    elif layout.baseline == "exponential":
        transform[here, peaks] = 1.0
        transform[here, size - 1] = shift * solution.beta[peaks]
        transform[here + 1, size - 1] = 1.0
    return transform


def unit_covariance(solution: Solution) -> Matrix:
    """Return the inverse of JᵀJ; inf on the diagonal, nan beside it where the data do not determine the parameters."""
    layout, beta = solution.layout, solution.beta
    size, q, peaks = layout.size, layout.linear, layout.peaks
    jtj = solution.jtj
    diagonal = [jtj[i][i] for i in range(size)]
    seen = min(diagonal) > 0.0
    for k in range(peaks):  # a derivative that is only rounding, against the peak itself
        if not solution.place.tail[k]:
            seen = seen and min(diagonal[q + k], diagonal[q + peaks + k]) > 1e-14 * beta[k] * beta[k] * diagonal[k]
    inverse: Matrix | None = None
    if seen and size <= PLAIN:
        inverse = inverse_of(jtj)
    elif seen:
        scale = 1.0 / np.sqrt(np.array(diagonal))
        equal = np.array(jtj) * scale * scale[:, None]
        if np.linalg.cond(equal) < 1e13:
            inverse = (np.linalg.inv(equal) * scale * scale[:, None]).tolist()
    if inverse is None:
        return [[math.inf if i == j else math.nan for j in range(size)] for i in range(size)]
    return inverse

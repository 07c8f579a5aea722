"""From the best places of a stack to parameters, standard errors and goodness of fit, in the units of x and y.

Everything here is what `gaussapp.fitting.solution` and `gaussapp.fitting.result` say of one fit, in whole arrays. The
rows of the Jacobian are made orthonormal (Gram and Schmidt), which gives the linear parameters, the residuals, the
covariance and, for the verdicts, the hat matrix without forming normal equations again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, Array
from gaussapp.fitting.solution import FAR, LARGEST_POWER
from gaussapp.fitting.stack.search import Answers
from gaussapp.fitting.stack.solve import Stack

SAFE = 1e-9
"""Share of a row's square that must be left beside the others; with less, the row is looked at by itself."""


@dataclass(slots=True)
class Units:
    """What leads from scaled coordinates to the units of x and y: numbers, or (R,) where rows differ."""

    x0: Array
    half_window: Array
    y0: Array
    y_unit: Array
    sigma_unit: Array


@dataclass(slots=True)
class Factors:
    """The Jacobian of a stack taken apart: orthonormal rows, P of shape (R, N), and what they are made of.

    (Of odd answers, which `gaussapp.fitting.stack.odd` sees to, the rows are those of the Jacobian itself.)
    """

    rows: list[Array]
    upper: list[list[Array]]  # row i of J is the sum over k <= i of upper[k][i] · rows[k]
    residual: Array  # (R, N)
    linear: list[Array]  # amplitude and the baseline's linear parameters
    sse: Array
    sound: NDArray[np.bool_]  # False where digits have run out
    solved: list[Array]  # the hat matrix is the sum over i of rows[i]ᵀ · solved[i]
    own: Array  # square of the amplitude's row beyond the other linear ones


@dataclass(slots=True)
class Summary:
    """Numbers of a stack: (R, P) or (R,)."""

    values: Array
    errors: Array
    area_error: Array
    chi2: Array
    r_squared: Array
    minus_two_log_likelihood: Array
    variance: Array  # of a whitened point, in scaled coordinates
    beyond: NDArray[np.bool_]  # where the height of an exponential at x = 0 cannot be written as a number


def factorised(stack: Stack, at: Answers) -> Factors:
    """Return the factors of the Jacobian at the best places."""
    t, y, weight, layout = stack.t, stack.y, stack.root_weight, stack.layout
    # Written in place as far as possible: fresh memory costs more than the arithmetic.
    z = t - at.centers[:, None]
    z *= np.exp(-at.log_widths)[:, None]
    e = z * z
    e *= -0.5
    np.maximum(e, -330.0, out=e)
    np.exp(e, out=e)
    if weight is not None:
        e *= weight
    rows = [e]
    if layout.baseline in ("constant", "linear"):
        ones = np.ones_like(y) if weight is None else np.broadcast_to(weight, y.shape).copy()
        rows += [ones, ones * t][: layout.linear - 1]
    elif layout.rates:
        decay = np.exp(-at.rates[:, None] * t)
        rows.append(decay if weight is None else decay * weight)
    rows.append(e * z)
    z *= rows[-1]
    rows.append(z)
    if layout.rates:
        rows.append(rows[1] * t)
    scratch = np.empty_like(y)
    upper: list[list[Array]] = [[np.empty(0)] * k for k in range(len(rows))]  # from the diagonal on
    sound = np.ones(y.shape[0], dtype=bool)
    smallest = 1e-14 * np.vecdot(e, e)
    for i, row in enumerate(rows):
        square = np.vecdot(row, row)
        for k in range(i):
            along = np.vecdot(rows[k], row)
            upper[k].append(along)
            row -= np.multiply(rows[k], along[:, None], out=scratch)
        left = np.vecdot(row, row)
        sound &= (left > SAFE * square) & (square > smallest)
        norm = np.sqrt(left)
        upper[i].append(norm)
        row *= (1.0 / norm)[:, None]
    residual, along_rows = y.copy(), []
    for row in rows[: layout.linear]:
        along = np.vecdot(row, residual)
        along_rows.append(along)
        residual -= np.multiply(row, along[:, None], out=scratch)
    linear = list(along_rows)
    for i in range(layout.linear - 1, -1, -1):
        for j in range(i + 1, layout.linear):
            linear[i] = linear[i] - upper[i][j] * linear[j]
        linear[i] = linear[i] / upper[i][i]
    sse = np.vecdot(residual, residual)
    sound &= np.isfinite(sse) & (linear[0] != 0.0)
    return Factors(rows, upper, residual, linear, sse, sound, rows, 1.0 / amplitude_variance(upper, layout.linear))


def amplitude_variance(upper: list[list[Array]], linear: int) -> Array:
    """Return the amplitude's entry of the inverse of the linear parameters' JᵀJ, (R,), from the upper triangle."""
    head = [1.0 / upper[0][0]]
    for k in range(1, linear):
        total = head[0] * upper[0][k]
        for j in range(1, k):
            total = total + head[j] * upper[j][k]
        head.append(-total / upper[k][k])
    variance = head[0] * head[0]
    for entry in head[1:]:
        variance = variance + entry * entry
    return variance


def inverse_rows(factors: Factors, scales: list[Array | float]) -> list[list[Array]]:
    """Return the inverse of the upper triangle, its row i over scale i; times its transpose it is the covariance."""
    size = len(factors.upper)
    inverse: list[list[Array]] = [[np.empty(0)] * size for _ in range(size)]
    for k in range(size):
        inverse[k][k] = 1.0 / factors.upper[k][k]
        for i in range(k - 1, -1, -1):
            total = factors.upper[i][i + 1] * inverse[i + 1][k]
            for j in range(i + 2, k + 1):
                total = total + factors.upper[i][j] * inverse[j][k]
            inverse[i][k] = -total / factors.upper[i][i]
    return [[entry / scale for entry in row[i:]] for i, (row, scale) in enumerate(zip(inverse, scales, strict=True))]


def summarised(
    stack: Stack, at: Answers, factors: Factors, units: Units, log_variance: Array, absolute: bool, weighted: bool
) -> Summary:
    """Return the numbers of a stack.

    Parameters
    ----------
    stack, at, factors
        Data, places and the Jacobian there.
    units
        The way back.
    log_variance
        Sum of log sigma² over the points of each row, (R,); 0 without sigma.
    absolute, weighted
        Whether the noise is known, and whether there is a sigma.
    """
    layout, points = stack.layout, stack.y.shape[1]
    dof, q = points - layout.size, layout.linear
    beta, sse = factors.linear, factors.sse
    scales: list[Array | float] = [1.0] * q + [beta[0], beta[0]] + ([-beta[1]] if layout.rates else [])
    inverse = inverse_rows(factors, scales)
    ratio = units.sigma_unit / units.y_unit
    variance = ratio * ratio if absolute else sse / dof
    deviation = np.sqrt(variance)
    width = units.half_window * np.exp(at.log_widths)
    beyond, shift = np.zeros(sse.size, dtype=bool), units.x0 / units.half_window
    values = [units.y_unit * beta[0], units.x0 + units.half_window * at.centers, width]
    errors = [units.y_unit * spread(inverse[0]), width * spread(inverse[q]), width * spread(inverse[q + 1])]
    if layout.baseline == "constant":
        values.append(units.y0 + units.y_unit * beta[1])
        errors.append(units.y_unit * spread(inverse[1]))
    elif layout.baseline == "linear":
        values += [units.y0 + units.y_unit * (beta[1] - beta[2] * shift), units.y_unit * beta[2] / units.half_window]
        offset = added(inverse[1], inverse[2], -shift)
        errors += [units.y_unit * spread(offset), units.y_unit / units.half_window * spread(inverse[2])]
    elif layout.rates:
        exponent = at.rates * shift
        height = np.log10(abs(units.y_unit * beta[1])) + exponent / math.log(10.0)
        beyond = (beta[1] != 0.0) & (abs(exponent) > FAR) & (abs(height) > LARGEST_POWER)
        growth = np.exp(exponent)
        values += [units.y_unit * growth * beta[1], at.rates / units.half_window]
        along = added(inverse[1], inverse[-1], shift * beta[1])
        errors += [units.y_unit * growth * spread(along), spread(inverse[-1]) / units.half_window]
    relative_area = added([entry / beta[0] for entry in inverse[0]], inverse[q + 1], 1.0)
    area = AREA_PER_HEIGHT_AND_WIDTH * values[0] * width
    chi2 = sse / (ratio * ratio)
    return Summary(
        np.stack(values, axis=1),
        np.stack(errors, axis=1) * deviation[:, None],
        abs(area) * spread(relative_area) * deviation,
        chi2,
        1.0 - sse / total_squares(stack),
        likelihood_of(sse, ratio, log_variance, points, known=absolute and weighted),
        np.broadcast_to(variance, sse.shape),
        beyond,
    )


def likelihood_of(sse: Array, ratio: Array, log_variance: Array, points: int, *, known: bool) -> Array:
    """Return -2 log L of normal noise, (R,), its size `known` or not; `ratio` is the unit of sigma over that of y."""
    if known:
        return np.asarray(sse / (ratio * ratio) + log_variance + points * math.log(2.0 * math.pi))
    return np.asarray(points * (np.log(2.0 * math.pi * sse / points) - 2.0 * np.log(ratio) + 1.0) + log_variance)


def spread(row: list[Array]) -> Array:
    """Return the root of the sum of squares of some arrays."""
    total = row[0] * row[0]
    for entry in row[1:]:
        total = total + entry * entry
    return np.sqrt(total)


def added(row: list[Array], other: list[Array], factor: Array | float) -> list[Array]:
    """Return a row of the inverse plus a multiple of a later one, which is shorter."""
    first = len(row) - len(other)
    return row[:first] + [a + factor * b for a, b in zip(row[first:], other, strict=True)]


def total_squares(stack: Stack) -> Array:
    """Return the sum of squares about the weighted mean, (R,); nan where y is constant."""
    y, weight = stack.y, stack.root_weight
    ones = np.ones(y.shape[1]) if weight is None else weight
    norm = np.vecdot(ones, ones)
    mean = np.vecdot(y, np.broadcast_to(ones, y.shape)) / norm
    squares = np.vecdot(y, y)
    total = squares - mean * mean * norm
    small = np.flatnonzero(total < 1e-6 * squares)  # digits have cancelled
    if small.size:
        part = ones if ones.ndim == 1 else ones[small]
        centered = y[small] - part * mean[small, None]
        total[small] = np.vecdot(centered, centered)
    return np.where(total > 0.0, total, np.nan)

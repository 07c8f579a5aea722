"""The numbers of answers that are no ordinary peaks: flanks, very wide peaks, peaks on a point or two, for all at once.

Of such an answer the data may not determine every parameter. Where `gaussapp.fitting.stack.summary` makes the rows of
the Jacobian orthonormal, here everything follows from the normal equations, in the chart in which the minimisation
ended, as in `gaussapp.fitting.solution`: their inverse says what is determined, their pseudo-inverse what the fit took.
"""

from __future__ import annotations

import numpy as np

from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, Array
from gaussapp.fitting.solve import Layout, row_scales
from gaussapp.fitting.stack.endgame import Ends, Some
from gaussapp.fitting.stack.points import Points, Rows, chosen_matrix, mirrored, solve_stack
from gaussapp.fitting.stack.solve import Stack
from gaussapp.fitting.stack.summary import Factors, Summary, Units, likelihood_of, total_squares

LEAST_PIVOT = 1e-13
"""Share of its diagonal below which a pivot has no digits left, as for `gaussapp.fitting.algebra.inverse_of`."""


def evaluated(stack: Stack, ends: Ends) -> tuple[Points, Array, Array]:
    """Return the points at the ends, the Jacobian (P, R, N), and the residuals (R, N); without decay rates."""
    layout = stack.layout
    point = stack.evaluate(np.arange(ends.first.size), [ends.first], [ends.second], [ends.tails], ends.rates)
    at = point.first, point.second, point.tails, point.rate
    linear, nonlinear, _, _ = stack.model_rows(stack.y, stack.t, stack.root_weight, *at)
    scales = row_scales(point.beta, layout)
    every = [*linear, *nonlinear[0], *nonlinear[1]]
    jacobian = np.stack(
        [row if isinstance(a, float) else row * a[:, None] for row, a in zip(every, scales, strict=True)]
    )
    residual = stack.y.copy()
    for b, row in zip(point.beta, linear, strict=True):
        residual -= b[:, None] * row
    return point, jacobian, residual


def inverse_stack(matrix: Rows) -> tuple[Array, Some]:
    """Return the inverse of symmetric matrices, (R, P, P), and which have one; as `algebra.inverse_of`."""
    size = len(matrix)
    rows = mirrored(matrix)
    sound = np.ones(matrix[0][0].size, dtype=bool)
    for k in range(size):  # Gauss and Jordan
        pivot = rows[k][k]
        sound &= pivot > LEAST_PIVOT * matrix[k][k]
        head = [(1.0 if j == k else rows[k][j]) / pivot for j in range(size)]
        for i in range(size):
            if i != k:
                factor = rows[i][k]
                rows[i] = [(0.0 if j == k else rows[i][j]) - factor * head[j] for j in range(size)]
        rows[k] = head
    inverse = np.moveaxis(np.array(rows), 2, 0)
    inverse[~sound] = np.inf
    return inverse, sound


def odd_factors(stack: Stack, ends: Ends) -> tuple[Factors, Array, Some]:
    """Return what findings need, and the inverse of JᵀJ, (R, P, P), with which rows have one."""
    point, jacobian, residual = evaluated(stack, ends)
    layout, jtj, a = stack.layout, point.jtj, point.beta[0]
    inverse, seen = inverse_stack(jtj)
    # A derivative may be only rounding, against the peak itself.
    nonlinear = np.minimum(jtj[-1][-1], jtj[-2][-1])
    seen &= (jtj[0][0] > 0.0) & (nonlinear > 0.0) & (ends.tails | (nonlinear > 1e-14 * a * a * jtj[0][0]))
    taken, unseen = inverse.copy(), np.flatnonzero(~seen)
    if unseen.size:  # directions that the data do not see take nothing out
        part = np.moveaxis(np.array(mirrored(chosen_matrix(jtj, unseen))), 2, 0)
        length = np.sqrt(np.maximum(np.einsum("rii->ri", part), 1e-300))
        scale = length[:, :, None] * length[:, None, :]
        taken[unseen] = np.linalg.pinv(part / scale, rcond=LEAST_PIVOT, hermitian=True) / scale
    solved = np.einsum("rij,jrn->irn", taken, jacobian)
    own = jtj[0][0]
    if layout.linear > 1:
        across = [jtj[i][0] for i in range(1, layout.linear)]
        rest = [jtj[i][1 : i + 1] for i in range(1, layout.linear)]
        shares = solve_stack(rest, across, 0.0, 0, 1e-13)[0]
        own = np.maximum(own - sum(x * y for x, y in zip(across, shares, strict=True)), 0.0)
    sound = np.isfinite(point.sse)
    return Factors(list(jacobian), [], residual, point.beta, point.sse, sound, list(solved), own), inverse, seen


def summarised_odd(
    stack: Stack, ends: Ends, units: Units, log_variance: Array, absolute: bool, weighted: bool
) -> tuple[Factors, Summary]:
    """Return what `factorised` and `summarised` say of ordinary answers; errors are inf where nothing is determined."""
    layout, points = stack.layout, stack.y.shape[1]
    factors, inverse, seen = odd_factors(stack, ends)
    beta, sse = factors.linear, factors.sse
    amplitude, center, width, transform = parameters_of(ends, beta, units, layout)
    ratio = units.sigma_unit / units.y_unit
    variance = np.broadcast_to(ratio * ratio if absolute else sse / (points - layout.size), sse.shape)
    covariance = transform @ (inverse * variance[:, None, None]) @ np.swapaxes(transform, 1, 2)
    variances = np.einsum("rii->ri", covariance)
    values = [units.y_unit * amplitude, units.x0 + units.half_window * center, units.half_window * width]
    scales = [units.y_unit, units.half_window, units.half_window]
    if layout.baseline == "constant":
        values.append(units.y0 + units.y_unit * beta[1])
        scales.append(units.y_unit)
    elif layout.baseline == "linear":
        shift = units.x0 / units.half_window
        values += [units.y0 + units.y_unit * (beta[1] - beta[2] * shift), units.y_unit * beta[2] / units.half_window]
        scales += [units.y_unit, units.y_unit / units.half_window]
    determined = seen[:, None] & (variances >= 0.0)
    errors = np.where(determined, np.sqrt(np.where(determined, variances, 0.0)), np.inf)
    errors *= np.stack(np.broadcast_arrays(*scales, sse)[:-1], axis=1)
    area = AREA_PER_HEIGHT_AND_WIDTH * values[0] * values[2]
    one, other = 1.0 / amplitude, 1.0 / width
    relative = one * one * covariance[:, 0, 0] + other * other * covariance[:, 2, 2]
    relative += 2.0 * one * other * covariance[:, 0, 2]
    known = seen & (relative >= 0.0) & (relative < np.inf)
    area_error = np.where(known, abs(area) * np.sqrt(np.where(known, relative, 0.0)), np.inf)
    return factors, Summary(
        np.stack(np.broadcast_arrays(*values), axis=1),
        errors,
        area_error,
        sse / (ratio * ratio),
        1.0 - sse / total_squares(stack),
        likelihood_of(sse, ratio, log_variance, points, known=absolute and weighted),
        variance,
        np.zeros(sse.size, dtype=bool),
    )


def parameters_of(ends: Ends, beta: list[Array], units: Units, layout: Layout) -> tuple[Array, Array, Array, Array]:
    """Return amplitude, center and width, (R,), and all parameters' derivatives by those of the rows, (R, P, P).

    As `gaussapp.fitting.solution.Solution.peak` and `derivatives`.
    """
    q, size, tails = layout.linear, layout.size, ends.tails
    h, k = np.where(tails, ends.first, 0.0), np.where(tails, ends.second, -0.5)
    center, log_width = ends.centers_and_log_widths()
    width = np.where(tails, np.sqrt(-0.5 / k), np.exp(log_width))
    top = np.clip(-0.5 * h / k, -1.0, 1.0)
    exponent = np.where(tails, 0.5 * h * center - top * (h + k * top), 0.0)
    growth = np.where(exponent < 709.0, np.exp(np.minimum(exponent, 709.0)), np.inf)
    amplitude = np.where(beta[0] != 0.0, beta[0] * growth, 0.0)
    transform = np.zeros((tails.size, size, size))
    transform[:, 0, 0] = np.where(beta[0] != 0.0, growth, 1.0)
    transform[:, 0, q] = np.where(tails, amplitude * center, 0.0)
    transform[:, 0, q + 1] = np.where(tails, amplitude * center * center, 0.0)
    transform[:, 1, q] = np.where(tails, width * width, width)
    transform[:, 1, q + 1] = np.where(tails, 2.0 * center * width * width, 0.0)
    transform[:, 2, q + 1] = np.where(tails, width**3, width)
    if layout.baseline in ("constant", "linear"):
        transform[:, 3, 1] = 1.0
    if layout.baseline == "linear":
        transform[:, 3, 2] = -units.x0 / units.half_window
        transform[:, 4, 2] = 1.0
    return amplitude, center, width, transform

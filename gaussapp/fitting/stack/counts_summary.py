"""From the most likely places of a stack of counts to parameters, errors, goodness of fit and findings.

At the maximum of the likelihood the counts are data with the variance of their means: errors, residuals and what is
found on them follow from the Jacobian weighed by these, as `gaussapp.fitting.constrained` says for one fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, Array
from gaussapp.fitting.scale import Axis
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack.counts import CountStack, Some, descend_stack
from gaussapp.fitting.stack.counts_search import Likeliest, from_start, positive_starts, search_counts
from gaussapp.fitting.stack.search import search_stack
from gaussapp.fitting.stack.solve import Stack
from gaussapp.fitting.stack.start import find_starts_stack
from gaussapp.fitting.stack.summary import SAFE
from gaussapp.fitting.stack.verdict import BIT, chance_in_known_noise, few_points_near, in_order, with_offset
from gaussapp.fitting.verdicts.chance import LIKELY_NOISE
from gaussapp.fitting.verdicts.finding import UNLIKELY
from gaussapp.fitting.verdicts.verdict import CAUTION, DOUBTFUL, SIMILAR, UNDETERMINED

AGREE = 1e-7
"""Standard errors within which the maximum must have been reached."""


@dataclass(slots=True)
class Counted:
    """Results of R rows of counts, as the columns of `gaussapp.fitting.stack.fits.Columns`.

    Rows not in `together` are to be fitted by themselves, and those in `doubtful` where all digits matter.
    """

    values: Array
    errors: Array
    area_error: Array
    chi2: Array
    r_squared: Array
    minus_two_log_likelihood: Array
    bits: NDArray[np.int64]
    trustworthy: Some
    held: NDArray[np.int32]
    starts: NDArray[np.intp]
    together: Some
    doubtful: Some


@dataclass(slots=True)
class Weighed:
    """The counts of some rows over the root of their means, and their Jacobian taken apart."""

    mean: Array  # (R, N)
    weight: Array  # (R, N): one over the root of the mean
    residual: Array  # (R, N): Pearson's
    rows: list[Array]  # (R, N) each: the Jacobian by what is free, made orthonormal
    inverse: Array  # (F, F, R): of the triangle that these are made of; times its transpose it is the covariance
    sound: Some  # False where digits have run out


def fit_counts(axis: Axis, y: Array, baseline: str, start: Array | None) -> Counted:
    """Return the most likely peak of every row of counts.

    Parameters
    ----------
    axis
        Sorted positions.
    y
        Counts, (R, N): whole numbers from zero, no row of them all zero.
    baseline
        ``"none"``, ``"constant"`` or ``"linear"``.
    start
        Where all of them start, in the parameters of `CountStack`, (P, 1); None to look for starts.
    """
    stack = CountStack.of(axis.t, y, baseline)
    if start is None:
        plain = Stack(axis.t, y / y.max(axis=1, keepdims=True), None, layout_of(1, baseline))
        found = search_counts(stack, search_stack(plain, find_starts_stack(axis, plain.y, baseline)))
    else:
        found = from_start(stack, start)
    count, size = y.shape[0], len(found.f)

    def nan(*shape: int) -> Array:
        return np.full((count, *shape), np.nan)

    result = Counted(
        nan(size),
        nan(size),
        nan(1),
        nan(),
        nan(),
        nan(),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=np.int32),
        found.starts,
        np.zeros(count, dtype=bool),
        found.doubtful,
    )
    log_width = np.log(np.maximum(found.f[2], 1e-300))
    ordinary = Stack(axis.t, y, None, layout_of(1, baseline)).inside(found.f[1], log_width, np.zeros(count))
    sound = found.sound & ordinary & ~found.active[:3].any(axis=0)
    patterns = found.active.T @ (1 << np.arange(size))
    for pattern in np.unique(patterns[sound]).tolist():  # those that have ended at the same bounds
        rows = np.flatnonzero(sound & (patterns == pattern))
        put(result, rows, stack, found, axis, ~found.active[:, rows[0]])
    return result


def place_of_counts(start: Mapping[str, float], axis: Axis, baseline: str) -> Array:
    """Return a start that names every parameter as a place of `CountStack`, (P, 1)."""
    center = (start["center"] - axis.x0) / axis.half_window
    f = [start["amplitude"], center, start["width"] / axis.half_window]
    if baseline == "constant":
        f.append(start["offset"])
    elif baseline == "linear":
        level, along = start["offset"] + start["slope"] * axis.x0, start["slope"] * axis.half_window
        f += [level - along, level + along]
    return np.array(f)[:, None]


def put(result: Counted, rows: NDArray[np.intp], stack: CountStack, found: Likeliest, axis: Axis, free: Some) -> None:
    """Write the results of some rows, of which the same parameters are `free`, (P,)."""
    y, f, value = stack.y[rows], found.f[:, rows], found.value[rows]
    weighed = weighed_by(stack, y, f, free)
    # What the residuals have along the Jacobian is the way to the maximum, in standard errors.
    away = np.array([np.vecdot(row, weighed.residual) for row in weighed.rows])
    chi2 = np.vecdot(weighed.residual, weighed.residual)
    perfect = ~(chi2 > 1e-19 * np.vecdot(y * weighed.weight, y * weighed.weight))
    together = weighed.sound & ((abs(away) < AGREE).all(axis=0) | found.doubtful[rows]) & ~perfect
    errors, area_error = errors_of(weighed, f, axis, stack.baseline, free)
    together &= np.isfinite(errors).all(axis=1) & np.isfinite(area_error)
    values = values_of(f, axis, stack.baseline)
    chance, sure = chance_of_noise(stack, rows, f, value)
    together &= sure
    relative = np.max(errors[:, [0, 2]] / abs(values[:, [0, 2]]), axis=1)
    bits, warned = findings(stack, rows, f, found.rival[rows], weighed, chi2, chance, relative)
    for column, numbers in (
        (result.values, values),
        (result.errors, errors),
        (result.area_error, area_error[:, None]),
        (result.chi2, chi2),
        (result.r_squared, 1.0 - chi2 / scatter_about_mean(y, weighed.weight)),
        (result.minus_two_log_likelihood, 2.0 * value - 2.0 * saturated(y)),
        (result.bits, bits),
        (result.trustworthy, ~warned),
        (result.held, np.full(rows.size, np.count_nonzero(~free), dtype=np.int32)),
        (result.together, together),
    ):
        column[rows] = numbers


def weighed_by(stack: CountStack, y: Array, f: Array, free: Some) -> Weighed:
    """Return counts weighed by the inverse of their means, as `control.weighed_by`, and their Jacobian taken apart."""
    v, e = stack.peak(f)
    mean = stack.mean(f, e)
    weight = 1.0 / np.sqrt(np.maximum(mean, 1e-12 * mean.max(axis=1, keepdims=True) + 1e-300))
    residual = (y - mean) * weight
    along = (f[0] / f[2])[:, None] * (e * v)
    jacobian = [e, along, along * v]
    if stack.baseline == "constant":
        jacobian.append(np.ones_like(e))
    elif stack.baseline == "linear":
        jacobian += [np.broadcast_to(0.5 + side * 0.5 * stack.t, e.shape) for side in (-1.0, 1.0)]
    rows = [row * weight for row, moves in zip(jacobian, free, strict=True) if moves]
    size, count = len(rows), f.shape[1]
    upper = np.zeros((size, size, count))
    sound = np.ones(count, dtype=bool)
    for i, row in enumerate(rows):
        square = np.vecdot(row, row)
        for k in range(i):
            upper[k, i] = np.vecdot(rows[k], row)
            row -= rows[k] * upper[k, i][:, None]
        left = np.vecdot(row, row)
        sound &= left > SAFE * square
        upper[i, i] = np.sqrt(left)
        row *= (1.0 / upper[i, i])[:, None]
    inverse = np.zeros_like(upper)
    for k in range(size):
        inverse[k, k] = 1.0 / upper[k, k]
        for i in range(k - 1, -1, -1):
            inverse[i, k] = -(upper[i, i + 1 : k + 1] * inverse[i + 1 : k + 1, k]).sum(axis=0) / upper[i, i]
    return Weighed(mean, weight, residual, rows, inverse, sound)


def errors_of(weighed: Weighed, f: Array, axis: Axis, baseline: str, free: Some) -> tuple[Array, Array]:
    """Return the standard errors of the parameters, (R, P), and of the area, (R,)."""
    deviations = np.zeros((free.size, *weighed.inverse.shape[1:]))  # of what is held: none
    deviations[free] = weighed.inverse
    relative_area = deviations[0] / f[0] + deviations[2] / f[2]
    area = AREA_PER_HEIGHT_AND_WIDTH * abs(f[0]) * f[2] * axis.half_window
    deviations[1:3] *= axis.half_window
    if baseline == "linear":
        shift = axis.x0 / axis.half_window
        left, right = deviations[3].copy(), deviations[4].copy()
        deviations[3] = 0.5 * ((1.0 + shift) * left + (1.0 - shift) * right)
        deviations[4] = 0.5 * (right - left) / axis.half_window
    errors = np.sqrt((deviations * deviations).sum(axis=1)).T
    return errors, area * np.sqrt((relative_area * relative_area).sum(axis=0))


def scatter_about_mean(y: Array, weight: Array) -> Array:
    """Return the weighed sum of squares about the weighed mean, (R,); nan where counts are constant."""
    squares = weight * weight
    mean = np.vecdot(y, squares) / squares.sum(axis=1)
    left = (y - mean[:, None]) * weight
    total = np.vecdot(left, left)
    return np.where(total > 0.0, total, np.nan)


def values_of(f: Array, axis: Axis, baseline: str) -> Array:
    """Return the parameters in the units of x and y, (R, P)."""
    values = [f[0], axis.x0 + axis.half_window * f[1], axis.half_window * f[2]]
    if baseline == "constant":
        values.append(f[3])
    elif baseline == "linear":
        level, slope = 0.5 * (f[3] + f[4]), 0.5 * (f[4] - f[3])
        values += [level - slope * (axis.x0 / axis.half_window), slope / axis.half_window]
    return np.stack(values, axis=1)


def saturated(y: Array) -> Array:
    """Return the log likelihood of a curve through all counts, (R,)."""
    from scipy.special import gammaln, xlogy

    return np.asarray(np.sum(xlogy(y, y) - y - gammaln(y + 1.0), axis=1))


def findings(
    stack: CountStack,
    rows: NDArray[np.intp],
    f: Array,
    rival: Array,
    weighed: Weighed,
    chi2: Array,
    chance: Array,
    relative: Array,
) -> tuple[NDArray[np.int64], Some]:
    """Return the findings on some rows as bits, and which of them are warned of.

    This is `gaussapp.fitting.verdicts.verdict` on arrays.

    `chance` says how often noise holds a peak as good, `relative` the larger relative error of height and width, (R,).
    What was left out of a row is not looked at here.
    """
    y, points, size = stack.y[rows], stack.t.size, len(weighed.rows)
    dof = points - size
    bits, warned = np.zeros(rows.size, dtype=np.int64), np.zeros(rows.size, dtype=bool)

    def report(code: str, some: Some, warning: bool = True) -> None:
        bits[some] |= BIT[code]
        if warning:
            np.logical_or(warned, some, out=warned)

    report("two_answers", 2.0 * rival < SIMILAR)
    report("bound_active", np.full(rows.size, size < len(f)), warning=False)
    noise = chance > LIKELY_NOISE
    report("no_peak_found", noise)
    report("narrower_than_sampling", few_points_near(stack.t, f[1], 2.5 * f[2])[0])
    undetermined = ~(relative < UNDETERMINED)
    report("not_identified", undetermined)
    unclear = (relative > CAUTION) & ~noise & ~undetermined
    report("low_signal_to_noise", unclear, warning=False)
    warned |= unclear & (relative > DOUBTFUL)
    more, less = scattered(chi2, weighed.mean, dof)
    report("counts_scatter_more", more)
    report("counts_scatter_less", less, warning=False)
    report("outliers", with_unlikely_count(y, weighed.mean))
    residual = weighed.residual / np.sqrt(chi2 / dof)[:, None]
    if dof >= 5:
        report("residuals_not_noise", in_order(residual, weighed.rows, weighed.rows))
    if stack.baseline == "none":
        report("offset_suspected", with_offset(weighed.weight, residual, weighed.rows, weighed.rows, dof))
    bits[~warned] |= BIT["trustworthy"]
    return bits, warned


def chance_of_noise(stack: CountStack, rows: NDArray[np.intp], f: Array, value: Array) -> tuple[Array, Some]:
    """Return how often noise alone holds a peak as good, (R,), as `held.chance_in_noise`, and where that is sure."""
    from scipy.special import xlogy

    y, sure = stack.y[rows], np.ones(rows.size, dtype=bool)
    if stack.baseline == "linear":
        line, level = stack.without_peak(), f.copy()
        level[0] = 0.0
        ends = descend_stack(line, positive_starts(line, level, rows), rows)
        without, sure = ends.value, ends.converged | ~np.isfinite(ends.value)
    else:
        without = xlogy(y, y / y.mean(axis=1, keepdims=True)).sum(axis=1)
    gain = 2.0 * (without - value)
    chance = chance_in_known_noise(np.minimum(gain, 1e6), y.shape[1])
    return np.where(gain > 0.0, chance, 1.0), sure


def scattered(chi2: Array, mean: Array, dof: int) -> tuple[Some, Some]:
    """Tell which counts scatter clearly more, and which less, than Poisson's law says; see `held.scatter_of_counts`."""
    from scipy.special import ndtri

    z = (chi2 - dof) / np.sqrt(2.0 * dof + np.sum(1.0 / np.maximum(mean, 1e-3), axis=1))
    limit = -float(ndtri(UNLIKELY))
    return z > limit, z < -limit


def with_unlikely_count(y: Array, mean: Array) -> Some:
    """Tell which rows have a count too far from its mean for Poisson's law; see `held.unlikeliest_count`.

    A tail is at least as likely as its first count, e^(-d) / √(2πy) with d half the count's deviance: only where that
    is small the tails are summed.
    """
    from scipy.special import gammainc, gammaincc, xlogy

    mean = np.maximum(mean, 1e-12)
    far = mean - y + xlogy(y, y / mean) + 0.5 * np.log(2.0 * np.pi * np.maximum(y, 1.0))
    row, point = np.nonzero(far > np.log(1.8 * y.shape[1] / UNLIKELY))
    found = np.zeros(y.shape[0], dtype=bool)
    if row.size:
        count, at = y[row, point], mean[row, point]
        more = np.where(count > 0.0, gammainc(np.maximum(count, 1e-12), at), 1.0)
        chance = 2.0 * np.minimum(more, gammaincc(count + 1.0, at)) * y.shape[1]
        found[row[chance < UNLIKELY]] = True
    return found

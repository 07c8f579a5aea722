"""Which findings the fits of a stack raise, as bits of one number a row: `gaussapp.fitting.verdicts` in whole arrays.

Rows for which a finding takes more than arithmetic (another answer that fits nearly as well, an exponential baseline
that may do without the peak, points at equal x) are not decided here but named, and judged one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.endgame import ITERATIONS, RUNAWAY, ends_at
from gaussapp.fitting.stack.odd import evaluated
from gaussapp.fitting.stack.products import row_products
from gaussapp.fitting.stack.search import Answers
from gaussapp.fitting.stack.solve import Stack
from gaussapp.fitting.stack.summary import Factors, Summary, factorised
from gaussapp.fitting.start import RATES
from gaussapp.fitting.verdicts.caution import look_like_counts
from gaussapp.fitting.verdicts.chance import LIKELY_NOISE, chance_of_few_runs, chance_of_normal, shortest_runs
from gaussapp.fitting.verdicts.finding import UNLIKELY
from gaussapp.fitting.verdicts.residuals import ENOUGH, MOMENTS
from gaussapp.fitting.verdicts.verdict import CAUTION, DOUBTFUL, SIMILAR, UNDETERMINED, Verdict

CODES = (
    "rows_left_out",
    "too_few_points",
    "perfect_fit",
    "did_not_converge",
    "baseline_not_identified",
    "two_answers",
    "no_peak_found",
    "peak_outside_window",
    "narrower_than_sampling",
    "not_identified",
    "low_signal_to_noise",
    "sigma_too_small",
    "sigma_too_large",
    "outliers",
    "residuals_not_noise",
    "residuals_not_normal",
    "counts_suspected",
    "offset_suspected",
    "trustworthy",
    "baseline_beyond_numbers",
    "bound_active",
    "counts_scatter_more",
    "counts_scatter_less",
    "outliers_outweighed",
    "rests_on_one_point",
)
"""The code of each bit, from the lowest."""

BIT = {code: 1 << i for i, code in enumerate(CODES)}

Bits = NDArray[np.int64]
Some = NDArray[np.bool_]


def bits_of(verdicts: Iterable[Verdict]) -> int:
    """Return findings as one number."""
    bits = 0
    for verdict in verdicts:
        bits |= BIT[verdict.code]
    return bits


def judged(
    stack: Stack,
    at: Answers,
    rival: Answers,
    factors: Factors,
    summary: Summary,
    *,
    left_out: NDArray[np.int32],
    absolute: bool,
    weighted: bool,
    counts: Some,
    status: NDArray[np.int8] | None = None,
) -> tuple[Bits, Some, Some]:
    """Return the findings on every row as bits, which rows are trustworthy, and which have to be judged one by one.

    `counts` says which rows look like counts, `status` how the minimisation ended if not all of them converged. The
    stack must be sorted by x, and its degrees of freedom at least 3.
    """
    points, layout = stack.y.shape[1], stack.layout
    dof, sse = points - layout.size, factors.sse
    squares = np.vecdot(stack.y, stack.y)
    alone = ~(sse > 1e-19 * np.maximum(squares, 1e-300))  # nothing but rounding is left: nearly or quite perfect
    bits = np.where(left_out > 0, BIT["rows_left_out"], 0).astype(np.int64)
    warned = np.zeros(sse.size, dtype=bool)

    def report(code: str, rows: Some, warning: bool = True) -> None:
        bits[rows] |= BIT[code]
        if warning:
            np.logical_or(warned, rows, out=warned)

    close = np.flatnonzero(rival.sse - sse < SIMILAR * (sse / dof))
    if close.size:
        different, unsure = with_two_answers(stack, rival, factors, dof, close)
        report("two_answers", different)
        alone |= unsure
    if layout.rates:
        report("baseline_not_identified", abs(at.rates) > 2.0 * points)
        report("baseline_beyond_numbers", summary.beyond)
    chance, unsure = chances_in_noise(stack, factors, summary, absolute)
    alone |= unsure
    noise = chance > LIKELY_NOISE
    report("no_peak_found", noise)
    outside = abs(at.centers) > 1.0
    report("peak_outside_window", outside)
    near, unsure = few_points_near(stack.t, at.centers, 2.5 * np.exp(at.log_widths))
    alone |= unsure & ~outside
    report("narrower_than_sampling", near & ~outside)
    relative = np.max(summary.errors[:, [0, 2]] / abs(summary.values[:, [0, 2]]), axis=1)
    undetermined = ~(relative < UNDETERMINED)
    at_infinity = None if status is None else status == RUNAWAY
    if status is not None and at_infinity is not None:
        report("did_not_converge", status == ITERATIONS)
        undetermined |= at_infinity
    report("not_identified", undetermined)
    unclear = (relative > CAUTION) & ~noise & ~undetermined
    report("low_signal_to_noise", unclear, warning=False)
    warned |= unclear & (relative > DOUBTFUL)
    report("counts_suspected", counts, warning=False)
    before, warned_before = (bits.copy(), warned.copy()) if at_infinity is not None else (bits, warned)
    if absolute and weighted:
        smaller, larger = about_known_sigma(summary.chi2, dof)
        report("sigma_too_small", larger)
        report("sigma_too_large", smaller, warning=False)
    residual = factors.residual / np.sqrt(sse / dof)[:, None]
    studentized = over_their_errors(residual, factors)
    report("outliers", unlikely_squares(np.max(studentized * studentized, axis=1), dof, points))
    if points >= max(ENOUGH, 3 * layout.size):
        report("residuals_not_normal", not_normal(studentized), warning=False)
    if dof >= 5:
        report("residuals_not_noise", in_order(residual, factors.rows, factors.solved))
    if layout.baseline in ("none", "exponential"):
        report("offset_suspected", with_offset(stack.root_weight, residual, factors.rows, factors.solved, dof))
    if at_infinity is not None:  # of a curve without a top the residuals are not asked
        bits[at_infinity], warned[at_infinity] = before[at_infinity], warned_before[at_infinity]
    bits[~warned] |= BIT["trustworthy"]
    return bits, ~warned, alone


def with_two_answers(
    stack: Stack, rival: Answers, factors: Factors, dof: int, close: NDArray[np.intp]
) -> tuple[Some, Some]:
    """Tell of rows with a rival that fits as well whether it is another curve, and where that is not seen here.

    As `verdict.same_curve`: two answers that nowhere differ by a tenth of the noise are one.
    """
    different, unsure = np.zeros(factors.sse.size, dtype=bool), np.zeros(factors.sse.size, dtype=bool)
    there = rival.chosen(close)
    plain = (abs(there.centers) <= 1.0) & (there.log_widths > stack.narrow) & (there.log_widths < 1.5)
    others = close[~plain]
    if stack.layout.rates:
        unsure[others] = True
    elif others.size:
        there_odd = rival.chosen(others)
        ends = ends_at(there_odd.centers, there_odd.log_widths, there_odd.rates, there_odd.sse, others)
        apart = abs(evaluated(stack.chosen(others, moments=False), ends)[2] - factors.residual[others]).max(axis=1)
        different[others] = ~(apart < 0.1 * np.sqrt(factors.sse[others] / dof))
    rows, there = close[plain], there.chosen(plain)
    if rows.size:
        other = factorised(stack.chosen(rows), there)
        apart = abs(other.residual - factors.residual[rows]).max(axis=1)
        different[rows] = ~(apart < 0.1 * np.sqrt(factors.sse[rows] / dof))
        unsure[rows] |= ~other.sound
    return different, unsure


def chances_in_noise(stack: Stack, factors: Factors, summary: Summary, absolute: bool) -> tuple[Array, Some]:
    """Return how often noise alone holds a peak as good, (R,), as `verdict.chance_in_noise`, and where it is unsure."""
    points, layout = stack.y.shape[1], stack.layout
    sse = factors.sse
    without = [(sse + factors.linear[0] ** 2 * factors.own, layout.size - 3)]
    if layout.baseline == "none":
        weight = stack.root_weight
        ones = np.ones(points) if weight is None else weight
        along = np.vecdot(stack.y, np.broadcast_to(ones, stack.y.shape))
        without.append((np.vecdot(stack.y, stack.y) - along * along / np.vecdot(ones, ones), 1))
    if layout.rates:
        # Without the peak the exponential would take another rate. What is left is at most what it is at this one,
        # and hardly less than what the exponential and its derivatives leave at the best of many rates.
        without.append((least_without_peak(stack), layout.size - 3))
    chances = []
    for other, parameters in without:
        if absolute:
            dof = points - layout.size
            noise = summary.variance * np.maximum(1.0, sse / summary.variance / dof)
            chance = chance_in_known_noise((other - sse) / np.maximum(noise, 1e-300), points)
        else:
            chance = chance_of_peaks(1.0 - sse / other, points - parameters, points)
        chances.append(np.where(other <= sse * (1.0 + 1e-12) + 1e-300, 1.0, chance))
    if layout.rates:
        return chances[0], (chances[0] <= LIKELY_NOISE) & ~(chances[1] <= 0.01 * LIKELY_NOISE)
    return np.maximum.reduce(chances), np.zeros(sse.size, dtype=bool)


def least_without_peak(stack: Stack) -> Array:
    """Return what an exponential with its first two derivatives by the rate leaves at the best of many rates, (R,)."""
    if stack.t.ndim == 2 or (stack.root_weight is not None and stack.root_weight.ndim == 2):
        return np.zeros(stack.y.shape[0])  # nothing is known
    weight = 1.0 if stack.root_weight is None else stack.root_weight
    powers = np.vander(stack.t, 3, increasing=True)
    columns = [np.linalg.qr(powers * (weight * np.exp(-r * stack.t - abs(r)))[:, None])[0] for r in RATES]
    along = row_products(stack.y, np.concatenate(columns, axis=1)).reshape(stack.y.shape[0], len(RATES), 3)
    return np.asarray(np.vecdot(stack.y, stack.y) - np.vecdot(along, along).max(axis=1))


def chance_of_peaks(share: Array, dimensions: int, points: int) -> Array:
    """Return `gaussapp.fitting.verdicts.chance.chance_of_peak` for shares (R,)."""
    if dimensions < 4:
        return np.ones(share.size)
    inside = np.clip(share, 1e-300, 1.0 - 1e-16)
    log_left = np.log1p(-inside)
    second = np.exp(0.5 * (dimensions - 2) * log_left)
    log_beta = math.lgamma(0.5) + math.lgamma(0.5 * (dimensions - 1)) - math.lgamma(0.5 * dimensions)
    third_less_first = 2.0 * np.exp(0.5 * np.log(inside) + 0.5 * (dimensions - 3) * log_left - log_beta)
    chance = 2.0 * (points / (4.0 * math.pi) * third_less_first + points / 8.0 * second + 0.5 * second)
    return np.where(share <= 0.0, 1.0, np.where(share >= 1.0, 0.0, np.minimum(chance, 1.0)))


def chance_in_known_noise(explained: Array, points: int) -> Array:
    """Return `gaussapp.fitting.verdicts.chance.chance_of_peak_in_known_noise` for (R,)."""
    from scipy.special import erfc

    explained = np.maximum(explained, 0.0)
    tail = np.exp(-0.5 * explained)
    third_less_first = np.sqrt(2.0 / math.pi * explained) * tail
    first = erfc(np.sqrt(0.5 * explained))
    chance = 2.0 * (points / (4.0 * math.pi) * third_less_first + points / 8.0 * tail + 0.5 * first)
    return np.minimum(chance, 1.0)


def few_points_near(t: Array, centers: Array, reach: Array) -> tuple[Some, Some]:
    """Tell where fewer than 3 different positions are within `reach`, and where equal positions leave that open."""
    if t.ndim == 1:
        distinct = np.unique(t)
        number = distinct.searchsorted(centers + reach, "right") - distinct.searchsorted(centers - reach)
        return number < 3, np.zeros(centers.size, dtype=bool)
    near = np.count_nonzero(abs(t - centers[:, None]) <= reach[:, None], axis=1)
    equal = (t[:, 1:] == t[:, :-1]).any(axis=1)
    return near < 3, equal & (near >= 3)


def about_known_sigma(chi2: Array, dof: int) -> tuple[Some, Some]:
    """Tell where χ² is unlikely small and where unlikely large."""
    far = np.flatnonzero(abs(chi2 / dof - 1.0) >= 3.0 * math.sqrt(2.0 / dof))
    smaller, larger = np.zeros(chi2.size, dtype=bool), np.zeros(chi2.size, dtype=bool)
    if far.size:
        from scipy.special import gammainc, gammaincc

        larger[far] = gammaincc(0.5 * dof, 0.5 * chi2[far]) < UNLIKELY
        smaller[far] = (gammainc(0.5 * dof, 0.5 * chi2[far]) < UNLIKELY) & ~larger[far]
    return smaller, larger


def over_their_errors(residual: Array, factors: Factors) -> Array:
    """Return residuals over their own standard errors, (R, N), as `residuals.over_their_errors`."""
    left = factors.rows[0] * factors.solved[0]
    scratch = np.empty_like(left)
    for row, other in zip(factors.rows[1:], factors.solved[1:], strict=True):
        left += np.multiply(row, other, out=scratch)
    np.subtract(1.0, left, out=left)
    if left.min() < 0.02:
        left[left < 0.02] = np.inf
    return np.divide(residual, np.sqrt(left, out=left), out=scratch)


def not_normal(studentized: Array) -> Some:
    """Tell where residuals over their standard errors, (R, N), are not normal (see `residuals.about_distribution`)."""
    points = studentized.shape[1]
    squares = studentized * studentized
    variance = squares.sum(axis=1) / points
    skewness = np.vecdot(squares, studentized) / points / variance**1.5
    excess = np.vecdot(squares, squares) / points / (variance * variance) - 3.0
    suspected = points / 6.0 * (skewness * skewness + 0.25 * excess * excess) >= MOMENTS
    found = np.zeros(studentized.shape[0], dtype=bool)
    if suspected.any():
        found[suspected] = chance_of_normal(studentized[suspected]) < UNLIKELY
    return found


def like_counts(y: Array) -> Some:
    """Tell which rows of y, (R, N), look like counts."""
    found = np.zeros(y.shape[0], dtype=bool)
    for row in np.flatnonzero((y[:, 0] == np.floor(y[:, 0])) & (y[:, -1] == np.floor(y[:, -1]))).tolist():
        found[row] = look_like_counts(y[row])
    return found


def with_offset(root_weight: Array | None, residual: Array, rows: list[Array], solved: list[Array], dof: int) -> Some:
    """Tell where a constant would improve the fit decisively (see `residuals.about_offset`).

    The hat matrix is the sum of rowᵀ · solved.
    """
    ones = np.ones(residual.shape[1]) if root_weight is None else root_weight
    ones = np.broadcast_to(ones, residual.shape)
    total = np.vecdot(ones, ones)
    left = total - sum(np.vecdot(row, ones) * np.vecdot(other, ones) for row, other in zip(rows, solved, strict=True))
    gain = np.vecdot(ones, residual)
    fine = left >= 1e-6 * total
    return unlikely_squares(np.where(fine, gain * gain / np.where(fine, left, 1.0), 0.0), dof, 1)


def unlikely_squares(squares: Array, dof: int, tries: int) -> Some:
    """Tell which squared deviates, of so many tries, are unlikely against the noise of all the other points."""
    found = np.zeros(squares.size, dtype=bool)
    large = np.flatnonzero(squares >= 9.0)
    if large.size:
        from scipy.special import stdtr

        t = np.sqrt(squares[large] * (dof - 1) / np.maximum(dof - squares[large], 1e-12))
        found[large] = tries * 2.0 * stdtr(dof - 1, -t) < UNLIKELY
    return found


def in_order(residual: Array, rows: list[Array], solved: list[Array]) -> Some:
    """Tell where neighbouring residuals are alike (see `residuals.about_order`).

    The hat matrix is the sum of rowᵀ · solved.
    """
    from scipy.special import erfc, gammaincc

    points = residual.shape[1]
    product = np.vecdot(residual[:, 1:], residual[:, :-1])
    for row, other in zip(rows, solved, strict=True):
        product = product + np.vecdot(row[:, 1:], other[:, :-1])
    found = np.asarray(0.5 * erfc(product / math.sqrt(2.0 * points)) < UNLIKELY)
    if points >= 200:
        blocks = min(64, points // 10)
        length = points // blocks
        sums = residual[:, : blocks * length].reshape(residual.shape[0], blocks, length).sum(axis=2)
        spread = np.vecdot(sums, sums) / length
        far = np.flatnonzero(spread > 1.5 * blocks)
        found[far] |= gammaincc(0.5 * blocks, 0.5 * spread[far]) < UNLIKELY
    above = residual > 0.0
    runs, high = 1 + np.count_nonzero(above[:, 1:] != above[:, :-1], axis=1), np.count_nonzero(above, axis=1)
    few = runs <= shortest_runs(points, high)
    for i in np.flatnonzero(few & ~found).tolist():
        found[i] = chance_of_few_runs(int(runs[i]), int(high[i]), points - int(high[i])) < UNLIKELY
    return found

"""Do the residuals look like noise of the given size? Findings on their size, order and distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gaussapp.fitting.large import bins_of
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE
from gaussapp.fitting.solve import row_scales
from gaussapp.fitting.verdicts.chance import (
    chance_of_chi2,
    chance_of_few_runs,
    chance_of_normal,
    chance_of_t,
    chance_of_z,
    shortest_runs,
)
from gaussapp.fitting.verdicts.finding import UNLIKELY, Verdict, number, position

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit

ENOUGH = 20
"""Points that a test of the noise's distribution needs at least, and three times as many as parameters."""

MOMENTS = 4.0
"""Jarque and Bera's statistic, below which skewness and kurtosis give no reason for a closer look."""


def about_residuals(fit: Fit) -> Iterator[Verdict]:
    """Yield findings on whether the residuals look like noise of the given size."""
    if fit.loss == "robust":  # outliers are what it is for, and would drown everything else
        return
    if fit.absolute_sigma and fit.sigma is not None:
        yield from about_sigma(fit)
    seen = evidence(fit)
    if fit.loss == "poisson":
        pass  # counts are skewed: gaussapp.fitting.verdicts.caution has their own test
    elif fit.y.size > LARGE:  # the leverage of any single point is nothing
        yield from about_farthest(fit)
        yield from about_distribution(fit, fit._whitened_residuals()[:: -(-fit.y.size // LARGE)])
    else:
        studentized = over_their_errors(seen)
        yield from about_outliers(fit, studentized)
        yield from about_distribution(fit, studentized)
    yield from about_order(fit, seen)
    if fit.baseline in ("none", "exponential"):
        yield from about_offset(fit, seen)


class Evidence(NamedTuple):
    """Whitened residuals over their standard deviation and what the fit could take out of them, in order of x.

    Of many points these are collected into bins, in which slow trends show up best.
    """

    residual: Array  # (n,)
    ones: Array  # (n,), a whitened constant
    jacobian: Array  # (P, n)
    solved: Array  # (P, n), (JJᵀ)⁻¹ J: the hat matrix is jacobianᵀ · solved


def evidence(fit: Fit) -> Evidence:
    """Return what `about_residuals` looks at."""
    solution = fit._solution
    scale, layout = solution.scale, solution.layout
    deviation = math.sqrt(solution.sse / fit.dof)
    if fit.y.size > LARGE:
        bins = bins_of(scale.t, scale.root_weight)
        rows = fit._rows(bins.t)
        residual = bins.collected(fit._whitened_residuals(), scale.root_weight)
        root_weight: Array | None = bins.root_weight
    else:
        rows, root_weight = fit._rows(scale.t), scale.root_weight
        curve = np.array(solution.beta).dot(rows[: layout.linear])
        residual = scale.y - (curve if root_weight is None else curve * root_weight)
    jacobian = rows[: layout.size] * np.array(row_scales(solution.beta, layout))[:, None]
    ones = np.ones(residual.size) if root_weight is None else root_weight
    if root_weight is not None:
        jacobian *= root_weight
    order = scale.axis.order if fit.y.size <= LARGE else None
    if order is not None:
        residual, ones, jacobian = residual[order], ones[order], jacobian[:, order]
    residual = residual / deviation
    covariance = np.array(fit._unit_covariance)
    if not math.isfinite(fit._unit_covariance[0][0]):  # directions that the data do not see take nothing out
        size = np.sqrt(np.maximum(np.array(solution.jtj).diagonal(), 1e-300))
        covariance = np.linalg.pinv(solution.jtj / size / size[:, None], rcond=1e-13, hermitian=True)
        covariance = covariance / size / size[:, None]
    return Evidence(residual, ones, jacobian, covariance.dot(jacobian))


def about_sigma(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if the residuals are clearly larger or smaller than sigma says."""
    if abs(fit.reduced_chi2 - 1.0) < 3.0 * math.sqrt(2.0 / fit.dof):
        return
    smaller, larger = chance_of_chi2(fit.chi2, fit.dof)
    ratio = math.sqrt(fit.reduced_chi2)
    if larger < UNLIKELY:
        yield Verdict(
            "sigma_too_small",
            "warning",
            f"The points scatter {number(ratio)} times as much as sigma says (χ²/dof {number(fit.reduced_chi2)}): "
            "either sigma is too small or the curve is wrong.",
            "Look at the residuals; if they are noise, use absolute_sigma=False to scale the errors by them.",
        )
    elif smaller < UNLIKELY:
        yield Verdict(
            "sigma_too_large",
            "note",
            f"The points scatter only {number(ratio)} times as much as sigma says (χ²/dof {number(fit.reduced_chi2)}): "
            "the errors are larger than they need be.",
            "Check sigma, or use absolute_sigma=False to scale the errors by the residuals.",
        )


def over_their_errors(seen: Evidence) -> Array:
    """Return residuals over their own standard errors, (n,); 0 for a point that has its own parameter."""
    left = 1.0 - np.add.reduce(seen.jacobian * seen.solved)
    left[left < 0.02] = np.inf
    return np.asarray(seen.residual / np.sqrt(left))


def about_outliers(fit: Fit, studentized: Array) -> Iterator[Verdict]:
    """Yield a finding if points lie too far off, by residuals over their own standard errors."""
    squares = studentized * studentized
    worst = int(squares.argmax())
    largest = float(squares[worst])
    if largest < 9.0:
        return
    order = fit._solution.scale.axis.order
    x = fit.x[worst if order is None else order[worst]]
    yield from outliers(fit, largest, float(x), int(np.count_nonzero(squares > 0.6 * largest)))


def about_farthest(fit: Fit) -> Iterator[Verdict]:
    """Yield the same finding for many points, without their leverage and without copies of them."""
    residual = fit._whitened_residuals()
    worst = max(int(residual.argmax()), int(residual.argmin()), key=lambda i: abs(float(residual[i])))
    farthest = float(residual[worst])
    largest = farthest * farthest / (fit._solution.sse / fit.dof)
    yield from outliers(fit, largest, float(fit.x[worst]), 1)


def outliers(fit: Fit, largest: float, x: float, count: int) -> Iterator[Verdict]:
    """Yield a finding if the largest squared studentized residual is unlikely, with Bonferroni's correction.

    Each point is held against the noise of all the others (Cook and Weisberg, Residuals and Influence in Regression,
    1982, ch. 2).
    """
    if fit.dof < 3 or largest < 9.0:
        return
    chance = fit.y.size * chance_of_t(math.sqrt(largest * (fit.dof - 1) / max(fit.dof - largest, 1e-12)), fit.dof - 1)
    if chance < UNLIKELY:
        yield Verdict(
            "outliers",
            "warning",
            f"{'One point lies' if count == 1 else f'{count} points lie'} too far from the curve to be noise; "
            f"the worst, at x = {position(fit, x)}, by {number(math.sqrt(largest))} standard errors.",
            'Check these points, or fit with loss="robust", which hardly lets them count; one outlier can pull the '
            "peak and always widens the errors.",
        )


def about_distribution(fit: Fit, residual: Array) -> Iterator[Verdict]:
    """Yield a finding if residuals over their standard errors, (n,), are not normal.

    Anderson and Darling's test with mean and variance estimated; with as many points as `ENOUGH` asks for, the other
    parameters do not change its distribution (Pierce and Kopecky, Biometrika 66:1, 1979). It costs a sort and two
    logarithms a point, so that skewness and kurtosis have to call for it first (Jarque and Bera, Int. Stat. Rev.
    55:163, 1987).
    """
    points = residual.size
    if points < max(ENOUGH, 3 * len(fit.names)):
        return
    squares = residual * residual
    variance = float(residual.dot(residual)) / points
    if not variance > 1e-6:  # a held height may be so far off that nothing is seen beside it
        return
    skewness = float(squares.dot(residual)) / points / variance**1.5
    excess = float(squares.dot(squares)) / points / (variance * variance) - 3.0
    if points / 6.0 * (skewness * skewness + 0.25 * excess * excess) < MOMENTS:
        return
    if chance_of_normal(residual) < UNLIKELY:
        if abs(skewness) * math.sqrt(points / 6.0) > 3.0:
            words = f"skewed to {'higher' if skewness > 0.0 else 'lower'} values"
        else:
            words = "more often far off than normal noise is" if excess > 0.0 else "too evenly spread"
        yield Verdict(
            "residuals_not_normal",
            "note",
            f"The residuals are not normally distributed: they are {words} (skewness {number(skewness)}, excess "
            f"kurtosis {number(excess)}).",
            'Values and errors of least squares still hold for many points; for counts loss="poisson" is better, for '
            'outliers loss="robust".',
        )


def about_order(fit: Fit, seen: Evidence) -> Iterator[Verdict]:
    """Yield a finding if neighbouring residuals, in order of x, are alike: the curve is not the data's."""
    residual = seen.residual
    points = residual.size
    if fit.dof < 5:
        return
    # Under white noise the fit itself leaves residuals a little anticorrelated, by the hat matrix's first off-diagonal.
    taken = np.vdot(seen.jacobian[:, 1:], seen.solved[:, :-1])
    product = float(residual[1:].dot(residual[:-1])) + float(taken)
    z = product / math.sqrt(points)
    chance = chance_of_z(z)
    if points >= 200:
        blocks = min(64, points // 10)
        length = points // blocks
        sums = np.add.reduce(residual[: blocks * length].reshape(blocks, length), axis=1)
        spread = float(sums.dot(sums)) / length
        if spread > 1.5 * blocks:
            chance = min(chance, chance_of_chi2(spread, blocks)[1])
    if chance < UNLIKELY:
        message = f"Neighbouring residuals are alike (correlation {number(z / math.sqrt(points))})"
    else:  # a far outlier hides correlations, but not how long the residuals keep their sign
        above = residual > 0.0
        runs = 1 + int(np.count_nonzero(above[1:] != above[:-1]))
        if runs > 1.0 + 0.5 * points - 1.5 * math.sqrt(points):  # no number of points above makes these few
            return
        high = int(np.count_nonzero(above))
        if runs > shortest_runs(points, high) or chance_of_few_runs(runs, high, points - high) >= UNLIKELY:
            return
        expected = 1.0 + 2.0 * high * (points - high) / points
        message = (
            f"The residuals keep their sign too long: they change it {runs - 1} times, not about {expected - 1:.0f}"
        )
    yield Verdict(
        "residuals_not_noise",
        "warning",
        f"{message}: something in the data is not in the curve, so values and errors may be wrong by more than the "
        "errors say.",
        "Look at the residual plot; try another baseline, another peak or a narrower window.",
    )


def about_offset(fit: Fit, seen: Evidence) -> Iterator[Verdict]:
    """Yield a finding if a constant would improve a fit without one decisively (score test, one step)."""
    if fit.dof < 3:
        return
    residual, ones = seen.residual, seen.ones
    left = float(ones.dot(ones)) - float(seen.jacobian.dot(ones).dot(seen.solved.dot(ones)))
    if left < 1e-6 * float(ones.dot(ones)):
        return
    gain = float(ones.dot(residual))
    t_squared = gain * gain / left
    if t_squared < 9.0:
        return
    chance = chance_of_t(math.sqrt(t_squared * (fit.dof - 1) / max(fit.dof - t_squared, 1e-12)), fit.dof - 1)
    if chance < UNLIKELY:
        solution = fit._solution
        offset = gain / left * math.sqrt(solution.sse / fit.dof) * solution.scale.y_unit
        yield Verdict(
            "offset_suspected",
            "warning",
            f"A constant offset of about {number(offset)} under the peak would fit the data decisively better; without "
            "it amplitude and width are biased.",
            'Fit with baseline="constant".' if fit.baseline == "none" else "Take the offset off y before the fit.",
        )

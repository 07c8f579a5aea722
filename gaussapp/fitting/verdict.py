"""Can this fit be trusted? Named findings, in words, with what to do.

A fit is trustworthy if nothing found is a warning or worse. Thresholds are set so that ordinary clean data
(signal-to-noise 10, the right baseline) raise a false alarm in less than 2 % of fits, all findings taken together;
``docs/method.md`` has the measured rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gaussapp.fitting import held
from gaussapp.fitting.algebra import solve_positive
from gaussapp.fitting.chance import (
    chance_of_chi2,
    chance_of_peak,
    chance_of_peak_in_known_noise,
    chance_of_t,
    chance_of_z,
)
from gaussapp.fitting.chart import Place
from gaussapp.fitting.large import bins_of
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE, Axis
from gaussapp.fitting.solve import Problem, layout_of, minimise, row_scales
from gaussapp.fitting.start import RATES

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit
    from gaussapp.fitting.solution import Solution

LIKELY_NOISE = 0.01
"""Chance of as good a peak in pure noise above which a peak does not count as found."""

UNLIKELY = 1e-3
"""Chance below which outliers, correlated residuals or an offset are reported."""

UNDETERMINED = 0.5
"""Standard error of a height or width, relative to it, above which the peak counts as not determined."""

DOUBTFUL = 0.2
"""The same above which 95 % intervals are known to cover clearly less (80-90 % of cases)."""

CAUTION = 0.1
"""The same above which they cover a little less (92-94 %)."""

SIMILAR = 4.0
"""Another fit whose χ² is larger by less than this (two standard errors) fits equally well."""

ORDER = {"bad": 0, "warning": 1, "good": 2, "note": 3}
"""Findings are listed in this order of severity."""


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


class Verdict(NamedTuple):
    """A finding on a fit.

    `severity` is ``good``, ``note``, ``warning`` or ``bad``; `message` is one sentence with the
    numbers, `advice` says what to do.
    """

    code: str
    severity: str
    message: str
    advice: str


def judge(fit: Fit, further: Iterable[Verdict] = ()) -> tuple[Verdict, ...]:
    """Return all findings on a fit, `further` ones among them, the gravest first."""
    findings = [*about_points(fit), *about_search(fit), *further]
    for k in range(fit.peaks):
        findings += about_peak(fit, k)
    if fit.dof > 0 and not fit._perfect and fit._solution.status != "runaway":
        findings += about_residuals(fit)
    if not any(finding.severity in ("bad", "warning") for finding in findings):
        findings.append(Verdict("trustworthy", "good", "Nothing speaks against this fit.", ""))
    return tuple(sorted(findings, key=lambda finding: ORDER[finding.severity]))


def number(value: float) -> str:
    """Return a number in four significant digits."""
    return f"{value:.4g}"


def position(fit: Fit, value: float) -> str:
    """Return a position on the x axis with digits down to a thousandth of the window, wherever x = 0 is."""
    if not math.isfinite(value):
        return "infinity"
    digits = 3 - math.floor(math.log10(fit._solution.scale.half_window))
    if not -12 <= digits <= 12:
        return f"{value:.{min(max(digits + math.floor(math.log10(abs(value) or 1.0)), 3), 16)}g}"
    return f"{value:.{max(digits, 0)}f}".rstrip("0").rstrip(".") if digits > 0 else f"{value:.0f}"


def plural(count: int, word: str) -> str:
    """Return a count with its noun."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


# ---------------------------------------------------------------------------------------------- points and search


def about_points(fit: Fit) -> Iterator[Verdict]:
    """Yield findings on the number of points."""
    points, parameters = int(fit.y.size), fit._parameters
    if fit.left_out:
        verb = "was" if fit.left_out == 1 else "were"
        yield Verdict(
            "rows_left_out",
            "note",
            f"{plural(fit.left_out, 'row')} of {fit.left_out + points} {verb} left out: "
            "not finite, or sigma not above zero.",
            "Check these rows if they should have counted.",
        )
    if fit.dof == 0:
        known = fit.absolute_sigma and fit.sigma is not None
        yield Verdict(
            "too_few_points",
            "bad",
            f"There are as many parameters as points ({points}): the curve passes through any such data"
            + (" whatever they are." if known else ", and the errors are unknown."),
            "Add points, choose a simpler baseline or fewer peaks.",
        )
    elif fit.dof < 3 and not fit._perfect:
        yield Verdict(
            "too_few_points",
            "warning",
            f"{points} points for {parameters} parameters leave {plural(fit.dof, 'degree')} of freedom: "
            "the size of the noise, and with it the errors, is little more than a guess.",
            "Add points, choose a simpler baseline or fewer peaks.",
        )
    elif fit._perfect:
        yield Verdict(
            "perfect_fit",
            "note",
            "The curve passes through every point to the last digits; the errors are rounding, not noise.",
            "Measured data do not do this: simulated or smoothed ones do.",
        )


def about_search(fit: Fit) -> Iterator[Verdict]:
    """Yield findings on how the minimum was reached and on other fits that compete with it."""
    solution = fit._solution
    if solution.status == "iterations":
        yield Verdict(
            "did_not_converge",
            "bad",
            f"No minimum was reached within {solution.iterations} steps; the numbers are where the search stopped.",
            "Narrow the window to the peak, choose a simpler model, or give a start.",
        )
    if abs(solution.place.rate) > 2.0 * solution.scale.t.size:
        yield Verdict(
            "baseline_not_identified",
            "warning",
            "The exponential baseline has become so steep that it only fits the point at one end of the data.",
            "Choose another baseline.",
        )
    rival = solution.rival
    if rival is None or fit.dof <= 0 or fit._perfect:
        return
    variance = solution.sse / fit.dof
    more = (rival.point.sse - solution.sse) / variance
    if more < SIMILAR and not same_curve(solution, rival.point.place, variance):
        unit = solution.scale.half_window
        places = sorted(rival.point.place.centers_and_log_widths())
        where = " and ".join(position(fit, solution.scale.x0 + unit * c) for c, _ in places[:3])
        how = (
            f"better (χ² smaller by {number(-more)} noise variances)"
            if more < 0
            else f"as well (χ² {number(more)} larger)"
        )
        yield Verdict(
            "two_answers",
            "warning",
            f"Another answer, with {'a center' if fit.peaks == 1 else 'centers'} at {where}"
            f"{' …' if fit.peaks > 3 else ''} and a width of {number(unit * math.exp(places[0][1]))}, fits {how}.",
            "Give a start to choose between them, or add points where the two differ.",
        )


def same_curve(solution: Solution, other: Place, variance: float) -> bool:
    """Tell whether two answers draw the same curve, whatever their parameters: a tenth of the noise at no point."""
    scale = solution.scale
    problem = Problem(scale.t, scale.y, scale.root_weight, solution.layout)
    curves = []
    for at in (solution.place, other):
        point = problem.evaluate(at)
        curves.append(np.array(point.beta) @ problem.model_rows[: solution.layout.linear])
    return float(np.max(abs(curves[0] - curves[1]))) < 0.1 * math.sqrt(variance)


# ---------------------------------------------------------------------------------------------- each peak


def about_peak(fit: Fit, k: int) -> Iterator[Verdict]:
    """Yield findings on one peak."""
    amplitude, center, width = (fit.values[name] for name in fit.names[3 * k : 3 * k + 3])
    amplitude_error, _, width_error = (fit.errors[name] for name in fit.names[3 * k : 3 * k + 3])
    name = "the peak" if fit.peaks == 1 else f"peak {k + 1}"
    chance = chance_in_noise(fit, k) if fit.dof else 0.0  # without degrees of freedom nothing can be said
    if chance > LIKELY_NOISE:
        yield Verdict(
            "no_peak_found",
            "bad",
            f"No peak found{'' if fit.peaks == 1 else f' for number {k + 1}'}: "
            + (
                "without it the fit is as good."
                if chance >= 1.0
                else f"noise alone holds one as good as this in {number(100.0 * chance)} % of cases."
            ),
            "Do not use these numbers; widen the window, add points, or fit fewer peaks.",
        )
    solution = fit._solution
    scale, sharpness = solution.scale, math.exp(min(-solution.place.centers_and_log_widths()[k][1], 700.0))
    scaled_center = (center - scale.x0) / scale.half_window if math.isfinite(center) else math.inf
    if abs(scaled_center) > 1.0:
        low, high = position(fit, scale.x0 - scale.half_window), position(fit, scale.x0 + scale.half_window)
        away = (abs(scaled_center) - 1.0) * sharpness
        yield Verdict(
            "peak_outside_window",
            "warning",
            f"The center of {name}, {position(fit, center)}, lies {number(away)} widths outside the data "
            f"({low} to {high}): only a flank was measured, the rest is extrapolated.",
            "Measure up to and beyond the top of the peak.",
        )
    on_peak = 3 if abs(scaled_center) > 1.0 else points_near(scale.axis, scaled_center, 2.5 / sharpness)
    if on_peak < 3:
        yield Verdict(
            "narrower_than_sampling",
            "warning",
            f"Only {plural(on_peak, 'point')} within 2.5 widths of the center of {name} (width {number(width)}): "
            "points so far apart cannot tell its height from its width.",
            "Measure with smaller steps of x; a single odd point can also look like this.",
        )
    relative = max(amplitude_error / abs(amplitude) if amplitude else math.inf, width_error / width)
    if not (relative < UNDETERMINED and solution.status != "runaway"):
        if solution.status == "runaway":
            message = f"The best place for {name} is at infinity: the data are fitted as well by a curve without a top."
        elif not math.isfinite(relative):
            message = f"The data do not determine {name}: other values of its parameters fit them equally well."
        else:
            worst = "amplitude" if amplitude_error / abs(amplitude) >= width_error / width else "width"
            share = number(100.0 * relative)
            message = f"The data hardly determine {name}: the standard error of its {worst} is {share} % of it."
        yield Verdict("not_identified", "bad", message, "Widen the window, add points, or choose a simpler baseline.")
    elif relative > CAUTION and chance <= LIKELY_NOISE:
        severe = relative > DOUBTFUL
        symmetric, profile = ("80 to 90", "84 to 94") if severe else ("92 to 94", "94 to 95")
        better = fit.loss != "robust"  # which has no profile
        yield Verdict(
            "low_signal_to_noise",
            "warning" if severe else "note",
            f"The standard errors of {name} reach {number(100 * relative)} % of its height or width: symmetric 95 % "
            f"intervals then cover the truth in {symmetric} % of cases"
            + (f", profile ones in {profile} %." if better else "."),
            "Add points or reduce the noise; "
            + ('read profile intervals, interval(kind="profile").' if better else "read intervals as too narrow."),
        )


def points_near(axis: Axis, center: float, reach: float) -> int:
    """Return the number of different positions within `reach` of `center`; of many points, 3 stands for more."""
    if axis.t.size <= LARGE:
        return axis.points_between(center - reach, center + reach)
    near = axis.t[abs(axis.t - center) <= reach]
    if near.size < 2:
        return int(near.size)
    low, high = near.min(), near.max()
    if low == high:
        return 1
    return 3 if bool(((near > low) & (near < high)).any()) else 2


def chance_in_noise(fit: Fit, k: int) -> float:
    """Return how often noise alone, with everything but peak k, holds a peak as good as peak k.

    With no baseline, a constant is held against the peak too: a wide "peak" must not pass for having found a level.
    """
    if fit._control is not None:
        return held.chance_in_noise(fit, fit._control, k)
    solution = fit._solution
    scale, layout = solution.scale, solution.layout
    sse = solution.sse
    nulls = [(sse_without(solution, k), layout.size - 3)]
    if layout.peaks == 1 and layout.baseline == "none":
        weight = scale.root_weight
        ones = np.ones(scale.y.size) if weight is None else weight
        level = float(scale.y.dot(ones)) / float(ones.dot(ones))
        nulls.append((float(scale.y.dot(scale.y)) - level * float(scale.y.dot(ones)), 1))
    noise = fit._point_variance * max(1.0, fit.reduced_chi2) if fit.absolute_sigma and fit.dof else None
    chances = []
    for without, others in nulls:
        if without <= sse * (1.0 + 1e-12) + 1e-300:
            chances.append(1.0)
        elif noise is not None:
            chances.append(chance_of_peak_in_known_noise((without - sse) / max(noise, 1e-300), fit.y.size))
        else:
            chances.append(chance_of_peak(1.0 - sse / without, fit.y.size - others, fit.y.size))
    return max(chances)


def sse_without(solution: Solution, k: int) -> float:
    """Return the sum of squares of the best fit without peak k, in scaled coordinates."""
    layout, q = solution.layout, solution.layout.linear
    if layout.peaks == 1 and not layout.rates:  # what is left is linear
        if q == 1:
            return solution.sse + solution.beta[0] * solution.beta[0] * solution.jtj[0][0]
        jtj = solution.jtj
        across = jtj[0][1:q]
        taken = solve_positive([row[1:q] for row in jtj[1:q]], across)
        alone = jtj[0][0] - sum(map(float.__mul__, across, taken))
        return solution.sse + solution.beta[0] * solution.beta[0] * max(alone, 0.0)
    at, scale = solution.place, solution.scale
    t, y, root_weight, beyond = scale.t, scale.y, scale.root_weight, 0.0
    if t.size > LARGE:  # what a peak explains, bins explain as well
        bins = bins_of(t, root_weight)
        t, y, root_weight = bins.t, bins.collected(y, root_weight), bins.root_weight
        beyond = solution.sse - Problem(t, y, root_weight, layout).evaluate(at).sse
    keep = [i for i in range(layout.peaks) if i != k]
    rest = Place([at.first[i] for i in keep], [at.second[i] for i in keep], [at.tail[i] for i in keep], at.rate)
    problem = Problem(t, y, root_weight, layout_of(layout.peaks - 1, layout.baseline))
    if keep:
        return beyond + minimise(problem, rest).point.sse
    places = [rest, *(Place([], [], [], rate) for rate in RATES)]
    return beyond + minimise(problem, min(places, key=lambda place: problem.evaluate(place).sse)).point.sse


# ---------------------------------------------------------------------------------------------- residuals


def about_residuals(fit: Fit) -> Iterator[Verdict]:
    """Yield findings on whether the residuals look like noise of the given size."""
    if fit.loss == "robust":  # outliers are what it is for, and would drown everything else
        return
    if fit.absolute_sigma and fit.sigma is not None:
        yield from about_sigma(fit)
    seen = evidence(fit)
    if fit.loss == "poisson":
        pass  # counts are skewed: gaussapp.fitting.caution has their own test
    elif fit.y.size > LARGE:  # the leverage of any single point is nothing
        yield from about_farthest(fit)
    else:
        yield from about_outliers(fit, seen)
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


def about_outliers(fit: Fit, seen: Evidence) -> Iterator[Verdict]:
    """Yield a finding if points lie too far off, by residuals over their own standard errors."""
    left = 1.0 - np.add.reduce(seen.jacobian * seen.solved)
    left[left < 0.02] = np.inf  # a point that has its own parameter tells nothing
    squares = seen.residual * seen.residual / left
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
        yield Verdict(
            "residuals_not_noise",
            "warning",
            f"Neighbouring residuals are alike (correlation {number(z / math.sqrt(points))}): something in the data is "
            "not in the curve, so values and errors may be wrong by more than the errors say.",
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

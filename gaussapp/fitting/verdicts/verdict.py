"""Can this fit be trusted? Named findings, in words, with what to do.

A fit is trustworthy if nothing found is a warning or worse. Thresholds are set so that ordinary clean data (one peak,
signal-to-noise 10, the right baseline) raise a false alarm in less than 2 % of fits, all findings taken together (two
peaks: 3 %); ``docs/method.md`` has the measured rates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.algebra import solve_positive
from gaussapp.fitting.chart import Place
from gaussapp.fitting.constrained import held
from gaussapp.fitting.large import bins_of, search_scaled
from gaussapp.fitting.scale import LARGE, Axis
from gaussapp.fitting.search import same_peaks
from gaussapp.fitting.solution import beyond_numbers
from gaussapp.fitting.solve import Minimum, Problem, layout_of, minimise
from gaussapp.fitting.start import RATES
from gaussapp.fitting.verdicts.chance import LIKELY_NOISE, chance_of_peak, chance_of_peak_in_known_noise
from gaussapp.fitting.verdicts.finding import Estimate, Verdict, number, plural, position
from gaussapp.fitting.verdicts.residuals import about_residuals

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit
    from gaussapp.fitting.solution import Solution

__all__ = ["Estimate", "Verdict", "judge"]

UNDETERMINED = 0.5
"""Standard error of a height or width, relative to it, above which the peak counts as not determined."""

DOUBTFUL = 0.2
"""The same above which 95 % intervals are known to cover clearly less (80-90 % of cases)."""

CAUTION = 0.1
"""The same above which they cover a little less (92-94 %)."""

SURE = 30.0
"""Standard errors of its height beyond which one of several peaks needs no fit without it to be told from noise."""

SIMILAR = 4.0
"""Another fit whose χ² is larger by less than this (two standard errors) fits equally well."""

ORDER = {"bad": 0, "warning": 1, "good": 2, "note": 3}
"""Findings are listed in this order of severity."""


def judge(fit: Fit, further: Iterable[Verdict] = ()) -> tuple[Verdict, ...]:
    """Return all findings on a fit, `further` ones among them, the gravest first."""
    findings = [*about_points(fit), *about_choice(fit), *about_search(fit), *further]
    for k in range(fit.peaks):
        findings += about_peak(fit, k)
    if fit.dof > 0 and not fit._perfect and fit._solution.status != "runaway":
        findings += about_residuals(fit)
    if not any(finding.severity in ("bad", "warning") for finding in findings):
        findings.append(Verdict("trustworthy", "good", "Nothing speaks against this fit.", ""))
    return tuple(sorted(findings, key=lambda finding: ORDER[finding.severity]))


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


def about_choice(fit: Fit) -> Iterator[Verdict]:
    """Yield why there are so many peaks, if nobody asked for so many."""
    if fit.choice is not None:
        yield Verdict(
            "peaks_chosen",
            "note",
            fit.choice.reason,
            "Where the baseline is not the data's, peaks stand in for it: compare others.",
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
    if solution.layout.rates and beyond_numbers(solution):
        scale = solution.scale
        low, high = position(fit, scale.x0 - scale.half_window), position(fit, scale.x0 + scale.half_window)
        yield Verdict(
            "baseline_beyond_numbers",
            "warning",
            f"decay_amplitude, the height of the exponential at x = 0, is beyond what a number can hold, because the "
            f"data run from {low} to {high}, far from 0; the curve, the peaks and decay_rate hold.",
            "Measure x from a point near the data: subtract its least value.",
        )
    if fit.dof <= 0 or fit._perfect:
        return
    rival = solution.rival if solution.searched else found_without_start(solution)
    if rival is None:
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


def found_without_start(solution: Solution) -> Minimum | None:
    """Return what a search without a start finds, if it is another answer."""
    found = search_scaled(solution.scale, solution.layout, solution.place)
    return found.rival if same_peaks(found.best.point.place, solution.place) else found.best


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
        if fit.loss == "robust":
            symmetric, profile = ("85 to 97", "91 to 98") if severe else ("91 to 95", "94 to 96")
        yield Verdict(
            "low_signal_to_noise",
            "warning" if severe else "note",
            f"The standard errors of {name} reach {number(100 * relative)} % of its height or width: symmetric 95 % "
            f"intervals then cover the truth in {symmetric} % of cases, profile ones in {profile} %.",
            'Add points or reduce the noise; read profile intervals, interval(kind="profile").',
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
    amplitude = fit.names[3 * k]
    if layout.peaks > 1 and abs(fit.values[amplitude]) > SURE * fit.errors[amplitude]:
        return 0.0
    sse, points = solution.sse, fit.y.size
    noise = fit._point_variance * max(1.0, fit.reduced_chi2) if fit.absolute_sigma and fit.dof else None

    def chance(without: float, others: int) -> float:
        if without <= sse * (1.0 + 1e-12) + 1e-300:
            return 1.0
        if noise is not None:
            return chance_of_peak_in_known_noise((without - sse) / max(noise, 1e-300), points)
        return chance_of_peak(1.0 - sse / without, points - others, points)

    others = layout.size - 3
    # What is left without one of several peaks has to be known only if it is hardly more.
    enough = math.inf if layout.peaks == 1 else sse * excess_of_a_sure_peak(lambda share: chance(sse * share, others))
    chances = [chance(sse_without(solution, k, enough), others)]
    if layout.peaks == 1 and layout.baseline == "none":
        weight = scale.root_weight
        ones = np.ones(scale.y.size) if weight is None else weight
        level = float(scale.y.dot(ones)) / float(ones.dot(ones))
        chances.append(chance(float(scale.y.dot(scale.y)) - level * float(scale.y.dot(ones)), 1))
    return max(chances)


def excess_of_a_sure_peak(chance: Callable[[float], float]) -> float:
    """Return the least ratio of sums of squares, without a peak and with it, at which it is hardly ever noise."""
    low, high = 1e-9, 1e9
    for _ in range(40):
        middle = math.sqrt(low * high)
        if chance(1.0 + middle) > LIKELY_NOISE:
            low = middle
        else:
            high = middle
    return 1.0 + high


def sse_without(solution: Solution, k: int, enough: float = math.inf) -> float:
    """Return the sum of squares of the best fit without peak k, in scaled coordinates, or any one above `enough`."""
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
        return beyond + minimise(problem, rest, ceiling=enough - beyond).point.sse
    places = [rest, *(Place([], [], [], rate) for rate in RATES)]
    return beyond + minimise(problem, min(places, key=lambda place: problem.evaluate(place).sse)).point.sse

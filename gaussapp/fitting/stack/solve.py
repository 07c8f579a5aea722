"""Least squares for a stack of data sets at once: the steps of `gaussapp.fitting.solve` on arrays, one row a data set.

Whatever needs special care (a peak that leaves the window, one that shrinks to a single point, a search that does not
settle) is handed over to `gaussapp.fitting.stack.endgame`, so that every row ends where it would have ended alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import FLATTEST, LARGEST_LOG_WIDTH
from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import (
    MAX_ITERATIONS,
    PRECISION,
    Layout,
    Problem,
    curved,
    layout_of,
    row_scales,
)
from gaussapp.fitting.stack.moments import Moments
from gaussapp.fitting.stack.points import Points, Rows, Underway, solve_stack, tail_exponent, template_coordinates

MOMENTS = 250
"""Points up to which products are taken as moments of t: beyond, narrow peaks would leave too few digits of them."""


THINNEST = -12.0
"""Logarithm of the width below which a peak is finished alone."""


@dataclass(slots=True)
class StackMinimum:
    """Where each of a stack of minimisations ended.

    Centers and log widths are (R, K), rates, sums of squares and steps (R,), in scaled coordinates. Rows in `given_up`
    were on their way to something clearly worse than their ceiling, or to the answer already known. Rows in `delicate`
    did not end here: see `Stack.delicate`; `underway` says where their first peaks are.
    """

    centers: Array
    log_widths: Array
    rates: Array
    sse: Array
    iterations: NDArray[np.intp]
    given_up: NDArray[np.bool_]
    delicate: NDArray[np.bool_]
    underway: Underway


@dataclass(slots=True)
class Known:
    """An answer that is known already, (R,) each: center, log width, rate and the sum of squares not worth reaching.

    `promise` is the sum of squares below which the first step has to promise to end.
    """

    center: Array
    log_width: Array
    rate: Array
    ceiling: Array
    promise: Array


def minimise_stack(
    stack: Stack,
    centers: Array,
    log_widths: Array,
    rates: Array,
    known: Known | None = None,
    *,
    steps_at_most: int = MAX_ITERATIONS,
) -> StackMinimum:
    """Minimise the sum of squares of every row of a stack from its own start.

    Parameters
    ----------
    stack
        Data and model.
    centers, log_widths
        Starts, (R, K).
    rates
        Decay rates to start from, (R,); 0 without an exponential baseline.
    known
        For one peak: what each row has already; rows that turn out the same or worse are given up.
    steps_at_most
        Steps after which rows that have not ended are left to `gaussapp.fitting.stack.endgame`.
    """
    count, layout = stack.y.shape[0], stack.layout_of_points
    every = np.arange(count)
    with np.errstate(all="ignore"):
        point = stack.probe(every, *charted(centers, log_widths), rates.copy())
        settled = np.zeros(count, dtype=bool)
        given_up = np.zeros(count, dtype=bool)
        delicate = ~np.isfinite(point.sse) | stack.delicate(point)
        iterations = np.zeros(count, dtype=np.intp)
        damping = np.full(count, 1e-3)
        near = np.zeros(count, dtype=bool)
        previous = np.ones(count)
        for iteration in range(steps_at_most):
            active = np.flatnonzero(~(settled | delicate | given_up))
            if not active.size:
                break
            iterations[active] += 1
            here = point.chosen(active) if active.size < count else point
            step, newton, failed = steps(here, layout, near[active], damping[active])
            delicate[active[failed]] = True
            iterations[active[failed]] -= 1
            downhill = [a * s for a, s in zip(row_scales(here.beta, layout), here.slopes, strict=False)]
            predicted = sum(a * b for a, b in zip(step, downhill, strict=True))
            longest = np.max(np.abs(step[layout.linear :]), axis=0)
            left = longest * longest * np.maximum(1.0, longest / np.maximum(previous[active] ** 2, 1e-200))
            moved = moved_stack(here, step, layout)
            # What such a step leaves is below rounding; its end need not be looked at.
            final = newton & (damping[active] < 1e-4) & (left < PRECISION) & ~failed
            leaving = final
            if known is not None and iteration == 0:
                hopeless = here.sse - predicted > known.promise[active]
                given_up[active[hopeless]] = True
                leaving = final | hopeless
            if leaving.any():
                finish(point, active[final], moved, predicted, final)
                settled[active[final]] = True
                others = np.flatnonzero(~leaving)
                if not others.size:
                    continue
                active, here = active[others], here.chosen(others)
                moved = [v[others] for v in moved[0]], [v[others] for v in moved[1]], moved[2][others]
                newton, failed = newton[others], failed[others]
                predicted, longest = predicted[others], longest[others]
            last = newton & (damping[active] < 1e-4) & (predicted < 1e-13 * here.sse)
            trial = stack.probe(active, moved[0], moved[1], [tail.copy() for tail in here.tails], moved[2])
            gained = here.sse - trial.sse
            better = ((gained >= 0.0) | (last & (gained > -1e-12 * here.sse))) & ~failed
            done = (last & better) | (predicted <= 1e-22 * here.sse)
            settled[active[done]] = True
            damping[active[~better]] = np.maximum(10.0 * damping[active[~better]], 1e-2)
            eased = active[better & (gained > 0.25 * predicted)]
            damping[eased] *= 0.1
            close = better & (longest < 0.5)
            near[active[better]] = close[better]
            previous[active[better]] = longest[better]
            if known is not None:
                worse = trial.sse - 10.0 * np.maximum(gained, predicted) > known.ceiling[active]
                worse |= same_peak(trial, known, active)
                given_up[active[close & worse]] = True
            if better.all() and active.size == count:
                point = trial
            else:
                point.replace(active[better], trial, better)
            going_on = active[better & ~done]
            stack.collapse(point, going_on, every)
            stack.rechart(point, going_on, every)
            delicate |= stack.delicate(point) | (damping > 1e6)
        delicate |= ~(settled | given_up)
        delicate &= ~given_up
        places = np.array(point.centers_and_log_widths()).reshape(layout.peaks, 2, count)
    return StackMinimum(
        places[:, 0].T,
        places[:, 1].T,
        point.rate,
        point.sse,
        iterations,
        given_up,
        delicate,
        Underway(
            point.first[0], point.second[0], point.tails[0], point.rate, damping, near, previous, iterations.copy()
        ),
    )


def charted(centers: Array, log_widths: Array) -> tuple[list[Array], list[Array], list[NDArray[np.bool_]]]:
    """Return the coordinates of peaks (R, K), each in the chart that suits it, as `gaussapp.fitting.chart.place`."""
    tails = abs(centers) > 1.0
    curvature = np.exp(-2.0 * log_widths)
    first = np.where(tails, centers * curvature, centers)
    second = np.where(tails, -0.5 * curvature, log_widths)
    return list(first.T.copy()), list(second.T.copy()), list(tails.T.copy())


def finish(
    point: Points,
    rows: NDArray[np.intp],
    moved: tuple[list[Array], list[Array], Array],
    predicted: Array,
    chosen: NDArray[np.bool_],
) -> None:
    """Put the ends of some rows' last steps in place, with the sum of squares that these predict."""
    for mine, end in zip([*point.first, *point.second, point.rate], [*moved[0], *moved[1], moved[2]], strict=True):
        mine[rows] = end[chosen]
    point.sse[rows] -= predicted[chosen]


def same_peak(point: Points, known: Known, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which points are as good as at the known answer, by the measure of `gaussapp.fitting.search.same_answer`."""
    ((center, log_width),) = point.centers_and_log_widths()
    same = abs(center - known.center[rows]) < 0.003 * np.exp(known.log_width[rows])
    same &= abs(log_width - known.log_width[rows]) < 0.003
    same &= abs(point.rate - known.rate[rows]) < 0.003
    return same


class Stack:
    """The sums of squares of a stack of data sets, evaluated with the linear parameters at their best.

    Parameters
    ----------
    t
        Scaled positions, (N,) for all or (R, N).
    y
        Whitened data, (R, N).
    root_weight
        Square root of the weights, None, (N,) or (R, N).
    layout
        The model.
    moments
        Whether products may be taken as moments of t: faster, with fewer digits where a peak is hardly seen.
    """

    def __init__(self, t: Array, y: Array, root_weight: Array | None, layout: Layout, *, moments: bool = True) -> None:
        self.t, self.y, self.root_weight, self.layout = t, y, root_weight, layout
        # Peaks narrower than half the mean spacing may sit on a single point.
        self.narrow = math.log(1.0 / y.shape[1])
        self.distinct: Array | None = None
        if t.ndim == 1:
            distinct = np.unique(t)
            self.distinct = distinct if distinct.size > 2 else np.append(distinct, math.inf)
        self.moments: Moments | None = None
        self.layout_of_points = layout
        if moments and t.ndim == 1 and layout.peaks == 1 and not layout.rates and y.shape[1] <= MOMENTS:
            self.moments = Moments(t, y, root_weight, layout)
            self.layout_of_points = layout_of(1, "none")

    def delicate(self, point: Points) -> NDArray[np.bool_]:
        """Tell which rows take more care than a stack has: very wide peaks, and those that run away."""
        rows = np.zeros(point.sse.size, dtype=bool)
        for first, second, tail in zip(point.first, point.second, point.tails, strict=True):
            beside = (abs(first) > 1.05) | (second > 0.5 * LARGEST_LOG_WIDTH) | (second < THINNEST)
            rows |= np.where(tail, (second >= 0.99 * FLATTEST) | (abs(first) > 1e3), beside)
        return rows | (abs(point.rate) > 30.0)

    def inside(self, centers: Array, log_widths: Array, rates: Array) -> NDArray[np.bool_]:
        """Tell which answers are ordinary ones: in the window, seen by several points, and not very wide."""
        inside = (abs(centers) <= 1.0) & (log_widths > self.narrow) & (log_widths <= 0.5 * LARGEST_LOG_WIDTH)
        return inside & (abs(rates) <= 30.0)

    def rechart(self, point: Points, which: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
        """Put peaks that have left their chart's region into the other one, as `gaussapp.fitting.chart.recharted`.

        `which` of the points are looked at; `rows` are those of the stack that all the points belong to.
        """
        if self.layout.peaks > 1:
            return
        first, second, tail = point.first[0][which], point.second[0][which], point.tails[0][which]
        center = np.where(tail, -0.5 * first / second, first)
        enters = ~tail & (abs(center) > 1.05)
        change = np.flatnonzero(enters | (tail & (abs(center) < 0.95)))
        if not change.size:
            return
        center, enters, which = center[change], enters[change], which[change]
        log_width = np.where(enters, second[change], -0.5 * np.log(np.where(enters, 1.0, -2.0 * second[change])))
        curvature = np.exp(-2.0 * log_width)
        trial = self.probe(
            rows[which],
            [np.where(enters, center * curvature, center)],
            [np.where(enters, -0.5 * curvature, log_width)],
            [enters],
            point.rate[which],
        )
        point.replace(which, trial, np.ones(change.size, dtype=bool))

    def collapse(self, point: Points, which: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Confine narrow peaks that hardly more than one or two points see to these, as `Problem.collapsed` does.

        `which` of the points are looked at; `rows` are those of the stack that all the points belong to. Returns which
        have been confined.
        """
        nowhere = np.empty(0, dtype=np.intp)
        if self.layout.peaks > 1:
            return nowhere
        which = which[(point.second[0][which] < self.narrow) & ~point.tails[0][which]]
        if not which.size:
            return nowhere
        c, u = point.first[0][which], point.second[0][which]
        squares, t = self.three_nearest(c, rows[which])
        one, two = np.diff(squares, axis=1).T
        square = np.exp(2.0 * u)
        on_one = (one > 12.0 * square) & (one < 50.0 * square)
        on_two = ~on_one & (two > 12.0 * square) & (two < 50.0 * square)
        changed = on_one | on_two
        if not changed.any():
            return nowhere
        narrower = 0.5 * np.log(np.where(on_one, one, two) / 60.0)
        middle = 0.5 * (t[:, 0] + t[:, 1])
        center = np.where(on_one, t[:, 0], middle + (c - middle) * np.exp(2.0 * (narrower - u)))
        which = which[changed]
        trial = self.probe(
            rows[which], [center[changed]], [narrower[changed]], [point.tails[0][which]], point.rate[which]
        )
        better = trial.sse <= point.sse[which]
        point.replace(which[better], trial, better)
        return which[better]

    def three_nearest(self, center: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return squared distances and places of the three different positions nearest to a center, (R, 3) each."""
        if self.distinct is not None:  # among three on either side
            span = min(6, self.distinct.size)
            before = np.clip(self.distinct.searchsorted(center) - 3, 0, self.distinct.size - span)
            t = self.distinct[before[:, None] + np.arange(span)]
            squares = (t - center[:, None]) ** 2
        else:
            t = self.t[rows]
            squares = (t - center[:, None]) ** 2
            squares[:, 1:][t[:, 1:] == t[:, :-1]] = math.inf  # the stack is sorted
        order = np.argsort(squares, axis=1)[:, :3]
        return np.take_along_axis(squares, order, 1), np.take_along_axis(t, order, 1)

    def row(self, row: int) -> Problem:
        """Return one row by itself."""
        t = self.t if self.t.ndim == 1 else self.t[row]
        weight = self.root_weight if self.root_weight is None or self.root_weight.ndim == 1 else self.root_weight[row]
        return Problem(t, self.y[row], weight, self.layout)

    def chosen(self, rows: NDArray[np.intp], *, moments: bool = True) -> Stack:
        """Return the stack of some rows."""
        t = self.t if self.t.ndim == 1 else self.t[rows]
        weight = self.root_weight if self.root_weight is None or self.root_weight.ndim == 1 else self.root_weight[rows]
        return Stack(t, self.y[rows], weight, self.layout, moments=moments)

    def probe(
        self,
        rows: NDArray[np.intp],
        first: list[Array],
        second: list[Array],
        tails: list[NDArray[np.bool_]],
        rate: Array,
    ) -> Points:
        """Return the points of some rows as a step needs them: of `layout_of_points`."""
        evaluate = self.evaluate if self.moments is None else self.moments.evaluate
        return evaluate(rows, first, second, tails, rate)

    def evaluate(
        self,
        rows: NDArray[np.intp],
        first: list[Array],
        second: list[Array],
        tails: list[NDArray[np.bool_]],
        rate: Array,
    ) -> Points:
        """Return the points of some rows, with all linear parameters."""
        layout, everything = self.layout, rows.size == self.y.shape[0]
        y = self.y if everything else self.y[rows]
        t = self.t if everything or self.t.ndim == 1 else self.t[rows]
        weight = self.root_weight
        if weight is not None and weight.ndim == 2 and not everything:
            weight = weight[rows]
        linear, nonlinear, curvature, rated = self.model_rows(y, t, weight, first, second, tails, rate)
        model = [*linear, *nonlinear[0], *nonlinear[1], *rated[:1]]
        every = [*model, *curvature[0], *curvature[1], *rated[1:]]
        gram: Rows = [[np.vecdot(model[i], model[j]) for j in range(i + 1)] for i in range(layout.size)]
        beta = solve_stack(
            [row.copy() for row in gram[: layout.linear]], [np.vecdot(row, y) for row in linear], 0.0, 0, 1e-13
        )[0]
        residual = y.copy()
        for b, row in zip(beta, linear, strict=True):
            residual -= b[:, None] * row
        slopes = [np.vecdot(row, residual) for row in every]
        scales: list[Any] = row_scales(beta, layout)
        for i in range(layout.linear, layout.size):
            gram[i] = [value * (scales[i] * scales[j]) for j, value in enumerate(gram[i])]
        return Points(first, second, tails, rate, beta, np.vecdot(residual, residual), gram, slopes)

    def model_rows(
        self,
        y: Array,
        t: Array,
        weight: Array | None,
        first: list[Array],
        second: list[Array],
        tails: list[NDArray[np.bool_]],
        rate: Array,
    ) -> tuple[list[Array], list[list[Array]], list[list[Array]], list[Array]]:
        """Return rows (R, N) of the model: linear ones, v e and v² e of every peak, v³ e and v⁴ e, those of a rate."""
        layout = self.layout
        linear: list[Array] = []
        nonlinear: list[list[Array]] = [[], []]
        curvature: list[list[Array]] = [[], []]
        for c, u, tail in zip(first, second, tails, strict=True):
            middle, inverse, flank = template_coordinates(c, u, tail)
            z = (t - middle[:, None]) * inverse[:, None]
            zz = z * z
            exponent = -0.5 * zz
            if flank.size:
                exponent[flank] = tail_exponent(t if t.ndim == 1 else t[flank], c[flank], u[flank])
            e = np.exp(np.maximum(exponent, -330.0))
            if weight is not None:
                e *= weight
            linear.append(e)
            for power, row in enumerate((e * z, e * zz)):
                nonlinear[power].append(row)
                curvature[power].append(row * zz)
        rated: list[Array] = []
        if layout.baseline in ("constant", "linear"):
            ones = np.ones_like(y) if weight is None else np.broadcast_to(weight, y.shape)
            linear.append(ones)
            if layout.baseline == "linear":
                linear.append(ones * t)
        elif layout.rates:
            decay = np.exp(-rate[:, None] * t)
            if weight is not None:
                decay *= weight
            linear.append(decay)
            rated = [decay * t, decay * t * t]
        return linear, nonlinear, curvature, rated


def steps(
    here: Points, layout: Layout, near: NDArray[np.bool_], damping: Array
) -> tuple[list[Array], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the damped step of every row, whether it is Newton's, and whether there is none."""
    hessian, downhill = curved_stack(here, layout)
    matrix: Rows = [
        [np.where(near, h, j) for h, j in zip(*rows, strict=True)] for rows in zip(hessian, here.jtj, strict=True)
    ]
    damped = np.where(near & (damping < 1e-4), 0.0, damping)
    step, definite = solve_stack(matrix, downhill, damped, layout.linear, 1e-15)
    retry = np.flatnonzero(near & ~definite)
    if retry.size:
        jtj = [[value[retry] for value in row] for row in here.jtj]
        again, fine = solve_stack(
            jtj, [value[retry] for value in downhill], np.maximum(damping[retry], 1e-3), layout.linear, 1e-15
        )
        for value, new in zip(step, again, strict=True):
            value[retry] = new
        definite = definite.copy()
        definite[retry] = fine
        near = near.copy()
        near[retry] = False
    return step, near, ~definite


def curved_stack(here: Points, layout: Layout) -> tuple[Rows, list[Array]]:
    """Return the Hessian of half the sum of squares of every row, in its lower triangle, and minus the gradient."""
    hessian = curved(here.jtj, here.beta, here.slopes, here, layout)
    for i, tail in enumerate(here.tails):
        if tail.any():  # a tail's rows are derivatives of the exponent alone
            c, u, share = layout.linear + i, layout.linear + layout.peaks + i, np.where(tail, here.beta[i], 0.0)
            hessian[c][c] = hessian[c][c] - share * here.slopes[i]
            hessian[u][c] = hessian[u][c] - 2.0 * share * here.slopes[c]
            hessian[u][u] = hessian[u][u] - 2.0 * share * here.slopes[u]
    return hessian, [a * s for a, s in zip(row_scales(here.beta, layout), here.slopes, strict=False)]


def moved_stack(here: Points, step: list[Array], layout: Layout) -> tuple[list[Array], list[Array], Array]:
    """Return centers, log widths and rates after a step, shortened as `gaussapp.fitting.chart.moved` does."""
    q, peaks = layout.linear, layout.peaks
    longest = np.max(np.abs(step[q : q + 2 * peaks]), axis=0)
    if layout.rates:
        longest = np.maximum(longest, abs(step[-1]) / np.maximum(1.0, 0.5 * abs(here.rate)))
    factor = np.where(longest > 1.4, 1.4 / longest, 1.0)
    first, second = [], []
    for i, (c, u, tail) in enumerate(zip(here.first, here.second, here.tails, strict=True)):
        along, wider = factor * step[q + i], factor * step[q + peaks + i]
        first.append(c + along * np.where(tail, 1.0, np.exp(u)))
        bent = -0.5 * np.log(np.maximum(1.0 - 2.0 * wider, 1e-9))
        bound = np.where(tail, FLATTEST, LARGEST_LOG_WIDTH)
        second.append(np.minimum(u + np.where(u > 0.0, bent, wider), bound))
    return first, second, here.rate + factor * step[-1] if layout.rates else here.rate

"""The minimisations that a stack does not settle, in step with each other: `gaussapp.fitting.solve.minimise` on arrays.

Very wide peaks, flanks of peaks outside the window, peaks on one or two points and flat valleys take dozens of steps
and every care that `minimise` takes: a bound on the width, directions in which there is nothing to see, minima at
infinity. Rows that end leave the others; the steps, and the order in which what is checked, are those of `minimise`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import FLATTEST, LARGEST_LOG_WIDTH, SMALLEST_LOG_WIDTH, Place
from gaussapp.fitting.peak import Array
from gaussapp.fitting.solve import MAX_ITERATIONS, PRECISION, Layout, Minimum, ended
from gaussapp.fitting.stack.points import Points, Rows, Underway, chosen_matrix, mirrored, solve_stack
from gaussapp.fitting.stack.solve import Stack, charted, curved_stack, moved_stack

CONVERGED, RUNAWAY, ITERATIONS, GIVEN_UP = range(4)
"""How a minimisation ended."""

STATUS = ("converged", "runaway", "iterations", "given up")
"""The same in the words of `gaussapp.fitting.solve.Minimum`."""

FARTHEST = 1e4
"""First coordinate of a peak beyond which it runs away, as for `gaussapp.fitting.chart.runs_away`."""

Some = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(slots=True)
class Ends:
    """Where the minimisations of a stack with one peak each ended, (R,) each, in the chart that each peak was in."""

    first: Array
    second: Array
    tails: Some
    rates: Array
    sse: Array
    status: NDArray[np.int8]
    iterations: Indices

    def chosen(self, rows: Indices | Some) -> Ends:
        """Return some of the ends."""
        return Ends(
            self.first[rows],
            self.second[rows],
            self.tails[rows],
            self.rates[rows],
            self.sse[rows],
            self.status[rows],
            self.iterations[rows],
        )

    def put(self, rows: Indices, others: Ends) -> None:
        """Replace some of the ends."""
        self.first[rows], self.second[rows], self.tails[rows] = others.first, others.second, others.tails
        self.rates[rows], self.sse[rows] = others.rates, others.sse
        self.status[rows], self.iterations[rows] = others.status, others.iterations

    def centers_and_log_widths(self) -> tuple[Array, Array]:
        """Return (c, log w) of every peak, (R,) each."""
        k = np.where(self.tails, self.second, -0.5)
        centers = np.where(self.tails, -0.5 * self.first / k, self.first)
        return centers, np.where(self.tails, -0.5 * np.log(-2.0 * k), self.second)

    def place(self, row: int) -> Place:
        """Return one of the ends as a place."""
        first, second, rate = float(self.first[row]), float(self.second[row]), float(self.rates[row])
        return Place([first], [second], [bool(self.tails[row])], rate)

    def minimum(self, stack: Stack, row: int) -> Minimum:
        """Return one of the ends as `minimise` would."""
        at = self.place(row)
        return ended(stack.row(row).evaluate(at), STATUS[self.status[row]], int(self.iterations[row]))


def joined_ends(parts: list[Ends]) -> Ends:
    """Return ends one after the other."""
    return Ends(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Ends)))


def ends_at(centers: Array, log_widths: Array, rates: Array, sse: Array, iterations: Indices) -> Ends:
    """Return peaks whose minimisation is over, (R,) each, as ends in the chart that suits each."""
    first, second, tails = charted(centers[:, None], log_widths[:, None])
    status = np.where(runs_away(first[0], second[0], tails[0]), RUNAWAY, CONVERGED).astype(np.int8)
    return Ends(first[0], second[0], tails[0], rates.copy(), sse.copy(), status, iterations.astype(np.intp))


def runs_away(first: Array, second: Array, tails: Some) -> Some:
    """Tell whose best place is at infinity, or thinner than any data, as `gaussapp.fitting.chart.runs_away`."""
    beside = ~((second > SMALLEST_LOG_WIDTH) & (second < LARGEST_LOG_WIDTH))
    return np.where(tails, second >= FLATTEST, beside) | (abs(first) > FARTHEST)


def minimise_in_step(stack: Stack, underway: Underway, ceiling: Array) -> Ends:
    """Go on with the minimisation of every row of a stack with one peak, each exactly as `minimise` would.

    Parameters
    ----------
    stack
        Data and model, sorted by t; its products are not taken as moments of t, which lose digits here.
    underway
        Where each is.
    ceiling
        Sums of squares not worth reaching, (R,); inf where any is.

    Returns
    -------
    Ends
        Where each ended.
    """
    count = stack.y.shape[0]
    ends = Ends(
        underway.first.copy(),
        underway.second.copy(),
        underway.tails.copy(),
        underway.rates.copy(),
        np.full(count, np.inf),
        np.full(count, ITERATIONS, dtype=np.int8),
        underway.iterations.copy(),
    )
    with np.errstate(all="ignore"):
        _Descent(stack, underway, ceiling, ends).run()
    ends.status[(ends.status != GIVEN_UP) & runs_away(ends.first, ends.second, ends.tails)] = RUNAWAY
    return ends


class _Descent:
    """The rows that are still on their way; what is known of each of them is in arrays of the same length."""

    def __init__(self, stack: Stack, underway: Underway, ceiling: Array, ends: Ends) -> None:
        self.stack, self.ends, self.ceiling = stack, ends, ceiling
        self.rows = np.arange(stack.y.shape[0])
        self.rounding = 1e-31 * np.vecdot(stack.y, stack.y)
        self.steepest = min(4.0 * stack.y.shape[1], 300.0)
        self.damping, self.near = underway.damping.copy(), underway.near.copy()
        self.previous, self.iterations = underway.previous.copy(), underway.iterations.copy()
        first, second, tails = underway.first.copy(), underway.second.copy(), underway.tails.copy()
        self.point = stack.evaluate(self.rows, [first], [second], [tails], underway.rates.copy())

    def run(self) -> None:
        """Take steps until every row has ended."""
        self.leave(self.iterations >= MAX_ITERATIONS, ITERATIONS)
        while self.rows.size:
            self.iterations += 1
            self.step()
            self.leave(self.iterations >= MAX_ITERATIONS, ITERATIONS)

    def leave(self, over: Some, status: int) -> None:
        """Put down where some rows ended, and go on with the others."""
        if not over.any():
            return
        point, rows = self.point, self.rows[over]
        ends = Ends(
            point.first[0][over],
            point.second[0][over],
            point.tails[0][over],
            point.rate[over],
            point.sse[over],
            np.full(rows.size, status, dtype=np.int8),
            self.iterations[over],
        )
        self.ends.put(rows, ends)
        on = np.flatnonzero(~over)
        self.point, self.rows, self.iterations = point.chosen(on), self.rows[on], self.iterations[on]
        self.damping, self.near, self.previous = self.damping[on], self.near[on], self.previous[on]

    def step(self) -> None:
        """Take one step of every row, or find that a shorter one is needed."""
        layout = self.stack.layout
        q = layout.linear
        hessian, downhill = curved_stack(self.point, layout)
        damped = np.where(self.near & (self.damping < 1e-4), 0.0, self.damping)
        matrix: Rows = [
            [np.where(self.near, h, j) for h, j in zip(*rows, strict=True)]
            for rows in zip(hessian, self.point.jtj, strict=True)
        ]
        step, definite = bounded_steps(matrix, downhill, damped, self.point, layout)
        retry = np.flatnonzero(self.near & ~definite)
        if retry.size:
            self.near[retry] = False
            self.damping[retry] = np.maximum(self.damping[retry], 1e-3)
            again, fine = bounded_steps(
                chosen_matrix(self.point.jtj, retry),
                [value[retry] for value in downhill],
                self.damping[retry],
                self.point.chosen(retry),
                layout,
            )
            definite[retry] = fine
            for value, new in zip(step, again, strict=True):
                value[retry] = new
        longest = np.max(np.abs(step[q:]), axis=0)
        predicted = np.sum([a * b for a, b in zip(step, downhill, strict=True)], axis=0)
        # Nothing is determined here, or nothing is left to gain.
        over = ~definite | (predicted <= 1e-22 * self.point.sse) | (self.point.sse <= self.rounding[self.rows])
        if over.any():
            on = np.flatnonzero(~over)
            step, longest, predicted = [value[on] for value in step], longest[on], predicted[on]
            self.leave(over, CONVERGED)
            if not on.size:
                return
        self.follow(step, longest, predicted)

    def follow(self, step: list[Array], longest: Array, predicted: Array) -> None:
        """See what the steps gain, and keep those that gain something."""
        layout, before = self.stack.layout, self.point
        left = longest * longest * np.maximum(1.0, longest / np.maximum(self.previous**2, 1e-200))
        last = self.near & (self.damping < 1e-4) & ((left < PRECISION) | (predicted < 1e-13 * before.sse))
        (first,), (second,), rate = moved_stack(before, step, layout)
        tails = before.tails[0]
        second = np.maximum(second, np.where(tails, -np.inf, SMALLEST_LOG_WIDTH))
        trial = self.stack.evaluate(self.rows, [first], [second], [tails.copy()], rate)
        gained = before.sse - trial.sse
        kept = (gained >= 0.0) | (last & (gained > -1e-12 * before.sse))
        settled = ~kept & ((predicted < 1e-15 * before.sse) | (self.damping > 1e10))
        self.damping = np.where(kept, self.damping, np.maximum(10.0 * self.damping, 1e-2))
        self.damping[kept & (gained > 0.25 * predicted) & ~last] *= 0.1
        if kept.all():
            self.point = trial
        else:
            before.replace(np.flatnonzero(kept), trial, kept)
        self.near = np.where(kept, longest < 0.5, self.near)
        self.previous = np.where(kept, longest, self.previous)
        worse = trial.sse - 10.0 * np.maximum(gained, predicted) > self.ceiling[self.rows]
        hopeless = kept & ~last & self.near & worse
        going_on = kept & ~last & ~hopeless
        going_on[self.stack.collapse(self.point, np.flatnonzero(going_on), self.rows)] = False
        steep = going_on & (abs(self.point.rate) > self.steepest)
        self.stack.rechart(self.point, np.flatnonzero(going_on & ~steep), self.rows)
        status = np.where(hopeless, GIVEN_UP, CONVERGED)
        over = settled | (kept & last) | hopeless | steep
        for kind in (CONVERGED, GIVEN_UP):
            now = over & (status == kind)
            status, over = status[~now], over[~now]
            self.leave(now, kind)


def bounded_steps(
    matrix: Rows, right: list[Array], damping: Array, here: Points, layout: Layout
) -> tuple[list[Array], Some]:
    """Return damped steps, a peak that would be wider than the widest held at that width, and which there are."""
    step, definite = solve_stack(matrix, right, damping, layout.linear, 1e-15)
    wide = layout.linear + layout.peaks
    second, tails = here.second[0], here.tails[0]
    log_width = np.where(tails, 0.0, second)
    bent = np.where(second > 0.0, 0.5 - 0.5 * np.exp(2.0 * (log_width - LARGEST_LOG_WIDTH)), math.inf)
    most = np.where(tails, FLATTEST - second, bent)
    over = np.flatnonzero((step[wide] > 0.0) & (step[wide] > most) & definite)
    if not over.size:
        return step, definite
    part, held = mirrored(chosen_matrix(matrix, over)), most[over]
    free = [i for i in range(layout.size) if i != wide]
    shifted = [right[i][over] - part[i][wide] * held for i in free]
    rest, fine = solve_stack([[part[i][j] for j in free] for i in free], shifted, damping[over], layout.linear, 1e-15)
    for i, value in zip(free, rest, strict=True):
        step[i][over] = value
    step[wide][over] = held
    definite[over] = fine
    return step, definite

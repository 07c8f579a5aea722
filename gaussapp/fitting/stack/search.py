"""The best fit of every row of a stack, one peak each: all starts within reach are followed, for all rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.endgame import CONVERGED, GIVEN_UP, Ends, ends_at, joined_ends, minimise_in_step
from gaussapp.fitting.stack.points import Underway
from gaussapp.fitting.stack.solve import Known, Stack, minimise_stack
from gaussapp.fitting.stack.start import StackStarts
from gaussapp.fitting.start import beyond_baseline, promising

Rows = NDArray[np.intp]

PROMISED = 0.96
"""Share of what a rival explains that a start's first step promises at least, where promises can be relied on."""

CLEAR = 0.75
"""Share of the sum of squares that a rival of a clear peak explains at least; below, noise bends the way there."""

STEADY = (0.2, 1.0)
"""Widths of starts, in half windows, whose first step promises nearly all that lies on their way."""

EARLY = 12
"""Steps that are taken before it is seen what has not ended yet: enough for nearly all peaks that can be seen."""

TOGETHER = 200_000
"""Values of y, a row for each start, up to which all starts are followed at the same time."""


@dataclass(slots=True)
class Answers:
    """Peaks of a stack, (R,) each, in scaled coordinates; the sum of squares is inf where there is none."""

    centers: Array
    log_widths: Array
    rates: Array
    sse: Array

    def chosen(self, rows: Rows | NDArray[np.bool_]) -> Answers:
        """Return some of the answers."""
        return Answers(self.centers[rows], self.log_widths[rows], self.rates[rows], self.sse[rows])

    def put(self, rows: Rows, others: Answers) -> None:
        """Replace some of the answers."""
        self.centers[rows], self.log_widths[rows] = others.centers, others.log_widths
        self.rates[rows], self.sse[rows] = others.rates, others.sse

    def coordinates(self, rates: int) -> Array:
        """Return center, log width and, if there are `rates`, rate as columns of one array, (R, 2) or (R, 3)."""
        return np.stack([self.centers, self.log_widths, self.rates][: 2 + rates], axis=1)

    def same(self, other: Answers) -> NDArray[np.bool_]:
        """Tell which are the same peaks, as `gaussapp.fitting.search.same_answer` does."""
        apart = np.exp(np.maximum(self.log_widths, other.log_widths))
        near = abs(self.log_widths - other.log_widths) < 0.01
        return near & (abs(self.centers - other.centers) < 0.01 * apart)


@dataclass(slots=True)
class StackSearch:
    """The best answer of every row and the best one that is another fit, if any was within reach.

    `starts` and `iterations`, (R,), count. `odd` tells which best answers are none that a stack has as a rule: a peak
    outside the window, a very wide one, one that hardly more than a point or two see, or no minimum. `ends` holds the
    same answers in their charts.
    """

    best: Answers
    rival: Answers
    starts: Rows
    iterations: Rows
    odd: NDArray[np.bool_]
    ends: Ends


def search_stack(stack: Stack, starts: StackStarts) -> StackSearch:
    """Find the best fit of every row of a stack from its starts.

    All of them take a few steps first. Where the best start of a row has come to, even if that is not its end yet,
    tells which others may still lead to an answer; whatever has not ended by then goes on together.
    """
    count = stack.y.shape[0]
    heads = begun_from(stack, starts, np.arange(count), None)
    rival = Answers(*(np.full(count, value) for value in (np.nan, np.nan, 0.0, np.inf)))
    number = np.bincount(starts.rows, minlength=count)
    parts = [heads] if starts.rows.size == count else [heads, *others_begun(stack, starts, heads)]
    go_on(stack, starts, parts)
    found = StackSearch(heads.reached, rival, number, heads.ends.iterations.copy(), heads.odd(stack), heads.ends)
    for others in parts[1:]:
        odd, rows = others.odd(stack), starts.rows[others.starts]
        others.given_up |= ~may_lead_further(stack, starts, others.starts, found.best)
        waiting = np.flatnonzero(~others.given_up)
        while waiting.size:  # one start of each row at a time
            _, firsts = np.unique(rows[waiting], return_index=True)
            now = waiting[firsts]
            better = now[keep_two(found, rows[now], others.reached.chosen(now))]
            found.odd[rows[better]] = odd[better]
            found.ends.put(rows[better], others.ends.chosen(better))
            waiting = np.delete(waiting, firsts)
    return found


@dataclass(slots=True)
class Begun:
    """Starts, (S,), that have taken a few steps: where they are, which have not ended, and which were given up."""

    starts: Rows
    reached: Answers
    ends: Ends
    unsettled: Rows
    underway: Underway  # of the unsettled
    ceiling: Array
    given_up: NDArray[np.bool_]

    def odd(self, stack: Stack) -> NDArray[np.bool_]:
        """Tell which answers are odd."""
        odd = ~stack.inside(self.reached.centers, self.reached.log_widths, self.reached.rates)
        odd[self.unsettled] |= self.ends.status[self.unsettled] != CONVERGED
        return odd


def begun_from(stack: Stack, starts: StackStarts, part: Rows, known: Known | None) -> Begun:
    """Take a few steps from some of the starts; `stack` has a row for each of these."""
    centers, log_widths, rates = starts.centers[part, None], starts.log_widths[part, None], starts.rates[part]
    come = minimise_stack(stack, centers, log_widths, rates.copy(), known, steps_at_most=EARLY)
    reached = Answers(come.centers[:, 0].copy(), come.log_widths[:, 0].copy(), come.rates.copy(), come.sse.copy())
    ends = ends_at(reached.centers, reached.log_widths, reached.rates, reached.sse, come.iterations)
    unsettled = np.flatnonzero(come.delicate)
    ceiling = np.full(part.size, np.inf) if known is None else known.ceiling
    return Begun(part, reached, ends, unsettled, come.underway.chosen(unsettled), ceiling, come.given_up)


def others_begun(stack: Stack, starts: StackStarts, heads: Begun) -> Iterator[Begun]:
    """Take a few steps from all starts but the first of each row that may still lead to an answer.

    What is known of a row already decides what its other starts need not reach.
    """
    count, best = stack.y.shape[0], heads.reached
    order = count + np.argsort(starts.rows[count:], kind="stable")
    order = order[may_lead_further(stack, starts, order, best)]
    promise = np.full(count, np.inf)
    if not stack.layout.rates:
        bare, wanted = wanted_beside(stack, best)
        reliable = is_whole(stack, best) & (wanted > CLEAR * bare)
        reliable[heads.unsettled] = False
        promise = np.where(reliable, bare - PROMISED * wanted, np.inf)
    center = best.centers.copy()
    center[heads.unsettled] = np.nan  # nobody knows yet what would be the same
    most = max(count, TOGETHER // stack.y.shape[1])
    for first in range(0, order.size, most):
        part = order[first : first + most]
        rows = starts.rows[part]
        widths = np.exp(starts.log_widths[part])
        steady = (widths > STEADY[0]) & (widths < STEADY[1])
        promised = np.where(steady, promise[rows], np.inf)
        ceiling = best.sse[rows] * within_reach(stack)
        known = Known(center[rows], best.log_widths[rows], best.rates[rows], ceiling, promised)
        yield begun_from(stack.chosen(rows), starts, part, known)


def go_on(stack: Stack, starts: StackStarts, parts: list[Begun]) -> None:
    """Follow to their ends all that have not ended."""
    rows = np.concatenate([starts.rows[part.starts[part.unsettled]] for part in parts])
    if not rows.size:
        return
    underway = parts[0].underway
    for part in parts[1:]:
        underway = underway.beside(part.underway)
    ceiling = np.concatenate([part.ceiling[part.unsettled] for part in parts])
    most = max(1, TOGETHER // stack.y.shape[1])
    last = [
        minimise_in_step(stack.chosen(rows[some], moments=False), underway.chosen(some), ceiling[some])
        for some in (np.arange(first, min(first + most, rows.size)) for first in range(0, rows.size, most))
    ]
    first = 0
    ended = joined_ends(last)
    for part in parts:
        mine = ended.chosen(np.arange(first, first + part.unsettled.size))
        part.ends.put(part.unsettled, mine)
        part.reached.put(part.unsettled, Answers(*mine.centers_and_log_widths(), mine.rates, mine.sse))
        part.given_up[part.unsettled] = mine.status == GIVEN_UP
        first += part.unsettled.size


def within_reach(stack: Stack) -> float:
    """Return the ratio of sums of squares above which another answer is clearly worse."""
    return 1.0 + 10.0 / float(max(stack.y.shape[1] - stack.layout.size, 1))


def wanted_beside(stack: Stack, best: Answers) -> tuple[Array, Array]:
    """Return what a baseline alone leaves of every row, and how much of that a rival has to explain, (R,) each."""
    bare = beyond_baseline(stack.t, stack.root_weight, stack.y, stack.layout.baseline)
    return bare, bare - best.sse * within_reach(stack)


def may_lead_further(stack: Stack, starts: StackStarts, some: Rows, best: Answers) -> NDArray[np.bool_]:
    """Tell which of some starts may lead to an answer beside the best one."""
    if stack.layout.rates:
        return np.ones(some.size, dtype=bool)
    _, wanted = wanted_beside(stack, best)
    return promising(starts.explained[some], starts.log_widths[some], wanted[starts.rows[some]], stack.y.shape[1])


def is_whole(stack: Stack, at: Answers) -> NDArray[np.bool_]:
    """Tell which peaks are in the window with both flanks, and seen by several points.

    Of a peak cut off by the window, or a very wide one, another peak far from the start may show the same part: where
    the first step points then says little of where the search ends.
    """
    return (abs(at.centers) + 2.0 * np.exp(at.log_widths) <= 1.0) & (at.log_widths > stack.narrow)


def keep_two(found: StackSearch, rows: Rows, new: Answers) -> NDArray[np.bool_]:
    """Put one new answer of some rows where it belongs, best, rival or nowhere, and tell which are the best now."""
    best, rival = found.best.chosen(rows), found.rival.chosen(rows)
    same, better = new.same(best), new.sse < best.sse
    found.best.put(rows[better], new.chosen(better))
    moved = better & ~same  # the old best becomes the rival, unless the old rival is better
    outdone = moved & ((best.sse <= rival.sse) | new.same(rival))
    found.rival.put(rows[outdone], best.chosen(outdone))
    second = ~better & ~same & (new.sse < rival.sse)
    found.rival.put(rows[second], new.chosen(second))
    return better

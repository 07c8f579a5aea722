"""The best fit of every row of a stack, one peak each: all starts within reach are followed, for all rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.endgame import CONVERGED, GIVEN_UP, Ends, ends_at, minimise_in_step
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
    """Find the best fit of every row of a stack from its starts."""
    count = stack.y.shape[0]
    best, ends, odd, _ = reached_from(stack, starts, np.arange(count), None)
    rival = Answers(*(np.full(count, value) for value in (np.nan, np.nan, 0.0, np.inf)))
    number = np.bincount(starts.rows, minlength=count)
    found = StackSearch(best, rival, number, ends.iterations.copy(), odd, ends)
    if starts.rows.size > count:
        follow_others(stack, starts, found)
    return found


def reached_from(
    stack: Stack, starts: StackStarts, part: Rows, known: Known | None
) -> tuple[Answers, Ends, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where some of the starts lead, which answers are odd, and which were given up.

    `stack` has one row for each of these starts.
    """
    centers, log_widths, rates = starts.centers[part], starts.log_widths[part], starts.rates[part]
    ended = minimise_stack(stack, centers[:, None], log_widths[:, None], rates.copy(), known)
    reached = Answers(ended.centers[:, 0].copy(), ended.log_widths[:, 0].copy(), ended.rates.copy(), ended.sse.copy())
    ends = ends_at(reached.centers, reached.log_widths, reached.rates, reached.sse, ended.iterations)
    given_up = ended.given_up
    delicate = np.flatnonzero(ended.delicate)
    if delicate.size:
        last = minimise_in_step(
            stack.chosen(delicate, moments=False),
            centers[delicate],
            log_widths[delicate],
            rates[delicate],
            None if known is None else known.ceiling[delicate],
        )
        ends.put(delicate, last)
        reached.put(delicate, Answers(*last.centers_and_log_widths(), last.rates, last.sse))
        given_up[delicate] = last.status == GIVEN_UP
    odd = ~stack.inside(reached.centers, reached.log_widths, reached.rates)
    odd[delicate] |= ends.status[delicate] != CONVERGED
    return reached, ends, odd, given_up


def follow_others(stack: Stack, starts: StackStarts, found: StackSearch) -> None:
    """Follow all starts but the first of each row that may still lead to an answer, all together if they are not many.

    What is known of a row already decides what its other starts need not reach.
    """
    count = stack.y.shape[0]
    within_reach = 1.0 + 10.0 / max(stack.y.shape[1] - stack.layout.size, 1)
    order = count + np.argsort(starts.rows[count:], kind="stable")
    promise = np.full(count, np.inf)
    if not stack.layout.rates:
        bare = beyond_baseline(stack.t, stack.root_weight, stack.y, stack.layout.baseline)
        wanted = bare - found.best.sse * within_reach
        reliable = is_whole(stack, found.best) & (wanted > CLEAR * bare)
        promise = np.where(reliable, bare - PROMISED * wanted, np.inf)
        rows, points = starts.rows[order], stack.y.shape[1]
        order = order[promising(starts.explained[order], starts.log_widths[order], wanted[rows], points)]
    most = max(count, TOGETHER // stack.y.shape[1])
    for first in range(0, order.size, most):
        part = order[first : first + most]
        rows = starts.rows[part]
        known = found.best.chosen(rows)
        ceiling = known.sse * within_reach
        widths = np.exp(starts.log_widths[part])
        steady = (widths > STEADY[0]) & (widths < STEADY[1])
        promised = np.where(steady, promise[rows], np.inf)
        reached, ends, odd, given_up = reached_from(
            stack.chosen(rows),
            starts,
            part,
            Known(known.centers, known.log_widths, known.rates, ceiling, promised),
        )
        waiting = np.flatnonzero(~given_up)
        while waiting.size:  # one start of each row at a time
            _, firsts = np.unique(rows[waiting], return_index=True)
            now = waiting[firsts]
            better = now[keep_two(found, rows[now], reached.chosen(now))]
            found.odd[rows[better]] = odd[better]
            found.ends.put(rows[better], ends.chosen(better))
            waiting = np.delete(waiting, firsts)


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

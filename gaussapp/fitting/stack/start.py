"""Where the fits of a stack start: what `gaussapp.fitting.start` finds for one data set, for all rows at once.

One matrix product lays every template over every row. Which rows have one start only, nearly all of them as a rule, is
seen in whole arrays; the few that have a peak narrower than a bin within reach are looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.chart import Place, place
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import Axis
from gaussapp.fitting.stack.products import row_products
from gaussapp.fitting.start import MAX_STARTS, WITHIN_REACH, Grid, Start, find_starts, grid_of, without_line

Nodes = NDArray[np.intp]

REACH_OF_BOXES = 0.7
"""Share of the best start's explained sum of squares above which that of the other kind is kept."""


@dataclass(slots=True)
class StackStarts:
    """Starts of a stack, each row's best one first: row, scaled peak, and what it explains, of every start, (S,) each.

    The first R entries are the best starts of rows 0 to R - 1.
    """

    rows: Nodes
    centers: Array
    log_widths: Array
    rates: Array
    explained: Array

    def place(self, start: int) -> Place:
        """Return one of the starts as a place."""
        return place([float(self.centers[start])], [float(self.log_widths[start])], float(self.rates[start]))


def find_starts_stack(axis: Axis, y: Array, baseline: str) -> StackStarts:
    """Return where to start in every row of whitened `y` (R, N), given in the order of the axis' x.

    The axis must be sorted.
    """
    count = y.shape[0]
    if baseline == "exponential":
        return of_lists([find_starts(axis, row, baseline) for row in y])
    grid = grid_of(axis)
    basis, norms = grid.projection(baseline)
    binned = grid.binned_in_order(y)
    if basis is not None:
        binned = binned - row_products(row_products(binned, basis.T), basis)
    explained = row_products(binned, (grid.templates * norms[:, None]).T)
    np.multiply(explained, explained, out=explained)
    best = explained.argmax(axis=1)
    top = explained[np.arange(count), best]
    rows, nodes = separate_nodes(grid, explained, best, top)
    starts = StackStarts(rows, grid.centers[nodes], grid.log_widths[nodes], np.zeros(rows.size), explained[rows, nodes])
    odd = np.flatnonzero(~(top > 0.0))
    if grid.lengths:
        left = without_line(grid, y, baseline)
        # No run of n points explains more than n times the largest square.
        most = grid.lengths[-1] * np.maximum(left.max(axis=1), -left.min(axis=1)) ** 2
        wanted = np.flatnonzero(most > REACH_OF_BOXES * top)
        gains = box_gains(grid, left[wanted])
        odd = np.union1d(odd, wanted[gains > REACH_OF_BOXES * top[wanted]])
    if odd.size:
        starts = replaced(starts, odd, of_lists([find_starts(axis, y[row], baseline) for row in odd]))
    return starts


def separate_nodes(grid: Grid, explained: Array, best: Nodes, top: Array) -> tuple[Nodes, Nodes]:
    """Return rows and nodes of the separate peaks within reach of each row's best node, as `list_starts` does."""
    apart = apart_on(grid)
    within = explained > WITHIN_REACH * top[:, None]
    within &= apart[best]
    rows, nodes = np.divmod(np.flatnonzero(within), within.shape[1])
    order = np.lexsort((-explained[rows, nodes], rows))
    rows, nodes = rows[order], nodes[order]
    all_rows, all_nodes = [np.arange(best.size)], [best]
    for _ in range(MAX_STARTS - 1):
        if not rows.size:
            break
        is_first = np.append(True, rows[1:] != rows[:-1])
        all_rows.append(rows[is_first])
        all_nodes.append(nodes[is_first])
        chosen = nodes[is_first][np.cumsum(is_first) - 1]  # of each entry's row
        others = apart[chosen, nodes]
        rows, nodes = rows[others], nodes[others]
    return np.concatenate(all_rows), np.concatenate(all_nodes)


def apart_on(grid: Grid) -> NDArray[np.bool_]:
    """Return which pairs of a grid's nodes lead to different peaks, (M, M)."""
    if grid.apart is None:
        every = np.arange(grid.centers.size)
        grid.apart = grid.are_apart(every[:, None], every)
    return grid.apart


def box_gains(grid: Grid, y: Array) -> Array:
    """Return what the best peak narrower than a bin explains in every row, (R,), as `box_starts` finds it.

    Of `y`, (R, N), the baseline has been taken.
    """
    weight = grid.point_weight
    sums = np.zeros((y.shape[0], y.shape[1] + 1))
    np.cumsum(y if weight is None else y * weight, axis=1, out=sums[:, 1:])
    best = np.zeros(y.shape[0])
    for length in grid.lengths:
        stride = max(1, length // 4)
        gain = sums[:, length::stride] - sums[:, :-length:stride]
        if grid.total_weight is not None:
            gain /= np.sqrt(grid.total_weight[length::stride] - grid.total_weight[:-length:stride])
        gain *= gain
        np.maximum(best, gain.max(axis=1) / (length if grid.total_weight is None else 1.0), out=best)
    return best


def of_lists(lists: list[list[Start]]) -> StackStarts:
    """Return lists of starts, one a row, as arrays."""
    flat = [(row, start) for row, starts in enumerate(lists) for start in starts[:1]]
    flat += [(row, start) for row, starts in enumerate(lists) for start in starts[1:]]
    return StackStarts(
        np.array([row for row, _ in flat], dtype=np.intp),
        *(np.array([start[i] for _, start in flat]) for i in range(4)),
    )


def replaced(starts: StackStarts, rows: Nodes, others: StackStarts) -> StackStarts:
    """Return the starts with those of some rows replaced by others, whose rows count within `rows`."""
    first = rows.size
    kept = ~np.isin(starts.rows, rows)
    count = int(starts.rows.max()) + 1
    merged = []
    for old, new in (
        (starts.rows, rows[others.rows]),
        (starts.centers, others.centers),
        (starts.log_widths, others.log_widths),
        (starts.rates, others.rates),
        (starts.explained, others.explained),
    ):
        head = old[:count].copy()
        head[rows] = new[:first]
        merged.append(np.concatenate([head, old[count:][kept[count:]], new[first:]]))
    return StackStarts(*merged)

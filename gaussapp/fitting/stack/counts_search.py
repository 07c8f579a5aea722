"""The most likely peak of every row of a stack of counts: the starts of `control.explore`, followed for all at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gaussapp.fitting.constrained.control import FOLLOWED, SIMILAR
from gaussapp.fitting.constrained.places import BEST_NODES, CENTERS, WIDTHS
from gaussapp.fitting.peak import Array
from gaussapp.fitting.stack.counts import CountStack, Ends, Index, Some, box_steps, descend_stack
from gaussapp.fitting.stack.products import row_products
from gaussapp.fitting.stack.search import StackSearch

CLEARLY_WORSE = 5.0
"""Half a deviance above the best one from which another minimum is not followed to its end."""

PART = 250
"""Rows over which the grid is laid at a time: what it explains of them stays in the processor's caches."""


@dataclass(slots=True)
class Likeliest:
    """The most likely place of every row, and by how much half the deviance of the next other one is larger.

    `f` is (P, R), in the parameters of `CountStack`; `active` (P, R) says which of them are at a bound. Rows that are
    not `sound` are to be fitted by themselves. In those that are `doubtful` the way to an answer shows in its last
    digits: the mean would have to touch zero, or another start was still on its way when its steps had been taken.
    """

    f: Array
    value: Array
    active: Some
    rival: Array
    starts: Index
    sound: Some
    doubtful: Some


@dataclass(slots=True)
class Nodes:
    """A grid of peaks over the positions, as `places.Layer` lays it."""

    centers: Array  # (M,)
    widths: Array
    beside: Array  # (N, M): what is left of the peaks beside the baseline, over the root of its square
    basis: Array  # (q, N): the baseline, orthonormal
    apart: Some  # (M, M): which are other peaks than the first


def nodes_of(t: Array, baseline: str) -> Nodes:
    """Return the grid over sorted positions, from the latest few if it is there."""
    return _nodes_of(t.tobytes(), baseline)


@lru_cache(maxsize=4)
def _nodes_of(t_bytes: bytes, baseline: str) -> Nodes:
    t = np.frombuffer(t_bytes)
    grid = np.meshgrid(np.linspace(-1.0, 1.0, CENTERS), np.geomspace(1.0 / t.size, 2.0, WIDTHS), indexing="ij")
    centers, widths = (side.ravel() for side in grid)
    z = (t - centers[:, None]) / widths[:, None]
    peaks = np.exp(np.maximum(-0.5 * z * z, -330.0))
    columns = {"none": 0, "constant": 1, "linear": 2}[baseline]
    basis = np.linalg.qr(np.vander(t, max(columns, 1), increasing=True))[0].T[:columns]
    norms = np.vecdot(peaks, peaks)
    left = peaks - (peaks @ basis.T) @ basis
    alone = np.maximum(np.vecdot(left, left), 1e-6 * norms + 1e-300)
    apart = abs(centers - centers[:, None]) > 1.5 * widths[:, None]
    apart |= abs(np.log(widths / widths[:, None])) > 1.0
    return Nodes(centers, widths, (left / np.sqrt(alone)[:, None]).T, basis, apart)


def grid_places(nodes: Nodes, y: Array) -> tuple[Index, Array, Array]:
    """Return row, center and width of the most promising nodes of every row that are different peaks, (S,) each."""
    found: list[tuple[Index, Index]] = []
    for first in range(0, y.shape[0], PART):
        part = y[first : first + PART]
        gains = row_products(part - row_products(row_products(part, nodes.basis.T), nodes.basis), nodes.beside)
        gains *= gains
        rows = np.arange(part.shape[0])
        best = gains.argmax(axis=1)
        enough = 0.2 * gains[rows, best]
        found.append((first + rows, best))
        for _ in range(BEST_NODES - 1):
            gains *= nodes.apart[best]
            best = gains.argmax(axis=1)
            top = gains[np.arange(rows.size), best]
            further = (top >= enough) & (top > 0.0)
            if not further.any():
                break
            gains, rows, best, enough = gains[further], rows[further], best[further], enough[further]
            found.append((first + rows, best))
    every, which = (np.concatenate([part[i] for part in found]) for i in range(2))
    return every, nodes.centers[which], nodes.widths[which]


def search_counts(stack: CountStack, searched: StackSearch) -> Likeliest:
    """Return the most likely place of every row; `searched` are the answers of least squares.

    The stack must be sorted by position.
    """
    count = stack.y.shape[0]
    rows, centers, widths = grid_places(nodes_of(stack.t, stack.baseline), stack.y)
    best, rival = searched.best, searched.rival
    other = np.flatnonzero(np.isfinite(rival.sse))
    rows = np.concatenate([rows, np.arange(count), other])
    centers = np.concatenate([centers, best.centers, rival.centers[other]])
    widths = np.concatenate([widths, np.exp(best.log_widths), np.exp(rival.log_widths[other])])
    f = positive_starts(stack, linear_best(stack, centers, widths, rows), rows)
    values = stack.value(f, rows)
    order = np.lexsort((values, rows))
    rank = np.arange(rows.size) - np.searchsorted(rows[order], rows[order])
    first = order[rank == 0]
    head = descend_stack(stack, f[:, first], rows[first])
    rest = order[(rank > 0) & (rank < FOLLOWED)]
    rest = rest[np.isfinite(values[rest])]
    which = rows[rest]
    tail = descend_stack(stack, f[:, rest], which, head.value[which] + CLEARLY_WORSE, head.f[:, which])
    return the_best(head, tail, which, np.bincount(rows, minlength=count))


def from_start(stack: CountStack, f: Array) -> Likeliest:
    """Return the minimum of every row that is reached from a place, (P, 1); nobody has looked for another one."""
    count = stack.y.shape[0]
    head = descend_stack(stack, np.repeat(f, count, axis=1), np.arange(count))
    none = np.empty(0, dtype=np.intp)
    nothing = Ends(f[:, :0], *(np.empty(0), *(np.empty(0, dtype=bool),) * 3), np.empty((f.shape[0], 0), dtype=bool))
    return the_best(head, nothing, none, np.ones(count, dtype=np.intp))


def the_best(head: Ends, tail: Ends, which: Index, starts: Index) -> Likeliest:
    """Return the best of the first and the other ends of every row, and how far the next other answer is."""
    count = head.value.size
    f, value, active = head.f.copy(), head.value.copy(), head.active.copy()
    converged, blocked = head.converged.copy(), head.blocked.copy()
    there = np.flatnonzero(~tail.given_up)
    order = there[np.lexsort((tail.value[there], which[there]))]
    rows = which[order]
    least = np.append(True, rows[1:] != rows[:-1])[: rows.size]
    order, rows = order[least], rows[least]
    better = tail.value[order] < head.value[rows]
    order, rows = order[better], rows[better]
    f[:, rows], value[rows], active[:, rows] = tail.f[:, order], tail.value[order], tail.active[:, order]
    converged[rows], blocked[rows] = tail.converged[order], tail.blocked[order]
    rival = np.full(count, np.inf)
    every = np.concatenate([np.arange(count), which[there]])
    places = np.concatenate([head.f[1:3], tail.f[1:3, there]], axis=1)
    values = np.concatenate([head.value, tail.value[there]])
    widest = np.maximum(places[1], f[2, every])
    apart = np.max(abs(places - f[1:3, every]), axis=0) > SIMILAR * widest
    np.minimum.at(rival, every[apart], values[apart] - value[every[apart]])
    lost = ~(tail.converged | tail.given_up) & (tail.value < value[which] + CLEARLY_WORSE)
    blocked[which[lost]] = True
    return Likeliest(f, value, active, rival, starts, converged & np.isfinite(value), blocked)


def linear_best(stack: CountStack, centers: Array, widths: Array, rows: Index) -> Array:
    """Return places with amplitude and baseline at their least squares, stopped at their bounds, (P, S)."""
    f = np.zeros((stack.low.shape[0], rows.size))
    f[1], f[2] = centers, widths
    f = np.clip(f, stack.low, stack.high)
    e, y, t = stack.peak(f)[1], stack.y[rows], stack.t
    entries, slopes = [np.vecdot(e, e)], [-np.vecdot(e, y)]
    one = np.ones(rows.size)
    if stack.baseline == "constant":
        entries += [e.sum(axis=1), t.size * one]
        slopes.append(-y.sum(axis=1))
    elif stack.baseline == "linear":
        ends = 0.5 * np.stack([1.0 - t, 1.0 + t])
        gram = ends @ ends.T
        across, down = row_products(e, ends.T), -row_products(y, ends.T)
        entries += [across[:, 0], gram[0, 0] * one, across[:, 1], gram[1, 0] * one, gram[1, 1] * one]
        slopes += [down[:, 0], down[:, 1]]
    linear = [0, *range(3, f.shape[0])]
    start = np.zeros((len(linear), rows.size))
    held = np.zeros(start.shape, dtype=bool)
    step, _ = box_steps(
        np.array(entries), np.array(slopes), start, np.zeros(rows.size), stack.low[linear], stack.high[linear], held
    )
    f[linear] = step
    return f


def positive_starts(stack: CountStack, f: Array, rows: Index) -> Array:
    """Return starts at which all means are above zero, as `control.positive_start`."""
    bad = np.flatnonzero(~np.isfinite(stack.value(f, rows)))
    for lift in (0.01, 0.1, 1.0):
        if not bad.size:
            break
        level = lift * np.maximum(stack.y[rows[bad]].mean(axis=1), 1e-6 * stack.y[rows[bad]].max(axis=1))
        raised = f[:, bad].copy()
        raised[0] = np.maximum(raised[0], level)
        raised[3:] = np.maximum(raised[3:], level)
        raised = np.clip(raised, stack.low, stack.high)
        fine = np.isfinite(stack.value(raised, rows[bad]))
        f[:, bad[fine]] = raised[:, fine]
        bad = bad[~fine]
    return f

"""Many points: search in bins, then finish on every point.

Beyond `scale.LARGE` points the search runs on some two thousand bins (weighted means of neighbours), finer ones around
a peak that is narrow beside them. What that leaves is small, and one or two Newton steps on all points, taken in
chunks that stay in the processor's cache, remove it: the result is the optimum of the full data, not of the bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaussapp.fitting.algebra import damped_step
from gaussapp.fitting.chart import Place, moved
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE, Axis, Scaled
from gaussapp.fitting.search import Search, search
from gaussapp.fitting.solve import (
    PRECISION,
    Layout,
    Minimum,
    Point,
    Problem,
    ended,
    fill_fixed_rows,
    fill_rows,
    minimise,
    newton_matrices,
)

BINS = 2048
"""Bins to start with."""

CHUNK = 8192
"""Points whose rows are in cache together."""

FULL_STEPS = 8
"""Newton steps on all points at most; two is usual."""

BINS_PER_WIDTH = 4.0
"""Bins are made finer around a peak with fewer than this in its width."""


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Which bin every point belongs to, and each bin's weight and mean position."""

    edges: NDArray[np.intp] | None  # first point of each bin, if x is sorted
    index: NDArray[np.intp] | None  # bin of each point, if it is not
    t: Array  # (B,)
    root_weight: Array  # (B,)

    def collected(self, whitened: Array, root_weight: Array | None) -> Array:
        """Return whitened values (N,) as whitened means of the bins, (B,)."""
        if root_weight is not None:
            whitened = whitened * root_weight
        return np.asarray(self.sums(whitened) / self.root_weight)

    def sums(self, values: Array) -> Array:
        """Return the sum of `values` (N,) over each bin."""
        if self.edges is not None:
            return np.asarray(np.add.reduceat(values, self.edges))
        assert self.index is not None
        return np.asarray(np.bincount(self.index, weights=values, minlength=self.t.size), dtype=float)


def bins_of(t: Array, root_weight: Array | None, peaks: list[tuple[float, float]] | None = None) -> Bins:
    """Distribute points over about `BINS` bins of as many points each, or of equal width if they are not in order.

    `peaks` are (center, width) of peaks around which bins are to be finer.
    """
    if bool(np.all(t[1:] >= t[:-1])):
        edges = np.linspace(0, t.size, BINS, endpoint=False).astype(np.intp)
        for center, width in peaks or []:
            fine = np.linspace(center - 8.0 * width, center + 8.0 * width, 257)
            edges = np.unique(np.concatenate([edges, np.searchsorted(t, fine)]))
            edges = edges[edges < t.size]
        return weighed(t, root_weight, edges, None)
    index = ((t + 1.0) * (0.5 * BINS)).astype(np.intp)
    np.minimum(index, BINS - 1, out=index)
    count = BINS
    for center, width in peaks or []:
        near = np.flatnonzero(abs(t - center) < 8.0 * width)
        index[near] = count + ((t[near] - center) * (16.0 / width)).astype(np.intp) + 128
        count += 257
    occupied = np.bincount(index, minlength=count) > 0
    if not occupied.all():
        index = (np.cumsum(occupied) - 1)[index]
    return weighed(t, root_weight, None, index)


def weighed(
    t: Array, root_weight: Array | None, edges: NDArray[np.intp] | None, index: NDArray[np.intp] | None
) -> Bins:
    """Return bins with their weights and mean positions."""
    count = edges.size if edges is not None else int(index.max()) + 1  # type: ignore[union-attr]
    empty = Bins(edges, index, np.empty(count), np.empty(count))
    if root_weight is None:
        if edges is not None:
            weight = np.diff(np.append(edges, t.size)).astype(float)
        else:
            weight = np.bincount(index, minlength=count).astype(float)  # type: ignore[arg-type]
        return Bins(edges, index, empty.sums(t) / weight, np.sqrt(weight))
    squares = root_weight * root_weight
    weight = empty.sums(squares)
    return Bins(edges, index, empty.sums(t * squares) / weight, np.sqrt(weight))


def search_scaled(scale: Scaled, layout: Layout, known: Place | None = None) -> Search:
    """Find the best fit without a start; a `known` answer spares what cannot win."""
    if scale.t.size > LARGE:
        return search_large(scale, layout)
    return search(scale.axis, scale.y, layout, known)


def search_large(scale: Scaled, layout: Layout, start: Place | None = None) -> Search:
    """Find the best fit of many points; from `start` alone if there is one."""
    bins = bins_of(scale.t, scale.root_weight)
    found = search_bins(scale, layout, bins, start)
    for _ in range(3):
        narrow = narrow_peaks(bins.t, found.best.point.place)
        if not narrow:
            break
        bins = bins_of(scale.t, scale.root_weight, narrow)
        found = search_bins(scale, layout, bins, found.best.point.place)
    return Search(on_all_points(scale, layout, found.best), found.rival, layout, found.starts)


def narrow_peaks(t: Array, at: Place) -> list[tuple[float, float]]:
    """Return center and width of every peak for which bins at `t` are too coarse."""
    return [
        (c, math.exp(u))
        for c, u in at.centers_and_log_widths()
        if abs(c) <= 1.0 and math.exp(u) < BINS_PER_WIDTH * local_spacing(t, c)
    ]


def search_bins(scale: Scaled, layout: Layout, bins: Bins, start: Place | None) -> Search:
    """Search on the bins, or follow one start there."""
    y = bins.collected(scale.y, scale.root_weight)
    if start is None:
        return search(Axis(bins.t, bins.root_weight), y, layout)
    best = minimise(Problem(bins.t, y, bins.root_weight, layout), start)
    return Search(best, None, layout, 1)


def local_spacing(t: Array, center: float) -> float:
    """Return the distance of the two bins around `center`."""
    t = np.sort(t)
    i = min(max(int(np.searchsorted(t, center)), 1), t.size - 1)
    return float(t[i] - t[i - 1])


def on_all_points(scale: Scaled, layout: Layout, near: Minimum) -> Minimum:
    """Take Newton steps on all points from the minimum of the bins until they are as short as rounding."""
    q = layout.linear
    problem = Chunks(scale, layout)
    point = problem.evaluate(near.point.place, near.point.beta)
    for step_number in range(FULL_STEPS):
        hessian, jtj, downhill = newton_matrices(point, layout)
        step = damped_step(hessian, downhill, 0.0, q) or damped_step(jtj, downhill, 1e-6, q)
        if step is None or near.status != "converged":
            return Minimum(point, near.status, near.iterations)
        longest = max(map(abs, step[q:]))
        trial = problem.evaluate(
            moved(point.place, step[q:], layout.peaks), [b + s for b, s in zip(point.beta, step, strict=False)]
        )
        if trial.sse > point.sse * (1.0 + 1e-12):
            break
        point = trial
        if longest * longest < PRECISION:
            return ended(point, "converged", near.iterations + step_number + 1)
    # The bins were no guide: all points at once, at full cost.
    full = Problem(scale.t, scale.y, scale.root_weight, layout)
    return minimise(full, near.point.place, max_iterations=20)


class Chunks:
    """The sum of squares of many points at given parameters, accumulated chunk by chunk."""

    def __init__(self, scale: Scaled, layout: Layout) -> None:
        self.scale, self.layout = scale, layout
        self._rows = np.empty((layout.rows + 1, CHUNK))

    def evaluate(self, at: Place, beta: list[float]) -> Point:
        """Return the point at `at` and `beta`."""
        layout, scale = self.layout, self.scale
        gram = np.zeros((layout.rows + 1, layout.size))
        slopes = np.zeros(layout.rows)
        linear = np.array(beta)
        sse = 0.0
        for first in range(0, scale.t.size, CHUNK):
            t, y = scale.t[first : first + CHUNK], scale.y[first : first + CHUNK]
            root_weight = None if scale.root_weight is None else scale.root_weight[first : first + CHUNK]
            block = self._rows[:, : t.size]
            rows = list(block)
            if first == 0 or t.size < CHUNK or root_weight is not None or layout.baseline == "linear":
                fill_fixed_rows(rows, t, root_weight, layout)
            fill_rows(rows, t, root_weight, at, layout)
            residual = rows[-1]
            np.subtract(y, linear.dot(block[: layout.linear]), residual)
            gram += block.dot(block[: layout.size].T)
            slopes += block[:-1].dot(residual)
            sse += float(residual.dot(residual))
        return Point(at, beta, sse, gram[: layout.size], slopes.tolist())

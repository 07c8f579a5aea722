"""From starts to the best fit: every start within reach is followed, peaks are added one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaussapp.fitting.chart import Place, place
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import Axis
from gaussapp.fitting.solve import Layout, Minimum, Problem, layout_of, minimise, row_scales
from gaussapp.fitting.start import Grid, find_next, find_pairs, find_starts, grid_of

NEW_PEAKS_TRIED = 2
"""Places in the residual tried for each further peak."""

FEW = 3
"""Starts followed one after the other; of more, the most promising after `FIRST_STEPS` steps goes first."""

FIRST_STEPS = 4

PEAKS_SPLIT = 2
"""Peaks tried as two for each further peak."""


@dataclass(slots=True)
class Search:
    """The best minimum found and the best one that is another fit, if any was within reach."""

    best: Minimum
    rival: Minimum | None
    layout: Layout
    starts: int


def search(axis: Axis, y: Array, layout: Layout) -> Search:
    """Find the best fit of whitened `y` without a start."""
    if layout.peaks == 1:
        problem = Problem(axis.t, y, axis.root_weight, layout)
        starts = find_starts(axis, y, layout.baseline)
        return follow(problem, [place([start.center], [start.log_width], start.rate) for start in starts])
    return search_several(axis, y, layout)


def follow(problem: Problem, places: list[Place]) -> Search:
    """Minimise from every place and keep the two best different answers.

    All but the first are given up when they cannot come near the best one any more.
    """
    if len(places) > FEW:  # see first which are worth it
        begun = [minimise(problem, at, max_iterations=FIRST_STEPS) for at in places]
        begun.sort(key=lambda minimum: minimum.point.sse)
        places = [minimum.point.place for minimum in begun]
    minima: list[Minimum] = []
    lowest = math.inf
    for at in places:
        found = minimise(problem, at, ceiling=lowest * problem.within_reach)
        if found.status != "given up":
            minima.append(found)
            lowest = min(lowest, found.point.sse)
    return best_two(minima, problem.layout)


def best_two(minima: list[Minimum], layout: Layout) -> Search:
    """Return the best minimum and the best of those that are another answer."""
    best = min(minima, key=lambda minimum: minimum.point.sse)
    others = [minimum for minimum in minima if minimum is not best and not same_answer(minimum, best)]
    rival = min(others, key=lambda minimum: minimum.point.sse, default=None)
    return Search(best, rival, layout, len(minima))


def same_answer(one: Minimum, other: Minimum) -> bool:
    """Tell whether two minima are the same peaks: centers and widths agree to a hundredth of a width."""
    first = sorted(one.point.place.centers_and_log_widths())
    second = sorted(other.point.place.centers_and_log_widths())
    return all(
        abs(u - v) < 0.01 and abs(c - d) < 0.01 * math.exp(max(u, v))
        for (c, u), (d, v) in zip(first, second, strict=True)
    )


def search_several(axis: Axis, y: Array, layout: Layout) -> Search:
    """Add one peak after another where the residual of the fit so far asks for it most.

    Two overlapping peaks first look like one wide one, so each time the peaks with most misfit under them are also
    tried as pairs. The best fit of all peaks together is kept.
    """
    grid = grid_of(axis, layout.peaks)
    found = search(axis, y, layout_of(1, layout.baseline))
    best, starts = found.best, found.starts
    rival: Minimum | None = None
    for count in range(2, layout.peaks + 1):
        smaller = Problem(axis.t, y, axis.root_weight, layout_of(count - 1, layout.baseline))
        larger = Problem(axis.t, y, axis.root_weight, layout_of(count, layout.baseline))
        result = follow(larger, places_with_another_peak(grid, smaller, best))
        best, rival, starts = result.best, result.rival, starts + result.starts
    return Search(best, rival, layout, starts)


def places_with_another_peak(grid: Grid, problem: Problem, best: Minimum) -> list[Place]:
    """Return starts for one peak more than `best` has."""
    layout = problem.layout
    peaks, q = layout.peaks, layout.linear
    at = best.point.place
    point = problem.evaluate(at)
    rows = problem.model_rows
    residual = problem.y - np.array(point.beta) @ rows[:q]
    centers, log_widths = map(list, zip(*at.centers_and_log_widths(), strict=True))
    jacobian = rows * np.array(row_scales(point.beta, layout))[:, None]
    places = [
        place([*centers, start.center], [*log_widths, start.log_width], at.rate)
        for start in find_next(grid, residual, jacobian)[:NEW_PEAKS_TRIED]
    ]
    squares = residual * residual
    misfits = [float(np.dot(squares, rows[k] * rows[k])) for k in range(peaks)]
    for k in sorted(range(peaks), key=lambda k: -misfits[k])[:PEAKS_SPLIT]:
        keep = [row for row in range(layout.size) if row not in (k, q + k, q + peaks + k)]
        others = rows[keep]
        if layout.rates:  # a rate may be far off as long as a peak is missing
            others = np.concatenate([others, problem.curvature_rows[-1:]])
        for one, other in find_pairs(grid, problem.y, others, centers[k], math.exp(log_widths[k])):
            new_centers, new_widths = list(centers), list(log_widths)
            new_centers[k], new_widths[k] = one.center, one.log_width
            places.append(place([*new_centers, other.center], [*new_widths, other.log_width], at.rate))
    return places

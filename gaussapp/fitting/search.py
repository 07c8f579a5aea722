"""From starts to the best fit: every start within reach is followed, peaks are added one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gaussapp.fitting.chart import Place, place
from gaussapp.fitting.crests import crests
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import Axis
from gaussapp.fitting.solve import MAX_ITERATIONS, Layout, Minimum, Problem, layout_of, minimise, row_scales
from gaussapp.fitting.start import (
    RATES,
    Grid,
    beyond_baseline,
    find_next,
    find_pairs,
    find_starts,
    grid_of,
    promising,
    pursue,
)

NEW_PEAKS_TRIED = 2
"""Places in the residual tried for each further peak."""

CRESTS_MISSED = 2
"""Peaks that may be hidden as shoulders of others, so that no crest shows them."""

COMMON_WIDTHS = (0.22, 0.3, 0.4, 0.55)
"""Widths tried for a row of peaks, as shares of their usual distance."""

CLIMBED = 3
"""Of the starts for each number of peaks, so many most promising ones are followed to the end."""

EASY = 4
"""Up to this many peaks every way of finding them is tried."""

EXCHANGES = 2
"""Rounds of exchanging single peaks."""

EXCHANGE_STEPS = 10

PEAKS_EXCHANGED = 4
"""Peaks exchanged in a round, the smallest ones."""

PEAKS_DOUBTED = 3
"""The same where the residuals are noise: these peaks then explain it as well as better ones elsewhere would."""

FOLLOWED = 4
"""Starts for all peaks at once that are followed to the end, of the most promising ones."""

INTERMEDIATE_STEPS = 12
"""Steps of a fit that further peaks will be added to."""

STRUCTURED = 2.5
"""Standard errors of the residuals' correlation above which something is still to be found."""

FEW = 3
"""Starts followed one after the other; of more, the most promising after `FIRST_STEPS` steps goes first."""

FIRST_STEPS = 4

PEAKS_SPLIT = 2
"""Peaks tried as two for each further peak."""


@dataclass(slots=True)
class Search:
    """The best minimum found and the best one that is another fit, if any was within reach.

    `searched` is False if only one start was followed, so that nobody has looked for another one.
    """

    best: Minimum
    rival: Minimum | None
    layout: Layout
    starts: int
    searched: bool = True


def search(axis: Axis, y: Array, layout: Layout, known: Place | None = None) -> Search:
    """Find the best fit of whitened `y` without a start; a `known` answer of several peaks spares what cannot win."""
    if layout.peaks == 1:
        return search_one(axis, Problem(axis.t, y, axis.root_weight, layout))
    return search_several(axis, y, layout, known)


def search_one(axis: Axis, problem: Problem) -> Search:
    """Find the best peak, and its rival among the starts that may still lead to one once the first is at its end."""
    layout = problem.layout
    starts = find_starts(axis, problem.y, layout.baseline)
    places = [place([start.center], [start.log_width], start.rate) for start in starts]
    if len(starts) == 1 or layout.rates:
        return follow(problem, places)
    first = minimise(problem, places[0])
    alone = beyond_baseline(axis.t, axis.root_weight, problem.y, layout.baseline)
    wanted = float(alone) - first.point.sse * problem.within_reach
    explained, log_widths = np.array([(start.explained, start.log_width) for start in starts[1:]]).T
    rest = np.flatnonzero(promising(explained, log_widths, wanted, axis.t.size))
    found = follow(problem, [places[1 + i] for i in rest.tolist()], known=first)
    return replace(found, starts=len(starts))


def follow(
    problem: Problem,
    places: list[Place],
    keep: int | None = None,
    steps: int = MAX_ITERATIONS,
    *,
    alike: bool = False,
    known: Minimum | None = None,
) -> Search:
    """Minimise from every place and keep the two best different answers, with `alike` rather those of one sign.

    Of many places the most promising after a few steps goes first, or only the `keep` most promising go on at all. All
    but the first are given up when they cannot come near the best one any more, which may be `known` already.
    """
    count = len(places)
    if count > (keep or FEW):  # see first which are worth it
        begun = [minimise(problem, at, max_iterations=FIRST_STEPS) for at in places]
        reach = problem.within_reach if alike else 1.0
        begun.sort(key=lambda minimum: minimum.point.sse * (1.0 if is_alike(minimum) else reach))
        places = [minimum.point.place for minimum in begun[:keep]]
    minima = [] if known is None else [known]
    lowest = math.inf if known is None else known.point.sse
    for at in places:
        found = minimise(problem, at, steps, ceiling=lowest * problem.within_reach)
        if found.status != "given up":
            minima.append(found)
            lowest = min(lowest, found.point.sse)
    result = best_two(minima, problem, alike=alike)
    return Search(result.best, result.rival, problem.layout, count)


def is_alike(minimum: Minimum) -> bool:
    """Tell whether all peaks are of one sign."""
    heights = minimum.point.beta[: len(minimum.point.place.first)]
    return min(heights, default=0.0) >= 0.0 or max(heights) <= 0.0


def cancels(minimum: Minimum) -> bool:
    """Tell whether peaks of opposite signs take each other away, all but a hundredth.

    Two of nearly the same place and width are the derivative of one by these, as their heights go to infinity: a curve
    with two humps or three, which hardly anybody means by two peaks.
    """
    point = minimum.point
    peaks = len(point.place.first)
    if peaks < 2:
        return False
    heights, gram = np.array(point.beta[:peaks]), point.gram[:peaks, :peaks]
    return bool(heights @ gram @ heights < 1e-4 * (heights * heights) @ gram.diagonal())


def best_two(minima: list[Minimum], problem: Problem, *, alike: bool = False) -> Search:
    """Return the best minimum and the best of those that are another answer.

    Minima whose peaks cancel each other stand behind all others that are within reach of the least sum of squares; with
    `alike`, so do those with peaks of both signs. (With a baseline, a dip in a wide peak fits noisy data as well as two
    peaks do.)
    """
    most = problem.within_reach * min(minimum.point.sse for minimum in minima)

    def preferred(kept: list[Minimum]) -> list[Minimum]:
        return kept if any(minimum.point.sse <= most for minimum in kept) else minima

    minima = preferred([minimum for minimum in minima if not cancels(minimum)])
    if alike:
        minima = preferred([minimum for minimum in minima if is_alike(minimum)])
    best = min(minima, key=lambda minimum: minimum.point.sse)
    others = [minimum for minimum in minima if minimum is not best and not same_answer(minimum, best)]
    rival = min(others, key=lambda minimum: minimum.point.sse, default=None)
    return Search(best, rival, problem.layout, len(minima))


def same_answer(one: Minimum, other: Minimum) -> bool:
    """Tell whether two minima are the same peaks."""
    return same_peaks(one.point.place, other.point.place)


def same_peaks(one: Place, other: Place) -> bool:
    """Tell whether two places are the same peaks: centers and widths agree to a hundredth of a width."""
    first, second = sorted(one.centers_and_log_widths()), sorted(other.centers_and_log_widths())
    return all(
        abs(u - v) < 0.01 and abs(c - d) < 0.01 * math.exp(max(u, v))
        for (c, u), (d, v) in zip(first, second, strict=True)
    )


def search_several(axis: Axis, y: Array, layout: Layout, known: Place | None = None) -> Search:
    """Find several peaks.

    First all of them are taken from the grid before anything is fitted. If the residuals of the fit from there are not
    noise, or if there are only a few, peaks are added one at a time where the residual of the fit so far asks for it
    most: to nearly all of them from the crests, and to a single one. Because two overlapping peaks first look like one
    wide one, the peaks with most misfit under them are also tried as pairs. At last the least of the peaks are
    exchanged for others as long as that helps. Many peaks that leave nothing but noise are not looked for one after the
    other; only the least of them are exchanged once, because such noise still tells better peaks from worse (by some
    ten noise variances where peaks overlap). Not even that is done for peaks that are `known`.
    """
    grid = grid_of(axis, layout.peaks)
    if grid.edges is not None and axis.t.size > 2 * grid.t.size:
        coarse = search_several(Axis(grid.t, grid.root_weight), grid.binned(y), layout, known)
        problem = Problem(axis.t, y, axis.root_weight, layout)
        result = follow(problem, [minimum.point.place for minimum in minima_of(coarse)])
        return replace(result, starts=coarse.starts)
    problems = {
        count: Problem(axis.t, y, axis.root_weight, layout_of(count, layout.baseline))
        for count in range(layout.peaks + 1)
    }
    problem = problems[layout.peaks]

    def is_done(minimum: Minimum) -> bool:
        return layout.peaks > EASY and not is_structured(axis, problem, minimum)

    given = None if known is None else minimise(problem, known)
    places = places_pursued(grid, problems[0], problem)
    found = follow(problem, places, keep=2 if layout.peaks <= EASY or known is not None else FOLLOWED)
    for missing in range(1, min(CRESTS_MISSED + 1, layout.peaks - 1)):
        if is_done(found.best):
            break
        fewer = problems[layout.peaks - missing]
        places = places_on_crests(grid, fewer, found.best.point.place.rate)
        if places:
            step = follow(fewer, places, keep=1, steps=INTERMEDIATE_STEPS)
            found = better_of(problem, found, minima_of(completed(grid, problems, step, layout.peaks)))
    if given is not None:
        found = better_of(problem, found, [given])
    if is_done(found.best):
        return found if known is not None else once_exchanged(grid, problems, found, PEAKS_DOUBTED)
    step = search(axis, y, layout_of(1, layout.baseline))
    found = better_of(problem, found, minima_of(completed(grid, problems, step, layout.peaks)))
    return exchanged(axis, grid, problems, found)


def completed(grid: Grid, problems: dict[int, Problem], step: Search, peaks: int) -> Search:
    """Add peaks, one after the other, until there are so many."""
    for count in range(step.layout.peaks + 1, peaks + 1):
        steps = MAX_ITERATIONS if count == peaks else INTERMEDIATE_STEPS
        places = places_with_another_peak(grid, problems[count - 1], step.best)
        step = follow(problems[count], places, keep=None if count < 3 else 2, steps=steps)
    return step


def minima_of(found: Search) -> list[Minimum]:
    """Return the one or two minima of a search."""
    return [found.best] if found.rival is None else [found.best, found.rival]


class Climb:
    """One peak, two, three … fitted to the same data, each number starting from the one before."""

    def __init__(self, axis: Axis, y: Array, baseline: str, most: int) -> None:
        self.axis, self.baseline = axis, baseline
        self.grid = grid_of(axis, max(most, 3))
        self.problems = {
            count: Problem(axis.t, y, axis.root_weight, layout_of(count, baseline)) for count in range(most + 1)
        }

    def first(self) -> Search:
        """Return the best fit with one peak."""
        return search(self.axis, self.problems[0].y, self.problems[1].layout)

    def next(self, before: Search) -> Search:
        """Return the best fit with one peak more, from this one and from all peaks at once."""
        count = before.layout.peaks + 1
        places = places_with_another_peak(self.grid, self.problems[count - 1], before.best)
        places += places_pursued(self.grid, self.problems[0], self.problems[count])
        return follow(self.problems[count], places, keep=CLIMBED, alike=True)

    def exchanged(self, found: Search) -> Search:
        """Return the fit with its least peaks exchanged for others, if its residuals are not noise."""
        if found.layout.peaks < 2:
            return found
        return exchanged(self.axis, self.grid, self.problems, found, rounds=1, alike=True)

    def lowered(self, less: Search, found: Search) -> Search:
        """Return the best fit with one peak less, from the one known and from all that taking out one peak leaves."""
        problem = self.problems[less.layout.peaks]
        places = [without(found.best.point.place, k) for k in range(found.layout.peaks)]
        return better_of(problem, less, [minimise(problem, at) for at in places], alike=True)


def without(at: Place, k: int) -> Place:
    """Return a place with peak k taken out."""
    keep = [i for i in range(len(at.first)) if i != k]
    return Place([at.first[i] for i in keep], [at.second[i] for i in keep], [at.tail[i] for i in keep], at.rate)


def exchanged(
    axis: Axis,
    grid: Grid,
    problems: dict[int, Problem],
    found: Search,
    rounds: int = EXCHANGES,
    *,
    alike: bool = False,
) -> Search:
    """Exchange the least peaks for others as long as that helps and the residuals are not noise."""
    problem = problems[found.layout.peaks]
    for _ in range(rounds):
        if not is_structured(axis, problem, found.best):
            break
        improved = once_exchanged(grid, problems, found, PEAKS_EXCHANGED, alike=alike)
        if not improved.best.point.sse < found.best.point.sse * (1.0 - 1e-6):
            break
        found = improved
    return found


def once_exchanged(
    grid: Grid, problems: dict[int, Problem], found: Search, count: int, *, alike: bool = False
) -> Search:
    """Exchange so many of the least peaks, each by itself, and return the best answers."""
    peaks, point = found.layout.peaks, found.best.point
    heights = [abs(point.beta[k]) * math.sqrt(max(float(point.gram[k, k]), 0.0)) for k in range(peaks)]
    least = sorted(range(peaks), key=lambda k: heights[k])[:count]
    others = [exchange(grid, problems, found.best, k) for k in least]
    return better_of(problems[peaks], found, others, alike=alike)


def places_pursued(grid: Grid, bare: Problem, problem: Problem) -> list[Place]:
    """Return starts for all peaks at once, straight from the grid: of any kind, or side by side and of one sign.

    (On a baseline, a row of peaks is as well a row of dips.) `bare` is the problem with the baseline alone.
    """
    peaks = problem.layout.peaks
    rate = 0.0
    if bare.layout.rates:
        rates = [Place([], [], [], value) for value in RATES]
        rate = minimise(bare, min(rates, key=lambda at: bare.evaluate(at).sse)).point.place.rate
    bare.evaluate(Place([], [], [], rate))
    baseline = np.concatenate([bare.model_rows, bare.curvature_rows])
    places = []
    for widest, sign in ((math.inf, 0.0), (2.0 / peaks, 1.0), (2.0 / peaks, -1.0), (1.0 / peaks, 1.0)):
        starts = pursue(grid, bare.y, baseline, peaks, widest, sign)
        places.append(place([start.center for start in starts], [start.log_width for start in starts], rate))
    return places + places_on_crests(grid, problem, rate)


def places_on_crests(grid: Grid, problem: Problem, rate: float) -> list[Place]:
    """Return starts for all peaks at once on the crests seen at every scale, with widths of their own or with one.

    Where peaks overlap, the widths that their crests show are the least certain of all.
    """
    places = []
    for centers, log_widths in crests(grid, grid.binned(problem.y), problem.layout.peaks):
        apart = float(np.median(np.diff(centers))) if len(centers) > 1 else 1.0
        widths = [log_widths, *([math.log(share * apart)] * len(centers) for share in COMMON_WIDTHS)]
        tried = [place(centers, widths_here, rate) for widths_here in widths]
        places.append(min(tried, key=lambda at: problem.evaluate(at).sse))
    return places


def better_of(problem: Problem, found: Search, others: list[Minimum], *, alike: bool = False) -> Search:
    """Return the two best different answers of a search and further minima."""
    result = best_two([*minima_of(found), *others], problem, alike=alike)
    return replace(result, starts=found.starts + len(others))


def is_structured(axis: Axis, problem: Problem, minimum: Minimum) -> bool:
    """Tell whether neighbouring residuals are more alike than noise: something is still to be found."""
    point = problem.evaluate(minimum.point.place)
    residual = problem.y - np.array(point.beta) @ problem.model_rows[: problem.layout.linear]
    if axis.order is not None:
        residual = residual[axis.order]
    return float(residual[1:] @ residual[:-1]) > STRUCTURED * math.sqrt(residual.size) * point.sse / residual.size


def exchange(grid: Grid, problems: dict[int, Problem], best: Minimum, k: int) -> Minimum:
    """Return the best fit with peak k taken out and another one put in where it is asked for most."""
    peaks = len(best.point.place.first)
    rest = minimise(problems[peaks - 1], without(best.point.place, k), max_iterations=EXCHANGE_STEPS)
    return follow(problems[peaks], places_with_another_peak(grid, problems[peaks - 1], rest), keep=1).best


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
        near = None if peaks == 1 else (centers[k], math.exp(log_widths[k]))
        for one, other in find_pairs(grid, problem.y, others, near):
            new_centers, new_widths = list(centers), list(log_widths)
            new_centers[k], new_widths[k] = one.center, one.log_width
            places.append(place([*new_centers, other.center], [*new_widths, other.log_width], at.rate))
    return places

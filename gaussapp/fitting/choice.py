r"""How many peaks: one more as long as Schwarz's criterion falls and noise alone would hardly hold it.

Schwarz's criterion (Ann. Stat. 6:461, 1978) of a fit with P free quantities to N points,

.. math:: \mathrm{BIC} = -2 \log L + P \log N,

is for a peak whose place is known beforehand. One that is looked for everywhere explains more, and the more so the more
places there are; so a further peak must also explain more than noise alone holds in one case of a hundred
(`gaussapp.fitting.verdicts.chance`). ``docs/method.md`` has what was measured, beside Akaike's criterion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from gaussapp.fitting.chart import Place
from gaussapp.fitting.constrained import held
from gaussapp.fitting.large import bins_of, narrow_peaks, search_large
from gaussapp.fitting.peak import Array
from gaussapp.fitting.scale import LARGE, Axis, Scaled
from gaussapp.fitting.search import Climb, Search, is_alike
from gaussapp.fitting.solve import layout_of, minimise
from gaussapp.fitting.start import RATES
from gaussapp.fitting.verdicts.chance import LIKELY_NOISE, chance_of_peak, chance_of_peak_in_known_noise

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit

MAX_PEAKS = 12
"""Peaks tried at most, unless asked for more."""

PATIENCE = 2
"""Further peaks that must not help, one after the other, before the search ends: two may help where one does not."""

SPARE_POINTS = 3
"""Degrees of freedom left at least, where one peak leaves them."""

FEWEST_ON_PEAK = 3
REACH = 2.5
"""Different positions that a peak among several has at least, so many widths around: it has three parameters."""

FOLLOWS_ONE_POINT = 0.8
"""Leverage of a point above which a further peak of a robust fit may be an outlier (docs/uncertainty.md)."""

LARGEST = 1e200
"""A sum of squares over its variance beyond which nothing can be told, if sigma is next to nothing."""

MIXED = 10.0
"""What peaks and dips together must gain in BIC over peaks alone: very strong evidence (Kass and Raftery, J. Am. Stat.
Assoc. 90:773, 1995). Three peaks in a row are else as well a wide one with a dip or two in it."""


class Trial(NamedTuple):
    """A number of peaks that was tried.

    `bic` is Schwarz's criterion, up to what all numbers of peaks share, and `MIXED` more for peaks and dips together;
    `chance` is how often noise alone, beside one peak less, holds a further one that explains as much as the last one.
    `undetermined` is whether the data do not determine the fit, so that it is not chosen: it came to no minimum, or a
    peak lies outside the data or stands on fewer points than it has parameters.
    """

    peaks: int
    bic: float
    chance: float
    undetermined: bool = False


class Choice(NamedTuple):
    """The number of peaks that was chosen, and all that were tried."""

    peaks: int
    trials: tuple[Trial, ...]

    @property
    def reason(self) -> str:
        """Why this number, in one sentence."""
        by_peaks = {trial.peaks: trial for trial in self.trials}
        chosen, less, more = (by_peaks.get(self.peaks + step) for step in (0, -1, 1))
        assert chosen is not None
        parts = []
        if less is not None and chosen.chance > LIKELY_NOISE and self.peaks == 1:
            parts.append(f"noise alone holds one as good in {percent(chosen.chance)} of cases")
        elif less is not None:
            change = less.bic - chosen.bic
            parts.append(
                f"BIC {figure(change)} {'lower' if change > 0.0 else 'higher'} than with {less.peaks or 'none'}"
            )
        if more is None:
            parts.append("no more were tried")
        elif more.bic >= chosen.bic:
            parts.append(f"adding {ordinal(more.peaks)} raises it by {figure(more.bic - chosen.bic)}")
        else:
            noise = f"noise alone holds one as good in {percent(more.chance)} of cases"
            why = "the data do not determine that fit" if more.undetermined else noise
            parts.append(f"adding {ordinal(more.peaks)} lowers it by {figure(chosen.bic - more.bic)}, but {why}")
        return f"{'1 peak' if self.peaks == 1 else f'{self.peaks} peaks'}: {'; '.join(parts)}."


def figure(value: float) -> str:
    """Return the size of a difference of two criteria."""
    return f"{abs(value):.1f}" if abs(value) < 1e4 else f"{abs(value):.3g}"


def percent(chance: float) -> str:
    """Return a probability."""
    return f"{100.0 * chance:.2g} %"


def ordinal(count: int) -> str:
    """Return "a 2nd", "an 8th" …."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(count % 10 if count // 10 != 1 else 0, "th")
    return f"{'an' if count in (8, 11, 18) else 'a'} {count}{ending}"


def choose_peaks(scale: Scaled, baseline: str, variance: float | None, most: int) -> tuple[Search, Choice]:
    """Return the best fit with as many peaks as the data call for, one at least.

    Parameters
    ----------
    scale
        Data in scaled coordinates.
    baseline
        What lies under the peaks.
    variance
        Variance of a whitened point, if it is known.
    most
        Peaks tried at most.
    """
    if scale.t.size <= LARGE:
        found, choice = Ladder(scale.axis, scale.y, baseline, variance, scale.t.size, 0.0, most).choose()
        return found, choice
    narrow: list[tuple[float, float]] = []
    for _ in range(3):
        bins = bins_of(scale.t, scale.root_weight, narrow)
        y = bins.collected(scale.y, scale.root_weight)
        inside = max(float(scale.y.dot(scale.y)) - float(y.dot(y)), 0.0)  # what scatters within the bins
        ladder = Ladder(Axis(bins.t, bins.root_weight), y, baseline, variance, scale.t.size, inside, most)
        found, choice = ladder.choose()
        more = narrow_peaks(bins.t, found.best.point.place)
        if not more:
            break
        narrow += more
    rival = found.rival
    found = search_large(scale, found.layout, found.best.point.place)
    return Search(found.best, rival, found.layout, found.starts), choice


def most_peaks(most: int, points: int, size: int) -> int:
    """Return how many peaks may be tried on so many points; `size` is the number of parameters with one."""
    return max(1, min(most, 1 + (points - SPARE_POINTS - size) // 3))


def choose_by_likelihood(fitted: Callable[[int], Fit], points: int, size: int, most: int) -> tuple[Fit, Choice]:
    """Return the fit with as many peaks as its own likelihood calls for, one at least: of counts, or a robust one.

    Parameters
    ----------
    fitted
        Gives the fit with a number of peaks.
    points, size
        Number of points, and of parameters with one peak.
    most
        Peaks tried at most.
    """
    first = fitted(1)
    fits = {1: first}
    assert first._control is not None
    chances = {1: held.chance_in_noise(first, first._control, 0)}

    def bic(count: int) -> float:
        heights = [value for name, value in fits[count].values.items() if name.startswith("amplitude")]
        return fits[count].bic + (MIXED if min(heights) < 0.0 < max(heights) else 0.0)

    chosen = 1
    for count in range(2, most_peaks(most, points, size) + 1):
        fits[count] = fitted(count)
        gain = fits[count - 1]._minus_two_log_likelihood - fits[count]._minus_two_log_likelihood
        chances[count] = chance_of_peak_in_known_noise(gain, first.y.size) if gain > 0.0 else 1.0
        if bic(count) < bic(chosen) and chances[count] <= LIKELY_NOISE and is_determined(fits[count]):
            chosen = count
        elif count - chosen >= PATIENCE:
            break
    trials = tuple(Trial(count, bic(count), chances[count], not is_determined(fits[count])) for count in fits)
    return fits[chosen], Choice(chosen, trials)


def is_determined(fit: Fit) -> bool:
    """Tell whether a fit has come to a minimum with every peak among the data, on enough points, and finite errors."""
    solution = fit._solution
    if solution.status != "converged" or not all(math.isfinite(error) for error in fit.errors.values()):
        return False
    if fit.loss == "robust" and held.highest_leverage(fit)[0] > FOLLOWS_ONE_POINT:
        return False
    peaks = solution.place.centers_and_log_widths()
    return not any(abs(center) > 1.0 for center, _ in peaks) and not any_unsampled(solution.scale.axis, peaks)


def any_unsampled(axis: Axis, peaks: Iterable[tuple[float, float]]) -> bool:
    """Tell whether a peak, given as scaled center and log width, stands on fewer points than it has parameters.

    Nothing can be told of such a peak, nor, beside it, of the others: all errors are infinite.
    """
    for center, log_width in peaks:
        reach = REACH * math.exp(min(log_width, 700.0))
        if abs(center) <= 1.0 and axis.points_between(center - reach, center + reach) < FEWEST_ON_PEAK:
            return True
    return False


class Ladder:
    """Fits with one peak, two, three … to the same data, and which of them the data call for.

    `points` are those of the data, of which y may hold the means of neighbours; `inside` is the sum of squares
    within these.
    """

    def __init__(
        self, axis: Axis, y: Array, baseline: str, variance: float | None, points: int, inside: float, most: int
    ) -> None:
        self.baseline, self.points, self.inside = baseline, points, inside
        self.variance = None if variance is None else max(variance, 1.0 / LARGEST)
        size = layout_of(1, baseline).size
        self.most = most_peaks(most, points, size)
        self.climb = Climb(axis, y, baseline, self.most)
        self.floor = 1e-20 * max(float(y.dot(y)), 1e-300)
        self.searches: dict[int, Search] = {}
        self.sums = {0: self.without_peaks() + inside}

    def without_peaks(self) -> float:
        """Return the sum of squares of the baseline alone."""
        problem = self.climb.problems[0]
        if not problem.layout.linear:
            return float(problem.y.dot(problem.y))
        rates = RATES if problem.layout.rates else (0.0,)
        places = [Place([], [], [], rate) for rate in rates]
        best = min(places, key=lambda at: problem.evaluate(at).sse)
        return minimise(problem, best).point.sse if problem.layout.rates else problem.evaluate(best).sse

    def choose(self) -> tuple[Search, Choice]:
        """Climb until further peaks do not help, and come down again where they have made an earlier one idle."""
        chosen = 1
        self.keep(self.climb.first())
        for count in range(2, self.most + 1):
            if self.sums[count - 1] <= self.floor:
                break
            self.keep(self.climb.next(self.searches[count - 1]))
            if not self.helps(count, chosen):
                self.keep(self.climb.exchanged(self.searches[count]))
            if self.helps(count, chosen):
                chosen = count
            elif count - chosen >= PATIENCE:
                break
        while chosen > 1:
            self.keep(self.climb.lowered(self.searches[chosen - 1], self.searches[chosen]))
            if self.helps(chosen, chosen - 1):
                break
            chosen -= 1
        trials = tuple(
            Trial(count, self.bic(count), self.chance(count), count > 0 and self.is_undetermined(count))
            for count in sorted(self.sums)
        )
        return self.searches[chosen], Choice(chosen, trials)

    def keep(self, found: Search) -> None:
        """Keep a fit and its sum of squares."""
        self.searches[found.layout.peaks] = found
        self.sums[found.layout.peaks] = found.best.point.sse + self.inside

    def helps(self, count: int, chosen: int) -> bool:
        """Tell whether so many peaks are better than those chosen so far."""
        if not self.bic(count) < self.bic(chosen) or self.is_undetermined(count):
            return False
        return self.chance(count) <= LIKELY_NOISE or (self.is_mixed(chosen) and not self.is_mixed(count))

    def is_unsampled(self, count: int) -> bool:
        """Tell whether a peak stands on fewer points than it has parameters, as on one odd point of uneven noise."""
        axis = self.climb.axis
        if axis.t.size < self.points:
            return False  # means of neighbours: they are made narrower where a peak is narrow
        return any_unsampled(axis, self.searches[count].best.point.place.centers_and_log_widths())

    def is_undetermined(self, count: int) -> bool:
        """Tell whether the fit did not come to a minimum, or has a peak outside the data or on too few points."""
        best = self.searches[count].best
        outside = any(abs(center) > 1.0 for center, _ in best.point.place.centers_and_log_widths())
        return best.status != "converged" or outside or self.is_unsampled(count)

    def is_mixed(self, count: int) -> bool:
        """Tell whether there are peaks and dips."""
        return count > 0 and not is_alike(self.searches[count].best)

    def size(self, count: int) -> int:
        """Return the number of parameters."""
        return layout_of(count, self.baseline).size

    def bic(self, count: int) -> float:
        """Return Schwarz's criterion, up to what all numbers of peaks share; `MIXED` more for peaks and dips."""
        free = self.size(count) * math.log(self.points) + (MIXED if self.is_mixed(count) else 0.0)
        if self.variance is not None:
            return min(self.sums[count] / self.variance, LARGEST) + free
        return self.points * math.log(max(self.sums[count], self.floor) / self.points) + free

    def chance(self, count: int) -> float:
        """Return how often noise beside one peak less holds another that explains as much as the last one."""
        if not count:
            return 1.0
        before, after = self.sums[count - 1], self.sums[count]
        if after >= before or before <= self.floor:
            return 1.0
        if self.variance is not None:
            spare = self.points - self.size(count)
            noise = max(self.variance, after / spare if spare > 0 else 0.0)
            return chance_of_peak_in_known_noise((before - after) / noise, self.points)
        return chance_of_peak(1.0 - after / before, self.points - self.size(count - 1), self.points)

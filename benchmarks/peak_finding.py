"""How often the right number of peaks is found, and how far the centers are off, beside scipy's own way.

    python benchmarks/peak_finding.py              # the table in docs/method.md
    python benchmarks/peak_finding.py --criteria   # other criteria than the one that gaussapp uses
    python benchmarks/peak_finding.py --given      # how often a better fit is missed where the number is given

Sets of 1 to 8 peaks on a constant, widths from 0.7 to 1.4, heights from 0.7 to 1.5, 8 points in a width of 1; S/N is 1
over the noise. The other way is scipy's: smooth, `find_peaks` with a prominence, `curve_fit` from there.
It is given the true noise and, in every cell of the table, the smoothing and the prominence that find the right number
most often *in that cell*; gaussapp is given nothing.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from comparison import table
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import curve_fit
from scipy.signal import find_peaks, peak_widths

from gaussapp.fitting import Fit, choice, fit
from gaussapp.fitting.search import EASY

Array = NDArray[np.float64]

SEPARATIONS = ((1.5, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 6.0), (1.5, 6.0))
NOISES = (5.0, 10.0, 20.0, 50.0)
PER_WIDTH = 8
SMOOTHINGS = (0.3, 0.6, 1.0)
PROMINENCES = (1.5, 2.5, 4.0, 6.0)
MISSED = 2.0
"""Noise variances by which a fit is above a better one to count as having missed it."""


class Truth(NamedTuple):
    """One generated set."""

    x: Array
    y: Array
    centers: Array
    widths: Array


def generate(random: np.random.Generator, separation: tuple[float, float], signal_to_noise: float) -> Truth:
    """Return a set of 1 to 8 peaks, neighbours so many (mean) widths apart."""
    peaks = int(random.integers(1, 9))
    widths, heights = random.uniform(0.7, 1.4, peaks), random.uniform(0.7, 1.5, peaks)
    steps = random.uniform(*separation, peaks - 1) * 0.5 * (widths[1:] + widths[:-1])
    centers = np.concatenate(([0.0], np.cumsum(steps)))
    x = np.arange(-5.0, centers[-1] + 5.0, 1.0 / PER_WIDTH)
    y = random.uniform(-1.0, 1.0) + random.standard_normal(x.size) / signal_to_noise
    for height, center, width in zip(heights, centers, widths, strict=True):
        y += height * np.exp(-0.5 * ((x - center) / width) ** 2)
    return Truth(x, y, centers, widths)


def by_gaussapp(data: Truth) -> Array:
    """Return the centers that gaussapp finds by itself."""
    result = fit(data.x, data.y, peaks="auto", baseline="constant")
    return np.array([value for name, value in result.values.items() if name.startswith("center")])


def seen_by_scipy(data: Truth, noise: float, smoothing: float, prominence: float) -> tuple[Array, NDArray[np.intp]]:
    """Return the smoothed data and the positions of peaks in them; the prominence is in units of the noise left."""
    smooth = gaussian_filter1d(data.y, smoothing * PER_WIDTH)
    left = noise / np.sqrt(2.0 * np.sqrt(np.pi) * smoothing * PER_WIDTH)
    return smooth, find_peaks(smooth, prominence=prominence * left)[0]


def by_scipy(data: Truth, noise: float, smoothing: float, prominence: float) -> Array:
    """Return the centers that find_peaks and curve_fit give; none if they fail."""
    smooth, at = seen_by_scipy(data, noise, smoothing, prominence)
    if not at.size:
        return np.empty(0)
    offset = float(np.min(smooth))
    widths = peak_widths(smooth, at, rel_height=0.5)[0] / PER_WIDTH / 2.355
    start = np.concatenate([smooth[at] - offset, data.x[at], widths, [offset]])

    def curve(x: Array, *p: float) -> Array:
        k = at.size
        heights, centers, widths = (np.array(p[i * k : (i + 1) * k])[:, None] for i in range(3))
        return np.sum(heights * np.exp(-0.5 * ((x - centers) / widths) ** 2), axis=0) + p[-1]

    try:
        found = curve_fit(curve, data.x, data.y, start, maxfev=5000)[0]
    except (RuntimeError, ValueError, np.linalg.LinAlgError):
        return np.empty(0)
    return np.sort(found[at.size : 2 * at.size])


def from_truth(data: Truth) -> Fit:
    """Return the fit with the true number of peaks that starts from the truth."""
    suffixes = [""] if data.centers.size == 1 else [f"_{k + 1}" for k in range(data.centers.size)]
    start = {f"center{suffix}": center for suffix, center in zip(suffixes, data.centers, strict=True)}
    start |= {f"width{suffix}": width for suffix, width in zip(suffixes, data.widths, strict=True)}
    return fit(data.x, data.y, peaks=data.centers.size, baseline="constant", start=start)


def truth_is_better(data: Truth) -> bool:
    """Tell whether a fit with the true number, started from the truth, has a lower BIC.

    Either the search missed it, or it found it and noise alone would have held its last peak too often.
    """
    chosen = fit(data.x, data.y, peaks="auto", baseline="constant")
    return from_truth(data).bic < chosen.bic - 0.01


class Score(NamedTuple):
    """What became of many sets."""

    right: float
    found: float
    spurious: float
    off: float

    def cells(self) -> tuple[str, str, str, str]:
        """Return the cells of a table."""
        return f"{100 * self.right:.0f} %", f"{100 * self.found:.0f} %", f"{self.spurious:.2f}", f"{self.off:.3f}"


def score(sets: list[Truth], way: Callable[[Truth], Array]) -> Score:
    """Fit all sets; peaks count as found if a center lies within half a width, and each center counts once."""
    right, found, peaks, spurious = 0, 0, 0, 0
    off: list[float] = []
    for data in sets:
        centers = way(data)
        right += centers.size == data.centers.size
        free = list(centers)
        for center, width in zip(data.centers, data.widths, strict=True):
            nearest = min(free, key=lambda value: abs(value - center), default=np.inf)
            if abs(nearest - center) < 0.5 * width:
                free.remove(nearest)
                found += 1
                off.append(abs(nearest - center) / width)
        peaks += data.centers.size
        spurious += len(free)
    middle = float(np.sqrt(np.mean(np.square(off)))) if off else np.nan
    return Score(right / len(sets), found / peaks, spurious / len(sets), middle)


def best_settings(sets: list[Truth], noise: float) -> tuple[float, float]:
    """Return the smoothing and the prominence that find the right number most often."""

    def right(settings: tuple[float, float]) -> int:
        return sum(seen_by_scipy(data, noise, *settings)[1].size == data.centers.size for data in sets)

    return max(((s, p) for s in SMOOTHINGS for p in PROMINENCES), key=right)


def compare_with_scipy(count: int) -> None:
    """Print the table of the documentation."""
    rows = []
    for separation in SEPARATIONS:
        for level in NOISES:
            random = np.random.default_rng([int(10 * separation[0]), int(10 * separation[1]), int(level)])
            sets = [generate(random, separation, level) for _ in range(count)]
            settings = best_settings(sets, 1.0 / level)
            before = time.perf_counter()
            ours = score(sets, by_gaussapp)
            between = time.perf_counter()
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                theirs = score(sets, lambda data, at=settings, noise=1.0 / level: by_scipy(data, noise, *at))
            taken = (between - before) / (time.perf_counter() - between)
            between_words = "{:g} to {:g}".format(*separation)
            pairs = [f"{a} / {b}" for a, b in zip(ours.cells(), theirs.cells(), strict=True)]
            missed = sum(truth_is_better(data) for data in sets) / len(sets)
            rows.append((between_words, f"{level:g}", *pairs, f"{100 * missed:.0f} %", f"{taken:.0f}"))
            print(rows[-1], flush=True)
    head = (
        "separation",
        "S/N",
        "right number",
        "peaks found",
        "false peaks per set",
        "centers off by",
        "truth better",
        "time ratio",
    )
    print(table(head, rows))


def compare_given(count: int) -> None:
    """Print how often a fit of 5 to 8 peaks, their number given, ends above one that starts from the truth."""
    rows = []
    for separation in SEPARATIONS[:3]:
        for level in NOISES:
            random = np.random.default_rng([int(10 * separation[0]), int(10 * separation[1]), int(level), 1])
            more: list[float] = []
            taken = 0.0
            while len(more) < count:
                data = generate(random, separation, level)
                if data.centers.size <= EASY:
                    continue
                before = time.perf_counter()
                found = fit(data.x, data.y, peaks=data.centers.size, baseline="constant")
                taken += time.perf_counter() - before
                best = from_truth(data)
                more.append((found.chi2 - best.chi2) / best.reduced_chi2)
            missed = np.mean([above > MISSED for above in more])
            worse = np.mean(np.maximum(more, 0.0))
            between = "{:g} to {:g}".format(*separation)
            cells = f"{100 * missed:.0f} %", f"{worse:.1f}", f"{1e3 * taken / count:.0f} ms"
            rows.append((between, f"{level:g}", *cells))
            print(rows[-1], flush=True)
    print(table(("separation", "S/N", "missed", "mean loss in noise variances", "time of a fit"), rows))


def aicc(ladder: choice.Ladder, count: int) -> float:
    """Return Akaike's corrected criterion."""
    free = ladder.size(count) + 1
    fitted = ladder.points * np.log(ladder.sums[count] / ladder.points)
    return float(fitted + 2.0 * free * ladder.points / (ladder.points - free - 1))


CRITERIA: dict[str, Callable[[choice.Ladder, int, int], bool]] = {
    "AICc": lambda ladder, more, less: aicc(ladder, more) < aicc(ladder, less),
    "BIC": lambda ladder, more, less: ladder.bic(more) < ladder.bic(less),
    "BIC, noise below 5 %": lambda ladder, more, less: (
        ladder.bic(more) < ladder.bic(less) and ladder.chance(more) < 0.05
    ),
    "BIC, noise below 1 %": choice.Ladder.helps,
}


def compare_criteria(count: int) -> None:
    """Print what other criteria would do, on the widest range of separations, and on pure noise."""
    original, rows = choice.Ladder.helps, []
    for name, rule in CRITERIA.items():
        choice.Ladder.helps = rule
        for level in NOISES:
            random = np.random.default_rng([15, 60, int(level)])
            sets = [generate(random, (1.5, 6.0), level) for _ in range(count)]
            rows.append((name, f"{level:g}", *score(sets, by_gaussapp).cells()))
        random = np.random.default_rng(0)
        x = np.linspace(0.0, 1.0, 100)
        noise = sum(
            fit(x, random.standard_normal(100), peaks="auto", baseline="constant").peaks > 1 for _ in range(count)
        )
        rows.append((name, "0", f"{100 * (1 - noise / count):.0f} %", "", "", ""))
        print(rows[-5:], flush=True)
    choice.Ladder.helps = original
    print(table(("criterion", "S/N", "right number", "peaks found", "false peaks per set", "centers off by"), rows))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=100, help="generated sets in each cell (100)")
    parser.add_argument("--criteria", action="store_true", help="compare criteria instead")
    parser.add_argument("--given", action="store_true", help="count what is missed where the number is given instead")
    options = parser.parse_args()
    way = compare_criteria if options.criteria else compare_given if options.given else compare_with_scipy
    way(options.sets)


if __name__ == "__main__":
    main()

"""How often the verdicts raise a false alarm on clean data, how often they see what is wrong, and what they cost.

python benchmarks/false_alarms.py
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from comparison import table
from numpy.typing import NDArray

from gaussapp.fitting import Fit, fit

Array = NDArray[np.float64]
Random = np.random.Generator

CLEAN = (
    (12, "none", 1),
    (25, "none", 1),
    (25, "constant", 1),
    (50, "linear", 1),
    (100, "constant", 1),
    (100, "constant", 2),
    (1000, "linear", 1),
)
BELOW: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: 0.0 * x,
    "constant": lambda x: 3.0 + 0.0 * x,
    "linear": lambda x: 3.0 + 2.0 * x,
}


def clean(random: Random, points: int, baseline: str, peaks: int) -> tuple[Array, Array]:
    """Return x and y of peaks at signal-to-noise 10; the noise is 1."""
    x = np.linspace(-2.0, 2.0, points)
    if peaks == 1:
        centers, widths = [random.uniform(-1.0, 1.0)], [random.uniform(0.25, 0.6)]
    else:
        centers, widths = [-0.8, 0.8], random.uniform(0.25, 0.4, 2)
    y = BELOW[baseline](x) + random.standard_normal(points)
    for center, width in zip(centers, widths, strict=True):
        y += 10.0 * np.exp(-0.5 * ((x - center) / width) ** 2)
    return x, y


def alarms(results: list[Fit]) -> Counter[str]:
    """Count the codes of all warnings, and under "any" the fits that have one."""
    counts: Counter[str] = Counter()
    for result in results:
        found = {verdict.code for verdict in result.verdicts if verdict.severity in ("warning", "bad")}
        counts.update(found)
        counts["any"] += bool(found)
        counts["not normal (note)"] += any(verdict.code == "residuals_not_normal" for verdict in result.verdicts)
    return counts


def on_clean_data(count: int) -> None:
    """Print how often clean data raise an alarm."""
    rows = []
    for points, baseline, peaks in CLEAN:
        for known in (False, True):
            random = np.random.default_rng([points, peaks, known])
            results = [
                fit(*clean(random, points, baseline, peaks), 1.0 if known else None, baseline=baseline, peaks=peaks)
                for _ in range(count)
            ]
            seen = alarms(results)
            words = [
                f"{code} {100.0 * seen[code] / count:.2f}" for code in sorted(seen) if code != "any" and seen[code]
            ]
            rows.append(
                (
                    *(str(points), baseline, str(peaks), "yes" if known else "no"),
                    *(f"{100.0 * seen['any'] / count:.2f} %", ", ".join(words)),
                )
            )
    print(table(("points", "baseline", "peaks", "sigma known", "false alarms", "by finding, %"), rows), "\n")


def wrong(random: Random, what: str, points: int) -> tuple[Array, Array]:
    """Return clean data on a constant with something wrong with them."""
    x, y = clean(random, points, "constant", 1)
    if what == "a slope of 4":
        y += 4.0 * x
    elif what == "a second peak of 5":
        y += 5.0 * np.exp(-0.5 * ((x - 1.7) / 0.2) ** 2)
    elif what == "one outlier of 6":
        y[random.integers(points)] += 6.0
    elif what == "exponential noise":
        x, y = clean(random, points, "constant", 1)
        y += random.exponential(2.0, points) - 2.0
    elif what == "Student's t noise (3 dof)":
        y += 2.0 * random.standard_t(3.0, points)
    return x, y


def on_wrong_data(count: int) -> None:
    """Print how often something wrong is seen."""
    rows = []
    for what in (
        "a slope of 4",
        "a second peak of 5",
        "one outlier of 6",
        "exponential noise",
        "Student's t noise (3 dof)",
    ):
        for points in (25, 100):
            random = np.random.default_rng([points, len(what)])
            seen = alarms([fit(*wrong(random, what, points), baseline="constant") for _ in range(count)])
            codes = ("residuals_not_noise", "outliers", "not normal (note)", "any")
            rows.append((what, str(points), *(f"{100.0 * seen[code] / count:.0f} %" for code in codes)))
    print(
        table(("wrong", "points", "residuals_not_noise", "outliers", "residuals_not_normal", "any warning"), rows), "\n"
    )


def cost(count: int) -> None:
    """Print what the verdicts cost, as a ratio to the fit itself."""
    rows = []
    for points, baseline in ((25, "constant"), (200, "linear"), (1000, "none")):
        random = np.random.default_rng(points)
        fitting, judging = [], []
        for _ in range(count):
            x, y = clean(random, points, baseline, 1)
            begin = time.perf_counter()
            result = fit(x, y, baseline=baseline)
            _ = result.errors
            between = time.perf_counter()
            _ = result.verdicts
            fitting.append(between - begin)
            judging.append(time.perf_counter() - between)
        rows.append((str(points), baseline, f"{np.median(judging) / np.median(fitting):.2f}"))
    print(table(("points", "baseline", "verdicts / fit with errors"), rows))


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=2000, help="simulated fits in each cell (2000)")
    options = parser.parse_args()
    on_clean_data(options.fits)
    on_wrong_data(max(options.fits // 5, 10))
    cost(max(options.fits // 10, 10))


if __name__ == "__main__":
    main()

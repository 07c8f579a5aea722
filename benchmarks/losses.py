"""Bias of counts fitted by likelihood, and whether the errors of counts and of data with outliers tell the truth.

``python benchmarks/losses.py [sets]`` prints two tables: the bias of area, width and baseline for a peak of 10 counts
on a background of 1 at 50 points, by maximum likelihood and by weights 1/max(y, 1); and, with 0, 5, 10 and 20 % of
outliers, how often the nominal 95 % intervals of least squares and of the robust loss hold the truth.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from gaussapp import fit
from gaussapp.fitting import evaluate

X = np.linspace(0, 10, 50)
TRUTH = {"amplitude": 10.0, "center": 5.0, "width": 1.0, "offset": 1.0}
MEAN = evaluate(X, TRUTH, "constant")
AREA = 10.0 * math.sqrt(2.0 * math.pi)


def counts(sets: int) -> None:
    """Print bias and coverage for counts."""
    rng = np.random.default_rng(1)
    names = ("area", "width", "offset")
    truth = np.array([AREA, 1.0, 1.0])
    found: dict[str, list[list[float]]] = {"Poisson likelihood": [], "weights 1/max(y, 1)": []}
    inside = np.zeros(4)
    for _ in range(sets):
        y = rng.poisson(MEAN)
        likely = fit(X, y, baseline="constant", loss="poisson")
        weighed = fit(X, y, np.sqrt(np.maximum(y, 1.0)), baseline="constant")
        for name, result in zip(found, (likely, weighed), strict=True):
            found[name].append([result.area.value, result.values["width"], result.values["offset"]])
        inside += [low <= TRUTH[n] <= high for n, (low, high) in likely.interval().items()]
    print(f"counts: peak of 10 on 1, 50 points, {sets} sets; bias in %, ± its standard error")
    for name, values in found.items():
        relative = 100.0 * (np.array(values) / truth - 1.0)
        bias, noise = relative.mean(axis=0), relative.std(axis=0) / math.sqrt(sets)
        print(f"  {name:20}", "  ".join(f"{n} {b:+.2f} ± {e:.2f}" for n, b, e in zip(names, bias, noise, strict=True)))
    print("  coverage of 95 % intervals, likelihood:", shares(inside, sets))


def outliers(sets: int) -> None:
    """Print coverage with outliers: a share of points moved by ±10 to ±30 noise standard deviations."""
    print(f"outliers: {sets} sets, noise 0.5; coverage in % of nominal 95 % intervals")
    for share in (0.0, 0.05, 0.1, 0.2):
        rng = np.random.default_rng(2)
        inside = {"robust": np.zeros(4), "least squares": np.zeros(4)}
        number = round(share * X.size)
        errors = {loss: [] for loss in inside}
        for _ in range(sets):
            y = MEAN + 0.5 * rng.standard_normal(X.size)
            hit = rng.choice(X.size, number, replace=False)
            y[hit] += rng.choice([-1, 1], number) * rng.uniform(5, 15, number)
            for loss, hits in inside.items():
                result = fit(X, y, baseline="constant", loss=loss)
                hits += [low <= TRUTH[n] <= high for n, (low, high) in result.interval().items()]
                errors[loss].append(result.errors["width"])
        for loss, hits in inside.items():
            median = np.median(errors[loss])
            print(f"  {100 * share:3.0f} %  {loss:14} {shares(hits, sets)}   median error of the width {median:.3f}")


def shares(inside: np.ndarray, sets: int) -> str:
    """Return coverage by parameter."""
    return "  ".join(f"{n} {100 * hits / sets:.1f}" for n, hits in zip(TRUTH, inside, strict=True))


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    counts(wanted)
    outliers(wanted)

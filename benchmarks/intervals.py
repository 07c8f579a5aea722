"""Cost of profile intervals and constraints: ratios to one plain fit, and to finding the same ends by fits one by one.

``python benchmarks/intervals.py [repeats]``; one peak on a constant, 25 points, signal-to-noise 5.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from comparison import ratio, spread
from scipy.optimize import brentq

from gaussapp import Fit, fit
from gaussapp.fitting import evaluate

X = np.linspace(-2.0, 2.0, 25)
TRUTH = {"amplitude": 5.0, "center": 0.1, "width": 0.5, "offset": 1.0}


def one_by_one(x: np.ndarray, y: np.ndarray, result: Fit) -> list[float]:
    """Return the ends of the profile of every parameter by root finding over fits with the parameter held."""
    limit = result.chi2 * (1.0 + result._quantile(0.95) ** 2 / result.dof)
    ends = []
    for name, value in result.values.items():

        def missing(end: float, name: str = name) -> float:
            return fit(x, y, baseline="constant", fixed={name: end}).chi2 - limit

        for sign in (-1.0, 1.0):
            far = value + sign * 4.0 * result.errors[name]
            far = max(far, 0.2 * value) if name == "width" else far
            ends.append(brentq(missing, value, far, xtol=1e-6 * result.errors[name]))
    return ends


def main(repeats: int) -> None:
    """Time everything on the same data sets, in turn."""
    jobs: dict[str, list[float]] = {name: [] for name in ("fit", "profile", "one by one", "fixed", "bounds", "poisson")}
    rng = np.random.default_rng(1)
    worst = 0.0
    for _ in range(repeats):
        y = evaluate(X, TRUTH, "constant") + rng.standard_normal(X.size)
        counts = rng.poisson(4.0 * evaluate(X, TRUTH, "constant"))
        result = fit(X, y, baseline="constant")
        ends = one_by_one(X, y, result)
        found = [end for pair in result.interval(kind="profile").values() for end in pair]
        errors = np.repeat(list(result.errors.values()), 2)
        worst = max(worst, float(np.max(np.abs(np.array(ends) - found) / errors)))
        work = {
            "fit": lambda y=y: fit(X, y, baseline="constant").errors,
            "profile": lambda r=result: r.interval(kind="profile", of=[*r.names, "fwhm", "area"]),
            "one by one": lambda y=y, r=result: one_by_one(X, y, r),
            "fixed": lambda y=y: fit(X, y, baseline="constant", fixed={"width": 0.5}).errors,
            "bounds": lambda y=y: fit(X, y, baseline="constant", bounds={"width": (None, 0.45)}).errors,
            "poisson": lambda counts=counts: fit(X, counts, baseline="constant", loss="poisson").errors,
        }
        for name, job in work.items():
            began = time.process_time()
            job()
            jobs[name].append(1e3 * (time.process_time() - began))
    for name, times in jobs.items():
        print(f"{name:11} {spread(times)} ms   {ratio(times, jobs['fit'])} fits")
    print(f"profile against one by one {ratio(jobs['profile'], jobs['one by one'])}")
    print(f"ends agree within {worst:.1e} standard errors")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)

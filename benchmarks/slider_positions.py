"""The whole space of the demo's sliders: no exception reaches the user, and how many fits miss their optimum.

Run ``python benchmarks/slider_positions.py``. Moves the sliders of an app to random positions within the ranges of the
demo that gaussapp began as, and holds the fit on the page against the best of many starts of another solver. A fit has
an optimum if that solver ends, more than once, at a place with a finite peak and no lower sum of squares elsewhere.
"""

import argparse
import math
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from comparison import table
from scipy.optimize import least_squares

from gaussapp.app import GaussApp

RANGES = {
    "amplitude": (1.0, 5.0),
    "center": (-5.0, 5.0),
    "width": (0.0, 2.0),
    "noise": (0.0, 1.0),
    "offset": (-1.0, 1.0),
}
"""Of the demo, which had 25 points on -2…2 and called the offset the mean of the noise."""

BETTER = 1e-6
"""Share by which another solver's sum of squares must be smaller for the fit to have missed it."""


def lowest(x: np.ndarray, y: np.ndarray, constant: bool, starts: int, random: np.random.Generator) -> float:
    """Return the smallest sum of squares with a finite peak that was reached from random starts; inf if none was."""

    def residual(place: np.ndarray) -> np.ndarray:
        z = (x - place[0]) * math.exp(-min(max(place[1], -50.0), 50.0))
        rows = np.array([np.exp(-0.5 * z * z), np.ones(x.size)][: 1 + constant])
        return y - np.linalg.lstsq(rows.T, y, rcond=1e-12)[0] @ rows

    found = []
    for _ in range(starts):
        start = [random.uniform(-3, 3), math.log(10 ** random.uniform(-1.3, 0.7))]
        with np.errstate(all="ignore"):  # it wanders to where nothing is left of the peak
            end = least_squares(residual, start, method="lm", xtol=1e-10, ftol=1e-12, max_nfev=200)
        found.append((2.0 * end.cost, end.success and abs(end.x[0]) < 8 and math.log(0.03) < end.x[1] < math.log(20)))
    best = min((cost for cost, finite in found if finite), default=math.inf)
    nowhere_lower = all(cost > best * (1 - BETTER) - 1e-25 for cost, _ in found)
    return best if nowhere_lower else math.inf


def visit(seed: int, baseline: str, count: int, starts: int) -> Counter:
    """Move to random positions and count what was found there."""
    random = np.random.default_rng(seed)
    app = GaussApp()
    app.settings.baseline = baseline
    app.model.param.update(samples=25, window=(-2.0, 2.0))
    seen: Counter = Counter()
    for number in range(count):
        position = {name: random.uniform(*ends) for name, ends in RANGES.items()}
        position["width"] = max(2.0 - position["width"], 1e-3)
        try:
            app.model.param.update(**position, seed=number)
            fit = app.fit
            if fit is None or not fit.verdicts or not fit.values["width"] > 0:
                seen["nothing said"] += 1
                continue
        except Exception as error:
            seen[f"exception: {type(error).__name__}"] += 1
            continue
        seen["fitted"] += 1
        best = lowest(app.data.x, app.data.y, baseline == "constant", starts, random)
        if math.isfinite(best):
            seen["with an optimum"] += 1
            seen["missed"] += fit.chi2 > best * (1 + BETTER) + 1e-25
    return seen


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--positions", type=int, default=5000, help="positions of the sliders, half of them for each baseline"
    )
    parser.add_argument("--starts", type=int, default=15, help="starts of the other solver at each of them")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    parts = 20
    rows = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for baseline in ("none", "constant"):
            one = partial(visit, baseline=baseline, count=arguments.positions // (2 * parts), starts=arguments.starts)
            seen: Counter = sum(pool.map(one, range(parts)), Counter())
            wrong = ", ".join(f"{seen[each]} {each}" for each in seen if each.startswith(("exception", "nothing")))
            share = seen["missed"] / max(seen["with an optimum"], 1)
            missed = f"{seen['missed']} ({share:.2%})"
            rows.append([baseline, str(seen["fitted"]), wrong or "none", str(seen["with an optimum"]), missed])
    print(table(("baseline", "fitted", "exceptions", "with an optimum", "missed"), rows))


if __name__ == "__main__":
    main()

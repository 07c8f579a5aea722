"""How long one fit of 12 overlapping peaks and a baseline on 2000 points takes, beside lmfit from the same start.

lmfit is not one of the project's own packages; run this where it is installed beside gaussapp:

    python benchmarks/twelve_peaks.py

Both fit the same model to the same data from the same start, which is off by a tenth of a width in every center and by
up to a quarter in every width and amplitude. lmfit is used in two ways: as its documentation shows, with a sum of its
GaussianModels, and at its best, with one function of all parameters and gaussapp's analytic gradients.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import lmfit
import numpy as np
from comparison import ratio, spread, table
from numpy.typing import NDArray

import gaussapp
from gaussapp.fitting import evaluate
from gaussapp.fitting.peak import gradient, parameter_names

Array = NDArray[np.float64]

PEAKS, POINTS = 12, 2000


def data(seed: int, baseline: str) -> tuple[Array, Array, dict[str, float]]:
    """Return x, y and the truth: peaks 2 to 3 widths apart, signal-to-noise 30 to 100."""
    random = np.random.default_rng(seed)
    truth, center = {}, 0.0
    for k in range(PEAKS):
        center += random.uniform(2.0, 3.0)
        truth[f"amplitude_{k + 1}"] = random.uniform(1.0, 3.0)
        truth[f"center_{k + 1}"] = center
        truth[f"width_{k + 1}"] = random.uniform(0.8, 1.2)
    below = {"constant": {"offset": 2.0}, "linear": {"offset": 2.0, "slope": 0.05}}
    truth |= below.get(baseline, {"decay_amplitude": 3.0, "decay_rate": 0.05})
    x = np.linspace(-3.0, center + 3.0, POINTS)
    return x, evaluate(x, truth, baseline) + 0.03 * random.standard_normal(POINTS), truth


def start_near(truth: Mapping[str, float], seed: int) -> dict[str, float]:
    """Return a start that is off in every parameter."""
    random = np.random.default_rng(seed)
    start = {}
    for name, value in truth.items():
        if name.startswith("center"):
            start[name] = value + 0.1 * random.choice([-1.0, 1.0])
        else:
            start[name] = value * random.uniform(0.8, 1.25)
    return start


def with_composite(x: Array, y: Array, baseline: str, start: Mapping[str, float]) -> Callable[[], float]:
    """Return lmfit's fit of a sum of its own models."""
    model = {"constant": lmfit.models.ConstantModel, "linear": lmfit.models.LinearModel}.get(
        baseline, lmfit.models.ExponentialModel
    )(prefix="below_")
    for k in range(PEAKS):
        model += lmfit.models.GaussianModel(prefix=f"peak{k + 1}_")
    parameters = model.make_params()
    for k in range(PEAKS):
        amplitude, center, width = (start[f"{name}_{k + 1}"] for name in ("amplitude", "center", "width"))
        # lmfit calls the area amplitude and the width sigma
        parameters[f"peak{k + 1}_amplitude"].set(amplitude * width * np.sqrt(2.0 * np.pi))
        parameters[f"peak{k + 1}_center"].set(center)
        parameters[f"peak{k + 1}_sigma"].set(width)
    if baseline == "exponential":
        parameters["below_amplitude"].set(start["decay_amplitude"])
        parameters["below_decay"].set(1.0 / start["decay_rate"])
    elif baseline == "linear":
        parameters["below_intercept"].set(start["offset"])
        parameters["below_slope"].set(start["slope"])
    else:
        parameters["below_c"].set(start["offset"])
    return lambda: float(model.fit(y, parameters, x=x).chisqr)


def with_gradients(x: Array, y: Array, baseline: str, start: Mapping[str, float]) -> Callable[[], float]:
    """Return lmfit's fit of the whole model as one function with its derivatives."""
    parameters = lmfit.Parameters()
    for name in parameter_names(PEAKS, baseline):
        parameters.add(name, value=start[name])

    def residual(current: lmfit.Parameters) -> Array:
        return evaluate(x, positive(current), baseline) - y

    def derivatives(current: lmfit.Parameters) -> Array:
        return gradient(x, positive(current), baseline)

    def positive(current: lmfit.Parameters) -> dict[str, float]:
        values = dict(current.valuesdict())
        return {name: abs(value) if name.startswith("width") else value for name, value in values.items()}

    return lambda: float(lmfit.minimize(residual, parameters, Dfun=derivatives, col_deriv=True).chisqr)


def with_gaussapp(
    x: Array, y: Array, baseline: str, start: Mapping[str, float] | None, *, judged: bool
) -> Callable[[], float]:
    """Return our fit: the numbers and their errors, and with `judged` everything the report says."""

    def run() -> float:
        result = gaussapp.fit(x, y, baseline=baseline, peaks=PEAKS, start=start)
        assert result.errors
        if judged:
            assert result.verdicts
        return float(result.chi2)

    return run


def main() -> None:
    """Print times as ratios to lmfit's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="data sets per baseline (7)")
    options = parser.parse_args()
    rows = []
    for baseline in ("constant", "linear", "exponential"):
        times: dict[str, list[float]] = {}
        worse: dict[str, int] = {}
        for seed in range(options.rounds):
            x, y, truth = data(seed, baseline)
            start = start_near(truth, seed)
            ways = {
                "gaussapp, from the start": with_gaussapp(x, y, baseline, start, judged=False),
                "gaussapp, from the start, with verdicts": with_gaussapp(x, y, baseline, start, judged=True),
                "gaussapp, from no start": with_gaussapp(x, y, baseline, None, judged=False),
                "lmfit, sum of its GaussianModel": with_composite(x, y, baseline, start),
                "lmfit, one function with gradients": with_gradients(x, y, baseline, start),
            }
            reached = {}
            for name, run in ways.items():
                before = time.perf_counter()
                reached[name] = run()
                times.setdefault(name, []).append(time.perf_counter() - before)
            best = min(reached.values())
            for name, chi2 in reached.items():
                worse[name] = worse.get(name, 0) + (chi2 > best * (1.0 + 1e-6))
        fastest = min((name for name in times if name.startswith("lmfit")), key=lambda name: np.median(times[name]))
        for name, taken in times.items():
            rows.append(
                (baseline, name, spread([1e3 * t for t in taken]), ratio(taken, times[fastest]), str(worse[name]))
            )
    print(table(("baseline", "fit", "ms", "ratio to lmfit's faster", "worse minima"), rows))


if __name__ == "__main__":
    main()

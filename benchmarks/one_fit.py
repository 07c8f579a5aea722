"""How long is one fit beside scipy's curve_fit, which is given a good start? Ratios at 25, 1000 and 1 000 000 points.

Run with ``python benchmarks/one_fit.py``. Every round times each way once, so that other work on the machine falls on
all of them; the ratio is that of the medians. `gaussapp.fit` is given no start and counts rows that are not finite;
``curve_fit`` starts within a tenth of the truth, with and without the analytic Jacobian.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import curve_fit

from gaussapp import fit

ROUNDS = {25: 1500, 1000: 600, 1_000_000: 7}
START = (2.8, 0.05, 0.45, 0.9)


def peak(x: np.ndarray, amplitude: float, center: float, width: float, offset: float) -> np.ndarray:
    """Return a Gaussian on a constant."""
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2) + offset


def slopes(x: np.ndarray, amplitude: float, center: float, width: float, offset: float) -> np.ndarray:
    """Return its derivatives by the parameters, (N, 4)."""
    z = (x - center) / width
    e = np.exp(-0.5 * z * z)
    return np.column_stack([e, amplitude * e * z / width, amplitude * e * z * z / width, np.ones_like(x)])


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median processor time of each way, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            times[name].append(time.process_time() - begun)
    return {name: float(np.median(values)) for name, values in times.items()}


def main() -> None:
    """Print the ratios."""
    print("| points | fit / curve_fit with jac | fit / curve_fit without | fit and verdicts / curve_fit with jac |")
    print("| ---: | ---: | ---: | ---: |")
    for points, rounds in ROUNDS.items():
        x = np.linspace(-2, 2, points)
        y = peak(x, 3.0, 0.1, 0.5, 1.0) + 0.1 * np.random.default_rng(0).standard_normal(points)
        ways: dict[str, Callable[[], object]] = {
            "fit": lambda x=x, y=y: fit(x, y, baseline="constant").errors,
            "judged": lambda x=x, y=y: fit(x, y, baseline="constant").verdicts,
            "jac": lambda x=x, y=y: curve_fit(peak, x, y, START, jac=slopes),
            "plain": lambda x=x, y=y: curve_fit(peak, x, y, START),
        }
        for way in ways.values():
            way()
        took = medians(ways, rounds)
        ratios = (took["fit"] / took["jac"], took["fit"] / took["plain"], took["judged"] / took["jac"])
        print(f"| {points} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |", flush=True)


if __name__ == "__main__":
    main()

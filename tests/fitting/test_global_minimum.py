"""The slider space of the demo: no exception, and the global minimum in at least 99 of 100 fits that have one.

benchmarks/slider_positions.py compares 5000 positions, through the page; here it is every twentieth of 500.
"""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from gaussapp.fitting import fit

X = np.linspace(-2, 2, 25)
DRAWS = 500
STARTS = 15
COMPARED = 20


def draws(count, seed):
    """Yield y at random positions of the demo's sliders."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        amplitude, center, width = random.uniform(1, 5), random.uniform(-5, 5), 2 - random.uniform(0, 2)
        noise, offset = random.uniform(0, 1), random.uniform(-1, 1)
        yield amplitude * np.exp(-0.5 * ((X - center) / width) ** 2) + offset + noise * random.standard_normal(25)


def lowest_of_many(y, constant, random):
    """Return the smallest sum of squares that an independent solver reaches from many starts with a finite optimum."""

    def residual(parameters):
        z = (X - parameters[0]) * math.exp(-min(max(parameters[1], -50.0), 50.0))
        rows = np.array([np.exp(-0.5 * z * z), np.ones(25)][: 1 + constant])
        return y - np.linalg.lstsq(rows.T, y, rcond=1e-12)[0] @ rows

    lowest = math.inf
    for _ in range(STARTS):
        start = [random.uniform(-3, 3), math.log(10 ** random.uniform(-1.3, 0.7))]
        with np.errstate(all="ignore"):  # it wanders to where nothing is left of the peak
            found = least_squares(residual, start, method="lm", xtol=1e-10, ftol=1e-12, max_nfev=200)
        if found.success and abs(found.x[0]) < 8 and 0.03 < math.exp(found.x[1]) < 20:
            lowest = min(lowest, 2.0 * found.cost)
    return lowest


@pytest.mark.parametrize("baseline", ["none", "constant"])
def test_no_slider_position_raises_and_few_miss_the_minimum(baseline):
    random = np.random.default_rng(7)
    missed = []
    for number, y in enumerate(draws(DRAWS, seed=2024)):
        result = fit(X, y, baseline=baseline)
        assert result.verdicts
        assert result.values["width"] > 0
        if number % COMPARED == 0:  # many starts of another solver take a hundred times as long
            lowest = lowest_of_many(y, baseline == "constant", random)
            if result.chi2 > lowest * (1 + 1e-6):
                missed.append((number, result.chi2, lowest))
    assert len(missed) <= 0.01 * DRAWS / COMPARED, missed


def test_a_peak_outside_the_window_is_found_by_its_flank():
    y = 4 * np.exp(-0.5 * ((X - 3) / 1.0) ** 2)
    result = fit(X, y)
    assert result.values["center"] == pytest.approx(3, abs=1e-6)
    assert "peak_outside_window" in {verdict.code for verdict in result.verdicts}

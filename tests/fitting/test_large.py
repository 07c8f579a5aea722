"""Many points: the optimum of all of them, not of bins, whatever their order and spacing."""

import numpy as np
import pytest

from gaussapp.fitting import fit
from gaussapp.fitting.scale import LARGE
from gaussapp.fitting.solve import Problem, minimise

POINTS = 60_000
RANDOM = np.random.default_rng(6)
XS = {
    "uniform": np.linspace(-2, 2, POINTS),
    "random": np.sort(RANDOM.uniform(-2, 2, POINTS)),
    "unordered": RANDOM.uniform(-2, 2, POINTS),
    "crowded": np.geomspace(1e-3, 10, POINTS) - 1,
    "rounded": np.round(RANDOM.uniform(-2, 2, POINTS), 2),
}


def data(x, width=0.5):
    return 3 * np.exp(-0.5 * ((x - 0.3) / width) ** 2) + 0.5 * np.random.default_rng(1).standard_normal(x.size)


@pytest.mark.parametrize("sigma", [None, "each"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("kind", XS)
def test_is_the_optimum_of_all_points(kind, baseline, sigma):
    x = XS[kind]
    y = data(x) + (2.0 * np.exp(-0.5 * x) if baseline == "exponential" else 0.0)
    sigma = None if sigma is None else np.random.default_rng(2).uniform(0.3, 0.7, POINTS)
    result = fit(x, y, sigma, baseline=baseline)
    solution = result._solution
    assert solution.status == "converged"
    assert POINTS > LARGE
    scale = solution.scale
    with np.errstate(all="ignore"):
        exact = minimise(Problem(scale.t, scale.y, scale.root_weight, solution.layout), solution.place)
    (center, log_width), (expected_center, expected_log_width) = (
        at.centers_and_log_widths()[0] for at in (solution.place, exact.point.place)
    )
    assert center == pytest.approx(expected_center, abs=1e-8)
    assert log_width == pytest.approx(expected_log_width, abs=1e-8)
    assert solution.sse == pytest.approx(exact.point.sse, rel=1e-12)
    assert result.values["center"] == pytest.approx(0.3, abs=5 * result.errors["center"])


@pytest.mark.parametrize("kind", ["uniform", "random", "unordered", "crowded"])
def test_a_peak_narrower_than_a_bin_is_found_and_fitted(kind):
    x = XS[kind]
    result = fit(x, data(x, 0.001))
    assert result.values["center"] == pytest.approx(0.3, abs=5 * result.errors["center"])
    assert result.values["width"] == pytest.approx(0.001, abs=5 * result.errors["width"])
    assert result.errors["width"] < 2e-4


def test_verdicts_hold_for_many_points_too():
    x = XS["unordered"]
    noise = np.random.default_rng(3).standard_normal(POINTS)
    assert "no_peak_found" in {verdict.code for verdict in fit(x, noise, baseline="constant").verdicts}
    assert fit(x, data(x)).trustworthy
    assert "offset_suspected" in {verdict.code for verdict in fit(x, data(x) + 0.1).verdicts}
    assert "residuals_not_noise" in {verdict.code for verdict in fit(x, data(x) + 0.05 * np.sin(5 * x)).verdicts}
    spoiled = data(x)
    spoiled[1234] += 6
    (outliers,) = [verdict for verdict in fit(x, spoiled).verdicts if verdict.code == "outliers"]
    assert f"{x[1234]:.2f}" in outliers.message
    result = fit(x, data(x))
    assert result.residuals.shape == (POINTS,)
    np.testing.assert_allclose(result.residuals, result.y - result.curve(x), atol=1e-12)

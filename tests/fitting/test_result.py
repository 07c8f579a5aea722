"""The Fit: immutable, complete, and right about curves, bands, derived quantities and goodness of fit."""

import copy
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import norm, t

from gaussapp.fitting import Fit, evaluate, fit, peak

GOLDEN = Path(__file__).parent / "golden"
X = np.linspace(-2, 2, 25)
NOISE = np.random.default_rng(8).standard_normal(25)
TRUTH = {"amplitude": 3.0, "center": 0.25, "width": 0.5, "offset": 1.0}
Y = evaluate(X, TRUTH, "constant") + 0.1 * NOISE
SIGMA = np.linspace(0.08, 0.15, 25)


@pytest.fixture(scope="module")
def plain():
    return fit(X, Y, baseline="constant")


@pytest.fixture(scope="module")
def weighted():
    return fit(X, Y, SIGMA, baseline="constant")


def model(x, amplitude, center, width, offset):
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2) + offset


def test_agrees_with_curve_fit(plain, weighted):
    start = list(TRUTH.values())
    for result, options in (
        (plain, {}),
        (weighted, {"sigma": SIGMA, "absolute_sigma": True}),
        (fit(X, Y, SIGMA, baseline="constant", absolute_sigma=False), {"sigma": SIGMA, "absolute_sigma": False}),
    ):
        values, covariance = curve_fit(model, X, Y, start, ftol=1e-14, xtol=1e-14, gtol=1e-14, **options)
        assert list(result.values.values()) == pytest.approx(values, rel=1e-7)
        np.testing.assert_allclose(result.covariance, covariance, rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(list(result.errors.values()), np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_names_values_and_errors_are_in_order_and_fixed(plain):
    assert plain.names == ("amplitude", "center", "width", "offset")
    assert tuple(plain.values) == tuple(plain.errors) == plain.names
    with pytest.raises(TypeError):
        plain.values["center"] = 3
    with pytest.raises(AttributeError, match="a Fit cannot be changed"):
        plain.values = {}
    with pytest.raises(AttributeError):
        plain.chi2 = 0
    with pytest.raises(AttributeError):
        del plain.x
    for array in (plain.x, plain.y, plain.residuals, plain.standardized, plain.covariance, plain.correlation):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_changing_the_data_afterwards_changes_nothing():
    x, y, sigma = X.copy(), Y.copy(), SIGMA.copy()
    result = fit(x, y, sigma)
    before = result.values["center"]
    x += 5
    y *= 2
    sigma[:] = 1
    assert result.x[0] == -2
    assert result.y[0] == Y[0]
    assert result.sigma[0] == SIGMA[0]
    assert fit(x, y, sigma).values["center"] != before
    assert fit(X, Y, SIGMA).values["center"] == before


def test_copies_and_pickles_are_equal(weighted):
    several = fit(np.linspace(0, 10, 80), two_peaks(np.linspace(0, 10, 80)), peaks=2)
    for result in (weighted, several):
        for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
            assert isinstance(other, Fit)
            assert other.to_dict() == result.to_dict()
            assert not other.x.flags.writeable
            np.testing.assert_array_equal(other.curve(result.x), result.curve(result.x))
    assert len(pickle.dumps(weighted)) < 6000  # data and numbers, not the grid of the search


def two_peaks(x):
    return 3 * np.exp(-0.5 * ((x - 7) / 0.8) ** 2) + 2 * np.exp(-0.5 * ((x - 4) / 0.6) ** 2) + 0.01 * np.sin(50 * x)


def test_intervals_use_students_t_or_the_normal_quantile(plain, weighted):
    for result, quantile in ((plain, t(21).ppf(0.95)), (weighted, norm.ppf(0.95))):
        low, high = result.interval(0.9)["width"]
        assert high - result.values["width"] == pytest.approx(quantile * result.errors["width"], rel=1e-12)
        assert result.values["width"] - low == pytest.approx(quantile * result.errors["width"], rel=1e-12)
    for level in (0, 1, 95, -0.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            plain.interval(level)


def test_goodness_of_fit(plain, weighted):
    residuals = Y - model(X, *plain.values.values())
    np.testing.assert_allclose(plain.residuals, residuals, atol=1e-12)
    assert plain.chi2 == pytest.approx(residuals @ residuals)
    assert plain.dof == 21
    assert plain.reduced_chi2 == pytest.approx(plain.chi2 / 21)
    assert plain.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert plain.r_squared == pytest.approx(1 - plain.chi2 / np.sum((Y - Y.mean()) ** 2))
    np.testing.assert_allclose(plain.standardized, residuals / np.sqrt(plain.reduced_chi2), rtol=1e-9)
    likelihood = norm(scale=np.sqrt(plain.chi2 / 25)).logpdf(residuals).sum()
    assert plain.aic == pytest.approx(2 * 5 - 2 * likelihood)
    assert plain.bic == pytest.approx(5 * math.log(25) - 2 * likelihood)
    assert plain.aicc == pytest.approx(plain.aic + 2 * 5 * 6 / (25 - 6))
    residuals = Y - model(X, *weighted.values.values())
    assert weighted.chi2 == pytest.approx(np.sum((residuals / SIGMA) ** 2))
    np.testing.assert_allclose(weighted.standardized, residuals / SIGMA, rtol=1e-9)
    assert weighted.aic == pytest.approx(2 * 4 - 2 * norm(scale=SIGMA).logpdf(residuals).sum())


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("peaks", [1, 2])
def test_curves_and_components_add_up(baseline, peaks):
    x = np.linspace(1, 10, 60)
    result = fit(x, two_peaks(x) + 3 * np.exp(-0.3 * x), baseline=baseline, peaks=peaks)
    grid = np.linspace(-1, 12, 31).reshape(1, 31)
    assert result.curve(grid).shape == grid.shape
    parts = result.components(grid[0])
    assert parts.shape == (peaks + 1, 31)
    np.testing.assert_allclose(parts.sum(axis=0), result.curve(grid)[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(parts[-1], result.baseline_curve(grid)[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(evaluate(grid, result.values, baseline), result.curve(grid), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(peak.components(grid[0], result.values, baseline), parts, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.curve(x) + result.residuals, result.y, rtol=1e-12, atol=1e-12)
    assert result.curve(3.0).shape == ()


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("peaks", [1, 2])
def test_bands_come_from_the_full_covariance(baseline, peaks):
    x = np.linspace(1, 10, 60)
    result = fit(x, two_peaks(x) + 3 * np.exp(-0.3 * x), baseline=baseline, peaks=peaks)
    grid = np.linspace(0, 11, 23)
    gradient = peak.gradient(grid, result.values, baseline)
    half = t(result.dof).ppf(0.975) * np.sqrt(np.einsum("pn,pq,qn->n", gradient, result.covariance, gradient))
    low, high = result.band(grid)
    np.testing.assert_allclose(high - low, 2 * half, rtol=1e-5)
    np.testing.assert_allclose(low + high, 2 * result.curve(grid), rtol=1e-9, atol=1e-9)
    wide = result.band(grid, kind="prediction")
    expected = np.hypot(half, t(result.dof).ppf(0.975) * np.sqrt(result.reduced_chi2))
    np.testing.assert_allclose((wide[1] - wide[0]) / 2, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="confidence"):
        result.band(grid, kind="both")


def test_a_prediction_band_follows_sigma(weighted):
    low, high = weighted.band(X, kind="prediction")
    inner_low, inner_high = weighted.band(X)
    noise = np.sqrt((high - low) ** 2 - (inner_high - inner_low) ** 2) / 2 / norm.ppf(0.975)
    np.testing.assert_allclose(noise, SIGMA, rtol=1e-6)


def test_width_at_half_maximum_and_area_with_propagated_errors(plain):
    values, covariance = plain.values, plain.covariance
    a, w = values["amplitude"], values["width"]
    assert plain.fwhm.value == pytest.approx(2 * math.sqrt(2 * math.log(2)) * w)
    assert plain.fwhm.error == pytest.approx(2 * math.sqrt(2 * math.log(2)) * plain.errors["width"])
    assert plain.area.value == pytest.approx(math.sqrt(2 * math.pi) * a * w)
    by = math.sqrt(2 * math.pi) * np.array([w, 0, a, 0])
    assert plain.area.error == pytest.approx(math.sqrt(by @ covariance @ by))
    assert set(plain.derived) == {"fwhm", "area"}


def test_several_peaks_are_named_in_order_of_center():
    x = np.linspace(0, 10, 80)
    result = fit(x, two_peaks(x), peaks=2)
    assert result.names == ("amplitude_1", "center_1", "width_1", "amplitude_2", "center_2", "width_2")
    assert result.values["center_1"] == pytest.approx(4, abs=0.01)
    assert result.values["amplitude_2"] == pytest.approx(3, abs=0.02)
    assert set(result.derived) == {"fwhm_1", "area_1", "fwhm_2", "area_2"}
    assert result.area == (result.derived["area_1"], result.derived["area_2"])


def test_data_objects_are_taken_as_they_are():
    class Measured:
        x, y, sigma = X, Y, SIGMA

    assert fit(Measured(), baseline="constant").values == fit(X, Y, SIGMA, baseline="constant").values
    assert fit(Measured(), sigma=0.1, baseline="constant").sigma[0] == 0.1


def test_to_dict_is_complete_and_json(plain):
    for result in (plain, fit(X[:4], Y[:4], baseline="constant"), fit(X, np.zeros(25))):
        text = json.dumps(result.to_dict(), allow_nan=False)
        read = json.loads(text)
        assert set(read["parameters"]) == set(result.names)
        assert read["points"] == result.y.size
        assert [verdict["code"] for verdict in read["verdicts"]] == [verdict.code for verdict in result.verdicts]
        assert {"chi2", "dof", "reduced_chi2", "r_squared", "aic", "aicc", "bic", "rmse", "covariance"} <= set(read)
    assert read["parameters"]["center"]["error"] is None


def test_to_frame_has_a_row_for_each_parameter(plain):
    frame = plain.to_frame(0.9)
    assert list(frame.columns) == ["value", "error", "low", "high"]
    assert list(frame.index) == list(plain.names)
    assert frame.loc["width", "low"] == plain.interval(0.9)["width"][0]


def golden_cases():
    """Return fits whose reports are kept."""
    quiet = 0.02 * NOISE
    x = np.linspace(0, 10, 25)
    return {
        "plain": fit(X, Y, baseline="constant"),
        "sigma": fit(X, Y, SIGMA, baseline="constant"),
        "units": fit(1e9 + 1e-3 * X, 1e-30 * Y),
        "two_peaks": fit(x, two_peaks(x) + quiet, peaks=2, baseline="linear"),
        "unknown": fit(X[12:15], Y[12:15]),
        "left_out": fit(np.r_[X, np.nan], np.r_[Y, 1.0]),
        "offset": fit(X, Y),
        "outside": fit(X, evaluate(X, {**TRUTH, "center": 2.3}) + quiet),
    }


@pytest.mark.parametrize("name", ["plain", "sigma", "units", "two_peaks", "unknown", "left_out", "offset", "outside"])
def test_reports_read_as_they_always_did(name):
    """Delete a golden file and run the test once to write it anew; then read it."""
    result = golden_cases()[name]
    for ending, report in (("txt", repr(result)), ("html", result._repr_html_())):
        path = GOLDEN / f"{name}.{ending}"
        if not path.exists():
            path.write_text(report + "\n", "utf-8")
        assert report + "\n" == path.read_text("utf-8")
        assert max(map(len, repr(result).splitlines())) < 400


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (3.04159, 0.0831, "3.042 ± 0.083"),
        (-3.04159, 0.0831, "-3.042 ± 0.083"),
        (12345.6, 78.9, "12346 ± 79"),
        (1234567890.1234, 0.0456, "1234567890.123 ± 0.046"),
        (6.02214e-30, 1.3e-33, "(6.0221 ± 0.0013)e-30"),
        (6.02214e30, 1.3e27, "(6.0221 ± 0.0013)e30"),
        (0.0, 0.5, "0.00 ± 0.50"),
        (0.99951, 0.0995, "1.00 ± 0.10"),
        (5.0, 0.0, "5 ± 0"),
        (5.0, math.inf, "5 ± ∞"),
        (math.inf, math.inf, "∞ ± ∞"),
        (math.nan, 1.0, "unknown ± 1"),
        (1.0, 2e-17, "1 ± 2.0e-17"),
        (1e9, 0.05, "1000000000.000 ± 0.050"),
        (3e9, 2.5e6, "(3.0000 ± 0.0025)e9"),
    ],
)
def test_errors_have_two_digits_and_values_end_at_the_same_place(value, error, expected):
    from gaussapp.fitting.report import rounded

    assert rounded(value, error) == expected

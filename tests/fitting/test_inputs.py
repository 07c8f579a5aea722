"""Inputs on which common tools are silently wrong: each gets a right answer, a verdict, or a sentence."""

import math

import numpy as np
import pytest

from gaussapp.fitting import fit

X = np.linspace(-2, 2, 25)
NOISE = 0.2 * np.random.default_rng(2).standard_normal(25)


def gauss(x, amplitude=3.0, center=0.3, width=0.5):
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2)


def codes(result):
    return {verdict.code for verdict in result.verdicts}


def severe(result):
    return {verdict.code for verdict in result.verdicts if verdict.severity in ("warning", "bad")}


REFERENCE = fit(X, gauss(X) + NOISE)


@pytest.mark.parametrize(
    ("x_of", "y_unit"),
    [
        (lambda x: 550 + 75 * x, 1),
        (lambda x: x + 1e9, 1),
        (lambda x: x * 1e-9, 1),
        (lambda x: x * 1e9, 1),
        (lambda x: x, 1e-30),
        (lambda x: x, 1e30),
        (lambda x: x, 1e200),
        (lambda x: x, 1e-310),
    ],
    ids=["400-700", "x + 1e9", "x 1e-9", "x 1e9", "y 1e-30", "y 1e30", "y 1e200", "y 1e-310"],
)
def test_units_and_offsets_change_nothing_but_the_numbers(x_of, y_unit):
    result = fit(x_of(X), (gauss(X) + NOISE) * y_unit)
    stretch = (x_of(X[-1]) - x_of(X[0])) / (X[-1] - X[0])
    tolerance = {"rel": 3e-7}  # x + 1e9 is itself rounded to 1e-7
    if y_unit == 1e-310:
        tolerance = {"rel": 1e-10}  # such numbers have few digits
    assert result.trustworthy
    assert result.values["amplitude"] / y_unit == pytest.approx(REFERENCE.values["amplitude"], **tolerance)
    assert (result.values["center"] - x_of(0.0)) / stretch == pytest.approx(REFERENCE.values["center"], rel=1e-6)
    assert result.values["width"] / stretch == pytest.approx(REFERENCE.values["width"], **tolerance)
    assert result.errors["amplitude"] / y_unit == pytest.approx(REFERENCE.errors["amplitude"], **tolerance)
    assert result.errors["center"] / stretch == pytest.approx(REFERENCE.errors["center"], **tolerance)
    assert result.fwhm.value / stretch == pytest.approx(REFERENCE.fwhm.value, **tolerance)
    assert result.area.error / stretch / y_unit == pytest.approx(REFERENCE.area.error, **tolerance)
    low, _ = result.interval()["amplitude"]
    assert low / y_unit == pytest.approx(REFERENCE.interval()["amplitude"][0], **tolerance)
    assert "trustworthy" in repr(result) or "Nothing speaks against" in repr(result)


def spike():
    y = 0.1 * NOISE
    y[12] += 5
    return y


def with_outlier():
    y = gauss(X) + 0.3 * NOISE
    y[3] += 4
    return y


@pytest.mark.parametrize(
    ("y", "baseline", "expected"),
    [
        pytest.param(spike(), "none", "narrower_than_sampling", id="one-sample spike"),
        pytest.param(spike(), "constant", "narrower_than_sampling", id="one-sample spike on a constant"),
        pytest.param(NOISE, "none", "no_peak_found", id="pure noise"),
        pytest.param(NOISE, "constant", "no_peak_found", id="pure noise on a constant"),
        pytest.param(NOISE, "linear", "no_peak_found", id="pure noise on a line"),
        pytest.param(NOISE + 3, "none", "no_peak_found", id="a level without a peak"),
        pytest.param(with_outlier(), "none", "outliers", id="outlier"),
        pytest.param(with_outlier(), "constant", "outliers", id="outlier on a constant"),
        pytest.param(np.full(25, 4.0), "none", "no_peak_found", id="constant y"),
        pytest.param(np.full(25, 4.0), "constant", "no_peak_found", id="constant y on a constant"),
        pytest.param(np.zeros(25), "none", "no_peak_found", id="all zero"),
        pytest.param(np.zeros(25), "linear", "no_peak_found", id="all zero on a line"),
        pytest.param(np.zeros(25), "exponential", "no_peak_found", id="all zero on an exponential"),
        pytest.param(2 * X + 1, "linear", "no_peak_found", id="a line"),
        pytest.param(np.exp(-X), "exponential", "no_peak_found", id="an exponential"),
        pytest.param(gauss(X, 3, 2.6, 0.7) + 0.1 * NOISE, "constant", "peak_outside_window", id="center outside"),
        pytest.param(gauss(X, 3, -5, 1) + NOISE, "none", "no_peak_found", id="center far outside"),
        pytest.param(gauss(X, 3, 0.3, 0.03) + 0.1 * NOISE, "none", "narrower_than_sampling", id="narrow peak"),
        pytest.param(gauss(X) - 1 + NOISE, "none", "offset_suspected", id="offset not modelled"),
        pytest.param(gauss(X) + 0.5 + 0.3 * NOISE, "none", "offset_suspected", id="positive offset not modelled"),
        pytest.param(np.exp(-X) + 0.01 * NOISE, "none", "not_identified", id="a decay fitted by a peak"),
        pytest.param(gauss(X) + 0.2 * X**3, "none", "residuals_not_noise", id="another curve"),
    ],
)
def test_no_confident_wrong_number(y, baseline, expected):
    result = fit(X, y, baseline=baseline)
    assert expected in codes(result)
    assert not result.trustworthy
    finite = [math.isfinite(value) for value in result.values.values()]
    assert all(finite) or severe(result)
    for verdict in result.verdicts:
        assert verdict.message.endswith((".", "…"))
        assert verdict.code == "trustworthy" or verdict.advice.endswith(".")


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_perfect_data_are_fitted_perfectly(baseline):
    below = {"none": 0, "constant": 1.5, "linear": 1.5 - X, "exponential": 2 * np.exp(-0.7 * X)}[baseline]
    result = fit(X, gauss(X) + below, baseline=baseline)
    for name, true in {"amplitude": 3, "center": 0.3, "width": 0.5}.items():
        assert result.values[name] == pytest.approx(true, abs=1e-9)
    assert {"perfect_fit", "trustworthy"} <= codes(result)
    assert result.chi2 < 1e-18


@pytest.mark.parametrize("width", [0.08, 0.15, 1.5, 6.0])
def test_narrow_and_wide_perfect_peaks_are_right(width):
    result = fit(X, gauss(X, -2, 0.1, width))
    assert result.values["width"] == pytest.approx(width, rel=1e-6)
    assert result.values["amplitude"] == pytest.approx(-2, rel=1e-6)


def test_as_many_points_as_parameters_gives_unknown_errors():
    x = np.array([-0.5, 0.0, 0.6])
    result = fit(x, gauss(x))
    assert result.values["amplitude"] == pytest.approx(3, rel=1e-8)
    assert result.values["center"] == pytest.approx(0.3, rel=1e-8)
    assert all(error == math.inf for error in result.errors.values())
    assert result.interval()["center"] == (-math.inf, math.inf)
    assert math.isnan(result.reduced_chi2)
    low, high = result.band(X)
    assert np.all(np.isinf(low))
    assert np.all(np.isinf(high))
    assert "too_few_points" in codes(result)
    assert not result.trustworthy
    assert repr(result)
    assert result._repr_html_()


def test_as_many_points_as_parameters_has_errors_if_sigma_is_known():
    x = np.array([-0.5, 0.0, 0.6])
    result = fit(x, gauss(x), 0.1)
    assert all(math.isfinite(error) for error in result.errors.values())
    assert "too_few_points" in codes(result)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "words"),
    [
        ((np.ones(5), np.arange(5.0)), {}, ValueError, "all 5 points have the same x = 1.0"),
        ((X[:2], X[:2]), {}, ValueError, "2 usable points are fewer than the 3 parameters of one peak"),
        (
            (X[:6], X[:6]),
            {"peaks": 2, "baseline": "constant"},
            ValueError,
            "7 parameters of 2 peaks on a constant base",
        ),
        ((X, X * np.nan), {}, ValueError, "none of the 25 rows"),
        ((X, gauss(X), np.zeros(25)), {}, ValueError, "sigma above zero"),
        ((X, X[:3]), {}, ValueError, "x has 25 points but y has 3"),
        ((X, gauss(X), [0.1, 0.2]), {}, ValueError, "sigma has 2 points but y has 25"),
        ((X, np.ones((5, 5))), {}, ValueError, "one dimension, not 2"),
        (([], []), {}, ValueError, "no points"),
        ((X, ["a"] * 25), {}, TypeError, "y must be a sequence of real numbers"),
        ((X, 1j * X), {}, TypeError, "complex"),
        ((X,), {}, TypeError, "fit needs x and y"),
        ((X, gauss(X)), {"peaks": 0}, ValueError, "peaks must be between 1 and 40, not 0"),
        ((X, gauss(X)), {"peaks": 1.5}, TypeError, 'whole number or "auto", not 1.5'),
        ((X, gauss(X)), {"peaks": True}, TypeError, "whole number"),
        ((X, gauss(X)), {"baseline": "cubic"}, ValueError, "none, constant, linear, exponential, not 'cubic'"),
        ((X, gauss(X)), {"start": {"center": 0, "width": -1}}, ValueError, "above zero: -1"),
        ((X, gauss(X)), {"start": {"centre": 0}}, ValueError, "'centre'"),
        (([0, 1e308, -1e308, 5], [1, 2, 3, 4.0]), {}, ValueError, "change the unit of x"),
        ((X, (X - 1) * 5.9e307), {}, ValueError, "change its unit"),
    ],
)
def test_impossible_input_is_refused_with_a_sentence(arguments, options, kind, words):
    with pytest.raises(kind) as caught:
        fit(*arguments, **options)
    assert words in str(caught.value)


def test_rows_that_cannot_be_used_are_left_out_and_counted():
    x = np.r_[X, np.nan, 0.1, 0.2, 0.3]
    y = np.r_[gauss(X) + NOISE, 1, np.inf, 1, 2]
    sigma = np.r_[np.full(25, 0.2), 0.2, 0.2, 0.0, -1]
    result = fit(x, y, sigma)
    assert result.left_out == 4
    assert result.y.size == 25
    (note,) = [verdict for verdict in result.verdicts if verdict.code == "rows_left_out"]
    assert note.severity == "note"
    assert "4 rows of 29 were left out" in note.message
    assert result.values["center"] == pytest.approx(REFERENCE.values["center"], rel=1e-9)


def test_masked_arrays_and_lists_and_integers_are_data_too():
    y = gauss(X) + NOISE
    masked = np.ma.array(np.r_[y, 99.0], mask=[False] * 25 + [True])
    assert fit(np.r_[X, 0.0], masked).left_out == 1
    assert fit(X.tolist(), y.tolist()).values == REFERENCE.values
    counts = np.round(100 * gauss(X)).astype(int)
    assert fit(np.arange(25), counts).values["width"] == pytest.approx(3, rel=0.02)
    assert fit(X.astype("f4"), y).values["width"] == pytest.approx(REFERENCE.values["width"], rel=1e-5)


def test_points_at_the_same_x_count_each():
    x, y = np.repeat(X, 3), np.repeat(gauss(X), 3) + 0.2 * np.random.default_rng(1).standard_normal(75)
    result = fit(x, y)
    assert result.trustworthy
    assert result.dof == 72


def test_two_different_x_determine_no_peak():
    result = fit([0, 0, 0, 1, 1, 1], [1, 1.1, 0.9, 2, 2.1, 1.9])
    assert "not_identified" in codes(result)


def test_a_wrong_sigma_is_noticed():
    y = gauss(X) + NOISE
    small, large = fit(X, y, 0.02), fit(X, y, 2.0)
    assert "sigma_too_small" in severe(small)
    assert "sigma_too_large" in codes(large)
    assert fit(X, y, 0.02, absolute_sigma=False).errors == pytest.approx(REFERENCE.errors)


def test_another_answer_that_fits_as_well_is_named():
    x = np.linspace(-6, 6, 121)
    noise = 0.1 * np.random.default_rng(3).standard_normal(121)
    result = fit(x, gauss(x, 2, -4, 0.3) + gauss(x, 2.01, 4, 0.3) + noise)
    (verdict,) = [verdict for verdict in result.verdicts if verdict.code == "two_answers"]
    assert verdict.severity == "warning"
    assert "center at 4 " in verdict.message
    assert result.values["center"] == pytest.approx(-4, abs=0.1)


def test_a_start_leads_to_its_own_minimum_and_the_better_one_is_named():
    x = np.linspace(-2, 2, 41)
    y = gauss(x, 3, -1, 0.3) + gauss(x, 1, 1, 0.3)
    result = fit(x, y + 0.01 * np.sin(40 * x), start={"center": 1.1, "width": 0.2})
    assert result.values["center"] == pytest.approx(1, abs=0.2)
    assert any(verdict.code == "two_answers" and "better" in verdict.message for verdict in result.verdicts)


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("size", [5, 50, 3000, 100_000])
def test_work_is_bounded_on_pure_noise(baseline, size):
    import time

    x, y = np.linspace(0, 1, size), np.random.default_rng(size).standard_normal(size)
    began = time.process_time()
    result = fit(x, y, baseline=baseline)
    assert result.verdicts
    assert time.process_time() - began < 3.0  # about 0.1 s; the machines that run this are slow in bursts

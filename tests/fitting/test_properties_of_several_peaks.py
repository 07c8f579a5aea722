"""What must hold for all data holds for several peaks and for their number chosen by the fit as well."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gaussapp.fitting import compare, fit

BASELINES = st.sampled_from(["none", "constant", "linear", "exponential"])
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.sampled_from([2, 3, "auto"])
BELOW = {
    "none": lambda x: 0 * x,
    "constant": lambda x: 0.7 + 0 * x,
    "linear": lambda x: 1 - 0.5 * x,
    "exponential": lambda x: 2 * np.exp(-x),
}


def peaks_with_noise(seed, baseline, peaks, points=60):
    """Return two or three peaks on a baseline, told apart by the data, at positions that adding 1e9 does not round."""
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1, 1, points)) if random.random() < 0.5 else np.linspace(-1, 1, points)
    x = np.round(x * 2**20) / 2**20
    centers = [-0.4, 0.4] if peaks != 3 else [-0.6, 0.0, 0.6]
    y = BELOW[baseline](x) + random.standard_normal(points) / 40
    for center in centers:
        width = random.uniform(0.1, 0.14)
        y += random.uniform(0.7, 1.5) * np.exp(-0.5 * ((x - center - random.uniform(-0.05, 0.05)) / width) ** 2)
    return x, y


def codes(result):
    return [verdict.code for verdict in result.verdicts]


def by_kind(result, kind):
    return np.array([value for name, value in result.values.items() if name.startswith(kind)])


@given(SEEDS, BASELINES, COUNTS, st.integers(-30, 30), st.integers(-30, 30), st.sampled_from([0.0, 1.0, -3e3, 1e8]))
@settings(max_examples=10)
def test_shifting_and_scaling_transforms_all_peaks(seed, baseline, peaks, x_power, y_power, shift):
    """The largest shift is 1e9 widths."""
    x, y = peaks_with_noise(seed, baseline, peaks)
    plain = fit(x, y, baseline=baseline, peaks=peaks)
    assume(plain.trustworthy)
    stretch, height = 10.0**x_power, 10.0**y_power
    other = fit((x + shift) * stretch, y * height, baseline=baseline, peaks=peaks)
    tolerance = 1e-4 if abs(shift) > 1e6 else 1e-6
    assert other.names == plain.names
    widths = by_kind(plain, "width")
    np.testing.assert_allclose(by_kind(other, "amplitude_") / height, by_kind(plain, "amplitude_"), rtol=tolerance)
    np.testing.assert_allclose(by_kind(other, "width") / stretch, widths, rtol=tolerance)
    assert np.all(abs(by_kind(other, "center") / stretch - shift - by_kind(plain, "center")) < tolerance * widths)
    for name in plain.names[: 3 * plain.peaks]:
        unit = height if name.startswith("amplitude") else stretch
        assert other.errors[name] / unit == pytest.approx(plain.errors[name], rel=100 * tolerance)
    if "baseline_beyond_numbers" in codes(other):  # the one thing that depends on where x = 0 is
        assert baseline == "exponential"
        assert abs(shift) > 1.0
        assert set(codes(other)) - {"baseline_beyond_numbers"} == set(codes(plain)) - {"trustworthy"}
    else:
        assert codes(other) == codes(plain)


@given(SEEDS, BASELINES, COUNTS)
@settings(max_examples=8)
def test_the_order_of_the_points_changes_no_peak(seed, baseline, peaks):
    x, y = peaks_with_noise(seed, baseline, peaks)
    sigma = np.random.default_rng(seed).uniform(0.02, 0.04, x.size)
    plain = fit(x, y, sigma, baseline=baseline, peaks=peaks)
    assume(plain.trustworthy)
    for rows in (np.random.default_rng(seed).permutation(x.size), slice(None, None, -1)):
        other = fit(x[rows], y[rows], sigma[rows], baseline=baseline, peaks=peaks)
        assert other.values == pytest.approx(plain.values, rel=1e-6, abs=1e-8)
        assert other.errors == pytest.approx(plain.errors, rel=1e-6)
        assert codes(other) == codes(plain)


@given(SEEDS, BASELINES, COUNTS, st.integers(1, 10))
@settings(max_examples=8)
def test_rows_that_are_not_finite_change_no_peak(seed, baseline, peaks, missing):
    x, y = peaks_with_noise(seed, baseline, peaks)
    random = np.random.default_rng(seed)
    rows = np.sort(random.integers(0, x.size + 1, missing))
    holes = random.choice([np.nan, np.inf, -np.inf], missing)
    in_x = random.random(missing) < 0.5
    plain = fit(x, y, baseline=baseline, peaks=peaks)
    x, y = np.insert(x, rows, np.where(in_x, holes, 0.0)), np.insert(y, rows, np.where(in_x, 0.0, holes))
    other = fit(x, y, baseline=baseline, peaks=peaks)
    assert other.left_out == missing
    assert (other.values, other.errors, other.choice) == (plain.values, plain.errors, plain.choice)
    assert set(codes(other)) == {*codes(plain), "rows_left_out"}


@given(SEEDS, BASELINES, st.sampled_from([2, 3]))
@settings(max_examples=8)
def test_repeating_every_point_divides_the_covariance_of_all_peaks(seed, baseline, peaks):
    x, y = peaks_with_noise(seed, baseline, peaks)
    plain = fit(x, y, 0.025, baseline=baseline, peaks=peaks)
    assume(plain.trustworthy)
    twice = fit(np.tile(x, 2), np.tile(y, 2), 0.025, baseline=baseline, peaks=peaks)
    assert twice.values == pytest.approx(plain.values, rel=1e-6, abs=1e-8)
    deviation = np.sqrt(plain.covariance.diagonal())
    np.testing.assert_allclose(
        twice.covariance / np.outer(deviation, deviation), plain.correlation / 2, rtol=1e-5, atol=1e-6
    )


NUMBERS = st.one_of(
    st.floats(-10, 10, allow_subnormal=False), st.sampled_from([0.0, 1.0, math.nan, math.inf, 1e-12, 1e12])
)


@given(st.data(), st.integers(0, 20), BASELINES, st.booleans(), st.sampled_from([1.0, 1e-30, 1e30, 1e-300, 1e150]))
@settings(max_examples=40)
def test_any_numbers_give_a_number_of_peaks_or_a_sentence(data, points, baseline, weighted, unit):
    x = data.draw(arrays(float, points, elements=NUMBERS))
    y = data.draw(arrays(float, points, elements=NUMBERS)) * unit
    sigma = data.draw(arrays(float, points, elements=NUMBERS)) if weighted else None
    try:
        result = fit(x, y, sigma, baseline=baseline, peaks="auto", max_peaks=4)
    except ValueError:
        return
    assert 1 <= result.peaks <= 4
    assert "peaks_chosen" in codes(result)
    assert np.all(by_kind(result, "width") > 0)
    grave = any(verdict.severity in ("warning", "bad") for verdict in result.verdicts)
    for name in result.names:
        assert grave or (math.isfinite(result.values[name]) and math.isfinite(result.errors[name]))
    assert repr(result)


ANYTHING = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.text(max_size=3), st.complex_numbers(), st.binary(max_size=3)),
        *(
            st.floats(),
            st.integers(),
            st.sampled_from([10**400, object(), fit, np.array("x"), np.datetime64("2020-01-01")]),
        ),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@given(
    st.sampled_from(
        ["x", "y", "sigma", "baseline", "peaks", "max_peaks", "absolute_sigma", "start", "criterion", "baselines"]
    ),
    ANYTHING,
)
@settings(max_examples=80)
def test_whatever_is_given_no_other_errors_are_raised(name, value):
    arguments = {"x": np.arange(9.0), "y": np.exp(-0.5 * (np.arange(9.0) - 4) ** 2), "sigma": None, name: value}
    x, y, sigma = (arguments.pop(key) for key in ("x", "y", "sigma"))
    if name == "max_peaks":
        arguments["peaks"] = "auto"
    way = compare if name in ("criterion", "baselines") else fit
    with contextlib.suppress(ValueError, TypeError):
        way(x, y, sigma, **arguments)

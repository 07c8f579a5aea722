"""What must hold for all data: shifts, scales, order, missing rows, repeated points, and nothing but sentences."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gaussapp.fitting import Fit, fit
from gaussapp.fitting.stack.many import fit_many

BASELINES = st.sampled_from(["none", "constant", "linear", "exponential"])
PLAIN_BASELINES = st.sampled_from(["none", "constant", "linear"])
SEEDS = st.integers(0, 2**32 - 1)


def peak_with_noise(seed, points=40, snr=20.0):
    """Return an ordinary peak: in the window, wider than the sampling, clear of the noise."""
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1, 1, points)) if random.random() < 0.5 else np.linspace(-1, 1, points)
    center, width = random.uniform(-0.4, 0.4), random.uniform(0.12, 0.3)
    sign = random.choice([-1.0, 1.0])
    return x, sign * np.exp(-0.5 * ((x - center) / width) ** 2) + random.standard_normal(points) / snr


def same(first, second, tolerance):
    """Tell whether two numbers agree to a share of `tolerance`."""
    return first == second or abs(first - second) <= tolerance * max(abs(first), abs(second))


@given(SEEDS, PLAIN_BASELINES, st.integers(-30, 30), st.integers(-30, 30), st.sampled_from([0.0, 1.0, -3e3, 1e9]))
@settings(max_examples=60)
def test_shifting_and_scaling_transforms_the_result(seed, baseline, x_power, y_power, shift):
    x, y = peak_with_noise(seed)
    x = np.round(x * 2**20) / 2**20  # so that adding 1e9 does not round it
    plain = fit(x, y, baseline=baseline)
    stretch, height = 10.0**x_power, 10.0**y_power
    other = fit((x + shift) * stretch, y * height, baseline=baseline)
    tolerance = 1e-7 if shift else 1e-9
    if abs(shift) > 1e6:
        tolerance = 1e-5  # one in 1e9 has seven digits left
    width = plain.values["width"]
    assert same(other.values["amplitude"] / height, plain.values["amplitude"], tolerance)
    assert abs(other.values["center"] / stretch - shift - plain.values["center"]) < tolerance * width
    assert same(other.values["width"] / stretch, width, tolerance)
    for name, unit in {"amplitude": height, "center": stretch, "width": stretch}.items():
        assert same(other.errors[name] / unit, plain.errors[name], 10 * tolerance)
    assert same(other.area.value / height / stretch, plain.area.value, tolerance)
    assert [v.code for v in other.verdicts] == [v.code for v in plain.verdicts]


@given(SEEDS, BASELINES)
@settings(max_examples=40)
def test_the_order_of_the_points_changes_nothing(seed, baseline):
    x, y = peak_with_noise(seed)
    sigma = np.random.default_rng(seed).uniform(0.02, 0.1, x.size)
    order = np.random.default_rng(seed).permutation(x.size)
    plain = fit(x, y, sigma, baseline=baseline)
    for rows in (order, slice(None, None, -1)):
        other = fit(x[rows], y[rows], sigma[rows], baseline=baseline)
        assert same(other.chi2, plain.chi2, 1e-9)
        assert [v.code for v in other.verdicts] == [v.code for v in plain.verdicts]
        if plain.trustworthy:
            assert other.values == pytest.approx(plain.values, rel=1e-6, abs=1e-8)
            assert other.errors == pytest.approx(plain.errors, rel=1e-6)


@given(SEEDS, BASELINES, st.integers(1, 10))
@settings(max_examples=30)
def test_rows_that_are_not_finite_change_nothing_but_the_count(seed, baseline, missing):
    x, y = peak_with_noise(seed)
    random = np.random.default_rng(seed)
    rows = np.sort(random.integers(0, x.size + 1, missing))
    holes = random.choice([np.nan, np.inf, -np.inf], missing)
    in_x = random.random(missing) < 0.5
    x_more = np.insert(x, rows, np.where(in_x, holes, 0.0))
    y_more = np.insert(y, rows, np.where(in_x, 0.0, holes))
    plain, other = fit(x, y, baseline=baseline), fit(x_more, y_more, baseline=baseline)
    assert other.left_out == missing
    assert other.values == plain.values
    assert other.errors == plain.errors
    assert {v.code for v in other.verdicts} == {v.code for v in plain.verdicts} | {"rows_left_out"}


@given(SEEDS, PLAIN_BASELINES)
@settings(max_examples=30)
def test_repeating_every_point_divides_the_covariance(seed, baseline):
    x, y = peak_with_noise(seed)
    plain, known = fit(x, y, baseline=baseline), fit(x, y, 0.05, baseline=baseline)
    twice = fit(np.tile(x, 2), np.tile(y, 2), baseline=baseline)
    twice_known = fit(np.tile(x, 2), np.tile(y, 2), 0.05, baseline=baseline)
    assume(plain.trustworthy)
    assert twice.values == pytest.approx(plain.values, rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(twice_known.covariance, known.covariance / 2, rtol=1e-6, atol=1e-12)
    # Without sigma the residuals give the noise, and their degrees of freedom do not quite double.
    share = plain.dof / twice.dof
    np.testing.assert_allclose(twice.covariance, plain.covariance * share, rtol=1e-6, atol=1e-12)


@given(
    st.data(),
    st.integers(0, 12),
    BASELINES,
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([1.0, 1e-30, 1e30, 1e-300, 1e150]),
)
@settings(max_examples=120)
@example(st.none(), 0, "none", 1, False, 1.0)
def test_any_numbers_give_a_fit_or_a_sentence(data, points, baseline, peaks, weighted, unit):
    if not hasattr(data, "draw"):
        return
    element = st.one_of(
        st.floats(-10, 10, allow_subnormal=False), st.sampled_from([0.0, 1.0, math.nan, math.inf, 1e-12, 1e12])
    )
    x = data.draw(arrays(float, points, elements=element))
    y = data.draw(arrays(float, points, elements=element)) * unit
    sigma = data.draw(arrays(float, points, elements=element)) if weighted else None
    try:
        result = fit(x, y, sigma, baseline=baseline, peaks=peaks)
    except ValueError:
        return
    check(result)


def check(result: Fit) -> None:
    """Check what must hold for every Fit."""
    grave = any(verdict.severity in ("warning", "bad") for verdict in result.verdicts)
    for name, value in result.values.items():
        assert math.isfinite(value) or grave, name
        if name.startswith("width"):
            assert value > 0
    for name, error in result.errors.items():
        assert not math.isnan(error)
        assert math.isfinite(error) or grave, name
    assert result.trustworthy is not grave
    assert result.residuals.shape == result.y.shape
    assert result.to_dict()["dof"] == result.dof
    assert repr(result)
    assert result._repr_html_().startswith("<div")
    low, high = result.band(np.linspace(-10, 10, 7))
    assert np.all(low <= high)


@given(SEEDS, st.sampled_from([3, 4, 5, 7, 10, 30]), BASELINES, st.booleans())
@settings(max_examples=80)
def test_pure_noise_never_passes_for_a_certain_peak(seed, points, baseline, known):
    random = np.random.default_rng(seed)
    x, y = np.sort(random.uniform(0, 1, points)), random.standard_normal(points)
    try:
        result = fit(x, y, 1.0 if known else None, baseline=baseline)
    except ValueError:
        return
    check(result)
    if points >= 7:
        # By design one in a hundred noise data sets has a "peak"; few of these look trustworthy in all other respects.
        assert not result.trustworthy or chance_was_small(result)


def chance_was_small(result: Fit) -> bool:
    """Tell whether the data really hold what would be a peak at the one-per-cent level."""
    return result.r_squared > 0.5


@settings(max_examples=25, deadline=None)
@given(
    shift=st.sampled_from([0.0, 30.0, 2e3, -2.4e3, 1e5, -1e6, 1e9, -1e9]),
    rate=st.sampled_from([-0.4, 0.1, 0.3]),
    unit=st.sampled_from([1.0, 1e-30, 1e30]),
)
def test_an_exponential_whose_height_at_zero_is_no_number_says_so(shift, rate, unit):
    x = np.linspace(0.0, 10.0, 60)
    y = 3.0 * np.exp(-0.5 * ((x - 5.0) / 0.8) ** 2) + 2.0 * np.exp(-rate * x)
    y = unit * (y + 0.05 * np.random.default_rng(0).standard_normal(60))
    near, far = fit(x, y, baseline="exponential"), fit(x + shift, y, baseline="exponential")
    numbers = [*far.values.values(), *far.errors.values()]
    power = abs(rate * shift / np.log(10.0) + np.log10(2.0 * unit))
    said = any(verdict.code == "baseline_beyond_numbers" for verdict in far.verdicts)
    assert said or (np.isfinite(numbers).all() and all(numbers))
    assert said == (power > 300.0) or 295.0 < power < 305.0
    assert far.trustworthy == (near.trustworthy and not said)
    assert far.values["decay_rate"] == pytest.approx(near.values["decay_rate"], rel=1e-5)
    assert far.values["amplitude"] == pytest.approx(near.values["amplitude"], rel=1e-6)
    assert np.allclose(far.curve(x + shift), near.curve(x), rtol=1e-5)
    many = fit_many(x + shift, np.array([y] * 4), baseline="exponential")
    assert set(many.codes(0)) == {verdict.code for verdict in far.verdicts}
    assert many.values[0] == pytest.approx(list(far.values.values()), rel=1e-6)

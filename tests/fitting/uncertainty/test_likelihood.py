"""Intervals from the profile likelihood, errors of derived quantities, and the bootstrap, each against another way."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from gaussapp.fitting import evaluate, fit
from gaussapp.fitting.uncertainty.quantity import parts_of

X = np.linspace(-2, 2, 25)
TRUTH = {"amplitude": 3.0, "center": 0.1, "width": 0.5, "offset": 1.0, "slope": 0.2}
WIDE = np.linspace(2, 12, 80)
TWO = {
    "amplitude_1": 30.0,
    "center_1": 6.0,
    "width_1": 0.7,
    "amplitude_2": 20.0,
    "center_2": 9.0,
    "width_2": 0.8,
    "offset": 3.0,
    "slope": 0.2,
    "decay_amplitude": 9.0,
    "decay_rate": 0.1,
}


def measured(seed=1, noise=0.4, baseline="constant"):
    return X, evaluate(X, TRUTH, baseline) + noise * np.random.default_rng(seed).standard_normal(25)


def two_peaks(baseline="constant", loss="least squares"):
    mean, rng = evaluate(WIDE, TWO, baseline), np.random.default_rng(4)
    return WIDE, rng.poisson(mean) if loss == "poisson" else mean + 1.5 * rng.standard_normal(80)


def rise(result, other):
    """Return how much worse another fit is, as a share of what the end of a 95 % interval allows."""
    tau = result._quantile(0.95)
    unit = 1.0 if result.absolute_sigma else result.reduced_chi2
    return (other.deviance - result.deviance) / unit / tau**2


@pytest.mark.parametrize("sigma", [None, 0.4, np.linspace(0.2, 0.6, 25)])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_a_fit_with_a_parameter_held_at_an_end_is_worse_by_the_quantile(baseline, sigma):
    x, y = measured(baseline=baseline)
    result = fit(x, y, sigma, baseline=baseline)
    for name, ends in result.interval(kind="profile").items():
        assert ends[0] < result.values[name] < ends[1]
        for end in ends:
            held = fit(x, y, sigma, baseline=baseline, fixed={name: end}, absolute_sigma=result.absolute_sigma)
            assert rise(result, held) == pytest.approx(1, abs=1e-6), name


@pytest.mark.parametrize("loss", ["least squares", "poisson"])
@pytest.mark.parametrize("baseline", ["constant", "exponential"])
def test_distances_and_ratios_of_two_peaks_end_where_a_fit_tied_there_says(baseline, loss):
    x, y = two_peaks(baseline, loss)
    options = {"baseline": baseline, "peaks": 2, "loss": loss}
    result = fit(x, y, **options)
    ties = {
        "center_2 - center_1": lambda end: {"center_2": ("center_1", 1, end)},
        "amplitude_2 / amplitude_1": lambda end: {"amplitude_2": ("amplitude_1", end, 0)},
        "width_2/width_1": lambda end: {"width_2": ("width_1", end, 0)},
    }
    for quantity, ends in result.interval(kind="profile", of=list(ties)).items():
        for end in ends:
            tied = fit(x, y, ties=ties[quantity](end), start=start_of(result, quantity), **options)
            assert rise(result, tied) == pytest.approx(1, abs=1e-5), quantity


def start_of(result, quantity):
    tied = quantity.split()[0].split("/")[0]
    return {n: v for n, v in result.values.items() if n.startswith(("center", "width")) and n != tied}


def test_the_interval_of_an_area_ends_where_a_constrained_search_says():
    x, y = measured()
    result = fit(x, y, baseline="constant")
    tau, unit = result._quantile(0.95), result.reduced_chi2
    for end in result.interval(kind="profile", of="area")["area"]:

        def loss(p, area=end):
            width = math.exp(p[1])
            values = {
                "amplitude": area / width / math.sqrt(2 * math.pi),
                "center": p[0],
                "width": width,
                "offset": p[2],
            }
            return float(np.sum((y - evaluate(x, values, "constant")) ** 2))

        options = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 5000}
        best = minimize(loss, [0.1, math.log(0.5), 1.0], method="Nelder-Mead", options=options)
        assert (best.fun - result.chi2) / unit / tau**2 == pytest.approx(1, abs=1e-6)
    low, high = result.interval(kind="profile", of=["fwhm"])["fwhm"]
    assert (low, high) == pytest.approx(
        2 * math.sqrt(2 * math.log(2)) * np.array(result.interval(kind="profile")["width"])
    )


def test_profiles_of_nearly_linear_parameters_are_the_symmetric_intervals():
    x, y = measured(noise=0.002)
    result = fit(x, y, baseline="linear")
    of = [*result.names, "area"]
    for name, ends in result.interval(kind="profile", of=of).items():
        assert ends == pytest.approx(result.interval(of=of)[name], abs=0.01 * result.estimate(name).error)


def test_profiles_follow_units_and_offsets():
    x, y = measured()
    plain, moved = fit(x, y, baseline="linear"), fit(1e6 + 1e-3 * x, 1e12 * y, baseline="linear")
    here, there = plain.interval(kind="profile"), moved.interval(kind="profile")
    assert np.array(there["amplitude"]) / 1e12 == pytest.approx(here["amplitude"], rel=1e-6)
    assert (np.array(there["center"]) - 1e6) / 1e-3 == pytest.approx(here["center"], abs=1e-6)
    assert np.array(there["width"]) / 1e-3 == pytest.approx(here["width"], rel=1e-5)
    assert np.array(there["slope"]) * 1e-15 == pytest.approx(here["slope"], rel=1e-5)


def test_constraints_hold_in_profiles():
    x, y = two_peaks()
    held = {"ties": {"width_2": "width_1"}, "fixed": {"offset": 3}}
    free = fit(x, y, peaks=2, baseline="constant", **held)
    low = free.values["center_1"] - free.errors["center_1"]
    result = fit(x, y, peaks=2, baseline="constant", bounds={"center_1": (low, None)}, **held)
    profile = result.interval(kind="profile", of=[*result.names, "area_2", "width_2 - width_1", "width_2 / width_1"])
    assert profile["offset"] == (3, 3)
    assert profile["width_1"] == pytest.approx(profile["width_2"])
    assert profile["width_2 - width_1"] == (0, 0)
    assert profile["width_2 / width_1"] == (1, 1)
    assert profile["center_1"][0] == pytest.approx(low, abs=1e-12)
    assert profile["center_1"][1] > free.values["center_1"] + free.errors["center_1"]
    assert result.estimate("width_2 - width_1") == (0, 0)


def test_ends_that_do_not_exist_are_infinite():
    x = np.linspace(-2, 2, 25)  # a top so flat that the data cannot tell it from a constant
    y = evaluate(x, {"amplitude": 1.0, "center": 0.0, "width": 2.5, "offset": 0.0}, "constant")
    y = y + 0.1 * np.random.default_rng(4).standard_normal(25)
    result = fit(x, y, baseline="constant")
    profile = result.interval(kind="profile", of=["width", "fwhm", "offset", "amplitude"])
    assert profile["width"][1] == math.inf
    assert profile["fwhm"][1] == math.inf
    assert 0 < profile["width"][0] < 2.5
    assert profile["amplitude"][1] == math.inf
    assert profile["offset"][0] == -math.inf
    as_many = fit(x[10:13], y[10:13])
    assert as_many.interval(kind="profile")["width"] == (-math.inf, math.inf)


def test_another_answer_that_fits_as_well_is_inside_the_interval():
    x = np.linspace(-6, 6, 121)
    y = evaluate(x, {"amplitude": 2, "center": -4, "width": 0.3}) + evaluate(
        x, {"amplitude": 2.01, "center": 4, "width": 0.3}
    )
    result = fit(x, y + 0.1 * np.random.default_rng(3).standard_normal(121))
    low, high = result.interval(kind="profile")["center"]
    assert low < -3.9
    assert high > 3.9


@settings(max_examples=15)
@given(
    st.integers(0, 10**6), st.sampled_from(["none", "constant", "linear", "exponential"]), st.sampled_from([2, 4, 10])
)
def test_every_data_set_has_intervals_around_its_values(seed, baseline, ratio):
    x, y = measured(seed, 3 / ratio, baseline if baseline != "exponential" else "constant")
    result = fit(x, y, baseline=baseline)
    for name, (low, high) in result.interval(kind="profile", of=[*result.names, "fwhm", "area"]).items():
        value = result.estimate(name).value
        assert low <= value + 1e-9 * abs(value)
        assert high >= value - 1e-9 * abs(value)


def test_the_kind_of_interval_follows_the_signal_to_noise():
    clear, faint = fit(*measured(noise=0.1), baseline="constant"), fit(*measured(noise=0.9), baseline="constant")
    assert clear.interval(kind="auto") == clear.interval()
    assert faint.interval(kind="auto") == faint.interval(kind="profile")


def test_errors_of_quantities_come_from_the_full_covariance():
    x, y = two_peaks()
    result = fit(x, y, peaks=2, baseline="constant")
    names, values = list(result.names), list(result.values.values())
    functions = {
        "center_2 - center_1": lambda p: p["center_2"] - p["center_1"],
        "amplitude_2 / amplitude_1": lambda p: p["amplitude_2"] / p["amplitude_1"],
        "fwhm_2": lambda p: 2 * math.sqrt(2 * math.log(2)) * p["width_2"],
        "area_1": lambda p: math.sqrt(2 * math.pi) * p["amplitude_1"] * p["width_1"],
        "offset": lambda p: p["offset"],
    }
    for quantity, function in functions.items():
        gradient = []
        for i in range(len(values)):
            up, down = list(values), list(values)
            up[i] += 1e-6
            down[i] -= 1e-6
            change = function(dict(zip(names, up, strict=True))) - function(dict(zip(names, down, strict=True)))
            gradient.append(change / 2e-6)
        estimate = result.estimate(quantity)
        assert estimate.value == pytest.approx(function(result.values))
        assert estimate.error == pytest.approx(math.sqrt(np.array(gradient) @ result.covariance @ gradient), rel=1e-6)
    low, high = result.interval(0.9, of="center_2 - center_1")["center_2 - center_1"]
    assert (high - low) / 2 == pytest.approx(result._quantile(0.9) * result.estimate("center_2 - center_1").error)
    assert result.estimate("area_1") == pytest.approx(result.derived["area_1"])


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("center_2 + center_1", "is not understood"),
        ("center_3 - center_1", "names 'center_3', which is not a parameter"),
        ("center_1 - center_1", "the same parameter twice"),
        ("fwhm", "names 'fwhm'"),
        ("__class__", "names '__class__'"),
        ("", "is not understood"),
    ],
)
def test_quantities_that_are_none_are_refused(quantity, words):
    result = fit(*two_peaks(), peaks=2, baseline="constant")
    for kind in ("symmetric", "profile"):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            result.interval(kind=kind, of=[quantity])
        assert words in str(caught.value)


def test_kinds_and_levels_that_are_none_are_refused():
    with pytest.raises(ValueError, match='"symmetric", "profile" or "auto"'):
        fit(*measured()).interval(kind="bayes")
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit(*measured()).interval(2, kind="profile")


def test_expressions_are_taken_apart():
    names = ("amplitude_1", "center_1", "width_1", "amplitude_2", "center_2", "width_2")
    assert parts_of("width_2", names) == ("", "width_2", "")
    assert parts_of(" center_2-center_1 ", names) == ("-", "center_2", "center_1")
    assert parts_of("area_2", names) == ("area", "amplitude_2", "width_2")


# ---------------------------------------------------------------------------------------------- bootstrap


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_the_parametric_bootstrap_scatters_as_the_errors_say(baseline):
    x, y = two_peaks(baseline)
    result = fit(x, y, peaks=2, baseline=baseline)
    again = result.bootstrap(400, seed=3)
    assert again.failed == 0
    assert again.samples.shape == (400, len(result.names))
    for name in result.names:
        assert again.errors[name] == pytest.approx(result.errors[name], rel=0.2)
        assert np.median(again.values_of(name)) == pytest.approx(result.values[name], abs=0.3 * result.errors[name])
    estimate = result.estimate("center_2 - center_1")
    assert np.std(again.values_of("center_2 - center_1")) == pytest.approx(estimate.error, rel=0.2)
    low, high = again.interval(of=["area_1"])["area_1"]
    assert (high - low) / 2 == pytest.approx(1.96 * result.derived["area_1"].error, rel=0.2)


def test_bootstrap_fits_are_those_of_the_data_one_by_one():
    x, y = measured()
    result = fit(x, y, baseline="constant")
    again = result.bootstrap(5, seed=2)
    noise = np.random.default_rng(2).standard_normal((5, 25)) * math.sqrt(result.reduced_chi2)
    for row, e in zip(again.samples, noise, strict=True):
        single = fit(x, result.curve(x) + e, baseline="constant")
        assert row == pytest.approx(list(single.values.values()), rel=1e-6)


def test_the_bootstrap_of_pairs_draws_points_with_replacement():
    x, y = measured(noise=0.2)
    result = fit(x, y, np.linspace(0.1, 0.3, 25), baseline="constant")
    again = result.bootstrap(3, "pairs", seed=5)
    counts = np.random.default_rng(5).multinomial(25, np.full(25, 1 / 25), 3)
    for row, times in zip(again.samples, counts, strict=True):
        rows = np.repeat(np.arange(25), times)
        single = fit(x[rows], y[rows], np.linspace(0.1, 0.3, 25)[rows], baseline="constant")
        assert row == pytest.approx(list(single.values.values()), rel=1e-6)
    many = result.bootstrap(400, "pairs")
    assert many.errors["center"] == pytest.approx(result.errors["center"], rel=0.6)


@pytest.mark.parametrize("kind", ["parametric", "pairs"])
@pytest.mark.parametrize("options", [{"loss": "poisson"}, {"loss": "robust"}, {"fixed": {"offset": 3.0}}])
def test_every_fit_has_a_bootstrap(options, kind):
    x, y = two_peaks(loss=options.get("loss", ""))
    result = fit(x, y, peaks=2, baseline="constant", **options)
    again = result.bootstrap(40, kind, seed=1)
    assert len(again.samples) + again.failed == 40
    for name in result.names:
        assert again.errors[name] == pytest.approx(result.errors[name], rel=0.7)
    assert result.bootstrap(40, kind, seed=1).samples.tolist() == again.samples.tolist()
    assert pickle.loads(pickle.dumps(again)).errors == again.errors


def test_the_bootstrap_says_what_it_cannot_do():
    result = fit(*measured())
    for arguments, kind, words in [
        ((1,), ValueError, "2 or more"),
        ((2.5,), TypeError, "whole number"),
        ((10, "wild"), ValueError, "parametric, pairs"),
    ]:
        with pytest.raises(kind, match=words):
            result.bootstrap(*arguments)
    with pytest.raises(ValueError, match="no degrees of freedom"):
        fit(X[11:14], np.array([1.0, 2.0, 1.0])).bootstrap()
    with pytest.raises(ValueError, match="between 0 and 1"):
        result.bootstrap(5).interval(95)


@pytest.mark.parametrize("bounds", [{"width": (0.65, None)}, {"width": (None, 0.35)}, {"offset": (0.2, None)}], ids=str)
def test_beside_an_active_bound_an_end_is_where_the_fit_held_there_has_risen_far_enough(bounds):
    x = np.linspace(-2.0, 2.0, 25)
    y = 3.0 * np.exp(-2.0 * x * x) + 0.3 * np.random.default_rng(1).standard_normal(25)
    found = fit(x, y, baseline="constant", bounds=bounds)
    assert "bound_active" in [verdict.code for verdict in found.verdicts]
    for name, ends in found.interval(kind="profile").items():
        for end in ends:
            if name not in bounds:
                held = fit(x, y, baseline="constant", bounds=bounds, fixed={name: end})
                assert rise(found, held) == pytest.approx(1.0, rel=1e-5)

"""The Cramér-Rao bound: exact, and equal to the closed forms where these hold."""

import math

import numpy as np
import pytest

from gaussapp.fitting import bound, evaluate, fit

NOISE = 0.1
TRUTH = {"amplitude": 2.0, "center": 0.1, "width": 1.0}


def grid(spacing, half_window):
    return np.arange(-half_window, half_window + spacing / 2, spacing)


@pytest.mark.parametrize("width_over_spacing", [1.0, 2.0, 5.0, 30.0])
def test_closed_forms_without_a_baseline(width_over_spacing):
    """Hagen, Kupinski and Dereniak, Applied Optics 46:5374 (2007)."""
    spacing = 1.0 / width_over_spacing
    found = bound(grid(spacing, 8), TRUTH, NOISE)
    a, w, s2d = TRUTH["amplitude"], TRUTH["width"], NOISE**2 * spacing
    assert found["amplitude"] == pytest.approx(math.sqrt(3 * s2d / (2 * math.sqrt(math.pi) * w)), rel=0.01)
    expected = math.sqrt(2 * w * s2d / (math.sqrt(math.pi) * a * a))
    assert found["center"] == pytest.approx(expected, rel=0.01)
    assert found["width"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("window", [12.0, 20.0, 60.0])
def test_closed_forms_on_a_constant_baseline(window):
    spacing, w = 0.05, TRUTH["width"]
    x = grid(spacing, window / 2)
    without, found = bound(x, TRUTH, NOISE), bound(x, TRUTH, NOISE, baseline="constant")
    e = 2 * math.sqrt(math.pi) * w / (window + spacing)
    # In variances, without a baseline 1: 1 + terms of the baseline.
    assert (found["amplitude"] / without["amplitude"]) ** 2 == pytest.approx(
        (1 - 4 * e / 3) / (1 - 3 * e / 2), rel=0.01
    )
    assert (found["width"] / without["width"]) ** 2 == pytest.approx((1 - e) / (1 - 3 * e / 2), rel=0.01)
    assert found["center"] == pytest.approx(without["center"], rel=0.01)


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_equals_the_errors_of_a_fit_to_the_truth(baseline):
    x = np.linspace(-4, 5, 40)
    truth = {**TRUTH, "offset": 1.0, "slope": 0.3, "decay_amplitude": 1.5, "decay_rate": 0.4}
    sigma = np.linspace(0.1, 0.3, 40)
    result = fit(x, evaluate(x, truth, baseline), sigma, baseline=baseline)
    assert bound(x, truth, sigma, baseline=baseline) == pytest.approx(dict(result.errors), rel=1e-6)


def test_spread_of_many_fits_reaches_the_bound():
    x = np.linspace(-2, 2, 50)
    truth = {"amplitude": 5.0, "center": 0.2, "width": 0.4}
    random = np.random.default_rng(5)
    fits = [fit(x, evaluate(x, truth) + 0.2 * random.standard_normal(50)) for _ in range(800)]
    for name, limit in bound(x, truth, 0.2).items():
        spread = np.std([result.values[name] for result in fits])
        assert spread == pytest.approx(limit, rel=0.09)  # 3.5 standard errors of a spread from 800


def test_is_infinite_for_what_the_points_cannot_tell():
    far = bound(np.linspace(100, 110, 50), TRUTH, NOISE, baseline="constant")
    assert far["center"] == math.inf
    assert math.isfinite(far["offset"])
    assert all(value == math.inf for value in bound([0.0, 1.0], TRUTH, NOISE).values())
    assert bound(np.linspace(-2, 2, 9), TRUTH, 0) == {"amplitude": 0, "center": 0, "width": 0}


def test_far_from_any_peak_it_is_beyond_all_numbers_without_a_warning():
    x = np.linspace(0.0, 1.0, 20)
    for center in (20.0, 30.0, 37.0, 38.0, 60.0):
        truth = {"amplitude": 1.0, "center": center, "width": 1.0}
        found = bound(x, truth, 1e3, derived=True)  # warnings are errors
        assert all(value > 1e10 for value in found.values())
    assert found["area"] == np.inf
    huge = bound(x, {"amplitude": 1e-200, "center": 0.5, "width": 0.2}, 1.0, derived=True)
    assert np.isfinite(list(huge.values())).all()  # though their squares are not


def test_a_large_offset_of_x_does_no_harm():
    x = np.linspace(-2, 2, 30)
    moved = {**TRUTH, "center": 1e6 + 0.1}
    near, far = bound(x, TRUTH, NOISE, baseline="linear"), bound(x + 1e6, moved, NOISE, baseline="linear")
    for name in ("amplitude", "center", "width", "slope"):
        assert far[name] == pytest.approx(near[name], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1, 2], TRUTH, -1), "not negative"),
        (([0, 1, 2], TRUTH, [1, 2]), "shape"),
        (([0, 1, 2], TRUTH, [1, 0, 1]), "zero at some points"),
        (([0, 1, math.nan], TRUTH, 1), "x must be finite"),
        (([0, 1, 2], {**TRUTH, "width": 0}, 1), "width must be above zero"),
        (([0, 1, 2], {"amplitude": 1, "center": 0}, 1), "width missing"),
        (([[0, 1]], TRUTH, 1), "one dimension"),
        (([0, 1, 2], {"amplitude_1": 1, "center_1": 0, "width_1": 1}, 1), "amplitude_1, but not amplitude;"),
        (([0, 1, 2], {f"{n}_{k}": 1 for k in (1, 3) for n in TRUTH}, 1), "but not amplitude_2;"),
    ],
)
def test_impossible_questions_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        bound(*arguments)


HELD = [
    ({"fixed": ["width"]}, {"fixed": {"width": 1.0}}),
    (
        {"fixed": ["offset"], "ties": {"width": "0.5 * amplitude"}},
        {"fixed": {"offset": 1.0}, "ties": {"width": "0.5 * amplitude"}},
    ),
    ({"fixed": ["slope"]}, {"fixed": {"slope": 0.3}}),
    ({"ties": {"slope": ("offset", 0.3, 0.0)}}, {"ties": {"slope": ("offset", 0.3, 0.0)}}),
    (
        {"fixed": ("amplitude", "width", "offset", "slope")},
        {"fixed": {"amplitude": 2.0, "width": 1.0, "offset": 1.0, "slope": 0.3}},
    ),
]


@pytest.mark.parametrize(("known", "held"), HELD, ids=str)
def test_under_constraints_it_equals_the_errors_of_a_constrained_fit_to_the_truth(known, held):
    x = np.linspace(-4, 5, 40)
    truth = {**TRUTH, "offset": 1.0, "slope": 0.3}
    result = fit(x, evaluate(x, truth, "linear"), 0.1, baseline="linear", **held)
    found = bound(x, truth, 0.1, baseline="linear", derived=True, **known)
    assert {name: found[name] for name in result.names} == pytest.approx(dict(result.errors), rel=1e-6)
    assert found["area"] == pytest.approx(result.area.error, rel=1e-6)
    free = bound(x, truth, 0.1, baseline="linear")
    assert all(found[name] <= free[name] * (1 + 1e-12) for name in free)


def test_what_is_known_needs_no_points_and_what_follows_the_unseen_is_unseen():
    far = bound(
        np.linspace(100, 110, 50), TRUTH, NOISE, baseline="constant", fixed=["center"], ties={"offset": "width"}
    )
    assert far["center"] == 0.0
    assert far["amplitude"] == math.inf
    assert math.isfinite(far["offset"])
    assert far["offset"] == far["width"]
    assert bound([0.0, 1.0], TRUTH, NOISE, fixed=["amplitude", "center", "width"]) == dict.fromkeys(TRUTH, 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed": ["slope"]}, "fixed has 'slope', which is not a parameter of this fit"),
        ({"ties": {"width": "center", "center": "width"}}, "ties go in a circle: center → width → center"),
        ({"fixed": ["width"], "ties": {"width": "center"}}, "width is both fixed and tied to center"),
    ],
)
def test_contradictions_in_what_is_known_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        bound([0.0, 1.0, 2.0, 3.0], TRUTH, 1.0, **options)


# Several peaks --------------------------------------------------------------------------------------------------------

BASELINES = {
    "none": {},
    "constant": {"offset": 4.0},
    "linear": {"offset": 6.0, "slope": 0.5},
    "exponential": {"decay_amplitude": 5.0, "decay_rate": 0.3},
}


def by_numerical_derivatives(x, truth, baseline, variance, derived):
    """The bound with nothing of the package but the curve itself: central differences, and an inverse in equal units."""
    names = [name for name in truth if name not in derived]

    def difference(function, name, step=1e-5):
        up, down = (function({**truth, name: truth[name] + sign * step}) for sign in (1, -1))
        return (up - down) / (2 * step)

    rows = np.array([difference(lambda values: evaluate(x, values, baseline), name) for name in names])
    fisher = rows / variance @ rows.T
    units = np.sqrt(fisher.diagonal())
    covariance = np.linalg.inv(fisher / units / units[:, None]) / units / units[:, None]
    found = dict(zip(names, np.sqrt(covariance.diagonal()), strict=True))
    for name, function in derived.items():
        by = np.array([difference(function, parameter) for parameter in names])
        found[name] = math.sqrt(by @ covariance @ by)
    return found


@pytest.mark.parametrize("counts", [False, True], ids=["sigma", "counts"])
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("peaks", [1, 2, 3, 5])
def test_any_number_of_peaks_on_any_baseline_agrees_with_numerical_derivatives(peaks, baseline, counts):
    x = np.linspace(-3.0, 3.0 * peaks + 1.0, 40 * peaks)
    truth = {}
    for k in range(peaks):
        suffix = f"_{k + 1}" if peaks > 1 else ""
        peak = {"amplitude": 20.0 + 3.0 * k, "center": 2.4 * k + 0.1, "width": 0.8 + 0.1 * k}
        truth |= {name + suffix: value for name, value in peak.items()}
    truth |= BASELINES[baseline]
    sigma = None if counts else np.linspace(0.3, 0.9, x.size)
    variance = np.maximum(evaluate(x, truth, baseline), 1e-300) if counts else sigma**2
    derived = {}
    for k in range(peaks):
        end = f"_{k + 1}" if peaks > 1 else ""
        derived[f"fwhm{end}"] = lambda values, end=end: 2.0 * math.sqrt(2.0 * math.log(2.0)) * values[f"width{end}"]
        derived[f"area{end}"] = lambda values, end=end: (
            math.sqrt(2.0 * math.pi) * values[f"amplitude{end}"] * values[f"width{end}"]
        )
    found = bound(x, truth, sigma, baseline=baseline, counts=counts, derived=True)
    assert found == pytest.approx(by_numerical_derivatives(x, truth, baseline, variance, derived), rel=1e-5)


def test_counts_have_the_mean_of_the_whole_truth():
    """A slope without an offset is still there; and of two baselines the one that is fitted."""
    x = np.linspace(1.0, 9.0, 60)
    peak = {"amplitude": 30.0, "center": 5.0, "width": 0.7}
    line = bound(x, {**peak, "slope": 2.0}, baseline="linear", counts=True)
    assert line == bound(x, {**peak, "offset": 0.0, "slope": 2.0}, baseline="linear", counts=True)
    decay = {"decay_amplitude": 9.0, "decay_rate": 0.2}
    both = bound(x, {**peak, **decay, "offset": 50.0}, baseline="exponential", counts=True)
    assert both == bound(x, {**peak, **decay}, baseline="exponential", counts=True)

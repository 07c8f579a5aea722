"""Counts by maximum likelihood and outliers by Student's t: optima, errors and goodness against independent sources."""

import math
import pickle

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, poisson, t

from gaussapp.fitting import evaluate, fit
from gaussapp.fitting.constrained.held import highest_leverage
from gaussapp.fitting.peak import gradient

X = np.linspace(0, 10, 50)
MEAN = {"amplitude": 10.0, "center": 5.0, "width": 1.0, "offset": 1.0}
COUNTS = np.random.default_rng(1).poisson(evaluate(X, MEAN, "constant"))


def codes(result):
    return {verdict.code: verdict.severity for verdict in result.verdicts}


def low_counts(seed, mean=None, points=50):
    x = np.linspace(0, 10, points)
    return x, np.random.default_rng(seed).poisson(evaluate(x, mean or MEAN, "constant"))


# ---------------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_no_other_mean_makes_the_counts_more_likely(baseline):
    result = fit(X, COUNTS, baseline=baseline, loss="poisson")
    values = np.array(list(result.values.values()))

    def loss(p):
        mean = evaluate(X, dict(zip(result.names, p, strict=True)), baseline)
        return -poisson.logpmf(COUNTS, mean).sum() if mean.min() > 0 and p[2] > 0 else np.inf

    best = minimize(
        loss, values * 1.05 + 0.01, method="Nelder-Mead", options={"maxiter": 8000, "xatol": 1e-9, "fatol": 1e-10}
    )
    assert loss(values) <= best.fun + 1e-8
    assert values == pytest.approx(best.x, rel=1e-3, abs=1e-3)
    free = result.y.size - result.dof
    assert result.aic == pytest.approx(2 * free + 2 * loss(values), rel=1e-9)
    assert result.bic == pytest.approx(free * math.log(50) + 2 * loss(values), rel=1e-9)


def test_errors_of_counts_are_those_of_fishers_information():
    result = fit(X, COUNTS, baseline="constant", loss="poisson")
    jacobian, mean = gradient(X, result.values, "constant"), result.curve(X)
    expected = np.linalg.inv(jacobian / mean @ jacobian.T)
    np.testing.assert_allclose(result.covariance, expected, rtol=1e-6, atol=1e-12)
    assert result.chi2 == pytest.approx(np.sum((COUNTS - mean) ** 2 / mean))
    np.testing.assert_allclose(result.standardized, (COUNTS - mean) / np.sqrt(mean), rtol=1e-9)
    ratio = np.where(COUNTS > 0, COUNTS * np.log(np.maximum(COUNTS, 1) / mean), 0.0)
    assert result.deviance == pytest.approx(2 * np.sum(ratio - COUNTS + mean))
    low, high = result.interval(0.9)["width"]
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.95) * result.errors["width"])
    assert result.absolute_sigma
    inner, outer = result.band(X), result.band(X, kind="prediction")
    spread = ((outer[1] - outer[0]) ** 2 - (inner[1] - inner[0]) ** 2) / 4 / norm.ppf(0.975) ** 2
    np.testing.assert_allclose(spread, mean, rtol=1e-6)


def test_counts_on_a_baseline_of_one_are_not_biased():
    """A peak of 10 counts on 1: area, width and baseline within 2 % (weights 1/max(y, 1): −11 %, −26 %)."""
    sums, truth = np.zeros(3), np.array([10 * math.sqrt(2 * math.pi), 1.0, 1.0])
    sets = 60
    for seed in range(sets):
        result = fit(*low_counts(seed), baseline="constant", loss="poisson")
        sums += [result.area.value, result.values["width"], result.values["offset"]]
    bias = sums / sets / truth - 1.0
    noise = np.array([0.11, 0.12, 0.22]) / math.sqrt(sets)  # relative scatter of one fit
    assert np.all(np.abs(bias) < 0.02 + 2 * noise)


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_a_mean_of_zero_is_allowed_where_there_are_no_counts(baseline):
    x = np.linspace(0, 10, 41)
    y = np.where(abs(x - 5) < 1.1, [0, 7, 3, 9] * 10 + [0], 0)
    result = fit(x, y, baseline=baseline, loss="poisson")
    assert np.all(result.curve(x) >= 0)
    assert math.isfinite(result.deviance)
    if baseline == "constant":
        assert result.values["offset"] == 0.0
        assert codes(result)["bound_active"] == "note"
        assert result.values["width"] == pytest.approx(fit(x, y, loss="poisson").values["width"], rel=1e-6)


def test_a_dip_that_reaches_zero_counts_keeps_its_mean_above():
    x = np.linspace(0, 10, 60)
    y = np.where(
        abs(x - 5) < 1, 0, np.random.default_rng(2).poisson(30 - 31 * np.exp(-0.5 * (x - 5) ** 2).clip(0, 0.96))
    )
    result = fit(x, y, baseline="constant", loss="poisson")
    assert result.values["amplitude"] < -20
    assert result.curve(x).min() >= 0
    assert result.curve(x).min() < 0.5


def test_all_counts_zero_is_no_peak():
    result = fit(X, np.zeros(50), baseline="constant", loss="poisson")
    assert codes(result)["no_peak_found"] == "bad"
    assert result.curve(X) == pytest.approx(np.zeros(50), abs=1e-9)
    assert repr(result)


def test_many_counts_agree_with_least_squares_of_known_noise():
    mean = evaluate(X, {**MEAN, "amplitude": 1e6, "offset": 1e5}, "constant")
    y = np.random.default_rng(4).poisson(mean)
    counted, weighed = fit(X, y, baseline="constant", loss="poisson"), fit(X, y, np.sqrt(mean), baseline="constant")
    for name in counted.names:
        assert counted.values[name] == pytest.approx(weighed.values[name], abs=0.05 * weighed.errors[name])
        assert counted.errors[name] == pytest.approx(weighed.errors[name], rel=0.01)
    assert counted.deviance == pytest.approx(weighed.chi2, rel=0.01)


def test_constraints_and_several_peaks_of_counts():
    x = np.linspace(0, 10, 100)
    truth = {
        "amplitude_1": 40,
        "center_1": 4,
        "width_1": 0.6,
        "amplitude_2": 20,
        "center_2": 6.5,
        "width_2": 0.6,
        "offset": 2,
    }
    y = np.random.default_rng(5).poisson(evaluate(x, truth, "constant"))
    result = fit(x, y, peaks=2, baseline="constant", loss="poisson", ties={"width_2": "width_1"}, fixed={"offset": 2})
    for name, value in truth.items():
        assert result.values[name] == pytest.approx(value, abs=4 * result.errors[name] + 1e-12)
    assert "trustworthy" in codes(result)


def test_large_spectra_of_counts_are_fitted_on_every_point():
    x = np.linspace(0, 10, 20_000)
    y = np.random.default_rng(6).poisson(evaluate(x, MEAN, "constant"))
    result = fit(x, y, baseline="constant", loss="poisson")
    assert result.values["width"] == pytest.approx(1, abs=5 * result.errors["width"])
    jacobian = gradient(x, result.values, "constant")
    slope = jacobian @ (1 - y / result.curve(x))
    assert np.all(np.abs(slope) * list(result.errors.values()) < 1e-4)
    assert result.reduced_chi2 == pytest.approx(1, abs=0.05)


def test_counts_that_scatter_more_than_poisson_are_noticed():
    rng = np.random.default_rng(7)
    mean = 20 * evaluate(X, MEAN, "constant")
    assert (
        codes(fit(X, rng.poisson(mean * rng.gamma(4, 0.25, 50)), baseline="constant", loss="poisson"))[
            "counts_scatter_more"
        ]
        == "warning"
    )
    assert "counts_scatter_less" in codes(fit(X, np.round(mean), baseline="constant", loss="poisson"))
    assert not {"counts_scatter_more", "counts_scatter_less"} & set(
        codes(fit(X, rng.poisson(mean), baseline="constant", loss="poisson"))
    )


def test_noise_alone_is_no_peak_of_counts():
    false_alarms = sum(
        "no_peak_found"
        not in codes(fit(X, np.random.default_rng(s).poisson(3, 50), baseline="constant", loss="poisson"))
        for s in range(12)
    )
    assert false_alarms <= 2
    assert "no_peak_found" not in codes(fit(X, COUNTS, baseline="constant", loss="poisson"))


def test_whole_numbers_fitted_as_if_they_were_none_get_a_hint():
    assert codes(fit(X, COUNTS, baseline="constant"))["counts_suspected"] == "note"
    assert "counts_suspected" not in codes(fit(X, COUNTS, np.sqrt(COUNTS + 1.0), baseline="constant"))
    assert "counts_suspected" not in codes(fit(X, COUNTS - 3, baseline="constant"))
    assert "counts_suspected" not in codes(fit(X, COUNTS + 0.5, baseline="constant"))
    assert "counts_suspected" not in codes(fit(X, COUNTS, baseline="constant", loss="poisson"))


@pytest.mark.parametrize(
    ("y", "options", "words"),
    [
        (np.r_[COUNTS[:-1], -1], {}, "y[49] = -1.0 is negative"),
        (np.r_[2.5, COUNTS[1:]], {}, "y[0] = 2.5 is not a whole number"),
        (COUNTS, {"sigma": 1.0}, "takes no sigma"),
        (COUNTS, {"absolute_sigma": False}, "absolute_sigma=False cannot hold"),
        (COUNTS, {"bounds": {"offset": (None, -1)}}, "offset cannot be below zero here, but its upper bound is -1.0"),
        (COUNTS, {"fixed": {"offset": -1}}, "-1.0"),
    ],
)
def test_what_are_no_counts_is_said(y, options, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fit(X, y, baseline="constant", loss="poisson", **options)
    assert words in str(caught.value)


# ---------------------------------------------------------------------------------------------- outliers


def measured(seed, outliers=5, points=50):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 10, points)
    y = evaluate(x, MEAN, "constant") + 0.5 * rng.standard_normal(points)
    y[rng.choice(points, outliers, replace=False)] += rng.choice([-1, 1], outliers) * rng.uniform(5, 15, outliers)
    return x, y


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 50)])
def test_no_other_curve_and_scale_make_students_t_more_likely(weights):
    x, y = measured(1)
    result = fit(x, y, weights, baseline="constant", loss="robust")
    values = np.array(list(result.values.values()))
    sigma = 1.0 if weights is None else weights

    def loss(p):
        residual = y - evaluate(x, dict(zip(result.names, p, strict=False)), "constant")
        return -t.logpdf(residual, 4, scale=sigma * np.exp(p[4])).sum() if p[2] > 0 else np.inf

    options = {"maxiter": 8000, "xatol": 1e-9, "fatol": 1e-10}
    best = minimize(loss, [*(values * 1.02), np.log(0.5)], method="Nelder-Mead", options=options)
    assert values == pytest.approx(best.x[:4], rel=1e-4)
    assert result.aic == pytest.approx(2 * 5 + 2 * best.fun, rel=1e-7)
    assert not result.absolute_sigma


def test_outliers_move_a_robust_fit_by_less_than_its_error():
    inside = {"robust": 0, "least squares": 0}
    for seed in range(30):
        x, y = measured(seed)
        for loss in inside:
            result = fit(x, y, baseline="constant", loss=loss)
            inside[loss] += abs(result.values["center"] - 5) < 0.1
    assert inside["robust"] >= 27
    assert inside["robust"] > inside["least squares"] + 5


def test_a_spike_higher_than_the_peak_does_not_catch_a_robust_fit():
    x, y = measured(2, outliers=0)
    y[3] += 60
    result = fit(x, y, baseline="constant", loss="robust")
    assert result.values["center"] == pytest.approx(5, abs=0.1)
    assert codes(result)["outliers_outweighed"] == "note"
    advice = [
        v.advice
        for v in fit(x, y, baseline="constant", start={"center": 5, "width": 1}).verdicts
        if v.code == "outliers"
    ]
    assert 'loss="robust"' in advice[0]


def noisy(seed, moved, width=0.5):
    rng = np.random.default_rng(seed)
    x = np.linspace(-2, 2, 25)
    y = evaluate(x, {"amplitude": 1, "center": 0, "width": width}, "none") + 0.2 * rng.standard_normal(25)
    y[rng.choice(25, moved, replace=False)] += rng.choice([-1, 1], moved) * rng.uniform(2, 6, moved)
    return x, y


@pytest.mark.parametrize("seed", [77, 82, 86, 89])
def test_a_robust_fit_that_took_an_outlier_for_the_peak_says_on_which_point_it_rests(seed):
    x, y = noisy(seed, 2)
    result = fit(x, y, loss="robust")
    assert result.values["amplitude"] > 5
    verdict = {v.code: v for v in result.verdicts}["rests_on_one_point"]
    assert verdict.severity == "warning"
    point = float(verdict.message.split("x = ")[1].split(" ")[0])
    assert y[abs(x - point).argmin()] > 2
    assert not result.trustworthy


def test_peaks_that_many_points_make_do_not_rest_on_one():
    assert not any("rests_on_one_point" in codes(fit(*noisy(seed, 0), loss="robust")) for seed in range(40))


def test_the_highest_leverage_is_the_one_of_the_hat_matrix():
    x, y = noisy(1, 1)
    sigma = np.linspace(0.5, 2, 25)
    result = fit(x, y, sigma, loss="robust")
    a, c, w = result.values.values()
    z = (x - c) / w
    e = np.exp(-0.5 * z * z)
    jacobian = np.array([e, a * e * z / w, a * e * z * z / w]).T / sigma[:, None]
    hat = jacobian @ np.linalg.pinv(jacobian)
    leverage, at = highest_leverage(result)
    assert leverage == pytest.approx(hat.diagonal().max(), rel=1e-8)
    assert at == pytest.approx(x[hat.diagonal().argmax()], abs=1e-12)


def test_without_outliers_a_robust_fit_agrees_with_least_squares():
    x, y = measured(3, outliers=0)
    robust, plain = fit(x, y, baseline="constant", loss="robust"), fit(x, y, baseline="constant")
    for name in plain.names:
        assert robust.values[name] == pytest.approx(plain.values[name], abs=plain.errors[name])
        assert robust.errors[name] == pytest.approx(plain.errors[name], rel=0.3)
    assert np.std(robust.standardized) == pytest.approx(1, abs=0.4)


def test_errors_of_robust_fits_are_the_scatter_of_their_values():
    pulls = []
    for seed in range(40):
        result = fit(*measured(seed), baseline="constant", loss="robust", start={"center": 5, "width": 1})
        pulls.append([(result.values[n] - v) / result.errors[n] for n, v in MEAN.items()])
    assert np.std(pulls, axis=0) == pytest.approx(np.ones(4), abs=0.3)


def test_a_curve_through_most_points_is_no_robust_fit():
    with pytest.raises(ValueError, match="4 usable points are too few for 4 free parameters"):
        fit(X[:4], COUNTS[:4], baseline="constant", loss="robust")
    with pytest.raises(ValueError, match="absolute_sigma=True cannot hold"):
        fit(X, COUNTS, 1.0, baseline="constant", loss="robust", absolute_sigma=True)


@pytest.mark.parametrize("loss", ["poisson", "robust"])
def test_everything_of_a_fit_works_with_every_loss(loss):
    result = fit(X, COUNTS, baseline="linear", loss=loss, bounds={"center": (4, 6)})
    read = result.to_dict()
    assert read["loss"] == loss
    assert pickle.loads(pickle.dumps(result)).to_dict() == read
    assert {"poisson": "Poisson likelihood", "robust": "robust"}[loss] in repr(result)
    assert result._repr_html_()
    assert result.to_frame().loc["center", "low"] > 4
    assert len(result.residuals) == 50
    np.testing.assert_allclose(result.curve(X) + result.residuals, COUNTS, atol=1e-9)


@pytest.mark.parametrize("loss", ["poisson", "robust"])
def test_the_order_and_the_unit_of_x_change_nothing(loss):
    plain = fit(X, COUNTS, baseline="constant", loss=loss)
    other = fit(1e9 + 1e3 * X[::-1], COUNTS[::-1], baseline="constant", loss=loss)
    assert other.values["amplitude"] == pytest.approx(plain.values["amplitude"], rel=1e-6)
    assert other.errors["center"] == pytest.approx(1e3 * plain.errors["center"], rel=1e-5)
    assert (other.values["center"] - 1e9) / 1e3 == pytest.approx(plain.values["center"], rel=1e-6)


def test_a_count_that_no_counting_noise_makes_is_named():
    y = COUNTS.copy()
    assert "outliers" not in codes(fit(X, y, baseline="constant", loss="poisson"))
    y[3] = 14
    (verdict,) = [v for v in fit(X, y, baseline="constant", loss="poisson").verdicts if v.code == "outliers"]
    assert "The count 14 at x = 0.612" in verdict.message


def test_few_counts_in_many_bins_raise_no_false_alarm():
    """The tail of Poisson's law is longer than that of the normal one."""
    x = np.linspace(0, 10, 20_000)
    y = np.random.default_rng(8).poisson(evaluate(x, {**MEAN, "amplitude": 3.0, "offset": 0.5}, "constant"))
    assert set(codes(fit(x, y, baseline="constant", loss="poisson"))) == {"trustworthy"}


def test_a_robust_prediction_band_is_that_of_the_noise_without_outliers():
    x, y = measured(4)
    result = fit(x, y, baseline="constant", loss="robust")
    inner, outer = result.band(x), result.band(x, kind="prediction")
    spread = np.sqrt((outer[1] - outer[0]) ** 2 - (inner[1] - inner[0]) ** 2) / 2 / t(result.dof).ppf(0.975)
    assert spread == pytest.approx(np.full(50, 0.5), rel=0.35)

"""Profile intervals of robust fits: against fits with the quantity held, and against the errors where both agree."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussapp.fitting import evaluate, fit
from gaussapp.fitting.uncertainty.student import StudentLoss, best_scales

X = np.linspace(-2.0, 2.0, 25)
TRUTH = {"amplitude": 3.0, "center": 0.1, "width": 0.5, "offset": 1.0, "slope": 0.2}
NU = 4.0


def measured(seed=1, noise=0.4, baseline="constant", x=X):
    return x, evaluate(x, TRUTH, baseline) + noise * np.random.default_rng(seed).standard_t(3, x.size)


def two_peaks():
    x = np.linspace(2.0, 12.0, 80)
    values = {"amplitude_1": 30.0, "center_1": 6.0, "width_1": 0.7, "amplitude_2": 20.0, "center_2": 9.0}
    y = evaluate(x, {**values, "width_2": 0.8, "offset": 3.0}, "constant")
    y += 1.5 * np.random.default_rng(4).standard_normal(80)
    y[[5, 40, 66]] += [40.0, -35.0, 30.0]
    return x, y


def logarithm_of_likelihood(residual):
    """Student's t at its best scale, by a search over the scale."""
    low, high = math.log(1e-8), math.log(1e3)

    def loss(log_scale):
        s = math.exp(log_scale)
        return residual.size * log_scale + 0.5 * (NU + 1.0) * float(np.sum(np.log1p(residual**2 / (NU * s * s))))

    for _ in range(200):
        a, b = low + (high - low) / 3.0, high - (high - low) / 3.0
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return -loss(0.5 * (low + high)), math.exp(0.5 * (low + high))


def rise(result, other):
    """How far another fit has risen, as a share of what the end of a 95 % interval allows, from the data alone."""
    weight = 1.0 if result.sigma is None else result.sigma.min() / result.sigma
    residual = result.residuals * weight
    best, scale = logarithm_of_likelihood(residual)
    u = residual / scale
    psi, slope = (NU + 1) * u / (NU + u * u), (NU + 1) * (NU - u * u) / (NU + u * u) ** 2
    unit = np.sum(psi**2) / result.dof / np.mean(slope)
    wanted = u.size * math.log1p(result._quantile(0.95) ** 2 / result.dof)
    return 2.0 * (best - logarithm_of_likelihood(other.residuals * weight)[0]) / unit / wanted


@pytest.mark.parametrize("sigma", [None, np.linspace(0.2, 0.6, 25)], ids=["alike", "weighed"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_a_fit_with_a_parameter_held_at_an_end_is_less_likely_by_what_the_level_allows(baseline, sigma):
    x, y = measured(baseline=baseline, noise=0.3)
    y[3] += 6.0
    result = fit(x, y, sigma, baseline=baseline, loss="robust")
    for name, ends in result.interval(kind="profile").items():
        assert ends[0] < result.values[name] < ends[1]
        start = {n: v for n, v in result.values.items() if n != name}
        for end in ends:
            held = fit(x, y, sigma, baseline=baseline, loss="robust", fixed={name: end}, start=start)
            assert rise(result, held) == pytest.approx(1.0, abs=1e-5), name


def test_distances_ratios_and_widths_at_half_maximum_end_where_a_fit_tied_there_says():
    x, y = two_peaks()
    options = {"baseline": "constant", "peaks": 2, "loss": "robust"}
    result = fit(x, y, **options)
    ties = {
        "center_2 - center_1": ("center_2", lambda end: ("center_1", 1, end)),
        "amplitude_2 / amplitude_1": ("amplitude_2", lambda end: ("amplitude_1", end, 0)),
    }
    for quantity, ends in result.interval(kind="profile", of=list(ties)).items():
        name, tie = ties[quantity]
        start = {n: v for n, v in result.values.items() if n != name}
        for end in ends:
            tied = fit(x, y, ties={name: tie(end)}, start=start, **options)
            assert rise(result, tied) == pytest.approx(1.0, abs=1e-5), quantity
    found = result.interval(kind="profile", of=["fwhm_2", "width_2", "area_1"])
    assert np.array(found["fwhm_2"]) == pytest.approx(2.0 * math.sqrt(2.0 * math.log(2.0)) * np.array(found["width_2"]))
    assert found["area_1"][0] < result.derived["area_1"].value < found["area_1"][1]


@pytest.mark.parametrize("outliers", [0, 0.1])
def test_of_many_points_they_are_the_symmetric_intervals(outliers):
    x = np.linspace(-2.0, 2.0, 2000)
    random = np.random.default_rng(3)
    y = evaluate(x, TRUTH, "constant") + 0.3 * random.standard_normal(x.size)
    hit = random.random(x.size) < outliers
    y[hit] += random.choice([-1.0, 1.0], hit.sum()) * random.uniform(3.0, 9.0, hit.sum())
    result = fit(x, y, baseline="constant", loss="robust")
    of = [*result.names, "area", "fwhm"]
    profile, symmetric = (
        np.array(list(result.interval(kind=kind, of=of).values())) for kind in ("profile", "symmetric")
    )
    assert np.diff(profile) == pytest.approx(np.diff(symmetric), rel=0.05)


def test_they_are_longer_where_the_data_say_less():
    result = fit(*measured(noise=0.5), baseline="constant", loss="robust")
    low, high = result.interval(kind="profile")["width"]
    assert high - result.values["width"] > 1.2 * (result.values["width"] - low)


def test_they_follow_units_and_offsets_and_the_order_of_points():
    x, y = measured(noise=0.3)
    plain = fit(x, y, baseline="linear", loss="robust").interval(kind="profile")
    moved = fit(1e6 + 1e-3 * x, 1e12 * y, baseline="linear", loss="robust").interval(kind="profile")
    assert np.array(moved["amplitude"]) / 1e12 == pytest.approx(plain["amplitude"], rel=1e-5)
    assert (np.array(moved["center"]) - 1e6) / 1e-3 == pytest.approx(plain["center"], abs=1e-5)
    assert np.array(moved["width"]) / 1e-3 == pytest.approx(plain["width"], rel=1e-5)
    back = fit(x[::-1], y[::-1], baseline="linear", loss="robust").interval(kind="profile")
    assert all(back[name] == pytest.approx(plain[name], rel=1e-6) for name in plain)


@pytest.mark.parametrize("loss", ["robust", "poisson"])
def test_another_answer_that_is_as_likely_is_inside_the_interval(loss):
    x = np.linspace(-6.0, 6.0, 121)
    y = sum(evaluate(x, {"amplitude": 20.0, "center": c, "width": 0.4}) for c in (-4.0, 4.0)) + 2.0
    y = y + np.random.default_rng(3).standard_normal(121) if loss == "robust" else np.round(y)
    result = fit(x, y, baseline="constant", loss=loss)
    assert "two_answers" in [verdict.code for verdict in result.verdicts]
    low, high = result.interval(kind="profile")["center"]
    assert low < -3.9
    assert high > 3.9


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(["none", "constant", "linear"]), st.sampled_from([2, 4, 10]))
def test_every_data_set_has_intervals_around_its_values(seed, baseline, ratio):
    x, y = measured(seed, 3.0 / ratio, baseline)
    result = fit(x, y, baseline=baseline, loss="robust")
    for name, (low, high) in result.interval(kind="profile", of=[*result.names, "fwhm", "area"]).items():
        value = result.estimate(name).value
        assert low <= value + 1e-9 * abs(value)
        assert high >= value - 1e-9 * abs(value)


def test_little_signal_or_few_points_bring_them_by_themselves():
    for noise, points, kind in ((0.05, 400, "symmetric"), (0.05, 25, "profile"), (1.5, 400, "profile")):
        x = np.linspace(-2.0, 2.0, points)
        result = fit(*measured(noise=noise, x=x), baseline="constant", loss="robust")
        assert result.interval(kind="auto") == result.interval(kind=kind)
    said = next(verdict for verdict in result.verdicts if verdict.code == "low_signal_to_noise")
    assert "profile ones" in said.message
    assert 'kind="profile"' in said.advice


def test_where_nothing_is_determined_they_have_no_ends():
    few = fit(X[::4], measured()[1][::4], baseline="constant", loss="robust")
    assert all(low <= few.values[name] <= high for name, (low, high) in few.interval(kind="profile").items())
    perfect = fit(X, evaluate(X, TRUTH, "constant"), baseline="constant", loss="robust")
    for name, (low, high) in perfect.interval(kind="profile").items():
        assert low == pytest.approx(perfect.values[name], abs=1e-9)
        assert high == pytest.approx(perfect.values[name], abs=1e-9)


def test_a_stack_of_places_is_taken_in_parts_where_there_are_many_points(monkeypatch):
    result = fit(*measured(), baseline="linear", loss="robust")
    scale = result._solution.scale
    from gaussapp.fitting.uncertainty import likelihood, student

    free = likelihood.free_of(result)
    assert isinstance(free.loss, StudentLoss)
    f = free.f + 0.01 * np.random.default_rng(0).standard_normal((6, free.f.size))
    whole = free.loss.evaluate(f, np.zeros(6, dtype=np.intp))
    monkeypatch.setattr(student, "ELEMENTS", 40)
    parts = free.loss.evaluate(f, np.zeros(6, dtype=np.intp))
    for name in ("value", "gradient", "positive", "full"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-9)
    steps = 1e-6 * np.eye(free.f.size)
    up, down = (free.loss.evaluate(f[0] + sign * steps, np.zeros(len(steps), dtype=np.intp)) for sign in (1, -1))
    assert (up.value - down.value) / 2e-6 == pytest.approx(whole.gradient[0], rel=1e-5, abs=1e-5)
    assert (up.gradient - down.gradient) / 2e-6 == pytest.approx(whole.full[0], rel=1e-4, abs=1e-3)
    assert scale.y.size == 25


@given(st.integers(0, 10**6), st.floats(1e-6, 1e6))
@settings(max_examples=30)
def test_scales_are_the_most_likely_ones_wherever_the_search_begins(seed, near):
    residual = np.random.default_rng(seed).standard_t(2, (3, 20)) * [[1e-3], [1.0], [1e3]]
    s = best_scales(residual, near)
    share = residual**2 / (NU * s[:, None] ** 2 + residual**2)
    assert (NU + 1.0) * share.sum(axis=1) == pytest.approx(np.full(3, 20.0), rel=1e-8)

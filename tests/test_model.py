"""The simulated experiment: reproducible to the last digit that a machine can give, and robust at its bounds."""

import math
from copy import deepcopy

import numpy as np
import param
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from gaussapp.model import GaussianModel
from gaussapp.noise import (
    DISTRIBUTIONS,
    NORMAL,
    OUTLIERS,
    POISSON,
    STUDENT_T,
    UNIFORM,
    poisson_quantile,
    student_t3_quantile,
    uniform_numbers,
    unit_noise,
)

PARAMETERS = [name for name in GaussianModel.param if name != "name"]

GOLDEN = {
    NORMAL: [2.78603705780715, 6.328569585486433, 32.55280401461944, 4.713727352172896, 2.3438099670671604],
    UNIFORM: [2.9838837723033076, 6.426723363192705, 32.72677264255165, 4.636651775024666, 2.462871897987655],
    STUDENT_T: [2.5254956474881136, 6.229483288794958, 32.356725866356086, 5.048958310196514, 2.2214431849811502],
    OUTLIERS: [2.245099377713723, 6.8733551331620255, 32.16743950806334, 5.6522665516077835, 3.0209516320633103],
    POISSON: [3.0, 7.0, 35.0, 3.0, 2.0],
}


def test_the_parameters_describe_themselves():
    """Controls are generated from them, in groups: peak, noise, sampling."""
    for name in PARAMETERS:
        parameter = GaussianModel.param[name]
        assert parameter.doc
        assert parameter.doc.endswith(".")
        assert parameter.label
        assert parameter.precedence is not None
        if isinstance(parameter, (param.Number, param.Range)) and not isinstance(parameter, param.Boolean):
            assert None not in parameter.bounds
            assert None not in parameter.softbounds
            assert parameter.step
    ordered = sorted(PARAMETERS, key=lambda name: GaussianModel.param[name].precedence)
    assert ordered == [
        *("amplitude", "center", "width"),
        *("distribution", "noise", "offset", "sigma_known", "seed", "new_noise"),
        *("samples", "window"),
    ]


def test_the_sliders_cover_the_origin_demo():
    spans = {"amplitude": (1, 5), "center": (-5, 5), "width": (0.01, 2), "noise": (0, 1), "offset": (-1, 1)}
    for name, (low, high) in spans.items():
        start, end = GaussianModel.param[name].softbounds
        assert start <= low
        assert high <= end
    assert GaussianModel().samples == 25
    assert GaussianModel().window == (-2, 2)
    assert GaussianModel.param.amplitude.softbounds[0] < 0
    assert GaussianModel.param.samples.bounds[1] >= 1_000_000


def test_a_simulation_says_what_it_was_made_from():
    model = GaussianModel(amplitude=-2, center=0.5, width=0.25, offset=1, noise=0, samples=9, window=(-1, 1))
    data = model.simulate()
    assert dict(data.truth) == {"amplitude": -2.0, "center": 0.5, "width": 0.25, "offset": 1.0}
    np.testing.assert_array_equal(data.x, np.linspace(-1, 1, 9))
    np.testing.assert_allclose(data.y, 1 - 2 * np.exp(-0.5 * ((data.x - 0.5) / 0.25) ** 2), rtol=1e-14)
    assert not data.y.flags.writeable
    assert data.sigma is None
    assert not data.counts


def test_sigma_is_given_only_where_it_is_known_and_means_something():
    model = GaussianModel(sigma_known=True, noise=0.25)
    assert model.simulate().sigma.tolist() == [0.25] * 25
    model.noise = 0
    assert model.simulate().sigma is None
    model.param.update(noise=0.25, distribution=POISSON)
    assert model.simulate().sigma is None
    assert model.simulate().counts


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_same_seed_gives_the_same_data_everywhere(distribution):
    """Made of guaranteed bits and of functions whose last digits do not depend on versions."""
    model = GaussianModel(amplitude=30, offset=2, noise=1, samples=5, seed=21, distribution=distribution)
    np.testing.assert_allclose(model.simulate().y, GOLDEN[distribution], rtol=1e-13)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_more_samples_begin_with_the_same_noise(distribution):
    np.testing.assert_array_equal(unit_noise(3, 1000, distribution)[:25], unit_noise(3, 25, distribution))


def test_moving_a_slider_changes_one_thing():
    """Common random numbers: the noise is only scaled."""
    model = GaussianModel(amplitude=0, noise=0.5)
    noise = model.simulate().y
    model.amplitude = 3
    np.testing.assert_allclose(model.simulate().y - noise, GaussianModel(noise=0).simulate().y, atol=1e-15)
    model.param.update(amplitude=0, noise=1.0)
    np.testing.assert_allclose(model.simulate().y, 2 * noise, rtol=1e-15)


def test_poisson_counts_grow_with_the_curve():
    model = GaussianModel(distribution=POISSON, amplitude=50, samples=200)
    lower = model.simulate().y
    model.amplitude = 55
    higher = model.simulate().y
    assert (higher >= lower).all()
    assert (higher > lower).any()


def test_new_noise_is_another_seed_that_can_be_returned_to():
    model = GaussianModel(seed=5)
    first = model.simulate().y
    model.param.trigger("new_noise")
    assert model.seed == 6
    assert not np.array_equal(model.simulate().y, first)
    model.new_noise = True
    assert model.seed == 7
    model.seed = 5
    np.testing.assert_array_equal(model.simulate().y, first)
    model.seed = GaussianModel.param.seed.bounds[1]
    model.param.trigger("new_noise")
    assert model.seed == 0


def test_two_models_share_nothing():
    one, other = GaussianModel(seed=1), GaussianModel(seed=2)
    before = one.simulate().y.copy()
    other.param.update(samples=100, seed=9, window=(0, 1))
    other.simulate()
    np.testing.assert_array_equal(one.simulate().y, before)


def test_a_copy_has_the_same_settings_and_bounds_and_nobody_watches_it():
    class Watched(GaussianModel):
        pass

    model = Watched(width=0.7, window=(-3.0, 3.0), distribution="uniform", seed=5)
    model.param.noise.bounds = (0.0, 1e9)
    model.param.samples.softbounds = (5, 7000)
    model.noise = 1e8
    seen = []
    model.param.watch(seen.append, ["width", "noise"])
    copy = deepcopy(model)
    assert type(copy) is Watched
    kept = {name: value for name, value in model.param.values().items() if name != "name"}
    assert {name: value for name, value in copy.param.values().items() if name != "name"} == kept
    assert (copy.param.noise.bounds, copy.param.samples.softbounds) == ((0.0, 1e9), (5, 7000))
    copy.width = 0.1
    copy.new_noise = True
    assert (model.width, model.seed, copy.seed, seen) == (0.7, 5, 6, [])
    assert GaussianModel.param.noise.bounds == (0.0, 1e6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, bad) for name in ("amplitude", "center", "width", "noise", "offset") for bad in (math.nan, math.inf)],
        *[
            (name, bad)
            for name in ("amplitude", "center", "width", "noise", "offset")
            for bad in ("1", None, 1j, True, lambda: 1)
        ],
        *[(name, 1e7) for name in ("amplitude", "center", "width", "noise", "offset", "samples")],
        ("width", 0),
        ("width", -1),
        ("noise", -0.1),
        ("samples", 0),
        ("samples", 2.5),
        ("seed", -1),
        ("seed", 2**32),
        ("distribution", "cauchy"),
        ("window", (1, 1)),
        ("window", (2, 1)),
        ("window", (math.nan, 1)),
        ("window", (0, math.nan)),
        ("window", (0, math.inf)),
        ("window", (0,)),
        ("window", None),
        ("window", (0, "1")),
        ("window", (-1e7, 1)),
        ("window", 5),
    ],
)
def test_what_a_client_may_not_set_is_refused_and_changes_nothing(name, value):
    model = GaussianModel()
    before = getattr(model, name)
    with pytest.raises((ValueError, TypeError)) as refusal:
        setattr(model, name, value)
    assert str(refusal.value)
    assert getattr(model, name) == before


def test_ranges_can_be_widened_in_code():
    model = GaussianModel()
    model.param.center.softbounds = (300, 800)
    model.param.width.bounds = (1e-12, 1e12)
    model.param.update(center=551, width=1e-10, window=(400, 700))
    assert model.simulate().y.max() < 2
    assert GaussianModel.param.width.bounds == (1e-6, 1e6)

    class Infrared(GaussianModel):
        center = type(GaussianModel.param.center)(default=1500.0, bounds=(0, 1e9), softbounds=(700, 3000))

    assert Infrared().center == 1500.0
    assert Infrared.param.center.doc == GaussianModel.param.center.doc


def finite(name):
    low, high = GaussianModel.param[name].bounds
    return st.floats(low, high)


@given(
    amplitude=finite("amplitude"),
    center=finite("center"),
    width=finite("width"),
    noise=finite("noise"),
    offset=finite("offset"),
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(1, 300),
    window=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).filter(lambda w: w[0] < w[1]),
    distribution=st.sampled_from(DISTRIBUTIONS),
    sigma_known=st.booleans(),
)
@example(1e6, 0.0, 1e-6, 0.0, 1e6, 0, 25, (-1e-300, 1e-300), POISSON, True)
def test_every_state_that_can_be_set_can_be_simulated(
    amplitude, center, width, noise, offset, seed, samples, window, distribution, sigma_known
):
    state = {
        "amplitude": amplitude,
        "center": center,
        "width": width,
        "noise": noise,
        "offset": offset,
        "seed": seed,
        "samples": samples,
        "window": window,
        "distribution": distribution,
        "sigma_known": sigma_known,
    }
    data = GaussianModel(**state).simulate()
    assert len(data) == samples
    assert np.isfinite(data.x).all()
    assert np.isfinite(data.y).all()
    assert data.sigma is None or (data.sigma > 0).all()
    np.testing.assert_array_equal(GaussianModel(**state).simulate().y, data.y)


@pytest.mark.parametrize("samples", [7, 8192, 20_000])
def test_the_blocks_make_no_difference(samples):
    model = GaussianModel(amplitude=2, center=0.3, width=0.01, offset=0.5, samples=samples)
    data = model.simulate()
    plain = 2 * np.exp(-0.5 * ((data.x - 0.3) / 0.01) ** 2) + 0.5 + 0.3 * unit_noise(1, samples, NORMAL)
    np.testing.assert_allclose(data.y, plain, rtol=0, atol=1e-12)


def test_noise_has_mean_zero_and_deviation_one_whatever_its_distribution():
    for distribution in (NORMAL, UNIFORM, OUTLIERS):
        noise = unit_noise(11, 400_000, distribution)
        kurtosis = stats.kurtosis(noise)
        assert abs(noise.mean()) < 4 / math.sqrt(len(noise))
        assert abs(noise.var() - 1) < 4 * math.sqrt((kurtosis + 2) / len(noise))
    assert np.abs(unit_noise(11, 400_000, UNIFORM)).max() <= math.sqrt(3)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (NORMAL, stats.norm()),
        (UNIFORM, stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))),
        (STUDENT_T, stats.t(3, scale=1 / math.sqrt(3))),
    ],
)
def test_noise_follows_the_distribution_it_is_named_after(distribution, expected):
    assert stats.kstest(unit_noise(4, 50_000, distribution), expected.cdf).pvalue > 1e-3


def test_outliers_are_a_tenth_of_the_points_and_ten_times_as_noisy():
    noise = unit_noise(4, 100_000, OUTLIERS)
    bulk = 1 / math.sqrt(0.9 + 0.1 * 100)

    def cdf(x):
        return 0.9 * stats.norm.cdf(x / bulk) + 0.1 * stats.norm.cdf(x / (10 * bulk))

    assert stats.kstest(noise, cdf).pvalue > 1e-3


def test_uniform_numbers_never_reach_the_ends():
    """At the ends a quantile would be infinite: the extreme bit patterns must stay inside."""
    assert 0.5 * 2.0**-52 > 0.0
    assert ((2**52 - 1) + 0.5) * 2.0**-52 < 1.0
    numbers = uniform_numbers(0, 100_000)
    assert numbers.min() > 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3


def test_quantiles_of_student_t_agree_with_their_definition():
    """The tail probability of t is known in closed form for 3 degrees of freedom."""
    tail = 10.0 ** np.linspace(-15, math.log10(0.49), 200)
    t = -student_t3_quantile(tail)
    psi = 2 * np.arctan2(math.sqrt(3), t)
    series = np.where(psi < 0.1, psi**3 / 6 * (1 - psi**2 / 20 + psi**4 / 840 - psi**6 / 60480), psi - np.sin(psi))
    np.testing.assert_allclose(series / (2 * math.pi), tail, rtol=1e-12)
    np.testing.assert_allclose(student_t3_quantile(1 - tail[tail > 1e-3]), t[tail > 1e-3], rtol=1e-9)
    assert student_t3_quantile(np.array([0.5])).tolist() == pytest.approx([0.0], abs=1e-15)


@pytest.mark.parametrize("mean", [0.0, 1e-12, 0.03, 0.7, 4.0, 25.0, 31.0, 100.0, 3e3, 2e6])
def test_counts_are_exact_quantiles_of_poisson(mean):
    """The smallest k whose cumulative probability reaches p: within 1e-9 of where k changes, and at the extremes."""
    p = np.concatenate([uniform_numbers(5, 3000), [2.0**-53, 1e-9, 0.5, 1 - 1e-9]])
    if mean:
        edges = stats.poisson.cdf(np.arange(stats.poisson.ppf(0.01, mean), stats.poisson.ppf(0.99, mean) + 1), mean)
        p = np.concatenate([p, edges[:500] * (1 - 1e-9), np.minimum(edges[:500] * (1 + 1e-9), 1 - 1e-9)])
    k = poisson_quantile(p, np.full(len(p), mean))
    assert (stats.poisson.cdf(k, mean) >= p).all()
    assert (stats.poisson.cdf(k - 1, mean) < p).all()
    largest = poisson_quantile(np.array([1 - 2.0**-53]), np.array([mean]))
    assert np.isfinite(largest).all()


def test_a_negative_curve_gives_no_counts():
    data = GaussianModel(distribution=POISSON, amplitude=-5, offset=-1).simulate()
    assert not data.y.any()

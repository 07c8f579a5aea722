"""Plans: what they answer is what the exact bound says, for every quantity and everything that can be varied."""

import math
from concurrent.futures import CancelledError

import numpy as np
import pytest

from gaussapp import GaussianModel, bound, plan
from gaussapp.planning import QUANTITIES, Design

MODEL = {"amplitude": 3.0, "center": 0.2, "width": 0.5, "noise": 0.3, "samples": 25, "window": (-2.0, 2.0)}


def model(**changes):
    return GaussianModel(**{**MODEL, **changes})


def bound_of(made, baseline="constant"):
    x = np.linspace(*made.window, made.samples)
    return bound(x, made.simulate().truth, made.noise, baseline=baseline)


@pytest.mark.parametrize("quantity", ["amplitude", "center", "width"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_the_number_of_points_is_the_fewest_from_which_on_the_bound_meets_the_target(quantity, baseline):
    found = plan(model(), **{quantity: 0.02}, baseline=baseline)
    assert found.reachable
    for samples in range(found.value, found.value + 50):
        assert bound_of(model(samples=samples), baseline)[quantity] <= 0.02
    assert bound_of(model(samples=found.value - 1), baseline)[quantity] > 0.02
    assert found.bound[quantity] == bound_of(found.model, baseline)[quantity]


def test_few_points_are_tried_one_by_one_because_more_need_not_tell_more():
    narrow = model(width=0.1, noise=0.05)
    met = [n for n in range(5, 200) if bound_of(model(width=0.1, noise=0.05, samples=n))["center"] <= 0.01]
    found = plan(narrow, center=0.01).value
    assert found in met
    assert found - 1 not in met
    assert [n for n in range(found, 200) if n not in met] == []
    assert met[0] < found, "a lucky place of the points is not what is meant"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_largest_noise_just_meets_the_target(quantity):
    found = plan(model(), **{quantity: 0.03}, vary="noise")
    assert found.bound[quantity] == pytest.approx(0.03, rel=1e-12)
    assert found.bound[quantity] <= 0.03
    assert found.model.noise == found.value
    # The bound is in proportion to the noise.
    assert found.value / 0.3 == pytest.approx(0.03 / found.present_bound[quantity], rel=1e-12)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_no_other_window_about_the_peak_is_better(quantity):
    found = plan(model(), **{quantity: 1.0}, vary="window")
    low, high = found.value
    assert 0.5 * (low + high) == pytest.approx(0.2)
    for length in np.geomspace(0.5, 20, 200):
        other = Design.of(model(window=(0.2 - length / 2, 0.2 + length / 2))).bound("constant")
        assert other[quantity] >= found.bound[quantity] * (1 - 1e-9)


def test_windows_between_the_limits_meet_the_target_and_others_do_not():
    found = plan(model(), width=0.05, vary="window")
    shortest, longest = found.limits
    assert shortest < found.value[1] - found.value[0] < longest

    def width(length):
        return Design.of(model(window=(0.2 - length / 2, 0.2 + length / 2))).bound("constant")["width"]

    assert max(width(length) for length in np.linspace(shortest, longest, 30)) <= 0.05 * (1 + 1e-9)
    assert min(width(0.999 * shortest), width(1.001 * longest)) > 0.05


def test_all_of_several_targets_are_met_and_one_of_them_only_just():
    both = plan(model(), center=0.02, area=0.05)
    alone = plan(model(), center=0.02).value, plan(model(), area=0.05).value
    assert both.value == max(alone)


def test_area_and_fwhm_have_the_errors_of_a_fit_to_the_truth():
    from gaussapp import fit

    exact = model(noise=0.0).simulate()
    found = fit(exact.x, exact.y, 0.3, baseline="constant")
    present = plan(model(), center=0.01).present_bound
    assert present["area"] == pytest.approx(found.area.error, rel=1e-6)
    assert present["fwhm"] == pytest.approx(found.fwhm.error, rel=1e-6)


def test_a_target_that_cannot_be_reached_says_what_can():
    found = plan(model(), center=1e-6)
    assert not found.reachable
    assert found.value == 1_000_000
    assert f"the best is ± {found.bound['center']:.3g} for the center, with 1000000 points" in found.sentence
    window = plan(model(), area=1e-3, vary="window")
    assert not window.reachable
    assert window.limits is None
    assert window.bound["area"] < window.present_bound["area"]
    for vary in ("samples", "noise", "window"):
        nothing = plan(model(amplitude=0.0), center=0.1, vary=vary)
        assert not nothing.reachable
        assert "cannot tell the center and the width at all" in nothing.sentence
        assert math.isinf(nothing.bound["center"])


def test_counts_are_planned_with_the_noise_of_counts():
    counts = model(amplitude=100.0, offset=20.0, distribution="Poisson counts")
    found = plan(counts, center=0.01)
    x = np.linspace(-2, 2, found.value)
    mean = 20 + 100 * np.exp(-0.5 * ((x - 0.2) / 0.5) ** 2)
    truth = {"amplitude": 100.0, "center": 0.2, "width": 0.5}
    expected = bound(x, truth, np.sqrt(mean), baseline="constant")["center"]
    assert found.bound["center"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="the noise of counts follows from their mean"):
        plan(counts, center=0.01, vary="noise")


@pytest.mark.parametrize("vary", ["samples", "noise", "window"])
def test_the_curve_is_the_bound_and_spans_the_present_and_the_plan(vary):
    found = plan(model(), center=0.02, vary=vary)
    frame = found.to_frame()
    assert list(frame) == [vary, *QUANTITIES]
    present, planned = (value[1] - value[0] if vary == "window" else value for value in (found.present, found.value))
    assert (found.present_at, found.value_at) == (present, planned)
    assert frame[vary].min() < min(present, planned)
    assert frame[vary].max() > max(present, planned)
    row = frame.iloc[20]
    at = row[vary]
    changed = (0.2 - at / 2, 0.2 + at / 2) if vary == "window" else int(at) if vary == "samples" else at
    assert row["area"] == Design.of(model(**{vary: changed})).bound("constant")["area"]


@pytest.mark.parametrize("vary", ["samples", "noise"])
def test_repeated_experiments_reach_the_planned_precision(vary):
    found = plan(model(), center=0.02, area=0.08, vary=vary)
    study = found.verify(fits=4000)
    for quantity in QUANTITIES:
        assert study.bound[quantity] == pytest.approx(found.bound[quantity], rel=1e-12)
        assert study.spread[quantity] == pytest.approx(found.bound[quantity], rel=0.05)  # 4 standard errors


def test_repeated_experiments_show_where_a_plan_is_too_hopeful():
    """The best window for the center shows no baseline: the bound of the amplitude is there, and fits do not reach it."""
    found = plan(model(), center=0.03, vary="window")
    assert found.reachable
    study = found.verify(fits=1000)
    assert study.efficiency["center"] < 0.97


def test_the_model_is_left_as_it_is_and_the_plan_has_one_of_its_own():
    mine = model()
    found = plan(mine, center=0.01)
    assert mine.samples == 25
    assert found.model.samples == found.value
    assert found.model.param.values()["center"] == 0.2


def test_a_plan_reads_as_a_sentence():
    found = plan(model(center=0.0), center=0.01)
    assert repr(found).splitlines()[0] == "Plan: At least 227 points give the center to ± 0.01; now there are 25."
    assert "wanted ± 0.01" in repr(found)
    assert found.sentence in found._repr_html_()
    assert plan(model(), center=0.01, vary="noise").sentence.startswith("A noise of 0.09")
    assert plan(model(), center=0.05, vary="window").sentence.startswith("The window from ")


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({}, ValueError, "a plan needs a target"),
        ({"center": 0.0}, ValueError, "precision of the center must be above zero and finite, not 0.0"),
        ({"center": -1}, ValueError, "above zero"),
        ({"area": math.nan}, ValueError, "finite, not nan"),
        ({"area": "small"}, TypeError, "precision of the area must be a number, not 'small'"),
        ({"center": True}, TypeError, "must be a number"),
        ({"center": 0.1, "vary": "height"}, ValueError, "vary must be one of samples, noise, window, not 'height'"),
        ({"center": 0.1, "baseline": "exponential"}, ValueError, "baseline must be one of none, constant, linear"),
    ],
)
def test_what_cannot_be_planned_is_said(choices, error, words):
    with pytest.raises(error, match=words):
        plan(model(), **choices)


# From a fit to measured data ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured():
    """A fit to points that are not evenly spread, with noise that is not the same everywhere."""
    from gaussapp import fit

    x = np.sort(np.random.default_rng(3).uniform(-2, 2, 60))
    sigma = 0.1 + 0.1 * np.abs(x)
    y = 5 + 0.2 * x + 3 * np.exp(-0.5 * ((x - 0.2) / 0.5) ** 2) + sigma * np.random.default_rng(4).normal(size=60)
    return fit(x, y, sigma, baseline="linear")


def test_a_fit_is_planned_from_its_own_points_noise_and_baseline(measured):
    found = plan(measured, center=0.01)
    assert found.baseline == "linear"
    assert (found.present, found.present_at) == (60, 60)
    # With sigma taken at its word, errors reported by a fit are the bound at its values.
    for name in ("amplitude", "center", "width"):
        assert found.present_bound[name] == pytest.approx(measured.errors[name], rel=1e-6)
    assert found.present_bound["area"] == pytest.approx(measured.area.error, rel=1e-6)


def test_more_points_of_a_fit_are_spread_as_those_measured(measured):
    found = plan(measured, center=0.01)
    experiment = found.experiment
    assert experiment.x.size == found.value
    assert found.bound["center"] <= 0.01
    assert found.bound["center"] == experiment.bound()["center"]
    assert found.value == pytest.approx(60 * (found.present_bound["center"] / 0.01) ** 2, rel=0.1)
    np.testing.assert_allclose(
        np.quantile(experiment.x, [0.1, 0.5, 0.9]), np.quantile(measured.x, [0.1, 0.5, 0.9]), atol=0.05
    )
    np.testing.assert_allclose(experiment.noise, 0.1 + 0.1 * np.abs(experiment.x), atol=0.01)
    study = found.verify(fits=2000)
    assert study.spread["center"] == pytest.approx(0.01, rel=0.07)


def test_less_noise_of_a_fit_is_less_everywhere(measured):
    found = plan(measured, width=0.01, vary="noise")
    factor = found.value / found.present
    np.testing.assert_allclose(found.experiment.noise, factor * measured.sigma)
    np.testing.assert_allclose(found.experiment.sigma, factor * measured.sigma)
    assert found.bound["width"] == pytest.approx(factor * found.present_bound["width"])
    assert found.bound["width"] == pytest.approx(0.01)
    assert found.present == pytest.approx(math.sqrt(np.mean(measured.sigma**2)))


def test_counts_that_were_measured_are_planned_as_counts():
    from gaussapp import fit

    counted = model(amplitude=200.0, offset=20.0, distribution="Poisson counts", samples=60).simulate()
    found = plan(fit(counted.x, counted.y, baseline="constant"), center=0.005)
    assert found.experiment.distribution == "Poisson counts"
    with pytest.raises(ValueError, match="the noise of counts follows from their mean"):
        plan(fit(counted.x, counted.y, baseline="constant"), center=0.005, vary="noise")


def test_what_cannot_be_planned_from_a_fit_is_said(measured):
    from gaussapp import fit

    with pytest.raises(ValueError, match="the window of data that are already measured cannot be varied"):
        plan(measured, center=0.01, vary="window")
    two = fit(measured.x, measured.y, baseline="constant", peaks=2)
    with pytest.raises(ValueError, match="a plan is made for one peak, not 2"):
        plan(two, center=0.01)
    with pytest.raises(TypeError, match="needs a GaussianModel or a Fit, not dict"):
        plan({}, center=0.01)
    with pytest.raises(ValueError, match="noise is 0"):
        plan(model(amplitude=0.0), center=0.01, vary="noise").verify()


def test_a_search_ends_when_it_is_cancelled(measured):
    asked = []

    def cancelled():
        asked.append(None)
        return len(asked) > 5

    with pytest.raises(CancelledError):
        plan(model(), center=0.01, cancelled=cancelled)
    assert len(asked) == 6


def test_a_model_that_somebody_watches_is_planned_without_them():
    watched, seen = model(), []
    watched.param.watch(seen.append, ["samples", "center", "noise"])
    plan(watched, center=0.01)
    assert seen == []

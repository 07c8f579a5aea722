"""Repeated experiments: the same numbers however they are cut, and numbers that agree with exact theory."""

import math
import pickle

import numpy as np
import pytest

from gaussapp import Data, GaussianModel, Study, bound, fit, replicate
from gaussapp.noise import DISTRIBUTIONS, NORMAL, OUTLIERS, POISSON, STUDENT_T, UNIFORM
from gaussapp.study import Block, blocks_of, experiment_of, merged, replicate_block


@pytest.fixture(scope="module")
def fine():
    """Return the study of 20 000 experiments at signal-to-noise 10."""
    return replicate(GaussianModel(samples=50, noise=0.3), fits=20_000)


def test_spread_reaches_the_bound_at_signal_to_noise_ten(fine):
    assert fine.failures == fine.runaways == 0
    for name in fine.quantities:
        assert fine.spread[name] / fine.bound[name] == pytest.approx(1.0, abs=0.02), name
        assert abs(fine.bias[name]) < 0.1 * fine.spread[name]
        assert fine.reported[name] / fine.spread[name] == pytest.approx(1.0, abs=0.02)
        assert fine.coverage[name] == pytest.approx(0.95, abs=0.005)


def test_moments_are_those_of_the_estimates(fine):
    width = fine.estimate("width")
    assert fine.mean["width"] == pytest.approx(width.mean(), rel=1e-12)
    assert fine.spread["width"] == pytest.approx(width.std(ddof=1), rel=1e-12)
    assert fine.bias_error["width"] == pytest.approx(width.std(ddof=1) / math.sqrt(20_000), rel=1e-12)
    assert fine.rmse["width"] ** 2 == pytest.approx(np.mean((width - 0.5) ** 2), rel=1e-12)
    assert fine.spread_error["width"] == pytest.approx(fine.spread["width"] / math.sqrt(40_000), rel=0.1)
    low, high = fine.interval("width")
    assert fine.coverage["width"] == np.mean((low <= 0.5) & (high >= 0.5)) == np.mean(fine.covers("width"))
    assert fine.coverage_error["width"] == pytest.approx(math.sqrt(0.05 * 0.95 / 20_000), rel=0.1)
    assert fine.efficiency["width"] == pytest.approx(fine.bound["width"] / fine.spread["width"], rel=1e-12)
    assert fine.estimate("area") == pytest.approx(math.sqrt(2.0 * math.pi) * fine.estimate("amplitude") * width)
    assert fine.truth["area"] == pytest.approx(3.0 * 0.5 * math.sqrt(2.0 * math.pi))
    assert fine.at_level(0.5).coverage["center"] == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("baseline", ["none", "constant"])
def test_bound_is_the_closed_form_where_that_holds(baseline):
    """A peak inside a wide window, sampled twice a width (FACTS: within 1 %)."""
    model = GaussianModel(amplitude=2.0, width=1.0, window=(-8.0, 8.0), samples=65, noise=0.1)
    study = replicate(model, fits=10, baseline=baseline)
    spacing, root = 0.25, math.sqrt(math.pi)
    e = 2.0 * root / (65 * spacing) if baseline == "constant" else 0.0
    amplitude = 3.0 * 0.01 * spacing / (2.0 * root) * (1.0 - 4.0 * e / 3.0) / (1.0 - 1.5 * e)
    center = 2.0 * 0.01 * spacing / (root * 4.0)
    width = center * (1.0 - e) / (1.0 - 1.5 * e)
    for name, variance in {"amplitude": amplitude, "center": center, "width": width}.items():
        assert study.bound[name] == pytest.approx(math.sqrt(variance), rel=0.01), name
    exact = bound(np.linspace(-8.0, 8.0, 65), study.experiment.truth, 0.1, baseline=baseline)
    assert all(study.bound[name] == exact[name] for name in study.names)


def test_bound_of_counts_is_the_inverse_of_their_fisher_information():
    x = np.linspace(-3.0, 3.0, 40)
    truth = {"amplitude": 20.0, "center": 0.2, "width": 0.7, "offset": 3.0}

    def mean(p):
        return p[3] + p[0] * np.exp(-0.5 * ((x - p[1]) / p[2]) ** 2)

    p = np.array(list(truth.values()))
    step = 1e-5
    jacobian = np.array([(mean(p + step * row) - mean(p - step * row)) / (2.0 * step) for row in np.eye(4)])
    covariance = np.linalg.inv((jacobian / mean(p)) @ jacobian.T)
    found = bound(x, truth, counts=True, baseline="constant", derived=True)
    np.testing.assert_allclose([found[name] for name in truth], np.sqrt(covariance.diagonal()), rtol=1e-7)
    gradient = math.sqrt(2.0 * math.pi) * np.array([0.7, 0.0, 20.0, 0.0])
    assert found["area"] == pytest.approx(math.sqrt(gradient @ covariance @ gradient), rel=1e-7)
    with pytest.raises(ValueError, match="leave out sigma"):
        bound(x, truth, 1.0, counts=True)
    with pytest.raises(ValueError, match="sigma is missing"):
        bound(x, truth)


def test_where_no_counts_can_be_there_is_nothing_to_learn():
    x = np.linspace(-3.0, 3.0, 40)
    dip = {"amplitude": -5.0, "center": 0.0, "width": 0.5, "offset": 4.0}
    half = bound(x, dip, counts=True, baseline="constant")
    mean = 4.0 - 5.0 * np.exp(-2.0 * x * x)
    same = bound(x[mean >= 0.0], dip, counts=True, baseline="constant")
    assert half == pytest.approx(same, rel=1e-9)


def test_counts_are_repeated_with_their_own_noise():
    study = replicate(GaussianModel(distribution=POISSON, amplitude=400.0, offset=100.0, samples=50), fits=4000)
    y = study.experiment.simulate(0, 3000)
    np.testing.assert_allclose(y.mean(axis=0), study.experiment.curve, rtol=0.01)
    np.testing.assert_allclose(y.var(axis=0), study.experiment.curve, rtol=0.15)
    for name in study.names:  # least squares with equal weights wastes a little, and cannot be better
        assert 0.75 < study.efficiency[name] < 1.03, name


@pytest.mark.parametrize("distribution", [UNIFORM, STUDENT_T, OUTLIERS])
def test_other_noise_has_the_same_size_and_says_what_its_bound_is(distribution):
    study = replicate(GaussianModel(distribution=distribution, noise=0.3), fits=2000)
    noise = study.experiment.simulate(0, 4000) - study.experiment.curve
    assert noise.std() == pytest.approx(0.3, rel=0.1)
    assert study.bound == replicate(GaussianModel(noise=0.3), fits=10).bound
    assert study.efficiency["center"] == pytest.approx(1.0, abs=0.1)
    assert study.sentences[-1].startswith("The bound is the one of least squares")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_any_part_of_the_experiments_can_be_simulated_alone(distribution):
    experiment = experiment_of(GaussianModel(distribution=distribution, samples=17, amplitude=30.0, offset=5.0))
    whole = experiment.simulate(0, 120)
    parts = [experiment.simulate(first, 30) for first in (0, 30, 60, 90)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.array_equal(whole[77], experiment.simulate(77, 1)[0])
    assert not np.array_equal(whole[0], GaussianModel(distribution=distribution, samples=17).simulate().y)
    other = experiment_of(GaussianModel(distribution=distribution, samples=17, amplitude=30.0, offset=5.0, seed=2))
    assert not np.array_equal(other.simulate(0, 1)[0], whole[0])


def test_blocks_computed_anywhere_in_any_order_give_the_same_study():
    model = GaussianModel(noise=0.8, samples=60)
    whole = replicate(model, fits=4000)
    experiment = pickle.loads(pickle.dumps(experiment_of(model)))
    parts = [replicate_block(experiment, first, count) for first, count in reversed(blocks_of(experiment, 4000))]
    assert len(parts) > 1
    again = Study(experiment, merged(pickle.loads(pickle.dumps(parts))))
    for name in ("estimates", "errors"):
        assert getattr(again, name).tobytes() == getattr(whole, name).tobytes()
    assert np.array_equal(again.block.bits, whole.block.bits)
    assert again.coverage == whole.coverage
    with pytest.raises(ValueError, match="a block ends before experiment 1666 and the next one begins at 3332"):
        merged([parts[0], parts[-1]])
    with pytest.raises(ValueError, match="there are no blocks"):
        merged([])


def test_fits_of_a_study_are_those_of_fit():
    study = replicate(GaussianModel(noise=0.3), fits=40, baseline="linear")
    for i, y in enumerate(study.experiment.simulate(0, 40)):
        alone = fit(study.experiment.x, y, baseline="linear")
        np.testing.assert_allclose(study.estimates[i], list(alone.values.values()), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(study.errors[i], list(alone.errors.values()), rtol=1e-6)
        np.testing.assert_allclose(study.error("area")[i], alone.area.error, rtol=1e-6)


def test_known_noise_is_told_to_the_fits_and_the_normal_quantile_used():
    study = replicate(GaussianModel(sigma_known=True, samples=12), fits=3000)
    assert study.experiment.absolute_sigma
    assert study.coverage["center"] == pytest.approx(0.95, abs=0.02)
    low, high = study.interval("center")
    np.testing.assert_allclose((high - low) / 2.0, 1.959964 * study.error("center"), rtol=1e-6)
    scaled = replicate(GaussianModel(sigma_known=True, samples=12), fits=3000, absolute_sigma=False)
    assert not scaled.experiment.absolute_sigma


def test_starting_from_the_truth_finds_the_same_where_there_is_signal():
    model = GaussianModel(noise=0.3)
    np.testing.assert_allclose(
        replicate(model, fits=300, start="truth").estimates, replicate(model, fits=300).estimates, rtol=1e-6, atol=1e-7
    )


def test_little_signal_has_runaways_that_do_not_spoil_the_moments():
    study = replicate(GaussianModel(noise=1.5), fits=800)
    assert study.runaways > 0
    assert study.verdict_counts["no_peak_found"] > 100
    assert all(math.isfinite(study.spread[name]) for name in study.names)
    assert study.spread["amplitude"] < 30.0
    assert any("ran away" in sentence for sentence in study.sentences)
    assert study.coverage["width"] < 0.93
    assert any("interval of the width covers the truth in" in sentence for sentence in study.sentences)


def test_an_offset_that_is_not_fitted_is_a_bias_in_words():
    study = replicate(GaussianModel(offset=-1.0, noise=0.3), fits=500, baseline="none")
    assert study.bias["amplitude"] < -0.5
    assert any(sentence.startswith("The amplitude comes out too small by") for sentence in study.sentences)


def test_a_fit_to_measured_data_is_repeated_around_its_curve():
    random = np.random.default_rng(0)
    x = np.sort(random.uniform(0.0, 10.0, 60))
    sigma = random.uniform(0.05, 0.2, 60)
    y = 1.0 + 2.0 * np.exp(-0.5 * (x - 5.0) ** 2) + sigma * random.standard_normal(60)
    measured = fit(x, y, sigma, baseline="constant")
    study = replicate(measured, fits=4000)
    assert study.truth["center"] == measured.values["center"]
    for name in measured.names:
        assert study.spread[name] == pytest.approx(measured.errors[name], rel=0.08), name
    unweighted = fit(x, y, baseline="constant")
    assert replicate(unweighted, fits=10).experiment.noise[0] == pytest.approx(math.sqrt(unweighted.reduced_chi2))
    counts = fit(Data(x, np.round(50.0 * np.maximum(y, 0.0))), baseline="constant")
    assert replicate(counts, fits=10).experiment.distribution == POISSON
    assert replicate(counts, fits=10, counts=False).experiment.distribution == NORMAL
    with pytest.raises(ValueError, match="counts=True goes with a fit without sigma"):
        replicate(measured, fits=10, counts=True)


def test_a_fit_of_several_peaks_is_repeated_from_its_peaks():
    x = np.linspace(0.0, 10.0, 80)
    y = np.exp(-((x - 3.0) ** 2)) + 2.0 * np.exp(-0.5 * (x - 7.0) ** 2)
    measured = fit(x, y + 0.02 * np.random.default_rng(0).standard_normal(80), peaks=2)
    study = replicate(measured, fits=60, start="truth")
    assert study.quantities[-4:] == ("fwhm_1", "area_1", "fwhm_2", "area_2")
    assert study.spread["center_2"] == pytest.approx(measured.errors["center_2"], rel=0.4)
    assert study.bound["center_2"] == pytest.approx(measured.errors["center_2"], rel=0.3)


def test_progress_is_told_and_a_study_that_is_stopped_has_what_is_done():
    seen = []
    model = GaussianModel()
    study = replicate(model, fits=5000, progress=lambda done, of: seen.append((done, of)), cancelled=lambda: bool(seen))
    assert seen == [(2000, 5000)]
    assert len(study) == 2000
    assert np.array_equal(study.estimates, replicate(model, fits=2000).estimates)


def test_a_study_cannot_be_changed_and_survives_pickling():
    study = replicate(GaussianModel(), fits=50)
    with pytest.raises(AttributeError, match="a Study cannot be changed"):
        study.level = 0.5
    with pytest.raises(ValueError, match="read-only"):
        study.estimates[0] = 0.0
    again = pickle.loads(pickle.dumps(study))
    assert again.mean == study.mean
    assert repr(again) == repr(study)
    frame = study.to_frame()
    assert list(frame.index) == ["amplitude", "center", "width", "offset", "fwhm", "area"]
    assert frame.loc["width", "spread"] == study.spread["width"]


def test_text_and_html_hold_the_table_and_the_sentences():
    study = replicate(GaussianModel(distribution=POISSON, amplitude=30.0, offset=1.0), fits=3000)
    text, html = repr(study), study._repr_html_()
    assert text.splitlines()[0] == (
        "3000 experiments of 25 points, noise: Poisson counts; one peak, constant baseline, least squares; 0 failed, 0 ran away"
    )
    assert "true" in text.splitlines()[1]
    assert text.splitlines()[2].split()[0] == "amplitude"
    wrong = [sentence for sentence in study.sentences if "reported error of the amplitude" in sentence]
    assert len(wrong) == 1
    assert "too small here" in wrong[0]
    assert wrong[0] in text
    assert wrong[0] in html
    assert html.count("<tr>") == 7


def test_nothing_is_said_that_is_not_certain():
    few = replicate(GaussianModel(samples=200, noise=0.1), fits=100)
    assert few.sentences == ()


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({}, {"fits": 0}, ValueError, "fits must be at least 1, not 0"),
        ({}, {"fits": -5}, ValueError, "fits must be at least 1, not -5"),
        ({}, {"fits": 2.5}, TypeError, "fits must be a whole number, not 2.5"),
        ({}, {"fits": True}, TypeError, "fits must be a whole number, not True"),
        ({}, {"level": 1.0}, ValueError, "level must be between 0 and 1, such as 0.95, not 1.0"),
        ({}, {"level": 95}, ValueError, "level must be between 0 and 1, such as 0.95, not 95"),
        ({}, {"start": "here"}, ValueError, 'start must be "search" or "truth", not \'here\''),
        ({}, {"baseline": "flat"}, ValueError, "baseline must be one of none, constant"),
        ({}, {"seed": -1}, ValueError, "seed must be a whole number from 0 up, not -1"),
        ({}, {"counts": True}, ValueError, "counts is for a Fit"),
        ({"noise": 0.0}, {}, ValueError, "noise is 0: every experiment would give the same data"),
        ({"samples": 3}, {"fits": 20}, ValueError, "none of the 20 experiments could be fitted: 3 usable points are"),
    ],
)
def test_impossible_input_is_refused_in_a_sentence(change, options, error, sentence):
    with pytest.raises(error, match=sentence):
        replicate(GaussianModel(**change), **{"fits": 10, **options})


def test_neither_a_model_nor_a_fit_is_refused():
    with pytest.raises(TypeError, match="replicate needs a GaussianModel or a Fit, not int"):
        replicate(3)
    with pytest.raises(ValueError, match="there is no 'slope' in this study; it has amplitude, center"):
        replicate(GaussianModel(), fits=3).estimate("slope")


def test_failed_fits_count_as_failures_and_nowhere_else():
    study = replicate(GaussianModel(), fits=100)
    block = study.block
    estimates, errors, area, ok = (part.copy() for part in (block.estimates, block.errors, block.area_errors, block.ok))
    estimates[:10], errors[:10], area[:10], ok[:10] = np.nan, np.nan, np.nan, False
    why = dict.fromkeys(range(10), "no reason")
    some = Study(
        study.experiment, Block(0, estimates, errors, area, block.bits.copy(), block.trustworthy.copy(), ok, why)
    )
    assert some.failures == 10
    assert some.mean["width"] == pytest.approx(study.estimates[10:, 2].mean())
    assert some.coverage["width"] == np.mean(study.covers("width")[10:])
    assert some.sentences[0] == "10 of 100 experiments could not be fitted: no reason."

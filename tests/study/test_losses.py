"""Repeated experiments are fitted with the loss that is asked for, and say so."""

import json
import pickle

import numpy as np
import pytest

from gaussapp import GaussianModel, fit, plan, replicate, sweep
from gaussapp.study import blocks, experiment_of, merged, replicate_block

COUNTS = GaussianModel(amplitude=10, center=0.1, width=0.5, offset=1, samples=50, distribution="Poisson counts", seed=2)


@pytest.fixture(scope="module")
def studies():
    return {loss: replicate(COUNTS, 1500, loss=loss) for loss in ("least squares", "poisson")}


def test_counts_reach_their_bound_with_the_poisson_loss_and_not_with_least_squares(studies):
    plain, counted = studies["least squares"], studies["poisson"]
    assert counted.bound == plain.bound
    for name in ("center", "width", "offset", "area"):
        assert counted.efficiency[name] > 0.88
        assert counted.efficiency[name] > plain.efficiency[name] + 0.03
        assert abs(counted.coverage[name] - 0.95) < abs(plain.coverage[name] - 0.95)
    assert plain.efficiency["width"] < 0.85
    assert counted.experiment.absolute_sigma
    assert not plain.experiment.absolute_sigma


def test_the_study_says_which_loss(studies):
    assert ", least squares; " in repr(studies["least squares"])
    assert ", Poisson loss; " in repr(studies["poisson"])
    assert any("the Poisson loss, which knows their noise" in said for said in studies["least squares"].sentences)
    assert not any("the Poisson loss" in said for said in studies["poisson"].sentences)
    assert pickle.loads(pickle.dumps(studies["poisson"])).experiment.loss == "poisson"


@pytest.mark.parametrize("loss", ["poisson", "robust"])
def test_fits_of_a_study_are_those_of_fit(loss):
    study = replicate(COUNTS, 8, loss=loss)
    y = study.experiment.simulate(0, 8)
    for i in range(8):
        alone = fit(study.experiment.x, y[i], baseline="constant", loss=loss)
        np.testing.assert_allclose(study.estimates[i], list(alone.values.values()), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(study.errors[i], list(alone.errors.values()), rtol=1e-6, atol=1e-9)


def test_blocks_in_any_order_give_the_same_bytes(monkeypatch, studies):
    monkeypatch.setattr(blocks, "BLOCK_FITS", 40)
    experiment = experiment_of(COUNTS, loss="poisson")
    parts = [replicate_block(experiment, *block) for block in blocks.blocks_of(experiment, 120)]
    whole = replicate(COUNTS, 120, loss="poisson").block
    for name in ("estimates", "errors", "bits"):
        assert getattr(merged(parts[::-1]), name).tobytes() == getattr(whole, name).tobytes()
    np.testing.assert_allclose(whole.estimates, studies["poisson"].estimates[:120], rtol=1e-7, atol=1e-9)


def test_outliers_widen_the_spread_of_robust_fits_less():
    model = GaussianModel(noise=0.3, samples=40, distribution="normal with outliers")
    plain, robust = (replicate(model, 24, loss=loss) for loss in ("least squares", "robust"))
    assert robust.spread["center"] < plain.spread["center"]
    assert not robust.experiment.absolute_sigma


def test_a_fit_is_repeated_with_its_own_loss_unless_another_one_is_asked_for():
    measured = fit(COUNTS.simulate(), baseline="constant", loss="poisson")
    study = replicate(measured, 30)
    assert (study.experiment.loss, study.experiment.distribution) == ("poisson", "Poisson counts")
    assert replicate(measured, 30, loss="least squares").experiment.loss == "least squares"
    assert not replicate(measured, 30, loss="least squares").experiment.absolute_sigma
    robust = fit(np.linspace(-2, 2, 40), GaussianModel(samples=40, noise=0.2).simulate().y, loss="robust")
    experiment = replicate(robust, 4).experiment
    assert experiment.loss == "robust"
    assert experiment.noise[0] == pytest.approx(0.2, rel=0.4)


def test_several_peaks_of_counts_start_from_the_truth():
    x = np.linspace(-4.0, 4.0, 60)
    mean = 80 * np.exp(-0.5 * ((x + 1.5) / 0.5) ** 2) + 60 * np.exp(-0.5 * ((x - 1.2) / 0.7) ** 2) + 5
    measured = fit(x, np.random.default_rng(0).poisson(mean), peaks=2, baseline="linear", loss="poisson")
    study = replicate(measured, 30, start="truth")
    near = replicate(measured, 2).estimates
    np.testing.assert_allclose(study.estimates[:2], near, rtol=1e-4, atol=1e-4)
    assert study.efficiency["center_1"] == pytest.approx(1.0, abs=0.4)


@pytest.mark.parametrize(
    "held", [{"fixed": {"width": 0.5}}, {"bounds": {"width": (0.1, 3)}}, {"ties": {"width": "0.5 * amplitude"}}]
)
def test_a_fit_that_holds_parameters_is_refused_in_a_sentence(held):
    measured = fit(GaussianModel(amplitude=3, width=0.5).simulate(), baseline="constant", **held)
    with pytest.raises(
        ValueError, match=r"the fit holds width.*, but an experiment is repeated with every parameter free"
    ):
        replicate(measured, 10)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (
            GaussianModel(),
            {"loss": "poisson"},
            'loss="poisson" needs counts, but the noise of this experiment is normal',
        ),
        (GaussianModel(), {"loss": "huber"}, "loss must be one of least squares, poisson, robust, not 'huber'"),
        (COUNTS, {"loss": "poisson", "absolute_sigma": False}, "absolute_sigma=False cannot hold"),
        (experiment_of(GaussianModel()), {"loss": "poisson"}, "needs counts, but the noise"),
    ],
)
def test_a_loss_that_cannot_be_is_refused_in_a_sentence(source, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        replicate(source, 10, **options)


def test_maps_have_a_loss_and_kept_cells_are_of_one_loss(tmp_path):
    grid = {"amplitude": [10.0, 30.0]}
    found = sweep(COUNTS, 60, loss="poisson", keep=tmp_path, **grid)
    assert found.map("spread", "width")[0] == replicate(COUNTS, 60, loss="poisson").spread["width"]
    assert (found.loss, "baseline, Poisson loss" in repr(found)) == ("poisson", True)
    header = json.loads((tmp_path / "cells.jsonl").read_text().splitlines()[0])
    assert header["settings"]["loss"] == "poisson"
    with pytest.raises(ValueError, match=r"was made with .*loss.*poisson.*, and now it is .*least squares"):
        sweep(COUNTS, 60, keep=tmp_path, **grid)
    with pytest.raises(ValueError, match="loss must be one of"):
        sweep(COUNTS, 60, loss="l1", **grid)
    assert "needs counts" in next(iter(sweep(GaussianModel(), 20, loss="poisson", noise=[0.1]).problems.values()))


def test_a_plan_for_counts_is_verified_with_the_loss_whose_bound_it_was_made_with():
    found = plan(COUNTS, center=0.05)
    assert found.experiment.loss == "poisson"
    assert found.verify(30).experiment.loss == "poisson"
    assert found.verify(30, loss="least squares").experiment.loss == "least squares"
    assert plan(GaussianModel(), center=0.05).verify(30).experiment.loss == "least squares"
    measured = plan(fit(COUNTS.simulate(), baseline="constant"), center=0.05)
    assert measured.experiment.loss == "least squares"
    assert measured.verify(30, loss="poisson").experiment.loss == "poisson"

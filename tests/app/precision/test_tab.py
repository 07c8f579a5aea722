"""The Precision tab: closed it costs nothing, open it follows the newest state and shows the numbers of `replicate`."""

import math
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import gaussapp
from gaussapp.app import repeated
from gaussapp.app.precision.plots import (
    INTERVALS,
    JOINT_95,
    MOST_POINTS,
    chosen,
    cloud,
    ellipses,
    gradient_of,
    histograms,
    intervals,
    value_of,
)
from gaussapp.app.precision.tab import experiment_for, same
from gaussapp.app.precision.words import count_of_intervals, findings, row, said
from gaussapp.app.repeated import QUICK, Job
from gaussapp.app.scene import Request, compute
from gaussapp.app.state import FitSettings, PrecisionSettings
from gaussapp.data import Data
from gaussapp.model import GaussianModel
from gaussapp.study import Study, experiment_of

from ..conftest import in_turn, on_a_loop, wait_for


@pytest.fixture
def repeats(monkeypatch):
    """How many experiments were repeated, and whether in the thread of an event loop."""
    calls, block = [], repeated.timed_block

    def counted(task):
        _, first, count = task
        calls.append((first, count, on_a_loop()))
        return block(task)

    monkeypatch.setattr(repeated, "timed_block", counted)
    return calls


@pytest.fixture(scope="module")
def study():
    return gaussapp.replicate(GaussianModel(seed=4), 2500)


def opened(shown):
    shown.app.precision.tab = "Precision"
    return shown.app._precision


def column(tab, plot, glyph, name="y"):
    (drawn,) = tab._plots[plot].shown
    return drawn.sources[glyph].data[name]


# With no session: all at once -----------------------------------------------------------------------------------------


def test_fitted_values_that_stand_for_the_truth_have_the_digits_of_their_errors():
    study = gaussapp.replicate(GaussianModel(amplitude=4000.0, noise=90.0), 200)
    assert study.spread["area"] > 10
    assert "." in row(study, "area", measured=False)["true"]
    assert "." not in row(study, "area", measured=True)["true"]


def test_a_closed_tab_computes_nothing(shown, repeats):
    shown.app.model.amplitude = 2.0
    shown.app.precision.param.update(horizontal="area", singles=7, experiments=500)
    assert repeats == []
    assert shown.app._precision.study is None


def test_an_open_tab_shows_the_numbers_of_replicate(shown):
    tab = opened(shown)
    shown.app.model.param.update(width=0.6, noise=0.2)
    study = gaussapp.replicate(shown.app.model, len(tab.study))
    for statistic in ("mean", "spread", "reported", "bound", "coverage"):
        mine, other = getattr(tab.study, statistic), getattr(study, statistic)
        assert dict(mine) == pytest.approx(dict(other), rel=1e-6), statistic
    shown_now = column(tab, "cloud", "estimates", "x")
    np.testing.assert_allclose(shown_now, study.estimate("center")[:MOST_POINTS], rtol=1e-6, atol=1e-9)
    assert row(tab.study, "width", measured=False)["spread"] in tab._findings.texts


def test_every_setting_of_the_fit_reaches_the_tab(shown):
    tab = opened(shown)
    shown.app.settings.param.update(baseline="linear", level=0.68, errors="absolute")
    assert tab.study.names == ("amplitude", "center", "width", "offset", "slope")
    assert tab.study.level == 0.68
    assert tab.study.experiment.absolute_sigma is True
    shown.app.settings.fit_range = (-1.0, 1.0)
    assert tab.study.experiment.x.min() >= -1.0
    assert tab.study.experiment.x.max() <= 1.0
    assert abs(tab.study.bound["width"] - shown.app.scene.bound["width"]) < 1e-9


def test_another_pair_of_parameters_is_drawn_without_computing(shown, repeats):
    tab = opened(shown)
    repeats.clear()
    shown.app.precision.param.update(horizontal="area", vertical="offset")
    np.testing.assert_array_equal(column(tab, "cloud", "estimates", "x"), tab.study.estimate("area"))
    (drawn,) = tab._plots["cloud"].shown
    assert (drawn.figure.xaxis[0].axis_label, drawn.figure.yaxis[0].axis_label) == ("area", "offset")
    shown.app.precision.horizontal = "nonsense from an old link"
    assert drawn.figure.xaxis[0].axis_label == "amplitude"
    assert repeats == []


def test_intervals_come_one_at_a_time_and_the_count_is_in_words(shown, repeats):
    tab = opened(shown)
    precision = shown.app.precision
    repeats.clear()
    precision.from_none = True
    assert "No interval" in tab._count.texts[0]
    covers = tab.study.covers("center")
    for number in range(1, 4):
        precision.one_more = True
        assert precision.singles == number
        assert len(column(tab, "intervals", "values")) == number
        assert len(column(tab, "intervals", "misses")) == np.count_nonzero(~covers[:number])
    precision.singles = 150
    held = np.count_nonzero(covers[50:150])
    assert tab._count.texts[0].startswith(f"{held} of the last 100 intervals of the center hold the truth")
    assert repeats == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda app: app.model.param.update(noise=0.0), "Noise is 0"),
        (lambda app: app.settings.param.update(peaks=2), "set Peaks to 1"),
        (lambda app: app.model.param.update(samples=3), "could be fitted"),
        (lambda app: app.settings.param.update(fit_range=(50.0, 60.0)), "no point in the part of x"),
    ],
)
def test_what_cannot_be_repeated_is_a_sentence_and_the_page_goes_on(shown, change, words):
    tab = opened(shown)
    change(shown.app)
    assert tab.study is None
    assert words in tab.problem
    assert words in tab._findings.texts[0]
    assert not tab._pictures.visible
    shown.app.reset()
    assert tab.problem == ""
    assert tab.study is not None
    assert tab._pictures.visible


def test_counts_that_are_all_zero_do_not_stop_the_page(shown):
    tab = opened(shown)
    shown.app.model.param.update(distribution="Poisson counts", amplitude=-5.0, offset=-1.0)
    assert tab.study is not None or tab.problem
    shown.app.model.param.update(amplitude=50.0, offset=5.0)
    assert tab.study.efficiency["center"] == pytest.approx(1, abs=0.3)


def test_measured_data_are_repeated_about_their_fit(shown):
    tab = opened(shown)
    shown.app.data = gaussapp.sample("eckerle4")
    fit = shown.app.fit
    assert dict(tab.study.truth)["center"] == fit.values["center"]
    other = gaussapp.replicate(fit, len(tab.study))
    assert dict(tab.study.spread) == pytest.approx(dict(other.spread), rel=1e-6)
    assert any("stand for the truth" in text for text in tab._findings.texts)
    assert "hold the fitted value" in tab._count.texts[0]
    shown.app.data = Data([1.0, 2.0], [1.0, 2.0])
    assert tab.problem


def test_the_tab_and_its_choices_travel_in_the_address_and_reset_keeps_the_tab(app):
    from gaussapp.app.state import from_query, to_query

    app.precision.param.update(tab="Precision", horizontal="area", singles=3)
    query = to_query(app._owners())
    assert "tab=Precision" in query
    other = PrecisionSettings()
    assert from_query(query, [other]) == []
    assert (other.tab, other.horizontal, other.singles) == ("Precision", "area", 3)
    app.reset()
    assert (app.precision.tab, app.precision.horizontal, app.precision.singles) == ("Precision", "center", 100)


# With a session: beside the event loop --------------------------------------------------------------------------------


@pytest.fixture
def tab(visitor, repeats):
    """The tab of an open page, at rest with few experiments."""
    app = visitor.app
    in_turn(visitor, lambda: app.precision.param.update(tab="Precision", experiments=QUICK))
    wait_for(lambda: app._precision.study is not None and not app._precision.busy)
    in_turn(visitor, lambda: None)  # what was computed last is also sent
    visitor.settle()
    repeats.clear()
    visitor.patches()
    yield app._precision
    in_turn(visitor, lambda: app.precision.param.update(tab="Fit", experiments=10_000))
    wait_for(lambda: not app._precision.busy)


def test_a_move_is_followed_beside_the_event_loop_and_the_many_come_at_rest(visitor, tab, repeats):
    in_turn(visitor, lambda: visitor.app.precision.param.update(experiments=3000))
    visitor.set("amplitude", 2.0)
    wait_for(lambda: tab.study.truth["amplitude"] == 2.0 and len(tab.study) == 3000 and not tab.busy)
    assert not any(held for _, _, held in repeats)
    last = [count for _, count, _ in repeats[-next(i for i, each in enumerate(reversed(repeats), 1) if each[0] == 0) :]]
    assert sum(last) == 3000  # the first thousand are not done again
    other = gaussapp.replicate(visitor.app.model, 3000)
    assert dict(tab.study.spread) == pytest.approx(dict(other.spread), rel=1e-6)


def test_the_newest_of_many_moves_wins_and_the_others_are_not_replayed(visitor, tab, repeats):
    for value in np.linspace(1, 4, 40).round(3):
        visitor.set("amplitude", value)
    visitor.receive()
    visitor.receive()
    wait_for(lambda: tab.study.truth["amplitude"] == 4.0 and not tab.busy)
    assert sum(count for _, count, _ in repeats) < 20 * QUICK


def test_a_cloud_is_one_message(visitor, tab):
    visitor.set("amplitude", 2.0)
    wait_for(lambda: tab.study.truth["amplitude"] == 2.0 and not tab.busy)
    visitor.settle()
    with_cloud = [
        patch for patch in visitor.patches() if any("left" in sent.columns or "top" in sent.columns for sent in patch)
    ]
    assert len(with_cloud) == 1
    assert "texts" in [sent.attribute for sent in with_cloud[0]]


def test_a_long_run_shows_its_progress_and_stop_keeps_what_is_done(visitor, tab, repeats, monkeypatch):
    monkeypatch.setattr(repeated, "SLOW", 0.0)
    monkeypatch.setattr(repeated, "TICK", 20)
    in_turn(visitor, lambda: visitor.app.precision.param.update(experiments=1_000_000))
    wait_for(lambda: sum(count for _, count, _ in repeats) > 2 * QUICK and tab._bar.share > 0)
    in_turn(visitor, lambda: setattr(tab._bar, "stops", tab._bar.stops + 1))
    wait_for(lambda: not tab.busy)
    assert QUICK < len(tab.study) < 1_000_000
    wait_for(lambda: "of 1,000,000 experiments" in tab._bar.text)
    assert tab._bar.share < 0


def test_closing_the_tab_ends_what_is_running(visitor, tab, repeats):
    in_turn(visitor, lambda: visitor.app.precision.param.update(experiments=1_000_000))
    wait_for(lambda: sum(count for _, count, _ in repeats) > QUICK)
    in_turn(visitor, lambda: setattr(visitor.app.precision, "tab", "Fit"))
    wait_for(lambda: not tab.busy)
    before = len(repeats)
    visitor.set("amplitude", 2.0)
    visitor.receive()
    assert len(repeats) == before


def test_the_address_opens_the_tab(server):
    visitor = server.visit(tab="Precision", horizontal="area", experiments="500")
    tab = visitor.app._precision
    wait_for(lambda: tab.study is not None)
    assert "area" in tab._count.texts[0]
    assert len(tab.study) == 500


def test_what_is_running_for_a_session_that_leaves_ends(server, repeats):
    visitor = server.visit(tab="Precision", experiments="1000000")
    wait_for(lambda: sum(count for _, count, _ in repeats) > QUICK)
    (document,) = visitor.app._fit_plot.documents
    server.leave()
    wait_for(lambda: document.session_context is None)
    time.sleep(0.3)
    before = len(repeats)
    time.sleep(0.3)
    assert len(repeats) == before


# What is drawn and said -----------------------------------------------------------------------------------------------


def test_an_ellipse_casts_one_standard_deviation_on_each_axis_and_95_percent_are_within_the_larger():
    covariance = np.array([[4.0, -1.2], [-1.2, 0.9]])
    outline = ellipses((1.0, -2.0), covariance)
    x, y = outline["x"][:73] - 1.0, outline["y"][:73] + 2.0
    assert x.max() == pytest.approx(2.0, rel=1e-3)
    assert y.max() == pytest.approx(math.sqrt(0.9), rel=1e-3)
    distance = np.einsum("in,ij,jn->n", [x, y], np.linalg.inv(covariance), [x, y])
    np.testing.assert_allclose(distance, 1.0)
    drawn = np.random.default_rng(1).multivariate_normal([0, 0], covariance, 20_000)
    squares = np.einsum("ni,ij,nj->n", drawn, np.linalg.inv(covariance), drawn)
    assert np.mean(squares < JOINT_95**2) == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize("covariance", [np.full((2, 2), np.inf), np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_there_is_no_ellipse_of_what_is_not_known(covariance):
    assert len(ellipses((0.0, 0.0), covariance)["x"]) == 0


def test_the_bounds_ellipse_reaches_as_far_as_the_bound_says(study):
    made = cloud(study, None, "area", "fwhm")
    reach = np.nanmax(made["bound"]["x"]) - study.truth["area"]
    assert reach == pytest.approx(JOINT_95 * study.bound["area"], rel=1e-2)
    assert np.nanmax(made["bound"]["y"]) - study.truth["fwhm"] == pytest.approx(
        JOINT_95 * study.bound["fwhm"], rel=1e-2
    )
    assert len(made["estimates"]["x"]) == MOST_POINTS


def test_the_fits_ellipse_reaches_as_far_as_its_errors_say(study):
    scene = compute(GaussianModel(seed=4).simulate(), Request.of(FitSettings(), 0.3))
    made = cloud(study, scene.fit, "area", "center")
    area = scene.fit.area
    assert made["this fit"]["x"][0] == pytest.approx(area.value)
    assert np.nanmax(made["reported"]["x"]) - area.value == pytest.approx(JOINT_95 * area.error, rel=1e-2)


def test_histograms_are_of_all_parameters_and_as_wide_as_the_spread(study):
    made, reach = histograms(study)
    bars, count = made["bars"], len(study.names)
    heights = (bars["top"] - bars["bottom"]).reshape(count, -1)
    middles = (bars["left"] + bars["right"]).reshape(count, -1) / 2
    for i, name in enumerate(study.names):
        spread = math.sqrt(np.average(middles[i] ** 2, weights=heights[i]))
        assert spread == pytest.approx(study.spread[name] / study.bound[name], rel=0.05)
    assert reach >= 4
    np.testing.assert_allclose(made["mean"]["x"], [study.bias[n] / study.bound[n] for n in study.names])


def test_intervals_that_miss_are_apart_from_those_that_hold(study):
    made = intervals(study, "width", 250)
    assert len(made["holds"]["x"]) + len(made["misses"]["x"]) == INTERVALS
    truth = study.truth["width"]
    assert all((made["holds"]["y"] <= truth) & (truth <= made["holds"]["y1"]))
    assert all((made["misses"]["y"] > truth) | (truth > made["misses"]["y1"]))
    assert made["values"]["x"][-1] == 250


def test_what_is_said_comes_from_the_study(study):
    assert said(study, measured=False) == list(study.sentences)
    assert "parametric bootstrap" in said(study, measured=True)[-1]
    calm = Study(study.experiment, study.block, study.level)
    calm.__dict__["sentences"] = ()
    assert said(calm, measured=False)[0].startswith("Nothing speaks against the reported errors")
    written = findings(study, measured=True)
    assert "fitted here" in written.form
    held = int(np.count_nonzero(study.covers("fwhm")[:1]))
    assert ("holds" if held else "misses") in count_of_intervals(study, "fwhm", 1, measured=False)


@pytest.mark.parametrize(
    ("name", "quantities", "meant"),
    [
        ("width", ("amplitude", "center", "width"), "width"),
        ("center", ("amplitude_1", "center_1", "amplitude_2", "center_2"), "center_1"),
        ("center_3", ("amplitude", "center"), "center"),
        ("slope", ("amplitude", "center"), "amplitude"),
    ],
)
def test_a_choice_that_is_not_there_becomes_the_nearest(name, quantities, meant):
    assert chosen(name, quantities) == meant


def test_derivatives_of_what_is_derived_agree_with_differences():
    names, values = ("amplitude", "center", "width"), {"amplitude": 3.0, "center": 0.1, "width": 0.5}
    for quantity in ("fwhm", "area", "center"):
        for i, name in enumerate(names):
            moved = values | {name: values[name] + 1e-6}
            slope = (value_of(quantity, moved) - value_of(quantity, values)) / 1e-6
            assert gradient_of(quantity, names, values)[i] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_two_experiments_are_the_same_only_if_they_give_the_same_numbers():
    model = GaussianModel()
    one = experiment_of(model)
    assert same(one, experiment_of(GaussianModel()))
    for change in ({"seed": 2}, {"noise": 0.31}, {"samples": 26}, {"sigma_known": True}):
        assert not same(one, experiment_of(GaussianModel(**change)))
    scene = compute(model.simulate(), Request.of(FitSettings(), 0.3))
    assert same(one, experiment_for(scene, model))


@pytest.mark.parametrize(
    "imposed",
    [{"fixed": {"width": 0.5}}, {"bounds": {"width": (0.6, None)}}, {"ties": {"offset": "0.1 * width"}}],
    ids=str,
)
def test_a_fit_with_something_imposed_is_not_given_the_precision_of_one_without(imposed):
    model = GaussianModel()
    scene = compute(model.simulate(), Request.of(FitSettings(**imposed), model.noise))
    for experiment in (model, None):
        with pytest.raises(ValueError, match="repeated with every parameter free"):
            experiment_for(scene, experiment)


def test_a_job_that_fails_keeps_its_sentence(monkeypatch):
    def fail(*_args):
        raise ValueError("no")

    monkeypatch.setattr(repeated, "timed_block", fail)
    job = Job(experiment_of(GaussianModel()), None, 10)
    job.run(lambda: False, repeated.elsewhere)
    assert (job.error, job.done) == ("no", 0)


def test_a_server_of_the_page_shares_no_small_matrix_out_to_several_threads(visitor):
    """It costs more than it brings, and takes the cores from the browser."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    assert [library["num_threads"] for library in libraries] == [1] * len(libraries)

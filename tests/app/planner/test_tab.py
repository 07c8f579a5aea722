"""The Plan tab: closed it costs nothing, open it shows the numbers of `plan`, verified by simulation."""

import math
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gaussapp
from gaussapp.app import repeated
from gaussapp.app.planner import search as planner_search
from gaussapp.app.planner import tab as planner
from gaussapp.app.planner.plot import Check, columns, extents, settled_on_log_axis, ticks
from gaussapp.app.planner.search import Question, Search, half_of
from gaussapp.app.planner.setting import rounded, set_sliders, widen
from gaussapp.app.planner.words import _deviation, said, verified
from gaussapp.app.state import PlanSettings, from_query, to_query
from gaussapp.data import Data
from gaussapp.model import GaussianModel
from gaussapp.planning import QUANTITIES, plan

from ..conftest import in_turn, wait_for


@pytest.fixture
def plans(monkeypatch):
    """What was planned, and in which thread."""
    calls, real = [], planner_search.plan

    def counted(source, **choices):
        calls.append((choices, threading.get_ident()))
        return real(source, **choices)

    monkeypatch.setattr(planner_search, "plan", counted)
    return calls


@pytest.fixture(autouse=True)
def few_experiments(monkeypatch):
    """Without a session only as many as a moment allows."""
    monkeypatch.setattr(repeated, "INLINE", 0.02)


def opened(shown):
    shown.app.precision.tab = "Plan"
    return shown.app._planner


def drawn(tab, glyph):
    (plot,) = tab._plot.shown
    return {name: list(column) for name, column in plot.sources[glyph].data.items()}


def checked(spread, error=0.001, bound=0.1, done=4000, runaways=0):
    return Check(50.0, spread, error, bound, done, runaways, 50)


# With no session: all at once -----------------------------------------------------------------------------------------


def test_a_closed_tab_plans_nothing(shown, plans):
    shown.app.model.amplitude = 2.0
    shown.app.planning.param.update(wanted="area", target=0.1, vary="noise")
    shown.app.planning.apply = True
    assert plans == []
    assert shown.app._planner.plan is None


def test_an_open_tab_shows_the_plan_of_the_headless_function(shown):
    tab = opened(shown)
    shown.app.model.param.update(width=0.6, noise=0.2, center=0.3)
    shown.app.settings.baseline = "linear"
    for vary in ("samples", "noise", "window"):
        shown.app.planning.param.update(wanted="area", target=0.1, vary=vary)
        found = plan(shown.app.model, area=0.1, vary=vary, baseline="linear")
        assert tab.plan.value == found.value
        assert tab._words.texts[0] == found.sentence
        assert drawn(tab, "bound") == {"x": list(found.varied), "y": list(found.precision["area"])}
        assert drawn(tab, "answer") == {"x": [found.value_at], "y": [found.bound["area"]]}
        assert drawn(tab, "present") == {"x": [found.present_at], "y": [found.present_bound["area"]]}
        assert drawn(tab, "target")["y"] == [0.1, 0.1]


def test_simulated_experiments_stand_on_the_plot_and_in_the_sentence(shown):
    tab = opened(shown)
    check = tab.checks["answer"]
    study = tab.plan.verify(check.done)
    assert (check.spread, check.error) == pytest.approx((study.spread["center"], study.spread_error["center"]))
    assert drawn(tab, "spread")["x"] == [tab.plan.value_at, tab.plan.present_at]
    assert drawn(tab, "spread")["y"] == [tab.checks[place].spread for place in ("answer", "present")]
    assert any("the plan holds" in text for text in tab._words.texts)
    assert tab.checks["present"].spread == pytest.approx(tab.plan.present_bound["center"], rel=0.2)


def test_with_no_target_it_is_half_of_what_there_is_and_says_so(shown):
    tab = opened(shown)
    now = tab.plan.present_bound["center"]
    assert tab.plan.targets["center"] == pytest.approx(now / 2, rel=0.05)
    assert any("No precision was typed" in text for text in tab._words.texts)
    assert f"{tab.plan.targets['center']:.4g}" in tab._target.placeholder
    shown.app.planning.target = 0.01
    assert not any("No precision was typed" in text for text in tab._words.texts)
    assert tab._target.placeholder == ""


def test_a_target_that_cannot_be_reached_says_the_best_and_sets_nothing(shown):
    tab = opened(shown)
    shown.app.planning.param.update(target=1e-6, vary="samples")
    assert "the best is ±" in tab._words.texts[0]
    assert set(tab.checks) == {"present"}
    shown.app.planning.apply = True
    assert shown.app.model.samples == 25
    assert "cannot be reached" in shown.app._message.object


@pytest.mark.parametrize("vary", ["samples", "noise", "window"])
def test_the_button_sets_the_sliders_to_an_answer_that_meets_the_target(shown, vary):
    tab = opened(shown)
    shown.app.planning.param.update(target=0.027, vary=vary)
    shown.app.planning.apply = True
    model = shown.app.model
    assert plan(model, center=0.027).present_bound["center"] <= 0.027
    assert getattr(model, vary) == rounded(tab.plan) or vary != "samples"
    assert tab.plan.present == getattr(model, vary)


def test_after_the_button_the_target_stays_instead_of_being_halved_again(shown):
    tab = opened(shown)
    before = tab.plan.targets["center"]
    shown.app.planning.apply = True
    assert shown.app.planning.target == before
    assert tab.plan.present == tab.plan.value == shown.app.model.samples


def test_an_answer_beyond_the_slider_widens_it_until_reset(shown):
    tab = opened(shown)
    slider = next(
        each for each in shown.app._simulated.select(planner.control.__globals__["Slider"]) if each.label == "points"
    )
    assert slider.end == 2000
    shown.app.planning.target = 0.002
    shown.app.planning.apply = True
    assert shown.app.model.samples == tab.plan.value > 2000
    assert slider.end >= shown.app.model.samples
    shown.app.planning.target = 0.001  # wider once more
    shown.app.planning.apply = True
    assert slider.end >= shown.app.model.samples > 5000
    shown.app.reset()
    assert shown.app.model.samples == 25
    assert slider.end == 2000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda app: app.model.param.update(noise=0.0), "Noise is 0"),
        (lambda app: app.settings.param.update(peaks=2), "set Peaks to 1"),
        (lambda app: app.settings.param.update(fit_range=(-1.0, 1.0)), "empty the part of x to fit"),
        (lambda app: app.settings.param.update(baseline="exponential"), "not an exponential one"),
        (lambda app: app.model.param.update(amplitude=0.0), "cannot tell the center now"),
        (
            lambda app: (
                app.model.param.update(distribution="Poisson counts"),
                app.planning.param.update(vary="noise"),
            ),
            "noise of counts follows from their mean",
        ),
    ],
)
def test_what_cannot_be_planned_is_a_sentence_and_the_page_goes_on(shown, change, words):
    tab = opened(shown)
    change(shown.app)
    assert tab.plan is None
    assert words in tab.problem
    assert words in tab._words.texts[0]
    assert not tab._pictures.visible
    shown.app.planning.apply = True
    assert "no plan yet" in shown.app._message.object
    shown.app.reset()
    assert tab.problem == ""
    assert tab._pictures.visible


def test_noise_can_be_planned_from_none_at_all(shown):
    tab = opened(shown)
    shown.app.model.noise = 0.0
    shown.app.planning.param.update(target=0.02, vary="noise")
    assert tab.plan.reachable
    assert drawn(tab, "present") == {"x": [], "y": []}
    assert set(tab.checks) == {"answer"}


def test_measured_data_are_planned_from_their_fit_and_have_no_sliders_to_set(shown):
    tab = opened(shown)
    shown.app.data = gaussapp.sample("eckerle4")
    found = plan(shown.app.fit, center=tab.plan.targets["center"])
    assert (tab.plan.value, tab.plan.sentence) == (found.value, found.sentence)
    assert any("Planned from the fit" in text for text in tab._words.texts)
    assert not tab._button.visible
    shown.app.planning.vary = "window"
    assert "already measured" in tab.problem
    shown.app.planning.apply = True
    assert "no slider to set" in shown.app._message.object
    shown.app.data = Data([1.0, 2.0], [1.0, 2.0])
    assert tab.problem


def test_what_does_not_matter_is_not_planned_again(shown, plans):
    opened(shown)
    plans.clear()
    shown.app.settings.band = "none"
    shown.app.model.seed = 7
    assert plans == []
    shown.app.model.offset = 0.1
    assert len(plans) == 1


def test_the_question_travels_in_the_address_and_reset_forgets_it(app):
    app.precision.tab = "Plan"
    app.planning.param.update(wanted="fwhm", target=0.03, vary="window")
    query = to_query(app._owners())
    assert all(part in query for part in ("tab=Plan", "wanted=fwhm", "target=0.03", "vary=window"))
    other = PlanSettings()
    assert from_query(query, [other]) == []
    assert (other.wanted, other.target, other.vary) == ("fwhm", 0.03, "window")
    (problem,) = from_query("target=0", [other])
    assert "it must be above 0" in problem
    app.reset()
    assert (app.precision.tab, app.planning.wanted, app.planning.target) == ("Plan", "center", None)


# With a session: beside the event loop --------------------------------------------------------------------------------


@pytest.fixture
def tab(visitor, plans, monkeypatch):
    """The tab of an open page, at rest."""
    monkeypatch.setattr(planner, "EXPERIMENTS", 400)
    app = visitor.app
    in_turn(visitor, lambda: setattr(app.precision, "tab", "Plan"))
    wait_for(lambda: len(app._planner.checks) == 2 and not app._planner.busy)
    plans.clear()
    yield app._planner
    in_turn(visitor, lambda: setattr(app.precision, "tab", "Fit"))
    wait_for(lambda: not app._planner.busy)


def test_many_moves_are_one_plan_beside_the_event_loop_of_the_newest_state(visitor, tab, plans):
    for value in np.linspace(1, 4, 20).round(3):
        visitor.set("amplitude", value)
    visitor.receive()
    visitor.receive()
    wait_for(lambda: tab.plan.model.amplitude == 4.0 and len(tab.checks) == 2 and not tab.busy)
    loop = []
    in_turn(visitor, lambda: loop.append(threading.get_ident()))
    assert {thread for _, thread in plans}.isdisjoint(loop)
    assert len(plans) <= 3
    assert tab.plan.value == plan(visitor.app.model, center=tab.plan.targets["center"]).value
    assert tab.checks["answer"].done == 400


def test_a_plan_that_takes_long_shows_it_and_is_given_up_for_a_newer_one(visitor, tab, plans, monkeypatch):
    real, asked = planner_search.plan, []

    def slow(source, cancelled, **choices):
        asked.append(source.samples)
        while source.samples == 1000 and not cancelled():
            time.sleep(0.01)
        return real(source, cancelled=cancelled, **choices)

    monkeypatch.setattr(planner_search, "plan", slow)
    monkeypatch.setattr(planner_search, "SLOW", 0.05)
    visitor.set("points", 1000)
    visitor.receive()
    wait_for(lambda: tab._bar.share is None)
    visitor.set("points", 40)
    visitor.receive()
    wait_for(lambda: tab.plan.present == 40 and not tab.busy)
    assert (asked[0], asked[-1]) == (1000, 40)
    assert tab._bar.share == -1.0


def test_stop_ends_a_search_with_a_sentence_and_a_verification_with_what_is_done(visitor, tab, monkeypatch):
    real = planner_search.plan

    def slow(source, cancelled, **choices):
        while not cancelled():
            time.sleep(0.01)
        return real(source, cancelled=cancelled, **choices)

    with monkeypatch.context() as patch:
        patch.setattr(planner_search, "plan", slow)
        visitor.set("points", 30)
        visitor.receive()
        wait_for(lambda: tab._searcher._search is not None)
        in_turn(visitor, lambda: setattr(tab._bar, "stops", tab._bar.stops + 1))
        wait_for(lambda: "stopped" in tab.problem)
    monkeypatch.setattr(planner, "EXPERIMENTS", 10_000_000)
    monkeypatch.setattr(planner, "FEWEST", 10_000_000)
    in_turn(visitor, tab.follow)
    wait_for(lambda: "answer" in tab.checks and tab._repeater.more is False and tab.busy)
    in_turn(visitor, lambda: setattr(tab._bar, "stops", tab._bar.stops + 1))
    wait_for(lambda: not tab.busy)
    assert 0 < tab.checks["answer"].done < 10_000_000


def test_closing_the_tab_ends_what_is_running_and_the_newest_state_is_planned_when_it_opens(visitor, tab, plans):
    in_turn(visitor, lambda: setattr(visitor.app.precision, "tab", "Fit"))
    wait_for(lambda: not tab.busy)
    visitor.set("amplitude", 2.0)
    visitor.receive()
    time.sleep(0.5)
    assert plans == []
    in_turn(visitor, lambda: setattr(visitor.app.precision, "tab", "Plan"))
    wait_for(lambda: tab.plan.model.amplitude == 2.0)


def test_the_address_opens_the_tab_with_its_question(server):
    visitor = server.visit(tab="Plan", wanted="area", target="0.1", vary="noise")
    tab = visitor.app._planner
    wait_for(lambda: tab.plan is not None and "answer" in tab.checks)
    assert tab.plan.sentence.startswith("A noise of")
    assert visitor.app.planning.target == 0.1


def test_a_search_for_a_session_that_leaves_ends_and_nothing_of_the_page_is_kept(server, monkeypatch):
    import gc
    import weakref

    real, ended = planner_search.plan, threading.Event()

    def slow(source, cancelled, **choices):
        try:
            while not cancelled():
                time.sleep(0.01)
            return real(source, cancelled=cancelled, **choices)
        finally:
            ended.set()

    monkeypatch.setattr(planner_search, "plan", slow)
    visitor = server.visit(tab="Plan")
    left = weakref.ref(visitor.app._planner)
    wait_for(lambda: left()._searcher._search is not None)
    server.leave()
    assert ended.wait(20)

    def gone():
        gc.collect()
        return left() is None

    wait_for(gone)


# What is drawn, said and set ------------------------------------------------------------------------------------------


def test_a_verification_says_whether_the_plan_holds_and_what_to_ask_for_if_not():
    assert "the plan holds" in verified(checked(0.1005), 0.1, reachable=True)
    assert "as the bound says" in verified(checked(0.1005), 0.1, reachable=True)
    short = verified(checked(0.125), 0.1, reachable=True)
    assert "25 % more than the bound" in short
    assert "ask for about ± 0.08 " in short
    assert "plan holds" not in verified(checked(0.1), 0.05, reachable=False)
    assert "120 fits that ran away" in verified(checked(0.1, runaways=120), 0.1, reachable=True)
    assert "± 0.100 (itself ± 0.001)" in verified(checked(0.1, 0.00104), 0.1, reachable=True)


def test_the_default_target_is_told_only_when_it_was_used():
    found = plan(GaussianModel(), center=0.015)
    assert said(found, "center", True, {}) == []
    (sentence,) = said(found, "center", False, {})
    assert sentence.startswith("No precision was typed: ± 0.015 is half of the ± 0.0307")


@pytest.mark.parametrize("bad", [math.inf, 0.0, math.nan])
def test_there_is_no_half_of_a_precision_that_is_not_known(bad):
    with pytest.raises(ValueError, match="cannot tell the FWHM now"):
        half_of({"fwhm": bad}, "fwhm")


def test_numbers_are_rounded_to_the_side_on_which_the_target_is_met():
    found = plan(GaussianModel(), center=0.02, vary="noise")
    assert rounded(found) <= found.value < rounded(found) * 1.002
    assert len(f"{rounded(found):.12g}") <= 6
    window = plan(GaussianModel(), center=0.03, vary="window")
    low, high = rounded(window)
    assert max(map(len, (str(low), str(high)))) <= 7
    assert window.limits[0] < high - low < window.limits[1]


@pytest.mark.parametrize(
    ("value", "expected"), [(2000, (5, 2000)), (2001, (5, 5000)), (999_999, (5, 1_000_000)), (3, (3, 2000))]
)
def test_a_slider_is_widened_to_a_round_number_and_no_further_than_it_has_to(value, expected):
    model = GaussianModel()
    widen(model, "samples", value)
    assert model.param.samples.softbounds == expected
    assert all(isinstance(end, int) for end in model.param.samples.softbounds)


def test_a_setting_that_the_model_refuses_is_a_sentence(shown):
    model = GaussianModel()
    found = plan(model, center=0.02)
    model.param.samples.bounds = (1, 50)
    with pytest.raises(ValueError, match="50"):
        set_sliders(model, found)
    assert model.samples == 25


def test_the_axes_are_labelled_at_round_numbers_in_view():
    assert ticks(3, 1000) == [5, 10, 20, 50, 100, 200, 500, 1000]
    assert ticks(0.018, 0.065) == [0.02, 0.03, 0.04, 0.05]
    assert ticks(1e-7, 1e4) == [1e-7, 1e-5, 1e-3, 0.1, 10, 1000]
    assert ticks(1.001, 1.002) == []


def test_a_range_is_kept_while_it_fits():
    first = settled_on_log_axis(None, 0.01, 1.0)
    assert first[0] < 0.01
    assert first[1] > 1.0
    assert settled_on_log_axis(first, 0.011, 0.9) is first
    assert settled_on_log_axis(first, 0.011, 9.0)[1] > 9.0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(
        GaussianModel,
        amplitude=st.floats(-1e6, 1e6) | st.floats(-5, 5),
        center=st.floats(-3, 3) | st.floats(-1e6, 1e6),
        width=st.floats(1e-6, 1e6) | st.floats(0.01, 2),
        noise=st.floats(1e-9, 1e6),
        samples=st.integers(1, 60),
        window=st.tuples(st.floats(-1e6, -1e-3) | st.just(-2.0), st.floats(1e-3, 1e6) | st.just(2.0)),
        distribution=st.sampled_from(["normal", "Poisson counts"]),
    ),
    st.sampled_from(QUANTITIES),
    st.none() | st.floats(1e-6, 1e6),
    st.sampled_from(["samples", "noise", "window"]),
)
def test_any_state_gives_a_plan_that_can_be_drawn_or_a_sentence(model, wanted, target, vary):
    if vary == "samples":
        model.param.samples.bounds = (1, 3000)  # a million take long
    search = Search(Question(model, wanted, target, vary, "constant"))
    search.run(lambda: False)
    assert (search.plan is None) == bool(search.error)
    if search.plan is not None:
        x, y = extents(search.plan, wanted, {})
        assert 0 < x[0] < x[1] < math.inf
        assert 0 < y[0] <= y[1] < math.inf
        made = columns(search.plan, wanted, {}, settled_on_log_axis(None, *x))
        assert all(np.all(np.asarray(column) > 0) for glyph in made.values() for column in glyph.values())


def test_a_verification_that_fails_is_told(shown, monkeypatch):
    def fail(*_args):
        raise ValueError("no")

    monkeypatch.setattr(repeated, "timed_block", fail)
    tab = opened(shown)
    assert tab.plan is not None
    assert tab.checks == {}
    assert "cannot be verified: no" in tab._bar.text


def test_deviations_have_as_many_digits_as_their_neighbours():
    assert [_deviation(value) for value in (0.0289, 3.418, 1234.0, 0.5)] == [
        "± 0.02890",
        "± 3.418",
        "± 1234",
        "± 0.5000",
    ]

"""The app without a browser: what Python reads and sets, and what is drawn of it."""

import gc
import math
import weakref

import numpy as np
import panel as pn
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaussapp.app import GaussApp
from gaussapp.app.maps.grid import AXES, SHOWN
from gaussapp.app.state import FitSettings, Source, settable
from gaussapp.data import Data, samples
from gaussapp.fitting import bound, fit
from gaussapp.model import GaussianModel

from .conftest import show


def measured(rows=40, **kinds):
    x = np.linspace(400.0, 500.0, rows)
    return Data(x, 2 * np.exp(-0.5 * ((x - 451) / 6) ** 2) + 0.3, **kinds)


# What Python reads ---------------------------------------------------------------------------------------------------


def test_data_and_fit_follow_the_model(app):
    assert app.fit.values["center"] == pytest.approx(0, abs=0.2)
    app.model.center = 1.0
    assert app.data.truth["center"] == 1.0
    assert app.fit.values["center"] == pytest.approx(1, abs=0.2)
    np.testing.assert_array_equal(app.data.y, app.model.simulate().y)


def test_the_fit_follows_its_settings(app):
    app.settings.baseline = "linear"
    assert app.fit.names[-1] == "slope"
    app.settings.fit_range = (-1.0, 1.0)
    assert app.fit.x.min() >= -1
    app.settings.peaks = 2
    assert "amplitude_2" in app.fit.values


def test_what_is_not_looked_at_is_not_computed(counts):
    app = GaussApp()
    counts.taken()
    for center in np.linspace(-1, 1, 20):
        app.model.center = center
    assert counts.taken() == (0, 0)
    assert app.fit is app.fit
    assert app.data is app.data
    assert counts.taken() == (1, 1)


def test_it_takes_the_parts_it_is_given():
    model, chosen = GaussianModel(width=0.7), FitSettings(baseline="none")
    app = GaussApp(model=model, settings=chosen)
    assert app.model is model
    assert app.settings is chosen
    assert app.fit.baseline == "none"
    assert app.data.truth["width"] == 0.7


@pytest.mark.parametrize("part", [GaussianModel, FitSettings, Source])
def test_its_parts_cannot_be_swapped(part, app):
    name = {GaussianModel: "model", FitSettings: "settings", Source: "source"}[part]
    with pytest.raises(TypeError):
        setattr(app, name, part())


def test_two_apps_share_nothing():
    one, other = GaussApp(), GaussApp()
    one.model.param.update(center=1.0, samples=50)
    one.settings.baseline = "linear"
    one.data = measured()
    assert other.model.center == 0.0
    assert other.settings.baseline == "constant"
    assert other.source.mode == "Simulate"
    assert len(other.data.x) == 25
    assert GaussianModel.center == 0.0
    assert FitSettings.baseline == "constant"
    assert list(Source.param.sample.objects) == [""]


# My data -------------------------------------------------------------------------------------------------------------


def test_data_can_be_given_at_once_and_set_later():
    data, other = measured(), measured(rows=60)
    app = GaussApp(data)
    assert app.data is data
    assert app.source.mode == "My data"
    assert app.fit.values["center"] == pytest.approx(451)
    app.data = other
    assert app.data is other
    assert len(app.fit.x) == 60


def test_switching_the_mode_keeps_both(app):
    data = measured()
    app.model.center = 0.5
    app.data = data
    app.source.mode = "Simulate"
    assert app.data.truth["center"] == 0.5
    assert app.fit.values["center"] == pytest.approx(0.5, abs=0.2)
    app.model.center = -0.5
    app.source.mode = "My data"
    assert app.data is data
    app.source.mode = "Simulate"
    assert app.data.truth["center"] == -0.5


def test_until_there_are_data_the_simulated_peak_stays_and_a_sentence_says_so(shown):
    before = len(shown.app.data.x)
    shown.app.source.mode = "My data"
    assert len(shown.app.data.x) == before
    assert shown.app._message.visible
    assert "file" in shown.app._message.object
    shown.app.data = measured()
    assert not shown.app._message.visible


def test_a_part_of_x_belongs_to_the_data_it_was_chosen_for(app):
    app.settings.fit_range = (-1.0, 1.0)
    app.data = measured()
    assert app.settings.fit_range is None
    assert app.fit is not None
    app.settings.fit_range = (440.0, 460.0)
    app.source.mode = "Simulate"
    assert app.settings.fit_range is None
    assert app.fit is not None


@pytest.mark.parametrize("name", list(samples()))
def test_every_sample_begins_with_settings_that_fit_it(name, app):
    app.source.sample = name
    chosen = samples()[name]
    assert app.source.mode == "My data"
    assert app.data.name == name
    assert (app.settings.baseline, app.settings.peaks) == (chosen.baseline, chosen.peaks)
    assert app.settings.fit_range == chosen.window
    assert app.fit.r_squared > 0.95
    if chosen.certified:
        for parameter, value in chosen.certified["values"].items():
            found = app.fit.values | {key: estimate.value for key, estimate in app.fit.derived.items()}
            assert found[parameter] == pytest.approx(value, rel=1e-6)


def test_one_data_set_after_another_leaves_nothing_of_the_first(app):
    app.source.sample = "gamma"
    app.source.sample = "eckerle4"
    assert app.data.name == "eckerle4"
    assert app.settings.fit_range is None


def test_own_data_do_not_get_the_settings_of_the_sample_before_them(app):
    app.source.sample = "gauss1"
    assert app.settings.peaks == 2
    app.source.sample = "gamma"
    app.settings.param.update(baseline="none", peaks=3)
    app.data = measured()
    assert app.settings.fit_range is None
    assert (app.settings.baseline, app.settings.peaks) == ("none", 3)


# Reset ---------------------------------------------------------------------------------------------------------------


def test_reset_sets_everything_back(app):
    app.model.param.update(center=1.0, width=0.2, samples=99, window=(-1.0, 3.0), sigma_known=True)
    app.settings.param.update(baseline="linear", level=0.9, fit_range=(0.0, 1.0), peaks=2)
    app.reset()
    for owner, fresh in ((app.model, GaussianModel()), (app.settings, FitSettings())):
        assert all(getattr(owner, name) == getattr(fresh, name) for name in settable(owner))
    np.testing.assert_array_equal(app.data.y, GaussianModel().simulate().y)


def test_reset_keeps_the_data(app):
    data = measured()
    app.data = data
    app.settings.param.update(baseline="none", peaks=2)
    app.reset()
    assert app.data is data
    assert app.source.mode == "My data"
    assert app.settings.peaks == 1


# What cannot be fitted -----------------------------------------------------------------------------------------------


def test_a_problem_is_one_sentence_and_the_next_state_is_fitted(shown):
    app = shown.app
    app.model.samples = 2
    assert app.fit is None
    assert "2 usable points" in app.problem
    assert any("2 usable points" in text for text in shown.table)
    assert len(shown.source("data").data["x"]) == 2
    assert len(shown.source("fit").data["x"]) == 0
    app.model.samples = 30
    assert app.problem == ""
    assert len(shown.source("fit").data["x"]) > 0
    assert not any("usable points" in text for text in shown.table)


HARD = {
    "all x equal": Data(np.ones(10), np.arange(10.0)),
    "one point": Data([1.0], [1.0]),
    "constant y": Data(np.arange(20.0), np.ones(20)),
    "all zero": Data(np.arange(20.0), np.zeros(20)),
    "no finite y": Data(np.arange(5.0), np.full(5, np.nan)),
    "no finite x": Data(np.full(5, np.nan), np.arange(5.0)),
    "one spike": Data(np.arange(20.0), np.eye(20)[7]),
    "huge": Data(np.linspace(-1e300, 1e300, 30), np.linspace(-1e300, 1e300, 30)),
    "huge and small": Data(np.linspace(0, 1, 30), np.r_[1e300, np.full(29, 1e-300)]),
    "tiny": Data(np.linspace(0, 1e-300, 30), np.linspace(0, 1e-300, 30)),
    "sigma with zero and nan": measured(rows=4, sigma=[0.0, math.nan, 1.0, -1.0]),
    "infinite": Data([0.0, math.inf, 2.0, -math.inf, 4.0, 5.0, 6.0], [1.0, 2.0, math.inf, 3.0, 4.0, -math.inf, 0.0]),
}


@pytest.mark.parametrize("data", HARD.values(), ids=HARD)
def test_hard_data_give_a_fit_or_a_sentence_and_a_plot(data, shown):
    app = shown.app
    app.data = data
    assert (app.fit is None) == bool(app.problem)
    for axis in (shown.x_range, shown.y_range):
        assert axis[0] < axis[1]
        assert all(map(math.isfinite, axis))
    assert shown.table
    app.settings.baseline = "linear"
    app.source.mode = "Simulate"
    assert app.fit.values["center"] == pytest.approx(0, abs=0.2)
    assert shown.x_range == pytest.approx((-2.2, 2.2), abs=0.3)


@pytest.mark.parametrize("data", [HARD["no finite y"], HARD["all x equal"]], ids=["no finite y", "all x equal"])
def test_a_page_can_begin_with_hard_data(data):
    shown = show(GaussApp(data))
    assert shown.table
    assert all(map(math.isfinite, shown.x_range + shown.y_range))


def test_rows_that_are_no_numbers_are_counted_and_the_others_are_in_view(shown):
    good = measured()
    x, y = good.x.copy(), good.y.copy()
    x[3], y[7], x[39] = math.nan, math.nan, math.inf
    shown.app.data = Data(x, y)
    assert shown.app.fit.left_out == 3
    assert shown.app.fit.values["center"] == pytest.approx(451)
    finite = np.isfinite(x)
    assert shown.x_range[0] <= x[finite].min()
    assert x[finite].max() <= shown.x_range[1] < 600
    assert shown.y_range[0] <= 0.3
    assert 2.3 <= shown.y_range[1] < 3


@pytest.mark.parametrize(
    ("stretch", "shift", "height"), [(1, 1e9, 1), (1e-9, 0, 1), (1e9, 0, 1), (1, 0, 1e-30), (1, 0, 1e30), (1, 0, 1e150)]
)
def test_units_do_not_matter(stretch, shift, height, shown):
    plain = GaussianModel(samples=200, center=0.25).simulate()
    shown.app.data = Data(plain.x * stretch + shift, plain.y * height)
    values = shown.app.fit.values
    expected = fit(plain, baseline="constant").values
    assert values["center"] == pytest.approx(expected["center"] * stretch + shift, rel=1e-9)
    assert values["width"] == pytest.approx(expected["width"] * stretch, rel=1e-5)
    assert values["amplitude"] == pytest.approx(expected["amplitude"] * height, rel=1e-6)
    low, high = shown.x_range
    assert low <= shown.app.data.x[0] < shown.app.data.x[-1] <= high
    assert high - low < 1.3 * 4 * stretch
    assert shown.y_range[1] - shown.y_range[0] < 2 * np.ptp(plain.y) * height


def test_data_beyond_what_can_be_computed_with_are_refused_where_they_enter(app):
    with pytest.raises(ValueError, match="magnitudes above"):
        app.data = Data([0.0, 1e305], [0.0, 1.0])


def test_the_bound_of_counts_is_that_of_their_own_noise(app):
    app.model.param.update(distribution="Poisson counts", amplitude=200.0, offset=20.0)
    assert app.data.counts
    truth = app.data.truth
    assert app.scene.bound == bound(app.data.x, truth, baseline="constant", counts=True, derived=True)
    assert app.fit.values["amplitude"] == pytest.approx(200, abs=40)


# Any order, any value ------------------------------------------------------------------------------------------------

ANYTHING = {
    "amplitude": st.floats(-1e6, 1e6),
    "center": st.floats(-1e6, 1e6) | st.floats(-5, 5),
    "width": st.floats(1e-6, 1e6) | st.floats(0.01, 2),
    "noise": st.floats(0, 1e6) | st.just(0.0),
    "offset": st.floats(-1e6, 1e6),
    "samples": st.integers(1, 100),
    "seed": st.integers(0, 2**32 - 1),
    "window": st.tuples(st.floats(-1e6, 0), st.floats(1e-3, 1e6)),
    "distribution": st.sampled_from(list(GaussianModel.param.distribution.objects)),
    "sigma_known": st.booleans(),
    "new_noise": st.just(True),
    "baseline": st.sampled_from(["none", "constant", "linear", "exponential"]),
    "peaks": st.sampled_from([1, 2, "auto"]),
    "same_width": st.booleans(),
    "loss": st.sampled_from(["least squares", "poisson", "robust"]),
    "intervals": st.sampled_from(["automatic", "symmetric", "profile"]),
    "fixed": st.dictionaries(
        st.sampled_from(["width", "width_2", "center_1", "offset"]), st.floats(-3, 3) | st.just(0.0)
    ),
    "bounds": st.dictionaries(
        st.sampled_from(["width", "width_2", "center_1", "offset"]),
        st.sampled_from([(0.1, 1.0), (None, 0.3), (0.0, None), (0.5, 0.5)]),
    ),
    "ties": st.dictionaries(
        st.sampled_from(["width", "width_2", "center_1", "offset"]),
        st.sampled_from(["amplitude", "center_2 - 1.0", "0.5 * width_1", "width_2"]),
    ),
    "start": st.dictionaries(st.sampled_from(["center", "center_2", "width_1"]), st.floats(-3, 3)),
    "correlations": st.booleans(),
    "level": st.sampled_from([0.68, 0.9, 0.95, 0.99]),
    "band": st.sampled_from(["confidence", "prediction", "none"]),
    "errors": st.sampled_from(["automatic", "absolute", "scaled"]),
    "fit_range": st.none() | st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    "mode": st.sampled_from(["Simulate", "My data"]),
    "sample": st.sampled_from(["", "eckerle4", "gauss1"]),
    "x": st.text(max_size=3),
    "y": st.text(max_size=3),
    "sigma": st.sampled_from(["", "-", "x", "nonsense"]),
    "tab": st.just("Fit"),  # what the other one shows has tests of its own
    "horizontal": st.sampled_from(["center", "area", "nonsense"]),
    "vertical": st.sampled_from(["width", "fwhm_2", ""]),
    "experiments": st.integers(100, 1000),
    "singles": st.integers(0, 1000),
    "wanted": st.sampled_from(["center", "fwhm", "area"]),
    "target": st.none() | st.floats(1e-9, 1e9),
    "vary": st.sampled_from(["samples", "noise", "window"]),
    "map_across": st.sampled_from(list(AXES.values())),
    "map_across_range": st.none() | st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    "map_across_steps": st.integers(2, 60),
    "map_upwards": st.sampled_from(list(AXES.values())),
    "map_upwards_range": st.none() | st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    "map_upwards_steps": st.integers(2, 60),
    "map_experiments": st.integers(20, 1000),
    "map_shows": st.sampled_from(SHOWN),
    "map_of": st.sampled_from(["center", "area", "nonsense"]),
    "file_trend": st.sampled_from(["center", "slope", "nonsense"]),
    "file_against": st.sampled_from(["number in the name", "order of the names"]),
    "theme": st.sampled_from(["browser", "light", "dark"]),
}


def test_every_parameter_is_among_the_anythings(app):
    names = {name for owner in app._owners() for name in settable(owner)}
    assert names | {"new_noise"} == set(ANYTHING)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.sampled_from(list(ANYTHING)).flatmap(lambda n: st.tuples(st.just(n), ANYTHING[n])), max_size=5))
def test_any_parameters_in_any_order_are_drawn(shown, moves):
    app = shown.app
    for name, value in moves:
        owner = next(o for o in app._owners() if name in o.param)
        setattr(owner, name, value)
        assert (app.fit is None) == bool(app.problem)
        assert all(map(math.isfinite, shown.x_range + shown.y_range))
        np.testing.assert_array_equal(
            len(shown.source("data").data["x"]) + len(shown.source("left out").data["x"]), len(app.data.x)
        )
        assert "nan" not in " ".join(shown.table)
    app.reset()
    app.source.mode = "Simulate"


# Memory --------------------------------------------------------------------------------------------------------------


def test_an_app_that_nobody_holds_is_gone():
    apps = [weakref.ref(GaussApp()) for _ in range(2)]
    gc.collect()
    assert [app() for app in apps] == [None, None]


def test_an_app_does_not_live_as_long_as_its_data():
    data = measured()
    app = weakref.ref(GaussApp(data))
    gc.collect()
    assert app() is None


def test_the_page_is_built_without_a_server():
    page = GaussApp().page()
    assert isinstance(page, pn.viewable.Viewable | pn.viewable.Viewer)

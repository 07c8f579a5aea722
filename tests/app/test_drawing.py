"""What is drawn of the app: each move once, everything in step, and the view that the user chose."""

import math

import numpy as np
import pytest
from bokeh.events import RangesUpdate, Reset
from bokeh.models import NoOverlap

from gaussapp.app import GaussApp
from gaussapp.data import Data, sample

from .conftest import show


def measured():
    x = np.linspace(400.0, 500.0, 40)
    return Data(x, 2 * np.exp(-0.5 * ((x - 451) / 6) ** 2) + 0.3)


# What is drawn -------------------------------------------------------------------------------------------------------


def test_a_move_is_one_simulation_one_fit_and_one_frame(shown, counts):
    counts.taken()
    shown.events.clear()
    shown.app.model.amplitude = 2.0
    assert counts.taken() == (1, 1)
    frames = [event for event in shown.events if getattr(event, "attr", None) == "end" and event.model.name == "frames"]
    assert len(frames) == 1


@pytest.mark.parametrize("name", ["fit", "residuals"])
def test_numbers_at_the_axes_never_lie_on_one_another(shown, name):
    figure = shown.figure(name)
    assert all(isinstance(axis.major_label_policy, NoOverlap) for axis in [*figure.xaxis, *figure.yaxis])


def test_several_parameters_at_once_are_one_refresh(shown, counts):
    counts.taken()
    before = shown.app._pace._drawn_frames
    shown.app.model.param.update(amplitude=2.0, center=1.0, noise=0.1, samples=77)
    assert counts.taken() == (1, 1)
    assert shown.app._pace._drawn_frames == before + 1


def test_a_setting_of_the_fit_simulates_the_same_points(shown, counts):
    before = shown.app.data
    counts.taken()
    shown.app.settings.baseline = "linear"
    assert counts.taken()[1] == 1
    np.testing.assert_array_equal(shown.app.data.y, before.y)


def test_new_noise_is_one_refresh(shown, counts):
    before = shown.app.data.y
    counts.taken()
    shown.app.model.new_noise = True
    assert counts.taken() == (1, 1)
    assert not np.array_equal(shown.app.data.y, before)


def test_data_set_from_python_are_fitted_once(shown, counts):
    counts.taken()
    shown.app.data = measured()
    assert counts.taken() == (0, 1)


def test_a_sample_is_fitted_once(shown, counts):
    counts.taken()
    shown.app.source.sample = "gauss1"
    assert counts.taken() == (0, 1)


def test_setting_what_is_already_set_does_nothing(shown, counts):
    counts.taken()
    shown.events.clear()
    shown.app.model.amplitude = shown.app.model.amplitude
    shown.app.settings.baseline = "constant"
    assert counts.taken() == (0, 0)
    assert shown.events == []


def test_plots_and_table_show_the_same_state(shown):
    app = shown.app
    app.model.param.update(amplitude=4.0, center=1.0, samples=31)
    np.testing.assert_array_equal(shown.source("data").data["y"], app.data.y)
    np.testing.assert_array_equal(shown.source("fit").data["y"], app.fit.curve(shown.source("fit").data["x"]))
    np.testing.assert_array_equal(shown.source("residuals", "residuals").data["y"], app.fit.standardized)
    assert "31 points, 27 degrees of freedom" in shown.table


def test_an_app_that_moved_before_it_is_shown_shows_its_newest_state():
    app = GaussApp()
    app.model.param.update(samples=1000, width=0.4)
    shown = show(app)
    assert len(shown.source("data").data["x"]) == 1000
    assert "1,000 points, 996 degrees of freedom" in shown.table
    assert shown.y_range[0] <= app.data.y.min()
    assert app.data.y.max() <= shown.y_range[1]


def test_an_app_shown_twice_moves_in_both_places():
    app = GaussApp()
    places = [show(app), show(app)]
    app.model.samples = 40
    assert [len(place.source("data").data["x"]) for place in places] == [40, 40]
    assert [len(place.source("residuals", "residuals").data["x"]) for place in places] == [40, 40]


def test_both_plots_share_their_x(shown):
    assert shown.figure("fit").x_range is shown.figure("residuals").x_range
    shown.app.model.window = (-5.0, 7.0)
    assert shown.x_range[0] <= -5
    assert shown.x_range[1] >= 7


def test_axes_stay_where_they_are_during_small_moves(shown):
    before = shown.x_range, shown.y_range
    for amplitude in np.linspace(3, 3.2, 10):
        shown.app.model.amplitude = amplitude
    assert (shown.x_range, shown.y_range) == before


def test_labels_and_legend_follow_the_data(shown):
    shown.app.data = sample("eckerle4")
    assert shown.figure("residuals").xaxis[0].axis_label == "wavelength (nm)"
    assert shown.figure("fit").yaxis[0].axis_label == "transmittance"
    visible = [item.label.value for item in shown.figure("fit").legend[0].items if item.visible]
    assert "truth" not in visible
    assert "data" in visible
    shown.app.source.mode = "Simulate"
    visible = [item.label.value for item in shown.figure("fit").legend[0].items if item.visible]
    assert "truth" in visible


def test_a_hook_that_fails_would_be_seen(failed_hooks):
    """The watch over all these tests, watched."""
    import holoviews as hv

    def broken(_plot, _element):
        raise ZeroDivisionError

    hv.renderer("bokeh").get_plot(hv.Curve([1, 2]).opts(backend="bokeh", hooks=[broken]))
    assert len(failed_hooks) == 1
    failed_hooks.clear()


# Zooming -------------------------------------------------------------------------------------------------------------


def zoom(shown, x, y):
    figure = shown.figure("fit")
    figure._trigger_event(RangesUpdate(figure, x0=x[0], x1=x[1], y0=y[0], y1=y[1]))


def test_a_view_that_was_chosen_stays_until_it_is_reset(shown):
    zoom(shown, (0.0, 1.0), (1.0, 2.0))
    shown.app.model.amplitude = 4.5
    assert (shown.x_range, shown.y_range) == ((0.0, 1.0), (1.0, 2.0))
    assert shown.source("truth").data["x"][[0, -1]] == pytest.approx([0, 1])
    figure = shown.figure("fit")
    figure._trigger_event(Reset(figure))
    assert shown.x_range[0] <= -2
    assert shown.y_range[1] >= 4.5


def test_other_data_are_shown_whole(shown):
    zoom(shown, (0.0, 1.0), (1.0, 2.0))
    shown.app.data = measured()
    assert shown.x_range[0] <= 400 < 500 <= shown.x_range[1]


@pytest.mark.parametrize(
    "x",
    [
        (1.0, 1.0),
        (2.0, 1.0),
        (1e9, 1e9),
        (math.nan, 1.0),
        (-math.inf, math.inf),
        (None, None),
        (-1e308, 1e308),
        ("a", "b"),
    ],
    ids=str,
)
def test_a_view_that_makes_no_sense_breaks_nothing(x, shown):
    """Any client may send any event."""
    zoom(shown, x, (0.0, 1.0))
    shown.app.model.param.update(amplitude=2.0, samples=20_001)
    assert shown.app.fit.values["amplitude"] == pytest.approx(2, abs=0.1)
    figure = shown.figure("fit")
    figure._trigger_event(Reset(figure))
    assert shown.x_range[0] <= -2 < 2 <= shown.x_range[1] < 4

"""What is drawn of a scene: all glyphs, always of consistent lengths, and nothing where there is nothing."""

import holoviews as hv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussapp.app.pixels import Frame, picture
from gaussapp.app.plots import (
    GRID,
    MOST_ERROR_BARS,
    MOST_MARKERS,
    columns,
    curve_grid,
    even_grid,
    fit_overlay,
    legend,
    residual_overlay,
    there_and_back,
    true_curve,
)
from gaussapp.app.scene import Request, Scene, compute
from gaussapp.app.state import FitSettings
from gaussapp.data import Data
from gaussapp.model import GaussianModel

VIEW = Frame((-2.2, 2.2), (-1.0, 4.0), 800, 300)
RESIDUALS = Frame((-2.2, 2.2), (-4.0, 4.0), 800, 150)
GLYPHS = {
    *("data", "data picture", "error bars", "left out", "left out picture", "truth", "fit", "band"),
    *("components", "baseline", "residuals", "residuals picture"),
}


def scene_of(data=None, **settings):
    return compute(GaussianModel().simulate() if data is None else data, Request.of(FitSettings(**settings), None))


def drawn(scene, view=VIEW, residuals=RESIDUALS):
    made = columns(scene, view, residuals)
    assert set(made) == GLYPHS
    for glyph, parts in made.items():
        assert len({len(column) for column in parts.values()}) == 1, glyph
    return made


# Every state ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.sampled_from(["none", "constant", "linear", "exponential"]),
    st.sampled_from(["confidence", "prediction", "none"]),
    st.none() | st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    st.integers(1, 3),
    st.integers(1, 40),
    st.booleans(),
    st.tuples(st.floats(-5, 5), st.floats(0.01, 10)),
)
def test_columns_of_a_source_are_always_of_one_length(baseline, band, part, peaks, samples, sigma_known, view):
    data = GaussianModel(samples=samples, sigma_known=sigma_known).simulate()
    scene = scene_of(data, baseline=baseline, band=band, fit_range=part, peaks=peaks)
    frame = Frame((view[0], view[0] + view[1]), (-1.0, 4.0), 80, 30)
    made = drawn(scene, frame, frame)
    for glyph in ("truth", "fit", "band", "baseline"):
        assert np.isfinite(np.concatenate([made[glyph]["x"], made[glyph]["y"]])).all()


def test_without_a_fit_the_data_and_the_truth_are_still_there():
    scene = scene_of(GaussianModel(samples=2).simulate())
    made = drawn(scene)
    assert len(made["data"]["x"]) == 2
    assert len(made["truth"]["x"]) >= GRID
    for glyph in ("fit", "band", "residuals"):
        assert len(made[glyph]["x"]) == 0
    assert legend(scene) == {"band": "", "data": "data", "left out": "", "truth": "truth", "fit": ""} | {
        "components": "",
        "baseline": "",
    }


def test_points_inside_and_outside_the_part_that_is_fitted():
    data = GaussianModel(samples=41).simulate()
    made = drawn(scene_of(data, fit_range=(-1.0, 0.5)))
    inside = (data.x >= -1) & (data.x <= 0.5)
    np.testing.assert_array_equal(made["data"]["x"], data.x[inside])
    np.testing.assert_array_equal(made["data"]["y"], data.y[inside])
    np.testing.assert_array_equal(made["left out"]["x"], data.x[~inside])
    np.testing.assert_array_equal(made["left out"]["y"], data.y[~inside])
    np.testing.assert_array_equal(made["residuals"]["x"], data.x[inside])
    assert made["fit"]["x"][[0, -1]] == pytest.approx([-1.0, 0.5])
    assert made["band"]["x"].min() == pytest.approx(-1.0)
    assert made["band"]["x"].max() == pytest.approx(0.5)
    assert made["truth"]["x"][[0, -1]] == pytest.approx(VIEW.x)


def test_a_part_out_of_view_draws_no_fit():
    made = drawn(scene_of(fit_range=(-1.0, 1.0)), Frame((1.5, 2.0), (-1, 4), 800, 300))
    assert len(made["fit"]["x"]) == 0
    assert len(made["band"]["x"]) == 0


def test_with_no_choice_of_a_part_nothing_is_left_out():
    made = drawn(scene_of())
    assert len(made["data"]["x"]) == 25
    assert len(made["left out"]["x"]) == 0


def test_rows_that_are_no_numbers_are_no_trouble():
    data = GaussianModel().simulate()
    y = data.y.copy()
    y[3] = np.nan
    made = drawn(scene_of(Data(data.x, y, sigma=0.3)))
    assert len(made["data"]["x"]) == 25
    assert len(made["residuals"]["x"]) == 24


# Curves --------------------------------------------------------------------------------------------------------------


def test_the_curves_are_those_of_the_fit_and_of_the_truth():
    scene = scene_of()
    made = drawn(scene)
    np.testing.assert_array_equal(made["fit"]["y"], scene.fit.curve(made["fit"]["x"]))
    x, truth = made["truth"]["x"], scene.data.truth
    expected = truth["offset"] + truth["amplitude"] * np.exp(-0.5 * ((x - truth["center"]) / truth["width"]) ** 2)
    np.testing.assert_allclose(made["truth"]["y"], expected)
    np.testing.assert_array_equal(true_curve(truth, x), made["truth"]["y"])


def test_residuals_are_in_standard_errors_of_a_point():
    scene = scene_of()
    made = drawn(scene)
    np.testing.assert_array_equal(made["residuals"]["y"], scene.fit.standardized)


def test_measured_data_have_no_truth():
    data = GaussianModel().simulate()
    scene = scene_of(Data(data.x, data.y))
    assert len(drawn(scene)["truth"]["x"]) == 0
    assert legend(scene)["truth"] == ""


@pytest.mark.parametrize("width", [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.04, 0.05, 0.5, 3.0])
@pytest.mark.parametrize("center", [0.0, 0.1234567, -2.0, 1.999])
def test_a_narrow_peak_keeps_its_top_and_its_shape(width, center):
    """At an even spacing of the view it would fall between two points or become a triangle."""
    grid = curve_grid(-2.2, 2.2, [(center, width)])
    assert (np.diff(grid) >= 0).all()
    curve = np.exp(-0.5 * ((grid - center) / width) ** 2)
    assert curve.max() > 0.99
    fine = np.clip(center + np.linspace(-4, 4, 1001) * width, -2.2, 2.2)
    polygon = np.interp(fine, grid, curve)
    assert np.abs(polygon - np.exp(-0.5 * ((fine - center) / width) ** 2)).max() < 0.02


@pytest.mark.parametrize("settings", [{"width": 1e-3, "noise": 0.0, "samples": 2000, "window": (-0.5, 0.5)}])
def test_a_narrow_peak_is_drawn_to_its_top(settings):
    scene = scene_of(GaussianModel(**settings).simulate())
    made = drawn(scene, Frame((-0.5, 0.5), (-1, 4), 800, 300))
    assert made["truth"]["y"].max() == pytest.approx(3.0, rel=1e-3)
    assert made["fit"]["y"].max() == pytest.approx(3.0, rel=1e-3)
    assert made["band"]["y"].max() == pytest.approx(3.0, rel=1e-2)


def test_two_narrow_peaks_are_both_drawn_to_their_tops():
    """Not only the narrowest of them."""
    x = np.linspace(0, 100, 4001)
    y = 5 * np.exp(-0.5 * ((x - 20.033) / 0.05) ** 2) + 4 * np.exp(-0.5 * ((x - 70.071) / 0.06) ** 2)
    scene = scene_of(Data(x, y), peaks=2, baseline="none")
    assert scene.fit.values["center_2"] == pytest.approx(70.071, abs=0.01)
    made = drawn(scene, Frame((0.0, 100.0), (0.0, 6.0), 800, 300))
    near_second = np.abs(made["fit"]["x"] - 70.071) < 1
    assert made["fit"]["y"].max() == pytest.approx(5, rel=0.02)
    assert made["fit"]["y"][near_second].max() == pytest.approx(4, rel=0.02)


def test_a_peak_far_out_of_view_needs_no_finer_grid():
    assert curve_grid(-1.0, 1.0, [(50.0, 1e-3), (-30.0, 1e-3)]) is even_grid(-1.0, 1.0)
    assert curve_grid(-1.0, 1.0, []) is even_grid(-1.0, 1.0)


def test_an_unchanged_view_gives_the_very_same_grid():
    """What was sent last is not sent again, and this is how that is seen."""
    one, other = scene_of(), scene_of(GaussianModel(amplitude=2.0).simulate())
    first, second = drawn(one), drawn(other)
    assert first["truth"]["x"] is second["truth"]["x"]
    assert first["fit"]["x"] is second["fit"]["x"]
    assert first["band"]["x"] is second["band"]["x"]


# The band ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["confidence", "prediction"])
@pytest.mark.parametrize("level", [0.68, 0.99])
def test_the_band_is_one_closed_outline_around_the_fit(kind, level):
    scene = scene_of(band=kind, level=level)
    made = drawn(scene)
    grid, x, y = made["fit"]["x"], made["band"]["x"], made["band"]["y"]
    np.testing.assert_array_equal(x, np.concatenate([grid, grid[::-1]]))
    low, high = scene.fit.band(grid, level, kind)
    np.testing.assert_array_equal(y[: len(grid)], low)
    np.testing.assert_array_equal(y[len(grid) :][::-1], high)
    assert (low <= made["fit"]["y"]).all()
    assert (made["fit"]["y"] <= high).all()


def test_a_band_that_nobody_wants_is_not_there():
    scene = scene_of(band="none")
    assert len(drawn(scene)["band"]["x"]) == 0
    assert legend(scene)["band"] == ""


def test_where_nothing_is_known_there_is_no_band():
    """As many points as parameters: the standard errors are infinite."""
    scene = scene_of(GaussianModel(samples=4).simulate())
    assert scene.fit is not None
    assert scene.fit.dof == 0
    made = drawn(scene)
    assert np.isfinite(made["band"]["y"]).all()


def test_there_and_back_of_a_grid_of_its_own_is_the_same():
    grid = np.array([0.0, 1.0, 3.0])
    np.testing.assert_array_equal(there_and_back(grid), [0, 1, 3, 3, 1, 0])
    even = even_grid(0.0, 3.0)
    np.testing.assert_array_equal(there_and_back(even), np.concatenate([even, even[::-1]]))


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({}, "95 % band"),
        ({"level": 0.68}, "68 % band"),
        ({"band": "prediction", "level": 0.99}, "99 % prediction"),
        ({"band": "none"}, ""),
    ],
)
def test_the_legend_says_which_band_it_is(chosen, text):
    assert legend(scene_of(**chosen))["band"] == text


def test_the_legend_names_the_points_that_are_not_fitted():
    assert legend(scene_of())["left out"] == ""
    assert legend(scene_of(fit_range=(-1.0, 1.0)))["left out"] == "not fitted"


# Error bars ----------------------------------------------------------------------------------------------------------


def test_error_bars_reach_one_sigma_both_ways():
    data = GaussianModel(sigma_known=True, noise=0.25).simulate()
    bars = drawn(scene_of(data))["error bars"]
    np.testing.assert_allclose(bars["y"], data.y - 0.25)
    np.testing.assert_allclose(bars["y1"], data.y + 0.25)
    np.testing.assert_array_equal(bars["x"], bars["x1"])


def test_no_error_bars_without_sigma_or_for_very_many_points():
    assert len(drawn(scene_of())["error bars"]["x"]) == 0
    many = GaussianModel(sigma_known=True, samples=MOST_ERROR_BARS + 1).simulate()
    assert len(drawn(scene_of(many))["error bars"]["x"]) == 0


# Very many points ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd():
    return scene_of(GaussianModel(samples=MOST_MARKERS + 1).simulate())


def test_markers_up_to_a_number_and_their_picture_above_it(crowd):
    few = drawn(scene_of(GaussianModel(samples=MOST_MARKERS).simulate()))
    assert len(few["data"]["x"]) == MOST_MARKERS
    assert not few["data picture"]["image"][0].any()
    many = drawn(crowd)
    assert not np.isfinite(many["data"]["x"]).any()
    assert not np.isfinite(many["residuals"]["x"]).any()
    expected = picture(crowd.data.x, crowd.data.y, VIEW, 2.5)
    np.testing.assert_array_equal(many["data picture"]["image"][0], expected)
    assert many["residuals picture"]["image"][0].shape == (RESIDUALS.height, RESIDUALS.width)


def test_the_picture_lies_where_the_points_would_be(crowd):
    placed = drawn(crowd)["data picture"]
    assert (placed["x"], placed["y"]) == ([VIEW.x[0]], [VIEW.y[0]])
    assert placed["dw"][0] == pytest.approx(VIEW.x[1] - VIEW.x[0])
    assert placed["dh"][0] == pytest.approx(VIEW.y[1] - VIEW.y[0])


def test_who_zooms_in_far_enough_gets_markers_back(crowd):
    close = Frame((0.1, 0.2), (-1.0, 4.0), 800, 300)
    made = drawn(crowd, close, close)
    x = crowd.data.x
    np.testing.assert_array_equal(made["data"]["x"], x[(x >= 0.1) & (x <= 0.2)])
    assert not made["data picture"]["image"][0].any()


def test_who_zooms_away_from_the_points_still_gets_a_plot(crowd):
    aside = Frame((50.0, 60.0), (-1.0, 4.0), 800, 300)
    made = drawn(crowd, aside, aside)
    assert len(made["data"]["x"]) == 0
    assert not made["data picture"]["image"][0].any()


# Elements ------------------------------------------------------------------------------------------------------------


def test_every_glyph_that_is_filled_is_drawn_once_and_reported():
    noted = []

    def hook(name):
        return lambda plot, element: noted.append(name)

    first = columns(scene_of(fit_range=(-1.0, 1.0)), VIEW, RESIDUALS)
    renderer = hv.renderer("bokeh")
    renderer.get_plot(fit_overlay(first, hook))
    assert set(noted) == GLYPHS - {"residuals", "residuals picture"} | {"figure"}
    assert noted[-1] == "figure"  # the one that may count on all the others
    assert len(noted) == len(set(noted))
    noted.clear()
    renderer.get_plot(residual_overlay(first, hook))
    assert sorted(noted) == ["figure", "residuals", "residuals picture"]
    assert noted[-1] == "figure"


def test_an_empty_scene_can_be_drawn_first():
    """A page may be opened on an address that cannot be fitted."""
    scene = Scene(Data([1.0], [np.nan]), Request.of(FitSettings(), None), None, "no")
    first = drawn(scene)
    for overlay in (fit_overlay, residual_overlay):
        hv.renderer("bokeh").get_plot(overlay(first, lambda _name: lambda _plot, _element: None))

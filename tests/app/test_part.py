"""The part of x that is fitted: chosen with the mouse, changed with the mouse, and always the same everywhere."""

import math

import pytest
from bokeh.events import SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool

from gaussapp.app import GaussApp

from .conftest import show


def shade_of(shown):
    return shown.document.select_one({"type": BoxAnnotation, "name": "part of x"})


def drag_over(shown, x0, x1, *, final=True, kind="rect"):
    figure = shown.figure("fit")
    geometry = {"type": kind, "x0": x0, "x1": x1, "y0": 0.0, "y1": 1.0}
    figure._trigger_event(SelectionGeometry(figure, geometry=geometry, final=final))


def test_dragging_over_the_plot_chooses_what_is_fitted(shown):
    drag_over(shown, -1.0, 0.8)
    assert shown.app.settings.fit_range == (-1.0, 0.8)
    assert -1 <= shown.app.fit.x.min() < shown.app.fit.x.max() <= 0.8
    shade = shade_of(shown)
    assert (shade.visible, shade.left, shade.right) == (True, -1.0, 0.8)


def test_dragging_to_the_left_is_the_same(shown):
    drag_over(shown, 0.8, -1.0)
    assert shown.app.settings.fit_range == (-1.0, 0.8)


def test_nothing_is_chosen_before_the_mouse_is_let_go(shown):
    drag_over(shown, -1.0, 0.8, final=False)
    assert shown.app.settings.fit_range is None


@pytest.mark.parametrize("ends", [(0.5, 0.5), (None, 1.0), ("a", "b"), (math.nan, 1.0), (0.0, math.inf)], ids=str)
def test_a_drag_over_nothing_chooses_nothing(ends, shown):
    """A click without a move; and whatever else a client may send."""
    drag_over(shown, *ends)
    assert shown.app.settings.fit_range is None
    assert shown.app.fit is not None


def test_another_kind_of_selection_chooses_nothing(shown):
    drag_over(shown, 0.0, 1.0, kind="poly")
    assert shown.app.settings.fit_range is None


def test_the_shade_follows_the_settings(shown):
    shade = shade_of(shown)
    assert not shade.visible
    shown.app.settings.fit_range = (-0.5, 1.5)
    assert (shade.visible, shade.left, shade.right) == (True, -0.5, 1.5)
    shown.app.settings.fit_range = None
    assert not shade.visible


def test_the_edges_of_the_shade_can_be_dragged(shown):
    shown.app.settings.fit_range = (-1.0, 1.0)
    shade = shade_of(shown)
    shade.left = -0.5
    assert shown.app.settings.fit_range == (-0.5, 1.0)
    shade.right = 0.75
    assert shown.app.settings.fit_range == (-0.5, 0.75)


def test_an_edge_dragged_over_the_other_one_changes_places_with_it(shown):
    shown.app.settings.fit_range = (-1.0, 0.0)
    shade_of(shown).left = 1.0
    assert shown.app.settings.fit_range == (0.0, 1.0)


@pytest.mark.parametrize("move", [0.25, 0.5, 1.5, -0.25, -1.5])
def test_the_whole_shade_can_be_moved(move, shown):
    """The browser tells the left edge first, then the right one, also if they moved by more than their distance."""
    shown.app.settings.fit_range = (-0.25, 0.25)
    shade = shade_of(shown)
    shade.left = -0.25 + move
    shade.right = 0.25 + move
    assert shown.app.settings.fit_range == pytest.approx((-0.25 + move, 0.25 + move))
    assert (shade.left, shade.right) == pytest.approx((-0.25 + move, 0.25 + move))


def test_all_the_places_an_app_is_shown_in_have_the_same_shade():
    app = GaussApp()
    one, other = show(app), show(app)
    drag_over(one, -1.0, 1.0)
    shades = [shade_of(place) for place in (one, other)]
    assert [(shade.left, shade.right) for shade in shades] == [(-1.0, 1.0)] * 2
    shades[1].left = -0.5
    assert app.settings.fit_range == (-0.5, 1.0)
    assert shades[0].left == -0.5


def test_the_plot_has_one_tool_for_it(shown):
    (tool,) = shown.document.select({"type": BoxSelectTool})
    assert tool.dimensions == "width"
    assert "fit" in tool.description

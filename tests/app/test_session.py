"""Visitors of a running server: one move is one message, and nobody disturbs anybody else."""

import gc
import logging
import math
import sys
import weakref
from logging import Formatter

import numpy as np
import pytest

from .conftest import on_a_loop, wait_for


def test_one_move_is_one_simulation_one_fit_and_one_message(visitor, counts):
    visitor.set("amplitude", 2.0)  # the verdicts of a first move may be others than before
    visitor.receive()
    counts.taken()
    visitor.patches()
    visitor.set("amplitude", 2.01)
    assert visitor.app.model.amplitude == 2.01
    assert counts.taken() == (1, 1)
    # Plots, table and the number of the frame together; asymmetric intervals may follow when nothing moves.
    (patch,) = [patch for patch in visitor.patches() if any(sent.attribute == "data" for sent in patch)]
    # The number comes first: the browser reports it before it paints what follows.
    assert (patch[0].model, patch[0].attribute) == ("Range1d", "end")
    assert "texts" in [sent.attribute for sent in patch]
    changed = [sent.columns for sent in patch if sent.attribute == "data"]
    assert 0 < len(changed) <= 5  # data, truth, fit, band and residuals
    assert set(changed) == {frozenset({"y"})}  # the grid stays where it is


def test_a_fast_drag_is_drawn_as_fast_as_it_is_received_and_ends_on_the_last_value(visitor, counts):
    counts.taken()
    values = np.linspace(1, 4, 40).round(3)
    slider = visitor.control("amplitude")
    for value in values:  # faster than any browser: nothing is reported
        slider.data.value = value
    visitor.settle()
    assert counts.taken()[1] <= 3  # one frame, and more if all this takes half a second
    assert visitor.app.model.amplitude == values[-1]
    visitor.receive()
    visitor.receive()
    shown = visitor.app._fit_plot.shown[0].sources["truth"].data["y"]
    assert shown.max() == pytest.approx(values[-1], rel=1e-3)
    assert visitor.app.scene.data.truth["amplitude"] == values[-1]


def test_a_browser_that_never_reports_gets_the_last_value_all_the_same(visitor):
    for value in (1.5, 2.5, 3.5, 4.5):
        visitor.set("amplitude", value)
    source = visitor.app._fit_plot.shown[0].sources["truth"]
    wait_for(lambda: source.data["y"].max() == pytest.approx(4.5, rel=1e-3))


def test_very_many_points_are_fitted_beside_the_event_loop(visitor, monkeypatch):
    """And the newest state is the one that is shown in the end."""
    from gaussapp.app import view

    places, compute = [], view.compute

    def noted(*args):
        places.append((len(args[0].x), on_a_loop()))
        return compute(*args)

    monkeypatch.setattr(view, "compute", noted)
    visitor.set("width", 0.6)
    visitor.set("points", 30_000)
    for amplitude in (2.0, 2.5, 3.5):
        visitor.set("amplitude", amplitude)
    board = visitor.app._results
    wait_for(lambda: "30,000 points, 29,996 degrees of freedom" in board.texts and "3.5000" in " ".join(board.texts))
    assert places[-1][0] == 30_000
    assert not any(held for size, held in places if size == 30_000)


def test_a_browser_that_was_cut_off_gets_everything_again(visitor):
    visitor.patches()
    visitor.session.document.select_one({"name": "frames"}).start = -1.25
    visitor.settle()
    sent = [each for patch in visitor.patches() for each in patch]
    (plot,), (residuals,) = visitor.app._fit_plot.shown, visitor.app._residual_plot.shown
    assert len([each for each in sent if each.attribute == "data"]) >= len(plot.sources) + len(residuals.sources)
    assert {"form", "texts"} <= {each.attribute for each in sent}
    visitor.set("amplitude", 2.0)
    assert visitor.app.fit.values["amplitude"] == pytest.approx(2, abs=0.5)


# The address ---------------------------------------------------------------------------------------------------------


def test_the_address_sets_the_page_and_what_is_bad_in_it_is_told(server):
    """The table too, though all this comes before anything is drawn."""
    app = server.visit(samples="1000", width="-1", baseline="linear", noise="<script>alert(1)</script>", center="1").app
    assert (app.model.samples, app.settings.baseline, app.model.center) == (1000, "linear", 1.0)
    assert (app.model.width, app.model.noise) == (0.5, 0.3)
    assert "1,000 points, 995 degrees of freedom" in app._results.texts
    (drawn,) = app._fit_plot.shown
    assert len(drawn.sources["data"].data["x"]) == 1000
    assert drawn.figure.y_range.start <= app.data.y.min()
    assert app._message.visible
    assert "width=-1" in app._message.object
    assert "<script" not in app._message.object
    assert "&lt;script" in app._message.object


def test_the_address_follows_the_settings(visitor):
    location = visitor.app._address.location
    visitor.set("width", 0.75)
    wait_for(lambda: location.search == "?width=0.75")
    visitor.set("width", 0.5)
    wait_for(lambda: location.search in ("", "?"))


def test_a_new_session_on_the_same_address_shows_the_same_and_lives_on_alone(visitor, server):
    """What happens after a restart of the server, and when a link is passed on."""
    visitor.set("width", 0.75)
    visitor.set("seed", 17)
    visitor.set("center", 0.5)
    wait_for(lambda: visitor.app._address.location.search == "?center=0.5&width=0.75&seed=17")
    other = server.visit(center="0.5", width="0.75", seed="17")
    assert not other.app._message.visible
    np.testing.assert_array_equal(other.app.data.y, visitor.app.data.y)
    assert other.app._results.texts == visitor.app._results.texts
    visitor.set("amplitude", 4.0)
    other.set("width", 0.3)
    assert (visitor.app.model.amplitude, visitor.app.model.width) == (4.0, 0.75)
    assert (other.app.model.amplitude, other.app.model.width) == (3.0, 0.3)


# Hostile and unlucky visitors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, math.inf, -math.inf, 1e300])
def test_a_width_that_its_parameter_refuses_is_told_and_put_back(value, visitor, server):
    """Any client may send any value, whatever its slider would allow."""
    visitor.set("width", value)
    app = visitor.app
    assert app.model.width == 0.5
    wait_for(lambda: server.log)  # it is logged, and a notification tells the user
    visitor.set("width", 0.75)
    assert app.model.width == 0.75
    assert app.fit.values["width"] == pytest.approx(0.75, abs=0.2)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 2.5, -3])
def test_a_number_of_points_that_is_none_leaves_the_page_alive(value, visitor):
    visitor.set("points", value)
    assert 1 <= visitor.app.model.samples <= 1_000_000
    visitor.set("points", 50)
    assert len(visitor.app.data.x) == 50


def test_an_exception_in_a_callback_is_logged_and_the_page_lives_on(visitor, server, monkeypatch):
    app = visitor.app
    with monkeypatch.context() as broken:
        broken.setattr("gaussapp.app.view.results", lambda _scene: 1 / 0)
        visitor.set("amplitude", 2.0)
        wait_for(lambda: any("ZeroDivisionError" in Formatter().format(record) for record in server.log))
    assert all(record.levelno >= logging.WARNING for record in server.log)
    visitor.set("amplitude", 4.0)
    visitor.receive()
    assert app.fit.values["amplitude"] == pytest.approx(4, abs=1)
    assert any(text.startswith("4.00") for text in app._results.texts)


@pytest.mark.parametrize("settings", [{}, {"tab": "Precision"}, {"tab": "Map"}], ids=["fit", "precision", "map"])
def test_a_visitor_who_leaves_right_after_a_move_leaves_nothing_behind(server, settings):
    """Not the app with its data, though its address was still to be written and a frame was never reported."""
    visitor = server.visit(**settings)
    app = weakref.ref(visitor.app)
    for width in (0.6, 0.7, 0.8, 0.9):
        visitor.set("width", width)
    visitor = server.leave()
    wait_for(lambda: (gc.collect(), app())[1] is None)


def test_panel_lets_go_of_the_document_of_a_session_that_has_ended(server):
    document = weakref.ref(server.visit().app._fit_plot.documents[0])
    assert document() is not None
    server.leave()
    wait_for(lambda: (gc.collect(), document())[1] is None)


# A page that cannot be built -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["build", "import"])
def test_a_page_that_cannot_be_built_says_so_and_why_is_in_the_log(broken, server, monkeypatch):
    def fail(self, *_args, **_params):
        raise RuntimeError("secret of the house")

    with monkeypatch.context() as patch:
        if broken == "build":
            patch.setattr("gaussapp.app.view.GaussApp.__init__", fail)
        else:
            patch.setitem(sys.modules, "gaussapp.app.view", None)
        visitor = server.visit()
    assert visitor.app is None
    (text,) = [root.text for root in visitor.session.document.roots if hasattr(root, "text")]
    assert "could not build this page" in text
    assert "secret" not in text
    reasons = [str(record.exc_info[1]) for record in server.log if record.exc_info]
    assert any(("secret of the house" if broken == "build" else "gaussapp.app.view") in reason for reason in reasons)

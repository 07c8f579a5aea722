"""Models side by side: computed beside the event loop, the best one marked, one taken with a click."""

import asyncio
import math
import threading

import numpy as np
import pytest

from gaussapp.app import comparing
from gaussapp.app.comparing import compared, written
from gaussapp.app.scene import Request
from gaussapp.app.state import BASELINES, FitSettings
from gaussapp.data import Data


def two_peaks():
    x = np.linspace(0.0, 20.0, 81)
    y = 3 * np.exp(-0.5 * (x - 7) ** 2) + 2 * np.exp(-0.5 * ((x - 12) / 1.2) ** 2) + 1
    return Data(x, y + 0.05 * np.random.default_rng(1).normal(size=x.size))


@pytest.fixture(scope="module")
def found():
    return compared(two_peaks(), Request.of(FitSettings(), None))


def test_every_number_of_peaks_stands_on_every_baseline_and_the_best_is_marked(found):
    html = written(found).html
    assert html.count("<tr data-action") == 3 * len(BASELINES)
    assert html.count('class="best"') == 1
    best = html[html.index('class="best"') :]
    assert f'data-peaks="{found.best.peaks}" data-baseline="constant"' in best[:300]
    assert "lowest BIC" in html


def test_one_peak_more_than_are_fitted_is_compared():
    request = Request.of(FitSettings(peaks=3, baseline="none"), None)
    assert max(model.peaks for model in compared(two_peaks().select(0.0, 4.0), request).models) == 4


def test_what_is_imposed_is_carried_into_the_models_and_said():
    settings = FitSettings(
        baseline="constant", peaks=2, same_width=True, fixed={"offset": 1.0}, bounds={"center_2": (11.0, None)}
    )
    found = compared(two_peaks(), Request.of(settings, None))
    (mine,) = [model.fit for model in found.models if (model.peaks, model.baseline) == (2, "constant")]
    assert mine.values["width_1"] == mine.values["width_2"]
    assert (dict(mine.fixed), dict(mine.bounds)) == ({"offset": 1.0}, {"center_2": (11.0, math.inf)})
    (alone,) = [model.fit for model in found.models if (model.peaks, model.baseline) == (1, "none")]
    assert [*alone.fixed, *alone.bounds, *alone.ties] == []
    html = written(found).html
    assert "offset = 1 (in models on constant or linear baselines)" in html
    assert "center_2 ≥ 11, one width for all peaks (in models of 2 peaks or more)" in html


def test_taking_a_model_leaves_the_comparison_though_what_it_does_not_have_is_held_no_longer(app):
    app.data = two_peaks()
    app.settings.param.update(baseline="linear", fixed={"slope": 0.0})
    app._comparing.board.visible = True
    app._comparing.board._handle_msg({"action": "take", "peaks": "2", "baseline": "none", "name": "2 peaks"})
    assert app.settings.fixed == {}
    assert app._comparing.board.visible
    app.settings.bounds = {"center_1": (None, 9.0)}
    assert not app._comparing.board.visible


def test_comparing_is_done_in_a_thread_and_a_row_takes_its_model(app, monkeypatch, found):
    threads = []

    def noted(data, request):
        threads.append(threading.current_thread())
        return found

    monkeypatch.setattr(comparing, "compared", noted)
    app.data = two_peaks()
    asyncio.run(app._comparing.run())
    assert threads[0] is not threading.current_thread()
    board = app._comparing.board
    assert board.visible
    assert not app._comparing.button.disabled
    board._handle_msg({"action": "take", "peaks": "2", "baseline": "constant", "name": "2 peaks"})
    assert (app.settings.peaks, app.settings.baseline) == (2, "constant")
    assert board.visible
    for nonsense in ({"action": "take"}, {"action": "take", "peaks": "99", "baseline": "none"}, {"peaks": "1"}):
        board._handle_msg(nonsense)
    assert (app.settings.peaks, app.settings.baseline) == (2, "constant")
    app.settings.loss = "robust"
    assert not board.visible


def test_what_was_compared_for_other_data_is_not_shown(app, monkeypatch, found):
    def moved_meanwhile(data, request):
        app._comparing.forget()
        return found

    monkeypatch.setattr(comparing, "compared", moved_meanwhile)
    asyncio.run(app._comparing.run())
    assert not app._comparing.board.visible


def test_what_cannot_be_compared_is_told(app):
    app.data = Data([1.0, 2.0, 3.0], [1.0, 2.0, 1.0])
    app.settings.fit_range = (50.0, 60.0)
    asyncio.run(app._comparing.run())
    assert "50" in app._message.object
    assert not app._comparing.button.disabled

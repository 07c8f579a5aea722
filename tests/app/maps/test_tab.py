"""The Map tab: computes on request only, beside the event loop, what `gaussapp.sweep` computes; keeps what is done."""

import asyncio
import math
import threading

import numpy as np
import pytest
from bokeh.events import Tap
from bokeh.models import ColorBar, HoverTool

import gaussapp
from gaussapp.app.maps import cells as map_cells
from gaussapp.app.maps import plots as map_plots
from gaussapp.app.maps.cells import MOST_KEPT, Cells
from gaussapp.app.maps.grid import MOST_CELLS, SHOWN, MapSettings, around, axis, tidy, wanted
from gaussapp.app.scene import Request
from gaussapp.app.state import FitSettings, from_query, to_query
from gaussapp.grid import empty_cell
from gaussapp.model import GaussianModel

from ..conftest import in_turn, on_a_loop, wait_for

SMALL = {
    "map_across_range": (0.05, 0.3),
    "map_across_steps": 4,
    "map_upwards_range": (20.0, 40.0),
    "map_upwards_steps": 3,
    "map_experiments": 40,
}


@pytest.fixture
def repeats(monkeypatch):
    """The cells that were computed, and whether in the thread of an event loop."""
    calls, repeat = [], map_cells.repeated

    def counted(wanted, place, ends):
        calls.append((dict(place), on_a_loop()))
        return repeat(wanted, place, ends)

    monkeypatch.setattr(map_cells, "repeated", counted)
    return calls


@pytest.fixture
def tab(shown):
    """The open tab of an app that is shown, with a small map to compute."""
    shown.app.maps.param.update(**SMALL)
    shown.app.precision.tab = "Map"
    tab = shown.app._maps
    yield tab
    tab.wanted, tab.problem, tab._cells = None, "", Cells()


def drawn(tab):
    (one,) = tab._plot.shown
    return one


def request(**settings):
    return Request.of(FitSettings(**settings), None)


# Without a session: all at once ---------------------------------------------------------------------------------------


def test_nothing_is_computed_until_it_is_asked_for(shown, tab, repeats):
    shown.app.model.param.update(amplitude=2.0, noise=0.2)
    assert repeats == []
    assert tab.sweep is None
    tab.compute()
    assert len(repeats) == 12
    assert tab.sweep.complete


def test_the_cells_are_those_of_sweep(shown, tab):
    shown.app.settings.param.update(baseline="linear", level=0.9)
    shown.app.model.param.update(width=0.6, offset=0.2)
    tab.compute()
    mine, model = tab.sweep, GaussianModel(width=0.6, offset=0.2)
    other = gaussapp.sweep(model, 40, workers=1, baseline="linear", level=0.9, **mine.grid)
    assert (mine.names, mine.shape) == (other.names, (3, 4))
    for statistic in gaussapp.grid.STATISTICS:
        for name in mine.names:
            np.testing.assert_allclose(mine.map(statistic, name), other.map(statistic, name), rtol=1e-6, atol=1e-12)
    name, text = tab._table()
    assert name == "map_noise_samples.csv"
    assert text.splitlines()[0] == ",".join(other.to_frame().columns)
    assert len(text.splitlines()) == 13


def test_another_quantity_is_shown_without_computing(shown, tab, repeats):
    tab.compute()
    repeats.clear()
    seen = set()
    for what in SHOWN:
        shown.app.maps.param.update(map_shows=what, map_of="area")
        (bar,) = drawn(tab).figure.select(ColorBar)
        assert "area" in bar.title or what == "failures"
        seen.add(bar.title)
        tones = drawn(tab).sources["cells"].data["tone"]
        assert np.all((tones >= 0) & (tones <= 1))
        assert bar.ticker.ticks
        assert set(bar.major_label_overrides) == set(bar.ticker.ticks)
    assert len(seen) == len(SHOWN)
    assert repeats == []


def test_a_cell_says_its_numbers_with_their_errors(tab):
    tab.compute()
    data, sweep = drawn(tab).sources["cells"].data, tab.sweep
    cell = sweep.cells[5]["results"]["center"]
    value, _, error = data["spread"][5].partition(" ± ")
    assert float(value) == pytest.approx(cell["spread"], abs=cell["spread_error"] / 10)
    assert float(error) == pytest.approx(cell["spread_error"], rel=0.1)
    assert data["coverage"][5].startswith(f"{100 * cell['coverage']:.1f} ± ")
    assert data["where"][5] == f"noise {sweep.grid['noise'][1]:g}, points {sweep.grid['samples'][1]:g}"
    (hover,) = drawn(tab).figure.select(HoverTool)
    assert all(f"@{name}" in hover.tooltips for name in map_plots.INFORMATION)


def test_a_click_on_a_cell_sets_the_sliders_to_it_and_the_mark_follows(shown, tab, repeats):
    tab.compute()
    repeats.clear()
    figure, grid = drawn(tab).figure, tab.sweep.grid
    figure._trigger_event(Tap(figure, x=2.3, y=-0.4))
    assert shown.app.model.noise == grid["noise"][2]
    assert shown.app.model.samples == grid["samples"][0]
    here = drawn(tab).sources["here"].data
    assert (here["x"][0], here["y"][0]) == (2.0, 0.0)
    figure._trigger_event(Tap(figure, x=7.0, y=0.0))  # beside the map
    figure._trigger_event(Tap(figure, x=None, y=math.nan))
    assert shown.app.model.noise == grid["noise"][2]
    shown.app.model.noise = 50.0
    assert len(drawn(tab).sources["here"].data["x"]) == 0
    assert repeats == []


def pressed(tab, *keys):
    for key in keys:
        tab._reader._handle_msg({"key": key})


def test_every_cell_is_within_reach_of_the_keyboard_and_says_its_numbers(shown, tab, repeats):
    tab.compute()
    repeats.clear()
    grid, said = tab.sweep.grid, drawn(tab).sources["cells"].data
    before = shown.app.model.noise, shown.app.model.samples
    assert tab._reader.text.startswith("center at noise 0.3, points 28: spread ")  # nearest to the sliders
    seen = {}
    for row in range(3):
        for column in range(4):
            pressed(tab, "PageDown", "Home", *["ArrowUp"] * row, *["ArrowRight"] * column)
            mark = drawn(tab).sources["read"].data
            assert (mark["x"][0], mark["y"][0]) == (column, row)
            seen[4 * row + column] = tab._reader.text
    for number, text in seen.items():
        assert said["where"][number] in text
        assert f"spread {said['spread'][number]}, bias {said['bias'][number]}" in text
        assert text.endswith(f"failed or ran away {said['failures'][number]}")
    pressed(tab, "ArrowUp", "ArrowRight")  # not beyond the edge
    assert tab._reader.text == seen[11]
    assert (shown.app.model.noise, shown.app.model.samples) == before
    pressed(tab, "ArrowLeft", "Enter")
    assert (shown.app.model.noise, shown.app.model.samples) == (grid["noise"][2], grid["samples"][2])
    assert tab._reader.text == seen[10]
    assert len(drawn(tab).sources["read"].data["x"]) == 0  # the ring is there
    assert repeats == []


def test_a_cell_that_is_read_follows_what_is_shown_and_escape_returns_to_the_sliders(shown, tab):
    tab.compute()
    pressed(tab, "Home", "PageUp")
    shown.app.maps.map_of = "width"
    assert tab._reader.text.startswith("width at noise 0.05, points 40: ")
    shown.app.model.noise = 0.05
    shown.app.model.samples = 20
    pressed(tab, "Escape")
    assert "noise 0.05, points 20: " in tab._reader.text
    shown.app.model.noise = 50.0
    assert "noise 0.3, points 20: " in tab._reader.text  # the nearest one


def test_keys_that_mean_nothing_change_nothing(shown, tab):
    pressed(tab, "ArrowLeft", "Enter")  # there is no map yet
    tab.compute()
    before, noise = tab._reader.text, shown.app.model.noise
    pressed(tab, "x", "", "__class__")
    for message in ({"key": 3}, {}, "ArrowLeft", None, [1]):
        tab._reader._handle_msg(message)
    assert tab._reader.text == before
    shown.app.data = gaussapp.sample("eckerle4")
    pressed(tab, "ArrowLeft", "Enter")
    assert shown.app.model.noise == noise


def test_sliders_that_leave_the_map_are_named_and_those_of_its_axes_are_not(shown, tab):
    tab.compute()
    shown.app.model.noise = 0.2
    assert tab._words.texts == []
    shown.app.model.width = 0.6
    assert "width 0.5 (now 0.6)" in tab._words.texts[0]
    shown.app.settings.baseline = "linear"
    assert "baseline constant (now linear)" in tab._words.texts[0]
    shown.app.model.width = 0.5
    shown.app.settings.baseline = "constant"
    assert tab._words.texts == []
    shown.app.maps.map_experiments = 60
    assert "number of experiments" in tab._words.texts[0]


def test_a_map_that_comes_back_is_not_computed_again(shown, tab, repeats):
    tab.compute()
    shown.app.model.width = 0.6
    tab.compute()
    assert len(repeats) == 24
    shown.app.model.width = 0.5
    tab.compute()
    shown.app.maps.param.update(map_across="samples", map_upwards="noise", map_across_steps=3, map_upwards_steps=4)
    shown.app.maps.param.update(map_across_range=(20.0, 40.0), map_upwards_range=(0.05, 0.3))
    tab.compute()  # the same cells, turned over
    assert tab.sweep.complete
    assert tab.sweep.shape == (4, 3)
    assert len(repeats) == 24


def test_measured_data_have_no_map(shown, tab):
    shown.app.data = gaussapp.sample("eckerle4")
    tab.compute()
    assert "simulated experiment" in tab._words.texts[0]
    shown.app.source.mode = "Simulate"
    tab.compute()
    assert tab._words.texts == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"map_upwards": "noise"}, "both noise"),
        ({"map_across_range": (0.2, 0.2)}, "no width"),
        ({"map_across_range": (-1.0, 1.0)}, "may go from 0 to 1e+06"),
        ({"map_upwards_range": (20.2, 20.4)}, "one whole number"),
        (
            {"map_across_steps": 60, "map_upwards_steps": 60},
            f"3,600 cells, and a map on this page has at most {MOST_CELLS:,}",
        ),
    ],
)
def test_a_map_that_is_none_is_a_sentence_and_the_old_one_stays(shown, tab, repeats, change, words):
    tab.compute()
    before = tab.wanted
    repeats.clear()
    shown.app.maps.param.update(**change)
    tab.compute()
    assert words in tab._words.texts[0]
    assert tab.wanted is before
    assert repeats == []


def test_steps_that_are_none_are_refused():
    with pytest.raises(ValueError, match="map_across_steps"):
        MapSettings(map_across_steps=0)
    settings = MapSettings()
    (problem,) = from_query("?map_across_steps=0", [settings])
    assert "at least 2 and at most 60" in problem


@pytest.mark.parametrize(
    ("model", "fit", "words"),
    [
        ({"distribution": "Poisson counts"}, {}, "no noise"),
        ({}, {"peaks": 2}, "Peaks to 1"),
        ({}, {"fit_range": (50.0, 60.0)}, "no point"),
    ],
)
def test_what_cannot_be_mapped_is_refused_before_anything_is_computed(model, fit, words):
    with pytest.raises(ValueError, match=words):
        wanted(MapSettings(), GaussianModel(**model), request(**fit))


def test_cells_in_which_nothing_can_be_fitted_say_why_and_the_others_go_on(shown, tab):
    shown.app.maps.param.update(map_upwards_range=(3.0, 21.0))
    tab.compute()
    assert tab.sweep.complete
    data = drawn(tab).sources["cells"].data
    assert list(data["tone"][:4]) == [-1.0] * 4
    assert "could be fitted" in data["failures"][0]
    assert all(data["tone"][4:] >= 0)


def test_the_choices_travel_in_the_address_and_the_numbers_do_not(shown, tab):
    shown.app.maps.param.update(map_across="width", map_across_range=(0.1, 2.0), map_shows="coverage")
    tab.compute()
    query = to_query([shown.app.maps])
    assert len(query) < 300
    other = MapSettings()
    assert from_query(query, [other]) == []
    assert other.param.values() | {"name": ""} == shown.app.maps.param.values() | {"name": ""}
    shown.app.reset()
    assert shown.app.maps.map_across == "noise"


def test_in_a_notebook_the_cells_are_computed_beside_its_loop(tab, repeats):
    async def cell():
        tab.compute()
        assert tab.busy
        while tab.busy:
            await asyncio.sleep(0.02)

    asyncio.run(cell())
    assert not any(held for _, held in repeats)
    assert np.all(drawn(tab).sources["cells"].data["tone"] >= 0)
    assert tab._bar.text.startswith("12 cells of 40")


# Axes and colors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["amplitude", "center", "width", "noise", "offset", "samples"])
@pytest.mark.parametrize(
    "model", [{}, {"amplitude": -2.0, "noise": 0.0, "center": 40.0}, {"amplitude": 0.0, "samples": 1, "width": 1e-6}]
)
def test_the_range_that_nobody_chose_is_about_the_present_state(name, model):
    model = GaussianModel(**model)
    low, high = around(model, name)
    value = getattr(model, name)
    lowest, highest = model.param[name].bounds
    assert lowest <= low < high <= highest
    assert low <= value <= high or name in {"noise", "samples"}
    values = axis(model, name, None, 12)
    assert list(values) == sorted(set(values))
    for each in values:
        setattr(model, name, each)


def test_values_read_well_and_stay_apart():
    values = tidy(np.geomspace(0.075, 1.2, 12))
    assert all(len(f"{value:g}") <= 5 for value in values)
    np.testing.assert_allclose(values, np.geomspace(0.075, 1.2, 12), rtol=0.02)
    near = tidy(np.linspace(1.0, 1.0 + 1e-6, 30))
    assert len(set(near)) == 30


def test_ratios_are_even_where_powers_matter():
    width = np.array(axis(GaussianModel(), "width", (0.1, 10.0), 5))
    np.testing.assert_allclose(width[1:] / width[:-1], math.sqrt(10), rtol=0.05)
    dips = axis(GaussianModel(), "amplitude", (-8.0, -1.0), 4)
    np.testing.assert_allclose(dips, [-8, -4, -2, -1], rtol=0.02)
    np.testing.assert_allclose(axis(GaussianModel(), "center", (1.0, 9.0), 5), [1, 3, 5, 7, 9])


def test_what_is_ideal_has_the_middle_color_and_the_sides_are_told_apart():
    numbers = np.array([[0.95, 0.90, 1.0, math.nan]])
    made = map_plots._around(numbers, numbers[np.isfinite(numbers)], 0.95, 0.03, percent=True)
    assert made.tones[0, 0] == pytest.approx(0.5)
    assert made.tones[0, 1] < 0.5 < made.tones[0, 2]
    assert math.isnan(made.tones[0, 3])
    assert made.ticks[0.5] == "95 %"


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 1.0), (0.0, 0.0), (1e-12, 1e9), (0.02, 0.9), (3.0, 4.0), (1e-300, 2e-300)]
)
def test_a_color_bar_has_a_few_ticks_in_their_places(low, high):
    numbers = np.array([low, high])
    made = map_plots._rising(numbers, numbers)
    assert 1 <= len(made.ticks) <= map_plots.TICKS + 1
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in made.ticks)
    assert len(set(made.ticks.values())) == len(made.ticks)


def test_the_nearest_cells_are_computed_first_and_too_many_are_forgotten():
    model = GaussianModel(noise=0.3, samples=25)
    made = wanted(MapSettings(map_across_steps=12), model, request())
    first, *_, last = made.nearest_first()
    assert abs(math.log(first["noise"] / 0.3)) < 0.2
    assert abs(first["samples"] - 25) <= 3
    assert abs(math.log(last["noise"] / 0.3)) > 1
    assert sorted(map(str, made.nearest_first())) == sorted(map(str, made.places()))
    cells = Cells()
    for number in range(MOST_KEPT + 5):
        cells.add(made, {"noise": 1.0 + number}, empty_cell("", {}, 20, "no"))
    assert len(cells) == MOST_KEPT
    assert cells.get(made, {"noise": 1.0}) is None


# With a session: beside the event loop --------------------------------------------------------------------------------


@pytest.fixture
def page(visitor, repeats):
    """The open tab of a page."""
    app = visitor.app
    in_turn(visitor, lambda: app.precision.param.update(tab="Map"))
    in_turn(visitor, lambda: app.maps.param.update(**SMALL))
    visitor.settle()
    yield app._maps
    in_turn(visitor, lambda: app.precision.param.update(tab="Fit"))
    wait_for(lambda: not app._maps.busy)
    app._maps.wanted, app._maps._cells = None, Cells()


def test_a_map_is_computed_beside_the_event_loop_and_shown_cell_by_cell(visitor, page, repeats):
    in_turn(visitor, page.compute)
    assert page.busy
    wait_for(lambda: not page.busy)
    assert not any(held for _, held in repeats)
    wait_for(lambda: page._bar.text.startswith("12 cells of 40") and page._bar.share < 0)
    assert not np.isnan(drawn(page).sources["cells"].data["tone"]).any()
    visitor.settle()
    assert any(sent.attribute == "data" for patch in visitor.patches() for sent in patch)


def test_stop_keeps_what_is_done_and_resume_does_the_rest(visitor, page, repeats):
    in_turn(visitor, lambda: visitor.app.maps.param.update(map_across_steps=40, map_upwards_steps=20))
    in_turn(visitor, page.compute)
    wait_for(lambda: len(repeats) > 10 and page._bar.share > 0)
    in_turn(visitor, lambda: setattr(page._bar, "stops", page._bar.stops + 1))
    wait_for(lambda: not page.busy)
    done = sum(cell is not None for cell in page.sweep.cells)
    assert 5 < done < 760
    wait_for(lambda: page._bar.text.startswith(f"{done:,} of ") and page._button.label == "Resume")
    before = len(repeats)
    in_turn(visitor, page.compute)
    wait_for(lambda: len(repeats) > before + 3)
    again = [place for place, _ in repeats[before:]]
    kept = [place for place, _ in repeats[: before - 1]]  # the last one was interrupted
    assert not any(place in kept for place in again)


def test_a_tab_that_is_left_rests_and_goes_on_when_it_is_opened_again(visitor, page, repeats):
    in_turn(visitor, lambda: visitor.app.maps.param.update(map_across_steps=12, map_experiments=200))
    in_turn(visitor, page.compute)
    in_turn(visitor, lambda: setattr(visitor.app.precision, "tab", "Fit"))
    wait_for(lambda: not page.busy)
    before = len(repeats)
    visitor.set("width", 0.5)
    visitor.settle()
    assert len(repeats) == before
    in_turn(visitor, lambda: setattr(visitor.app.precision, "tab", "Map"))
    wait_for(lambda: not page.busy and page.sweep.complete)


def test_a_drag_computes_nothing_and_the_work_gives_way(visitor, page, repeats):
    in_turn(visitor, page.compute)
    wait_for(lambda: not page.busy)
    repeats.clear()
    for value in np.linspace(1, 4, 10).round(3):
        visitor.set("amplitude", value)
    visitor.receive()
    visitor.receive()
    wait_for(lambda: "now 4" in " ".join(page._words.texts))
    assert repeats == []


def test_the_address_opens_the_tab_and_what_runs_for_a_session_that_leaves_ends(server, repeats):
    visitor = server.visit(tab="Map", map_across="width", map_across_steps="40", map_upwards_steps="40")
    page = visitor.app._maps
    assert page.open
    in_turn(visitor, page.compute)
    assert page.wanted.across == "width"
    wait_for(lambda: len(repeats) > 3)
    (document,) = visitor.app._fit_plot.documents
    del page
    server.leave()
    wait_for(lambda: document.session_context is None)
    wait_for(lambda: not any(thread.name == "gaussapp work" for thread in threading.enumerate()))

"""The Files tab: each file is a row with the numbers of the page, bad ones a sentence, and a choice shows its file."""

import asyncio
import csv
import gc
import io
import time
import weakref

import numpy as np
import pytest
from bokeh.events import Tap

import gaussapp
from gaussapp.app.files import rows as file_rows
from gaussapp.app.files.plots import columns, extent, nearest
from gaussapp.app.files.rows import FileRead, natural, numbers_in, read_all, trend, unique
from gaussapp.app.files.words import together
from gaussapp.model import GaussianModel

from ..conftest import on_a_loop, wait_for


def table(number, **model):
    data = GaussianModel(center=0.1 * number, seed=number, noise=0.2, **model).simulate()
    return ("x,y\n" + "\n".join(f"{x},{y}" for x, y in zip(data.x, data.y, strict=True))).encode()


FOLDER = {f"run_{number}.csv": table(number) for number in (10, 2, 1, 7)} | {"run_5.csv": b"x\n1\n2\n"}


@pytest.fixture
def fitted(monkeypatch):
    """Which files were fitted, and whether in the thread of an event loop."""
    calls, row = [], file_rows.row

    def counted(file, columns, request):
        calls.append((file.name, on_a_loop()))
        return row(file, columns, request)

    monkeypatch.setattr(file_rows, "row", counted)
    return calls


@pytest.fixture
def tab(shown, fitted):
    """The tab of an app that was given a folder."""
    give(shown.app, FOLDER)
    yield shown.app._files
    shown.app.measured.files = []


def give(app, contents):
    """What the page does with several files, once they are read."""
    app.measured.files = read_all(contents)
    app.measured.show_file(app.measured.files[0], {})


def drawn(tab):
    (one,) = tab._plot.shown
    return one


# Without a session: all at once ---------------------------------------------------------------------------------------


def test_the_tab_is_there_while_there_is_more_than_one_file(shown, tab):
    tabs = shown.app.precision.param.tab
    assert tabs.objects[-1] == "Files"
    assert shown.app.precision.tab == "Files"
    asyncio.run(shown.app.measured._read(table(3), "one.csv"))
    assert "Files" not in tabs.objects
    assert shown.app.precision.tab == "Fit"
    with pytest.raises(ValueError, match="Files"):
        shown.app.precision.tab = "Files"


def test_rows_are_in_order_of_name_and_have_the_numbers_of_a_fit(tab):
    assert [row["file"] for row in tab.rows] == ["run_1.csv", "run_2.csv", "run_5.csv", "run_7.csv", "run_10.csv"]
    for row in tab.rows:
        if row["file"] != "run_5.csv":
            fit = gaussapp.fit(gaussapp.read_table(FOLDER[row["file"]]), baseline="constant")
            assert row["center"] == fit.values["center"]
            assert row["center_error"] == fit.errors["center"]


def test_a_bad_file_is_a_row_with_its_sentence_and_stops_nothing(tab):
    (bad,) = [row for row in tab.rows if row["error"]]
    assert bad["error"] in tab._table.texts
    assert "4 of 5 files fitted, 1 could not be" in tab._summary.texts[0]


def test_a_choice_shows_its_file_above_and_keeps_the_part_that_is_fitted(shown, tab, fitted):
    shown.app.settings.fit_range = (-1.5, 1.8)
    fitted.clear()
    tab._act({"action": "show", "name": "3"})
    assert shown.app.data.name == "run_7.csv"
    assert shown.app.settings.fit_range == (-1.5, 1.8)
    assert tab.rows[3]["center"] == shown.app.fit.values["center"]
    assert tab.shown == 3
    assert fitted == []
    assert drawn(tab).sources["shown"].data["x"] == [7.0]


@pytest.mark.parametrize(
    "asked", [{}, {"action": "show"}, {"action": "show", "name": "99"}, {"action": "show", "name": "-1"}]
)
def test_a_request_for_a_file_that_is_not_there_does_nothing(shown, tab, asked):
    before = shown.app.data
    tab._act(asked)
    tab._act({"action": "show", "name": "2"})  # the one that cannot be read
    assert shown.app.data is before


def test_a_point_that_is_clicked_shows_its_file(shown, tab):
    figure, rows = drawn(tab).figure, tab.rows
    figure._trigger_event(Tap(figure, x=10.1, y=rows[4]["center"]))
    assert shown.app.data.name == "run_10.csv"
    figure._trigger_event(Tap(figure, x=4.0, y=-100.0))
    figure._trigger_event(Tap(figure, x=None, y=None))
    assert shown.app.data.name == "run_10.csv"


def test_other_settings_of_the_fit_are_those_of_all_files(shown, tab, fitted):
    fitted.clear()
    shown.app.settings.param.update(baseline="linear", fixed={"width": 0.5})
    assert len(fitted) == 5
    assert all(row["width"] == 0.5 for row in tab.rows if not row["error"])
    assert tab._of.options == ["amplitude", "center", "width", "offset", "slope", "fwhm", "area"]
    fitted.clear()
    shown.app.settings.param.update(band="none", correlations=True)
    shown.app.trend.file_trend = "area"
    assert fitted == []
    assert drawn(tab).figure.yaxis[0].axis_label == "area"


def test_of_files_with_different_numbers_of_peaks_all_are_numbered(shown, tab):
    two = GaussianModel(center=-1.0, noise=0.05, samples=100).simulate()
    y = two.y + 2.0 * np.exp(-0.5 * ((two.x - 1.0) / 0.3) ** 2)
    text = "x,y\n" + "\n".join(f"{a},{b}" for a, b in zip(two.x, y, strict=True))
    give(shown.app, {"run_1.csv": table(1), "run_2.csv": text.encode()})
    shown.app.settings.peaks = "auto"
    assert [row["peaks"] for row in tab.rows] == [1, 2]
    assert tab.rows[0]["center_1"] == shown.app.fit.values["center"]
    assert "center_2" in tab._of.options
    assert drawn(tab).figure.yaxis[0].axis_label == "center 1"
    assert tab._csv()[1].splitlines()[0].startswith("file,points,left_out,peaks,amplitude_1")


def test_no_file_is_marked_while_the_peak_above_is_simulated(shown, tab):
    assert tab.shown == 0
    shown.app.source.mode = "Simulate"
    assert tab.shown is None
    assert len(drawn(tab).sources["shown"].data["x"]) == 0
    tab.show(1)
    assert shown.app.source.mode == "My data"
    assert tab.shown == 1


def test_a_closed_tab_fits_nothing_and_catches_up(shown, tab, fitted):
    shown.app.precision.tab = "Fit"
    fitted.clear()
    shown.app.settings.baseline = "linear"
    assert fitted == []
    shown.app.precision.tab = "Files"
    assert len(fitted) == 5
    assert "slope" in tab.rows[0]


def test_the_table_that_is_saved_has_the_columns_of_the_command_line(tab):
    name, text = tab._csv()
    assert name == "files.csv"
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in rows] == [row["file"] for row in tab.rows]
    assert list(rows[0]) == gaussapp.batch.columns(1, "constant")
    assert float(rows[0]["center"]) == tab.rows[0]["center"]
    assert rows[2]["error"] == tab.rows[2]["error"]


def test_html_in_names_is_text(shown, fitted):
    evil = "<img src=x onerror=alert(1)>"
    give(shown.app, {f"{evil}.csv": table(1), "other.csv": evil.encode()})
    assert "<img" not in shown.app._files._table.form
    assert "<img" not in shown.app.measured.notes.object
    shown.app.measured.files = []


# Reading several ------------------------------------------------------------------------------------------------------


def test_several_files_are_one_upload_and_one_is_one(shown):
    panel, event = shown.app.measured, type("Event", (), {})
    event.new = [*FOLDER.items()]
    asyncio.run(panel._uploaded(event))
    assert [file.name for file in panel.files][:2] == ["run_1.csv", "run_2.csv"]
    assert panel.data.name == "run_1.csv"
    event.new = [("three.csv", table(3))]
    asyncio.run(panel._uploaded(event))
    assert panel.files == []
    assert panel.data.name == "three.csv"


def test_of_files_of_which_none_is_a_table_the_data_stay_and_the_rows_say_why(shown):
    before = shown.app.data
    asyncio.run(shown.app.measured._read_several({"a.csv": b"", "b.csv": b"words"}))
    assert shown.app.data is before
    assert "None of these 2 files" in shown.app._message.object
    assert all(file.problem for file in shown.app.measured.files)
    shown.app.measured.files = []


# Names and trends -----------------------------------------------------------------------------------------------------


def test_names_are_sorted_as_a_reader_would():
    names = ["run_10.csv", "Run_2.csv", "run_1.csv", "a.csv", "run.csv"]
    assert sorted(names, key=natural) == ["a.csv", "run.csv", "run_1.csv", "Run_2.csv", "run_10.csv"]
    assert unique(["a", "b", "a"]) == ["a", "b", "a (2)"]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["run_12.csv", "run_3.csv"], [12, 3]),
        (["2024_T300K_a1.csv", "2024_T310K_a1.csv"], [300, 310]),
        (["T4.5.dat", "T10.25.dat"], [4.5, 10.25]),
        (["x1.csv", "y.csv"], None),
        (["x1.csv", "y1.csv"], None),
        (["one.mp3", "two.mp3"], None),
        (["0.5", "1"], [0, 1]),
    ],
)
def test_the_number_in_a_name_is_the_one_that_tells_the_files_apart(names, numbers):
    found = numbers_in(names)
    assert found is None if numbers is None else found.tolist() == numbers


def made(values, errors, trustworthy=True):
    files = [FileRead(f"{i}.csv", None) for i in range(len(values))]
    rows = [
        {"error": "", "center": value, "center_error": error, "trustworthy": trustworthy}
        for value, error in zip(values, errors, strict=True)
    ]
    return trend(files, rows, "center", by_number=False)


def test_what_the_files_say_together_is_their_weighted_mean_and_whether_they_agree():
    rng = np.random.default_rng(1)
    errors = rng.uniform(0.1, 0.3, 40)
    values = 5.0 + errors * rng.standard_normal(40)
    mean = np.average(values, weights=errors**-2.0)
    sentence = together("center", made(values, errors))
    assert "no more than their errors" in sentence
    assert f"{mean:.3f}" in sentence
    assert "more than noise" in together("center", made(values + np.arange(40.0), errors))
    assert "too large" in together("center", made(5.0 + 0.01 * values, errors))
    assert together("center", made(values[:1], errors[:1])) == ""


def test_a_row_without_a_number_is_not_drawn_and_an_error_that_says_nothing_hides_nothing():
    drawn = made([1.0, None, 2.0, 1.5], [0.1, None, None, 1e9])
    assert drawn.position.tolist() == [0, 2, 3]
    shown = columns(drawn, ["a", "b", "c", "d"], 2)
    assert len(shown["errors"]["x"]) == 2
    assert shown["shown"]["x"].tolist() == [3.0]
    (_, (low, high)) = extent(drawn)
    assert high - low < 20
    assert nearest(drawn, 3.0, 2.0, (0.0, 5.0), (0.0, 3.0)) == 2
    assert nearest(made([], []), 0.0, 0.0, (0.0, 1.0), (0.0, 1.0)) is None


# With a session: beside the event loop --------------------------------------------------------------------------------


def test_files_of_a_page_are_fitted_beside_the_event_loop(server, fitted):
    visitor = server.visit()
    app = visitor.app
    (document,) = app._fit_plot.documents
    document.add_next_tick_callback(lambda: give(app, FOLDER))
    tab = app._files
    wait_for(lambda: not tab.busy and tab.rows and None not in tab.rows)
    assert len(fitted) >= 5
    assert not any(held for _, held in fitted)
    wait_for(lambda: tab._bar.text == "5 files")


def test_a_visitor_who_leaves_while_files_are_fitted_leaves_nothing_behind(server, monkeypatch):
    row = file_rows.row
    monkeypatch.setattr(file_rows, "row", lambda *given: (time.sleep(0.02), row(*given))[1])
    visitor = server.visit()
    app = weakref.ref(visitor.app)
    (document,) = visitor.app._fit_plot.documents
    files = {f"{number}.csv": table(1) for number in range(200)}
    document.add_next_tick_callback(lambda: give(app(), files))
    wait_for(lambda: any(app()._files.rows))
    del document
    visitor = server.leave()
    wait_for(lambda: (gc.collect(), app())[1] is None)

"""Maps of precision: every cell is the repeated experiment of its settings, whatever happened around it."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gaussapp
from gaussapp import GaussianModel, grid, replicate, sweep

ROOT = Path(gaussapp.__file__).parent.parent
NOISE, SAMPLES = [0.1, 0.3, 0.5], [20, 30]


@pytest.fixture(scope="module")
def expected():
    return sweep(GaussianModel(), 200, workers=1, noise=NOISE, samples=SAMPLES)


def lines(folder):
    return [json.loads(line) for line in (folder / "cells.jsonl").read_text(encoding="utf-8").splitlines()]


def equal(one, other):
    return json.dumps(one.cells) == json.dumps(other.cells)


def test_a_cell_is_the_repeated_experiment_of_its_settings(expected):
    study = replicate(GaussianModel(noise=0.3, samples=30), 200)
    assert expected.names == study.quantities
    for statistic in grid.STATISTICS:
        for quantity in study.quantities:
            assert expected.map(statistic, quantity)[1, 1] == getattr(study, statistic)[quantity]
    assert expected.map("failures")[1, 1] == study.failures
    assert expected.map("runaways")[1, 1] == study.runaways


def test_a_map_has_the_shape_of_the_grid_and_the_table_a_row_for_each_cell(expected):
    assert expected.shape == (3, 2)
    table = expected.to_frame()
    assert list(table["noise"]) == [0.1, 0.1, 0.3, 0.3, 0.5, 0.5]
    assert list(table["samples"]) == [20, 30] * 3
    assert list(table["center_spread"]) == expected.map("spread", "center").ravel().tolist()
    assert list(table["error"]) == [""] * 6
    assert (np.diff(expected.map("spread", "center"), axis=0) > 0).all(), "more noise, more spread"


@pytest.mark.parametrize("values", [np.array(NOISE), tuple(NOISE), (n for n in NOISE)])
def test_values_may_be_any_sequence(expected, values):
    assert equal(sweep(GaussianModel(), 200, workers=1, noise=values, samples=range(20, 31, 10)), expected)


def test_three_sides_and_other_kinds_of_settings():
    found = sweep(
        GaussianModel(),
        50,
        workers=1,
        distribution=["normal", "uniform"],
        window=[(-2, 2), [-3.0, 3.0]],
        sigma_known=[False, True],
        baseline="none",
    )
    assert found.map("coverage", "width").shape == (2, 2, 2)
    assert found.names == ("amplitude", "center", "width", "fwhm", "area")
    assert found.to_frame()["window"][2] == (-3.0, 3.0)


def test_cells_do_not_depend_on_the_others_their_order_or_the_number_of_workers(expected):
    turned = sweep(GaussianModel(), 200, workers=2, samples=SAMPLES[::-1], noise=[0.5, 0.3, 0.1, 0.2])
    for statistic in ("bias", "coverage"):
        again = turned.map(statistic, "width")[::-1, [2, 1, 0]].T
        assert np.array_equal(again, expected.map(statistic, "width"))


def test_finished_cells_are_kept_and_a_larger_grid_computes_what_is_new(expected, tmp_path, monkeypatch):
    done = []
    repeat_cell = grid.repeat_cell
    monkeypatch.setattr(grid, "repeat_cell", lambda task: done.append(task[0]) or repeat_cell(task))
    sweep(GaussianModel(), 200, keep=tmp_path, workers=1, noise=NOISE[:2], samples=SAMPLES)
    assert len(done) == 4
    done.clear()
    seen = []
    found = sweep(
        GaussianModel(),
        200,
        keep=tmp_path,
        workers=1,
        noise=NOISE,
        samples=SAMPLES,
        progress=lambda *numbers: seen.append(numbers),
    )
    assert done == ["noise=0.5, samples=20", "noise=0.5, samples=30"]
    assert seen == [(4, 6), (5, 6), (6, 6)]
    assert equal(found, expected)
    header, *cells = lines(tmp_path)
    assert header["kind"] == "cells of a sweep"
    assert header["model"]["amplitude"] == 3.0
    assert "noise" not in header["model"]
    assert cells[0]["settings"] == {"noise": 0.1, "samples": 20}
    assert cells[0]["results"]["center"]["spread"] == expected.map("spread", "center")[0, 0]
    for change, words in (
        ({"model": GaussianModel(amplitude=4)}, "was made with amplitude 3.0, and now it is 4"),
        ({"fits": 100}, "was made with fits 200, and now it is 100"),
        ({"baseline": "linear"}, "was made with baseline constant, and now it is linear"),
    ):
        choices = {"model": GaussianModel(), "fits": 200, **change}
        with pytest.raises(ValueError, match=words):
            sweep(**choices, keep=tmp_path, noise=NOISE, samples=SAMPLES)


def test_an_interrupted_sweep_keeps_what_is_finished_and_continues(expected, tmp_path):
    def impatient(done, _):
        if done == 2:
            raise KeyboardInterrupt

    choices = {"fits": 200, "keep": tmp_path, "noise": NOISE, "samples": SAMPLES}
    with pytest.raises(KeyboardInterrupt):
        sweep(GaussianModel(), workers=1, progress=impatient, **choices)
    assert len(lines(tmp_path)) == 3
    assert equal(sweep(GaussianModel(), workers=2, **choices), expected)


def test_a_sweep_that_is_killed_keeps_what_is_finished_and_continues(expected, tmp_path):
    program = (
        "import os; from gaussapp import GaussianModel, sweep\n"
        f"sweep(GaussianModel(), 200, keep={str(tmp_path)!r}, workers=1, noise={NOISE}, samples={SAMPLES},\n"
        "      progress=lambda done, _: done == 3 and os.kill(os.getpid(), 9))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert run.returncode == -signal.SIGKILL
    assert len(lines(tmp_path)) == 4
    found = sweep(GaussianModel(), 200, keep=tmp_path, workers=1, noise=NOISE, samples=SAMPLES)
    assert equal(found, expected)


def test_a_sweep_that_is_cancelled_has_the_cells_that_are_done(expected):
    seen = []
    found = sweep(
        GaussianModel(),
        200,
        workers=1,
        noise=NOISE,
        samples=SAMPLES,
        cancelled=lambda: seen.append(1) or len(seen) == 2,
    )
    assert not found.complete
    assert found.cells[:2] == expected.cells[:2]
    assert found.cells[2:] == [None] * 4
    assert np.isnan(found.map("spread", "center")).sum() == 4
    assert "2 cells are done" in repr(found)
    assert list(found.to_frame()["error"]) == ["", "", *["not reached"] * 4]


def test_two_sweeps_do_not_write_to_the_same_folder(tmp_path):
    def second(done, _):
        if done:
            with pytest.raises(FileExistsError, match="is being written by another run"):
                sweep(GaussianModel(), 10, keep=tmp_path, noise=[0.2])

    sweep(GaussianModel(), 10, keep=tmp_path, workers=1, noise=[0.1], progress=second)


def test_a_full_disk_is_a_sentence_and_finished_cells_are_kept(tmp_path, monkeypatch):
    write, room = os.write, [4]

    def filling(file, text):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, text)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match=r"cells.jsonl': the disk is full; make room: 2 finished are kept there"):
            sweep(GaussianModel(), 20, keep=tmp_path, workers=1, noise=NOISE, samples=SAMPLES)
    assert len(lines(tmp_path)) == 3


def test_a_cell_in_which_nothing_can_be_fitted_has_a_sentence_and_the_others_their_numbers(tmp_path):
    found = sweep(GaussianModel(), 20, keep=tmp_path, workers=1, noise=[0.0, 0.1], samples=[3, 20])
    assert found.problems.keys() == {"noise=0.0, samples=3", "noise=0.0, samples=20", "noise=0.1, samples=3"}
    assert "noise is 0" in found.problems["noise=0.0, samples=20"]
    assert "none of the 20 experiments could be fitted" in found.problems["noise=0.1, samples=3"]
    assert np.isfinite(found.map("spread", "center")).tolist() == [[False, False], [False, True]]
    assert found.map("failures").tolist() == [[20, 20], [20, 0]]
    assert "3 cells gave nothing, such as noise=0.0, samples=3" in repr(found)


def test_what_is_not_finite_is_kept_too(tmp_path):
    choices = {"fits": 20, "keep": tmp_path, "workers": 1, "amplitude": [0.0]}
    first = sweep(GaussianModel(), **choices)
    assert math.isinf(first.map("bound", "center")[0])
    again = sweep(GaussianModel(), **choices)
    pd.testing.assert_frame_equal(again.to_frame(), first.to_frame(), check_exact=True)


def test_the_model_is_left_as_it_is():
    model = GaussianModel(noise=0.7)
    sweep(model, 10, workers=1, noise=[0.1, 0.2])
    assert model.noise == 0.7


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({}, ValueError, "the grid has no cells: give values for what is varied"),
        ({"noise": []}, ValueError, "the grid has no cells: there are no values of noise"),
        ({"noise": 0.1}, TypeError, r"noise must be a list of values, such as noise=\[0.1\]"),
        ({"distribution": "normal"}, TypeError, "distribution must be a list of values"),
        ({"width": [0.5, 0]}, ValueError, "there is no cell with width=0: .* must be at least 1e-06"),
        ({"noise": [0.1, math.nan]}, ValueError, "there is no cell with noise=nan"),
        ({"samples": [10, 20.5]}, ValueError, "there is no cell with samples=20.5"),
        ({"window": [(2, 1)]}, ValueError, r"there is no cell with window=\(2, 1\)"),
        ({"noise": [0.1, 0.2, 0.1]}, ValueError, "noise has the value 0.1 more than once"),
        ({"nose": [1]}, ValueError, "the model has no 'nose' to vary: it has amplitude, center"),
        ({"new_noise": [True]}, ValueError, "the model has no 'new_noise' to vary"),
        ({"noise": [0.1], "fits": 0}, ValueError, "fits must be 1 or more, not 0"),
        ({"noise": [0.1], "fits": 10.5}, TypeError, "fits must be a whole number"),
        ({"noise": [0.1], "level": 1.0}, ValueError, "level must be between 0 and 1"),
        ({"noise": [0.1], "baseline": "cubic"}, ValueError, "baseline must be one of none, constant, linear"),
        ({"seed": range(1001), "samples": range(5, 1006)}, ValueError, "the grid has 1002001 cells"),
        ({"noise": [0.1], "workers": 0}, ValueError, "workers must be 1 or more"),
    ],
)
def test_what_cannot_be_swept_is_a_sentence(choices, error, words):
    with pytest.raises(error, match=words):
        sweep(GaussianModel(), **choices)


def test_maps_that_there_are_not_are_sentences(expected):
    with pytest.raises(ValueError, match="there is no map of 'mode': choose bias, bias_error, spread"):
        expected.map("mode", "center")
    with pytest.raises(ValueError, match="there is no parameter 'slope' to map: the fit has amplitude, center"):
        expected.map("spread", "slope")
    with pytest.raises(ValueError, match="no parameter None"):
        expected.map("spread")


def test_it_reads_well(expected):
    assert repr(expected).startswith(
        "Sweep over noise (3), samples (2): 6 cells of 200 experiments, constant baseline, least squares\n"
    )
    assert "efficiency" in expected._repr_html_()

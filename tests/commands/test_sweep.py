"""``gaussapp sweep`` prints what `gaussapp.sweep` gives."""

import io
import sys

import pandas as pd
import pytest

from gaussapp import GaussianModel, sweep
from gaussapp.__main__ import main

GRID = ["noise=0.1,0.3", "samples=20", "--fits", "50", "--workers", "1"]


def test_it_prints_the_table_of_the_grid_that_is_described(capsys):
    assert main(["sweep", *GRID, "--model", "amplitude=4", "--baseline", "none", "--level", "0.5"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out), keep_default_na=False)
    model = GaussianModel(amplitude=4)
    expected = sweep(model, 50, baseline="none", level=0.5, workers=1, noise=[0.1, 0.3], samples=[20]).to_frame()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-15)


def test_it_keeps_cells_and_writes_to_a_file(tmp_path, capsys, monkeypatch):
    choices = [*GRID, "--keep", str(tmp_path / "map"), "--out", str(tmp_path / "map.csv")]
    assert main(["sweep", *choices]) == 0
    monkeypatch.setattr("gaussapp.grid.repeat_cell", lambda _: pytest.fail("it is done already"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["sweep", *choices]) == 0
    captured = capsys.readouterr()
    assert captured.out == 2 * f"{tmp_path / 'map.csv'}: 2 cells\n"
    assert "2/2" in captured.err
    assert len(pd.read_csv(tmp_path / "map.csv")) == 2


def test_lists_of_windows_and_words_can_be_given(capsys):
    arguments = ["distribution='normal','uniform'", "window=(-2,2),(-3,3)", "--fits", "10", "--workers", "1"]
    assert main(["sweep", *arguments]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_cell_that_gives_nothing_is_a_sentence_and_exit_code_one(capsys):
    assert main(["sweep", "noise=0,0.1", "--fits", "10", "--workers", "1"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("noise=0: noise is 0")
    assert len(captured.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["noise"], "'noise' must be written as NAME=VALUE"),
        (["nose=1,2"], "the model has no setting 'nose'"),
        (["keep=1,2"], "the model has no setting 'keep'"),
        (["width=0,1"], "there is no cell with width=0"),
        (["noise=0.1", "--fits", "0"], "fits must be 1 or more, not 0"),
        (["noise=0.1", "--model", "nose=1"], "the model has no setting 'nose'"),
        (["noise=0.1", "--level", "2"], "level must be between 0 and 1"),
    ],
)
def test_what_is_not_understood_is_a_sentence(arguments, words, capsys):
    assert main(["sweep", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gaussapp sweep: ")
    assert words in error
    assert error.count("\n") == 1

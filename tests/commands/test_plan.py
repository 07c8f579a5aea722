"""``gaussapp plan`` says what `gaussapp.plan` does."""

import csv
import io

import pytest

from gaussapp import GaussianModel, plan
from gaussapp.__main__ import main


def test_it_prints_the_plan_for_the_model_that_is_described(capsys):
    assert main(["plan", "center=0.01", "--model", "noise=0.2", "window=-3,3", "distribution=uniform"]) == 0
    expected = plan(GaussianModel(noise=0.2, window=(-3, 3), distribution="uniform"), center=0.01)
    assert capsys.readouterr().out == f"{expected!r}\n"


def test_it_prints_the_curve_as_csv(capsys):
    assert main(["plan", "area=0.1", "fwhm=0.1", "--vary", "window", "--baseline", "linear", "--csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    expected = plan(GaussianModel(), area=0.1, fwhm=0.1, vary="window", baseline="linear").to_frame()
    assert [float(row["area"]) for row in rows] == expected["area"].tolist()
    assert list(rows[0]) == list(expected)


def test_a_target_out_of_reach_has_exit_code_one(capsys):
    assert main(["plan", "center=1e-9"]) == 1
    assert "the best is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["height=1"], "there is no 'height' to plan for: choose one or more of amplitude, center"),
        (["center"], "'center' must be written as NAME=VALUE"),
        (["center=small"], "precision of the center must be a number, not 'small'"),
        (["center=1", "center=2"], "center is given twice"),
        (["center=0.1", "--model", "nose=1"], "the model has no setting 'nose': it has amplitude"),
        (["center=0.1", "--model", "width=0"], "width cannot be 0"),
        (["center=0.1", "--model", "window=2,1"], "two finite numbers, the lower one first"),
    ],
)
def test_what_is_not_understood_is_a_sentence(arguments, words, capsys):
    assert main(["plan", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gaussapp plan: ")
    assert words in error
    assert error.count("\n") == 1

"""Certified values (NIST StRD): at least nine digits of every value, standard deviation and sum of squares."""

import csv
import json
import math
from importlib.resources import files

import numpy as np
import pytest

from gaussapp.fitting import fit

SAMPLES = json.loads(files("gaussapp").joinpath("samples/samples.json").read_text("utf-8"))
CERTIFIED = ("eckerle4", "gauss1", "gauss2", "gauss3")
DIGITS = 9


def columns(name):
    with files("gaussapp").joinpath(f"samples/{SAMPLES[name]['file']}").open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    return np.array(rows, dtype=float).T


def digits(value, certified):
    return -math.log10(max(abs(value - certified) / abs(certified), 1e-16))


@pytest.mark.parametrize("start", [None, 0, 1], ids=["no start", "start 1", "start 2"])
@pytest.mark.parametrize("name", CERTIFIED)
def test_nine_digits_of_everything_certified(name, start):
    sample = SAMPLES[name]
    certified = sample["certified"]
    x, y = columns(name)
    given = None if start is None else certified["starts"][start]
    result = fit(x, y, baseline=sample["baseline"], peaks=sample["peaks"], start=given)
    values = {**result.values, **{key: estimate.value for key, estimate in result.derived.items()}}
    errors = {**result.errors, **{key: estimate.error for key, estimate in result.derived.items()}}
    reached = {f"value of {key}": digits(values[key], number) for key, number in certified["values"].items()}
    reached |= {f"error of {key}": digits(errors[key], number) for key, number in certified["errors"].items()}
    reached["sum of squares"] = digits(result.chi2, certified["residual_sum_of_squares"])
    assert {key: number for key, number in reached.items() if number < DIGITS} == {}
    assert result.dof == certified["degrees_of_freedom"]


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_data_raise_no_doubt_about_the_search(name):
    sample = SAMPLES[name]
    result = fit(*columns(name), baseline=sample["baseline"], peaks=sample["peaks"])
    assert {verdict.code for verdict in result.verdicts} & {
        "did_not_converge",
        "not_identified",
        "no_peak_found",
    } == set()

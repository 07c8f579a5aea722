"""Certified values (NIST StRD): at least nine digits of every value, standard deviation and sum of squares."""

import json
import math

import pytest

from gaussapp import certificate, certify, fit, samples
from gaussapp.__main__ import main
from gaussapp.certificate import DIGITS, matching_digits

CERTIFIED = ("eckerle4", "gauss1", "gauss2", "gauss3")
STARTS = ("no start", "start 1", "start 2")


@pytest.fixture(scope="module")
def whole():
    return certify()


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", CERTIFIED)
def test_nine_digits_of_everything_certified(whole, name, start):
    certified = samples()[name].certified
    reached = {row.quantity: row.digits for row in whole.agreements if (row.data, row.start) == (name, start)}
    assert set(reached) == {
        *certified["values"],
        *(f"standard deviation of {key}" for key in certified["errors"]),
        "residual sum of squares",
    }
    assert {key: number for key, number in reached.items() if number < DIGITS} == {}
    assert DIGITS == 9


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_numbers_are_those_of_nist_in_our_parameters(name):
    """The samples hold NIST's own parameters too: b5 and b8 of Gauss1 to 3 are the square root of two times a width."""
    certified = samples()[name].certified
    for kind in ("values", "errors"):
        nist, ours = certified["original"][kind], certified[kind]
        if name == "eckerle4":
            factors = {"b1": ("area", 1 / math.sqrt(2 * math.pi)), "b2": ("width", 1), "b3": ("center", 1)}
        else:
            factors = {
                "b1": ("decay_amplitude", 1),
                "b2": ("decay_rate", 1),
                **{"b3": ("amplitude_1", 1), "b4": ("center_1", 1), "b5": ("width_1", math.sqrt(2))},
                **{"b6": ("amplitude_2", 1), "b7": ("center_2", 1), "b8": ("width_2", math.sqrt(2))},
            }
        assert set(factors) == set(nist)
        for theirs, (name_here, factor) in factors.items():
            assert ours[name_here] * factor == pytest.approx(nist[theirs], rel=1e-14)


@pytest.mark.parametrize("start", [None, 0, 1], ids=STARTS)
@pytest.mark.parametrize("name", CERTIFIED)
def test_degrees_of_freedom_are_the_certified_ones(name, start):
    sample = samples()[name]
    given = None if start is None else sample.certified["starts"][start]
    result = fit(sample.data(), baseline=sample.baseline, peaks=sample.peaks, start=given)
    assert result.dof == sample.certified["degrees_of_freedom"]


def test_digits_are_counted_as_nist_does():
    assert matching_digits(1.001, 1.0) == pytest.approx(3.0, abs=1e-9)
    assert matching_digits(-0.05, -0.0500005) == pytest.approx(5.0, abs=1e-5)
    assert matching_digits(7.0, 7.0) == 11.0
    assert matching_digits(math.nan, 1.0) == matching_digits(math.inf, 1.0) == matching_digits(20.0, 1.0) == 0.0


def test_the_command_shows_every_digit_and_says_that_all_is_well(whole, capsys):
    assert main(["certify"]) == 0
    shown = capsys.readouterr().out
    assert shown == f"{whole!r}\n"
    assert shown.count("standard deviation of") == 2 + 3 * 8 + 1
    assert "All 177 certified numbers are reached to 9 digits or more" in shown


def test_the_command_prints_json(whole, capsys):
    assert main(["certify", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is True
    assert [row["digits"] for row in found["agreements"]] == list(whole.to_frame()["digits"])
    assert "<td>decay_rate</td>" in whole._repr_html_()


@pytest.mark.parametrize("wrong", [1.0 + 2e-9, math.nan, math.inf])
def test_a_number_with_fewer_digits_is_a_failure(wrong, monkeypatch, capsys):
    def fit_badly(*data, **choices):
        result = fit(*data, **choices)
        result.__dict__["values"] = {**result.values, result.names[-1]: result.values[result.names[-1]] * wrong}
        return result

    monkeypatch.setattr(certificate, "fit", fit_badly)
    assert main(["certify"]) == 1
    assert "of 177 certified numbers are not reached to 9 digits; the worst is the " in capsys.readouterr().out
    assert main(["certify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_data_raise_no_doubt_about_the_search(name):
    sample = samples()[name]
    result = fit(sample.data(), baseline=sample.baseline, peaks=sample.peaks)
    assert {verdict.code for verdict in result.verdicts} & {
        "did_not_converge",
        "not_identified",
        "no_peak_found",
    } == set()

"""Models side by side: the numbers are those of the single fits, and what cannot be fitted says why."""

import json
import math

import numpy as np
import pytest

from gaussapp import Data, compare, fit
from gaussapp.__main__ import main

X = np.linspace(0, 10, 60)
Y = (
    2 * np.exp(-0.5 * ((X - 3.5) / 0.7) ** 2)
    + np.exp(-0.5 * ((X - 6.5) / 0.7) ** 2)
    + 0.8
    + 0.05 * np.random.default_rng(2).standard_normal(60)
)


@pytest.fixture(scope="module")
def compared():
    return compare(X, Y)


def test_the_numbers_are_those_of_the_single_fits(compared):
    assert [(model.peaks, model.baseline) for model in compared.models] == [
        (peaks, baseline) for baseline in ("none", "constant", "linear") for peaks in (1, 2, 3)
    ]
    for model in compared.models:
        alone = fit(X, Y, peaks=model.peaks, baseline=model.baseline)
        assert model.fit.values == alone.values
        assert model.difference == pytest.approx(alone.bic - compared.best.bic)


def test_the_true_model_is_the_best(compared):
    assert (compared.best.peaks, compared.best.baseline) == (2, "constant")
    assert compared.fits[0] is compared.best
    assert [found.bic for found in compared.fits] == sorted(found.bic for found in compared.fits)
    assert compared.conclusion.startswith("2 peaks on a constant baseline: the lowest BIC of 9, by ")


def test_weights_are_shares_of_the_evidence(compared):
    weights = np.array([model.weight for model in compared.models])
    differences = np.array([model.difference for model in compared.models])
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights, np.exp(-differences / 2) / np.exp(-differences / 2).sum())


@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
def test_the_best_has_the_lowest_of_the_criterion_asked_for(criterion):
    found = compare(X, Y, peaks=[1, 2], baselines=["none", "constant"], criterion=criterion)
    assert getattr(found.best, criterion) == min(getattr(one, criterion) for one in found.fits)


def test_the_table_has_a_row_for_each_model(compared):
    frame = compared.to_frame()
    assert list(frame["bic"]) == [model.fit.bic for model in compared.models]
    assert {"peaks", "baseline", "dof", "reduced_chi2", "p_value", "aic", "aicc", "weight", "findings"} <= set(frame)
    assert frame.loc[frame["best"], ["peaks", "baseline"]].values.tolist() == [[2, "constant"]]
    lines = repr(compared).splitlines()
    assert len(lines) == 11
    assert [line for line in lines if line.startswith("▸")] == [lines[5]]
    html = compared._repr_html_()
    assert html.count("<tr") == 10
    assert html.count('class="gaussapp-best"') == 1


def test_a_model_that_cannot_be_fitted_stands_there_with_its_sentence():
    found = compare(X[:7], Y[:7], peaks=[1, 2, 3], baselines=["constant"])
    last = found.models[-1]
    assert last.fit is None
    assert "7 usable points are fewer than the 10 parameters of 3 peaks on a constant baseline" in last.problem
    assert last.problem in repr(found)
    assert last.problem in found._repr_html_()
    assert found.to_frame()["findings"].iloc[-1] == last.problem
    assert (last.weight, last.difference) == (0.0, math.inf)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["models"][-1]["problem"] == last.problem
    # As many parameters as points pass through anything: that is no evidence.
    assert found.best.peaks == 1


def test_if_nothing_can_be_fitted_the_best_says_why():
    found = compare([1.0, 2.0], [1.0, 2.0])
    assert found.fits == ()
    assert found.conclusion == "None of the 9 models could be fitted."
    with pytest.raises(ValueError, match="none of the 9 models could be fitted: 2 usable points"):
        _ = found.best


def test_sigma_and_options_are_passed_on():
    found = compare(Data(X, Y, np.full(60, 0.05)), peaks=[2], baselines="constant", absolute_sigma=False)
    assert found.best.absolute_sigma is False
    known = compare(X, Y, 0.05, peaks=[2], baselines=["constant"])
    assert 0.001 < known.to_frame()["p_value"].iloc[0] < 0.999


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"criterion": "r2"}, ValueError, "criterion must be one of bic, aicc, aic, not 'r2'"),
        (
            {"baselines": ["cubic"]},
            ValueError,
            "baseline must be one of none, constant, linear, exponential, not 'cubic'",
        ),
        ({"peaks": []}, ValueError, "there is nothing to compare"),
        ({"peaks": 2}, TypeError, "peaks must be several numbers of peaks, such as (1, 2, 3), not 2"),
        ({"peaks": [1.5]}, TypeError, "not 1.5"),
    ],
)
def test_impossible_comparisons_are_refused_with_a_sentence(options, kind, words):
    with pytest.raises(kind) as caught:
        compare(X, Y, **options)
    assert words in str(caught.value)


def test_the_command_prints_the_table(tmp_path, capsys):
    file = tmp_path / "two.csv"
    np.savetxt(file, np.c_[X, Y], delimiter=",", header="x,y", comments="")
    choice = [str(file), "--peaks", "1", "2", "--baselines", "none", "constant"]
    assert main(["compare", *choice]) == 0
    shown = capsys.readouterr().out
    assert "▸ 2 peaks on a constant baseline" in shown
    assert main(["compare", *choice, "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [model["best"] for model in models] == [False, False, False, True]
    assert main(["compare", *choice, "--fix", "width=0.7", "--bound", "center=:3", "--tie", "width_2=width_1"]) == 0
    assert "Held as in the fit: width = 0.7, center ≤ 3 (in all models); width_2 = width_1" in capsys.readouterr().out
    assert main(["compare", *choice, "--same-width"]) == 0
    assert "one width for all peaks (in models of 2 peaks or more)." in capsys.readouterr().out
    assert main(["compare", *choice, "--fix", "sigma=0.7"]) == 1
    assert "'sigma', which is a parameter of no model" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
    assert main(["fit", str(file), "--peaks", "auto", "--baseline", "constant", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["peaks"] == 2


# What is held --------------------------------------------------------------------------------------------------------


def test_what_is_held_is_carried_into_every_model_that_has_it():
    found = compare(
        X,
        Y,
        peaks=[1, 2],
        baselines=["none", "constant"],
        fixed={"width": 0.7, "offset": 0.8},
        bounds={"center_2": (6.0, None)},
        ties={"amplitude_2": "0.5 * amplitude_1"},
    )
    one, two, one_on_level, two_on_level = (model.fit for model in found.models)
    assert dict(one.fixed) == {"width": 0.7}
    assert not one.bounds
    assert not one.ties
    assert dict(two.fixed) == {"width_1": 0.7}
    assert dict(two_on_level.fixed) == {"width_1": 0.7, "offset": 0.8}
    assert dict(one_on_level.fixed) == {"width": 0.7, "offset": 0.8}
    for several in (two, two_on_level):
        assert several.values["amplitude_2"] == pytest.approx(0.5 * several.values["amplitude_1"], rel=1e-12)
        assert several.values["center_2"] >= 6.0
    alone = fit(
        X,
        Y,
        peaks=2,
        baseline="constant",
        **{
            "fixed": {"width_1": 0.7, "offset": 0.8},
            "bounds": {"center_2": (6.0, None)},
            "ties": {"amplitude_2": "0.5 * amplitude_1"},
        },
    )
    assert alone.values == two_on_level.values
    assert found.held == (
        "Held as in the fit: width = 0.7 (in all models); offset = 0.8 (in models on constant baselines); "
        "center_2 ≥ 6, amplitude_2 = 0.5 * amplitude_1 (in models of 2 peaks or more)."
    )
    assert found.held in repr(found)
    assert "center_2 ≥ 6" in found._repr_html_()
    assert found.to_dict()["models"][0]["held"] == ["width = 0.7"]
    assert found.to_frame()["held"].iloc[0] == "width = 0.7"


def test_one_width_for_all_peaks_holds_in_every_model_with_several():
    found = compare(X, Y, peaks=[1, 3], baselines=["constant"], same_width=True, fixed={"slope": 1.0})
    one, three = (model.fit for model in found.models)
    assert not one.ties
    assert len({three.values[f"width_{k}"] for k in (1, 2, 3)}) == 1
    assert "one width for all peaks (in models of 3 peaks or more)" in found.held
    assert "slope = 1 (in none: no model here has it)" in found.held


def test_without_anything_held_nothing_is_said(compared):
    assert compared.held == ""
    assert {model.held for model in compared.models} == {()}


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"fixed": {"height": 1.0}}, ValueError, "fixed has 'height', which is a parameter of no model"),
        ({"ties": {"width_2": "sigma_1"}}, ValueError, "'sigma_1', which is a parameter of no model"),
        ({"ties": {"width_2": "width_1 ** 2"}}, ValueError, "is not understood"),
        ({"bounds": {"center": (2.0, 1.0)}}, ValueError, "low 2.0 is above high 1.0"),
        ({"fixed": ["width"]}, TypeError, "fixed must map parameter names to values, not ['width']"),
        ({"same_width": True, "ties": {"width_2": "2 * width_1"}}, ValueError, "same_width=True"),
    ],
)
def test_what_cannot_be_held_in_any_model_is_refused_with_a_sentence(options, kind, words):
    with pytest.raises(kind) as caught:
        compare(X, Y, **options)
    assert words in str(caught.value)

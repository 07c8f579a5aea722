"""Parameters held, bounded and tied: the optimum under the constraints, its errors, and contradictions in sentences."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit, least_squares

from gaussapp.fitting import evaluate, fit
from gaussapp.fitting.constrained.constraint import Tie, constraints_of, parsed
from gaussapp.fitting.peak import parameter_names

X = np.linspace(-2, 2, 25)
NOISE = np.random.default_rng(8).standard_normal(25)
TRUTH = {"amplitude": 3.0, "center": 0.25, "width": 0.5, "offset": 1.0}
Y = evaluate(X, TRUTH, "constant") + 0.1 * NOISE
WIDE = np.linspace(0, 10, 120)
TWO = {
    "amplitude_1": 3.0,
    "center_1": 4.0,
    "width_1": 0.6,
    "amplitude_2": 1.5,
    "center_2": 6.5,
    "width_2": 0.6,
    "offset": 0.5,
}
Y_TWO = evaluate(WIDE, TWO, "constant") + 0.05 * np.random.default_rng(3).standard_normal(120)
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}


def codes(result):
    return {verdict.code for verdict in result.verdicts}


@pytest.mark.parametrize("name", list(TRUTH))
def test_a_fixed_parameter_leaves_the_optimum_of_the_others(name):
    free = [other for other in TRUTH if other != name]

    def model(x, *values):
        return evaluate(x, {**TRUTH, **dict(zip(free, values, strict=True))}, "constant")

    values, covariance = curve_fit(model, X, Y, [TRUTH[other] for other in free], **TIGHT)
    result = fit(X, Y, baseline="constant", fixed={name: TRUTH[name]})
    assert result.values[name] == TRUTH[name]
    assert result.errors[name] == 0.0
    assert result.interval()[name] == (TRUTH[name], TRUTH[name])
    assert [result.values[other] for other in free] == pytest.approx(values, rel=1e-7)
    assert [result.errors[other] for other in free] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-5)
    assert result.dof == 22
    assert result.fixed == {name: TRUTH[name]}


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("peaks", [1, 2])
def test_constraints_that_do_not_bite_change_nothing(baseline, peaks):
    y = evaluate(WIDE, TWO, "none") if peaks == 2 else evaluate(WIDE, {"amplitude": 3, "center": 4, "width": 0.6})
    y = y + {"none": 0, "constant": 0.5, "linear": 0.5 + 0.1 * WIDE, "exponential": 2 * np.exp(-0.3 * WIDE)}[baseline]
    y = y + 0.05 * np.random.default_rng(1).standard_normal(120)
    plain = fit(WIDE, y, baseline=baseline, peaks=peaks)
    bounds = {name: (-1e3, 1e3) for name in plain.names if not name.startswith("width")}
    bounds |= {name: (None, 1e3) for name in plain.names if name.startswith("width")}
    held = fit(WIDE, y, baseline=baseline, peaks=peaks, bounds=bounds)
    assert held.values == pytest.approx(plain.values, rel=1e-7)
    assert held.errors == pytest.approx(plain.errors, rel=1e-6)
    np.testing.assert_allclose(held.covariance, plain.covariance, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(held.band(WIDE), plain.band(WIDE), rtol=1e-6, atol=1e-9)
    assert held.chi2 == pytest.approx(plain.chi2, rel=1e-12)
    assert held.aic == pytest.approx(plain.aic, rel=1e-9)
    assert codes(held) == codes(plain)


def test_tied_parameters_are_one():
    ties = {"width_2": "width_1", "center_2": "center_1 + 2.5", "amplitude_2": "0.5 * amplitude_1"}

    def model(x, a, c, w, b):
        return evaluate(x, dict(zip(TWO, (a, c, w, 0.5 * a, c + 2.5, w, b), strict=True)), "constant")

    values, covariance = curve_fit(model, WIDE, Y_TWO, [3, 4, 0.6, 0.5], **TIGHT)
    errors = np.sqrt(np.diag(covariance))
    result = fit(WIDE, Y_TWO, peaks=2, baseline="constant", ties=ties)
    assert [result.values[n] for n in ("amplitude_1", "center_1", "width_1", "offset")] == pytest.approx(
        values, rel=1e-7
    )
    assert [result.errors[n] for n in ("amplitude_1", "center_1", "width_1", "offset")] == pytest.approx(
        errors, rel=1e-5
    )
    assert result.values["width_2"] == result.values["width_1"]
    assert result.values["center_2"] == result.values["center_1"] + 2.5
    assert result.values["amplitude_2"] == 0.5 * result.values["amplitude_1"]
    assert result.errors["amplitude_2"] == pytest.approx(0.5 * errors[0], rel=1e-5)
    assert result.correlation[1, 4] == pytest.approx(1.0)
    assert result.dof == 116
    assert result.ties == {"width_2": "width_1", "center_2": "center_1 + 2.5", "amplitude_2": "0.5 * amplitude_1"}
    tuples = {"width_2": ("width_1", 1, 0), "center_2": ("center_1", 1, 2.5), "amplitude_2": ("amplitude_1", 0.5, 0)}
    assert fit(WIDE, Y_TWO, peaks=2, baseline="constant", ties=tuples).values == result.values


def test_chains_of_ties_and_bounds_of_tied_parameters_hold():
    result = fit(
        WIDE,
        Y_TWO,
        peaks=2,
        baseline="constant",
        ties={"width_2": "width_1 + 0.1", "offset": "2 * width_2"},
        bounds={"offset": (1.5, None)},
    )
    assert result.values["width_2"] == pytest.approx(result.values["width_1"] + 0.1, rel=1e-14)
    assert result.values["offset"] == pytest.approx(1.5, rel=1e-14)
    assert [v.message[:6] for v in result.verdicts if v.code == "bound_active"] == ["offset"]
    assert result.errors["width_1"] == result.errors["width_2"] == result.errors["offset"] == 0.0


@pytest.mark.parametrize(
    ("bounds", "baseline", "at"),
    [
        ({"width": (None, 0.45)}, "constant", {"width": 0.45}),
        ({"center": (0.3, 2)}, "constant", {"center": 0.3}),
        ({"amplitude": (0, 2.5)}, "constant", {"amplitude": 2.5}),
        ({"offset": (1.2, None), "width": (0.55, 0.7)}, "constant", {"offset": 1.2}),
        ({"slope": (0.2, None)}, "linear", {"slope": 0.2}),
        ({"offset": (None, 0.8)}, "linear", {"offset": 0.8}),
        ({"decay_rate": (0.2, 1)}, "exponential", {"decay_rate": 0.2}),
        ({"decay_amplitude": (None, 0.8)}, "exponential", {"decay_amplitude": 0.8}),
    ],
)
def test_an_active_bound_is_kept_exactly_and_named(bounds, baseline, at):
    names = parameter_names(1, baseline)
    low = np.array([bounds.get(n, (None,))[0] if bounds.get(n, (None,))[0] is not None else -np.inf for n in names])
    high = np.array([bounds[n][1] if n in bounds and bounds[n][1] is not None else np.inf for n in names])
    low[2] = max(low[2], 1e-9)
    begin = np.clip([3, 0.25, 0.5, 1, 0.0][: len(names)], low + 1e-6, high - 1e-6)
    best = least_squares(
        lambda p: evaluate(X, dict(zip(names, p, strict=True)), baseline) - Y, begin, bounds=(low, high), **TIGHT
    )
    result = fit(X, Y, baseline=baseline, bounds=bounds)
    assert result.chi2 <= 2 * best.cost * (1 + 1e-9)
    assert list(result.values.values()) == pytest.approx(best.x, rel=2e-4, abs=2e-4)
    for name, value in at.items():
        assert result.values[name] == value
        assert result.errors[name] == 0.0
    verdict = next(v for v in result.verdicts if v.code == "bound_active" and v.message.startswith(next(iter(at))))
    assert verdict.severity == "warning"
    assert f"{next(iter(at))} ended at its bound {next(iter(at.values()))!r}" in verdict.message
    held = fit(X, Y, baseline=baseline, fixed=at)
    if len(bounds) == 1:
        assert held.values == pytest.approx(result.values, rel=1e-7)
        assert [held.errors[n] for n in names] == pytest.approx([result.errors[n] for n in names], rel=1e-6)


def test_the_optimum_under_constraints_is_looked_for_where_it_is():
    x = np.linspace(-6, 6, 121)
    y = evaluate(x, {"amplitude": 5, "center": -4, "width": 0.3}) + evaluate(
        x, {"amplitude": 1, "center": 3, "width": 1}
    )
    y = y + 0.02 * np.random.default_rng(3).standard_normal(121)
    assert fit(x, y).values["center"] == pytest.approx(-4, abs=0.05)
    assert fit(x, y, bounds={"center": (2, None), "width": (None, 1.5)}).values["center"] == pytest.approx(3, abs=0.05)
    two = fit(x, y, peaks=2, fixed={"center_1": 3.0})  # the number is the user's, not that of the order
    assert two.values["center_2"] == pytest.approx(-4, abs=0.05)
    assert two.values["amplitude_1"] == pytest.approx(1, abs=0.05)
    alike = fit(x, y, peaks=2, bounds={"amplitude_1": (0, 10), "amplitude_2": (0, 10)})
    assert alike.values["center_1"] < alike.values["center_2"]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["none", "constant", "linear"]), st.sampled_from([1.0, 1e-9, 1e9]))
def test_units_and_offsets_change_nothing_under_constraints(seed, baseline, unit):
    rng = np.random.default_rng(seed)
    width, center = rng.uniform(0.3, 0.6), rng.uniform(-0.5, 0.5)
    y = 2 * np.exp(-0.5 * ((X - center) / width) ** 2) + 0.1 * rng.standard_normal(25)
    plain = fit(X, y, baseline=baseline, fixed={"width": 0.4}, bounds={"center": (-0.3, 0.3)})
    moved = fit(
        unit * (X + 8),
        y / unit,
        baseline=baseline,
        fixed={"width": unit * 0.4},
        bounds={"center": (unit * 7.7, unit * 8.3)},
    )
    assert moved.values["amplitude"] * unit == pytest.approx(plain.values["amplitude"], rel=1e-6)
    assert moved.values["center"] / unit - 8 == pytest.approx(plain.values["center"], abs=1e-6)
    assert moved.errors["center"] / unit == pytest.approx(plain.errors["center"], rel=1e-5)
    assert codes(moved) == codes(plain)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
@example(295)  # what the least amplitude that is allowed does elsewhere decides where the peak goes
@example(3652)
def test_a_fit_under_random_bounds_is_at_least_as_good_as_a_search_from_many_starts(seed):
    rng = np.random.default_rng(seed)
    y = evaluate(X, {"amplitude": 2, "center": rng.uniform(-1, 1), "width": rng.uniform(0.2, 0.8)})
    y = y + 0.3 * rng.standard_normal(25)
    low = np.array([rng.uniform(-1, 1), rng.uniform(-1, 0.5), rng.uniform(0.1, 0.3)])
    high = low + np.array([rng.uniform(0.5, 3), rng.uniform(0.2, 1.5), rng.uniform(0.2, 1)])
    names = ("amplitude", "center", "width")
    result = fit(X, y, bounds=dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True)))
    assert all(lo <= result.values[n] <= hi for n, lo, hi in zip(names, low, high, strict=True))
    for _ in range(5):
        found = least_squares(
            lambda p: evaluate(X, dict(zip(names, p, strict=True))) - y, rng.uniform(low, high), bounds=(low, high)
        )
        assert result.chi2 <= 2 * found.cost * (1 + 1e-6)


def test_a_start_may_name_some_parameters_only():
    x = np.linspace(-2, 2, 41)
    y = evaluate(x, {"amplitude": 3, "center": -1, "width": 0.3}) + evaluate(
        x, {"amplitude": 1, "center": 1, "width": 0.3}
    )
    y = y + 0.01 * np.sin(40 * x)
    result = fit(x, y, start={"center": 1.1})
    assert result.values["center"] == pytest.approx(1, abs=0.2)
    assert "two_answers" in codes(result)
    held = fit(x, y, start={"center": 1.1}, bounds={"width": (0.1, 1)})
    assert held.values == pytest.approx(result.values, rel=1e-6)
    assert "two_answers" in codes(held)
    exponential = fit(x, y + np.exp(-0.5 * x), baseline="exponential", start={"center": -1})
    assert exponential.values["decay_rate"] == pytest.approx(0.5, abs=0.4)


def test_everything_of_a_fit_works_under_constraints():
    result = fit(
        WIDE,
        Y_TWO,
        peaks=2,
        baseline="constant",
        fixed=["width_1"],
        start={"width_1": 0.6},
        ties={"width_2": "width_1"},
        bounds={"center_1": (3, None)},
    )
    assert result.errors["width_2"] == 0.0
    assert result.values["width_2"] == 0.6
    read = result.to_dict()
    assert (read["fixed"], read["ties"], read["bounds"]) == (
        {"width_1": 0.6},
        {"width_2": "width_1"},
        {"center_1": [3.0, None]},
    )
    assert read["loss"] == "least squares"
    again = pickle.loads(pickle.dumps(result))
    assert again.to_dict() == read
    assert "fixed" in repr(result)
    assert "= width_1" in result._repr_html_()
    assert result.derived["area_1"].error == pytest.approx(
        math.sqrt(2 * math.pi) * 0.6 * result.errors["amplitude_1"], rel=1e-9
    )


@pytest.mark.parametrize(
    ("text", "tie"),
    [
        ("width_1", Tie("width_1", 1, 0)),
        ("-a", Tie("a", -1, 0)),
        ("2 * a", Tie("a", 2, 0)),
        ("a*2+1e-3", Tie("a", 2, 1e-3)),
        ("a / 4 - 1", Tie("a", 0.25, -1)),
        ("3 - 0.5 * a", Tie("a", -0.5, 3)),
        ("2 * 3 + a + 1", Tie("a", 1, 7)),
    ],
)
def test_expressions_of_ties(text, tie):
    assert parsed("x", text) == tie
    assert parsed("x", str(tie)) == tie


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "a + b",
        "a * a",
        "a * b",
        "2 a",
        "a +",
        "* a",
        "2 / a",
        "a / 0",
        "__import__('os')",
        "a ** 2",
        "1e999*a",
    ],
)
def test_other_expressions_are_refused(text):
    with pytest.raises(ValueError, match="is not understood"):
        parsed("x", text)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (
            {"bounds": {"center": (3, 1)}},
            ValueError,
            "bounds of center contradict each other: low 3.0 is above high 1.0",
        ),
        ({"bounds": {"center": (1, 2)}, "start": {"center": 0}}, ValueError, "center is started at 0.0, outside"),
        (
            {"bounds": {"center": (1, 2)}, "fixed": {"center": 0}},
            ValueError,
            "center is fixed at 0.0, outside its bounds",
        ),
        ({"peaks": 2, "ties": {"width_1": "width_2", "width_2": "width_1"}}, ValueError, "width_1 → width_2 → width_1"),
        ({"ties": {"width": "width"}}, ValueError, "in a circle: width → width"),
        ({"ties": {"width": "sigma"}}, ValueError, "tied to 'sigma', which is not a parameter"),
        ({"ties": {"width": "center"}, "fixed": {"width": 1}}, ValueError, "both fixed at 1.0 and tied to center"),
        ({"ties": {"width": "center"}, "start": {"width": 1}}, ValueError, "give a start for center instead"),
        ({"ties": {"width": "0 * center + 1"}}, ValueError, "fix it at 1.0 instead"),
        ({"ties": {"width": ("center", 1)}}, TypeError, "ties['width']"),
        ({"ties": {"width": "center"}, "fixed": {"center": -1}}, ValueError, "width must be above zero"),
        (
            {"ties": {"width": "center"}, "bounds": {"center": (-2, -1)}},
            ValueError,
            "bounds contradict each other: width",
        ),
        (
            {"fixed": {"amplitude": 1, "center": 0, "width": 1}},
            ValueError,
            "all parameters are fixed (amplitude, center",
        ),
        ({"fixed": {"width": 0}}, ValueError, "width is fixed at 0.0, but a width must be above zero"),
        ({"bounds": {"width": (None, 0)}}, ValueError, "but a width must be above zero"),
        ({"bounds": {"width": (-1, 2)}}, ValueError, "bounds of width are -1.0 to 2.0"),
        (
            {"fixed": {"height": 1}},
            ValueError,
            "fixed has 'height', which is not a parameter of this fit; it has amplitude",
        ),
        ({"fixed": ["width"]}, ValueError, "fixed lists 'width' without a value"),
        ({"fixed": 3}, TypeError, "fixed must map"),
        ({"fixed": {"width": "a"}}, TypeError, "fixed['width'] must be a number, not 'a'"),
        ({"fixed": {"width": math.nan}}, ValueError, "fixed['width'] must be finite"),
        ({"fixed": {"width": 1}, "start": {"width": 2}}, ValueError, "fixed at 1.0 but started at 2.0"),
        ({"bounds": {"width": 3}}, TypeError, "must be a pair"),
        ({"bounds": {"width": (1, 2, 3)}}, ValueError, "must be a pair"),
        ({"bounds": [1, 2]}, TypeError, "bounds must map"),
        ({"bounds": {"width": ("a", 2)}}, TypeError, "must be numbers or None"),
        ({"bounds": {"width": (math.nan, 2)}}, ValueError, "must be numbers or None"),
        ({"start": {"center": "a"}}, TypeError, "start['center'] must be a number, not 'a'"),
        ({"loss": "l1"}, ValueError, "loss must be one of least squares, poisson, robust, not 'l1'"),
    ],
)
def test_contradictions_are_sentences(options, kind, words):
    with pytest.raises(kind) as caught:
        fit(X, Y, **options)
    assert words in str(caught.value)


def test_only_free_parameters_count_against_the_points():
    x = X[10:13]
    assert fit(x, Y[10:13], baseline="constant", fixed={"width": 0.5, "center": 0.25}).dof == 1
    with pytest.raises(ValueError, match="3 usable points are fewer than the 4 free parameters"):
        fit(x, Y[10:13], baseline="linear", fixed={"width": 0.5})


def test_limits_of_free_parameters_collect_all_bounds():
    names = parameter_names(2)
    made = constraints_of(
        names, bounds={"width_1": (0.1, 1), "width_2": (0.5, None)}, ties={"width_2": "-2 * width_1 + 3"}
    )
    assert made.limits["width_1"] == (0.1, 1)
    made = constraints_of(names, bounds={"width_2": (2, 2.5)}, ties={"width_2": "-2 * width_1 + 3"})
    assert made.limits["width_1"] == (0.25, 0.5)


@example(41, "none", "least squares", {"center": (0.5, None)}, {"amplitude": 1.0}, "zeros")
@example(0, "none", "least squares", {"center": (0.5, None)}, {"amplitude": 1.0}, "tiny")
@settings(max_examples=20)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["none", "constant", "linear", "exponential"]),
    st.sampled_from(["least squares", "poisson", "robust"]),
    st.sampled_from([{"center": (0.5, None)}, {"width": (None, 0.2)}, {"amplitude": (0, None)}, {}]),
    st.sampled_from([{"width": 0.3}, {"amplitude": 1.0}, {}]),
    st.sampled_from(["noise", "counts", "zeros", "spike", "huge", "tiny"]),
)
def test_any_data_end_in_values_inside_the_constraints_or_in_a_sentence(seed, baseline, loss, bounds, fixed, kind):
    rng = np.random.default_rng(seed)
    points = int(rng.integers(3, 30))
    x = np.sort(rng.normal(size=points))
    y = {
        "noise": rng.normal(size=points),
        "counts": rng.poisson(3, points),
        "zeros": np.zeros(points),
        "spike": 7.0 * (np.arange(points) == points // 2),
        "huge": 1e30 * rng.normal(size=points),
        "tiny": 1e-300 * rng.normal(size=points),
    }[kind]
    try:
        result = fit(
            x, y, baseline=baseline, loss=loss, bounds={n: v for n, v in bounds.items() if n not in fixed}, fixed=fixed
        )
    except ValueError as sentence:
        assert len(str(sentence)) > 20  # noqa: PT017
        return
    assert result.values["width"] > 0
    for name, value in fixed.items():
        assert result.values[name] == value
    for name, (low, high) in result.bounds.items():
        assert low <= result.values[name] <= high
    assert result.to_dict()
    assert repr(result)
    if loss != "robust":
        assert not any(math.isnan(end) for ends in result.interval(kind="profile").values() for end in ends)

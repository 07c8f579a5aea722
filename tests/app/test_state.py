"""What the user has set survives the way through an address, and a bad address loses only its bad part."""

import math
import string
from urllib.parse import urlencode

import param
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaussapp.app.holding import HeldBounds, HeldTies, HeldValues
from gaussapp.app.state import (
    LONGEST_VALUE,
    FitSettings,
    PrecisionSettings,
    Source,
    changed,
    from_query,
    restore,
    settable,
    to_query,
)
from gaussapp.data import samples
from gaussapp.fitting.constrained.constraint import Tie
from gaussapp.model import GaussianModel

FINITE = st.floats(allow_nan=False, allow_infinity=False)
HELD = st.sampled_from(["width", "center_2", "offset", "amplitude_11"])
POSITIVE = st.floats(1e-300, 1e300)
PAIRS = st.tuples(POSITIVE, POSITIVE).map(lambda ends: tuple(sorted(ends)))
PAIRS |= POSITIVE.map(lambda low: (low, None)) | POSITIVE.map(lambda high: (None, high))
TIES = st.builds(lambda *parts: str(Tie(*parts)), HELD, POSITIVE, FINITE)


def owners():
    """Fresh objects, as a new visitor has them; the menu of samples is filled when the page is built."""
    source = Source()
    source.param.sample.objects = {"choose a sample": ""} | {item.title: name for name, item in samples().items()}
    return [source, GaussianModel(), FitSettings(), PrecisionSettings()]


def values_of(everybody):
    return {name: getattr(owner, name) for owner in everybody for name in settable(owner)}


def allowed(parameter):
    """Everything that a parameter accepts."""
    low, high = getattr(parameter, "bounds", None) or (None, None)
    if isinstance(parameter, HeldValues):
        values = st.dictionaries(HELD, FINITE)
    elif isinstance(parameter, HeldBounds):
        values = st.dictionaries(HELD, PAIRS)
    elif isinstance(parameter, HeldTies):
        values = st.dictionaries(HELD, TIES)
    elif isinstance(parameter, param.Boolean):
        values = st.booleans()
    elif isinstance(parameter, param.Selector):
        values = st.sampled_from(list(parameter.objects))
    elif isinstance(parameter, param.Range):
        number = st.floats(low, high, allow_nan=False, allow_infinity=False)
        values = st.tuples(number, number).filter(lambda ends: ends[0] != ends[1]).map(lambda ends: tuple(sorted(ends)))
    elif isinstance(parameter, param.Integer):
        values = st.integers(low, high)
    elif isinstance(parameter, param.Number):
        values = st.floats(low, high, allow_nan=False, allow_infinity=False)
    else:
        assert isinstance(parameter, param.String), f"no strategy for {parameter}"
        values = st.text(st.characters(codec="utf-8"))
    return st.none() | values if parameter.allow_None else values


STATES = st.fixed_dictionaries(
    {}, optional={name: allowed(owner.param[name]) for owner in owners() for name in settable(owner)}
)


def put(everybody, state):
    for owner in everybody:
        owner.param.update(**{name: state[name] for name in settable(owner) if name in state})


# There and back ------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(STATES)
def test_an_address_brings_back_everything_that_was_set(state):
    one, other = owners(), owners()
    put(one, state)
    assert from_query(to_query(one), other) == []
    assert values_of(other) == values_of(one)
    assert to_query(other) == to_query(one)


@pytest.mark.parametrize("name", sorted(values_of(owners())))
@settings(max_examples=10)
@given(data=st.data())
def test_each_parameter_alone_makes_the_way(name, data):
    one, other = owners(), owners()
    owner = next(owner for owner in one if name in settable(owner))
    value = data.draw(allowed(owner.param[name]))
    setattr(owner, name, value)
    query = to_query(one)
    assert set(changed(one)) <= {name}
    assert from_query(query, other) == []
    found = values_of(other)[name]
    assert found == value
    assert type(found) is type(value) or isinstance(found, float)


def test_an_untouched_page_has_an_untouched_address():
    assert to_query(owners()) == ""
    assert changed(owners()) == {}


def test_a_typical_address_reads_well():
    everybody = owners()
    put(everybody, {"width": 0.4, "samples": 1000, "window": (-3.0, 3.5), "baseline": "linear", "sigma_known": True})
    assert to_query(everybody) == "?width=0.4&sigma_known=True&samples=1000&window=-3.0,3.5&baseline=linear"


def test_digits_are_not_lost():
    one, other = owners(), owners()
    put(one, {"center": 0.1 + 0.2, "width": math.nextafter(0.5, 1)})
    from_query(to_query(one), other)
    assert other[1].center == 0.1 + 0.2
    assert other[1].width == math.nextafter(0.5, 1)


@settings(max_examples=40)
@given(STATES)
def test_only_what_differs_from_its_default_is_changed(state):
    everybody = owners()
    put(everybody, state)
    defaults = values_of(owners())
    expected = {name: value for name, value in values_of(everybody).items() if value != defaults[name]}
    assert changed(everybody) == expected


# Bad addresses -------------------------------------------------------------------------------------------------------


def test_bad_values_are_left_out_one_by_one_and_the_others_apply():
    everybody = owners()
    problems = from_query("?width=-1&noise=abc&center=1", everybody)
    assert problems == [
        "width=-1 in the address was left out: it must be at least 1e-06 and at most 1e+06.",
        "noise=abc in the address was left out: it must be a number.",
    ]
    assert changed(everybody) == {"center": 1.0}


BAD = [
    "width=-1",
    "width=0",
    "width=",
    "width=0,4",
    "width=0x10",
    "noise=abc",
    "noise=-1e-300",
    "noise=nan",
    "amplitude=NaN",
    "amplitude=inf",
    "amplitude=-Infinity",
    "amplitude=1e400",
    "amplitude=-1e7",
    "amplitude=None",
    "samples=2.5",
    "samples=0",
    "samples=1e300",
    "samples=1e400",
    "samples=-3",
    "samples=" + "9" * 5000,
    "seed=-1",
    "seed=4294967296",
    "seed=nan",
    "window=1",
    "window=1,2,3",
    "window=2,1",
    "window=1,1",
    "window=nan,1",
    "window=0,inf",
    "window=a,b",
    "window=",
    "window=-1e9,1",
    "fit_range=1",
    "fit_range=nan,1",
    "fit_range=1,1e999",
    "fit_range=,",
    "distribution=cauchy",
    "distribution=",
    "distribution=__class__",
    "baseline=quadratic",
    "level=2",
    "level=95 %",
    "band=<script>",
    "mode=Delete everything",
    "sample=../../etc/passwd",
    "sigma_known=maybe",
    "sigma_known=",
    "sigma_known=2",
    "peaks=0",
    "peaks=1000",
    "peaks=two",
    "loss=cauchy",
    "intervals=wide",
    "fixed=width",
    "fixed=width:wide",
    "fixed=width:inf",
    "fixed=<b>:1",
    "start=here",
    "start=center:nan",
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:30])
def test_each_bad_value_is_refused_alone_with_a_sentence(bad):
    everybody = owners()
    name, text = bad.split("=", 1)
    others = {"center": "1", "offset": "0.5", "errors": "scaled"}
    (problem,) = from_query(f"?center=1&{bad}&offset=0.5&errors=scaled", everybody)
    assert changed(everybody) == {"center": 1.0, "offset": 0.5, "errors": "scaled"}
    assert name not in others
    assert problem.startswith(f"{name}={text[:50]}")
    assert problem.endswith(".")
    assert len(problem) < LONGEST_VALUE + 300


def test_a_sentence_says_what_is_wrong_and_not_only_what_would_be_right():
    """Both ends of 2,1 are within the bounds: saying so would not help."""
    (problem,) = from_query("window=2,1", owners())
    assert "lower" in problem or "order" in problem


@pytest.mark.parametrize("name", ["new_noise", "name", "_noise", "param", "simulate", "absolute_sigma", "__class__"])
def test_what_is_not_a_setting_cannot_be_set(name):
    everybody = owners()
    before = [owner.name for owner in everybody]
    drawn = []
    everybody[1].param.watch(drawn.append, ["new_noise", "seed"])
    assert from_query(f"?{name}=True&center=1", everybody) == []
    assert changed(everybody) == {"center": 1.0}
    assert drawn == []
    assert [owner.name for owner in everybody] == before


def test_events_are_no_settings():
    assert "new_noise" not in settable(GaussianModel())
    assert "name" not in settable(GaussianModel())


def test_of_two_values_for_one_name_the_last_good_one_holds():
    everybody = owners()
    assert from_query("center=1&center=2", everybody) == []
    assert everybody[1].center == 2.0
    (problem,) = from_query("width=0.7&width=-1", everybody)
    assert everybody[1].width == 0.7
    assert "width=-1" in problem


def test_names_of_other_parts_of_a_site_are_ignored():
    everybody = owners()
    assert from_query("?utm_source=letter&width=0.7&theme=dark&bokeh-session-id=x", everybody) == []
    assert changed(everybody) == {"width": 0.7}


@pytest.mark.parametrize("query", ["", "?", "&", "?&&", "?=", "?=1", "?width", "#", "?%", "?%ff=%ff", "?a;b", "\x00"])
def test_an_empty_or_garbled_address_sets_nothing(query):
    everybody = owners()
    from_query(query, everybody)
    assert changed(everybody) == {}


NAMES = sorted(values_of(owners()))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, "new_noise", "name"]),
            st.one_of(
                st.text(max_size=20),
                st.text(string.digits + "+-.,eE_ naif", max_size=12),
                FINITE.map(repr),
                st.sampled_from(["nan", "inf", "-inf", "1e400", "-1e400", "None", "True", "", "1,2", "2,1", "9" * 500]),
            ),
        ),
        max_size=8,
    )
)
@example([("samples", "-0.0")])
@example([("samples", "1e6")])
@example([("window", "1_0,2_0")])
def test_no_address_leaves_a_value_that_its_parameter_would_refuse(pairs):
    everybody = owners()
    problems = from_query("?" + urlencode(pairs), everybody)
    assert len(problems) <= len(pairs)
    for owner in everybody:
        for name in settable(owner):
            value = getattr(owner, name)
            owner.param[name]._validate(value)
            numbers = value if isinstance(value, tuple) else (value,)
            assert all(math.isfinite(number) for number in numbers if isinstance(number, float))


@given(st.text())
def test_no_text_at_all_breaks_the_reading(query):
    problems = from_query(query, owners())
    assert all(isinstance(problem, str) for problem in problems)


def test_a_value_of_ten_thousand_characters_is_not_repeated_in_full():
    (problem,) = from_query("noise=" + "z" * 10_000, owners())
    assert len(problem) < LONGEST_VALUE + 100
    assert "…" in problem


def test_one_address_is_one_update_of_each_owner():
    everybody = owners()
    updates = []
    for owner in everybody:
        owner.param.watch(lambda *events: updates.append(len(events)), settable(owner))
    from_query("?center=1&width=0.3&noise=0.2&baseline=none&level=0.9&mode=My+data", everybody)
    assert sorted(updates) == [1, 2, 3]


# Restoring -----------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(STATES, STATES)
def test_restoring_a_state_leaves_nothing_of_the_one_before(before, after):
    everybody, wanted = owners(), owners()
    put(everybody, before)
    put(wanted, after)
    restore(changed(wanted), everybody)
    assert values_of(everybody) == values_of(wanted)


def test_restoring_nothing_is_a_reset():
    everybody = owners()
    put(everybody, {"width": 0.4, "fit_range": (0.0, 1.0), "mode": "My data", "x": "column 1"})
    restore({}, everybody)
    assert changed(everybody) == {}


def test_restoring_is_one_update_of_each_owner():
    everybody = owners()
    put(everybody, {"width": 0.4, "center": 1.0, "baseline": "none", "level": 0.9, "x": "a", "y": "b"})
    updates = []
    for owner in everybody:
        owner.param.watch(lambda *events: updates.append(len(events)), settable(owner))
    restore({}, everybody)
    assert updates == [2, 2, 2]


# What the parameters say of themselves -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FitSettings, PrecisionSettings, Source])
def test_every_setting_has_a_label_and_a_sentence(kind):
    for name in settable(kind()):
        parameter = kind.param[name]
        assert parameter.doc
        assert parameter.doc.endswith(".")
        assert parameter.label
        assert parameter.precedence is not None


def test_no_two_owners_share_a_name():
    """The names of all owners stand side by side in one address."""
    names = [name for owner in owners() for name in settable(owner)]
    assert len(names) == len(set(names))


def test_settings_are_listed_in_the_order_of_their_precedence():
    for owner in owners():
        order = [owner.param[name].precedence for name in settable(owner)]
        assert order == sorted(order)


@pytest.mark.parametrize(("errors", "absolute"), [("automatic", None), ("absolute", True), ("scaled", False)])
def test_the_choice_of_errors_is_what_fit_takes(errors, absolute):
    assert FitSettings(errors=errors).absolute_sigma is absolute

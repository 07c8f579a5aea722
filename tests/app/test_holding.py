"""What is held survives a change of the model with its peak, and goes with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussapp.app.holding import HeldBounds, HeldTies, HeldValues, free_centers, written
from gaussapp.app.imposing import Imposed
from gaussapp.fitting.constrained.carried import tied_widths
from gaussapp.fitting.constrained.constraint import Tie
from gaussapp.fitting.peak import parameter_names

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from(parameter_names(12, "linear")), FINITE))
def test_a_text_brings_back_what_is_held(held):
    assert HeldValues(default={}).read(written(held)) == held


@given(
    st.dictionaries(st.sampled_from(parameter_names(12, "linear")), st.tuples(FINITE | st.none(), FINITE | st.none()))
)
def test_a_text_brings_back_bounds(bounds):
    assert HeldBounds(default={}).read(written(bounds)) == bounds


NONZERO = FINITE.filter(lambda number: number != 0.0)


@given(st.dictionaries(st.sampled_from(parameter_names(12, "linear")), st.tuples(NONZERO, FINITE)))
def test_a_text_brings_back_ties(ties):
    expressions = {name: str(Tie("width_1", factor, shift)) for name, (factor, shift) in ties.items()}
    assert HeldTies(default={}).read(written(expressions)) == expressions


def kept(held, after, baseline, gone=0):
    return dict(Imposed(held, {}, {}, same_width=False).moved(after, baseline, gone=gone).fixed)


def test_an_address_of_held_parameters_reads_well():
    assert written({"width": 0.5, "center": 1}) == "width:0.5,center:1.0"


@pytest.mark.parametrize(
    ("held", "after", "gone", "expected"),
    [
        ({"width": 0.5}, 2, 0, {"width_1": 0.5}),
        ({"width_1": 0.5}, 1, 0, {"width": 0.5}),
        ({"width_2": 0.5, "offset": 1.0}, 1, 0, {"offset": 1.0}),
        ({"width_2": 0.5}, 1, 1, {"width": 0.5}),
        ({"center_1": 0.0, "center_2": 1.0, "center_3": 2.0}, 2, 2, {"center_1": 0.0, "center_2": 2.0}),
        ({"slope": 1.0, "width": 0.5}, 1, 0, {"width": 0.5}),
    ],
)
def test_what_is_held_follows_its_peak(held, after, gone, expected):
    assert kept(held, after, "constant", gone=gone) == expected


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_nothing_is_held_that_the_model_does_not_have(before, after, data):
    held = data.draw(st.dictionaries(st.sampled_from(parameter_names(before, "linear")), FINITE))
    gone = data.draw(st.integers(0, before))
    assert set(kept(held, after, "none", gone=gone)) <= set(parameter_names(after, "none"))


def test_centers_are_free_unless_they_are_held():
    assert free_centers({}, 1) == ["center"]
    assert free_centers({"center_2": 1.0, "width_1": 1.0}, 3) == ["center_1", "center_3"]


def test_one_width_for_all_is_that_of_the_first():
    assert tied_widths(3) == {"width_2": "width_1", "width_3": "width_1"}
    assert tied_widths(1) == {}

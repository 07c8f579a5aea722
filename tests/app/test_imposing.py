"""What is typed into a cell of the table means one thing, or is refused with what is possible."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussapp.app.imposing import Imposed, Typed, example_of_tie, read_typed, typed_bounds, words_of_tie
from gaussapp.fitting.constrained.constraint import Tie
from gaussapp.fitting.peak import parameter_names

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NOTHING = Imposed({}, {}, {}, same_width=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", Typed(value=0.5)),
        (" −0,5 ", Typed(value=-0.5)),
        ("= 1e-3", Typed(value=0.001)),
        (">= 0,2", Typed(bounds=(0.2, None))),
        ("> 0.2", Typed(bounds=(0.2, None))),
        ("≤3", Typed(bounds=(None, 3.0))),
        ("0,2 … 3", Typed(bounds=(0.2, 3.0))),
        ("-2..−1", Typed(bounds=(-2.0, -1.0))),
        ("..3", Typed(bounds=(None, 3.0))),
        ("3..", Typed(bounds=(3.0, None))),
        ("= center_1", Typed(tie="center_1")),
        ("center 1 + 1,5", Typed(tie="center_1 + 1.5")),
        ("= 2 × amplitude 10 / 4", Typed(tie="0.5 * amplitude_10")),
        ("= 3 − offset", Typed(tie="-offset + 3.0")),
        ("", Typed()),
        ("  ", Typed()),
    ],
)
def test_what_is_typed_is_read_as_people_write_it(text, expected):
    assert read_typed("center_2", text) == expected


@pytest.mark.parametrize(
    "text",
    ["here", ">=", "..", "=", "1..2..3", ">= x", "= center_1 * center_3", "center_1 ** 2", "1 2", "nan", "inf.."],
)
def test_what_is_none_of_it_is_refused_with_what_is_possible(text):
    with pytest.raises(ValueError, match=r"must be a number to hold it at, a bound .* a tie .* or nothing") as caught:
        read_typed("center_2", text)
    assert f'not "{text}"' in str(caught.value)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused_with_a_sentence(text):
    with contextlib.suppress(ValueError):  # and nothing else
        NOTHING.typed("width_2", text, 3).check(3, "linear", "least squares")


@given(
    st.tuples(FINITE, FINITE).map(sorted).map(tuple)
    | FINITE.map(lambda end: (end, None))
    | FINITE.map(lambda end: (None, end))
)
def test_bounds_are_typed_as_they_are_shown_in_the_field(pair):
    assert read_typed("center", typed_bounds(pair)).bounds == pair


@given(st.sampled_from(parameter_names(3, "linear")), FINITE.filter(bool), FINITE)
def test_a_tie_can_be_typed_in_the_words_of_the_table(other, factor, shift):
    text = str(Tie(other, factor, shift))
    assert read_typed("amplitude_1", words_of_tie(text)).tie == text


@pytest.mark.parametrize("names", [parameter_names(1, "constant"), parameter_names(2, "none")], ids=str)
def test_the_example_in_the_sentence_can_be_typed(names):
    peaks, baseline = (1, "constant") if "offset" in names else (2, "none")
    for name in names:
        NOTHING.typed(name, f"= {example_of_tie(name)}", peaks).check(peaks, baseline, "least squares")


def test_the_last_typed_replaces_what_it_excludes_and_keeps_what_it_does_not():
    imposed = NOTHING.typed("width_2", ">= 0.2", 3).typed("width_2", "<= 3", 3)
    assert imposed.bounds == {"width_2": (0.2, 3.0)}
    imposed = imposed.typed("width_2", "= width_1", 3)
    assert (imposed.bounds, imposed.ties) == ({"width_2": (0.2, 3.0)}, {"width_2": "width_1"})
    imposed = imposed.typed("width_2", "1", 3)
    assert (imposed.fixed, imposed.bounds, imposed.ties) == ({"width_2": 1.0}, {"width_2": (0.2, 3.0)}, {})
    assert imposed.typed("width_2", "", 3) == NOTHING


def test_one_of_several_with_one_width_may_be_typed_and_the_others_stay_tied():
    imposed = Imposed({}, {}, {}, same_width=True).typed("width_2", "0.5", 3)
    assert imposed == Imposed({"width_2": 0.5}, {}, {"width_3": "width_1"}, same_width=False)


def test_a_tie_follows_both_its_peaks_and_goes_with_either():
    imposed = Imposed({}, {}, {"center_3": "center_2 + 1.0", "width_2": "width_1"}, same_width=False)
    assert imposed.moved(2, "none", gone=1).ties == {"center_2": "center_1 + 1.0"}
    assert imposed.moved(2, "none", gone=2).ties == {}
    assert imposed.moved(2, "none").ties == {"width_2": "width_1"}

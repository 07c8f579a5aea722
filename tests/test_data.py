"""Data: what it takes, what it refuses, and that nobody can change it."""

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gaussapp.data import LARGEST, Data, shortened

MAGNITUDES = st.floats(-LARGEST, LARGEST)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1.0, 2.0),
        np.array([1, 2], dtype=np.uint8),
        np.array([1, 2], dtype=np.float32),
        pd.Series([1, 2]),
        pd.Series([1, 2], dtype="Int64"),
        [True, 2],
        [Decimal(1), Decimal(2)],
        [Fraction(1), 2],
        range(1, 3),
    ],
    ids=lambda values: type(values).__name__,
)
def test_all_kinds_of_real_numbers_become_float64(values):
    data = Data(values, values, sigma=values)
    for column in (data.x, data.y, data.sigma):
        assert column.dtype == np.float64
        assert column.tolist() == [1.0, 2.0]


def test_integers_beyond_int64_are_numbers_like_others():
    assert Data([1, 2], [10**30, 3]).y.tolist() == [1e30, 3.0]


def test_one_sigma_holds_for_all_points():
    assert Data([1, 2, 3], [4, 5, 6], sigma=0.5).sigma.tolist() == [0.5, 0.5, 0.5]


def test_values_that_are_not_finite_are_kept_for_the_fit_to_count():
    data = Data([1, np.nan, 3], [np.inf, 5, -np.inf])
    assert np.isnan(data.x[1])
    assert np.isinf(data.y[[0, 2]]).all()


def test_masked_and_missing_values_are_not_a_number():
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    assert np.isnan(Data(masked, [1, 2]).x).tolist() == [False, True]
    assert np.isnan(Data(pd.Series([1, None], dtype="Float64").to_numpy(float, na_value=np.nan), [1, 2]).x[1])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2], [1, 2, 3]), ValueError, "x has 2 values and y has 3"),
        (([1, 2], [1, 2], [1]), ValueError, "x has 2 values and sigma has 1"),
        (([], []), ValueError, "there are no points"),
        (([[1, 2]], [[1, 2]]), ValueError, "one-dimensional: it has the shape \\(1, 2\\)"),
        ((1, 2), ValueError, "x must be one-dimensional"),
        ((["a", "b"], [1, 2]), TypeError, "x must be real numbers"),
        (([1, 2], [1j, 2]), TypeError, "y must be real numbers: complex"),
        (([1, 2], np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")), TypeError, "y must be real numbers"),
        (([1, 2], [None, object()]), TypeError, "y must be real numbers"),
        (([1, 2], [[1], [2, 3]]), TypeError, "y must be real numbers"),
        (([1, 2], [1, 1e308]), ValueError, "y holds 1e\\+308 in row 2 of 2"),
        (([1, -1e305], [1, 2]), ValueError, "x holds -1e\\+305 in row 2 of 2"),
        (([1, 2], [1, 2], "a"), TypeError, "sigma must be real numbers"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_a_sentence(arguments, error, words):
    with pytest.raises(error, match=words):
        Data(*arguments)


def test_nobody_can_change_data():
    given_x = np.array([1.0, 2.0])
    data = Data(given_x, [3, 4], sigma=1, truth={"amplitude": 1.0})
    given_x[0] = 99.0
    assert data.x[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        data.y[0] = 0
    with pytest.raises(AttributeError):
        data.name = "other"
    with pytest.raises(TypeError):
        data.truth["amplitude"] = 2.0


@pytest.mark.parametrize("copied", [lambda d: pickle.loads(pickle.dumps(d)), copy.deepcopy, copy.copy])
def test_a_copy_is_as_good_and_as_fixed_as_the_original(copied):
    data = Data([1, 2], [3, 4], sigma=1, name="n", truth={"width": 1.0}, x_label="t", counts=True, source="s")
    again = copied(data)
    for name in ("name", "x_label", "y_label", "counts", "source"):
        assert getattr(again, name) == getattr(data, name)
    assert dict(again.truth) == {"width": 1.0}
    assert again.sigma.tolist() == [1.0, 1.0]
    assert not again.x.flags.writeable
    with pytest.raises(TypeError):
        again.truth["width"] = 2.0


def test_selecting_keeps_all_but_the_points_outside():
    data = Data([3, 1, np.nan, 2], [30, 10, 0, 20], sigma=[3, 1, 9, 2], name="n", truth={"width": 1.0}, counts=True)
    part = data.select(1, 2)
    assert part.x.tolist() == [1, 2]
    assert part.y.tolist() == [10, 20]
    assert part.sigma.tolist() == [1, 2]
    assert (part.name, part.truth, part.counts) == ("n", data.truth, True)
    assert not part.x.flags.writeable
    assert len(data.select(-np.inf, np.inf)) == 3


@pytest.mark.parametrize(("low", "high"), [(2, 1), (np.nan, 1), (1, np.nan), (5, 6)])
def test_selecting_nothing_is_said(low, high):
    with pytest.raises(ValueError, match=r"is empty|lies between"):
        Data([1, 2], [1, 2]).select(low, high)


def test_a_frame_has_the_columns_that_there_are():
    assert list(Data([1], [2]).to_frame()) == ["x", "y"]
    assert Data([1], [2], 3).to_frame().to_dict("list") == {"x": [1.0], "y": [2.0], "sigma": [3.0]}


def test_the_representation_says_what_there_is():
    assert repr(Data([1, 5], [2, 3], 1, name="line")) == "Data('line', 2 points, x from 1 to 5, with sigma)"
    assert repr(Data([np.nan], [1], truth={})) == "Data('data', 1 point, no finite x, with truth)"


@given(
    hnp.arrays(np.float64, st.integers(1, 20), elements=MAGNITUDES | st.just(np.nan) | st.just(np.inf)),
    MAGNITUDES,
    MAGNITUDES,
)
def test_selection_is_exactly_what_lies_between(x, one, other):
    low, high = sorted((one, other))
    data = Data(x, np.arange(len(x)))
    expected = [v for v in x.tolist() if low <= v <= high]
    if expected:
        assert data.select(low, high).x.tolist() == expected
    else:
        with pytest.raises(ValueError, match="no point"):
            data.select(low, high)


@given(st.text(), st.integers(1, 100))
def test_shortened_is_one_short_line(text, longest):
    short = shortened(text, longest)
    assert len(short) <= longest
    assert "\n" not in short
    assert short == text or len(text) > longest or " ".join(text.split()) == short

"""The picture of very many points is the one that painting each of them would give."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaussapp.app.pixels import Frame, picture


def painted_one_by_one(columns, rows, frame, radius):
    """Paint a disc around the pixel of each point, as slowly and plainly as possible."""
    ink = np.zeros((frame.height, frame.width), np.uint8)
    reach = math.ceil(radius)
    for column, row in zip(columns, rows, strict=True):
        for i in range(-reach, reach + 1):
            for j in range(-reach, reach + 1):
                inside = 0 <= row + i < frame.height and 0 <= column + j < frame.width
                if inside and i * i + j * j <= radius * radius:
                    ink[row + i, column + j] = 1
    return ink


def middle_of(pixels, ends, length):
    return ends[0] + (np.asarray(pixels, float) + 0.5) * (ends[1] - ends[0]) / length


FRAMES = st.builds(
    lambda left, wide, bottom, tall, width, height: Frame(
        (left, left + wide), (bottom, bottom + tall), width=width, height=height
    ),
    st.sampled_from([0.0, -2.0, 1e3, -1e-9]),
    st.sampled_from([1.0, 4.0, 1e6, 1e-3]),
    st.sampled_from([0.0, 5.0, -1e6]),
    st.sampled_from([1.0, 0.5, 1e5]),
    st.integers(1, 23),
    st.integers(1, 17),
)
PIXELS = st.lists(st.tuples(st.integers(-9, 30), st.integers(-9, 30)), max_size=12)


@given(FRAMES, PIXELS, st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]))
@example(Frame((0.0, 1.0), (0.0, 1.0), 5, 5), [(-3, 2), (7, 2), (2, -3), (2, 7)], 2.5)  # just outside, in reach or not
@example(Frame((0.0, 1.0), (0.0, 1.0), 1, 1), [(-2, -2), (2, 2), (0, 0)], 3.0)
def test_it_is_what_painting_every_point_would_give(frame, pixels, radius):
    columns, rows = [column for column, _ in pixels], [row for _, row in pixels]
    x, y = middle_of(columns, frame.x, frame.width), middle_of(rows, frame.y, frame.height)
    ink = picture(x, y, frame, radius)
    assert ink.shape == (frame.height, frame.width)
    assert ink.dtype == np.uint8
    np.testing.assert_array_equal(ink, painted_one_by_one(columns, rows, frame, radius))


UNIT = Frame((0.0, 1.0), (0.0, 1.0), 20, 10)


def test_row_0_is_the_lowest_y():
    ink = picture(np.array([0.5]), np.array([0.01]), UNIT, radius=0)
    assert ink[0].any()
    assert not ink[1:].any()


@pytest.mark.parametrize("x", [-1.0, 2.0, 1e300, -1e300, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("y", [0.5, -1.0, 2.0, 1e300, -1e300, math.inf, -math.inf, math.nan])
def test_points_out_of_view_and_points_that_are_no_numbers_leave_no_ink(x, y):
    assert not picture(np.array([x]), np.array([y]), UNIT).any()
    assert not picture(np.array([0.5]), np.array([math.nan]), UNIT).any()


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e9, 1e150])
def test_the_unit_of_x_and_y_does_not_matter(size):
    """And points that are far away in this unit do not overflow into a warning."""
    generator = np.random.default_rng(1)
    x, y = generator.random(200), generator.random(200)
    expected = picture(x, y, UNIT)
    frame = Frame((0.0, size), (0.0, size), UNIT.width, UNIT.height)
    np.testing.assert_array_equal(picture(x * size, y * size, frame), expected)
    far = np.array([1e300, -1e300])
    assert not picture(far, far, frame).any()


def test_one_bad_point_among_many_spoils_nothing():
    generator = np.random.default_rng(2)
    x, y = generator.random(100_000), generator.random(100_000)
    expected = picture(x, y, UNIT, 0.0)
    x[[17, 40_000]] = math.nan, math.inf
    y[[99, 99_999]] = -math.inf, math.nan
    kept = np.isfinite(x) & np.isfinite(y)
    np.testing.assert_array_equal(picture(x, y, UNIT, 0.0), picture(x[kept], y[kept], UNIT, 0.0))
    np.testing.assert_array_equal(picture(x, y, UNIT, 0.0), expected)  # the frame is full either way


def test_no_point_gets_lost_where_the_points_are_taken_in_blocks():
    """One point a pixel, in an order that spreads them over the blocks."""
    frame = Frame((0.0, 1.0), (0.0, 1.0), 400, 300)
    pixels = np.random.default_rng(3).permutation(400 * 300)
    x = middle_of(pixels % 400, frame.x, frame.width)
    y = middle_of(pixels // 400, frame.y, frame.height)
    assert picture(x, y, frame, 0.0).all()
    assert not picture(x[:-1], y[:-1], frame, 0.0).all()


def test_the_points_are_left_as_they_were():
    x, y = np.array([0.1, 0.9]), np.array([0.5, math.nan])
    x.flags.writeable = y.flags.writeable = False
    picture(x, y, UNIT)
    np.testing.assert_array_equal(x, [0.1, 0.9])


def test_no_points_no_ink():
    assert not picture(np.empty(0), np.empty(0), UNIT).any()


def test_a_million_points_take_well_under_a_second():
    generator = np.random.default_rng(4)
    x, y = generator.random(1_000_000), generator.normal(size=1_000_000)
    frame = Frame((0.0, 1.0), (-4.0, 4.0), 1200, 400)
    picture(x, y, frame)
    took = []
    for _ in range(3):
        start = time.process_time()  # not the clock on the wall: whatever else runs on this machine does not count
        picture(x, y, frame)
        took.append(time.process_time() - start)
    assert min(took) < 0.5

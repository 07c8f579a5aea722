"""A data set has the same digits in whatever stack it stands, on whichever processor."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from gaussapp import fit
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack.fits import Columns
from gaussapp.fitting.stack.many import fit_rows
from gaussapp.fitting.stack.products import row_products

OLD = {
    "Prescott",
    "Katmai",
    "Coppermine",
    "Northwood",
    "Banias",
    "Core2",
    "Penryn",
    "Dunnington",
    "Nehalem",
    "Atom",
    "Barcelona",
    "Bobcat",
}
"""OpenBLAS kernels for processors without AVX, whose scalar products round by where a row stands in memory."""

reproducible = pytest.mark.skipif(
    any(library.get("architecture") in OLD for library in threadpool_info()), reason="needs a processor with AVX"
)


@pytest.mark.parametrize(("inner", "columns"), [(25, 5), (200, 5), (1, 25), (64, 417), (33, 999)])
def test_rows_of_a_product_do_not_depend_on_the_others(inner, columns):
    random = np.random.default_rng(0)
    rows, matrix = random.normal(size=(700, inner)), random.normal(size=(inner, columns))
    whole = row_products(rows, matrix)
    np.testing.assert_allclose(whole, rows @ matrix, rtol=1e-9, atol=1e-12)
    order = random.permutation(700)
    np.testing.assert_array_equal(row_products(rows[order], matrix), whole[order])
    for first, last in ((0, 1), (3, 20), (11, 480)):
        np.testing.assert_array_equal(row_products(rows[first:last], matrix), whole[first:last])
    assert row_products(rows[:0], matrix).shape == (0, columns)


@reproducible
@pytest.mark.parametrize("loss", ["least squares", "poisson"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("points", [25, 150])
def test_fits_do_not_depend_on_the_stack_they_stand_in(points, baseline, loss):
    random, count = np.random.default_rng(3), 40 if baseline == "exponential" else 150
    x = np.linspace(-2.0, 2.0, points)
    heights, centers = random.uniform(0.0, 6.0, (count, 1)), random.uniform(-2.0, 2.0, (count, 1))
    y = heights * np.exp(-0.5 * ((x - centers) / random.uniform(0.1, 1.0, (count, 1))) ** 2)
    y = random.poisson(y + 1.0).astype(float) if loss == "poisson" else y + random.normal(size=y.shape)

    def fitted(first: int, last: int) -> Columns:
        columns, _ = fit_rows(x, y[first:last], None, layout_of(1, baseline), False, loss=loss, same_as_alone=False)
        return columns

    whole = fitted(0, count)
    for first, last in ((0, 1), (5, 33), (7, count)):
        part = fitted(first, last)
        for name in ("values", "errors", "area_error", "chi2", "bits", "trustworthy"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[first:last])


@pytest.mark.parametrize("points", [64, 65, 100, 500])
@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("loss", ["least squares", "poisson", "robust"])
@pytest.mark.parametrize("peaks", [1, 2, "auto"])
def test_data_that_the_baseline_explains_hold_no_peak(points, level, loss, peaks):
    found = fit(
        np.arange(points), np.full(points, level), baseline="constant" if level else "none", loss=loss, peaks=peaks
    )
    assert "no_peak_found" in {verdict.code for verdict in found.verdicts}


@reproducible
@pytest.mark.parametrize("loss", ["least squares", "poisson"])
def test_a_constant_row_leaves_the_others_as_they_are(loss):
    x = np.linspace(-2.0, 2.0, 100)
    y = np.random.default_rng(0).poisson(100.0 * np.exp(-2.0 * x * x) + 5.0, (5, 100)).astype(float)
    dead = y.copy()
    dead[2] = 0.0
    layout = layout_of(1, "constant")
    (good, none), (mixed, failures) = (
        fit_rows(x, rows, None, layout, loss == "poisson", loss=loss) for rows in (y, dead)
    )
    assert not none
    assert not failures
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(mixed.values[others], good.values[others])
    np.testing.assert_array_equal(mixed.bits[others], good.bits[others])

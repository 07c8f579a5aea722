"""Any number of data sets is fitted in the memory of one block, each as `fit_many` fits it."""

import tracemalloc

import numpy as np
import pytest

from gaussapp import fit_blocks, fit_many
from gaussapp.fitting.stack import blocks

X = np.linspace(-2.0, 2.0, 25)


def data_sets(rows, seed=0):
    random = np.random.default_rng(seed)
    return 0.5 + 2.0 * np.exp(-2.0 * (X - 0.2) ** 2) + 0.2 * random.standard_normal((rows, X.size))


@pytest.mark.parametrize("own", [False, True], ids=["shared", "a row for each"])
def test_blocks_of_an_array_have_the_fits_of_the_whole(monkeypatch, own):
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 30)
    y, sigma = data_sets(70), np.linspace(0.1, 0.3, 25)
    x = np.tile(X, (70, 1)) if own else X
    sigma = np.tile(sigma, (70, 1)) if own else sigma
    whole = fit_many(x, y, sigma, baseline="constant")
    parts = list(fit_blocks(x, y, sigma, baseline="constant"))
    assert [len(part) for part in parts] == [30, 30, 10]
    np.testing.assert_allclose(np.concatenate([part.values for part in parts]), whole.values, rtol=1e-8)
    assert [part.codes(0) for part in parts] == [whole.codes(i) for i in (0, 30, 60)]


def test_memory_is_that_of_one_block_however_many_there_are():
    def peak(number):
        tracemalloc.start()
        for fits in fit_blocks(X, (data_sets(500, seed) for seed in range(number)), baseline="constant"):
            assert len(fits) == 500
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(1)  # what is made once is made
    assert peak(8) < 1.1 * peak(2)


def test_results_of_a_stack_are_there_once_while_it_is_fitted(monkeypatch):
    monkeypatch.setattr("gaussapp.fitting.stack.many.CHUNK_ROWS", 500)
    y = np.tile(data_sets(500), (20, 1))
    fit_many(X, y[:500], baseline="constant")  # what is made once is made
    taken, kept = [], []
    for rows in (1000, 10_000):
        tracemalloc.start()
        fits = fit_many(X, y[:rows], baseline="constant")
        taken.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        kept.append(fits._columns.nbytes)
    assert taken[1] - taken[0] < 1.1 * (kept[1] - kept[0])
    assert kept[1] / 10_000 < 160


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((X, 3.0), TypeError, "Y must be an array or yield arrays of data sets, not 3.0"),
        ((np.ones((2, 25)), iter([])), ValueError, r"x has a row for every data set, its shape is \(2, 25\)"),
        ((X, iter([]), np.ones((2, 25))), ValueError, "sigma has a row for every data set"),
        ((X, np.ones(25)), ValueError, "Y must have two dimensions, one row a data set, not 1"),
        ((np.ones((3, 25)), np.ones((2, 25))), ValueError, r"x must have one row for every data set, as Y \(2, 25\)"),
    ],
)
def test_impossible_input_is_refused_before_the_first_block(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        fit_blocks(*arguments)

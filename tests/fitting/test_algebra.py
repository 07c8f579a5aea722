"""Small systems have the solution that any other way of solving them gives."""

import numpy as np
import pytest

from gaussapp.fitting.algebra import damped_pair, eliminate, solve_pair, solve_positive


def system(random, unknowns):
    """Return a random positive definite matrix, as lists, and a right side."""
    rows = random.standard_normal((unknowns, unknowns + 3))
    return (rows @ rows.T).tolist(), random.standard_normal(unknowns).tolist()


@pytest.mark.parametrize("linear", [1, 2])
def test_the_step_of_one_peak_is_that_of_elimination(linear):
    random = np.random.default_rng(linear)
    for damping in (0.0, 1e-3, 10.0):
        matrix, right = system(random, linear + 2)
        expected = eliminate(matrix, right, 1e-15, semidefinite=False, damping=damping, linear=linear)
        np.testing.assert_allclose(damped_pair(matrix, right, damping, linear), expected, rtol=1e-9)


@pytest.mark.parametrize("linear", [1, 2])
def test_what_the_matrix_does_not_see_gets_no_step_and_what_is_not_positive_none(linear):
    random = np.random.default_rng(linear)
    for blind in range(linear + 2):
        matrix, right = system(random, linear + 2)
        for k in range(linear + 2):
            matrix[blind][k] = matrix[k][blind] = 0.0
        right[blind] = 0.0
        step = damped_pair(matrix, right, 0.0, linear)
        assert step[blind] == 0.0
        seen = [k for k in range(linear + 2) if k != blind]
        expected = np.linalg.solve(np.array(matrix)[np.ix_(seen, seen)], np.array(right)[seen])
        np.testing.assert_allclose(np.array(step)[seen], expected, rtol=1e-9)
        matrix[blind][blind] = -1.0
        assert damped_pair(matrix, right, 0.0, linear) is None


def test_two_unknowns_are_solved_as_three_are():
    random = np.random.default_rng(0)
    (a, _), (_, c) = matrix = system(random, 2)[0]
    right = [0.3, -2.0]
    np.testing.assert_allclose(solve_positive(matrix, right), np.linalg.solve(matrix, right), rtol=1e-12)
    assert solve_pair(0.0, 0.0, c, 0.0, 2.0, 1e-13) == [0.0, 2.0 / c]
    assert solve_pair(a, 0.0, 0.0, 2.0, 0.0, 1e-13) == [2.0 / a, 0.0]
    assert solve_pair(4.0, 2.0, 1.0, 4.0, 2.0, 1e-13) == [1.0, 0.0]  # the second says what the first does

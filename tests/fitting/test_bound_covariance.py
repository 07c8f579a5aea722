"""The covariance behind the bound: its diagonal, its correlations, and what cannot be told."""

import math

import numpy as np
import pytest

from gaussapp.fitting import bound, bound_covariance

TRUTH = {"amplitude": 2.0, "center": 0.1, "width": 1.0, "offset": 0.5}


@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_its_diagonal_is_the_bound(baseline):
    x = np.linspace(-4, 6, 37)
    names, covariance = bound_covariance(x, TRUTH, 0.1, baseline=baseline)
    assert dict(zip(names, np.sqrt(covariance.diagonal()), strict=True)) == bound(x, TRUTH, 0.1, baseline=baseline)
    assert np.array_equal(covariance, covariance.T)


def test_amplitude_and_width_go_against_each_other_as_in_the_closed_form():
    """cov(A, w) = −s² d/(√π A): Hagen, Kupinski and Dereniak, Applied Optics 46:5374 (2007)."""
    x = np.arange(-10, 10, 0.05)
    names, covariance = bound_covariance(x, TRUTH, 0.1)
    found = covariance[names.index("amplitude"), names.index("width")]
    assert found == pytest.approx(-(0.1**2) * 0.05 / (math.sqrt(math.pi) * 2.0), rel=1e-6)


def test_what_the_points_cannot_tell_is_infinite_beside_what_they_can():
    x = np.linspace(60, 70, 11)  # the peak is elsewhere
    names, covariance = bound_covariance(x, TRUTH, 0.1, baseline="constant")
    assert covariance[names.index("offset"), names.index("offset")] == pytest.approx(0.1**2 / 11)
    assert math.isinf(covariance[0, 0])
    assert np.isnan(covariance[0, 1:]).all()

"""Wherever the best peak is, a start leads to it; what is not followed could not have led anywhere else."""

import numpy as np
import pytest

from gaussapp.fitting import fit, start
from gaussapp.fitting.scale import usable
from gaussapp.fitting.start import REPRESENTED, baseline_basis, beyond_baseline, grid_of


def shares_represented(x, baseline, centers, widths):
    """Return what the best template of the grid explains of each peak, as a share of what the peak does."""
    axis, _, _ = usable(x, x)
    grid = grid_of(axis)
    peaks = np.exp(-0.5 * ((axis.t - centers[:, None]) / widths[:, None]) ** 2)
    basis, norms = grid.projection(baseline)
    binned = grid.binned_in_order(peaks)
    if basis is not None:
        binned = binned - (binned @ basis.T) @ basis
    explained = np.max((binned @ (grid.templates * norms[:, None]).T) ** 2, axis=1)
    return explained / beyond_baseline(axis.t, axis.root_weight, peaks, baseline)


@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
@pytest.mark.parametrize("points", [12, 25, 60, 64, 200, 1000])
def test_a_template_stands_for_every_peak_that_the_points_can_see(points, baseline):
    random = np.random.default_rng(1)
    narrowest = 0.35 / points if points <= start.BINS else 2.0 * start.BINS_SEEN / start.BINS
    widths = np.exp(random.uniform(np.log(narrowest), np.log(2.5), 4000))
    share = shares_represented(np.linspace(-2.0, 2.0, points), baseline, random.uniform(-1.0, 1.0, 4000), widths)
    assert np.min(share) > REPRESENTED


def test_what_a_line_leaves_is_the_same_by_least_squares_with_weights_too():
    random = np.random.default_rng(0)
    t, y, weight = np.linspace(-1.0, 1.0, 30), random.standard_normal((4, 30)), random.uniform(0.5, 1.0, 30)
    for baseline, columns in (("none", 0), ("constant", 1), ("linear", 2)):
        for root in (None, weight):
            rows = np.vander(t, 2, increasing=True)[:, :columns] * (1.0 if root is None else root[:, None])
            left = y.T - rows @ np.linalg.lstsq(rows, y.T, rcond=None)[0]
            expected = np.einsum("nr,nr->r", left, left)
            np.testing.assert_allclose(beyond_baseline(t, root, y, baseline), expected, rtol=1e-12)
            whole = np.broadcast_to(t, y.shape), None if root is None else np.broadcast_to(root, y.shape)
            np.testing.assert_allclose(beyond_baseline(*whole, y, baseline), expected, rtol=1e-12)
            if columns:
                basis = baseline_basis(t, root, baseline)
                np.testing.assert_allclose(basis @ basis.T, np.eye(columns), atol=1e-14)


@pytest.mark.parametrize("baseline", ["constant", "linear"])
def test_starts_that_are_not_followed_lead_to_nothing_else(baseline, monkeypatch):
    random = np.random.default_rng(3)
    x = np.linspace(-2.0, 2.0, 25)
    several = 0
    for _ in range(150):
        center, width = random.uniform(-1.7, 1.7), random.uniform(0.15, 0.9)
        y = 3.0 * np.exp(-0.5 * ((x - center) / width) ** 2) + random.uniform(0.2, 1.5) * random.standard_normal(25)
        y += 0.5 + 0.4 * x * (baseline == "linear")
        monkeypatch.undo()
        some = fit(x, y, baseline=baseline)
        monkeypatch.setattr(start, "REPRESENTED", 0.0)
        all_of_them = fit(x, y, baseline=baseline)
        several += all_of_them._solution.starts > 1
        assert some.chi2 == pytest.approx(all_of_them.chi2, rel=1e-9)
        assert {v.code for v in some.verdicts} == {v.code for v in all_of_them.verdicts}
    assert several > 50

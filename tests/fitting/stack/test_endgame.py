"""Flanks, parabolas and peaks on a point or two end in a stack where they end alone, with the same findings."""

import numpy as np
import pytest

from gaussapp import fit
from gaussapp.fitting.chart import place
from gaussapp.fitting.peak import parameter_names
from gaussapp.fitting.scale import axis_of
from gaussapp.fitting.solve import Problem, layout_of, minimise
from gaussapp.fitting.stack.endgame import STATUS, minimise_in_step
from gaussapp.fitting.stack.fits import ALONE
from gaussapp.fitting.stack.many import fit_rows
from gaussapp.fitting.stack.odd import inverse_stack
from gaussapp.fitting.stack.points import Underway
from gaussapp.fitting.stack.solve import Stack, charted
from gaussapp.fitting.stack.verdict import BIT, bits_of

X = np.linspace(-2.0, 2.0, 25)


def noisy(rows, amplitude, center=0.0, width=0.5, seed=0):
    """Return peaks with noise 0.5, (rows, 25)."""
    y = amplitude * np.exp(-0.5 * ((X - center) / width) ** 2)
    return y + 0.5 * np.random.default_rng(seed).standard_normal((rows, X.size))


@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
@pytest.mark.parametrize("kind", ["middle", "narrow", "wide", "flank"])
def test_minimisations_in_step_end_where_each_ends_alone(baseline, kind):
    rows, random, layout = 40, np.random.default_rng(5), layout_of(1, baseline)
    centers = random.uniform(-1.0, 1.0, rows) + (1.5 if kind == "flank" else 0.0)
    widths = {"middle": (0.2, 0.6), "narrow": (0.03, 0.06), "wide": (1.0, 4.0), "flank": (0.2, 1.0)}[kind]
    log_widths = np.log(random.uniform(*widths, rows))
    axis, y = axis_of(X, None), noisy(rows, 1.0, seed=6)
    first, second, tails = charted(centers[:, None], log_widths[:, None])
    start = Underway(
        first[0],
        second[0],
        tails[0],
        np.zeros(rows),
        np.full(rows, 1e-3),
        np.zeros(rows, dtype=bool),
        np.ones(rows),
        np.zeros(rows, dtype=np.intp),
    )
    ends = minimise_in_step(Stack(axis.t, y, None, layout, moments=False), start, np.full(rows, np.inf))
    alike = 0
    for i in range(rows):
        alone = minimise(Problem(axis.t, y[i], None, layout), place([centers[i]], [log_widths[i]]))
        alike += STATUS[ends.status[i]] == alone.status and abs(ends.sse[i] / alone.point.sse - 1.0) < 1e-9
    # In a flat valley rounding decides how far a search comes in its sixty steps, and from a start so wide that the
    # digits do not tell the peak from the baseline, where it goes at all.
    assert alike >= rows - (8 if kind == "wide" and baseline != "none" else 1)


@pytest.mark.parametrize("absolute", [False, True], ids=["noise from residuals", "noise known"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_odd_answers_have_the_numbers_and_findings_of_a_single_fit(baseline, absolute):
    y = np.concatenate([noisy(20, 0.0), noisy(15, 2.0, center=1.9), noisy(15, 2.0, center=2.6), noisy(10, 1.0, 0, 1.5)])
    sigma = np.full(X.size, 0.5) if absolute else None
    columns, failures = fit_rows(X, y, sigma, layout_of(1, baseline), absolute, same_as_alone=False)
    assert not failures
    odd = np.flatnonzero(columns.how == ALONE)
    assert odd.size > 15
    others = 0
    for i in odd.tolist():
        alone = fit(X, y[i], sigma, baseline=baseline)
        if bits_of(alone.verdicts) & BIT["not_identified"]:  # one of many answers that are equally good
            others += bits_of(alone.verdicts) != columns.bits[i]
            assert columns.bits[i] & BIT["not_identified"]
            # On its way to infinity a search stops where rounding has it: what must agree is how well the data are
            # described, to much less than noise can tell.
            assert abs(columns.chi2[i] - alone.chi2) < 0.5 * alone.chi2 / alone.dof
            continue
        assert columns.bits[i] == bits_of(alone.verdicts)
        np.testing.assert_allclose(columns.values[i], list(alone.values.values()), rtol=1e-6)
        np.testing.assert_allclose(columns.errors[i], list(alone.errors.values()), rtol=1e-6)
        np.testing.assert_allclose(columns.area_error[i], alone.area.error, rtol=1e-6)
        np.testing.assert_allclose(columns.minus_two_log_likelihood[i], alone._minus_two_log_likelihood, rtol=1e-9)
    assert others <= 1
    assert columns.values.shape[1] == len(parameter_names(1, baseline))


def test_inverses_of_a_stack_are_inverses_or_said_to_be_none():
    random = np.random.default_rng(0)
    full = random.standard_normal((20, 4, 6))
    matrices = full @ np.swapaxes(full, 1, 2)
    matrices[7, 3] = matrices[7, :, 3] = 0.0
    with np.errstate(all="ignore"):
        inverse, sound = inverse_stack([[matrices[:, i, j] for j in range(i + 1)] for i in range(4)])
    assert np.flatnonzero(~sound).tolist() == [7]
    assert np.isinf(inverse[7]).all()
    np.testing.assert_allclose(inverse[sound], np.linalg.inv(matrices[sound]), rtol=1e-8)

"""Findings on what a fit was held to and on its loss: active bounds, counts taken for plain numbers, outliers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.constrained import held
from gaussapp.fitting.peak import Array
from gaussapp.fitting.verdicts.chance import chance_of_z
from gaussapp.fitting.verdicts.finding import UNLIKELY, Verdict, number, plural, position
from gaussapp.fitting.verdicts.verdict import SIMILAR

if TYPE_CHECKING:
    from gaussapp.fitting.constrained.control import Control
    from gaussapp.fitting.result import Fit


MOST_COUNTS = 1e15
"""Counts at most: beyond, hardly any float is not a whole number."""

ALONE = 0.8
"""Leverage of one point above which a robust fit cannot tell whether it is an outlier (docs/uncertainty.md)."""


def about_control(fit: Fit) -> Iterator[Verdict]:
    """Yield findings on what the fit was held to and on what the loss should have been."""
    control = fit._control
    if control is None or control.loss == "least squares":
        yield from about_counts(fit)
    if control is None:
        return
    for name, bound, asked in control.active:
        yield about_bound(name, bound, asked)
    if fit.dof <= 0 or fit._perfect:
        return
    yield from about_rival(fit, control)
    if control.loss == "poisson":
        yield from about_scatter_of_counts(fit)
        yield from about_unlikely_count(fit)
    elif control.loss == "robust":
        yield from about_outweighed(fit)
        yield from about_leverage(fit)


def about_bound(name: str, bound: float, asked: bool) -> Verdict:
    """Return the finding that a parameter ended at a bound, which the user or the nature of counts has set."""
    if not asked:
        return Verdict(
            "bound_active",
            "note",
            f"{name} ended where what lies under the counts is zero, the least there can be; the errors hold there.",
            "If nothing lies under the peak, fit without a baseline.",
        )
    return Verdict(
        "bound_active",
        "warning",
        f"{name} ended at its bound {bound!r}: the data pull it further; the other errors hold for it there.",
        "Check the bound: the data speak against it, or do not determine this parameter.",
    )


def about_rival(fit: Fit, control: Control) -> Iterator[Verdict]:
    """Yield a finding if another answer under the same constraints fits as well."""
    if control.rival is None or control.rival.more >= SIMILAR:
        return
    more, center, width, _ = control.rival
    scale = fit._solution.scale
    how = (
        f"better (by {number(-more)} in units of χ² over the noise)"
        if more < 0
        else f"as well (χ² {number(more)} larger)"
    )
    yield Verdict(
        "two_answers",
        "warning",
        f"Another answer under the same conditions, with a center at "
        f"{position(fit, scale.x0 + scale.half_window * center)} and a width of {number(scale.half_window * width)}, "
        f"fits {how}.",
        "Give a start to choose between them, or hold more.",
    )


def about_outweighed(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if a robust fit has hardly let some points count."""
    count, x, distance = held.robust_outliers(fit)
    if count:
        many = count > 1
        verb, which = ("count", "the farthest") if many else ("counts", "it")
        yield Verdict(
            "outliers_outweighed",
            "note",
            f"{plural(count, 'point')} further than 5 standard deviations from the curve hardly {verb}; "
            f"{which}, at x = {position(fit, x)}, lies {number(distance)} away.",
            "Check that this is a mistake and no part of what was measured.",
        )


def about_leverage(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if the curve of a robust fit follows a single point wherever it lies: an outlier looks like this.

    Its residual is small because of its leverage, so the loss cannot outweigh it and the errors do not show it (Huber
    and Ronchetti, Robust Statistics, 2nd ed. 2009, section 7.2).
    """
    leverage, x = held.highest_leverage(fit)
    if leverage > ALONE:
        yield Verdict(
            "rests_on_one_point",
            "warning",
            f"The curve follows the point at x = {position(fit, x)} almost wherever it lies (leverage "
            f"{number(leverage)} of 1): if that point is an outlier, a robust fit cannot tell, and its errors do not "
            "show it.",
            "Check this point, or fit without it; take smaller steps of x, so that several points make the peak.",
        )


def look_like_counts(y: Array) -> bool:
    """Tell whether y are whole numbers, as counts are, and more than two different ones."""
    if not float(y[0]).is_integer():
        return False
    least, most = float(y.min()), float(y.max())
    return (
        least >= 0.0
        and 2.0 <= most < MOST_COUNTS
        and bool(np.all(y == np.floor(y)) and np.any((y > least) & (y < most)))
    )


def about_counts(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if the data look like counts but are not fitted as such."""
    y = fit.y
    if fit.sigma is not None or fit.dof <= 0:
        return
    if look_like_counts(y):
        yield Verdict(
            "counts_suspected",
            "note",
            f"All y are whole numbers from {number(float(y.min()))} to {number(float(y.max()))}, as counts are: their "
            "noise grows with their mean, which least squares without sigma does not know.",
            'If they are counts, fit with loss="poisson".',
        )


def about_unlikely_count(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if a count is too far from its mean for Poisson's law."""
    worst, chance = held.unlikeliest_count(fit)
    if chance < UNLIKELY:
        yield Verdict(
            "outliers",
            "warning",
            f"The count {number(float(fit.y[worst]))} at x = {position(fit, float(fit.x[worst]))} lies too far from "
            f"its mean, {number(float(fit.curve(fit.x[worst])))}, to be counting noise.",
            "Check this point; one outlier can pull the peak.",
        )


def about_scatter_of_counts(fit: Fit) -> Iterator[Verdict]:
    """Yield a finding if counts scatter clearly more or less than Poisson's law says."""
    z = held.scatter_of_counts(fit)
    if chance_of_z(abs(z)) >= UNLIKELY:
        return
    scatter = f"than Poisson's law says (χ²/dof {number(fit.reduced_chi2)})"
    if z > 0.0:
        yield Verdict(
            "counts_scatter_more",
            "warning",
            f"The counts scatter more {scatter}: the curve is wrong, or there is more noise than that of counting.",
            "Look at the residuals; add what is missing to the model.",
        )
    else:
        yield Verdict(
            "counts_scatter_less",
            "note",
            f"The counts scatter less {scatter}: they may have been smoothed or averaged.",
            "Fit the counts as they came from the instrument, neither averaged nor scaled.",
        )

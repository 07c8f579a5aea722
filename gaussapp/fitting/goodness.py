"""How well a curve fits: the share of the variance it explains, and its likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gaussapp.fitting.constrained.objective import NU
from gaussapp.fitting.solution import Solution

if TYPE_CHECKING:
    from gaussapp.fitting.result import Fit


def r_squared(solution: Solution) -> float:
    """Return the share of the (weighted) variance of y that the curve explains; nan if y is constant."""
    y, weight = solution.scale.y, solution.scale.root_weight
    if weight is None:
        mean = float(y.sum()) / y.size
        total = float(y.dot(y)) - mean * mean * y.size
        if total < 1e-6 * mean * mean * y.size:
            total = float(np.dot(y - mean, y - mean))
    else:
        centered = y - weight * (float(y.dot(weight)) / float(weight.dot(weight)))
        total = float(centered.dot(centered))
    return 1.0 - solution.sse / total if total > 0.0 else math.nan


def minus_two_log_likelihood(fit: Fit) -> float:
    """Return -2 log L of normal noise, of counts or of Student's t, with every constant."""
    if fit.loss == "poisson":
        return of_counts(fit)
    n, scale = fit.y.size, fit._solution.scale
    log_sigma = 0.0 if fit.sigma is None else float(np.log(fit.sigma).sum())
    log_unit = math.log(scale.y_unit) - math.log(scale.sigma_unit)
    if fit._control is not None and fit.loss == "robust":
        constant = math.lgamma(0.5 * (NU + 1.0)) - math.lgamma(0.5 * NU) - 0.5 * math.log(NU * math.pi)
        return 2.0 * (fit._control.loss_value + n * log_unit + log_sigma) - 2.0 * n * constant
    if fit.absolute_sigma and fit.sigma is not None:
        return fit.chi2 + 2.0 * log_sigma + n * math.log(2.0 * math.pi)
    sse = fit._solution.sse
    if fit._perfect:  # the logarithm of rounding says nothing
        return -math.inf
    return n * (math.log(2.0 * math.pi * sse / n) + 2.0 * log_unit + 1.0) + 2.0 * log_sigma


def of_counts(fit: Fit) -> float:
    """Return -2 log L of counts: what they lose to the curve through all of them, less what that one has."""
    from scipy.special import gammaln, xlogy

    saturated = float(np.sum(xlogy(fit.y, fit.y) - fit.y - gammaln(fit.y + 1.0)))
    return fit.deviance - 2.0 * saturated

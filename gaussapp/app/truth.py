"""What the truth of simulated data says of the model that is fitted: values, and the bound on their standard errors.

One peak on a constant is true, whatever is fitted. Only where one peak is fitted has each of its parameters a truth;
of several, the truth gives none a value (nor a bound: with a peak too many the Fisher matrix is singular there), and
the baseline's parameters alone have one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gaussapp.data import Data
from gaussapp.fitting import Fit, bound
from gaussapp.fitting.constrained.constraint import Ties
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, PEAK

ENOUGH = 2_000
"""Points from which the bound is computed when there are more."""


def true_values(truth: Mapping[str, float] | None, fitted: Fit) -> dict[str, float]:
    """Return the true value of every parameter and derived quantity of a fit that has one."""
    if truth is None:
        return {}
    values = baseline_of(truth, fitted.baseline)
    if fitted.peaks == 1:
        values |= {name: truth[name] for name in PEAK}
        values["fwhm"] = FWHM_PER_WIDTH * truth["width"]
        values["area"] = AREA_PER_HEIGHT_AND_WIDTH * truth["amplitude"] * truth["width"]
    return values


def baseline_of(truth: Mapping[str, float], baseline: str) -> dict[str, float]:
    """Return the true constant in the terms of the baseline that is fitted.

    It is a line without a slope, and an exponential that does not decay; the rate of one that is zero is any number.
    """
    offset = truth.get("offset", 0.0)
    if baseline == "exponential":
        return {"decay_amplitude": offset, **({"decay_rate": 0.0} if offset else {})}
    return {"constant": {"offset": offset}, "linear": {"offset": offset, "slope": 0.0}}.get(baseline, {})


def bound_of(data: Data, fitted: Fit, noise: float | None, fixed: Mapping[str, float], ties: Ties) -> dict[str, float]:
    """Return the Cramér-Rao bound for the true peak with the baseline that is fitted; empty where there is none.

    For very many points, evenly spaced ones among them give the same matrix up to its scale.
    """
    values = true_values(data.truth, fitted)
    if any(name not in values for name in fitted.names) or (noise is None and not data.counts):
        return {}
    every = max(1, len(data.x) // ENOUGH)
    x = data.x[::every]
    share = math.sqrt(len(x) / len(data.x))
    known = {"fixed": fixed, "ties": ties} if fixed or ties else {}
    # The mean of counts is the true curve, with its offset even where none is fitted.
    truth = values if fitted.baseline == "exponential" else {**data.truth, **values}
    deviations = None if data.counts else noise
    found = bound(x, truth, deviations, baseline=fitted.baseline, counts=data.counts, derived=True, **known)
    return {name: deviation * share for name, deviation in found.items()}

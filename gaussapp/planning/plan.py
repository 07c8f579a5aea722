"""``plan()``: from a wanted precision to a `Plan`."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import CancelledError
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussapp.fitting import Fit
from gaussapp.planning.design import BASELINES, QUANTITIES, VARIED, Design, Limits, Setting, changed, on_axis, untold
from gaussapp.planning.result import Plan
from gaussapp.planning.solve import best_window, fewest_points, largest_noise

if TYPE_CHECKING:
    from gaussapp.model import GaussianModel
    from gaussapp.study import Experiment


def plan(
    model: GaussianModel | Fit,
    *,
    amplitude: float | None = None,
    center: float | None = None,
    width: float | None = None,
    fwhm: float | None = None,
    area: float | None = None,
    vary: str = "samples",
    baseline: str = "constant",
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """Find what gives a wanted precision: "I need the center to ± 0.01".

    Nothing is simulated (`Plan.verify` does that): the precision is the exact Cramér-Rao bound at the model's own
    values, that of the full width at half maximum and of the area with the full covariance. Least squares reach it at
    all but the lowest ratios of signal to noise, for noise of any of the distributions with that standard deviation,
    and no unbiased estimate does better in normal noise. For Poisson counts it is the bound of a fit that knows them to
    be counts.

    Parameters
    ----------
    model
        The experiment as it is; it is not changed. Or a `Fit` of one peak to measured data: its values are taken for
        the truth, with the noise that its sigma or its residuals say. More points are spread over x as those measured
        are, each with the noise found there, and other noise is in the same proportion everywhere.
    amplitude, center, width, fwhm, area
        Standard deviations that are wanted, one or several, in units of x and y; all of them are to be met.
    vary
        ``"samples"``: the fewest points, evenly spread over the window, from which on the targets are met. (One by one
        below two points a width, where it matters on which places the points fall; with more than 2000 such numbers by
        bisection.) ``"noise"``: the largest noise. ``"window"``: the best window about the center of the peak with the
        points there are: a wide one shows the baseline, a narrow one has more points in the peak. Not for a `Fit`.
    baseline
        The baseline that will be fitted: ``"none"``, ``"constant"`` or ``"linear"``. A `Fit` keeps its own.
    cancelled
        Asked before every bound that is computed; when it says True, the search ends. It takes a fraction of a second
        with up to some thousand points, half a minute with a million.

    Returns
    -------
    Plan
        A target that cannot be reached is no error: ``reachable`` is False then, and `Plan` holds the best that is.

    Raises
    ------
    TypeError
        If `model` is neither a model nor a fit, or a target is not a number.
    ValueError
        If there is no target, one is not above zero, `vary` or `baseline` is unknown or cannot be used here, or a fit
        is of several peaks.
    concurrent.futures.CancelledError
        If `cancelled` says so.

    Examples
    --------
    >>> from gaussapp import GaussianModel
    >>> found = plan(GaussianModel(amplitude=3, width=0.5, noise=0.3), center=0.01)
    >>> found.value, round(found.bound["center"], 5)
    (227, 0.00999)
    """
    wanted = {"amplitude": amplitude, "center": center, "width": width, "fwhm": fwhm, "area": area}
    targets = {name: _target(name, value) for name, value in wanted.items() if value is not None}
    if not targets:
        raise ValueError(f"a plan needs a target: give one or more of {', '.join(QUANTITIES)}, such as center=0.01")
    if vary not in VARIED:
        raise ValueError(f"vary must be one of {', '.join(VARIED)}, not {vary!r}")
    if isinstance(model, Fit):
        baseline = model.baseline
    elif baseline not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)} for a plan, not {baseline!r}")
    design, most = start_of(model)
    if vary == "window" and isinstance(model, Fit):
        raise ValueError("the window of data that are already measured cannot be varied: vary samples or noise")
    if vary == "noise" and design.counts:
        raise ValueError("the noise of counts follows from their mean and cannot be varied: vary samples or window")

    @cache
    def precision(trial: Design) -> dict[str, float]:
        if cancelled is not None and cancelled():
            raise CancelledError
        return trial.bound(baseline)

    def lacking(trial: Design) -> float:
        """Return by what factor the targets are missed, at most 1 where they are met."""
        found = precision(trial)
        if untold(found):  # a center that is known beside a width that is not is of no use: there is no such fit
            return math.inf
        return max(found[name] / target for name, target in targets.items())

    solve = {"samples": fewest_points, "noise": largest_noise, "window": best_window}[vary]
    value, limits, varied = solve(most, design, lacking)
    planned = changed(design, vary, value)
    there = precision(planned)
    reachable = lacking(planned) <= 1.0
    if vary == "noise" and value == 0.0:  # without noise everything is known, but this is what any noise would do to it
        there, reachable = precision(replace(design, noise=1.0)), False
    curve = [precision(on_axis(design, vary, number)) for number in varied]
    return Plan(
        targets,
        vary,
        baseline,
        reachable,
        value,
        limits if reachable else None,
        there,
        getattr(design, vary),
        precision(design),
        np.array(varied, dtype=float),
        {name: np.array([point[name] for point in curve]) for name in QUANTITIES},
        _changed(model, planned, vary, value),
    )


def start_of(model: GaussianModel | Fit) -> tuple[Design, Limits]:
    """Return what an experiment is now, and what it may be at most.

    Raises
    ------
    TypeError, ValueError
        If it is none that can be planned.
    """
    if isinstance(model, Fit):
        from gaussapp.planning.measured import LIMITS, MeasuredDesign

        return MeasuredDesign.of_fit(model), LIMITS
    from gaussapp.model import GaussianModel

    if not isinstance(model, GaussianModel):
        raise TypeError(f"a plan needs a GaussianModel or a Fit, not {type(model).__name__}")
    return Design.of(model), Limits.of(model)


def _target(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"the wanted precision of the {name} must be a number, not {value!r}")
    if not 0.0 < value < math.inf:
        raise ValueError(f"the wanted precision of the {name} must be above zero and finite, not {value!r}")
    return float(value)


def _changed(
    model: GaussianModel | Fit, planned: Design, vary: str, value: Setting
) -> GaussianModel | Experiment | None:
    """Return a copy of the model with one setting changed, or of the experiment behind a fit; None without noise."""
    if isinstance(model, Fit):
        from gaussapp.planning.measured import MeasuredDesign

        assert isinstance(planned, MeasuredDesign)
        return planned.experiment() if planned.noise or planned.counts else None
    copy = deepcopy(model)
    copy.param.update(**{vary: value})
    return copy

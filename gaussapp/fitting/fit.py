"""``fit()``: from x and y to a `Fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting.chart import Place, place
from gaussapp.fitting.choice import MAX_PEAKS as MAX_PEAKS_TRIED
from gaussapp.fitting.choice import choose_by_likelihood, choose_peaks
from gaussapp.fitting.constrained.constraint import Bounds, Constraints, Fixed, Ties, constraints_of
from gaussapp.fitting.constrained.control import begun_of, controlled, layer_of, rates_of, reached
from gaussapp.fitting.constrained.coordinates import coordinates_of
from gaussapp.fitting.constrained.objective import LOSSES, Objective
from gaussapp.fitting.large import search_large, search_scaled
from gaussapp.fitting.peak import Array, baseline_names, parameter_names
from gaussapp.fitting.report import model_words
from gaussapp.fitting.result import Fit
from gaussapp.fitting.scale import LARGE, Axis, Scaled, scaled, usable
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import solution_of
from gaussapp.fitting.solve import Layout, Problem, layout_of, minimise

MAX_PEAKS = 40
"""Peaks in one fit at most: the work grows with the square of their number."""


def fit(
    x_or_data: Any,
    y: ArrayLike | None = None,
    sigma: ArrayLike | None = None,
    *,
    baseline: str = "none",
    peaks: int | Literal["auto"] = 1,
    max_peaks: int = MAX_PEAKS_TRIED,
    absolute_sigma: bool | None = None,
    loss: str = "least squares",
    fixed: Fixed | None = None,
    bounds: Bounds | None = None,
    ties: Ties | None = None,
    start: Mapping[str, float] | None = None,
) -> Fit:
    """Fit Gaussian peaks on a baseline to data by (weighted) least squares, or with another loss.

    No start is needed: the peak is looked for on a grid of centers and widths, and every place that could lead to the
    best fit is followed. Rows that are not finite, or whose sigma is not above zero, are left out and counted.

    Parameters
    ----------
    x_or_data
        Positions, (N,), in any order; or an object with ``x``, ``y`` and ``sigma``, such as `gaussapp.Data`.
    y
        Measured values, (N,).
    sigma
        Standard deviation of each y, in units of y: (N,), or one number for all.
    baseline
        What lies under the peaks: ``"none"``, ``"constant"``, ``"linear"`` or ``"exponential"``.
    peaks
        Number of peaks; ``"auto"`` chooses it by Schwarz's criterion, and ``Fit.choice`` says why. Then no parameter
        can be named in `fixed`, `bounds`, `ties` or `start`.
    max_peaks
        With ``peaks="auto"``, the number tried at most.
    absolute_sigma
        True: the errors follow from `sigma` as given. False: `sigma` only weighs the points and the errors are scaled
        by the residuals, so that χ²/dof = 1. By default True if there is a sigma and False if there is none.
    loss
        What is made small. ``"least squares"``; ``"poisson"`` for counts, down to zero: maximum likelihood, with the
        mean kept from falling below zero, errors from Fisher's information, no `sigma`; ``"robust"`` for data with
        outliers: Student's t with 4 degrees of freedom and a scale found from the data, errors from the sandwich
        formula, `sigma` weighs the points only.
    fixed
        Parameters to hold: value by name; or names alone, held at their value in `start`.
    bounds
        ``(low, high)`` by name, None where there is no bound. A parameter that ends at one counts as held there, and a
        verdict says so.
    ties
        Parameters that follow another: expression by name, such as ``{"width_2": "width_1", "center_2": "center_1 +
        2.5", "amplitude_2": "0.5 * amplitude_1"}``: one other parameter, with a factor and a shift if wanted; or a
        tuple ``(other, factor, shift)``. Peaks named here or in `fixed` or `bounds` keep the numbers they have there.
    start
        Where to start, by parameter name. Centers, widths and ``decay_rate`` that are not given are looked for;
        amplitudes and the rest of the baseline are solved for. The answer is the minimum reached from there; where the
        search without a start finds a better one, a verdict says so.

    Returns
    -------
    Fit
        Immutable. Whether it can be trusted is in ``Fit.trustworthy`` and ``Fit.verdicts``.

    Raises
    ------
    TypeError
        If x, y, sigma or a constraint are not numbers, or `peaks` is neither an integer nor ``"auto"``.
    ValueError
        If lengths differ, no row is usable, all x are equal, there are fewer points than free parameters, an option has
        an impossible value, or constraints contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 9)
    >>> result = fit(x, 3 * np.exp(-0.5 * ((x - 0.25) / 0.5) ** 2))
    >>> round(result.values["center"], 12), round(result.fwhm.value, 12)
    (0.25, 1.177410022515)
    """
    if y is None:
        if not all(hasattr(x_or_data, name) for name in ("x", "y")):
            raise TypeError("fit needs x and y, or one object that has both, such as gaussapp.Data")
        data = x_or_data
        x_or_data, y = data.x, data.y
        sigma = getattr(data, "sigma", None) if sigma is None else sigma
    baseline_names(baseline)
    auto = isinstance(peaks, str) and peaks == "auto"
    count = check_peaks(max_peaks, "max_peaks") if auto else check_peaks(peaks, "peaks")
    if auto:
        check_nothing_named(fixed=fixed, bounds=bounds, ties=ties, start=start)
    check_loss(loss)
    layout = layout_of(1 if auto else count, baseline)
    with np.errstate(all="ignore"):
        axis, used, left_out = usable(x_or_data, y, sigma)
        if auto and loss != "least squares":
            return chosen_fit(axis, used, left_out, baseline, count, loss, absolute_sigma)
        if loss != "least squares" or fixed or bounds or ties:
            constraints = constraints_of(
                parameter_names(layout.peaks, baseline), fixed, bounds, ties, start, positive=positive(baseline, loss)
            )
            return held_fit(axis, used, left_out, layout, constraints, loss, absolute_sigma)
        enough(used.size, layout.size, layout)
        scale = scaled(axis, used, baseline)
        known = axis.sigma is not None if absolute_sigma is None else bool(absolute_sigma)
        choice = None
        if auto:
            unit = scale.sigma_unit / scale.y_unit
            found, choice = choose_peaks(
                scale, baseline, unit * unit if known and axis.sigma is not None else None, count
            )
        else:
            found = search_scaled(scale, layout) if start is None else from_start(scale, layout, start)
    return Fit(used, left_out, known, solution_of(found, scale), choice=choice)


def check_peaks(peaks: Any, name: str) -> int:
    """Return a number of peaks that is one."""
    if isinstance(peaks, bool) or not isinstance(peaks, int | np.integer):
        either = ' or "auto"' if name == "peaks" else ""
        raise TypeError(f"{name} must be a whole number{either}, not {peaks!r}")
    if not 1 <= peaks <= MAX_PEAKS:
        raise ValueError(f"{name} must be between 1 and {MAX_PEAKS}, not {peaks}")
    return int(peaks)


def check_loss(loss: str) -> None:
    """Refuse what is no loss."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")


def knows_noise(loss: str, weighted: bool, absolute_sigma: bool | None) -> bool:
    """Return whether the size of the noise is known, with a sigma (`weighted`) or without.

    Raises
    ------
    ValueError
        If the loss cannot be had with that.
    """
    if loss == "poisson":
        if weighted:
            raise ValueError(
                'loss="poisson" knows the noise of counts from their mean and takes no sigma; fit x and y alone, or '
                'use loss="least squares"'
            )
        if absolute_sigma is False:
            raise ValueError('loss="poisson" knows the noise of counts, so that absolute_sigma=False cannot hold')
        return True
    if loss == "robust" and absolute_sigma:
        raise ValueError(
            'loss="robust" finds the size of the noise from the residuals, so that absolute_sigma=True cannot hold; '
            "leave it out"
        )
    return (weighted and loss != "robust") if absolute_sigma is None else bool(absolute_sigma)


def check_nothing_named(**options: Any) -> None:
    """Refuse what names parameters where the number of peaks, and with it their names, is not known yet."""
    for option, given in options.items():
        if given:
            raise ValueError(
                f'{option} cannot be given with peaks="auto", which looks for the peaks itself and numbers them at the '
                "end; give their number"
            )


def enough(points: int, parameters: int, layout: Layout, free: str = "") -> None:
    """Refuse fewer points than parameters."""
    if points < parameters:
        raise ValueError(
            f"{points} usable points are fewer than the {parameters} {free}parameters of "
            f"{model_words(layout.peaks, layout.baseline)}; add points or choose a simpler model"
        )


def positive(baseline: str, loss: str) -> tuple[str, ...]:
    """Return the parameters that cannot be below zero: what lies under counts."""
    if loss != "poisson":
        return ()
    return {"constant": ("offset",), "exponential": ("decay_amplitude",)}.get(baseline, ())


def held_fit(
    axis: Axis,
    used: Array,
    left_out: int,
    layout: Layout,
    constraints: Constraints,
    loss: str,
    absolute_sigma: bool | None,
    *,
    searched: bool = True,
) -> Fit:
    """Fit under constraints or with another loss than least squares; without a search from the start alone."""
    enough(used.size, len(constraints.limits), layout, "free ")
    known = knows_noise(loss, axis.sigma is not None, absolute_sigma)
    if loss == "poisson":
        check_counts(used)
    elif loss == "robust" and len(constraints.limits) >= 0.8 * used.size:
        raise ValueError(
            f"{used.size} usable points are too few for {len(constraints.limits)} free parameters and "
            'loss="robust": a curve through most of them would leave no scale; add points or use least squares'
        )
    scale = scaled(axis, used, "none" if loss == "poisson" else layout.baseline)
    made = controlled(scale, layout, constraints, loss, absolute=known, searched=searched)
    return Fit(used, left_out, known, *made)


def check_counts(y: Array) -> None:
    """Refuse what are no counts."""
    lowest = int(y.argmin())
    if y[lowest] < 0.0:
        raise ValueError(
            f'loss="poisson" needs counts, but y[{lowest}] = {float(y[lowest])!r} is negative; if a background was '
            "taken off, fit the counts with a baseline instead"
        )
    broken = np.flatnonzero(y != np.floor(y))
    if broken.size:
        raise ValueError(
            f'loss="poisson" needs counts, but y[{broken[0]}] = {float(y[broken[0]])!r} is not a whole number; if y '
            "was divided by a time or an efficiency, fit the counts themselves"
        )


def chosen_fit(
    axis: Axis, used: Array, left_out: int, baseline: str, most: int, loss: str, absolute_sigma: bool | None
) -> Fit:
    """Fit as many peaks as counts, or data with outliers, call for, by the likelihood that belongs to them."""

    def fitted(peaks: int) -> Fit:
        layout = layout_of(peaks, baseline)
        held = constraints_of(parameter_names(peaks, baseline), positive=positive(baseline, loss))
        return held_fit(axis, used, left_out, layout, held, loss, absolute_sigma)

    room = int(0.8 * used.size) if loss == "robust" else used.size
    found, choice = choose_by_likelihood(fitted, room, layout_of(1, baseline).size, most)
    return Fit(used, left_out, found.absolute_sigma, found._solution, found._control, choice)


def from_start(scale: Scaled, layout: Layout, start: Mapping[str, float]) -> Search:
    """Minimise from `start` (in units of x and y); what is found without it matters to the verdicts alone."""
    names = parameter_names(layout.peaks, layout.baseline)
    unknown = [name for name in start if name not in names]
    if unknown:
        raise ValueError(f"start has {unknown[0]!r}, which is not a parameter of this fit; it has {', '.join(names)}")
    needed = [name for name in names if name.startswith(("center", "width", "decay_rate"))]
    centers, widths, rates = [], [], []
    for name in needed:
        if name not in start:
            continue
        try:
            value = float(start[name])
        except (TypeError, ValueError):
            raise TypeError(f"start[{name!r}] must be a number, not {start[name]!r}") from None
        if not math.isfinite(value) or (name.startswith("width") and value <= 0.0):
            raise ValueError(f"start[{name!r}] must be finite{' and above zero' * name.startswith('width')}: {value!r}")
        if name.startswith("center"):
            centers.append(min(max((value - scale.x0) / scale.half_window, -1e3), 1e3))
        elif name.startswith("width"):
            widths.append(math.log(min(max(value / scale.half_window, 1e-9), 1e2)))
        else:
            rates.append(min(max(value * scale.half_window, -100.0), 100.0))
    if len(centers) + len(widths) + len(rates) < len(needed):
        at = completed(scale, layout, constraints_of(names, start=start))
    else:
        at = place(centers, widths, *rates)
    if scale.t.size > LARGE:
        own = search_large(scale, layout, at).best
    else:
        own = minimise(Problem(scale.t, scale.y, scale.root_weight, layout), at)
    return Search(own, None, layout, 1, searched=False)


def completed(scale: Scaled, layout: Layout, constraints: Constraints) -> Place:
    """Return a place near the minimum that a start leads to which says some centers, widths and rates only."""
    coordinates = coordinates_of(scale, layout, constraints)
    layer, coarse = layer_of(coordinates)
    objective = Objective(coordinates if coarse is None else replace(coordinates, scale=coarse), "least squares")
    begun = begun_of(coordinates, constraints)
    starts = [f for rate in rates_of(coordinates, None, begun) for f in layer.grid_starts(rate, begun)]
    p = coordinates.parameters(reached(objective, starts, begun, "least squares").f)
    peaks = p[: 3 * layout.peaks]
    return place(peaks[1::3].tolist(), np.log(peaks[2::3]).tolist(), float(p[-1]) if layout.rates else 0.0)

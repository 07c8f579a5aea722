"""``fit()``: from x and y to a `Fit`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from gaussapp.fitting.chart import place
from gaussapp.fitting.choice import MAX_PEAKS as MAX_PEAKS_TRIED
from gaussapp.fitting.choice import choose_peaks
from gaussapp.fitting.large import search_large, search_scaled
from gaussapp.fitting.peak import baseline_names, parameter_names
from gaussapp.fitting.report import model_words
from gaussapp.fitting.result import Fit
from gaussapp.fitting.scale import LARGE, Scaled, scaled, usable
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
    start: Mapping[str, float] | None = None,
) -> Fit:
    """Fit Gaussian peaks on a baseline to data by (weighted) least squares.

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
        Number of peaks; ``"auto"`` chooses it by Schwarz's criterion, and ``Fit.choice`` says why.
    max_peaks
        With ``peaks="auto"``, the number tried at most.
    absolute_sigma
        True: the errors follow from `sigma` as given. False: `sigma` only weighs the points and the errors are scaled
        by the residuals, so that χ²/dof = 1. By default True if there is a sigma and False if there is none.
    start
        Where to start, by parameter name: center and width of every peak (and ``decay_rate``); amplitudes and the
        rest of the baseline are solved for and ignored. The answer is the minimum reached from there; where the search
        without a start finds a better one, a verdict says so.

    Returns
    -------
    Fit
        Immutable. Whether it can be trusted is in ``Fit.trustworthy`` and ``Fit.verdicts``.

    Raises
    ------
    TypeError
        If x, y or sigma are not numbers, or `peaks` is not an integer.
    ValueError
        If lengths differ, no row is usable, all x are equal, there are fewer points than parameters, or an option has
        an impossible value.

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
    if auto and start is not None:
        raise ValueError('start cannot be given with peaks="auto", which looks for the peaks itself; give their number')
    count = check_peaks(max_peaks, "max_peaks") if auto else check_peaks(peaks, "peaks")
    with np.errstate(all="ignore"):
        axis, used, left_out = usable(x_or_data, y, sigma)
        layout = layout_of(1 if auto else count, baseline)
        if used.size < layout.size:
            raise ValueError(
                f"{used.size} usable points are fewer than the {layout.size} parameters of "
                f"{model_words(layout.peaks, baseline)}; add points or choose a simpler model"
            )
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
    return Fit(used, left_out, known, solution_of(found, scale), choice)


def check_peaks(peaks: Any, name: str) -> int:
    """Return a number of peaks that is one."""
    if isinstance(peaks, bool) or not isinstance(peaks, int | np.integer):
        either = ' or "auto"' if name == "peaks" else ""
        raise TypeError(f"{name} must be a whole number{either}, not {peaks!r}")
    if not 1 <= peaks <= MAX_PEAKS:
        raise ValueError(f"{name} must be between 1 and {MAX_PEAKS}, not {peaks}")
    return int(peaks)


def from_start(scale: Scaled, layout: Layout, start: Mapping[str, float]) -> Search:
    """Minimise from `start` (in units of x and y); what is found without it matters to the verdicts alone."""
    names = parameter_names(layout.peaks, layout.baseline)
    unknown = [name for name in start if name not in names]
    if unknown:
        raise ValueError(f"start has {unknown[0]!r}, which is not a parameter of this fit; it has {', '.join(names)}")
    needed = [name for name in names if name.startswith(("center", "width", "decay_rate"))]
    missing = [name for name in needed if name not in start]
    if missing:
        raise ValueError(f"start lacks {', '.join(missing)}; it needs {', '.join(needed)}")
    centers, widths, rates = [], [], []
    for name in needed:
        value = float(start[name])
        if not math.isfinite(value) or (name.startswith("width") and value <= 0.0):
            raise ValueError(f"start[{name!r}] must be finite{' and above zero' * name.startswith('width')}: {value!r}")
        if name.startswith("center"):
            centers.append(min(max((value - scale.x0) / scale.half_window, -1e3), 1e3))
        elif name.startswith("width"):
            widths.append(math.log(min(max(value / scale.half_window, 1e-9), 1e2)))
        else:
            rates.append(min(max(value * scale.half_window, -100.0), 100.0))
    at = place(centers, widths, *rates)
    if scale.t.size > LARGE:
        own = search_large(scale, layout, at).best
    else:
        own = minimise(Problem(scale.t, scale.y, scale.root_weight, layout), at)
    return Search(own, None, layout, 1, searched=False)

"""One data set of a stack, fitted by itself from a start that is given: nothing is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gaussapp.fitting.chart import place
from gaussapp.fitting.constrained.constraint import constraints_of
from gaussapp.fitting.fit import held_fit, positive
from gaussapp.fitting.peak import Array, parameter_names
from gaussapp.fitting.result import Fit
from gaussapp.fitting.scale import scaled, usable
from gaussapp.fitting.search import Search
from gaussapp.fitting.solution import solution_of
from gaussapp.fitting.solve import Layout, Problem, minimise


def scaled_peak(start: Mapping[str, float], suffix: str, x0: Any, half_window: Any) -> tuple[Any, Any, Any]:
    """Return center, log width and decay rate of a peak in scaled coordinates."""
    center = (start[f"center{suffix}"] - x0) / half_window
    return center, np.log(start[f"width{suffix}"] / half_window), start.get("decay_rate", 0.0) * half_window


def fit_from(
    x: Array,
    y: Array,
    sigma: Array | None,
    layout: Layout,
    absolute: bool,
    start: Mapping[str, float],
    loss: str = "least squares",
) -> Fit:
    """Return the `Fit` that is reached from a start, without looking for other answers.

    With another loss than least squares the start must name every parameter.
    """
    axis, used, left_out = usable(x, y, sigma)
    if loss != "least squares":
        names = parameter_names(layout.peaks, layout.baseline)
        begun = {name: start[name] for name in names}
        constraints = constraints_of(names, start=begun, positive=positive(layout.baseline, loss))
        return held_fit(axis, used, left_out, layout, constraints, loss, absolute, searched=False)
    scale = scaled(axis, used, layout.baseline)
    suffixes = [""] if layout.peaks == 1 else [f"_{k + 1}" for k in range(layout.peaks)]
    peaks = [scaled_peak(start, suffix, scale.x0, scale.half_window) for suffix in suffixes]
    begin = place([float(c) for c, _, _ in peaks], [float(u) for _, u, _ in peaks], float(peaks[0][2]))
    best = minimise(Problem(scale.t, scale.y, scale.root_weight, layout), begin)
    return Fit(used, left_out, absolute, solution_of(Search(best, None, layout, 1), scale))

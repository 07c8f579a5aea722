"""Plots of repeated experiments: the cloud of estimates, their histograms, and single intervals; no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from gaussapp.app.live import Range
from gaussapp.app.plots import DATA, EMPTY, FIT, TRUTH, Columns, Hook, overlay
from gaussapp.fitting import Fit
from gaussapp.fitting.peak import AREA_PER_HEIGHT_AND_WIDTH, FWHM_PER_WIDTH, Array
from gaussapp.study import Study

BOUND = "#CC79A7"
"""Okabe-Ito again, for the Cramér-Rao bound."""

MOST_POINTS = 2_000
"""Estimates drawn in the cloud: more are no longer seen apart, and would slow the page down."""

BINS = 61
ROW = 52
"""Height in pixels of one parameter among the histograms."""

INTERVALS = 100
"""Intervals shown at once."""

JOINT_95 = math.sqrt(-2.0 * math.log(0.05))
"""Size of the ellipse that holds 95 % of a normal distribution in the plane, in units of the one of one sigma."""


def chosen(name: str, quantities: tuple[str, ...]) -> str:
    """Return the quantity that is meant: of several peaks the first, and the first quantity for what is not there."""
    kind = name.rstrip("0123456789").removesuffix("_")
    return next((each for each in (name, kind, f"{kind}_1") if each in quantities), quantities[0])


def gradient_of(quantity: str, names: tuple[str, ...], values: Mapping[str, float]) -> Array:
    """Return the derivatives of a quantity by the fitted parameters, (P,)."""
    row = np.zeros(len(names))
    if quantity in names:
        row[names.index(quantity)] = 1.0
        return row
    kind, _, peak = quantity.partition("_")
    suffix = f"_{peak}" if peak else ""
    amplitude, width = f"amplitude{suffix}", f"width{suffix}"
    if kind == "fwhm":
        row[names.index(width)] = FWHM_PER_WIDTH
    else:
        row[names.index(amplitude)] = AREA_PER_HEIGHT_AND_WIDTH * values[width]
        row[names.index(width)] = AREA_PER_HEIGHT_AND_WIDTH * values[amplitude]
    return row


def value_of(quantity: str, values: Mapping[str, float]) -> float:
    """Return a fitted or derived quantity."""
    if quantity in values:
        return values[quantity]
    kind, _, peak = quantity.partition("_")
    suffix = f"_{peak}" if peak else ""
    width = values[f"width{suffix}"]
    return (
        FWHM_PER_WIDTH * width if kind == "fwhm" else AREA_PER_HEIGHT_AND_WIDTH * values[f"amplitude{suffix}"] * width
    )


def ellipses(center: tuple[float, float], covariance: Array) -> Columns:
    """Outline the ellipses of one sigma and of 95 % of a normal distribution, one after the other.

    One sigma is the ellipse whose shadow on each axis is one standard deviation to both sides.
    """
    if not (np.isfinite(covariance).all() and np.isfinite(center).all()):
        return {"x": EMPTY, "y": EMPTY}
    deviations = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not deviations.all():
        return {"x": EMPTY, "y": EMPTY}
    correlation = float(np.clip(covariance[0, 1] / deviations[0] / deviations[1], -1.0, 1.0))
    angle = np.linspace(0.0, 2.0 * np.pi, 73)
    across = np.cos(angle)
    upwards = correlation * across + math.sqrt(1.0 - correlation**2) * np.sin(angle)
    gap = [np.nan]
    x = center[0] + deviations[0] * np.concatenate([across, gap, JOINT_95 * across])
    y = center[1] + deviations[1] * np.concatenate([upwards, gap, JOINT_95 * upwards])
    return {"x": x, "y": y}


def cloud(study: Study, fit: Fit | None, across: str, upwards: str) -> dict[str, Columns]:
    """Columns of the cloud of estimates of two quantities."""
    truth = study.truth
    x, y = study.estimate(across)[:MOST_POINTS], study.estimate(upwards)[:MOST_POINTS]
    there = study.ok[:MOST_POINTS]
    names = study.names

    def pair(values: Mapping[str, float]) -> Array:
        return np.array([gradient_of(name, names, values) for name in (across, upwards)])

    rows = pair(study.experiment.truth)
    with np.errstate(all="ignore"):
        bound = rows @ study.experiment.bound_covariance() @ rows.T
    made: dict[str, Columns] = {
        "estimates": {"x": x[there], "y": y[there]},
        "bound": ellipses((truth[across], truth[upwards]), bound),
        "truth": {"x": np.array([truth[across]]), "y": np.array([truth[upwards]])},
        "reported": {"x": EMPTY, "y": EMPTY},
        "this fit": {"x": EMPTY, "y": EMPTY},
    }
    if fit is not None and fit.names == names:
        rows = pair(fit.values)
        here = value_of(across, fit.values), value_of(upwards, fit.values)
        with np.errstate(all="ignore"):
            made["reported"] = ellipses(here, rows @ fit.covariance @ rows.T)
        made["this fit"] = {"x": np.array([here[0]]), "y": np.array([here[1]])}
    return made


def cloud_extent(study: Study, made: Mapping[str, Columns], name: str, axis: str) -> Range:
    """Return what has to be in view of one axis of the cloud: all but the strays, and the ellipses near them."""
    low, high = _most(study.estimate(name)[study.ok], 0.004)
    reach = 3.0 * max(high - low, 1e-300)
    for glyph in ("bound", "reported", "truth", "this fit"):
        values = np.asarray(made[glyph][axis])
        near = values[(values > low - reach) & (values < high + reach)]
        if near.size:
            low, high = min(low, float(near.min())), max(high, float(near.max()))
    return low, high


def histograms(study: Study) -> tuple[dict[str, Columns], float]:
    """Columns of the histograms of all parameters, one row each, and how far they reach to both sides of the truth.

    All share one axis, on which the truth is at 0 and the bound is 1 (the spread where there is no bound).
    """
    names = study.names
    units = [_unit(study, name) for name in names]
    reaches = [
        (3.5 * study.spread[name] + abs(study.bias[name])) / unit for name, unit in zip(names, units, strict=True)
    ]
    reach = float(np.clip(np.nan_to_num(max(reaches), nan=4.0), 4.0, 30.0))
    edges = np.linspace(-reach, reach, BINS + 1)
    count = len(names)
    floor = np.arange(count - 1, -1, -1, dtype=float)  # the first parameter is the uppermost row
    tops = np.empty((count, BINS))
    for i, (name, unit) in enumerate(zip(names, units, strict=True)):
        values = (study.estimate(name)[study.ok] - study.truth[name]) / unit
        counted = np.histogram(values, edges)[0]
        tops[i] = 0.72 * counted / max(counted.max(), 1)
    bottoms = np.repeat(floor + 0.2, BINS)
    scaled = np.array([study.bias[name] for name in names]) / units
    reported = np.array([study.reported[name] for name in names]) / units
    known = np.array([float(math.isfinite(study.bound[name]) and study.bound[name] > 0) for name in names])
    return {
        "bars": {
            "left": np.tile(edges[:-1], count),
            "right": np.tile(edges[1:], count),
            "bottom": bottoms,
            "top": bottoms + tops.ravel(),
        },
        "mean": _segments(scaled, floor + 0.04, scaled, floor + 0.92),
        "reported": _segments(-reported, floor + 0.13, reported, floor + 0.13),
        "bound": _segments(-known, floor + 0.05, known, floor + 0.05),
        "truth": {"x": np.zeros(2), "y": np.array([0.0, count])},
    }, reach


def _unit(study: Study, name: str) -> float:
    for unit in (study.bound[name], study.spread[name]):
        if math.isfinite(unit) and unit > 0.0:
            return unit
    return 1.0


def intervals(study: Study, name: str, last: int) -> dict[str, Columns]:
    """Columns of the intervals of one quantity up to experiment number `last`, those that miss the truth apart."""
    part = slice(max(0, last - INTERVALS), last)
    low, high = (end[part] for end in study.interval(name))
    number = np.arange(part.start, part.start + low.size, dtype=float) + 1.0
    covers, there = study.covers(name)[part], study.ok[part]
    low, high = np.maximum(low, -1e300), np.minimum(high, 1e300)
    value = study.estimate(name)[part]
    start = float(part.start)
    return {
        "holds": _segments(number, low, number, high, covers & there),
        "misses": _segments(number, low, number, high, ~covers & there),
        "values": {"x": number[there], "y": value[there]},
        "truth": {"x": np.array([start, start + INTERVALS + 1.0]), "y": np.full(2, study.truth[name])},
    }


def intervals_extent(study: Study, name: str) -> Range:
    """Return what has to be in view of the intervals: the same whichever of them are shown."""
    low, high = study.interval(name)
    ok = study.ok & np.isfinite(low) & np.isfinite(high)
    truth = study.truth[name]
    if not ok.any():
        return truth - 1.0, truth + 1.0
    below, above = _most(low[ok], 0.01)[0], _most(high[ok], 0.01)[1]
    return min(below, truth), max(above, truth)


def _most(values: Array, left_out: float) -> Range:
    """Return the quantiles that leave out a share of the values at both ends."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.quantile(finite, [left_out, 1.0 - left_out])
    return float(low), float(high)


def _segments(x: Array, y: Array, x1: Array, y1: Array, which: NDArray[np.bool_] | slice = slice(None)) -> Columns:
    return {"x": x[which], "y": y[which], "x1": x1[which], "y1": y1[which]}


# Drawing --------------------------------------------------------------------------------------------------------------

Hooks = Callable[[str], Hook]


def cloud_overlay(hook: Hooks) -> hv.Overlay:
    """Draw the cloud, empty; `hook(name)` is called with the models of each glyph."""
    point = ([0.0], [0.0])
    line = ([0.0, 1.0], [0.0, 1.0])
    parts = {
        "estimates": hv.Scatter(point, "x", "y", label="estimates").opts(
            backend="bokeh", color=DATA, size=4, alpha=0.35, line_color=None
        ),
        "bound": hv.Curve(line, "x", "y", label="bound").opts(
            backend="bokeh", color=BOUND, line_width=2.5, line_dash="dashed"
        ),
        "reported": hv.Curve(line, "x", "y", label="reported").opts(backend="bokeh", color=FIT, line_width=2),
        "this fit": hv.Scatter(point, "x", "y", label="this fit").opts(
            backend="bokeh", color=FIT, size=11, marker="diamond", line_color="white"
        ),
        "truth": hv.Scatter(point, "x", "y", label="truth").opts(
            backend="bokeh", color=TRUTH, size=13, marker="cross", line_width=3
        ),
    }
    return overlay(parts, hook, height=380, legend_position="top", legend_cols=3, **_STILL)


def histogram_overlay(hook: Hooks) -> hv.Overlay:
    """Draw the histograms, empty."""
    parts = {
        "bars": hv.Rectangles([(0, 0, 1, 1)], label="estimates").opts(
            backend="bokeh", color=DATA, alpha=0.55, line_color=None
        ),
        "truth": hv.Curve(([0.0, 0.0], [0.0, 1.0]), "x", "y", label="truth").opts(
            backend="bokeh", color=TRUTH, line_dash="dashed", line_width=2
        ),
        "mean": _segments_element("mean").opts(backend="bokeh", color=DATA, line_width=2),
        "reported": _segments_element("reported").opts(backend="bokeh", color=FIT, line_width=4),
        "bound": _segments_element("bound").opts(backend="bokeh", color=BOUND, line_width=4),
    }
    labels = {"xlabel": "(estimate − truth) / bound", "ylabel": ""}
    return overlay(parts, hook, height=380, legend_position="top", legend_cols=3, **labels, **_STILL)


def interval_overlay(hook: Hooks) -> hv.Overlay:
    """Draw single intervals, empty."""
    parts = {
        "truth": hv.Curve(([0.0, 1.0], [0.0, 0.0]), "x", "y", label="truth").opts(
            backend="bokeh", color=TRUTH, line_dash="dashed", line_width=2
        ),
        "holds": _segments_element("holds").opts(backend="bokeh", color=DATA, line_width=2, line_alpha=0.7),
        "misses": _segments_element("misses").opts(backend="bokeh", color=FIT, line_width=4),
        "values": hv.Scatter(([0.0], [0.0]), "x", "y", label="values").opts(
            backend="bokeh", color=DATA, size=4, line_color=None
        ),
    }
    return overlay(parts, hook, height=250, xlabel="experiment", legend_position="top", legend_cols=4, **_STILL)


_STILL = {"toolbar": None, "default_tools": []}
"""These plots follow the numbers; one that was zoomed into would jump back with the next move."""


def _segments_element(label: str) -> hv.Segments:
    return hv.Segments([(0.0, 0.0, 1.0, 1.0)], ["x", "y", "x1", "y1"], label=label)

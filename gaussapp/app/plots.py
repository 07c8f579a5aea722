"""HoloViews elements and their columns, made from a scene; no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
from numpy.typing import NDArray

from gaussapp.app.pixels import Frame, picture
from gaussapp.app.scene import Scene
from gaussapp.fitting import Fit, peak

Array = NDArray[np.float64]
Columns = dict[str, object]

DATA, TRUTH, FIT, COMPONENT, LEFT_OUT = "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#8C8C8C"
"""Okabe-Ito colors that stay apart for the color-blind and stand out on white and on black alike."""

MOST_MARKERS = 10_000
"""Above this many points in view, their picture is sent instead: faster from here on, and it looks the same."""
MOST_ERROR_BARS = 2_000
GRID = 400
MARKER = 5
"""Diameter of a data point in pixels."""
EMPTY: Array = np.empty(0)
FAINT = 1e-3
"""A peak is drawn where it is at least this share of its height."""
UNSEEN: Array = np.array([np.nan])
"""A point that is nowhere, for the legend, which shows no marker for a glyph without points."""
NO_PICTURE = np.zeros((2, 2), np.uint8)


def columns(scene: Scene, fit_frame: Frame, residual_frame: Frame) -> dict[str, Columns]:
    """Columns of every glyph, by the glyph's name, for the part of the plane that is in view."""
    x, y = scene.data.x, scene.data.y
    low, high = fit_frame.x
    inside, outside = _parts(scene)
    result = _marks("data", x[inside], y[inside], fit_frame)
    result["error bars"] = _error_bars(scene)
    result |= _marks("left out", x[outside], y[outside], fit_frame)
    truth = scene.data.truth
    grid = curve_grid(low, high, _peaks(scene))
    result["truth"] = {"x": EMPTY, "y": EMPTY} if truth is None else {"x": grid, "y": true_curve(truth, grid)}
    fitted = scene.fit
    if fitted is None:
        nothing = {"x": EMPTY, "y": EMPTY}
        none = {name: dict(nothing) for name in ("fit", "band", "components", "baseline")}
        return result | none | _marks("residuals", EMPTY, EMPTY, residual_frame)
    if (part := scene.request.fit_range) is not None:
        grid = (
            curve_grid(max(low, part[0]), min(high, part[1]), _peaks(scene))
            if part[0] < high and low < part[1]
            else EMPTY
        )
    result["fit"] = _line(grid, fitted.curve(grid))
    result["band"] = _band(scene, grid)
    result |= _components(fitted, grid)
    result |= _marks("residuals", fitted.x, fitted.standardized, residual_frame)
    return result


def legend(scene: Scene) -> dict[str, str]:
    """Return what the legend says, by the glyph's name; empty for what is not there."""
    kind = "band" if scene.request.band == "confidence" else "prediction"
    band = f"{100 * scene.request.level:g} % {kind}"
    return {
        "band": band if scene.fit is not None and scene.request.band != "none" else "",
        "data": "data",
        "left out": "not fitted" if scene.request.fit_range is not None else "",
        "truth": "truth" if scene.data.truth is not None else "",
        "fit": "fit" if scene.fit is not None else "",
        "components": "components" if scene.fit is not None and scene.fit.peaks > 1 else "",
        "baseline": "baseline" if scene.fit is not None and _has_drawn_baseline(scene.fit) else "",
    }


def true_curve(truth: Mapping[str, float], x: Array) -> Array:
    """Value of the true curve: the peak on its constant offset."""
    return peak.evaluate(x, truth, baseline="constant")


@lru_cache(maxsize=32)
def even_grid(low: float, high: float) -> Array:
    """Evenly spaced x across the view. The same array for the same view, so that it is not sent again."""
    return np.linspace(low, high, GRID)


def curve_grid(low: float, high: float, peaks: Sequence[tuple[float, float]]) -> Array:
    """Where the curves are computed: evenly across the view, and closer together across a peak that is narrow in it.

    `peaks` are centers and widths.
    """
    even = even_grid(low, high)
    step = (high - low) / GRID
    narrow = [
        center + np.linspace(-5 * width, 5 * width, 101)
        for center, width in peaks
        if 0 < width < 4 * step and low - 5 * width < center < high + 5 * width
    ]
    return np.sort(np.concatenate([even, *narrow])) if narrow else even


def _peaks(scene: Scene) -> list[tuple[float, float]]:
    """Centers and widths of all the peaks that are drawn."""
    truth = scene.data.truth
    drawn = [(truth["center"], truth["width"])] if truth is not None else []
    if scene.fit is not None:
        drawn += [(center, width) for _, center, width in peak.peak_parameters(scene.fit.values)]
    return drawn


def _marks(name: str, x: Array, y: Array, frame: Frame) -> dict[str, Columns]:
    """Points as markers, or as their picture when there are too many in view."""
    if len(x) > MOST_MARKERS:
        inside = (x >= frame.x[0]) & (x <= frame.x[1])
        if np.count_nonzero(inside) > MOST_MARKERS:
            ink = picture(x, y, frame, MARKER / 2)
            return {name: {"x": UNSEEN, "y": UNSEEN}, f"{name} picture": _placed(ink, frame)}
        x, y = x[inside], y[inside]
    return {name: {"x": x, "y": y}, f"{name} picture": _placed(NO_PICTURE, frame)}


def _placed(ink: NDArray[np.uint8], frame: Frame) -> Columns:
    (left, right), (bottom, top) = frame.x, frame.y
    return {"image": [ink], "x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}


def _error_bars(scene: Scene) -> Columns:
    data = scene.data
    if data.sigma is None or len(data.x) > MOST_ERROR_BARS:
        return {"x": EMPTY, "y": EMPTY, "x1": EMPTY, "y1": EMPTY}
    return {"x": data.x, "y": data.y - data.sigma, "x1": data.x, "y1": data.y + data.sigma}


def _parts(scene: Scene) -> tuple[NDArray[np.bool_] | slice, NDArray[np.bool_] | slice]:
    """Which points are in the part of x that is fitted, and which are not."""
    part, x = scene.request.fit_range, scene.data.x
    if part is None:
        return slice(None), slice(0)
    inside = (x >= part[0]) & (x <= part[1])
    return inside, ~inside


def _band(scene: Scene, grid: Array) -> Columns:
    """Outline of the band, out along its lower edge and back along its upper one."""
    assert scene.fit is not None
    if scene.request.band == "none" or not len(grid):
        return {"x": EMPTY, "y": EMPTY}
    low, high = scene.fit.band(grid, scene.request.level, scene.request.band)
    finite = np.isfinite(low) & np.isfinite(high)
    if not finite.any():
        return {"x": EMPTY, "y": EMPTY}
    if finite.all():
        return {"x": there_and_back(grid), "y": np.concatenate([low, high[::-1]])}
    x, low, high = grid[finite], low[finite], high[finite]
    return {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([low, high[::-1]])}


def there_and_back(grid: Array) -> Array:
    """Return the grid followed by its reverse; the same array for the same even grid."""
    low, high = float(grid[0]), float(grid[-1])
    return _round_trip(low, high) if grid is even_grid(low, high) else np.concatenate([grid, grid[::-1]])


@lru_cache(maxsize=32)
def _round_trip(low: float, high: float) -> Array:
    grid = even_grid(low, high)
    return np.concatenate([grid, grid[::-1]])


def _line(grid: Array, y: Array) -> Columns:
    """Return a line without the points at which an exponential is beyond all numbers."""
    finite = np.isfinite(y)
    return {"x": grid, "y": y} if finite.all() else {"x": grid[finite], "y": y[finite]}


def _components(fitted: Fit, grid: Array) -> dict[str, Columns]:
    """Each of several peaks on the baseline, one after the other in a single line with gaps, and the baseline.

    A single peak on its baseline is the fit itself.
    """
    nothing: Columns = {"x": EMPTY, "y": EMPTY}
    several, below = fitted.peaks > 1, _has_drawn_baseline(fitted)
    if not len(grid) or not (several or below):
        return {"components": nothing, "baseline": dict(nothing)}
    *parts, baseline = fitted.components(grid)
    drawn: dict[str, Columns] = {"components": nothing, "baseline": _line(grid, baseline) if below else nothing}
    if several:
        heights = [abs(amplitude) for amplitude, _, _ in peak.peak_parameters(fitted.values)]
        lines = [
            np.append(np.where(np.abs(part) > FAINT * height, _drawable(baseline + part), np.nan), np.nan)
            for part, height in zip(parts, heights, strict=True)
        ]
        drawn["components"] = {"x": repeated(grid, fitted.peaks), "y": np.concatenate(lines)}
    return drawn


def _drawable(y: Array) -> Array:
    return np.where(np.isfinite(y), y, np.nan)


def _has_drawn_baseline(fitted: Fit) -> bool:
    """Whether there is a baseline to draw: what a constant one under a single peak is, the fit itself shows."""
    return fitted.baseline != "none" and (fitted.peaks > 1 or fitted.baseline != "constant")


def repeated(grid: Array, times: int) -> Array:
    """Return the grid again and again, with a gap after each; the same array for the same even grid."""
    low, high = float(grid[0]), float(grid[-1])
    return _again(low, high, times) if grid is even_grid(low, high) else _with_gaps(grid, times)


@lru_cache(maxsize=32)
def _again(low: float, high: float, times: int) -> Array:
    return _with_gaps(even_grid(low, high), times)


def _with_gaps(grid: Array, times: int) -> Array:
    return np.tile(np.append(grid, np.nan), times)


Hook = Callable[[object, object], None]
"""What HoloViews calls with a plot and its element once the Bokeh models are there."""


def fit_overlay(first: Mapping[str, Columns], hook: Callable[[str], Hook]) -> hv.Overlay:
    """Draw data, truth, fit and band; `hook(name)` is called with the models of each glyph."""
    dimensions = ("x", "y")
    points = hv.Scatter(_pairs(first["data"]), *dimensions, label="data").opts(
        backend="bokeh", color=DATA, size=MARKER, line_color=None
    )
    truth = hv.Curve(_pairs(first["truth"]), *dimensions, label="truth").opts(
        backend="bokeh", color=TRUTH, line_dash="dashed", line_width=2
    )
    fitted = hv.Curve(_pairs(first["fit"]), *dimensions, label="fit").opts(backend="bokeh", color=FIT, line_width=2.5)
    components = hv.Curve(_pairs(first["components"]), *dimensions, label="components").opts(
        backend="bokeh", color=COMPONENT, line_width=1.5
    )
    baseline = hv.Curve(_pairs(first["baseline"]), *dimensions, label="baseline").opts(
        backend="bokeh", color=LEFT_OUT, line_width=1.2, line_dash="dotted"
    )
    left_out = hv.Scatter(_pairs(first["left out"]), *dimensions, label="left out").opts(
        backend="bokeh", color=None, line_color=LEFT_OUT, size=MARKER
    )
    bars = hv.Segments(_segments(first["error bars"]), ["x", "y", "x1", "y1"]).opts(
        backend="bokeh", color=DATA, line_alpha=0.6
    )
    band = hv.Area(([0.0, 1.0], [0.0, 0.0], [0.0, 0.0]), "x", ["y", "top"], label="band").opts(
        backend="bokeh", color=FIT, alpha=0.22, line_color=None
    )
    parts = {
        "band": band,
        "left out picture": _picture_element(LEFT_OUT),
        "data picture": _picture_element(DATA),
        "error bars": bars,
        "data": points,
        "left out": left_out,
        "baseline": baseline,
        "components": components,
        "truth": truth,
        "fit": fitted,
    }
    return overlay(
        parts,
        hook,
        height=310,
        xlabel="",
        legend_position="top",
        legend_cols=4,
        toolbar="right",
        **_TOOLS,
    )


def overlay(parts: Mapping[str, hv.Element], hook: Callable[[str], Hook], **options: object) -> hv.Overlay:
    """Lay elements over one another; `hook(name)` is called with the models of each glyph, and of the figure last."""
    elements = [part.opts(backend="bokeh", hooks=[hook(name)], show_legend=True) for name, part in parts.items()]
    return hv.Overlay(elements).opts(backend="bokeh", hooks=[hook("figure")], responsive=True, **options)


def residual_overlay(first: Mapping[str, Columns], hook: Callable[[str], Hook]) -> hv.Overlay:
    """Draw residuals in units of the standard error of a point, about zero."""
    points = hv.Scatter(_pairs(first["residuals"]), "x", "y").opts(
        backend="bokeh", color=DATA, size=MARKER - 1, line_color=None
    )
    parts = {"residuals picture": _picture_element(DATA), "residuals": points}
    elements = [element.opts(backend="bokeh", hooks=[hook(name)]) for name, element in parts.items()]
    zero = hv.HLine(0).opts(backend="bokeh", color=FIT, line_width=1.5)
    return hv.Overlay([*elements, zero]).opts(
        backend="bokeh",
        hooks=[hook("figure")],
        responsive=True,
        height=165,
        ylabel="residual / σ",
        show_legend=False,
        toolbar=None,
        **_TOOLS,
    )


_TOOLS = {"active_tools": [], "default_tools": ["pan", "box_zoom", "wheel_zoom", "save", "reset"]}


def _pairs(columns: Columns) -> tuple[object, object]:
    return columns["x"], columns["y"]


def _segments(columns: Columns) -> tuple[object, ...]:
    return columns["x"], columns["y"], columns["x1"], columns["y1"]


def _picture_element(color: str) -> hv.Image:
    """One color where there is ink and nothing elsewhere."""
    return hv.Image(np.zeros((2, 2)), bounds=(0, 0, 1, 1)).opts(backend="bokeh", cmap=["#00000000", color], clim=(0, 1))

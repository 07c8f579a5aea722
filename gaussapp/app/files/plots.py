"""The trend of a quantity over several files as a plot: its columns and what is drawn of them; no state."""

from __future__ import annotations

from collections.abc import Callable

import holoviews as hv
import numpy as np

from gaussapp.app.files.rows import Trend
from gaussapp.app.live import Range
from gaussapp.app.plots import DATA, EMPTY, FIT, LEFT_OUT, Columns, Hook, overlay

MOST_ERRORS = 4.0
"""Times the range of the values that errors may widen it: one that says nothing must not hide all others."""


def columns(trend: Trend, names: list[str], shown: int | None) -> dict[str, Columns]:
    """Columns of every glyph, by the glyph's name; `names` are those of all files."""
    there = np.isfinite(trend.error)
    x, value, error = trend.x[there], trend.value[there], trend.error[there]
    labels = np.array([names[i] for i in trend.position])
    here = trend.position == shown
    good = trend.trustworthy
    return {
        "errors": {"x": x, "y": value - error, "x1": x, "y1": value + error},
        "good": {"x": trend.x[good], "y": trend.value[good], "name": labels[good]},
        "doubtful": {"x": trend.x[~good], "y": trend.value[~good], "name": labels[~good]},
        "shown": {"x": trend.x[here], "y": trend.value[here]},
    }


def extent(trend: Trend) -> tuple[Range, Range]:
    """Return what has to be in view of both axes."""
    if not trend.x.size:
        return (0.0, 1.0), (0.0, 1.0)
    low, high = float(trend.value.min()), float(trend.value.max())
    reach = MOST_ERRORS * (high - low) or np.inf
    error = np.where(np.isfinite(trend.error), trend.error, 0.0)
    lowest, highest = float((trend.value - error).min()), float((trend.value + error).max())
    return (float(trend.x.min()), float(trend.x.max())), (max(lowest, low - reach), min(highest, high + reach))


def nearest(trend: Trend, x: float, y: float, across: Range, upwards: Range) -> int | None:
    """Return which file is drawn nearest to a place, as the eye sees it; None if there is none near."""
    if not trend.x.size:
        return None
    width, height = across[1] - across[0], upwards[1] - upwards[0]
    # The plot is about three times as wide as it is high.
    distance = np.hypot(3.0 * (trend.x - x) / width, (trend.value - y) / height)
    closest = int(np.argmin(distance))
    return int(trend.position[closest]) if distance[closest] < 0.12 else None


def trend_overlay(hook: Callable[[str], Hook]) -> hv.Overlay:
    """Draw a trend, empty; `hook(name)` is called with the models of each glyph."""
    point = (EMPTY, EMPTY)
    parts = {
        "errors": hv.Segments([(0.0, 0.0, 0.0, 0.0)], ["x", "y", "x1", "y1"]).opts(
            backend="bokeh", color=LEFT_OUT, line_width=1.5
        ),
        "good": hv.Scatter(point, "x", "y", label="good").opts(backend="bokeh", color=DATA, size=6, line_color=None),
        "doubtful": hv.Scatter(point, "x", "y", label="doubtful").opts(
            backend="bokeh", color=FIT, size=8, marker="triangle", line_color=None
        ),
        "shown": hv.Scatter(point, "x", "y", label="shown").opts(
            backend="bokeh", fill_color=None, line_color=LEFT_OUT, line_width=2.5, size=17
        ),
    }
    return overlay(
        parts,
        hook,
        height=290,
        legend_position="top",
        legend_cols=2,
        toolbar=None,
        default_tools=[],
    )

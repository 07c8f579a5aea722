"""The plot of a plan: precision against what may be changed, with the present, the target and the answer; no state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import holoviews as hv
import numpy as np
from bokeh.models import FixedTicker, Plot, PrintfTickFormatter

from gaussapp.app.live import Labels, Range, settled
from gaussapp.app.plots import DATA, EMPTY, FIT, TRUTH, Columns, Hook, overlay
from gaussapp.app.precision.plots import BOUND
from gaussapp.planning import VARIED, Plan

PRESENT = "#E69F00"
"""Okabe-Ito again, for what there is now."""

MOST_TICKS = 8
FACTORS = ([tenth / 10 for tenth in range(10, 100)], (1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1,))
"""What a decade may be labelled at, from the finest to the coarsest."""

REACH = 30.0
"""Of precisions that are worse than all that matters by more than this factor nothing is shown."""

LEGEND = {"bound": "bound", "target": "target", "present": "now", "answer": "answer", "spread": "simulated", "bars": ""}


@dataclass(frozen=True)
class Check:
    """How far the estimates of simulated experiments spread, and the standard error of that.

    `at` is where the experiments are on the axis of what is varied, `bound` what was expected, and `done`, `runaways`
    and `points` the numbers of experiments, of fits among them that ran away, and of points of each.
    """

    at: float
    spread: float
    error: float
    bound: float
    done: int
    runaways: int
    points: int


def columns(plan: Plan, quantity: str, checks: Mapping[str, Check], x: Range) -> dict[str, Columns]:
    """Columns of every glyph, by the glyph's name; `x` is what is in view across."""
    curve = np.asarray(plan.precision[quantity])
    there = np.isfinite(curve) & (curve > 0.0)
    target = plan.targets[quantity]
    shown = [check for check in checks.values() if is_shown(check.spread)]
    at, spread, error = (np.array([getattr(check, name) for check in shown]) for name in ("at", "spread", "error"))
    return {
        "bound": {"x": plan.varied[there], "y": curve[there]},
        "target": {"x": np.array(x), "y": np.array([target, target])},
        "present": _point(plan.present_at, plan.present_bound[quantity]),
        "answer": _point(plan.value_at, plan.bound[quantity]),
        "bars": {"x": at, "y": np.maximum(spread - error, 0.01 * spread), "x1": at, "y1": spread + error},
        "spread": {"x": at, "y": spread},
    }


def is_shown(value: float) -> bool:
    """Tell whether a number has a place on a logarithmic axis."""
    return 0.0 < value < math.inf


def _point(x: float, y: float) -> Columns:
    if not (is_shown(x) and is_shown(y)):
        return {"x": EMPTY, "y": EMPTY}
    return {"x": np.array([x]), "y": np.array([y])}


def extents(plan: Plan, quantity: str, checks: Mapping[str, Check]) -> tuple[Range, Range]:
    """Return what has to be in view across and upwards."""
    across = [*plan.varied, *filter(is_shown, (plan.present_at, plan.value_at))]
    marked = [plan.targets[quantity], plan.bound[quantity], plan.present_bound[quantity]]
    marked = [*filter(is_shown, [*marked, *(check.spread for check in checks.values())])]
    curve = [y for y in plan.precision[quantity] if is_shown(y) and y < REACH * max(marked)]
    return (min(across), max(across)), (min([*marked, *curve]), max([*marked, *curve]))


def settled_on_log_axis(now: Range | None, low: float, high: float) -> Range:
    """Return what `settled` does, of the logarithms."""
    before = None if now is None else (math.log10(now[0]), math.log10(now[1]))
    after = settled(before, math.log10(low), math.log10(high))
    return now if now is not None and after == before else (10.0 ** after[0], 10.0 ** after[1])


def ticks(low: float, high: float) -> list[float]:
    """Return where a logarithmic axis is labelled: at round numbers, at as many as there is room for.

    Bokeh's own ticks are evenly spaced over less than two decades, and crowd at the far end.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in FACTORS:
        made = [float(f"{factor}e{power}") for power in powers for factor in factors]
        made = [tick for tick in made if low <= tick <= high]
        if len(made) <= MOST_TICKS:
            break
    return made[:: max(1, math.ceil(len(made) / MOST_TICKS))]


def set_ticks(figure: Plot) -> None:
    """Label the axes of a drawn plot for what is in view."""
    for axis, range_ in ((figure.xaxis[0], figure.x_range), (figure.yaxis[0], figure.y_range)):
        wanted = ticks(range_.start, range_.end)
        if not isinstance(axis.ticker, FixedTicker) or axis.ticker.ticks != wanted:
            axis.update(ticker=FixedTicker(ticks=wanted, minor_ticks=[]), formatter=PrintfTickFormatter(format="%.6g"))


def labels(plan: Plan, quantity: str, checks: Mapping[str, Check]) -> Labels:
    """Return what is written beside the axes and in the legend."""
    legend = dict(LEGEND)
    if not checks:
        legend["spread"] = ""
    if not plan.reachable:
        legend["answer"] = "best" if is_shown(plan.bound[quantity]) else ""
    spelled = quantity.replace("fwhm", "FWHM")
    return Labels(VARIED[plan.vary], f"standard deviation of the {spelled}", legend)


def plan_overlay(hook: Callable[[str], Hook]) -> hv.Overlay:
    """Draw the plot, empty; `hook(name)` is called with the models of each glyph."""
    point, line = ([1.0], [1.0]), ([1.0, 2.0], [1.0, 2.0])
    parts = {
        "bound": hv.Curve(line, "x", "y", label="bound").opts(backend="bokeh", color=BOUND, line_width=2.5),
        "target": hv.Curve(line, "x", "y", label="target").opts(
            backend="bokeh", color=TRUTH, line_dash="dashed", line_width=2
        ),
        "present": hv.Scatter(point, "x", "y", label="now").opts(
            backend="bokeh", color=PRESENT, size=12, marker="square", line_color="white"
        ),
        "answer": hv.Scatter(point, "x", "y", label="answer").opts(
            backend="bokeh", color=FIT, size=16, marker="diamond", line_color="white"
        ),
        "bars": hv.Segments([(1.0, 1.0, 1.0, 1.0)], ["x", "y", "x1", "y1"], label="bars").opts(
            backend="bokeh", color=DATA, line_width=3
        ),
        "spread": hv.Scatter(point, "x", "y", label="simulated").opts(
            backend="bokeh", fill_color=None, line_color=DATA, line_width=2.5, size=20
        ),
    }
    return overlay(
        parts,
        hook,
        height=360,
        logx=True,
        logy=True,
        legend_position="top",
        legend_cols=3,
        toolbar=None,
        default_tools=[],
    )

"""The side bar, generated from the Parameterized classes: a parameter that is added there appears here."""

from __future__ import annotations

from collections.abc import Iterable

import panel as pn
import panel_material_ui as pmui
import param

COMPACT = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 10)}

AT_ONCE = {"& .MuiSlider-thumb, & .MuiSlider-track": {"transition": "none"}}
"""The handle follows without gliding: the glide repaints the page for 150 ms, just while the plots want to be painted."""


def control(owner: param.Parameterized, name: str) -> pn.widgets.Widget:
    """Make the widget for one parameter, linked both ways.

    Numbers get a slider that can also be typed into: the slider spans the soft bounds, typing reaches the hard ones.
    """
    parameter = owner.param[name]
    if isinstance(parameter, param.Event):
        return pmui.Button.from_param(parameter, variant="outlined", **COMPACT)
    if isinstance(parameter, param.Boolean):
        return pmui.Switch.from_param(parameter, **COMPACT)
    if isinstance(parameter, param.Selector):
        return pmui.Select.from_param(parameter, **COMPACT)
    if isinstance(parameter, param.Range):
        return _slider(pmui.EditableRangeSlider, parameter)
    if isinstance(parameter, param.Integer):
        return _slider(pmui.EditableIntSlider, parameter)
    return _slider(pmui.EditableFloatSlider, parameter)


def _slider(kind: type[pn.widgets.Widget], parameter: param.Number) -> pn.widgets.Widget:
    fixed = dict(zip(("fixed_start", "fixed_end"), parameter.bounds or (None, None), strict=True))
    low, high = parameter.get_soft_bounds()
    slider = kind.from_param(
        parameter,
        start=low,
        end=high,
        step=parameter.step or 0.01,
        format="0[.][0000]",
        inline_layout=True,
        sx=AT_ONCE,
        **fixed,
        **COMPACT,
    )
    # Panel waits 50 ms before it handles a widget's event, which is most of what a move takes here. A change of a priority
    # property is handled at once; events that arrive while one is being handled are still merged (see live.Pace).
    slider._priority_changes = ["value"]
    # Showing the page as busy and idle again would cost two walks over all its models for every move.
    slider._busy__ignore = ["value", "value_throttled"]
    return slider


def section(title: str, *contents: object) -> pmui.Card:
    """Group controls under a heading that folds them away."""
    return pmui.Card(
        *contents, title=title, collapsible=True, sizing_mode="stretch_width", margin=(4, 6), variant="outlined"
    )


def controls(owner: param.Parameterized, names: Iterable[str]) -> list[pn.widgets.Widget]:
    """Make the widgets for several parameters of one object."""
    return [control(owner, name) for name in names]

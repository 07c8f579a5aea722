"""The side bar, generated from the Parameterized classes: a parameter that is added there appears here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import panel as pn
import panel_material_ui as pmui
import param

COMPACT = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 10)}

NO_GLIDE = {"& .MuiSlider-thumb, & .MuiSlider-track": {"transition": "none"}}
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
    if isinstance(parameter, param.Range) and parameter.allow_None:
        return pmui.LiteralInput.from_param(parameter, placeholder="all; or (low, high)", **COMPACT)
    if isinstance(parameter, param.Range):
        return _slider(RangeSlider, parameter)
    if isinstance(parameter, param.Integer):
        return _slider(IntSlider, parameter)
    return _slider(FloatSlider, parameter)


class AtOnce:
    """A slider whose moves are handled within the message that brings them.

    Panel waits 50 ms before it handles a widget's event and then shows the page as busy, which makes
    panel-material-ui's page render itself again, twice a move. Here neither happens. What keeps a fast drag from piling up
    is `live.Pace`.
    """

    _busy__ignore: ClassVar[list[str]] = ["value", "value_throttled"]

    def _server_change(self, doc, ref, subpath, attr, old, new):
        if attr != "value":
            super()._server_change(doc, ref, subpath, attr, old, new)
        elif attr in self._changing.get(ref, []):
            self._changing[ref].remove(attr)
        else:
            self._events[attr] = tidy(new)
            try:
                self._change_event(doc)
            except Exception as error:
                pn.state._handle_exception(error)


def tidy(value: object) -> object:
    """Drop the digits that only come from adding steps: 2.9200000000000017 is 2.92."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return [tidy(part) for part in value] if isinstance(value, list | tuple) else value


class FloatSlider(AtOnce, pmui.EditableFloatSlider):
    """A slider for a number."""


class IntSlider(AtOnce, pmui.EditableIntSlider):
    """A slider for a whole number."""


class RangeSlider(AtOnce, pmui.EditableRangeSlider):
    """A slider with two handles."""


def _slider(kind: type[pn.widgets.Widget], parameter: param.Number) -> pn.widgets.Widget:
    fixed = dict(zip(("fixed_start", "fixed_end"), parameter.bounds or (None, None), strict=True))
    low, high = parameter.get_soft_bounds()
    return kind.from_param(
        parameter,
        start=low,
        end=high,
        step=parameter.step or 0.01,
        format="0[.][0000]",
        inline_layout=True,
        sx=NO_GLIDE,
        **fixed,
        **COMPACT,
    )


def section(title: str, *contents: object) -> pmui.Card:
    """Group controls under a heading that folds them away."""
    return pmui.Card(
        *contents, title=title, collapsible=True, sizing_mode="stretch_width", margin=(4, 6), variant="outlined"
    )


def controls(owner: param.Parameterized, names: Iterable[str]) -> list[pn.widgets.Widget]:
    """Make the widgets for several parameters of one object."""
    return [control(owner, name) for name in names]

"""The side bar, generated from the Parameterized classes: a parameter that is added there appears here."""

from __future__ import annotations

from collections.abc import Iterable

import panel as pn
import panel_material_ui as pmui
import param

from gaussapp.app.slider import Amount, AtOnce, Ends, Slider

COMPACT = {"size": "small", "sizing_mode": "stretch_width", "margin": (4, 10)}


class Menu(pmui.Select):
    """A menu whose choices change: a browser may still name one of those that it has just been told are gone."""

    def _process_property_change(self, props: dict[str, object]) -> dict[str, object]:
        if props.get("value", "") not in ("", *self.labels, *self.unicode_values):
            props = {name: value for name, value in props.items() if name != "value"}
        return super()._process_property_change(props)


def control(owner: param.Parameterized, name: str) -> pn.viewable.Viewable:
    """Make the control for one parameter, linked both ways."""
    parameter = owner.param[name]
    if isinstance(parameter, param.Event):
        # A description would become the button's name for screen readers.
        return pmui.Button.from_param(parameter, variant="outlined", description="", **COMPACT)
    if isinstance(parameter, param.Boolean):
        return pmui.Switch.from_param(parameter, **COMPACT)
    if isinstance(parameter, param.Selector):
        return pmui.Select.from_param(parameter, **COMPACT)
    if isinstance(parameter, param.Range):
        return _linked(
            Ends(value=getattr(owner, name), optional=parameter.allow_None, **_shared(parameter)), owner, name
        )
    if parameter.allow_None:
        return _linked(Amount(value=getattr(owner, name), **_shared(parameter)), owner, name)
    start, end = parameter.get_soft_bounds()
    whole = isinstance(parameter, param.Integer)
    step = parameter.step or (1 if whole else 0.01)
    slider = Slider(value=getattr(owner, name), start=start, end=end, step=step, whole=whole, **_shared(parameter))

    def widen(_event: param.parameterized.Event) -> None:
        start, end = parameter.get_soft_bounds()
        slider.param.update(start=start, end=end)

    owner.param.watch(widen, name, what="softbounds")
    return _linked(slider, owner, name)


def controls(owner: param.Parameterized, names: Iterable[str]) -> list[pn.viewable.Viewable]:
    """Make the controls for several parameters of one object."""
    return [control(owner, name) for name in names]


def section(title: str, *contents: object) -> pmui.Card:
    """Group controls under a heading that folds them away."""
    return pmui.Card(
        *contents, title=title, collapsible=True, sizing_mode="stretch_width", margin=(4, 6), variant="outlined"
    )


def _shared(parameter: param.Number | param.Range) -> dict[str, object]:
    low, high = parameter.bounds or (None, None)
    return {
        "label": parameter.label,
        "description": " ".join((parameter.doc or "").split()),
        "low": low,
        "high": high,
        "sizing_mode": "stretch_width",
        "margin": (2, 10),
    }


def _linked(widget: AtOnce, owner: param.Parameterized, name: str) -> AtOnce:
    """Keep a control and its parameter the same; what the parameter refuses is put back."""

    def to_parameter(event: param.parameterized.Event) -> None:
        try:
            setattr(owner, name, _whole(owner.param[name], event.new) if widget.whole else event.new)
        except (ValueError, TypeError):
            widget.value = getattr(owner, name)
            raise

    def to_widget(event: param.parameterized.Event) -> None:
        widget.value = event.new

    widget.param.watch(to_parameter, "value")
    owner.param.watch(to_widget, name)
    return widget


def _whole(parameter: param.Integer, number: float) -> int:
    """Return what a slider reports, always a float, as the whole number it has to be."""
    if not float(number).is_integer():
        raise ValueError(f"{parameter.label} must be a whole number, not {number!r}")
    return int(number)

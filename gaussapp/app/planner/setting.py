"""Puts what was planned on the sliders: in few digits, and with room on the slider for it."""

from __future__ import annotations

import math

from gaussapp.model import GaussianModel
from gaussapp.planning import Plan
from gaussapp.planning.design import Setting, place_on_axis


def rounded(plan: Plan) -> Setting:
    """Return what was planned in few digits, on the side on which the target is still met."""
    value = plan.value
    if isinstance(value, tuple):
        step = 10.0 ** (math.floor(math.log10(place_on_axis(value))) - 3)
        low, high = (round(end / step) * step for end in value)
        return float(f"{low:.9g}"), float(f"{high:.9g}")
    if isinstance(value, int):
        return value
    step = 10.0 ** (math.floor(math.log10(value)) - 3)
    return float(f"{math.floor(value / step * (1 + 1e-12)) * step:.9g}")


def widen(model: GaussianModel, name: str, value: float) -> None:
    """Widen the range of a slider so that it holds a value."""
    parameter = model.param[name]
    low, high = parameter.get_soft_bounds()
    if value > high:
        power = 10.0 ** math.floor(math.log10(value))
        high = next(type(high)(factor * power) for factor in (1, 2, 5, 10) if factor * power >= value)
        parameter.softbounds = (low, min(high, parameter.bounds[1]))
    elif value < low:
        parameter.softbounds = (value, high)


def set_sliders(model: GaussianModel, plan: Plan) -> None:
    """Change a model to what was planned.

    Raises
    ------
    ValueError
        If the model does not take it.
    """
    value = rounded(plan)
    model.param[plan.vary]._validate(value)  # what assignment runs, without assigning
    if not isinstance(value, tuple):
        widen(model, plan.vary, value)
    model.param.update(**{plan.vary: value})


def why_not(plan: Plan | None, model: GaussianModel | None) -> str:
    """Return why there is nothing to set; empty if there is."""
    if model is None:
        return "Measured data stay as they are: there is no slider to set."
    if plan is None:
        return "There is no plan yet that could be set."
    if not plan.reachable and plan.vary != "window":
        return "The target cannot be reached, so nothing is set: type a larger one, or change something else."
    return ""

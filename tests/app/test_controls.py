"""The side bar: every parameter has a control, both stay the same, and the parameter has the last word."""

import contextlib

import panel_material_ui as pmui
import param
import pytest

from gaussapp.app.controls import Menu, control
from gaussapp.app.slider import Ends, Slider
from gaussapp.app.state import ON_THE_PAGE, FitSettings, settable
from gaussapp.app.view import GROUPS
from gaussapp.model import GaussianModel

ALL = [(kind, name) for kind in (GaussianModel, FitSettings) for name in settable(kind()) if name not in ON_THE_PAGE]


def test_every_parameter_of_the_model_has_its_place():
    placed = [name for names in GROUPS.values() for name in names]
    assert sorted(placed) == sorted([*settable(GaussianModel()), "new_noise"])


@pytest.mark.parametrize(("kind", "name"), ALL, ids=[name for _, name in ALL])
def test_every_control_shows_its_parameter_and_its_name(kind, name):
    owner = kind()
    widget = control(owner, name)
    assert widget.label == owner.param[name].label
    assert widget.value == getattr(owner, name)


OTHERS = {
    "amplitude": -2.5,
    "center": 1.25,
    "width": 0.75,
    "noise": 0.0,
    "offset": 0.5,
    "seed": 7,
    "samples": 100,
    "window": (-1.0, 4.0),
    "sigma_known": True,
    "baseline": "linear",
    "peaks": 2,
    "same_width": True,
    "loss": "poisson",
    "level": 0.68,
    "intervals": "profile",
    "band": "none",
    "errors": "scaled",
    "fit_range": (0.0, 1.0),
    "distribution": GaussianModel.param.distribution.objects[-1],
}


@pytest.mark.parametrize(("kind", "name"), ALL, ids=[name for _, name in ALL])
def test_control_and_parameter_stay_the_same(kind, name):
    owner = kind()
    widget = control(owner, name)
    widget.value = OTHERS[name]
    assert getattr(owner, name) == OTHERS[name]
    assert type(getattr(owner, name)) is type(OTHERS[name])
    setattr(owner, name, kind.param[name].default)
    assert widget.value == kind.param[name].default


def test_numbers_have_a_slider_over_the_soft_bounds_and_can_be_typed_up_to_the_hard_ones():
    owner = GaussianModel()
    for name in settable(owner):
        parameter = owner.param[name]
        if isinstance(parameter, param.Number) and not isinstance(parameter, param.Boolean):
            widget = control(owner, name)
            assert isinstance(widget, Slider)
            assert (widget.start, widget.end) == parameter.softbounds
            assert (widget.low, widget.high) == parameter.bounds
            assert widget.step == parameter.step
            assert widget.whole is isinstance(parameter, param.Integer)


def test_a_wider_slider_is_a_matter_of_the_parameter():
    owner = GaussianModel()
    owner.param.center.softbounds = (-50.0, 50.0)
    assert (control(owner, "center").start, control(owner, "center").end) == (-50.0, 50.0)


def test_a_range_that_may_be_empty_says_so():
    assert control(FitSettings(), "fit_range").optional
    assert not control(GaussianModel(), "window").optional
    assert isinstance(control(GaussianModel(), "window"), Ends)


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", -1.0), ("width", 0.0), ("noise", -0.1), ("center", float("nan")), ("center", float("inf"))],
)
def test_what_the_parameter_refuses_is_put_back(name, value):
    owner = GaussianModel()
    widget, before = control(owner, name), getattr(owner, name)
    with pytest.raises(ValueError, match=name):
        widget.value = value
    assert getattr(owner, name) == before
    assert widget.value == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -3.0, 1e300])
def test_a_whole_number_that_is_none_is_put_back(value):
    owner = GaussianModel()
    widget = control(owner, "samples")
    with pytest.raises((ValueError, TypeError, OverflowError)):
        widget.value = value
    assert owner.samples == 25
    assert widget.value == 25


def test_a_fraction_of_a_point_is_not_left_standing():
    owner = GaussianModel()
    widget = control(owner, "samples")
    with contextlib.suppress(ValueError, TypeError):
        widget.value = 25.7
    assert widget.value == owner.samples


@pytest.mark.parametrize("value", [(2.0, 1.0), (1.0, 1.0), (float("nan"), 1.0), (0.0, 1e9)], ids=str)
def test_a_range_that_is_none_is_put_back(value):
    owner = GaussianModel()
    widget = control(owner, "window")
    with pytest.raises(ValueError, match="window"):
        widget.value = value
    assert owner.window == (-2.0, 2.0)
    assert widget.value == (-2.0, 2.0)


def test_the_action_is_a_button_that_acts():
    owner = GaussianModel()
    button = control(owner, "new_noise")
    assert isinstance(button, pmui.Button)
    seed = owner.seed
    button.value = True  # what a click does
    assert owner.seed == seed + 1


def test_a_menu_does_not_hear_of_choices_that_are_gone():
    menu = Menu(label="x", options=["x", "y"], value="x")
    menu._process_events({"value": "wavelength"})  # what a browser had shown when other choices came
    assert menu.value == "x"
    menu._process_events({"value": "y"})
    assert menu.value == "y"

"""The table of parameters as a control: values, bounds and ties that are typed, shown and taken away."""

import html
import math
import re

import pytest

from gaussapp.app.hands import shown_value
from gaussapp.app.state import FitSettings, changed, from_query, to_query

from .conftest import ask, centers, three_peaks


def test_a_lock_holds_the_value_that_is_shown_and_releases_it(shown):
    app = shown.app
    seen = shown_value(app.fit, "width")
    ask(app, action="lock", name="width")
    assert app.settings.fixed == {"width": seen} == {"width": 0.43}
    assert app.fit.values["width"] == 0.43
    assert "held" in shown.table
    assert 'data-name="width" aria-pressed="true"' in app._results.form
    ask(app, action="lock", name="width")
    assert app.settings.fixed == {}
    assert 'data-name="width" aria-pressed="false"' in app._results.form


def test_a_typed_value_is_held(app):
    ask(app, action="hold", name="center", value="0.25")
    assert app.fit.values["center"] == 0.25
    assert app.fit.dof == len(app.fit.x) - 3


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("center", "here", "a number"),
        ("center", "nan", "a number"),
        ("width", "-1", "above zero"),
        ("width", ">=", "a bound"),
        ("center", "0.1 + 0.2", "a number"),
        ("width", "= 2 * centre", "'centre', which is not a parameter of this fit"),
        ("width", "= amplitude * center", "a tie such as"),
        ("width", "= 2 * width", "ties go in a circle"),
        ("width", "2..1", "low 2.0 is above high 1.0"),
        ("width", "<= -1", "a width must be above zero"),
    ],
)
def test_what_cannot_be_held_is_told_and_changes_nothing(name, value, words, app):
    before = app.fit
    ask(app, action="hold", name=name, value=value)
    assert words in html.unescape(app._message.object)
    assert changed([app.settings]) == {}
    assert app.fit is before


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"action": "__class__"},
        {"action": "lock"},
        {"action": "lock", "name": "<script>"},
        {"action": "hold", "name": "noise", "value": "1"},
        {"action": "hold", "name": ["width"], "value": {"a": math.nan}},
        {"action": "free"},
        {"action": "free", "name": "width", "what": "tie"},
        {"action": "free", "name": ["width"], "what": "low"},
        {"action": "hold", "name": "width", "value": "= __import__('os')"},
        {"action": "remove", "peak": "²"},
        {"action": "remove", "peak": -1},
        {"action": "loss", "value": "cauchy"},
        {"action": "loss"},
        {"action": None, 3: 4},
        "lock",
        None,
    ],
    ids=str,
)
def test_any_message_of_a_client_leaves_the_page_alive(asked, app):
    app._results._handle_msg(asked)
    assert changed([app.settings]) == {}
    assert app.fit is not None


def test_what_is_held_travels_in_the_address(app):
    app.settings.param.update(peaks=2, fixed={"width_1": 0.5, "center_2": 1.0}, start={"center_1": 0.25})
    query = to_query([app.settings])
    assert query == "?peaks=2&fixed=width_1:0.5,center_2:1.0&start=center_1:0.25"
    other = FitSettings()
    assert from_query(query, [other]) == []
    assert (other.fixed, other.start) == (app.settings.fixed, app.settings.start)


def test_what_is_held_follows_the_model(app, counts):
    app.settings.fixed = {"width": 0.5, "offset": 0.0}
    counts.taken()
    app.settings.peaks = 2
    assert app.settings.fixed == {"width_1": 0.5, "offset": 0.0}
    assert counts.taken()[1] == 1
    app.settings.baseline = "none"
    assert app.settings.fixed == {"width_1": 0.5}
    app.settings.fixed = {"width_2": 0.4}
    app.settings.same_width = True
    assert app.settings.fixed == {}
    assert app.fit.values["width_1"] == app.fit.values["width_2"]
    app.settings.param.update(peaks="auto", same_width=False)
    assert app.fit is not None


def test_a_sentence_about_what_was_typed_goes_when_it_is_put_right(app):
    ask(app, action="hold", name="width", value="here")
    assert app._message.visible
    ask(app, action="hold", name="width", value="0.5")
    assert not app._message.visible


def test_the_last_free_parameter_is_not_held_and_a_sentence_says_so(app):
    ask(app, action="hold", name="width", value="0.5")
    for name in ("amplitude", "center", "offset"):
        ask(app, action="lock", name=name)
    assert set(app.settings.fixed) == {"width", "amplitude", "center"}
    assert app.fit is not None
    assert "all parameters are fixed" in app._message.object


def test_all_parameters_held_is_a_sentence_with_a_way_out(app):
    app.settings.fixed = {"width": 0.5, "amplitude": 3.0, "center": 0.0, "offset": 0.0}
    assert app.fit is None
    assert "all parameters are fixed" in app.problem
    assert 'data-action="release"' in app._results.form
    ask(app, action="release")
    assert app.fit is not None


def test_a_held_parameter_that_does_not_exist_is_a_sentence_with_a_way_out(app):
    app.settings.fixed = {"slope": 1.0}
    assert "slope" in app.problem
    ask(app, action="release")
    assert app.fit is not None


# Bounds and ties -----------------------------------------------------------------------------------------------------


def chips(app):
    """What is imposed according to the table: (parameter, what) of every button that takes it away."""
    return re.findall(r'data-action="free" data-name="(\w+)" data-what="(\w+)"', app._results.form)


def test_a_bound_is_typed_kept_exactly_shown_and_taken_away(shown):
    app = shown.app
    free = app.fit.values["width"]
    ask(app, action="hold", name="width", value=">= 0,5")
    assert app.settings.bounds == {"width": (0.5, None)}
    assert free < app.fit.values["width"] == 0.5
    assert "bound_active" in [verdict.code for verdict in app.fit.verdicts]
    assert chips(app) == [("width", "low")]
    assert {"≥ 0.5", "at bound"} <= set(shown.table)
    assert 'class="chip reached"' in app._results.form
    ask(app, action="hold", name="width", value="<= 2")
    assert app.settings.bounds == {"width": (0.5, 2.0)}
    ask(app, action="free", name="width", what="low")
    assert app.settings.bounds == {"width": (None, 2.0)}
    assert app.fit.values["width"] == pytest.approx(free)
    assert "at bound" not in shown.table
    ask(app, action="free", name="width", what="high")
    assert changed([app.settings]) == {}
    assert chips(app) == []


def test_a_bound_frees_what_was_held_and_nothing_typed_frees_all(app):
    ask(app, action="hold", name="center", value="0.1")
    ask(app, action="hold", name="center", value="-1..1")
    assert changed([app.settings]) == {"bounds": {"center": (-1.0, 1.0)}}
    ask(app, action="hold", name="center", value="0.1")
    assert app.fit.values["center"] == 0.1
    ask(app, action="hold", name="center", value="3")
    assert "outside its bounds -1.0 to 1.0" in app._message.object
    assert app.fit.values["center"] == 0.1
    ask(app, action="hold", name="center", value="")
    assert changed([app.settings]) == {}


def test_a_lock_at_a_bound_holds_the_bound_and_not_what_rounding_made_of_it(app):
    app.settings.bounds = {"width": (0.500049, None)}
    ask(app, action="lock", name="width")
    assert app.settings.fixed == {"width": 0.500049}
    assert app.fit is not None


def test_a_tie_is_typed_as_the_table_names_it_shown_and_taken_away(shown):
    app = shown.app
    app.data = three_peaks()
    app.settings.peaks = 3
    ask(app, action="hold", name="center_2", value="= center 1 + 6,5")
    ask(app, action="hold", name="width_3", value="0.5 * width_1")
    assert app.settings.ties == {"center_2": "center_1 + 6.5", "width_3": "0.5 * width_1"}
    assert app.fit.values["center_2"] - app.fit.values["center_1"] == pytest.approx(6.5, abs=1e-9)
    assert app.fit.values["width_3"] == pytest.approx(0.5 * app.fit.values["width_1"], rel=1e-12)
    assert {"= center 1 + 6.5", "= 0.5 × width 1"} <= set(shown.table)
    assert chips(app) == [("center_2", "tie"), ("width_3", "tie")]
    assert 'data-action="lock" data-name="width_3"' not in app._results.form
    ask(app, action="lock", name="center_2")
    assert app.settings.fixed == {}
    ask(app, action="hold", name="center_1", value="= center_2 - 6")
    assert "ties go in a circle" in app._message.object
    ask(app, action="hold", name="width_3", value="0.7")
    assert (app.settings.ties, app.settings.fixed) == ({"center_2": "center_1 + 6.5"}, {"width_3": 0.7})
    ask(app, action="free", name="center_2", what="tie")
    assert app.settings.ties == {}


def test_of_one_width_for_all_one_peak_may_be_let_go(app):
    app.data = three_peaks()
    app.settings.param.update(peaks=3, same_width=True)
    assert chips(app) == [("width_2", "tie"), ("width_3", "tie")]
    ask(app, action="free", name="width_2", what="tie")
    assert not app.settings.same_width
    assert app.settings.ties == {"width_3": "width_1"}
    app.settings.same_width = True
    assert app.settings.ties == {}


def test_what_follows_a_held_parameter_is_held_and_has_no_bound_to_reach(shown):
    app = shown.app
    ask(app, action="hold", name="offset", value="= 0.1 * width")
    ask(app, action="hold", name="width", value="0.4")
    assert app.fit.values["offset"] == pytest.approx(0.04)
    assert shown.table.count("held") == 3  # the width, what follows it, and the full width at half maximum
    assert (app.scene.bound["width"], app.scene.bound["offset"]) == (0.0, 0.0)
    assert 0.0 < app.scene.bound["center"] < math.inf


def test_the_bound_to_reach_is_shown_of_what_is_left_free(app):
    free = app.scene.bound
    ask(app, action="hold", name="width", value="0.5")
    assert app.scene.bound["width"] == 0.0
    assert 0.0 < app.scene.bound["amplitude"] < free["amplitude"]
    ask(app, action="hold", name="width", value="0.2..1")
    assert app.scene.bound == free


def test_bounds_and_ties_travel_in_the_address(app):
    imposed = {
        "bounds": {"width_1": (0.5, None), "center_2": (-1.0, 2.5)},
        "ties": {"center_2": "2.0 * center_1 - 1.5"},
    }
    app.settings.param.update(peaks=2, **imposed)
    query = to_query([app.settings])
    assert query == "?peaks=2&bounds=width_1:0.5..,center_2:-1.0..2.5&ties=center_2:2.0%2Acenter_1-1.5"
    other = FitSettings()
    assert from_query(query, [other]) == []
    assert {"bounds": other.bounds, "ties": other.ties} == imposed
    app.reset()
    assert changed([app.settings]) == {}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("bounds=width", "such as width:0.2..3"),
        ("bounds=width:1", "such as width:0.2..3"),
        ("bounds=width:a..b", "such as width:0.2..3"),
        ("bounds=width:..", "it must be a pair"),
        ("bounds=width:nan..", "must be numbers or None"),
        ("bounds=width:3..1", "low 3.0 is above high 1.0"),
        ("bounds=width:-2..-1", "a width must be above zero"),
        ("bounds=%3Cb%3E:1..2", "which is no parameter"),
        ("ties=width_2", "such as width_2:width_1"),
        ("ties=width_2:width_1*width_3", "such as width_2:width_1"),
        ("ties=width_2:Q", "names no parameter"),
        ("fixed=width:big", "such as width:0.5"),
    ],
)
def test_what_makes_no_sense_in_an_address_is_a_sentence(query, words):
    settings = FitSettings()
    (problem,) = from_query("?" + query, [settings])
    assert words in problem
    assert changed([settings]) == {}


def test_an_address_that_contradicts_itself_is_a_sentence_with_a_way_out(app):
    app.settings.param.update(bounds={"center": (0.0, 1.0)}, start={"center": 5.0})
    assert "center is started at 5.0, outside its bounds 0.0 to 1.0" in app.problem
    ask(app, action="release")
    assert app.fit is not None
    assert changed([app.settings]) == {}


def test_bounds_and_ties_follow_the_model_and_go_with_their_parameters(app):
    app.data = three_peaks()
    ties = {"width_3": "width_2", "width_2": "width_1", "offset": "0.0625 * center_1"}
    app.settings.param.update(peaks=3, bounds={"center_3": (20.0, None)}, ties=ties)
    assert centers(app) == pytest.approx([8, 14, 22], abs=0.1)
    ask(app, action="remove", peak="1")
    assert app.settings.bounds == {"center_2": (20.0, None)}
    assert app.settings.ties == {"width_2": "width_1"}
    assert app.fit.values["center_2"] == pytest.approx(22, abs=0.1)
    app._hands.add(8.0)
    assert app.settings.bounds == {"center_2": (20.0, None)}
    assert app.settings.ties == {"width_2": "width_1"}
    app.settings.peaks = 1
    assert (app.settings.bounds, app.settings.ties) == ({}, {})


def test_what_is_known_of_peaks_that_were_counted_by_the_data_belongs_to_their_number(app):
    app.data = three_peaks()
    app.settings.peaks = "auto"
    ask(app, action="hold", name="center_2", value="<= 13.9")
    assert app.settings.peaks == 3
    assert app.fit.values["center_2"] == 13.9


def test_where_a_peak_was_clicked_is_forgotten_when_it_is_held(app):
    app.data = three_peaks()
    app._hands.add(14.0)
    ask(app, action="lock", name="center_2")
    assert app.settings.start == pytest.approx({"center_1": 8, "width_1": 1, "width_2": 1.2}, abs=0.2)
    assert app.fit is not None


def test_a_saved_page_says_what_is_imposed_without_anything_to_click(app):
    from gaussapp.app.results import results

    app.settings.bounds = {"width": (0.1, 2.0)}
    saved = results(app.scene, live=False).html
    assert "≥ 0.1" in saved
    assert "<button" not in saved


def test_what_has_no_error_is_written_to_the_digits_of_its_bound(shown):
    shown.app.settings.bounds = {"width": (0.6, None)}
    assert {"at bound", "0.500", "0.039"} <= set(shown.table)
    assert not [text for text in shown.table if text.startswith(("0.5000", "0.0386"))]

"""Control on the served page: bounds and ties are typed into the table and taken away there, from the first moment on."""

import re

import pytest
from playwright.sync_api import expect

GAUSS = "?mode=My+data&sample=gauss3"


def type_into(app, parameter, text):
    """Type a text into the value of a parameter, with the keyboard alone."""
    cell = app.cell(parameter, "fitted")
    cell.focus()
    cell.press("Enter")
    field = cell.locator("input")
    expect(field).to_be_focused()
    field.fill(text)
    field.press("Enter")
    return cell


def chip(app, name):
    return app.where.get_by_role("button", name=name, exact=True)


def test_a_bound_is_typed_and_taken_away_with_the_keyboard_alone(app):
    cell = type_into(app, "width", ">= 0,6")
    expect(cell).to_have_text("0.6")
    expect(cell).to_be_focused()
    expect(app.cell("width", "error")).to_have_text("at bound")
    expect(app.where.locator('li[data-code="bound_active"]')).to_contain_text("width ended at its bound 0.6")
    app.where.wait_for_url(re.compile(r"bounds=width:0\.6\.\."))
    app.press("center", times=2)
    expect(cell).to_have_text("0.6")
    lower = chip(app, "Remove the lower bound of width")
    expect(lower).to_have_text("≥ 0.6")
    lower.press("Enter")
    expect(lower).to_have_count(0)
    expect(cell).to_be_focused()
    expect(app.where.locator('li[data-code="bound_active"]')).to_have_count(0)


def test_a_tie_is_typed_as_the_table_names_it_and_an_empty_cell_frees_it(open_app):
    app = open_app(GAUSS)
    expect(app.cell("center_2", "fitted")).to_have_text(re.compile(r"\d"))
    cell = type_into(app, "width_2", "= 0.5 * width 1")
    expect(chip(app, "Remove the tie of width 2")).to_have_text("= 0.5 × width 1")
    expect(app.where.get_by_role("button", name="Hold width 2", exact=True)).to_have_count(0)
    assert app.number("width_2", "fitted") == pytest.approx(0.5 * app.number("width_1", "fitted"), rel=0.01)
    cell.click()
    expect(cell.locator("input")).to_have_value("= 0.5 * width_1")
    cell.locator("input").fill("")
    cell.locator("input").press("Enter")
    expect(chip(app, "Remove the tie of width 2")).to_have_count(0)
    type_into(app, "width_1", "= width_1")
    expect(app.where.get_by_text("ties go in a circle")).to_be_visible()
    expect(app.cell("width_1", "fitted")).to_have_text(re.compile(r"\d"))


def test_what_is_imposed_fits_a_phone(open_app):
    imposed = "&bounds=center_1:100..,width_1:1.0..100.0&ties=center_2:center_1%2B35"
    app = open_app(GAUSS + imposed, viewport={"width": 390, "height": 844})
    expect(chip(app, "Remove the tie of center 2")).to_be_visible()
    assert app.where.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
    row = app.where.locator('tr[data-parameter="center_2"]').bounding_box()
    tie = chip(app, "Remove the tie of center 2").bounding_box()
    assert tie["x"] + tie["width"] <= row["x"] + row["width"]


def test_a_double_click_counts_as_soon_as_there_is_a_plot(open_app):
    app = open_app()
    app.ready()  # the table is there, the page still loads
    place = app.where.locator(".bk-Figure").first.bounding_box()
    app.where.mouse.dblclick(place["x"] + place["width"] * 0.7, place["y"] + place["height"] * 0.6)
    expect(app.cell("center_2", "fitted")).to_have_text(re.compile(r"\d"))

"""Several peaks on the served page: added in the plot, removed and held in the table, compared in one click."""

import re

from playwright.sync_api import expect

SAMPLE = "?mode=My+data&sample={}"


def plot(app):
    return app.where.locator(".bk-Figure").first


def button(app, name):
    return app.where.get_by_role("button", name=name, exact=True)


def test_a_double_click_adds_a_peak_and_its_button_removes_it(app):
    box = plot(app).bounding_box()
    app.where.mouse.dblclick(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6)
    expect(app.cell("center_2", "fitted")).to_have_text(re.compile(r"\d"))
    expect(app.where.locator(".bk-Legend").get_by_text("components", exact=True)).to_be_attached()
    app.where.wait_for_url(re.compile(r"peaks=2"))
    button(app, "Remove peak 2").click()
    expect(app.cell("center", "fitted")).to_have_text(re.compile(r"\d"))


def test_a_lock_holds_a_parameter_with_the_keyboard_alone(app):
    lock = button(app, "Hold width")
    lock.focus()
    lock.press("Enter")
    expect(lock).to_have_attribute("aria-pressed", "true")
    expect(lock).to_be_focused()
    expect(app.cell("width", "error")).to_have_text("held")
    app.where.wait_for_url(re.compile(r"fixed=width:0\.43"))
    app.press("center", times=3)
    expect(app.cell("width", "fitted")).to_have_text("0.43")
    lock.press("Enter")
    expect(lock).to_have_attribute("aria-pressed", "false")


def test_a_value_that_is_clicked_can_be_typed(app):
    cell = app.cell("center", "fitted")
    cell.click()
    field = cell.locator("input")
    field.fill("0,25")
    field.press("Enter")
    expect(cell).to_have_text("0.25")
    expect(app.cell("center", "error")).to_have_text("held")
    cell.click()
    cell.locator("input").press("Escape")
    expect(cell.locator("input")).to_have_count(0)
    expect(cell).to_have_text("0.25")


def test_counts_are_offered_their_likelihood(open_app):
    app = open_app(SAMPLE.format("gamma")).ready()
    app.where.locator('li[data-code="counts_suspected"]').get_by_role("button", name="Use it").click()
    expect(app.where.locator(".errors").first).to_contain_text("law of counts")
    expect(app.where.locator('li[data-code="counts_suspected"]')).to_have_count(0)


def test_models_are_compared_and_one_is_taken(open_app):
    app = open_app(SAMPLE.format("eckerle4")).ready()
    button(app, "Compare models").click()
    expect(app.where.locator("table.models tr.best")).to_have_count(1)
    button(app, "one peak on a linear baseline").click()
    expect(app.cell("slope", "fitted")).to_have_text(re.compile(r"\d"))


def test_certified_digits_stand_in_the_table(open_app):
    app = open_app(SAMPLE.format("gauss1"))
    expect(app.cell("center_1", "digits")).to_have_text(re.compile(r"^(9|10|11)\."))


def test_several_peaks_do_not_scroll_sideways(open_app, fits_sideways):
    app = open_app(SAMPLE.format("gauss3") + "&correlations=True", viewport={"width": 390, "height": 844})
    expect(app.cell("center_2", "fitted")).to_have_text(re.compile(r"\d"))
    fits_sideways(app.where, ".bk-Figure, table.parameters", [(390, 844), (1280, 800)])

"""The Map tab in a real browser: a map is computed on request, a cell is chosen, its table is saved."""

import csv
import re

import pytest
from playwright.sync_api import expect

SMALL = "?tab=Map&map_experiments=20&map_across_steps=4&map_upwards_steps=3&map_upwards_range=20.0,40.0"

COLORS = """() => {
    const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
    const figure = models.find(model => model.type === "Figure" && model.name === "map")
    const data = figure.renderers.find(r => r.glyph.type === "Quad").data_source.data
    return [...data.tone].filter(tone => tone >= 0 && tone <= 1).length
}"""


def text(app, words):
    return app.where.get_by_text(re.compile(words))


@pytest.mark.parametrize("size", [(1280, 1600), (390, 2600)])
def test_a_map_is_computed_a_cell_is_chosen_and_its_table_is_saved(open_app, size):
    app = open_app(SMALL, viewport={"width": size[0], "height": size[1]})
    page = app.where
    page.get_by_role("button", name="Compute the map").click()
    expect(text(app, "^12 cells of 20")).to_be_visible()
    assert page.evaluate(COLORS) == 12
    overflow = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    assert overflow == 0
    frame = page.locator(".bk-Figure").last.bounding_box()
    assert frame["x"] + frame["width"] <= size[0] + 1
    page.mouse.move(frame["x"] + 0.8 * frame["width"], frame["y"] + 0.5 * frame["height"])
    expect(text(app, "^failed or ran away$").last).to_be_visible()
    page.mouse.click(frame["x"] + 0.8 * frame["width"], frame["y"] + 0.5 * frame["height"])
    page.wait_for_url(re.compile("samples=28"))
    assert float(app.slider("noise").input_value()) > 0.3
    app.type("width", "0.6")
    expect(text(app, r"^This map is of width 0\.5 \(now 0\.6\)")).to_be_visible()
    for _ in range(2):  # the same table twice, too
        with page.expect_download() as download:
            page.get_by_role("button", name="Save table").click()
        with open(download.value.path(), newline="") as file:
            assert len(list(csv.DictReader(file))) == 12


def test_a_cell_is_chosen_with_the_keyboard_alone(open_app):
    app = open_app(SMALL)
    page = app.where
    page.get_by_role("button", name="Compute the map").press("Enter")
    line = page.get_by_role("application", name="arrow keys")
    expect(text(app, "^12 cells of 20")).to_be_visible()  # and the button that stops is gone
    expect(line).to_contain_text("failed or ran away")
    page.get_by_role("button", name="Save table").focus()
    page.keyboard.press("Tab")  # not to the plot, in which no key does anything
    expect(line).to_be_focused()
    before = app.slider("noise").input_value()
    for key in ("End", "PageDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    expect(line).to_contain_text("center at noise 0.48, points 28: spread ")
    assert app.slider("noise").input_value() == before
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("samples=28"))
    assert app.slider("noise").input_value() == "0.48"
    expect(line).to_be_focused()


def test_what_cannot_be_mapped_is_a_sentence(open_app):
    app = open_app(SMALL + "&map_upwards=noise&map_of=<b>")
    app.where.get_by_role("button", name="Compute the map").click()
    expect(text(app, "^Across and upwards are both noise")).to_be_visible()

"""The Precision tab in a real browser: it opens, follows the sliders, counts intervals, and fits the screen."""

import re

import pytest
from playwright.sync_api import expect

POINTS = """() => {
    const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
    const figure = models.find(model => model.type === "Figure" && model.name === "cloud")
    const data = figure.renderers.find(r => r.glyph.type === "Scatter").data_source.data
    return [...data.x].slice(0, 20)
}"""


def cell(app, quantity, column):
    return app.where.locator(f'tr[data-quantity="{quantity}"] td[data-column="{column}"]')


def text(app, words):
    return app.where.get_by_text(re.compile(words))


@pytest.fixture
def precision(open_app):
    """The page with the tab open and few experiments at rest."""

    def run(query="", **options):
        app = open_app("?tab=Precision&experiments=2000" + query, **options)
        expect(cell(app, "center", "spread")).to_have_text(re.compile(r"\d"))
        expect(text(app, "^2,000 experiments")).to_be_visible()
        return app

    return run


def test_the_tab_opens_with_the_keyboard_and_the_address_keeps_it(app):
    app.where.get_by_role("button", name="Precision", exact=True).press("Enter")
    expect(cell(app, "center", "spread")).to_have_text(re.compile(r"\d"))
    app.where.wait_for_url(re.compile("tab=Precision"))
    expect(app.where.locator("table.parameters:not(.study)")).to_be_hidden()
    app.where.get_by_role("button", name="Fit", exact=True).press("Enter")
    expect(app.where.locator("table.parameters:not(.study)")).to_be_visible()
    expect(app.where.locator("table.study")).to_be_hidden()


def test_cloud_and_table_follow_a_slider_to_a_state_that_cannot_be_repeated_and_back(precision):
    app = precision()
    before = app.where.evaluate(POINTS)
    app.press("center", times=20)
    newest = f"{float(app.slider('center').input_value()):.2f}".replace("-", "−")
    expect(cell(app, "center", "true")).to_have_text(re.compile(f"^{re.escape(newest)}0*$"))
    after = app.where.evaluate(POINTS)
    moved = [new - old for new, old in zip(after, before, strict=True)]
    assert sum(moved) / len(moved) == pytest.approx(float(app.slider("center").input_value()), abs=0.05)
    app.type("noise", "0")  # nothing can be repeated
    expect(text(app, "^Noise is 0")).to_be_visible()
    app.type("noise", "0.2")
    expect(cell(app, "center", "spread")).to_have_text(re.compile(r"\d"))


def test_intervals_come_one_at_a_time(precision):
    app = precision()
    app.where.get_by_role("button", name="Start from none").click()
    expect(text(app, "^No interval of the center yet")).to_be_visible()
    more = app.where.get_by_role("button", name="One more experiment")
    more.click()
    expect(text(app, "^The first interval of the center (holds|misses) the truth")).to_be_visible()
    more.click()
    expect(text(app, r"^\d of the first 2 intervals of the center hold the truth")).to_be_visible()


LABELS = """() => {
    const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
    const figure = models.find(model => model.type === "Figure" && model.name === "cloud")
    return [...figure.below, ...figure.left].filter(m => m.axis_label).map(axis => axis.axis_label)
}"""


def test_menus_choose_what_the_cloud_is_of_and_how_many_and_the_address_keeps_it(precision, open_app):
    app = precision()
    assert app.where.evaluate(LABELS) == ["center", "width"]
    for label, option, expected in (
        ("Across", "area", ["area", "width"]),
        ("Upwards", "amplitude", ["area", "amplitude"]),
    ):
        app.where.get_by_role("combobox", name=label).click()
        app.where.get_by_role("menuitem", name=option, exact=True).click()
        app.where.wait_for_function(f"({LABELS})().join() === '{','.join(expected)}'")
    expect(text(app, "intervals of the area hold the truth")).to_be_visible()
    app.type("Experiments", "3000")
    expect(text(app, "^3,000 experiments")).to_be_visible()
    app.where.wait_for_url(re.compile("(?=.*horizontal=area)(?=.*vertical=amplitude)(?=.*experiments=3000)"))
    again = open_app("?" + app.where.url.split("?")[1])
    expect(text(again, "^3,000 experiments")).to_be_visible()
    assert again.where.evaluate(LABELS) == ["area", "amplitude"]
    expect(again.where.get_by_role("combobox", name="Across")).to_have_text("area")
    expect(again.where.get_by_role("combobox", name="Upwards")).to_have_text("amplitude")


def test_nothing_scrolls_sideways(precision, fits_sideways):
    app = precision("", viewport={"width": 390, "height": 844})
    app.where.locator("table.study").scroll_into_view_if_needed()
    fits_sideways(app.where, ".bk-Figure, table.study", [(390, 844), (1280, 800)])

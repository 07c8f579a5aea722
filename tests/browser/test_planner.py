"""The Plan tab in a real browser: a target is typed, the answer is said and drawn, and the sliders are set to it."""

import re

from playwright.sync_api import expect

ANSWER = """() => {
    const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
    const figure = models.find(model => model.type === "Figure" && model.name === "plan")
    const markers = figure.renderers.filter(r => r.glyph.type === "Scatter").map(r => r.data_source.data)
    return markers.map(data => [...data.x])
}"""


def answer(app):
    return app.where.locator("p.answer")


def test_a_target_is_typed_the_answer_follows_and_the_button_moves_the_slider(open_app):
    app = open_app("?tab=Plan&samples=40").ready()
    expect(answer(app)).to_contain_text("; now there are 40.")
    expect(app.where.get_by_text("No precision was typed")).to_be_visible()
    field = app.where.get_by_label("to ±")
    field.fill("0.012")
    field.press("Enter")
    expect(answer(app)).to_have_text(
        re.compile(r"^At least \d+ points give the center to ± 0\.012; now there are 40\.$")
    )
    expect(app.where.get_by_text("the plan holds")).to_be_visible()
    points = int(re.search(r"\d+", answer(app).inner_text())[0])
    assert app.where.evaluate(ANSWER)[:2] == [[40], [points]]
    app.where.get_by_role("button", name="Set the sliders to it").click()
    expect(app.slider("points")).to_have_value(str(points))
    expect(answer(app)).to_contain_text(f"; now there are {points}.")
    app.where.wait_for_url(re.compile("target=0.012"))


def test_what_cannot_be_used_as_a_target_is_refused_beside_the_field(open_app):
    app = open_app("?tab=Plan")
    expect(answer(app)).to_be_visible()
    before = answer(app).inner_text()
    field = app.where.get_by_label("to ±")
    field.fill("-1")
    field.press("Enter")
    expect(app.where.get_by_text("to ± must be above 0")).to_be_visible()
    field.press("Escape")
    expect(field).to_have_value("")
    assert answer(app).inner_text() == before


def test_nothing_scrolls_sideways(open_app, fits_sideways):
    app = open_app("?tab=Plan&vary=window", viewport={"width": 390, "height": 844})
    expect(answer(app)).to_be_visible()
    app.where.locator("table.plan").scroll_into_view_if_needed()
    fits_sideways(app.where, ".bk-Figure:visible, table.plan", [(390, 844), (1280, 800)])

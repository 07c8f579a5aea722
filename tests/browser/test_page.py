"""The served page as a person uses it: sliders, typing, legend, zoom, theme, phone."""

import re

import pytest
from playwright.sync_api import expect


def figure(app, name, script):
    """Evaluate ``script`` with the Bokeh model of a plot as ``figure``."""
    return app.where.evaluate(
        f"""() => {{
            const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
            const figure = models.find(model => model.type === "Figure" && model.name === "{name}")
            const legend = [...figure.above, ...figure.center].find(model => model.type === "Legend")
            return ({script})(figure, legend)
        }}"""
    )


NARROWER = """width => Bokeh.documents.flatMap(document => [...document._all_models.values()])
    .filter(model => model.type === "Figure" && model.name === "fit")
    .every(figure => figure.x_range.end - figure.x_range.start < width)"""


def drawn(app, name, label):
    """Columns of the glyph that the legend of a plot calls ``label``."""
    return figure(
        app,
        name,
        f"""(figure, legend) => {{
            const item = legend.items.find(item => item.label.value === "{label}")
            const data = item.renderers[0].data_source.data
            return Object.fromEntries(Object.entries(data).map(([key, column]) => [key, [...column]]))
        }}""",
    )


def test_a_slider_moves_truth_data_fit_and_table_together(app):
    before = {label: drawn(app, "fit", label)["y"] for label in ("data", "truth", "fit")}
    app.follows_its_slider()
    for label, column in before.items():
        assert drawn(app, "fit", label)["y"] != column


def test_a_slider_can_be_typed_into_beyond_its_end_but_not_beyond_the_bounds(app):
    app.type("width", "0.75")
    expect(app.cell("width", "true")).to_have_text("0.750")
    assert app.number("width", "fitted") == pytest.approx(0.75, abs=0.3)
    app.type("amplitude", "40")
    expect(app.cell("amplitude", "true")).to_have_text(re.compile(r"^40\.0"))
    app.type("width", "-3")
    expect(app.where.get_by_role("alert").filter(has_text="at least")).to_be_visible()
    assert app.number("width", "true") > 0


def test_the_legend_hides_what_it_names_and_nothing_else(app):
    visible = """(figure, legend) => legend.items.filter(item => item.visible && item.renderers[0].visible)
        .map(item => item.label.value)"""
    labels = figure(app, "fit", visible)
    assert set(labels) == {"data", "truth", "fit", "95 % band"}
    for label in labels.copy():
        app.where.locator(".bk-Legend").get_by_text(label, exact=True).click()
        labels.remove(label)
        assert figure(app, "fit", visible) == labels


def test_moving_a_slider_does_not_count_as_a_zoom_and_a_zoom_stays_in_both_plots(app):
    app.press("amplitude", "ArrowRight", times=20)
    app.type("amplitude", "8")
    expect(app.cell("amplitude", "true")).to_have_text(re.compile(r"^8\.0"))
    expect(app.cell("amplitude", "fitted")).to_have_text(re.compile(r"\d"))
    top = figure(app, "fit", "figure => figure.y_range.end")
    assert top >= app.number("amplitude", "true")

    frame = app.where.locator(".bk-Figure").first.bounding_box()
    app.where.locator(".bk-tool-icon-wheel-zoom, [title*='Wheel Zoom']").first.click()
    app.where.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    app.where.mouse.wheel(0, -400)
    ends = "figure => [figure.x_range.start, figure.x_range.end]"
    app.where.wait_for_function(NARROWER, arg=4.0)
    app.where.wait_for_timeout(500)
    zoomed = figure(app, "fit", ends)
    assert figure(app, "residuals", ends) == zoomed
    app.press("amplitude", "ArrowLeft", times=2)
    app.where.wait_for_timeout(500)
    assert figure(app, "fit", ends) == pytest.approx(zoomed)


def test_reset_brings_everything_back(app):
    widest = app.slider("width").get_attribute("max")
    app.type("width", "12.5")  # beyond the end of the slider
    expect(app.cell("width", "true")).to_have_text(re.compile(r"^12\.5"))
    expect(app.slider("width")).to_have_attribute("max", "12.5")
    app.press("width", "PageDown", times=3)
    expect(app.cell("width", "true")).not_to_have_text(re.compile(r"^12\.5"))
    expect(app.slider("width")).to_have_attribute("max", "12.5")  # what moves does not rescale
    app.where.get_by_role("button", name="Reset", exact=True).click()
    expect(app.cell("width", "true")).to_have_text(re.compile(r"^0\.50"))
    assert app.slider("width").input_value() == "0.5"
    expect(app.slider("width")).to_have_attribute("max", widest)


def test_new_noise_repeats_the_experiment(app):
    before = app.table()["center"]
    app.where.get_by_role("button", name="New noise").click()
    expect(app.cell("center", "fitted")).not_to_have_text(before["fitted"])
    assert app.table()["center"]["true"] == before["true"]


def test_the_address_follows_the_settings_and_brings_them_back(app, open_app):
    app.type("center", "0.7")
    app.where.wait_for_url(re.compile(r"center=0\.7"))
    again = open_app("?" + app.where.url.split("?")[1]).ready()
    assert again.number("center", "true") == 0.7


def test_a_bad_value_in_the_address_is_explained_and_the_others_apply(open_app):
    app = open_app("?width=-1&noise=abc&center=1&samples=1e9&baseline=cubic&unknown=3").ready()
    expect(app.cell("center", "true")).to_have_text(re.compile(r"^1\.0"))
    assert app.number("width", "true") == 0.5
    alert = app.where.get_by_role("alert")
    for name in ("width=-1", "noise=abc", "samples=1e9", "baseline=cubic"):
        expect(alert).to_contain_text(name)


def test_a_drag_settles_on_its_last_value_without_a_backlog(open_app):
    app = open_app("?samples=1000").ready()
    handle = app.slider("center").locator("xpath=..").bounding_box()
    mouse = app.where.mouse
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    mouse.move(x, y)
    mouse.down()
    for step in range(120):
        mouse.move(x + 50 * (1 if step % 20 < 10 else -1) * (step % 10) / 10, y)
        app.where.wait_for_timeout(16)
    mouse.move(x + 21, y)
    mouse.up()
    app.where.wait_for_timeout(600)
    shown = app.number("center", "true")
    assert shown == pytest.approx(float(app.slider("center").input_value()), abs=0.006)
    app.where.wait_for_timeout(600)
    assert app.number("center", "true") == shown


LOOKS = {"light": ["rgb(255, 255, 255)", "#fff", "light"], "dark": ["rgb(18, 18, 18)", "#121212", "dark"]}


def look(app):
    """What is behind the page, behind the fit plot, and the colors of what the browser itself draws."""
    plot = figure(app, "fit", "figure => figure.background_fill_color")
    page = "[getComputedStyle(document.body).backgroundColor, document.documentElement.style.colorScheme]"
    background, scheme = app.where.evaluate(page)
    return [background, plot, scheme]


def turns(app, theme):
    """Wait until the page looks like that."""
    for _ in range(100):
        if look(app) == LOOKS[theme]:
            return
        app.where.wait_for_timeout(100)
    assert look(app) == LOOKS[theme]


def test_nothing_scrolls_sideways_in_light_and_dark_at_any_size(open_app, fits_sideways):
    app = open_app("", viewport={"width": 390, "height": 844}, color_scheme="dark").ready()
    turns(app, "dark")  # as the browser asks
    sizes = [(390, 844), (844, 390), (1280, 800), (1920, 1080)]
    fits_sideways(app.where, ".bk-Figure, table.parameters", sizes)
    app.where.get_by_role("button", name=re.compile("theme", re.IGNORECASE)).click()
    turns(app, "light")
    fits_sideways(app.where, ".bk-Figure, table.parameters", sizes)


def test_a_theme_in_the_address_wins_over_the_browser_and_the_button_over_both(open_app):
    app = open_app("?theme=light", color_scheme="dark").ready()
    turns(app, "light")
    button = app.where.get_by_role("button", name=re.compile("theme", re.IGNORECASE))
    button.click()
    app.where.wait_for_url(re.compile("gaussapp$"))  # as the browser asks: nothing to keep
    turns(app, "dark")
    button.click()
    app.where.wait_for_url(re.compile("theme=light$"))
    app.where.get_by_role("button", name="Plan", exact=True).click()  # what is new on the page takes part
    expect(app.where.locator(".bk-Figure")).to_have_count(3)
    turns(app, "light")
    app.where.emulate_media(color_scheme="light")
    button.click()
    turns(app, "dark")


def test_on_a_phone_the_plot_stays_in_view_while_a_slider_moves(open_app):
    app = open_app("", viewport={"width": 390, "height": 844}).ready()
    app.slider("offset").scroll_into_view_if_needed()
    plot = app.where.locator(".bk-Figure").first.bounding_box()
    assert 0 <= plot["y"] < 200


def test_a_million_points_are_drawn_as_their_picture(open_app):
    app = open_app("?samples=1000000").ready()
    ink = figure(
        app,
        "fit",
        """figure => figure.renderers.filter(r => r.glyph && r.glyph.type === "Image")
            .map(r => r.data_source.data.image[0]).map(image => image.reduce((sum, one) => sum + one, 0))""",
    )
    assert max(ink) > 10_000
    assert len(drawn(app, "fit", "data")["y"]) <= 1
    assert app.number("center", "error") < 0.001
    app.follows_its_slider()

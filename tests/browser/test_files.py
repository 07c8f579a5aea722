"""Several files in a real browser: a row each, a trend, and the file that is chosen above."""

import csv
import re

import numpy as np
from playwright.sync_api import expect

POINTS = """() => {
    const models = Bokeh.documents.flatMap(document => [...document._all_models.values()])
    const figure = models.find(model => model.type === "Figure" && model.name === "trend")
    return figure.renderers.filter(r => r.glyph.type === "Scatter").map(r => [...r.data_source.data.x])
}"""


def table(center):
    x = np.linspace(0, 6, 40)
    y = 2 * np.exp(-0.5 * ((x - center) / 0.5) ** 2) + 0.01 * np.cos(37 * x)
    return ("x,y\n" + "\n".join(f"{a:.6f},{b:.6f}" for a, b in zip(x, y, strict=True))).encode()


def test_several_files_are_rows_and_points_and_a_choice_shows_its_file(app):
    page = app.where
    page.get_by_role("button", name="My data").click()
    files = {f"run_{number}.csv": table(2 + number / 10) for number in (10, 2, 1, 7)} | {"run_5.csv": b"x\n1\n2\n"}
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "text/csv", "buffer": content} for name, content in files.items()]
    )
    expect(page.get_by_text("4 of 5 files fitted, 1 could not be")).to_be_visible()
    expect(page.locator(".files tbody button")).to_have_text([f"run_{n}.csv" for n in (1, 2, 5, 7, 10)])
    expect(page.locator(".files tr").filter(has_text="run_5.csv")).to_contain_text("one column")
    drawn = page.evaluate(POINTS)
    assert sorted(drawn[0] + drawn[1]) == [1, 2, 7, 10]
    page.get_by_role("button", name="run_7.csv").press("Enter")
    expect(page.locator(".files tr").filter(has_text="▸")).to_contain_text("run_7.csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save table").click()
    with open(download.value.path(), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"run_{n}.csv" for n in (1, 2, 5, 7, 10)]
    page.get_by_role("button", name="Fit", exact=True).click()
    expect(app.cell("center", "fitted")).to_contain_text(re.compile(r"^2\.70"))
    assert f"{float(rows[3]['center']):.4f}" == app.cell("center", "fitted").inner_text()

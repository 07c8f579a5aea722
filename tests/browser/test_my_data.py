"""Own data on the page: files, pasted text, samples, columns, the part to fit, and what is refused."""

import json
from importlib.resources import files

import numpy as np
import pytest
from playwright.sync_api import expect

CERTIFIED = json.loads((files("gaussapp") / "samples" / "samples.json").read_text())["eckerle4"]["certified"]["values"]
ECKERLE4 = (files("gaussapp") / "samples" / "eckerle4.csv").read_bytes()


@pytest.fixture
def own(app):
    """Open the page and turn to My data."""
    app.where.get_by_role("button", name="My data").click()
    expect(app.where.get_by_text("Choose or drop a file, or several")).to_be_visible()
    return app


def upload(app, content, name="table.csv"):
    app.where.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content if isinstance(content, bytes) else content.encode()}
    )


def paste(app, text):
    app.where.get_by_label("… or paste a table").first.fill(text)
    app.where.get_by_role("button", name="Use the pasted text").click()


def peak_table(center=3.0, delimiter=",", header="x,y\n", decimal="."):
    x = np.linspace(0, 6, 40)
    y = 2 * np.exp(-0.5 * ((x - center) / 0.5) ** 2) + 0.01 * np.cos(37 * x)
    rows = (delimiter.join(f"{value:.6f}".replace(".", decimal) for value in row) for row in zip(x, y, strict=True))
    return header.replace(",", delimiter) + "\n".join(rows)


def message(app):
    return app.where.get_by_role("alert").filter(has_text="").first


def test_a_dropped_file_is_fitted(own):
    dropped = own.where.evaluate_handle(
        """text => {
            const files = new DataTransfer()
            files.items.add(new File([text], "eckerle4.csv"))
            return files
        }""",
        ECKERLE4.decode(),
    )
    own.where.locator("label", has_text="Choose or drop a file").dispatch_event("drop", {"dataTransfer": dropped})
    expect(own.cell("center", "fitted")).to_contain_text("451.5")
    assert own.number("center", "fitted") == pytest.approx(CERTIFIED["center"], abs=0.05)
    assert "true" not in own.table()["center"]


def test_a_dialog_that_was_opened_before_another_file_arrived_still_chooses(own):
    dialog = own.where.locator("input[type=file]").element_handle()
    upload(own, ECKERLE4, "eckerle4.csv")
    expect(own.cell("center", "fitted")).to_contain_text("451.5")
    expect(own.where.get_by_text("Uploaded eckerle4.csv")).to_be_visible()
    dialog.set_input_files({"name": "later.csv", "mimeType": "text/csv", "buffer": peak_table(3.0).encode()})
    expect(own.cell("center", "fitted")).to_contain_text("3.00")


def test_a_sample_from_the_menu_brings_its_settings_and_its_certified_numbers(own):
    own.where.get_by_label("Sample").click()
    own.where.get_by_role("menuitem", name="Transmittance").click()
    expect(own.cell("width", "fitted")).to_have_text("4.089")
    assert own.number("center", "fitted") == pytest.approx(CERTIFIED["center"], abs=0.001)
    assert "offset" not in own.table()
    expect(own.where.get_by_text("public domain")).to_be_visible()


def test_pasted_text_with_decimal_commas_is_fitted(own):
    paste(own, peak_table(delimiter=";", header="Zeit;Signal\n", decimal=","))
    expect(own.cell("center", "fitted")).to_contain_text("3.00")
    expect(own.where.get_by_label("x", exact=True)).to_contain_text("Zeit")


def test_columns_can_be_chosen(own):
    x = np.linspace(0, 6, 40)
    rows = [f"{a},{2 * np.exp(-((a - 2) ** 2))},{3 * np.exp(-((a - 4) ** 2))},{0.1}" for a in x]
    upload(own, "time,first,second,err\n" + "\n".join(rows))
    expect(own.cell("center", "fitted")).to_contain_text("2.00")
    own.where.get_by_label("y", exact=True).click()
    own.where.get_by_role("menuitem", name="second").click()
    expect(own.cell("center", "fitted")).to_contain_text("4.00")


def test_the_part_to_fit_is_dragged_on_the_plot(own):
    upload(own, peak_table(2.0))
    expect(own.where.locator(".goodness")).to_contain_text("40 points")
    own.where.locator("[title*='part of x to fit']").first.click()
    frame = own.where.locator(".bk-Figure").first.bounding_box()
    mouse = own.where.mouse
    mouse.move(frame["x"] + 0.2 * frame["width"], frame["y"] + 150)
    mouse.down()
    mouse.move(frame["x"] + 0.4 * frame["width"], frame["y"] + 150, steps=5)
    mouse.move(frame["x"] + 0.55 * frame["width"], frame["y"] + 150, steps=5)
    mouse.up()
    low = own.where.get_by_label("Part of x to fit from")
    expect(low).not_to_have_value("")
    assert 0.3 < float(low.input_value()) < 2
    expect(own.where.locator(".goodness")).not_to_contain_text("40 points")


BAD = {
    "empty": (b"", "empty"),
    "binary": (bytes(range(256)) * 20, "binary"),
    "one column": (b"x\n1\n2\n3\n", "column"),
    "no numbers": (b"name,thing\na,b\nc,d\n", "number"),
    "text in a column": (b"x,y\n1,2\n2,three\n3,4\n", "three"),
    "all x equal": (b"x,y\n1,2\n1,3\n1,4\n1,5\n1,6\n", "same x"),
    "too few points": (b"x,y\n1,2\n2,3\n", "points"),
}


def test_what_cannot_be_fitted_is_explained_and_the_next_file_is_fitted(own):
    for kind, (content, words) in BAD.items():
        upload(own, ECKERLE4, "eckerle4.csv")
        expect(own.cell("center", "fitted"), f"after the one that is {kind}").to_contain_text("451.5")
        upload(own, content, f"{kind}.csv")
        said = own.where.locator("[role=alert]:visible, .verdicts .bad").filter(has_text=words)
        expect(said.first, kind).to_be_visible()
        assert "Traceback" not in own.where.content()


def test_html_in_names_is_text(own):
    evil = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>"
    upload(own, peak_table(header=f'"{evil} x","{evil * 200} y"\n'), f"{evil.replace('/', '')}.csv")
    expect(own.cell("center", "fitted")).to_contain_text("3.00")
    upload(own, b"x\n1\n", f"{evil.replace('/', '')}.csv")
    expect(own.where.locator("[role=alert]:visible").first).to_be_visible()
    assert own.where.evaluate("window.broken") is None
    overflow = own.where.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    assert overflow == 0


def test_ten_megabytes_are_read_and_a_hundred_are_refused_with_a_sentence(own, tmp_path):
    x = np.linspace(0, 6, 500_000)
    y = 2 * np.exp(-0.5 * ((x - 3) / 0.5) ** 2)
    big = tmp_path / "big.csv"
    big.write_text("x,y\n" + "\n".join(f"{a:.7f},{b:.7f}" for a, b in zip(x, y, strict=True)))
    own.where.locator("input[type=file]").set_input_files(big)
    expect(own.where.locator(".goodness")).to_contain_text("500,000 points")
    huge = tmp_path / "huge.csv"
    with huge.open("w") as out:
        for _ in range(110):
            out.write("1.000000,2.000000\n" * 58_000)
    own.where.locator("input[type=file]").set_input_files(huge)
    expect(own.where.locator("[role=alert]:visible").first).to_contain_text("MB")
    expect(own.where.locator(".goodness")).to_contain_text("500,000 points")


def test_own_data_stay_while_the_simulation_is_looked_at(own):
    upload(own, ECKERLE4, "eckerle4.csv")
    expect(own.cell("center", "fitted")).to_contain_text("451.5")
    own.where.get_by_role("button", name="Simulate").click()
    expect(own.cell("center", "true")).to_be_visible()
    own.where.get_by_role("button", name="My data").click()
    expect(own.cell("center", "fitted")).to_contain_text("451.5")

"""The app in a cell of JupyterLab: shown by itself, and in step with Python in both directions."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "demo.ipynb"

SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },  # asks nobody, elsewhere or here
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page
}


class Notebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page):
        self.page = page
        expect(page.get_by_text("| Idle")).to_be_visible()  # a cell that is run before the kernel is there is forgotten

    def run(self, number: int) -> Locator:
        """Run a code cell, counted from 0, wait until it has run, and return its output."""
        cell = self.page.locator(".jp-CodeCell").nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        cell.locator(".jp-InputArea .cm-content").click()
        self.page.keyboard.press("Control+Enter")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"))
        expect(prompt).not_to_have_text(before)
        return cell.locator(".jp-OutputArea").first


@pytest.fixture
def open_notebook(start: Callable, page: Page, tmp_path: Path) -> Callable[[nbformat.NotebookNode], Notebook]:
    """Open a notebook in a JupyterLab that knows nothing of this machine's user."""
    for name, values in SETTINGS.items():
        file = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    flags = ["--no-browser", "--allow-root", "--IdentityProvider.token=", "--LabApp.extension_manager=readonly"]
    places = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }

    def run(notebook: nbformat.NotebookNode) -> Notebook:
        nbformat.write(notebook, folder / "example.ipynb")
        lab = start(
            [sys.executable, "-m", "jupyterlab", "--port={port}", *flags],
            "/lab/tree/example.ipynb",
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), **{name: str(tmp_path / place) for name, place in places.items()}},
        )
        page.goto(lab.url)
        return Notebook(page)

    return run


def code(*sources: str) -> nbformat.NotebookNode:
    """Make a notebook of code cells."""
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


LOOK = "(round(app.model.center, 2), round(app.fit.values['center'], 3))"
"""An expression, not a print: what is printed while the browser reports a frame ends up in the cell of the app (ipykernel 7)."""


SHOWN = {"by itself": "app", "as a widget": "import panel\npanel.ipywidget(app)"}


class Painted:
    """What is painted now in the upper plot of the app in an output."""

    def __init__(self, output: Locator):
        self.canvas = output.locator("canvas").first.element_handle()
        self.image = self.canvas.evaluate("canvas => canvas.toDataURL()")

    def changes(self) -> None:
        """Wait until something else is painted there."""
        changed = "([canvas, image]) => canvas.toDataURL() !== image"
        self.canvas.owner_frame().wait_for_function(changed, arg=[self.canvas, self.image])


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_app_and_python_follow_each_other(open_notebook, live, shown):
    notebook = open_notebook(
        code(f"from gaussapp import GaussApp\napp = GaussApp()\n{shown}", LOOK, "app.model.center = 1")
    )
    output = notebook.run(0)
    app = live(output).ready()
    plot = Painted(output)
    app.follows_its_slider()  # with the keys, which JupyterLab wants as well
    plot.changes()
    moved = float(app.slider("center").input_value())
    expect(notebook.run(1)).to_contain_text(f"({moved}, {app.number('center', 'fitted')})")
    plot = Painted(output)
    notebook.run(2)
    expect(app.cell("center", "true")).to_have_text(re.compile("^1.0+$"))
    expect(app.slider("center")).to_have_value("1")
    plot.changes()


def test_a_widget_keeps_up_with_many_moves_from_both_sides(open_notebook, live):
    notebook = open_notebook(
        code(
            "from gaussapp import GaussApp\napp = GaussApp()\nimport panel\npanel.ipywidget(app)",
            LOOK,
            "for step in range(21):\n    app.model.center = -1 + step / 10",
        )
    )
    app = live(notebook.run(0)).ready()
    notebook.run(2)
    expect(app.cell("center", "true")).to_have_text(re.compile("^1.0+$"))
    slider = app.slider("center")
    slider.scroll_into_view_if_needed()
    place = slider.bounding_box()
    at = place["y"] + place["height"] / 2
    notebook.page.mouse.move(place["x"] + 0.3 * place["width"], at)
    notebook.page.mouse.down()
    notebook.page.mouse.move(place["x"] + 0.7 * place["width"], at, steps=30)
    notebook.page.mouse.up()
    newest = float(slider.input_value())
    expect(app.cell("center", "true")).to_have_text(re.compile(f"^{newest:.2f}0*$"))
    expect(notebook.run(1)).to_contain_text(f"({newest},")
    expect(app.cell("center", "true")).to_have_text(re.compile(f"^{newest:.2f}0*$"))  # nothing came back
    # What was not there at first has its style sheets, too, or the browser complains of another host.
    app.where.get_by_role("button", name="My data", exact=True).click()
    expect(app.where.get_by_text("Until then the simulated peak stays")).to_be_visible()
    app.where.get_by_role("button", name="Simulate", exact=True).click()
    app.follows_its_slider()


def test_the_example_tells_its_story(open_notebook, live, tmp_path):
    example = nbformat.read(EXAMPLE, as_version=4)
    sources = [cell.source for cell in example.cells if cell.cell_type == "code"]
    notebook = open_notebook(example)
    app = live(notebook.run(0)).ready()
    app.follows_its_slider()
    for number, source in enumerate(sources[1:], start=1):
        output = notebook.run(number)
        expect(
            output.locator("[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText pre .ansi-red-fg")
        ).to_have_count(0)
        if "center=0.5" in source:
            expect(app.cell("center", "true")).to_have_text(re.compile("^0.50*$"))
    expect(app.cell("center", "fitted")).to_have_text(re.compile("^451.54"))  # the certified value
    assert (tmp_path / "notebooks" / "figure.html").stat().st_size > 1e6

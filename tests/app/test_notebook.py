"""The app where there is no server: what jupyter_bokeh is given of it, and what changes in that."""

import pytest
from bokeh.document import Document
from bokeh.models import CustomJS, ImportedStyleSheet, Plot

from gaussapp.app import GaussApp


class Widget:
    """Does with the app what `panel.ipywidget` and jupyter_bokeh do, as far as Python is concerned."""

    def __init__(self, app: GaussApp, *, again: bool = False):
        self.app = app
        self.root = (app if again else app.__panel__()).get_root(doc=Document())
        self.document = Document()
        self.document.add_root(self.root)
        self.changes = []
        self.document.on_change(self.changes.append)

    def changed(self) -> set[str]:
        """What was sent since this was last asked: columns of sources, and properties of models by name."""
        seen = {event.attr for event in self.changes if hasattr(event, "attr")}
        self.changes.clear()
        return seen

    def foreign(self) -> list[str]:
        """Return the addresses of style sheets that the browser would have to ask for."""
        sheets = self.document.select({"type": ImportedStyleSheet})
        return [sheet.url for sheet in sheets if not sheet.url.startswith("data:")]

    def close(self) -> None:
        """Close the view: `panel.ipywidget` tells what it was given."""
        self.app._cleanup(self.root)


@pytest.fixture
def app() -> GaussApp:
    return GaussApp()


def test_a_move_is_sent_with_plots_and_table(app):
    widget = Widget(app)
    for center in (0.5, 0.0, 0.5):
        app.model.center = center
        assert {"data", "texts", "value"} <= widget.changed()
    assert widget.root.document is widget.document


def test_what_the_browser_sets_reaches_the_model_and_comes_back_as_a_fit(app):
    widget = Widget(app)
    slider = next(model for model in widget.document.models if getattr(model, "label", "") == "center")
    slider.value = 0.75
    assert app.model.center == 0.75
    assert {"data", "texts"} <= widget.changed()


def test_no_style_sheet_comes_from_elsewhere_neither_at_first_nor_later(app):
    widget = Widget(app)
    assert widget.foreign() == []
    for mode in ("My data", "Simulate"):
        app.source.mode = mode
        assert widget.foreign() == []
    app.precision.tab = "Precision"
    assert widget.foreign() == []


def test_keys_are_the_sliders_and_what_was_received_is_not_sent_back(app):
    widget = Widget(app)
    assert widget.root.html_attributes["data-lm-suppress-shortcuts"] == "true"
    for plot in widget.document.select({"type": Plot}):
        assert any(isinstance(script, CustomJS) for script in plot.js_property_callbacks["change:inner_width"])


def test_a_closed_view_is_told_nothing_and_the_next_one_is_up_to_date(app):
    closed = Widget(app)
    closed.close()
    closed.changed()
    app.model.center = 1.0
    assert closed.changed() == set()
    again = Widget(app, again=True)
    slider = next(model for model in again.document.models if getattr(model, "label", "") == "center")
    assert slider.value == 1.0
    app.model.center = 0.5
    assert {"data", "texts", "value"} <= again.changed()
    assert closed.changed() == set()

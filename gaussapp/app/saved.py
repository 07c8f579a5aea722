"""One HTML file of what is shown, which opens without a server and without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bokeh.embed import components
from bokeh.layouts import column
from bokeh.models import Div, Plot
from bokeh.resources import Resources

from gaussapp.app.results import STYLE


def document_of(name: str, plots: Sequence[Plot], numbers: str) -> str:
    """Return the text of the file: drawn plots, and below them the numbers, which are HTML.

    Plain Bokeh, because a page of Panel components would look for their scripts on other hosts.
    """
    board = Div(text=numbers, stylesheets=[STYLE], sizing_mode="stretch_width")
    script, place = components(column(*plots, board, sizing_mode="stretch_width"))
    title = escape(f"gaussapp: {name}")
    bokeh = "".join(f"<script>{source}</script>" for source in Resources(mode="inline").js_raw)
    head = f'<meta charset="utf-8"><title>{title}</title>{bokeh}{script}'
    return f"<!doctype html><html><head>{head}</head><body>{place}</body></html>"

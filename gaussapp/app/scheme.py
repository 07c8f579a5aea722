"""Light or dark: as the browser asks, until the address or the user says otherwise."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui
import param


class Appearance(param.Parameterized):
    """What the page looks like."""

    theme = param.Selector(
        default="browser",
        objects=["browser", "light", "dark"],
        label="Theme",
        doc="Whether the page is light or dark; browser is what the browser asks for.",
        precedence=1,
    )


TEMPLATE = """\
{% extends base %}
{% block postamble %}
{{ super() }}
<script>
(() => {
  const asked = new URLSearchParams(window.location.search).get("theme")
  const browser = window.matchMedia("(prefers-color-scheme: dark)").matches
  const dark = asked === "dark" || (asked !== "light" && browser)
  const show = (dark) => { document.documentElement.style.colorScheme = dark ? "dark" : "light" }
  show(dark)
  const {Document} = Bokeh.require("document")
  const from_json = Document.from_json
  Document.from_json = (...given) => {
    Document.from_json = from_json
    const made = Document.from_json(...given)
    for (const {class_name, data} of made.all_models) {
      const theme = data?.properties?.dark_theme
      if (theme == null) { continue }
      if (dark) { data.dark_theme = true }
      if (class_name === "Page") { theme.change.connect(() => show(data.dark_theme)) }
    }
    return made
  }
})()
</script>
{% endblock %}
"""
"""The page that the server writes, which is light, made dark where that is asked for: after its components have arrived
and before the first of them is drawn. The server hears of it later, and a page that waited for its answer would be seen
light first. What the browser itself draws (scroll bars, sliders) follows the color scheme of the whole document."""


class Scheme:
    """Keeps the theme of a page and the setting the same.

    Parameters
    ----------
    appearance : Appearance
        What is set.
    """

    def __init__(self, appearance: Appearance):
        self._appearance = appearance
        self._page: pmui.Page | None = None
        self._browser: pn.io.browser.BrowserInfo | None = None

    def follow(self, page: pmui.Page) -> None:
        """Keep this page as it is set, and the setting as its button says."""
        self._page = page
        document = pn.state.curdoc
        if document is not None and document.session_context:
            self._browser = pn.state.browser_info
        if self._browser is not None:
            self._browser.param.watch(self._show, "dark_mode")
        self._appearance.param.watch(self._show, "theme")
        page.param.watch(self._chosen, "dark_theme")
        self._show()

    @property
    def _browser_is_dark(self) -> bool:
        return self._browser is not None and bool(self._browser.dark_mode)

    @property
    def _dark(self) -> bool:
        theme = self._appearance.theme
        return self._browser_is_dark if theme == "browser" else bool(theme == "dark")

    def _show(self, *_events: object) -> None:
        self._page.dark_theme = self._dark

    def _chosen(self, event: param.parameterized.Event) -> None:
        if event.new == self._dark:
            return
        named = "dark" if event.new else "light"
        self._appearance.theme = "browser" if event.new == self._browser_is_dark else named

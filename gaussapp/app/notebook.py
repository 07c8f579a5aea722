"""The app in a notebook: nothing comes from another host, and as a widget of jupyter_bokeh it follows its sliders.

What Panel displays in a cell it prepares for that; what `panel.ipywidget` hands to jupyter_bokeh it does not.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import CustomJS, ImportedStyleSheet, Plot, UIElement
from panel.io.notebook import patch_inline_stylesheets
from panel.io.resources import CDN_DIST, DIST_DIR, JS_VERSION, LOCAL_DIST
from panel.io.state import state

KEYS_ARE_OURS = {"data-lm-suppress-shortcuts": "true"}
"""What tells JupyterLab that a key pressed in there is not for it: else it takes the arrow keys from a slider."""

# jupyter_bokeh 4.1 sends back each change that it has just received, a message at a time, each waiting until the kernel
# is idle: the next move waits for them all, and what they carry is put over what Python has set meanwhile. Bokeh marks
# such changes as not to be sent, and its own connections heed that.
_RECEIVED_IS_NOT_SENT = """
    const {document} = cb_obj
    if (document == null || Object.hasOwn(document, "_trigger_on_change")) { return }
    const tell = document._trigger_on_change
    document._trigger_on_change = (event) => {
        const changes = event.events ?? [event]
        if (!changes.every((change) => change.model != null && change.sync === false)) { tell.call(document, event) }
    }
"""


class Rooms(pn.Column):
    """The outermost layout of the app."""

    def _get_model(
        self, doc: Document, root: Model | None = None, parent: Model | None = None, comm: Any = None
    ) -> Model:
        if doc.session_context is None:
            # What Panel displays in a cell has its style sheets within, but only what is there from the beginning.
            _have_style_sheets(doc)
        return super()._get_model(doc, root, parent, comm)

    def get_root(self, doc: Document | None = None, comm: Any = None, preprocess: bool = True) -> Model:
        """Return the Bokeh model; one that is neither for a server nor for a cell of Panel's is for jupyter_bokeh."""
        document = doc or pn.state.curdoc or Document()
        if comm is not None or document.session_context is not None:
            return super().get_root(document, comm, preprocess)
        load_panel()
        root = super().get_root(document, comm, preprocess)
        for model in root.select({"type": UIElement}):
            patch_inline_stylesheets(model)
        root.html_attributes = {**root.html_attributes, **KEYS_ARE_OURS}
        for plot in root.select({"type": Plot}):
            plot.js_on_change("inner_width", CustomJS(code=_RECEIVED_IS_NOT_SENT))  # when it is first laid out
        return root

    def _preprocess(self, root: Model, changed: Any = None, old_models: list[Model] | None = None) -> None:
        # jupyter_bokeh puts the models into a document of its own: here it is seen, before what is new in it is styled.
        away = root.document is not None and root.document.session_context is None
        if away:
            _have_style_sheets(root.document)
        super()._preprocess(root, changed, old_models)
        if away and changed is not None and root.ref["id"] in changed._models:
            for model in changed._models[root.ref["id"]][0].select({"type": UIElement}):
                patch_inline_stylesheets(model)

    def leave(self, root: Model) -> None:
        """Forget a model whose view was closed."""
        self._cleanup(root)
        if root.document is not None:
            root.document.remove_root(root)


class InNotebook(pn.viewable.Viewer):
    """What is shown in a notebook: live in a cell, and as a widget by `panel.ipywidget`."""

    _layout: Rooms

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        load_panel()
        return super()._repr_mimebundle_(include, exclude)

    def get_root(self, doc: Document | None = None, comm: Any = None, preprocess: bool = True) -> Model:
        """Return the Bokeh model; `panel.ipywidget` asks for another one when its widget is shown again."""
        return self._layout.get_root(doc, comm, preprocess)

    def _cleanup(self, root: Model | None = None) -> None:
        """Stop drawing for a widget that is shown no more; `panel.ipywidget` calls this of what it was given."""
        if root is not None:
            self._layout.leave(root)


def load_panel() -> None:
    """Load what Panel needs in the browser from this machine, if nobody has loaded it; without a notebook nothing."""
    if not pn.extension._loaded:
        pn.extension(inline=True)  # otherwise it would be fetched from another host


@cache
def _sources() -> dict[str, str]:
    """Return Panel's style sheets as URLs that hold what is in them, by the path in its folder."""
    files = [*DIST_DIR.glob("css/*.css"), *DIST_DIR.glob("bundled/theme/*.css")]
    return {
        file.relative_to(DIST_DIR).as_posix(): f"data:text/css;base64,{base64.b64encode(file.read_bytes()).decode()}"
        for file in files
    }


def _have_style_sheets(document: Document) -> None:
    """Give a document Panel's style sheets, by all the addresses under which Panel asks for them."""
    if f"{CDN_DIST}css/loading.css" in state._stylesheets.get(document, {}):
        return
    sheets = {path: ImportedStyleSheet(url=source) for path, source in _sources().items()}
    state._stylesheets[document] = {
        f"{place}{path}{version}": sheet
        for path, sheet in sheets.items()
        for place in (CDN_DIST, LOCAL_DIST)
        for version in ("", f"?v={JS_VERSION}")
    }

"""Serves the page: what is set up once per process, and what is shown when the page cannot be built."""

from __future__ import annotations

import logging
from functools import cache

import panel as pn
from bokeh.document import Document
from panel.io.notifications import NotificationAreaBase
from panel.io.resources import get_dist_path
from threadpoolctl import threadpool_limits

log = logging.getLogger(__name__)

SORRY = """
<div style="max-width: 40rem; margin: 4rem auto; font: 1rem/1.5 system-ui, sans-serif" data-gaussapp="error-page">
<h1 style="font-size: 1.4rem">gaussapp could not build this page</h1>
<p>The reason is in the server's log. Open the page <a href="?">without the settings in its address</a>; if that does
not help, tell whoever runs this server.</p></div>
"""


USABLE_WHILE_LOADING = "#loader:not(.error) { pointer-events: none; background: none; }"
"""The template lays a dark sheet over the page until Bokeh is idle: long after the plot is painted and can be used."""


def serve_page() -> None:
    """Make this session's page servable; an error shows a page that says so and is logged."""
    pn.extension(notifications=True, reconnect=True, exception_handler=tell_and_log, raw_css=[USABLE_WHILE_LOADING])
    document = pn.state.curdoc
    pn.state.on_session_destroyed(lambda _context: forget_notifications(document))
    try:
        # Panel tells only the session that it writes the page for where its style sheets are: one that a websocket
        # opens (the page came from another process, or the server was restarted) would ask another host for them.
        document.template_variables.setdefault("dist_url", get_dist_path())
        from gaussapp.app.view import GaussApp

        one_thread_for_linear_algebra()
        GaussApp().page().servable()
    except Exception:
        log.exception("the page could not be built")
        pn.pane.HTML(SORRY).servable(title="gaussapp")


def forget_notifications(document: Document) -> None:
    """Have Panel let go of the notifications of a session that has ended: with them it would keep all of the page."""
    # Panel forgets all other views of a document itself, and the area for notifications not from this list of them.
    for name, (view, _model, shown_in, _comm) in list(pn.state._views.items()):
        if shown_in is document and isinstance(view, NotificationAreaBase):
            del pn.state._views[name]


@cache
def one_thread_for_linear_algebra() -> None:
    """Keep the linear algebra library of this server from using several threads.

    The matrices of a fit are small: sharing them out costs 2.5 times the processor time of 1000 refitted experiments,
    and takes the cores from the browser and from other visitors.
    """
    threadpool_limits(limits=1, user_api="blas")


def tell_and_log(error: Exception) -> None:
    """Log an exception in a callback and tell the user that the last action was not carried out."""
    log.error("an error in a callback", exc_info=error)
    if pn.state.notifications is not None:
        pn.state.notifications.error(
            "Something went wrong and the last action was not carried out. Your data and settings are still here.",
            duration=8000,
        )

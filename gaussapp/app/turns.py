"""Where work runs: in a session's turn, on the thread of its event loop, or beside both.

Up to Bokeh 3.9 whatever a session does runs on the thread of the event loop. From 3.10 on it runs on other threads, one
at a time for each session. Two things are only possible on the loop's own thread: sending several changes as one
message, and hearing there that a thread has done its work.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc

CONNECTING = 50
"""Milliseconds between two looks whether a browser is there."""


def on_loop(document: Document, work: Callable[[], None]) -> None:
    """Run `work` on the thread of the event loop, in the session's turn: now if this is it, else in the next one."""
    if document.session_context is None:
        return  # the page was left
    try:
        asyncio.get_running_loop()
    except RuntimeError:

        async def turn() -> None:  # what is a coroutine runs on the loop
            with set_curdoc(document):
                told(work)

        document.add_next_tick_callback(turn)
    else:
        work()


def in_one_message(write: Callable[[], None]) -> None:
    """Have all that `write` changes in the models of this session travel together, painted in one frame."""

    def together() -> None:
        with pn.io.unlocked():
            write()

    document = pn.state.curdoc
    if document is None or not document.session_context:
        together()
    else:
        on_loop(document, together)


def beside(document: Document, work: Callable[[], Any], then: Callable[[asyncio.Future[Any]], None]) -> None:
    """Run `work` in a thread of its own, and `then` with what became of it in a later turn of the session.

    `then` is not called when the page was left meanwhile. Both are held until then.
    """

    def done(task: asyncio.Future[Any]) -> None:
        if document.session_context is not None:
            document.add_next_tick_callback(partial(told, partial(then, task)))

    def start() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_future()
        task.add_done_callback(done)
        # Not one of the loop's own threads: a server that is told to stop waits for those.
        threading.Thread(target=_do, args=(work, loop, task), name="gaussapp work", daemon=True).start()

    on_loop(document, start)


def in_document(document: Document, work: Callable[[], None]) -> None:
    """Run `work` where the models of `document` may be changed: now if that is here, else in its next tick."""
    if document is None or document.session_context is None or pn.state.curdoc is document:
        work()
    else:
        document.add_next_tick_callback(partial(work))


def weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Return a call of a method that does not keep its object alive.

    A document holds the callbacks that were still due when its session ended, and where the app is part of another
    site's page with notifications, Panel holds that document for ever.
    """
    reference = weakref.WeakMethod(method)

    def call() -> None:
        there = reference()
        if there is not None:
            there()

    return call


def once_connected(document: Document, then: Callable[[], None] = lambda: None) -> None:
    """Call `then` once a browser shows a document, and tell Panel that one does.

    Panel learns it from the event that a page sends when it has settled, and until then drops what components such as
    the board are told. A user may be faster, and a page that reconnects to a restarted server never sends it.
    """

    def look() -> None:
        context = document.session_context
        if context is None:
            return  # the page was left
        if context.session is None or not context.session.connection_count:
            document.add_timeout_callback(look, CONNECTING)
            return
        if not pn.state._connected.get(document):
            pn.state._on_load(document)
        told(then)

    document.add_timeout_callback(look, 1)


def told(work: Callable[[], None]) -> None:
    """Run `work`; an exception is told in the page, as those are that Panel sees."""
    try:
        work()
    except Exception as error:
        tell = pn.config.exception_handler
        if tell is None:
            raise
        tell(error)


def _do(work: Callable[[], Any], loop: asyncio.AbstractEventLoop, task: asyncio.Future[Any]) -> None:
    try:
        settle = partial(task.set_result, work())
    except BaseException as error:
        settle = partial(task.set_exception, error)
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(settle)

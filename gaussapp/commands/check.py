"""``gaussapp check``: open a session of a running server, as a browser does, and look whether there is a page in it.

A server that answers is no proof: an exception while the page is built gives status 200 and a blank page. Nothing is
changed in the session, so that the server has nothing to do for it afterwards.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

TOKEN = re.compile(r'"token"\s*:\s*"([\w.=-]+)"')
ERROR_PAGE = re.compile(r"data-gaussapp=\W{0,3}(?:&quot;|&#34;)?error-page")


class UnwellError(Exception):
    """What is wrong with the server, in a sentence."""


def run(arguments: Sequence[str]) -> int:
    """Check a server; 0 if there is a page in a session of it, else 1 and a sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="gaussapp check",
        description="Open a session of a running server and look whether there is a page in it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "url",
        nargs="?",
        default="http://localhost:5006/gaussapp",
        metavar="URL",
        help="address of the page (%(default)s)",
    )
    parser.add_argument(
        "--origin", metavar="HOST[:PORT]", help="the host in visitors' address bar, where that is not the URL's"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for it (%(default)g)"
    )
    options = parser.parse_args(arguments)
    url = page_address(options.url)
    try:
        roots = count_roots(url, options.timeout, options.origin)
    except UnwellError as problem:
        print(f"{url}: {problem}", file=sys.stderr)
        return 1
    print(f"{url}: there is a page in a new session, with {roots} part{'s' * (roots != 1)}")
    return 0


def page_address(url: str) -> str:
    """Return the full address of the page; the page of a bare host is /gaussapp.

    Examples
    --------
    >>> page_address("localhost:5006")
    'http://localhost:5006/gaussapp'
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    path = parts.path if parts.path.strip("/") else "/gaussapp"
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), parts.query, ""))


def count_roots(url: str, timeout: float, origin: str | None = None) -> int:
    """Open a session and return the number of parts its page is made of.

    Raises
    ------
    UnwellError
        If there is no server, no session, no page, or only the page that says that there is none.
    """
    from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    async def look() -> int:
        client = AsyncHTTPClient(force_instance=True)
        patience = 0.9 * timeout  # so that it is the client that gives up, and can say at what
        try:
            answer = await client.fetch(HTTPRequest(url, connect_timeout=patience, request_timeout=patience))
        except HTTPError as error:
            if error.code == 599:
                raise UnwellError(f"the server does not answer within {patience:g} s: {error.message}") from None
            raise UnwellError(f"the server answers with status {error.code}: {error.message}") from None
        except (OSError, ValueError) as error:
            raise UnwellError(f"no server answers: {error}") from None
        finally:
            client.close()
        token = TOKEN.search(answer.body.decode("utf-8", "replace"))
        if not token:
            raise UnwellError("something answers, but it is not a page of gaussapp: it opens no session")
        parts = urlsplit(answer.effective_url)
        request = HTTPRequest(
            f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}/ws",
            headers={"Origin": f"{parts.scheme}://{origin or parts.netloc}"},
            connect_timeout=patience,
        )
        try:
            socket = await websocket_connect(request, subprotocols=["bokeh", token[1]], max_message_size=2**28)
        except HTTPError as error:
            raise UnwellError(
                f"the server refuses the session (status {error.code}): is {origin or parts.netloc} among the hosts "
                "given to it with --allow-websocket-origin?"
            ) from None
        try:
            await _receive(socket)  # ACK
            header = {"msgid": "1", "msgtype": "PULL-DOC-REQ"}
            for fragment in (header, {}, {}):
                await socket.write_message(json.dumps(fragment))
            while True:
                kind, content = await _receive(socket)
                if kind == "PULL-DOC-REPLY":
                    break
                if kind == "ERROR":
                    raise UnwellError("the server reports an error: see its log")
        finally:
            socket.close()
        roots = json.loads(content).get("doc", {}).get("roots", [])
        if not roots:
            raise UnwellError("the session is empty, the page is blank: see the server's log")
        if ERROR_PAGE.search(content):
            raise UnwellError("the page could not be built, an error page is shown: see the server's log")
        return len(roots)

    try:
        roots: int = IOLoop(make_current=False).run_sync(look, timeout)
    except TimeoutError:
        raise UnwellError(f"there is no page after {timeout:g} s") from None
    return roots


async def _receive(socket: Any) -> tuple[str, str]:
    """Return kind and content of the next message: three fragments, and two for each of its buffers."""
    fragments = []
    for _ in range(3):
        fragment = await socket.read_message()
        if fragment is None:
            raise UnwellError(f"the server closes the session: {socket.close_reason or 'without a reason'}")
        fragments.append(fragment)
    header = json.loads(fragments[0])
    for _ in range(2 * header.get("num_buffers", 0)):
        await socket.read_message()
    return str(header.get("msgtype")), str(fragments[2])

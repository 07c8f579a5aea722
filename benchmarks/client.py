"""A visitor without a browser: opens a page, moves a slider and waits for the answer, in Bokeh's own protocol.

Hundreds of these fit into one process, so that the server is what is measured. Like a browser it says that the document
is ready (without that the server may never begin to work) and, for gaussapp, that a frame was painted.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from browser import Server
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

READY = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}


class Client:
    """One session with a page's server."""

    def __init__(self, server: Server, samples: int) -> None:
        self.server, self.samples = server, samples
        self._connection: WebSocketClientConnection | None = None
        self._number = 0
        self._writing = asyncio.Lock()
        self._answers: asyncio.Queue[float] = asyncio.Queue()
        self._reading: asyncio.Task | None = None

    async def open(self, parameter: str = "amplitude") -> None:
        """Load the page, connect, and find the slider of `parameter`."""
        url = self.server.url(self.samples)
        page = await AsyncHTTPClient().fetch(url, request_timeout=120)
        token = re.search(r'"token":\s*"([^"]+)"', page.body.decode()).group(1)
        address = url.split("?")[0].replace("http", "ws", 1) + "/ws"
        self._connection = await websocket_connect(address, subprotocols=["bokeh", token], max_message_size=2**30)
        self._connection.protocol.set_nodelay(True)  # as browsers do; else three small writes wait for each other
        await self._receive()  # ACK
        await self._send("PULL-DOC-REQ", {})
        _, reply = await self._receive()
        models = list(walk(reply["doc"]["roots"]))
        self._slider = next(
            model["id"]
            for model in models
            if parameter in (model["attributes"].get("title"), model["attributes"].get("label"))
            and "value" in model["attributes"]
        )
        self._frames = next((model["id"] for model in models if model["attributes"].get("name") == "frames"), None)
        await self._patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": READY})
        self._reading = asyncio.create_task(self._read())

    async def move(self, value: float, patience: float = 30) -> float:
        """Set the slider and return the seconds until new data arrived."""
        while not self._answers.empty():
            self._answers.get_nowait()
        start = time.monotonic()
        await self._set(self._slider, "value", value)
        return await asyncio.wait_for(self._answers.get(), patience) - start

    def close(self) -> None:
        """Leave."""
        if self._reading is not None:
            self._reading.cancel()
        if self._connection is not None:
            self._connection.close()

    async def _read(self) -> None:
        while True:
            kind, content = await self._receive()
            if kind != "PATCH-DOC":
                continue
            if any(event["kind"] == "ColumnDataChanged" or event.get("attr") == "data" for event in content["events"]):
                self._answers.put_nowait(time.monotonic())
            for event in content["events"]:
                if event.get("model", {}).get("id") == self._frames and event.get("attr") == "end":
                    await self._set(self._frames, "start", event["new"])

    async def _set(self, model: str, attribute: str, value: float) -> None:
        await self._patch({"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": value})

    async def _patch(self, event: dict[str, Any]) -> None:
        await self._send("PATCH-DOC", {"events": [event]})

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        async with self._writing:  # the parts of one message stay together
            self._number += 1
            for part in ({"msgid": str(self._number), "msgtype": kind}, {}, content):
                await self._connection.write_message(json.dumps(part))

    async def _receive(self) -> tuple[str, dict[str, Any]]:
        """Return kind and content of the next message, leaving out its buffers."""
        header, _metadata, content = [json.loads(await self._part()) for _ in range(3)]
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._part()
        return header["msgtype"], content

    async def _part(self) -> str | bytes:
        part = await self._connection.read_message()
        if part is None:
            raise ConnectionError("the server closed the connection")
        return part


def walk(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every model in the serialized part of a document."""
    if isinstance(part, dict):
        if part.get("type") == "object" and "id" in part:
            yield {"attributes": {}, **part}
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)

"""The app as a page of its own, started in every way that is documented."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shlex
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml
from playwright.sync_api import expect
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel, which is all that installing a package without compiled parts does, and return the folder."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def opened(new_page: Callable, live: Callable) -> Callable:
    """Open the app on a server."""

    def run(server, query: str = ""):
        page = new_page()
        page.goto(server.url + query)
        return live(page).ready()

    return run


def test_a_checkout_is_served(app):
    app.follows_its_slider()


@pytest.mark.parametrize("flags", [["--dev"], ["--num-procs", "2", "--warm"]], ids=" ".join)
def test_a_checkout_is_served_with(serve, opened, flags):
    opened(serve(*flags)).follows_its_slider()


def test_an_installed_package_serves_itself(start, opened, installed, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "gaussapp", "--port", "{port}", "--warm"]
    server = start(command, "/gaussapp", cwd=empty, env={"PYTHONPATH": str(installed)})
    opened(server).follows_its_slider()


def test_an_installed_package_is_served_by_its_folder(serve, opened, installed):
    opened(serve("--dev", cwd=installed)).follows_its_slider()


def test_anaconda_project_serves_with_its_own_flags(start, opened):
    commands = yaml.safe_load((ROOT / "anaconda-project.yml").read_text(encoding="utf-8"))["commands"]
    _panel, *arguments = shlex.split(commands["serve"]["unix"])
    added = ["--anaconda-project-host", "localhost:{port}", "--anaconda-project-port", "{port}"]
    added += ["--anaconda-project-address", "localhost", "--anaconda-project-no-browser"]
    server = start([sys.executable, "-m", "panel", *arguments, *added], "/gaussapp", env={"BROWSER": "true"})
    opened(server).follows_its_slider()


def test_good_parts_of_a_bad_address_apply(open_app):
    app = open_app("?width=-1&noise=abc&samples=200&center=0.5&nothing=1").ready()
    expect(app.cell("center", "true")).to_have_text(re.compile("^0.50*$"))
    expect(app.slider("points")).to_have_value("200")
    expect(app.slider("width")).to_have_value("0.5")
    expect(app.where.get_by_text(re.compile("width=-1 .*left out"))).to_be_visible()
    app.follows_its_slider()


# In the open ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def public(start: Callable):
    """Serve in the open, for visitors of one host."""
    command = [sys.executable, "-m", "gaussapp", "public", "--origin", "localhost:{port}", "--port", "{port}"]
    return start(command, "/gaussapp", env={"BOKEH_SECRET_KEY": "a key for this test only, of no use elsewhere"})


def test_public_page_opens_and_strangers_are_refused(public, opened):
    opened(public).follows_its_slider()
    own, foreign = f"http://localhost:{public.port}", "http://evil.example"
    with urlopen(public.url) as page:
        token = re.search(rb'"token":\s*"([^"]+)"', page.read())[1].decode()
    assert first_words(public.url, token, own) == "ACK"
    assert first_words(public.url, token, foreign) == "403"
    assert first_words(public.url, with_other_session(token), own) == "closed"
    with pytest.raises(HTTPError, match="403") as refused:
        urlopen(public.url + "?bokeh-session-id=made-up")
    refused.value.close()
    assert public.errors() == ["Traceback (most recent call last):"], "Bokeh reports a token refused as one"


def with_other_session(token: str) -> str:
    """Put the id of another session into a token that was signed for this one."""
    payload, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=="))
    content["session_id"] = "made-up"
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=") + "." + signature


def first_words(url: str, token: str, origin: str) -> str:
    """Open a websocket as a page of `origin` would: ACK if a session is granted, closed if not, or a status."""

    async def ask() -> str:
        request = HTTPRequest(url.replace("http", "ws", 1) + "/ws", headers={"Origin": origin})
        try:
            socket = await websocket_connect(request, subprotocols=["bokeh", token])
        except HTTPClientError as error:
            return str(error.code)
        header = await socket.read_message()
        socket.close()
        return "closed" if header is None else json.loads(header)["msgtype"]

    with ThreadPoolExecutor(1) as pool:  # the event loop of this thread is the browser's
        return pool.submit(asyncio.run, ask()).result()

"""The app as a page of its own, started in every way that is documented."""

from __future__ import annotations

import base64
import json
import re
import shlex
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

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


def test_public_page_opens_and_strangers_are_refused(public, opened, page, complaints):
    opened(public).follows_its_slider()
    token = re.search(r'"token":\s*"([^"]+)"', page.request.get(public.url).text())[1]
    page.goto(f"http://localhost:{public.port}/favicon.ico")
    assert page.evaluate(FIRST_WORD, [public.url, token]) == "ACK"
    assert page.evaluate(FIRST_WORD, [public.url, for_another_session(token)]) == "closed"
    assert page.goto(public.url + "?bokeh-session-id=made-up").status == 403
    page.goto(f"http://127.0.0.1:{public.port}/favicon.ico")  # the same server, but not the host that it was told of
    assert page.evaluate(FIRST_WORD, [public.url, token]) == "closed"
    assert "Token for session 'made-up' had invalid signature" in public.log
    assert "Refusing websocket connection from Origin 'http://127.0.0.1:" in public.log
    assert public.errors() == ["Traceback (most recent call last):"], "Bokeh reports a refused token as an exception"
    complaints.clear()


FIRST_WORD = """([url, token]) => new Promise((done) => {
    const socket = new WebSocket(url.replace("http", "ws") + "/ws", ["bokeh", token])
    socket.onmessage = (event) => { done(JSON.parse(event.data).msgtype); socket.close() }
    socket.onclose = () => done("closed")
})"""
"""Opens a websocket as a page does: ACK when a session is granted, closed when it is refused."""


def for_another_session(token: str) -> str:
    """Put the id of another session into a token, and leave the signature as it was."""
    payload, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=="))
    content["session_id"] = "made-up"
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=") + "." + signature

"""The app as a page of its own, started in every way that is documented."""

from __future__ import annotations

import re
import shlex
import sys
import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

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


def test_public_page_opens_and_strangers_are_refused(public, opened):
    opened(public).follows_its_slider()
    page, status = get(public.url)
    assert status == 200
    token = re.search(r'"token":\s*"([^"]+)"', page)[1]
    own, foreign = f"http://localhost:{public.port}", "http://evil.example"
    assert websocket(public.url, token, own) == 101
    assert websocket(public.url, token, foreign) == 403
    assert websocket(public.url, token[:-2] + "xx", own) != 101
    assert get(public.url + "?bokeh-session-id=made-up")[1] == 403
    refusals = public.errors()
    assert all("Invalid" in line or "session" in line.lower() for line in refusals), refusals


def get(url: str, **headers: str) -> tuple[str, int]:
    """Return the body and the status of an answer."""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname, place.port, timeout=60)
    connection.request("GET", f"{place.path}?{place.query}", headers=headers)
    answer = connection.getresponse()
    if answer.status == 101:
        connection.close()
        return "", 101
    body = answer.read().decode()
    connection.close()
    return body, answer.status


def websocket(url: str, token: str, origin: str) -> int:
    """Ask for a websocket as a page of `origin` would, and return the status of the answer: 101 when it is opened."""
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    wanted |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": f"bokeh, {token}"}
    return get(url + "/ws", Origin=origin, **wanted)[1]

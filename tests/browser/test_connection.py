"""What is left of the user's state when the connection drops, the server restarts or a callback fails."""

import re
import sys

import pytest
from playwright.sync_api import expect


@pytest.fixture
def dropped():
    """Script that closes the page's websocket as a network failure would."""
    return "() => Bokeh.documents.length && window.sockets.forEach(socket => socket.close())"


REMEMBER_SOCKETS = """
window.sockets = []
window.WebSocket = class extends window.WebSocket {
  constructor(...parts) { super(...parts); window.sockets.push(this) }
}
"""


def test_a_dropped_connection_comes_back_with_the_state(server, new_page, live, dropped, complaints):
    page = new_page()
    page.add_init_script(REMEMBER_SOCKETS)
    page.goto(server.url)
    app = live(page).ready()
    app.type("width", "0.8")
    page.wait_for_url(re.compile("width=0.8"))
    page.wait_for_timeout(1500)  # nothing may be under way: what arrives on a closing socket is taken for the new one's
    page.evaluate(dropped)
    # Bokeh then pulls the document again, and stumbles over the arrays in it; the session goes on all the same.
    page.wait_for_function("window.sockets.length > 1 && window.sockets.at(-1).readyState === 1")
    page.wait_for_timeout(3000)
    assert page.evaluate("window.sockets.length") == 2, "the page was loaded again"
    app.follows_its_slider()
    assert app.number("width", "true") == 0.8
    complaints.clear()  # what Bokeh says of the connection it lost


def test_an_error_in_a_callback_is_told_and_logged_and_the_page_lives_on(start, new_page, live, tmp_path, complaints):
    (tmp_path / "failing.py").write_text(
        "from gaussapp.app import view\n"
        "from gaussapp.app.serve import serve_page\n"
        "GaussApp = view.GaussApp\n"
        "reset = GaussApp.reset\n"
        "GaussApp.reset = lambda self: 1 / 0\n"
        "serve_page()\n"
    )
    failing = start(
        [sys.executable, "-m", "panel", "serve", str(tmp_path / "failing.py"), "--port", "{port}"], "/failing"
    )
    page = new_page()
    page.goto(failing.url)
    app = live(page).ready()
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_text("Something went wrong")).to_be_visible()
    assert "Traceback" not in page.content()
    app.follows_its_slider()
    assert any("ZeroDivisionError" in line for line in failing.log.splitlines())
    failing.errors()  # looked at


def test_an_error_while_the_page_is_built_shows_a_page_that_says_so(start, new_page, tmp_path):
    (tmp_path / "broken.py").write_text(
        "import gaussapp.app.view as view\n"
        "from gaussapp.app.serve import serve_page\n"
        "def broken(self): raise RuntimeError('on purpose')\n"
        "view.GaussApp.page = broken\n"
        "serve_page()\n"
    )
    broken = start([sys.executable, "-m", "panel", "serve", str(tmp_path / "broken.py"), "--port", "{port}"], "/broken")
    page = new_page()
    page.goto(broken.url)
    expect(page.get_by_role("heading", name="gaussapp could not build this page")).to_be_visible()
    assert "on purpose" in broken.log
    broken.errors()  # looked at


def test_a_saved_page_opens_without_a_server(tmp_path, new_page):
    import subprocess

    target = tmp_path / "figure.html"
    script = f"from gaussapp import GaussApp\napp = GaussApp()\napp.model.center = 0.5\napp.save({str(target)!r})\n"
    subprocess.run([sys.executable, "-c", script], check=True)
    page = new_page()
    page.goto(target.as_uri())
    expect(page.locator('tr[data-parameter="center"] td[data-column="true"]')).to_have_text(re.compile(r"^0\.50"))
    expect(page.locator(".bk-Figure").first).to_be_visible()

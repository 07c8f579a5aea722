"""The app inside a page of somebody else's site: the sites of examples/, each driven from its home page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

UVICORN = [sys.executable, "-m", "uvicorn", "--host", "localhost", "--port", "{port}"]
SITES = {
    "fastapi": [*UVICORN, "main:site"],
    "flask": [sys.executable, "app.py"],
    "django": [*UVICORN, "website.asgi:application"],
}


@pytest.mark.parametrize("site", SITES)
def test_the_app_is_live_inside_a_page_of_the_site(start, new_page, live, site):
    environment = {"PORT": "{port}", "PYTHONPATH": str(EXAMPLES.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    server = start(SITES[site], "/", cwd=EXAMPLES / site, env=environment)
    page = new_page()
    page.goto(server.url)
    expect(page.get_by_role("heading")).to_have_text("Peak laboratory")
    page.get_by_role("link", name=re.compile("thousand points")).click()
    expect(page.get_by_text("How far can a fit be trusted?")).to_be_visible()
    app = live(page.frame_locator("iframe")).ready()
    expect(app.slider("points")).to_have_value("1000")
    expect(app.slider("noise")).to_have_value("1")
    app.follows_its_slider()

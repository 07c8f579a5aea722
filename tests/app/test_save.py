"""A saved page shows what the app showed, and needs nobody else for it."""

import re
from html.parser import HTMLParser

import pytest

from gaussapp.app import GaussApp
from gaussapp.data import Data


class Wanted(HTMLParser):
    """What a browser would load."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.texts = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "data") and value]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def saved(app, tmp_path):
    app.model.param.update(amplitude=2.34, samples=47, seed=5)
    app.save(tmp_path / "figure.html")
    return tmp_path / "figure.html"


def test_it_loads_nothing_from_anywhere(saved):
    wanted = Wanted(saved)
    assert [address for address in wanted.addresses if not address.startswith("data:")] == []
    text = saved.read_text(encoding="utf-8")
    assert not re.search(r"""(?:import|from)\s*\(?\s*["']https?:""", text)
    assert not re.search(r"""url\(\s*["']?https?:""", text)
    assert "esm.sh" not in text
    assert "cdn.holoviz" not in text


def test_it_shows_the_newest_state(saved, app):
    text = saved.read_text(encoding="utf-8")
    assert "47 points, 43 degrees of freedom" in text
    assert f"{app.fit.values['center']:.3f}".lstrip("-")[:5] in text
    assert "truth" in text
    assert "95 % band" in text or "95 % band".replace(" ", "\\u0020") in text


def test_an_app_that_was_never_shown_can_be_saved(tmp_path):
    app = GaussApp()
    app.model.samples = 31
    app.save(str(tmp_path / "figure.html"))
    assert "31 points, 27 degrees of freedom" in (tmp_path / "figure.html").read_text(encoding="utf-8")


def test_what_cannot_be_fitted_can_be_saved(app, tmp_path):
    app.model.samples = 2
    app.save(tmp_path / "figure.html")
    assert "2 usable points" in (tmp_path / "figure.html").read_text(encoding="utf-8")


def test_a_name_is_never_read_as_html(app, tmp_path):
    nasty = "</script></title><img src=https://example.org/x onerror=alert(1)>"
    app.data = Data([0.0, 1.0, 2.0], [1.0, 2.0, 1.0], name=nasty, x_label=nasty, y_label=nasty)
    app.settings.fit_range = (50.0, 60.0)
    app.save(tmp_path / "figure.html")
    assert Wanted(tmp_path / "figure.html").addresses == []


def test_the_app_lives_on_after_it_was_saved(shown, tmp_path):
    for number in range(2):
        shown.app.save(tmp_path / f"{number}.html")
    shown.app.model.samples = 33
    assert len(shown.source("data").data["x"]) == 33
    assert "33 points, 29 degrees of freedom" in shown.table

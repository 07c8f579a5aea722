"""Light or dark: what the browser asks for, the address, the button."""

import panel as pn
import pytest

from .conftest import in_turn, wait_for


class Look:
    """What a browser has of the page's theme."""

    def __init__(self, visitor):
        self.visitor = visitor
        models = visitor.session.document.models
        self.page = next(model for model in models if getattr(model, "class_name", "") == "Page")
        self.browser = next(model for model in models if type(model).__name__ == "BrowserInfo")
        (self.document,) = visitor.app._fit_plot.documents

    @property
    def dark(self):
        """Whether the page is dark, as the server has it."""
        return self.document.models[self.page.id].data.dark_theme

    def asks(self, *, dark):
        """Report what the browser asks for; return whether the page is dark then."""
        self.browser.dark_mode = dark
        self.visitor.settle()
        wait_for(lambda: pn.state._browsers[self.document].dark_mode == dark)
        in_turn(self.visitor, lambda: None)
        return self.dark

    def press(self):
        """Press the button."""
        for dark in (self.dark, not self.dark):
            self.page.data.dark_theme = dark
            self.visitor.settle()

    def becomes(self, search):
        """Wait until the address is this."""
        location = self.visitor.app._address.location
        wait_for(lambda: (location.search or "").lstrip("?") == search)


def test_the_page_is_dark_as_long_as_the_browser_asks_for_it(server):
    look = Look(server.visit())
    assert not look.dark
    assert look.asks(dark=True)
    assert not look.asks(dark=False)
    assert look.asks(dark=True)
    assert look.visitor.app._appearance.theme == "browser"


def test_the_button_overrides_and_is_kept_in_the_address_while_it_differs_from_the_browser(server):
    look = Look(server.visit())
    look.asks(dark=True)
    look.press()
    look.becomes("theme=light")
    assert not look.asks(dark=False)
    assert not look.asks(dark=True)
    look.press()
    look.becomes("")
    assert look.dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_in_the_address_wins(server, theme):
    look = Look(server.visit(theme=theme))
    assert not look.visitor.app._message.visible
    for asked in (True, False):
        assert look.asks(dark=asked) == (theme == "dark")
    look.visitor.app.reset()
    assert look.visitor.app._appearance.theme == theme

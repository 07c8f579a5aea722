"""What the tabs under the plots have in common."""

from __future__ import annotations

import panel as pn

from gaussapp.app.state import PrecisionSettings

ROOMS = ":host { container-type: inline-size; height: max-content; }"


class Tab:
    """A tab, empty until it is first opened; while it is closed nothing of it is computed.

    Parameters
    ----------
    tabs : PrecisionSettings
        Which one is open.

    Attributes
    ----------
    place : Column
        Where it is on the page.
    """

    name = ""
    """As it stands on the page."""

    def __init__(self, tabs: PrecisionSettings):
        self.tabs = tabs
        self.place = pn.Column(sizing_mode="stretch_width", stylesheets=[ROOMS], visible=False, css_classes=["tab"])
        tabs.param.watch(self._tab_changed, "tab")

    @property
    def open(self) -> bool:
        """Whether the tab is open."""
        return bool(self.tabs.tab == self.name)

    def follow(self) -> None:
        """Follow what has changed on the page."""
        raise NotImplementedError

    def _tab_changed(self, *_events: object) -> None:
        if self.open and not self.place.objects:
            self._build()
        self.place.visible = self.open
        if self.open:
            self._opened()
        else:
            self._closed()

    def _build(self) -> None:
        """Fill the place."""
        raise NotImplementedError

    def _opened(self) -> None:
        self.follow()

    def _closed(self) -> None:
        """End what is running."""
        raise NotImplementedError

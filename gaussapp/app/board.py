"""A board of results whose texts are changed in place.

Replacing the HTML of a pane makes Bokeh measure and lay out the whole page again, axes included, which costs more than
painting both plots. Here the HTML is built once for each form that the results take (which parameters, which verdicts);
after that a move only changes the texts in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import ClassVar

import param
from panel.custom import JSComponent


@dataclass(frozen=True)
class Written:
    """HTML with numbered places, and the texts that go there.

    Attributes
    ----------
    form : str
        HTML in which ``<… data-text>`` elements are empty.
    texts : tuple of str
        Plain text for each of them, in order; the browser never reads it as HTML.
    """

    form: str
    texts: tuple[str, ...]

    @property
    def html(self) -> str:
        """The form with its texts in place, escaped."""
        first, *rest = self.form.split(PLACE)
        return first + "".join(escape(text) + part for text, part in zip(self.texts, rest, strict=True))


PLACE = "<!--text-->"
"""Where a text goes in a form."""


class Board(JSComponent):
    """Shows what was `Written`."""

    form = param.String(default="", doc="HTML with an empty element for each text.")
    texts = param.List(default=[], item_type=str, doc="The texts, in order.")

    _esm = """
    export function render({model, el}) {
      const board = document.createElement("div")
      let places = []
      const fill = () => places.forEach((place, i) => {
        const text = model.texts[i] ?? ""
        if (place.data !== text) { place.data = text }
      })
      const build = () => {
        board.innerHTML = model.form
        const walker = document.createTreeWalker(board, NodeFilter.SHOW_COMMENT)
        const marks = []
        while (walker.nextNode()) { marks.push(walker.currentNode) }
        places = marks.map((mark) => {
          const text = document.createTextNode("")
          mark.replaceWith(text)
          return text
        })
        fill()
      }
      model.on("form", build)
      model.on("texts", fill)
      build()
      return board
    }
    """
    _busy__ignore: ClassVar[list[str]] = ["form", "texts"]

    def show(self, written: Written) -> None:
        """Show new results; only the texts travel when the form is the same."""
        self.param.update(form=written.form, texts=list(written.texts))

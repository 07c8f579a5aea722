"""A board of results whose texts are changed in place.

Replacing the HTML of a pane makes Bokeh measure and lay out the whole page again, axes included, which costs more than
painting both plots. Here the HTML is built once for each form that the results take (which parameters, which verdicts);
after that a move only changes the texts in it.

Whatever can be done in a board is an element with ``data-action``; what else a request needs is in its other ``data-``
attributes. One listener on the board hears them all, so that a form costs nothing more for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
      // A form that changes while a button in it has the keyboard must not take it away.
      const same = (one, other) => ["action", "name", "what"].every((key) => one[key] === other[key])
      const focused = () => el.getRootNode().activeElement?.closest?.("[data-action]")?.dataset
      const build = () => {
        const before = {...focused()}
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
        if (before.action) {
          const all = [...board.querySelectorAll("[data-action]")]
          const again = all.find((one) => same(one.dataset, before))
          // Where it has gone, the last one of its row stands in: the value.
          const beside = () => all.findLast((one) => before.name && one.dataset.name === before.name)
          ;(again ?? beside())?.focus({preventScroll: true})
        }
      }
      const ask = (place, more = {}) => model.send_msg({...place.dataset, ...more})
      // The text stays where it is, hidden, while another one is typed beside it: the next move still finds it.
      const edit = (cell) => {
        if (cell.querySelector("input")) { return }
        const before = cell.dataset.typed ?? cell.textContent.replace("−", "-")
        const field = Object.assign(document.createElement("input"), {
          type: "text", value: before, autocomplete: "off", spellcheck: false, ariaLabel: cell.title,
        })
        let open = true
        const done = (taken) => {
          if (!open) { return } // taking a field away blurs it
          open = false
          const text = field.value.trim()
          field.remove()
          cell.classList.remove("typing")
          if (taken && text !== before) { ask(cell, {value: text}) }
        }
        field.addEventListener("blur", () => done(true))
        field.addEventListener("keydown", (event) => {
          event.stopPropagation()
          if (event.key === "Enter" || event.key === "Escape") {
            event.preventDefault()
            done(event.key === "Enter")
            cell.focus({preventScroll: true})
          }
        })
        cell.classList.add("typing")
        cell.append(field)
        field.select()
      }
      board.addEventListener("click", (event) => {
        const place = event.target.closest("[data-action]")
        if (!place || event.target.tagName === "INPUT") { return }
        if (place.dataset.action === "hold") { edit(place) } else { ask(place) }
      })
      board.addEventListener("keydown", (event) => {
        const place = event.target.closest("td[data-action], tr[data-action]")
        if (!place || !["Enter", "F2"].includes(event.key)) { return }
        event.preventDefault()
        if (place.dataset.action === "hold") { edit(place) } else { ask(place) }
      })
      model.on("form", build)
      model.on("texts", fill)
      build()
      return board
    }
    """
    _acted: Callable[[Mapping[str, object]], None] | None = None
    _busy__ignore: ClassVar[list[str]] = ["form", "texts"]

    def show(self, written: Written) -> None:
        """Show new results; only the texts travel when the form is the same."""
        self.param.update(form=written.form, texts=list(written.texts))

    def on_action(self, act: Callable[[Mapping[str, object]], None]) -> None:
        """Call `act` with what an element asks for, its ``data-`` attributes; a client may send anything."""
        self._acted = act

    def _handle_msg(self, data: object) -> None:
        if self._acted is not None and isinstance(data, Mapping) and all(isinstance(key, str) for key in data):
            self._acted(data)

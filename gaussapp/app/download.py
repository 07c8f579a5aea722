"""A button that saves a table as a file: the text travels when it is asked for, and the browser writes it by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import param
from panel.custom import JSComponent

STYLE = """
:host { display: block; }
button {
  font: inherit; font-size: 0.8125rem; line-height: 1.75; color: inherit; background: transparent; cursor: pointer;
  padding: 0.2rem 0.9rem;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 4px;
}
button:disabled { opacity: .5; cursor: default; }
button:focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
"""


class SaveTable(JSComponent):
    """Saves what `content` returns at that moment: the name of a file and its text.

    Panel's own button saves nothing the second time unless the table has changed meanwhile.
    """

    label = param.String(default="Save table", doc="What is on the button.")
    disabled = param.Boolean(default=False)

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = """
    export function render({model}) {
      const button = document.createElement("button")
      button.type = "button"
      const show = () => { button.textContent = model.label; button.disabled = model.disabled }
      button.addEventListener("click", () => model.send_msg({action: "save"}))
      model.on("msg:custom", ({name, text}) => {
        const link = document.createElement("a")
        link.href = URL.createObjectURL(new Blob([text], {type: "text/csv;charset=utf-8"}))
        link.download = name
        link.click()
        setTimeout(() => URL.revokeObjectURL(link.href), 1000)
      })
      model.on("label", show)
      model.on("disabled", show)
      show()
      return button
    }
    """

    def __init__(self, content: Callable[[], tuple[str, str]], **params: object):
        super().__init__(**params)
        self._content = content

    def _handle_msg(self, data: object) -> None:
        if isinstance(data, Mapping) and data.get("action") == "save" and not self.disabled:
            name, text = self._content()
            self._send_msg({"name": name, "text": text})

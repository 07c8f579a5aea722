"""A line of text with a progress bar and a button to stop, which keeps its place when nothing runs."""

from __future__ import annotations

from typing import ClassVar

import param
from panel.custom import JSComponent

STYLE = """
:host { display: block; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 14px; min-height: 2.1rem; }
.bar .text { flex: 1 1 16rem; }
.bar .run { display: flex; align-items: center; gap: 10px; }
.bar .run.idle { visibility: hidden; }
progress { width: 9rem; accent-color: #0072B2; }
progress[value] { appearance: none; height: 6px; border: 0; border-radius: 3px; overflow: hidden; }
progress[value], ::-webkit-progress-bar { background: color-mix(in srgb, currentColor 20%, transparent); }
::-webkit-progress-value { background: #0072B2; background: light-dark(#0072B2, #56B4E9); }
::-moz-progress-bar { background: #0072B2; background: light-dark(#0072B2, #56B4E9); }
button {
  font: inherit; color: inherit; background: transparent; cursor: pointer; padding: 0.15rem 0.8rem;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 4px;
}
button:focus-visible { outline: 2px solid #0072B2; outline-offset: 1px; }
"""


class Bar(JSComponent):
    """What is done, and how much of what is being done."""

    text = param.String(default="", doc="What is shown now.")
    share = param.Number(
        default=-1.0, allow_None=True, doc="Share of the work that is done, None if unknown; below 0 nothing runs."
    )
    stops = param.Integer(default=0, doc="How often the button was pressed.")

    _stylesheets: ClassVar[list[str]] = [STYLE]
    _busy__ignore: ClassVar[list[str]] = ["text", "share", "stops"]
    _esm = """
    export function render({model}) {
      const element = (name, properties, parent) =>
        parent.appendChild(Object.assign(document.createElement(name), properties))
      const bar = Object.assign(document.createElement("div"), {className: "bar"})
      const text = element("span", {className: "text"}, bar)
      const run = element("span", {className: "run"}, bar)
      const progress = element("progress", {max: 1, ariaLabel: "progress"}, run)
      const stop = element("button", {type: "button", textContent: "Stop"}, run)
      stop.addEventListener("click", () => { model.stops += 1 })
      const show = () => {
        text.textContent = model.text
        const idle = model.share != null && model.share < 0
        run.classList.toggle("idle", idle)
        stop.disabled = idle
        if (model.share == null) {
          progress.removeAttribute("value")
        } else {
          progress.value = Math.max(model.share, 0)
        }
      }
      model.on("text", show)
      model.on("share", show)
      show()
      return bar
    }
    """

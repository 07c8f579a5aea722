"""Takes files that are chosen or dropped, in parts that fit into messages, within limits that hold in Python too.

The widget of panel-material-ui replaces its input element once a file has arrived: what was chosen in a dialog that was
opened before is then lost without a word, and the keyboard's place on the page with it. It does not stay in order
either when files are chosen while others are still on their way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import param
from panel.custom import JSComponent

from gaussapp.app.files.rows import MOST_FILES
from gaussapp.data import MAX_BYTES, shortened

PART = 10 * 2**20
"""Bytes in one message; Bokeh takes 20 MiB at most."""

STYLE = """
:host { display: block; }
label {
  display: block; position: relative; padding: 5px 15px; border-radius: 4px; cursor: pointer; text-align: center;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); font-size: 0.9rem; line-height: 1.75;
}
label:hover, label.over { background: color-mix(in srgb, currentColor 8%, transparent); }
label.over { border-style: dashed; }
label:focus-within { outline: 2px solid #0072B2; outline-offset: 1px; }
input { position: absolute; inset: 0; width: 100%; opacity: 0; cursor: pointer; font-size: 0; }
.state { font-size: 0.85rem; opacity: .8; overflow-wrap: anywhere; padding: 2px 4px; }
.state:empty { display: none; }
"""


class Upload(JSComponent):
    """A place for files; what has arrived together is in `received` for a moment."""

    label = param.String(default="", doc="What is on it.")
    received = param.List(
        default=[], precedence=-1, doc="Name and content of every file that was chosen, (str, bytes)."
    )
    refused = param.String(default="", precedence=-1, doc="Sentence that says why files were not taken.")

    _rename: ClassVar[dict[str, str | None]] = {"received": None, "refused": None}
    _stylesheets: ClassVar[list[str]] = [STYLE]
    _esm = (
        f"const PART = {PART}"
        + """
    export function render({model}) {
      const element = (name, parent, properties = {}) =>
        parent.appendChild(Object.assign(document.createElement(name), properties))
      const place = document.createElement("div")
      const label = element("label", place)
      const words = element("span", label)
      const input = element("input", label, {type: "file", multiple: true})
      const state = element("div", place, {className: "state", role: "status"})
      const short = (name) => name.length <= 80 ? name : name.slice(0, 79) + "…"

      const send = async (files) => {
        const what = files.length === 1 ? short(files[0].name) : `${files.length} files`
        state.textContent = `Uploading ${what} …`
        model.send_msg({status: "begin"})
        for (const file of files) {
          let start = 0
          do { // once for an empty file, too
            let data
            try {
              data = await file.slice(start, start + PART).arrayBuffer()
            } catch (error) { // a folder, or a file that is gone by now
              state.textContent = ""
              model.send_msg({status: "unreadable", name: file.name})
              return
            }
            start += PART
            model.send_msg({status: "part", name: file.name, data, last: start >= file.size})
          } while (start < file.size)
        }
        model.send_msg({status: "end"})
        state.textContent = `Uploaded ${what}`
      }
      let before = Promise.resolve()
      const take = (files) => { if (files.length) { before = before.then(() => send(files)) } }

      input.addEventListener("change", () => {
        take([...input.files])
        input.value = "" // the same file may have changed when it is chosen again
      })
      const over = (event) => {
        event.preventDefault()
        label.classList.toggle("over", event.type === "dragover")
      }
      label.addEventListener("dragover", over)
      label.addEventListener("dragleave", over)
      label.addEventListener("drop", (event) => { over(event); take([...event.dataTransfer.files]) })
      const show = () => { words.textContent = model.label }
      model.on("label", show)
      show()
      return place
    }
    """
    )

    def __init__(self, **params: object):
        super().__init__(**params)
        self._begin()

    def _handle_msg(self, data: object) -> None:
        if not isinstance(data, Mapping):  # a client may send anything
            return
        status, name = data.get("status"), data.get("name")
        if status == "begin":
            self._begin()
        elif status == "part" and isinstance(name, str) and isinstance(data.get("data"), bytes | memoryview):
            self._take(name, bytes(data["data"]), last=bool(data.get("last")))
        elif status == "unreadable" and isinstance(name, str):
            self._begin()
            self._refuse(f"The browser cannot read {shortened(name)}: is it a folder, or has it been moved?")
        elif status == "end":
            self._end()

    def _begin(self) -> None:
        """Let go of what has arrived so far: it was taken, or is too much."""
        self._whole: list[tuple[str, bytes]] = []
        self._parts: list[bytes] = []
        self._bytes = self._files = 0
        self._too_many = self._too_large = False

    def _take(self, name: str, part: bytes, *, last: bool) -> None:
        """Take a part of a file; the parts of one come one after the other."""
        if self._too_many:
            return
        if not self._too_large:
            self._add(name, part)
        if last and not self._too_many:
            if not self._too_large:
                self._whole.append((name, b"".join(self._parts)))
            self._parts, self._too_large = [], False

    def _add(self, name: str, part: bytes) -> None:
        self._files += not self._parts
        if sum(map(len, self._parts)) + len(part) > MAX_BYTES:
            self._parts, self._too_large = [], True
            self._refuse(
                f"{shortened(name)} is larger than the {MAX_BYTES // 2**20} MB that this page takes. "
                "Cut it down to the part with the peak, or fit it in Python with gaussapp.read_table."
            )
            return
        self._parts.append(part)
        self._bytes += len(part)
        if self._files > MOST_FILES or (self._files > 1 and self._bytes > MAX_BYTES):
            self._begin()
            self._too_many = True
            self._refuse(
                f"This page takes {MOST_FILES:,} files of {MAX_BYTES // 2**20} MB together at most, and these are "
                "more: choose fewer, or fit them with gaussapp fit 'DIR/*.csv' --out results.csv."
            )

    def _end(self) -> None:
        received = self._whole
        self._begin()
        self.received = received
        self.received = []  # what was read is kept as numbers; twice would be too much

    def _refuse(self, sentence: str) -> None:
        self.refused = ""  # so that the same sentence is said again
        self.refused = sentence

"""My data: a file dropped or chosen, text pasted or a sample taken; its columns; every refusal in a sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from html import escape
from typing import ClassVar

import panel as pn
import panel_material_ui as pmui
import param

from gaussapp.app.controls import COMPACT
from gaussapp.app.state import Source
from gaussapp.data import MAX_BYTES, Data, Table, parse_table, samples, shortened

log = logging.getLogger(__name__)

NO_SIGMA = "-"


class Upload(pmui.FileInput):
    """A file input whose size limit holds in Python too: the browser's own check can be gone around."""

    refused = param.String(default="", doc="Sentence that says why the last upload was not taken.")

    _rename: ClassVar[dict[str, str | None]] = {"refused": None}

    def _process_chunk(self, msg: dict) -> None:
        name = msg["name"]
        already = sum(len(part) for part in self._file_buffer.get(name, {}).get("chunks", {}).values())
        if already + len(msg["data"]) > MAX_BYTES:
            self._file_buffer.pop(name, None)
            self._refuse(
                f"{shortened(name)} is larger than the {MAX_BYTES // 2**20} MB that this page takes. "
                "Cut it down to the part with the peak, or fit it in Python with gaussapp.read_table."
            )
            return
        super()._process_chunk(msg)

    def _flush_buffer(self) -> None:
        if not self._buffer and not self._refusing:
            self._refuse("The file is empty: it holds no table. Choose another one.")
        self._refusing = False
        super()._flush_buffer()

    def _refuse(self, sentence: str) -> None:
        self._refusing = True
        self.refused = ""  # so that the same sentence is said again
        self.refused = sentence

    _refusing = False


class Measured(param.Parameterized):
    """The panel for the user's own data: what was read last stays until something better was read.

    Attributes
    ----------
    data : Data or None
        What is to be fitted.
    suggestion : dict
        Settings to begin with, by parameter name; for samples only.
    """

    data = param.ClassSelector(class_=Data, default=None, allow_None=True)

    def __init__(self, source: Source, tell: Callable[[str, str], None]):
        super().__init__()
        self.source = source
        self._tell = tell
        self._table: Table | None = None
        self.suggestion: dict[str, object] = {}
        source.param.sample.objects = {"choose a sample": ""} | {item.title: name for name, item in samples().items()}
        self.upload = Upload(
            label="Choose or drop a file", variant="outlined", sizing_mode="stretch_width", margin=(4, 10)
        )
        self.text = pmui.TextAreaInput(
            label="… or paste a table", placeholder="x, y or x, y, sigma: one row a line", rows=3, max_rows=6, **COMPACT
        )
        self.take = pmui.Button(label="Use the pasted text", variant="outlined", **COMPACT)
        self.samples = pmui.Select.from_param(source.param.sample, **COMPACT)
        self.x = pmui.Select(label="x", options=[], visible=False, **COMPACT)
        self.y = pmui.Select(label="y", options=[], visible=False, **COMPACT)
        self.sigma = pmui.Select(label="sigma", options=[], visible=False, **COMPACT)
        self.notes = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10), styles={"opacity": "0.8"})
        self.upload.param.watch(self._uploaded, "value")
        self.upload.param.watch(lambda event: event.new and tell(event.new, "error"), "refused")
        self.take.on_click(self._pasted)
        source.param.watch(self._sample_chosen, "sample")
        for column in ("x", "y", "sigma"):
            getattr(self, column).param.watch(partial(self._column_chosen, column), "value")
        source.param.watch(self._columns_set, ["x", "y", "sigma"])
        if source.sample:
            self._sample_chosen()

    def panel(self) -> list[object]:
        """Return the controls, top to bottom."""
        return [self.upload, self.text, self.take, self.samples, self.x, self.y, self.sigma, self.notes]

    async def _uploaded(self, event: param.parameterized.Event) -> None:
        if event.new is None:
            return
        content, name = event.new, self.upload.filename or "file"
        await self._read(content.encode() if isinstance(content, str) else bytes(content), str(name))

    async def _pasted(self, _event: object) -> None:
        text = self.text.value_input or self.text.value or ""
        await self._read(text.encode(), "pasted text")

    async def _read(self, content: bytes, name: str) -> None:
        """Parse off the event loop: a large table would hold up everybody else."""
        try:
            table = await asyncio.get_running_loop().run_in_executor(None, partial(parse_table, content, name=name))
            self._show(table)
        except (ValueError, TypeError) as error:
            log.info("refused a table: %s", error)
            self._tell(str(error), "error")

    def _sample_chosen(self, *_events: object) -> None:
        if not self.source.sample:
            return
        self._table = None
        self._show_choices(())
        chosen = samples()[self.source.sample]
        self.notes.object = f"{escape(chosen.description)}<br>{escape(chosen.source)}; {escape(chosen.licence)}"
        self.suggestion = {"baseline": chosen.baseline, "peaks": chosen.peaks, "fit_range": chosen.window}
        self.source.mode = "My data"
        self.data = chosen.data()

    def _show(self, table: Table) -> None:
        """Take a table that could be read: offer its columns and fit the ones that are likely meant."""
        data = self._choose(table)
        self._table, self.suggestion = table, {}
        self.source.param.update(sample="", mode="My data")
        self._show_choices(table.names)
        self.notes.object = "".join(f"<div>{escape(note)}</div>" for note in table.notes)
        self.data = data

    def _choose(self, table: Table) -> Data:
        """Make data from the columns that the settings name, as far as the table has them."""
        wanted = {name: value for name in ("x", "y", "sigma") if (value := getattr(self.source, name)) in table.names}
        if self.source.sigma == NO_SIGMA:
            wanted["sigma"] = False
        return table.to_data(**wanted)

    def _show_choices(self, names: tuple[str, ...]) -> None:
        several = len(names) > 1
        options = {shortened(name): name for name in names}
        with pn.io.hold():
            for widget in (self.x, self.y):
                widget.param.update(options=options, visible=several)
            self.sigma.param.update(options={"none": NO_SIGMA} | options, visible=several)
            if several and self._table is not None:
                self._mark_chosen()

    def _mark_chosen(self) -> None:
        assert self._table is not None
        x, y, sigma = self._table.default_columns()
        names = self._table.names
        chosen = {"x": self.source.x, "y": self.source.y, "sigma": self.source.sigma}
        default = {"x": x, "y": y, "sigma": sigma if sigma is not None else NO_SIGMA}
        for name, value in chosen.items():
            usable = value in names or (name == "sigma" and value == NO_SIGMA)
            getattr(self, name).value = value if usable else default[name]

    def _column_chosen(self, column: str, event: param.parameterized.Event) -> None:
        if self._table is not None and event.new and event.new != getattr(self.source, column):
            setattr(self.source, column, event.new)

    def _columns_set(self, *_events: object) -> None:
        if self._table is None:
            return
        try:
            self.data = self._choose(self._table)
        except (ValueError, TypeError) as error:
            self._tell(str(error), "error")

"""My data: a file dropped or chosen, text pasted or a sample taken; its columns; every refusal in a sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from html import escape
from types import MappingProxyType

import panel as pn
import panel_material_ui as pmui
import param

from gaussapp.app.controls import COMPACT, Menu
from gaussapp.app.files.rows import COLUMNS, NO_SIGMA, FileRead, named_in, read_all, unique
from gaussapp.app.state import FitSettings, Source
from gaussapp.app.upload import Upload
from gaussapp.data import Data, Sample, Table, parse_table, samples, shortened

log = logging.getLogger(__name__)


class Measured(param.Parameterized):
    """The panel for the user's own data: what was read last stays until something better was read.

    Parameters
    ----------
    source : Source
        Which columns or which sample the user has chosen.
    tell : callable
        Shows a sentence of a severity.
    together : callable, optional
        Makes a context in which several settings are one change.

    Attributes
    ----------
    data : Data or None
        What is to be fitted.
    suggestion : dict
        Settings to begin with, by parameter name; for samples, and for one of several files.
    files : list of FileRead
        What was chosen at once, in order of name, if it was more than one file.
    """

    data = param.ClassSelector(class_=Data, default=None, allow_None=True)
    files = param.List(default=[], item_type=FileRead)

    def __init__(
        self,
        source: Source,
        tell: Callable[[str, str], None],
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
    ):
        super().__init__()
        self.source = source
        self._tell = tell
        self._together = together
        self._table: Table | None = None
        self._in_use: dict[str, str] = {}  # columns that the settings name and the data were made with
        self._marking = False
        self._asked = self._taken = 0
        self._chosen: Sample | None = None
        self.suggestion: dict[str, object] = {}
        source.param.sample.objects = {"choose a sample": ""} | {item.title: name for name, item in samples().items()}
        self.upload = Upload(label="Choose or drop a file, or several", sizing_mode="stretch_width", margin=(4, 10))
        self.text = pmui.TextAreaInput(
            label="… or paste a table", placeholder="x, y or x, y, sigma: one row a line", rows=3, max_rows=6, **COMPACT
        )
        self.take = pmui.Button(label="Use the pasted text", variant="outlined", **COMPACT)
        self.samples = pmui.Select.from_param(source.param.sample, **COMPACT)
        self.x = Menu(label="x", options=[], visible=False, **COMPACT)
        self.y = Menu(label="y", options=[], visible=False, **COMPACT)
        self.sigma = Menu(label="sigma", options=[], visible=False, **COMPACT)
        self.notes = pn.pane.HTML("", sizing_mode="stretch_width", margin=(0, 10), styles={"opacity": "0.8"})
        self.upload.param.watch(self._uploaded, "received")
        self.upload.param.watch(lambda event: event.new and tell(event.new, "error"), "refused")
        self.take.on_click(self._pasted)
        source.param.watch(self._sample_chosen, "sample")
        for role in COLUMNS:
            getattr(self, role).param.watch(partial(self._column_chosen, role), "value")
        source.param.watch(self._columns_set, [*COLUMNS])
        if source.sample:
            self._sample_chosen()

    def certified(self, settings: FitSettings) -> Mapping[str, Mapping[str, float]] | None:
        """Return the certified numbers of the sample, if the settings ask for the fit that they are of."""
        chosen = self._chosen
        if chosen is None or chosen.name != self.source.sample or chosen.certified is None or settings.start:
            return None
        asked = suggested(chosen)
        return chosen.certified if all(getattr(settings, name) == value for name, value in asked.items()) else None

    def panel(self) -> list[object]:
        """Return the controls, top to bottom."""
        return [self.upload, self.text, self.take, self.samples, self.x, self.y, self.sigma, self.notes]

    async def _uploaded(self, event: param.parameterized.Event) -> None:
        if not event.new:
            return
        names, contents = zip(*event.new, strict=True)
        if len(contents) == 1:
            await self._read(contents[0], names[0])
        else:
            await self._read_several(dict(zip(unique(names), contents, strict=True)))

    async def _pasted(self, _event: object) -> None:
        text = self.text.value_input or self.text.value or ""
        await self._read(text.encode(), "pasted text")

    async def _read(self, content: bytes, name: str) -> None:
        """Parse off the event loop: a large table would hold up everybody else."""
        self._asked += 1
        number = self._asked
        try:
            table = await asyncio.get_running_loop().run_in_executor(None, partial(parse_table, content, name=name))
            if number > self._taken:  # else something that came later was read already
                self.files = []
                self._show(table)
                self._taken = number
        except (ValueError, TypeError) as error:
            log.info("refused a table: %s", error)
            self._tell(str(error), "error")

    async def _read_several(self, contents: Mapping[str, bytes]) -> None:
        """Parse several files off the event loop, and show the first that is a table."""
        self._asked += 1
        number = self._asked
        files = await asyncio.get_running_loop().run_in_executor(None, read_all, contents)
        if number <= self._taken:
            return
        self._taken = number
        self.files = files
        first = next((file for file in files if file.table is not None), None)
        if first is None:
            self._tell(f"None of these {len(files)} files can be read. {files[0].problem}", "error")
        else:
            self.show_file(first, {})

    def show_file(self, file: FileRead, settings: Mapping[str, object]) -> None:
        """Show one of several files, with settings that would otherwise be set back for other data."""
        if file.table is not None:
            self._show(file.table, settings)

    def _sample_chosen(self, *_events: object) -> None:
        if not self.source.sample:
            return
        self._taken = self._asked = self._asked + 1
        self._table = None
        self.files = []
        chosen = self._chosen = samples()[self.source.sample]
        with self._together():
            self._show_choices((), {})
            self.notes.object = f"{escape(chosen.description)}<br>{escape(chosen.source)}; {escape(chosen.licence)}"
            self.suggestion = suggested(chosen)
            self.source.mode = "My data"
            self.data = chosen.data()

    def _show(self, table: Table, settings: Mapping[str, object] = MappingProxyType({})) -> None:
        """Take a table that could be read: offer its columns and fit the ones that are likely meant."""
        named = named_in(table, self.columns)
        try:
            data = table.to_data(**named)
        except ValueError:  # the columns were chosen for another table
            named = {}
            data = table.to_data()
        with self._together():
            self._table, self.suggestion = table, dict(settings)
            self.source.param.update(sample="", mode="My data")
            self._show_choices(table.names, named)
            self.notes.object = "".join(f"<div>{escape(note)}</div>" for note in table.notes)
            self.data = data

    @property
    def table(self) -> Table | None:
        """The table that the data are of; None for a sample."""
        return self._table

    @property
    def columns(self) -> dict[str, str]:
        """Return the columns that the settings name, by role."""
        return {role: getattr(self.source, role) for role in COLUMNS}

    def _show_choices(self, names: tuple[str, ...], named: dict[str, str | bool]) -> None:
        several = len(names) > 1
        options = labelled(names)
        with pn.io.hold(), self._quietly():
            for widget in (self.x, self.y):
                widget.param.update(options=options, visible=several)
            self.sigma.param.update(options={"none": NO_SIGMA} | options, visible=several)
            if several:
                self._mark(named)

    def _mark(self, named: dict[str, str | bool]) -> None:
        """Show in the menus which columns are in use: no choice of the user's, so the settings stay as they are."""
        assert self._table is not None
        for role, name in zip(COLUMNS, self._table.choice(**named), strict=True):
            getattr(self, role).value = name if name is not None else NO_SIGMA
        self._in_use = self.columns

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Set menus and settings without taking that for a choice."""
        before, self._marking = self._marking, True
        try:
            yield
        finally:
            self._marking = before

    def _column_chosen(self, role: str, event: param.parameterized.Event) -> None:
        if not self._marking and self._table is not None and event.new:
            setattr(self.source, role, event.new)

    def _columns_set(self, *_events: object) -> None:
        """Make the data anew from the columns that the settings name; what is refused is put back."""
        if self._marking or self._table is None:
            return
        named = named_in(self._table, self.columns)
        try:
            data = self._table.to_data(**named)
        except (ValueError, TypeError) as error:
            self._tell(str(error), "error")
            with self._quietly():
                self.source.param.update(**self._in_use)
                self._mark(named_in(self._table, self.columns))
            return
        with self._quietly():
            self._mark(named)
        self.data = data


def suggested(chosen: Sample) -> dict[str, object]:
    """Return the settings to begin with a sample."""
    return {
        "baseline": chosen.baseline,
        "peaks": chosen.peaks,
        "fit_range": chosen.window,
        "loss": "least squares",
        "same_width": False,
        "fixed": {},
        "bounds": {},
        "ties": {},
    }


def labelled(names: Sequence[str]) -> dict[str, str]:
    """Return the names of columns by what a menu shows of them: long ones are cut, and still told apart."""
    labels: dict[str, str] = {}
    for position, name in enumerate(names, 1):
        label = shortened(name)
        labels[label if label not in labels else f"{label} (column {position})"] = name
    return labels

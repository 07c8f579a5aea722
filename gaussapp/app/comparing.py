"""Models side by side on the page: fitted to the same data in one click, and one of them taken with another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from html import escape

import panel_material_ui as pmui

from gaussapp.app.board import Board, Written
from gaussapp.app.controls import COMPACT
from gaussapp.app.scene import Request, part_of, points_of
from gaussapp.app.sheet import DASH, Sheet
from gaussapp.app.state import BASELINES, MOST_PEAKS, PEAKS, FitSettings
from gaussapp.data import Data
from gaussapp.fitting import Comparison, compare

UP_TO = 3
"""Peaks that are compared at least; always one more than are fitted."""

STYLE = """
:host { display: block; container-type: inline-size; --rule: color-mix(in srgb, currentColor 18%, transparent); }
h3 { font-size: 1rem; margin: 10px 0 2px; padding-left: 10px; }
p { margin: 2px 0 6px; padding-left: 10px; opacity: .85; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; width: 100%; max-width: 60rem; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th:first-child, :is(th, td).findings { text-align: left; }
thead th { font-weight: 600; opacity: .8; }
tbody th { font-weight: 500; }
tbody tr { cursor: pointer; }
tbody tr:hover { background: color-mix(in srgb, currentColor 7%, transparent); }
tr.best th, tr.best td { font-weight: 700; }
td.findings { white-space: normal; opacity: .85; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 2px 0; cursor: pointer; }
button { text-decoration: underline dotted; text-underline-offset: 3px; }
button:focus-visible { outline: 2px solid #0072B2; outline-offset: 2px; }
@container (max-width: 600px) { .aic, .aicc, .dof { display: none; } th, td { padding: 3px 6px; } }
"""

HEAD = {
    "dof": "dof",
    "misfit": "χ²/dof",
    "aic": "AIC",
    "aicc": "AICc",
    "bic": "BIC",
    "weight": "weight",
    "findings": "speaks against it",
}
"""Columns by their class, beside the name of the model."""


class Comparing:
    """The button that compares models, and the table of what came out.

    Parameters
    ----------
    settings : FitSettings
        Where the model that is taken goes to.
    inputs : callable
        Returns the data and the request of now; called in a thread, because it may simulate them.
    tell : callable
        Shows a sentence of a severity.
    """

    def __init__(
        self,
        settings: FitSettings,
        inputs: Callable[[], tuple[Data, Request]],
        tell: Callable[[str, str], None],
    ):
        self._settings = settings
        self._inputs = inputs
        self._tell = tell
        self._asked = 0
        self.button = pmui.Button(label="Compare models", variant="outlined", **COMPACT)
        self.button.on_click(self.run)
        self.board = Board(stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 16), visible=False)
        self.board.on_action(self._act)

    async def run(self, _event: object = None) -> None:
        """Compare the models off the event loop and show them, unless the data have changed meanwhile."""
        self._asked += 1
        number = self._asked
        self.button.param.update(label="Comparing …", disabled=True)
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, lambda: compared(*self._inputs()))
            if number == self._asked:
                self.board.show(written(found))
                self.board.visible = True
        except (ValueError, TypeError) as error:
            self._tell(str(error), "error")
        finally:
            self.button.param.update(label="Compare models", disabled=False)

    def forget(self) -> None:
        """Take away what was compared: it belongs to other data."""
        self._asked += 1
        if self.board.visible:
            self.board.visible = False

    def _act(self, asked: Mapping[str, object]) -> None:
        peaks, baseline = str(asked.get("peaks")), str(asked.get("baseline"))
        if asked.get("action") == "take" and peaks in PEAKS and baseline in BASELINES:
            shown = self.board.visible
            self._settings.param.update(peaks=PEAKS[peaks], baseline=baseline)
            self.board.visible = shown  # what a model does not have is held no longer, which is no other comparison


def compared(data: Data, request: Request) -> Comparison:
    """Fit all the models that are compared."""
    fitted = request.peaks if isinstance(request.peaks, int) else 1
    counts = range(1, min(max(UP_TO, fitted + 1), MOST_PEAKS) + 1)
    points = points_of(part_of(data, request), request)
    return compare(*points, peaks=counts, baselines=BASELINES, **request.known, **request.options)


def written(comparison: Comparison) -> Written:
    """Write a comparison as a table whose rows can be taken."""
    sheet = Sheet()
    sheet.html("<h3>Models compared</h3>")
    sheet.text("<p>", comparison.conclusion, " Choose a model to take it.</p>")
    if comparison.held:
        sheet.text('<p class="known">', comparison.held, "</p>")
    head = "".join(f'<th scope="col" class="{name}">{label}</th>' for name, label in HEAD.items())
    sheet.html(
        f'<div class="scroll"><table class="models"><thead><tr><th scope="col">model</th>{head}</tr></thead><tbody>'
    )
    for model, (_, *cells) in zip(comparison.models, comparison.table(), strict=True):
        take = f'data-action="take" data-peaks="{model.peaks}" data-baseline="{model.baseline}"'
        best = ' class="best"' if model.difference == 0.0 else ""
        name = escape(model.name)
        sheet.html(
            f'<tr {take}{best}><th scope="row"><button type="button" {take} data-name="{name}">{name}</button></th>'
        )
        if model.fit is not None:  # codes of findings; else why there is no fit
            cells[-1] = ", ".join(code.replace("_", " ") for code in cells[-1].split())
        for column, cell in zip(HEAD, cells, strict=True):
            sheet.text(f'<td class="{column}">', cell or (DASH if column != "findings" else ""), "</td>")
        sheet.html("</tr>")
    sheet.html("</tbody></table></div>")
    return sheet.written()

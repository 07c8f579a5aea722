"""Fits of several files in words: the table, one row a file, and what the files say together, as HTML and texts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gaussapp.app.board import Written
from gaussapp.app.files.rows import MOST_FILES, FileRead, Row, Trend
from gaussapp.app.results import MARKS, STYLE
from gaussapp.app.sheet import DASH, Sheet, decimals, number
from gaussapp.data import MAX_BYTES, shortened
from gaussapp.study.words import spoken

LONGEST_NAME = 48

TABLE_STYLE = (
    STYLE
    + """
.files { overflow: auto; max-height: 26rem; max-width: 100%; }
.files table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.files th, .files td { padding: 3px 10px; text-align: right; white-space: nowrap; }
.files th, .files td { border-bottom: 1px solid var(--rule); }
.files thead th { position: sticky; top: 0; font-weight: 600; }
.files thead th, .files tbody th { background: var(--panel-background-color, Canvas); }
.files tbody th, .files thead th:first-child { position: sticky; left: 0; }
.files thead th:first-child { z-index: 1; }
.files tbody th, .files thead th:first-child { text-align: left; font-weight: 500; }
.files td.said { text-align: left; white-space: normal; min-width: 24rem; }
.files tbody tr { cursor: pointer; }
.files tbody tr:hover { background: color-mix(in srgb, currentColor 7%, transparent); }
.files tbody button { border: 0; padding: 2px 0; text-decoration: underline dotted; text-underline-offset: 3px; }
.files .mark { font-weight: 700; color: var(--tone); }
.files .here { display: inline-block; width: 1.1em; color: #0072B2; }
"""
)


def table(files: Sequence[FileRead], rows: Sequence[Row | None], names: Sequence[str], shown: int | None) -> Written:
    """Write one row a file: its name, whether its fit can be trusted, the quantities, and what speaks against it.

    A click on a row shows the file; `shown` is the one that is shown now.
    """
    sheet = Sheet()
    head = "".join(f'<th scope="col">{_title(name)}</th>' for name in names)
    sheet.html('<div class="files"><table><thead><tr><th scope="col">file</th><th scope="col"></th>')
    sheet.html(f'{head}<th scope="col" style="text-align: left">findings</th></tr></thead><tbody>')
    for i, (file, row) in enumerate(zip(files, rows, strict=True)):
        show = f'data-action="show" data-name="{i}"'
        sheet.text(f'<tr {show}><th scope="row"><span class="here" aria-hidden="true">', "▸" if i == shown else "", "")
        sheet.text(f'</span><button type="button" {show}>', shortened(file.name, LONGEST_NAME), "</button></th><td>")
        severity = _severity(row)
        for kind, mark in MARKS.items():
            sheet.text(f'<span class="mark {kind}">', mark if kind == severity else "", "</span>")
        sheet.html("</td>")
        if row is not None and row["error"]:
            sheet.text(f'<td class="said" colspan="{len(names) + 1}">', row["error"], "</td></tr>")
            continue
        for name in names:
            sheet.text("<td>", _with_error(row, name), "</td>")
        sheet.text('<td class="said">', _findings(row), "</td></tr>")
    sheet.html("</tbody></table></div>")
    return sheet.written()


def summary(files: Sequence[FileRead], rows: Sequence[Row | None], name: str, drawn: Trend) -> Written:
    """Write how many files were fitted, and what they say together of one quantity."""
    sheet = Sheet()
    for sentence in (_counted(files, rows), together(name, drawn)):
        sheet.text('<p class="errors">', sentence, "</p>")
    return sheet.written()


def together(name: str, drawn: Trend) -> str:
    """Say in a sentence whether the files differ by more than their errors; nothing of fewer than two."""
    known = np.isfinite(drawn.error) & (drawn.error > 0)
    value, weight = drawn.value[known], drawn.error[known] ** -2.0
    if value.size < 2:
        return ""
    mean, error = float(np.average(value, weights=weight)), float(weight.sum() ** -0.5)
    misfit = float(weight @ (value - mean) ** 2) / (value.size - 1)
    # Over its degrees of freedom χ² is 1 ± √(2/dof) by chance.
    usual = math.sqrt(2.0 / (value.size - 1))
    if misfit > 1 + 3.3 * usual:
        what = (
            f"they differ by {math.sqrt(misfit):.2g} times as much as their errors let expect: there is more than noise"
        )
    elif misfit < 1 - 3.3 * usual:
        what = (
            f"they differ by only {math.sqrt(misfit):.2g} times as much as their errors let expect: these are too large"
        )
    else:
        what = "they differ by no more than their errors let expect"
    places = decimals(error, mean)
    return (
        f"Weighted mean of the {spoken(name)} of {value.size:,} files: {number(mean, places)} ± "
        f"{number(error, places)}; {what} (χ²/dof {misfit:.2g})."
    )


def _counted(files: Sequence[FileRead], rows: Sequence[Row | None]) -> str:
    done = [row for row in rows if row is not None]
    bad = sum(bool(row["error"]) for row in done)
    words = f"{len(done) - bad:,} of {len(files):,} files fitted"
    words += f", {bad:,} could not be" if bad else ""
    limit = f"A page takes {MOST_FILES:,} files of {MAX_BYTES // 2**20} MB together; gaussapp fit takes any number."
    return f"{words}. Choose a row or a point to see its file above. {limit}"


def _title(name: str) -> str:
    return name.replace("fwhm", "FWHM").replace("_", " ")


def _severity(row: Row | None) -> str:
    if row is None:
        return ""
    if row["error"]:
        return "bad"
    return "good" if row["trustworthy"] else "warning"


def _with_error(row: Row | None, name: str) -> str:
    if row is None:
        return "…"
    value, error = row.get(name), row.get(f"{name}_error")
    if value is None:
        return DASH
    places = decimals(math.nan if error is None else error, value)
    return number(value, places) if error is None else f"{number(value, places)} ± {number(error, places)}"


def _findings(row: Row | None) -> str:
    if row is None:
        return ""
    return row["error"] or ", ".join(
        code.replace("_", " ") for code in row["verdicts"].split() if code != "trustworthy"
    )

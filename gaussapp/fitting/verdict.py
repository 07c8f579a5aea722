"""Can this fit be trusted? Named findings, in words, with what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gaussapp.fitting.fit import Fit


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


class Verdict(NamedTuple):
    """A finding: `severity` is ``good``, ``note``, ``warning`` or ``bad``; `message` one sentence, `advice` what to do."""

    code: str
    severity: str
    message: str
    advice: str


ORDER = {"bad": 0, "warning": 1, "good": 2, "note": 3}


def judge(fit: Fit) -> tuple[Verdict, ...]:
    """Return all findings on a fit, the gravest first."""
    findings: list[Verdict] = []
    solution = fit._solution
    if fit.dof == 0:
        findings.append(Verdict("too_few_points", "bad", f"{fit.y.size} points for as many parameters: any noise is fitted.", "Add points."))
    elif fit.dof < 3:
        findings.append(Verdict("too_few_points", "warning", f"Only {fit.dof} points more than parameters.", "Add points."))
    if solution.status == "iterations":
        findings.append(Verdict("did_not_converge", "bad", f"No minimum reached within {solution.iterations} steps.", "Give a start or narrow the window."))
    low, high = float(fit.x.min()), float(fit.x.max())
    for k in range(fit.peaks):
        suffix = "" if fit.peaks == 1 else f"_{k + 1}"
        center, width = fit.values["center" + suffix], fit.values["width" + suffix]
        if not low <= center <= high:
            findings.append(Verdict("peak_outside_window", "warning", f"The center {center:.4g} lies outside the data ({low:.4g} to {high:.4g}).", "Measure further out."))
        if np.count_nonzero(abs(fit.x - center) < 2.5 * width) < 3:
            findings.append(Verdict("narrower_than_sampling", "warning", "Fewer than 3 points lie on the peak.", "Sample more finely."))
        relative = max(fit.errors["amplitude" + suffix] / max(abs(fit.values["amplitude" + suffix]), 1e-300), fit.errors["width" + suffix] / width)
        if not relative < 0.5:
            findings.append(Verdict("not_identified", "bad", "The data do not determine the peak.", "Fix a parameter or simplify."))
    if fit.left_out:
        findings.append(Verdict("rows_left_out", "note", f"{fit.left_out} rows left out.", "Check them."))
    if not any(f.severity in ("bad", "warning") for f in findings):
        findings.append(Verdict("trustworthy", "good", "Nothing speaks against this fit.", ""))
    return tuple(sorted(findings, key=lambda finding: ORDER[finding.severity]))

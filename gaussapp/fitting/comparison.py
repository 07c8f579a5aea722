"""Several models fitted to the same data, side by side: which numbers of peaks on which baselines they call for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import ArrayLike

from gaussapp.fitting.constrained.carried import known_of, options_in, where_known
from gaussapp.fitting.constrained.constraint import Bounds, Ties
from gaussapp.fitting.fit import fit
from gaussapp.fitting.peak import baseline_names
from gaussapp.fitting.report import model_words, plain
from gaussapp.fitting.result import Fit

if TYPE_CHECKING:
    import pandas as pd

CRITERIA = ("bic", "aicc", "aic")
"""Information criteria that a comparison can go by."""

COLUMNS = ("parameters", "dof", "chi2", "reduced_chi2", "p_value", "aic", "aicc", "bic")


class Model(NamedTuple):
    """A model that was tried: its fit, or the sentence that says why there is none.

    `difference` is what its criterion lies above the best one's, `weight` the share of the evidence that this leaves
    it, exp(-difference/2) over the sum of all (Burnham and Anderson, Model Selection and Multimodel Inference, 2002,
    ch. 2.9; with BIC it is the posterior probability for equal priors). `held` says what was imposed on its parameters.
    """

    peaks: int
    baseline: str
    fit: Fit | None
    problem: str
    difference: float
    weight: float
    held: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model in words."""
        return model_words(self.peaks, self.baseline)


class Comparison:
    """Models fitted to the same data, side by side. Made by `compare`; immutable.

    Attributes
    ----------
    models : tuple of Model
        In the order asked for, those that could not be fitted with the reason.
    criterion : str
        What the best is chosen by: ``"bic"``, ``"aicc"`` or ``"aic"``.
    best : Fit
        The fit with the lowest criterion.
    fits : tuple of Fit
        All fits, the best first.
    held : str
        A sentence that says what was imposed, and on which models; empty if nothing was.
    """

    def __init__(self, models: Iterable[Model], criterion: str, held: str = "") -> None:
        self.models, self.criterion, self.held = tuple(models), criterion, held

    @property
    def fits(self) -> tuple[Fit, ...]:
        """All fits, the best first."""
        ranked = sorted(self.models, key=lambda model: model.difference)
        return tuple(model.fit for model in ranked if model.fit is not None)

    @property
    def best(self) -> Fit:
        """The fit with the lowest criterion.

        Raises
        ------
        ValueError
            If no model could be fitted.
        """
        if not self.fits:
            raise ValueError(f"none of the {len(self.models)} models could be fitted: {self.models[0].problem}")
        return self.fits[0]

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, one row a model, in the order asked for; what was not fitted has nan and its problem."""
        import pandas as pd

        rows = []
        for model in self.models:
            row: dict[str, Any] = {"peaks": model.peaks, "baseline": model.baseline}
            row |= dict(zip(COLUMNS, figures(model.fit), strict=True))
            row |= {"difference": model.difference, "weight": model.weight, "best": model.difference == 0.0}
            row["trustworthy"] = model.fit is not None and model.fit.trustworthy
            row["findings"] = findings(model)
            row["held"] = ", ".join(model.held)
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain numbers and strings, ready for JSON; what is not finite becomes None."""
        models = []
        for model in self.models:
            numbers = zip(COLUMNS, figures(model.fit), strict=True)
            entry: dict[str, Any] = {"peaks": model.peaks, "baseline": model.baseline, "problem": model.problem or None}
            entry |= {name: value if math.isfinite(value) else None for name, value in numbers}
            entry["difference"] = model.difference if math.isfinite(model.difference) else None
            entry |= {"weight": model.weight, "best": model.difference == 0.0, "findings": findings(model)}
            entry["held"] = list(model.held)
            models.append(entry)
        return {"criterion": self.criterion, "models": models, "held": self.held}

    def table(self) -> list[tuple[str, ...]]:
        """Return the rows of the text and HTML reports, without their head."""
        lines: list[tuple[str, ...]] = []
        for model in self.models:
            name = f"{'▸ ' if model.difference == 0.0 else '  '}{model.name}"
            if model.fit is None:
                lines.append((name, "", "", "", "", "", "", model.problem))
                continue
            found = model.fit
            numbers = found.reduced_chi2, found.aic, found.aicc, found.bic
            weight = f"{100.0 * model.weight:.3g} %" if model.weight >= 1e-4 else "< 0.01 %"
            lines.append((name, str(found.dof), *(plain(value) for value in numbers), weight, findings(model)))
        return lines

    @property
    def conclusion(self) -> str:
        """What the comparison says, in a sentence."""
        ranked = sorted((model for model in self.models if model.fit is not None), key=lambda model: model.difference)
        if not ranked:
            return f"None of the {len(self.models)} models could be fitted."
        words = f"{ranked[0].name[0].upper()}{ranked[0].name[1:]}: the lowest {LABELS[self.criterion]} of {len(ranked)}"
        if len(ranked) == 1:
            return f"{words}."
        return f"{words}, by {plain(ranked[1].difference)} against {ranked[1].name}."

    def __repr__(self) -> str:
        lines = [HEAD, *self.table()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD) - 1)]
        text = []
        for line in lines:
            cells = [f"{line[0]:<{widths[0]}}"]
            cells += [f"{cell:>{width}}" for cell, width in zip(line[1:-1], widths[1:], strict=True)]
            text.append("  ".join([*cells, line[-1]]).rstrip())
        return "\n".join([*text, self.conclusion, *filter(None, [self.held])])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(word)}</th>" for word in HEAD)
        rows = []
        for model, line in zip(self.models, self.table(), strict=True):
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in line[1:])
            best = ' class="gaussapp-best"' if model.difference == 0.0 else ""
            rows.append(f"<tr{best}><th>{escape(line[0].strip())}</th>{cells}</tr>")
        return (
            f'<div class="gaussapp-comparison"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table><p>{escape(f'{self.conclusion} {self.held}'.strip())}</p></div>"
        )


LABELS = {"bic": "BIC", "aicc": "AICc", "aic": "AIC"}
HEAD = ("  model", "dof", "χ²/dof", "AIC", "AICc", "BIC", "weight", "findings")


def figures(found: Fit | None) -> tuple[float, ...]:
    """Return the numbers of `COLUMNS`; nan for no fit."""
    if found is None:
        return (math.nan,) * len(COLUMNS)
    return (len(found.names), *(float(getattr(found, name)) for name in COLUMNS[1:]))


def findings(model: Model) -> str:
    """Return the codes of what speaks against a fit, or why there is none."""
    if model.fit is None:
        return model.problem
    against = dict.fromkeys(verdict.code for verdict in model.fit.verdicts if verdict.severity in ("bad", "warning"))
    return " ".join(against)


def compare(
    x_or_data: Any,
    y: ArrayLike | None = None,
    sigma: ArrayLike | None = None,
    *,
    peaks: Iterable[int] = (1, 2, 3),
    baselines: Iterable[str] = ("none", "constant", "linear"),
    criterion: str = "bic",
    fixed: Mapping[str, float] | None = None,
    bounds: Bounds | None = None,
    ties: Ties | None = None,
    same_width: bool = False,
    **options: Any,
) -> Comparison:
    """Fit every number of peaks on every baseline to the same data and put the models side by side.

    What is known of the parameters is imposed on every model that has them: ``width_2`` of any with two peaks or more,
    ``slope`` on a linear baseline, a tie where there are both parameters. ``width`` and ``width_1`` are one.

    Parameters
    ----------
    x_or_data, y, sigma
        The data, as for `fit`.
    peaks
        Numbers of peaks.
    baselines
        Names of baselines.
    criterion
        What the best is chosen by: ``"bic"`` (Schwarz), ``"aicc"`` or ``"aic"`` (Akaike).
    fixed, bounds, ties
        As for `fit`, by the names of any of the models.
    same_width
        Whether all peaks of a model have one width.
    options
        Passed on to `fit`, such as ``absolute_sigma``.

    Returns
    -------
    Comparison
        With a table, ``best`` and ``fits``. A model that cannot be fitted stands there with its sentence.

    Raises
    ------
    TypeError
        If x, y or sigma are not numbers, `peaks` or `baselines` is not a sequence, or what is known is no mapping.
    ValueError
        If there is nothing to compare, a baseline or the criterion is unknown, or something is known of a parameter
        that no model has.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 41)
    >>> y = np.exp(-0.5 * (x / 0.3) ** 2) + 0.5 + 0.01 * np.cos(1e4 * x)
    >>> compare(x, y, peaks=[1, 2], baselines=["none", "constant"]).best.baseline
    'constant'
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, not {criterion!r}")
    if isinstance(baselines, str):
        baselines = (baselines,)
    if isinstance(peaks, str) or not isinstance(peaks, Iterable):
        raise TypeError(f"peaks must be several numbers of peaks, such as (1, 2, 3), not {peaks!r}")
    counts, names = tuple(dict.fromkeys(peaks)), tuple(dict.fromkeys(baselines))
    for name in names:
        baseline_names(name)
    if not counts or not names:
        raise ValueError("there is nothing to compare: give at least one number of peaks and one baseline")
    known = known_of(fixed, bounds, ties, same_width=same_width)
    tried: list[tuple[int, str, Fit | None, str]] = []
    for name in names:
        for count in counts:
            held = options_in(known, count, name)
            try:
                tried.append((count, name, fit(x_or_data, y, sigma, peaks=count, baseline=name, **held, **options), ""))
            except ValueError as error:
                tried.append((count, name, None, str(error)))
    values = [math.inf if found is None else measure(found, criterion) for _, _, found, _ in tried]
    lowest = min(values)
    above = [value - lowest if value > lowest else 0.0 for value in values]
    above = [math.inf if row[2] is None else difference for row, difference in zip(tried, above, strict=True)]
    shares = [math.exp(-0.5 * difference) for difference in above]
    total = sum(shares) or 1.0
    rows = zip(tried, above, shares, strict=True)
    models = [
        Model(*row, difference, share / total, tuple(one.words for one in known if one.belongs(*row[:2])))
        for row, difference, share in rows
    ]
    return Comparison(models, criterion, where_known(known, [row[:2] for row in tried]))


def measure(found: Fit, criterion: str) -> float:
    """Return the criterion of a fit; infinite where it cannot judge, because there are no degrees of freedom."""
    return float(getattr(found, criterion)) if found.dof else math.inf

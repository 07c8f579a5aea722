"""One dictionary of what the user has set: the address of the page, Reset and a restored session are made from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

import param

from gaussapp.app.holding import ByParameter, HeldBounds, HeldTies, HeldValues, written
from gaussapp.model import FiniteNumber

MOST_PEAKS = 12
BASELINES = {"none": "none", "constant": "constant", "linear": "linear", "exponential": "exponential"}
LOSSES = {"least squares": "least squares", "Poisson counts": "poisson", "robust": "robust"}
PEAKS = {"automatic": "auto"} | {str(number): number for number in range(1, MOST_PEAKS + 1)}
LEVELS = {"68 %": 0.68, "90 %": 0.90, "95 %": 0.95, "99 %": 0.99}
LONGEST_VALUE = 200
"""Characters of an offending value that an error message repeats."""


class FitSettings(param.Parameterized):
    """How the peak is fitted and what is shown of the fit, for simulated and measured data alike."""

    baseline = param.Selector(
        default="constant",
        objects=list(BASELINES),
        label="Baseline",
        doc="What lies under the peak; it is fitted together with the peak.",
        precedence=1,
    )
    peaks = param.Selector(
        default=1,
        objects=PEAKS,
        label="Peaks",
        doc="How many peaks are fitted at once. Automatic finds their number and says why. A double click on the plot "
        "adds one.",
        precedence=1.5,
    )
    same_width = param.Boolean(
        default=False,
        label="One width for all peaks",
        doc="Whether all peaks have the same width.",
        precedence=1.6,
    )
    loss = param.Selector(
        default="least squares",
        objects=LOSSES,
        label="Loss",
        doc="least squares: normal noise; Poisson counts: maximum likelihood for counted events; robust: a few points "
        "may be far off, and hardly count then.",
        precedence=1.7,
    )
    level = param.Selector(
        default=0.95,
        objects=LEVELS,
        label="Interval",
        doc="Probability that the intervals in the table and the band in the plot are made for.",
        precedence=2,
    )
    intervals = param.Selector(
        default="automatic",
        objects=["automatic", "symmetric", "profile"],
        label="Kind of interval",
        doc="symmetric: value ± a multiple of the standard error; profile: from the likelihood, longer on the side on "
        "which the data say less. Automatic takes the latter where symmetric ones are known to cover too little.",
        precedence=2.5,
    )
    band = param.Selector(
        default="confidence",
        objects=["confidence", "prediction", "none"],
        label="Band",
        doc="confidence: where the curve lies; prediction: where a further measured point would lie.",
        precedence=3,
    )
    errors = param.Selector(
        default="automatic",
        objects=["automatic", "absolute", "scaled"],
        label="Standard errors",
        doc="absolute: sigma is taken at its word; scaled: sigma is only relative and the residuals set the size. "
        "Automatic is absolute when sigma is known.",
        precedence=4,
    )
    fit_range = param.Range(
        default=None,
        allow_None=True,
        label="Part of x to fit",
        doc="Only points with x in this range are fitted; none means all.",
        precedence=5,
    )
    fixed = HeldValues(
        default={},
        label="Held",
        doc="Parameters that are not fitted but held, and at what; locks in the table set them.",
        precedence=6,
    )
    bounds = HeldBounds(
        default={},
        label="Bounds",
        doc="What parameters are not below and not above; typed in the table, such as >= 0.2 or 0.2..3.",
        precedence=6.2,
    )
    ties = HeldTies(
        default={},
        label="Ties",
        doc="Parameters that follow another one, and how; typed in the table, such as = center_1 + 1.5.",
        precedence=6.4,
    )
    start = HeldValues(
        default={},
        label="Start",
        doc="Where peaks are looked for: where the plot was double-clicked, or what was left when a peak was removed.",
        precedence=7,
    )
    correlations = param.Boolean(
        default=False,
        label="Correlations",
        doc="Whether the correlation of the parameters is shown below the table.",
        precedence=8,
    )

    @property
    def absolute_sigma(self) -> bool | None:
        """What `gaussapp.fit` takes as ``absolute_sigma``."""
        return {"automatic": None, "absolute": True, "scaled": False}[self.errors]

    @property
    def plain(self) -> bool:
        """Whether one peak is fitted by least squares with nothing known of it: the fit that takes no time."""
        known = self.fixed or self.bounds or self.ties or self.start
        return self.peaks == 1 and self.loss == "least squares" and not known


class Source(param.Parameterized):
    """Where the data come from, and which columns of a table they are."""

    mode = param.Selector(
        default="Simulate",
        objects=["Simulate", "My data"],
        label="Data",
        doc="Simulate a peak whose truth is known, or fit measured data.",
        precedence=1,
    )
    sample = param.Selector(
        default="",
        objects={"none": ""},
        label="Sample",
        doc="A measured or certified data set that comes with gaussapp.",
        precedence=2,
    )
    x = param.String(
        default="", label="x column", doc="Name of the column with x; empty takes the first numeric one.", precedence=3
    )
    y = param.String(
        default="", label="y column", doc="Name of the column with y; empty takes the second numeric one.", precedence=4
    )
    sigma = param.String(
        default="",
        label="sigma column",
        doc="Name of the column with the standard deviation of each y; empty takes one that is named like one, "
        "'-' takes none.",
        precedence=5,
    )


class PrecisionSettings(param.Parameterized):
    """Which tab is open, and what the Precision tab shows."""

    tab = param.Selector(
        default="Fit",
        objects=["Fit", "Precision", "Plan", "Map"],
        label="Tab",
        doc="Fit: the fit of these data. Precision: what the fit would give if the experiment were repeated. "
        "Plan: what gives a wanted precision. Map: the precision over a grid of settings.",
        precedence=1,
    )
    horizontal = param.String(
        default="center",
        label="Across",
        doc="Parameter along the horizontal axis of the cloud, and the one whose intervals are shown one by one.",
        precedence=2,
    )
    vertical = param.String(
        default="width", label="Upwards", doc="Parameter along the vertical axis of the cloud.", precedence=3
    )
    experiments = param.Integer(
        default=10_000,
        bounds=(100, 1_000_000),
        softbounds=(1_000, 50_000),
        step=1_000,
        label="Experiments",
        doc="How often the experiment is repeated when the sliders rest.",
        precedence=4,
    )
    singles = param.Integer(
        default=100,
        bounds=(0, 1_000),
        label="Single intervals",
        doc="How many experiments have been done so far in the plot of single intervals; the last 100 are shown.",
        precedence=5,
    )
    one_more = param.Event(label="One more experiment", doc="Show the interval of one more experiment.", precedence=6)
    from_none = param.Event(label="Start from none", doc="Take all intervals away.", precedence=7)


class PlanSettings(param.Parameterized):
    """What the Plan tab is asked: how precisely something is to be known, and what may be changed for it."""

    wanted = param.Selector(
        default="center",
        objects={"amplitude": "amplitude", "center": "center", "width": "width", "FWHM": "fwhm", "area": "area"},
        label="I need the",
        doc="What is to be known.",
        precedence=1,
    )
    target = FiniteNumber(
        default=None,
        allow_None=True,
        bounds=(0.0, 1e300),
        inclusive_bounds=(False, True),
        label="to ±",
        doc="The standard deviation that is wanted, in the unit of x or y. With none, half of what there is now.",
        precedence=2,
    )
    vary = param.Selector(
        default="samples",
        objects={"the number of points": "samples", "the noise": "noise", "the window": "window"},
        label="by changing",
        doc="What may be changed: the fewest points, the largest noise or the best window is looked for.",
        precedence=3,
    )
    apply = param.Event(
        label="Set the sliders to it", doc="Change the simulated experiment to what was found.", precedence=4
    )


ON_THE_PAGE = ("fixed", "bounds", "ties", "start", "correlations")
"""Settings that are made in the plot and in the table, and have no control in the side bar."""


def settable(owner: param.Parameterized) -> list[str]:
    """Names of the parameters of `owner` that a user can set and a link can carry, in order of precedence."""
    names = [
        name
        for name, p in owner.param.objects("existing").items()
        if name != "name"
        and not isinstance(p, (param.Action, param.Event))
        and (p.precedence is None or p.precedence >= 0)
    ]
    return sorted(names, key=lambda name: owner.param[name].precedence or 0)


def changed(owners: Iterable[param.Parameterized]) -> dict[str, object]:
    """Everything that differs from its default, by parameter name: the whole state of the page in one dictionary."""
    return {
        name: value
        for owner in owners
        for name in settable(owner)
        if (value := getattr(owner, name)) != owner.param[name].default
    }


def to_query(owners: Iterable[param.Parameterized]) -> str:
    """Write the state as the query part of an address, ``?width=0.4&noise=0.1``; empty when nothing was changed."""
    pairs = [(name, _to_text(value)) for name, value in changed(owners).items()]
    return "?" + urlencode(pairs, safe=",:") if pairs else ""


def from_query(query: str, owners: Iterable[param.Parameterized]) -> list[str]:
    """Apply the query part of an address to `owners`, each value on its own.

    Parameters
    ----------
    query : str
        With or without the leading question mark. Names that belong to nobody are ignored: other parts of a site
        have their own.
    owners : iterable of param.Parameterized
        Whose parameters may be set.

    Returns
    -------
    list of str
        One sentence for each value that could not be used. All the others have been applied.
    """
    home = {name: owner for owner in owners for name in settable(owner)}
    values: dict[param.Parameterized, dict[str, object]] = {}
    problems = []
    for name, text in parse_qsl(query.lstrip("?"), keep_blank_values=True):
        if name not in home:
            continue
        owner = home[name]
        try:
            values.setdefault(owner, {})[name] = _accepted(owner, name, text)
        except (ValueError, TypeError) as error:
            problems.append(f"{name}={_short(text)} in the address was left out: {error}")
    for owner, accepted in values.items():
        owner.param.update(**accepted)
    return problems


def restore(state: Mapping[str, object], owners: Iterable[param.Parameterized]) -> None:
    """Set every settable parameter: to its value in `state`, or to its default. One update per owner."""
    for owner in owners:
        owner.param.update(**{name: state.get(name, owner.param[name].default) for name in settable(owner)})


def _accepted(owner: param.Parameterized, name: str, text: str) -> object:
    """Read `text` as a value of the parameter and let the parameter itself judge it."""
    parameter = owner.param[name]
    value = _from_text(parameter, text)
    try:
        parameter._validate(value)  # what assignment runs, without assigning
    except (ValueError, TypeError) as error:
        outside = isinstance(value, int | float) and _allowed(parameter)
        raise ValueError(outside or f"{error}.".replace("..", ".")) from None
    return value


def _to_text(value: object) -> str:
    if isinstance(value, dict):
        return written(value)
    if isinstance(value, tuple):
        return ",".join(_to_text(part) for part in value)
    return repr(value) if isinstance(value, float) else str(value)


def _from_text(parameter: param.Parameter, text: str) -> object:
    if parameter.allow_None and text in {"", "None"}:
        return None
    if isinstance(parameter, param.Boolean):
        if text.lower() not in {"true", "false", "1", "0"}:
            raise ValueError("it must be true or false.")
        return text.lower() in {"true", "1"}
    if isinstance(parameter, param.Selector):
        for option in parameter.objects:
            if text == _to_text(option):
                return option
        raise ValueError(_allowed(parameter))
    if isinstance(parameter, ByParameter):
        return parameter.read(text)
    if isinstance(parameter, param.Range):
        parts = text.split(",")
        if len(parts) != 2:
            raise ValueError("it must be two numbers with a comma between them.")
        return tuple(_number(part) for part in parts)
    if isinstance(parameter, param.Integer):
        number = _number(text)
        if number != int(number):
            raise ValueError("it must be a whole number.")
        return int(number)
    if isinstance(parameter, param.Number):
        return _number(text)
    return text


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("it must be a number.") from None
    if not math.isfinite(number):
        raise ValueError("it must be a finite number.")
    return number


def _allowed(parameter: param.Parameter) -> str:
    """Say in words what a parameter accepts."""
    if isinstance(parameter, param.Selector):
        return "it must be one of " + ", ".join(_to_text(option) for option in parameter.objects) + "."
    low, high = getattr(parameter, "bounds", None) or (None, None)
    least = "at least" if getattr(parameter, "inclusive_bounds", (True, True))[0] else "above"
    limits = [f"{least} {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    words = " and ".join(limit for limit in limits if limit)
    return f"it must be {words}." if words else ""


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"

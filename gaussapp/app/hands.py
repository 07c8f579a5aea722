"""What the user does to the model in plot and table: peaks added and removed, parameters held and released."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import param
from bokeh.events import DoubleTap

from gaussapp.app.holding import free_centers, kept, tied_widths
from gaussapp.app.results import decimals, number
from gaussapp.app.scene import Scene
from gaussapp.app.state import MOST_PEAKS, FitSettings
from gaussapp.fitting import Fit

Asked = Mapping[str, object]


class Hands:
    """Turns what is asked for in plot and table into settings of the fit.

    Parameters
    ----------
    settings : FitSettings
        What is set.
    scene : callable
        Returns what is shown.
    tell : callable
        Shows a sentence of a severity.
    """

    def __init__(
        self,
        settings: FitSettings,
        scene: Callable[[], Scene],
        tell: Callable[[str, str], None],
    ):
        self._settings = settings
        self._scene = scene
        self._tell = tell

    def act(self, asked: Asked) -> None:
        """Do what an element of the table asks for; what makes no sense is told. Any client may ask for anything."""
        actions: dict[object, Callable[[Asked], None]] = {
            "lock": lambda asked: self.lock(str(asked.get("name"))),
            "hold": lambda asked: self.hold(str(asked.get("name")), str(asked.get("value"))),
            "release": lambda _asked: self._settings.param.update(fixed={}, start={}),
            "remove": lambda asked: self.remove(asked.get("peak")),
            "loss": lambda asked: self._settings.param.update(loss=asked.get("value")),
            "correlations": lambda _asked: self._settings.param.update(correlations=not self._settings.correlations),
        }
        do = actions.get(asked.get("action"))
        if do is None:
            return
        try:
            do(asked)
        except (ValueError, TypeError) as error:
            self._tell(str(error), "error")

    # Peaks ------------------------------------------------------------------------------------------------------------

    def tapped(self, event: DoubleTap) -> None:
        """Add a peak where the plot was double-clicked."""
        if isinstance(event.x, int | float) and math.isfinite(event.x):
            self.add(float(event.x))

    def add(self, x: float) -> None:
        """Fit one peak more, and look for it near `x` too."""
        scene = self._scene()
        part, before = scene.request.fit_range, self._peaks(scene)
        if before >= MOST_PEAKS:
            self._tell(f"{MOST_PEAKS} peaks are the most that this page fits; remove one first.", "warning")
            return
        if part is not None and not part[0] <= x <= part[1]:
            self._tell(
                f"x = {x:.6g} is outside the part of x that is fitted, {part[0]:.6g} to {part[1]:.6g}: "
                "widen that part, or double-click in it.",
                "warning",
            )
            return
        fixed = self._kept(before, before + 1)
        begun = kept(self._settings.start, before, before + 1, self._settings.baseline)
        free = [name for name in free_centers(fixed, before + 1) if name not in begun]
        start = {**begun, free[-1]: self._rounded(x)} if free else begun
        self._settings.param.update(peaks=before + 1, start=start, fixed=fixed)

    def remove(self, peak: object) -> None:
        """Fit one peak less, from where the others are."""
        scene = self._scene()
        before = self._peaks(scene)
        number = int(str(peak)) if str(peak).isdecimal() else 0
        if scene.fit is None or not 1 <= number <= before or before == 1:
            return
        fixed = self._kept(before, before - 1, gone=number)
        shapes = {name: self._short(name, value) for name, value in scene.fit.values.items() if is_shape(name)}
        taken = fixed.keys() | scene.request.ties.keys()
        left = kept(shapes, before, before - 1, self._settings.baseline, gone=number)
        start = {name: value for name, value in left.items() if name not in taken}
        self._settings.param.update(peaks=before - 1, start=start, fixed=fixed)

    def _kept(self, before: int, after: int, gone: int = 0) -> dict[str, float]:
        return kept(self._settings.fixed, before, after, self._settings.baseline, gone=gone)

    def _peaks(self, scene: Scene) -> int:
        if scene.fit is not None:
            return scene.fit.peaks
        return self._settings.peaks if isinstance(self._settings.peaks, int) else 1

    def _short(self, name: str, value: float) -> float:
        return float(f"{value:.4g}") if name.startswith("width") else self._rounded(value)

    def _rounded(self, x: float) -> float:
        """Return a position to a ten-thousandth of the range of x: enough for a start, and short in an address."""
        positions = self._scene().data.x
        span = float(positions.max() - positions.min()) if len(positions) else 0.0
        return round(x, 4 - math.floor(math.log10(span))) if 0.0 < span < math.inf else x

    # What is held -----------------------------------------------------------------------------------------------------

    def lock(self, name: str) -> None:
        """Hold a parameter at the value shown, or fit it again."""
        held = dict(self._settings.fixed)
        fit = self._scene().fit
        if name in held:
            del held[name]
        elif fit is not None and name in fit.names:
            held[name] = shown_value(fit, name)
        self._settings.fixed = held

    def hold(self, name: str, text: str) -> None:
        """Hold a parameter at what was typed."""
        fit = self._scene().fit
        if fit is None or name not in fit.names:
            return
        title = name.replace("_", " ")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f'{title} must be a number, not "{text[:40]}": type one, or press Escape to leave it.')
        if name.startswith("width") and value <= 0.0:
            raise ValueError(f"{title} must be above zero, not {value:g}.")
        self._settings.fixed = {**self._settings.fixed, name: value}

    def follow(self, *events: param.parameterized.Event) -> None:
        """Keep what is held in step with a change of the model: renamed with its peak, released with its parameter."""
        changes = {event.name: event for event in events if event.obj is self._settings}
        if changes.keys() & {"peaks", "same_width"} and "start" not in changes and self._settings.start:
            self._settings.start = {}
        held = self._settings.fixed
        if not held or "fixed" in changes or not changes.keys() & {"peaks", "baseline", "same_width"}:
            return
        after = self._settings.peaks
        if after == "auto":  # nothing can be held of peaks that are still to be found
            self._settings.fixed = {}
            return
        before = changes["peaks"].old if "peaks" in changes else after
        held = kept(held, after if before == "auto" else before, after, self._settings.baseline)
        tied = tied_widths(after) if self._settings.same_width else {}
        self._settings.fixed = {name: value for name, value in held.items() if name not in tied}


def is_shape(name: str) -> bool:
    """Whether a parameter is one of those that a start is made of."""
    return name.startswith(("center", "width"))


def shown_value(fit: Fit, name: str) -> float:
    """Return a fitted value as the table shows it: what the user has seen and locked."""
    value = fit.values[name]
    shown = float(number(value, decimals(fit.errors[name], value)).replace("−", "-"))
    return value if name.startswith("width") and shown <= 0.0 else shown

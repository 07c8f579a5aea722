"""What the user does to the model in plot and table: peaks added and removed, parameters held, bounded and tied."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import param
from bokeh.events import DoubleTap

from gaussapp.app.imposing import Imposed
from gaussapp.app.scene import Scene
from gaussapp.app.sheet import decimals, number
from gaussapp.app.state import MOST_PEAKS, FitSettings
from gaussapp.fitting import Fit
from gaussapp.fitting.constrained.carried import renamed

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
        Shows a sentence of a severity; takes it away if it is empty.
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
        self._told = False

    def act(self, asked: Asked) -> None:
        """Do what an element of the table asks for; what makes no sense is told. Any client may ask for anything."""
        actions: dict[object, Callable[[Asked], None]] = {
            "lock": lambda asked: self.lock(str(asked.get("name"))),
            "hold": lambda asked: self.type(str(asked.get("name")), str(asked.get("value"))),
            "free": lambda asked: self.free(str(asked.get("name")), str(asked.get("what"))),
            "release": lambda _asked: self._settings.param.update(fixed={}, bounds={}, ties={}, start={}),
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
            self._told = True
        else:
            if self._told:  # what was wrong is put right
                self._tell("", "error")
            self._told = False

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
        after, baseline = before + 1, self._settings.baseline
        imposed = Imposed.of(self._settings).moved(after, baseline)
        start = {renamed(name, after, baseline): value for name, value in self._settings.start.items()}
        start[f"center_{after}"] = self._rounded(x)
        self._settings.param.update(peaks=after, start=imposed.begun(start, after), **imposed.settings)

    def remove(self, peak: object) -> None:
        """Fit one peak less, from where the others are."""
        scene = self._scene()
        before = self._peaks(scene)
        number = int(str(peak)) if str(peak).isdecimal() else 0
        if scene.fit is None or not 1 <= number <= before or before == 1:
            return
        after, baseline = before - 1, self._settings.baseline
        imposed = Imposed.of(self._settings).moved(after, baseline, gone=number)
        start = self._from_here(scene.fit, imposed, after, gone=number)
        self._settings.param.update(peaks=after, start=start, **imposed.settings)

    def _from_here(self, fit: Fit, imposed: Imposed, peaks: int, gone: int = 0) -> dict[str, float]:
        """Return the start that leaves the peaks where they are."""
        start = {}
        for name, value in fit.values.items():
            if is_shape(name) and (there := renamed(name, peaks, fit.baseline, gone=gone)):
                start[there] = imposed.inside(there, self._short(name, value))
        return imposed.begun(start, peaks)

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

    # What is imposed --------------------------------------------------------------------------------------------------

    def lock(self, name: str) -> None:
        """Hold a parameter at the value shown, or fit it again."""
        imposed, fit = Imposed.of(self._settings), self._scene().fit
        if name in imposed.fixed:
            self._settings.fixed = {other: value for other, value in imposed.fixed.items() if other != name}
        elif fit is not None and name in fit.names and name not in imposed.all_ties(fit.peaks):
            self._impose(fit, imposed.held(name, imposed.inside(name, shown_value(fit, name)), fit.peaks))

    def type(self, name: str, text: str) -> None:
        """Hold, bound, tie or free a parameter as was typed; what contradicts itself is refused."""
        fit = self._scene().fit
        if fit is None or name not in fit.names:
            return
        self._impose(fit, Imposed.of(self._settings).typed(name, text, fit.peaks))

    def free(self, name: str, what: str) -> None:
        """Take away a tie or a bound, ``low`` or ``high``, of a parameter."""
        imposed, fit = Imposed.of(self._settings), self._scene().fit
        if what == "tie" and fit is not None:
            self._impose(fit, imposed.untied(name, fit.peaks))
        elif what in ("low", "high"):
            self._settings.bounds = imposed.unbound(name, what).bounds

    def _impose(self, fit: Fit, imposed: Imposed) -> None:
        """Set what is imposed on a fit unless it contradicts itself.

        What is known of a peak belongs to its number. So peaks that were counted by the data stay as many, and each of
        several goes on from where it is: else they might fit better, but renumbered.
        """
        imposed.check(fit.peaks, fit.baseline, fit.loss)
        several = fit.peaks > 1
        start = self._from_here(fit, imposed, fit.peaks) if several else imposed.begun(self._settings.start, 1)
        self._settings.param.update(peaks=fit.peaks, start=start, **imposed.settings)

    def follow(self, *events: param.parameterized.Event) -> None:
        """Keep what is imposed in step with a change of the model: renamed with its peak, gone with its parameter."""
        changes = {event.name: event for event in events if event.obj is self._settings}
        if not changes.keys() & {"peaks", "baseline", "same_width"}:
            return
        if changes.keys() & {"peaks", "same_width"} and "start" not in changes and self._settings.start:
            self._settings.start = {}
        imposed, peaks = Imposed.of(self._settings), self._settings.peaks
        if not (imposed.fixed or imposed.bounds or imposed.ties):
            return
        if peaks == "auto":  # nothing can be known of peaks that are still to be found
            self._settings.param.update(fixed={}, bounds={}, ties={})
            return
        left = imposed.moved(peaks, self._settings.baseline).settings
        self._settings.param.update(**{name: left[name] for name in ("fixed", "bounds", "ties") if name not in changes})


def is_shape(name: str) -> bool:
    """Whether a parameter is one of those that a start is made of."""
    return name.startswith(("center", "width"))


def shown_value(fit: Fit, name: str) -> float:
    """Return a fitted value as the table shows it: what the user has seen and locked."""
    value = fit.values[name]
    shown = float(number(value, decimals(fit.errors[name], value)).replace("−", "-"))
    return value if name.startswith("width") and shown <= 0.0 else shown

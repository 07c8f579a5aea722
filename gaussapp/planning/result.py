"""`Plan`: what gives a wanted precision, in numbers, words and a curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from gaussapp.fitting.peak import Array
from gaussapp.planning.design import QUANTITIES, VARIED, Setting, place_on_axis, untold

if TYPE_CHECKING:
    import pandas as pd

    from gaussapp.model import GaussianModel
    from gaussapp.study import Experiment, Study


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What gives a wanted precision, and the precision of everything around it. Made by `plan`.

    Attributes
    ----------
    targets : dict of str to float
        The standard deviations that are wanted.
    vary, baseline : str
        What is varied, and the baseline that is fitted.
    reachable : bool
        Whether all targets can be met.
    value : int, float or tuple
        The fewest points, the largest noise, or the best window (low, high). If the targets cannot be met, where the
        precision comes closest to them.
    limits : tuple of float or None
        The shortest and the longest window, in units of x, about the center of the peak that meet the targets; None
        when something else is varied or they cannot be met.
    bound : dict of str to float
        The precision there of all that may be asked: amplitude, center, width, fwhm and area.
    present : int, float or tuple
        What the model has now.
    present_bound : dict of str to float
        The precision it has now.
    varied : ndarray of shape (M,)
        The axis of the curve: numbers of points, noise, or lengths of windows about the center of the peak.
    precision : dict of str to ndarray of shape (M,)
        The curve: the bound of everything that may be asked at each of `varied`.
    value_at, present_at : float
        Where on that axis the plan and the present state are (of a window its length).
    model : GaussianModel, Experiment or None
        A copy of the model with the planned setting; of a plan from a fit, the planned experiment. None when that would
        be one without noise.
    """

    targets: Mapping[str, float]
    vary: str
    baseline: str
    reachable: bool
    value: Setting
    limits: tuple[float, float] | None
    bound: Mapping[str, float]
    present: Setting
    present_bound: Mapping[str, float]
    varied: Array
    precision: Mapping[str, Array]
    model: GaussianModel | Experiment | None = field(repr=False)

    @property
    def value_at(self) -> float:
        """Place of the planned setting on the axis of the curve."""
        return place_on_axis(self.value)

    @property
    def present_at(self) -> float:
        """Place of the present setting on the axis of the curve."""
        return place_on_axis(self.present)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        wanted = _wanted(self.targets)
        there, now = _setting(self.vary, self.value), _setting(self.vary, self.present)
        if not self.reachable:
            none = f"No {VARIED[self.vary]} gives the {wanted}"
            if unknown := untold(self.bound):
                return f"{none}: such data cannot tell the {' and the '.join(unknown)} at all."
            name = max(self.targets, key=lambda name: self.bound[name] / self.targets[name])
            spelled = name.replace("fwhm", "FWHM")
            return f"{none}: the best is ± {self.bound[name]:.3g} for the {spelled}, with {there}."
        if self.vary == "samples":
            return f"At least {there} give the {wanted}; now there are {self.present}."
        if self.vary == "noise":
            return f"A {there} or less gives the {wanted}; now it is {self.present:.4g}."
        assert self.limits is not None
        shortest, longest = self.limits
        return (
            f"{there.capitalize()} is the best, and any one about the peak with a length from "
            f"{shortest:.4g} to {longest:.4g} gives the {wanted}; now it is {now}."
        )

    @property
    def experiment(self) -> Experiment:
        """The planned experiment, to be repeated.

        Raises
        ------
        ValueError
            If its noise is 0.
        """
        return self.experiment_fitted(None)

    def experiment_fitted(self, loss: str | None) -> Experiment:
        """Return the planned experiment with what its fits make small.

        By default that is the loss of the fit that the plan is from; of a model the Poisson loss for counts, whose
        bound was planned with, and else least squares.

        Raises
        ------
        ValueError
            If its noise is 0, or the loss cannot go with it.
        """
        from gaussapp.model import GaussianModel
        from gaussapp.noise import POISSON
        from gaussapp.study import experiment_of

        if self.model is None:
            raise ValueError("noise is 0: every experiment would give the same data")
        if isinstance(self.model, GaussianModel):
            own = "poisson" if self.model.distribution == POISSON else "least squares"
            return experiment_of(self.model, baseline=self.baseline, loss=loss or own)
        return self.model if loss is None else self.model.fitted(loss)

    def verify(
        self,
        fits: int = 2000,
        *,
        seed: int | None = None,
        loss: str | None = None,
        progress: Callable[[int, int], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Study:
        """Repeat the planned experiment: what the fits really do beside the bound they are planned from.

        The precision reached is `Study.spread`, with its error in `Study.spread_error`, and the bound over it in
        `Study.efficiency`. Where that is below 1 by more than its error the fit does not reach the bound (low signal to
        noise, or a window with hardly any baseline), and the plan is too hopeful.

        Parameters
        ----------
        fits, seed, progress, cancelled
            As for `replicate`.
        loss
            As for `experiment_fitted`: of counts the Poisson loss, unless something else is said.

        Raises
        ------
        ValueError
            If no experiment can be fitted, the noise is 0, or the loss cannot go with it.
        """
        from gaussapp.study import replicate

        return replicate(self.experiment_fitted(loss), fits, seed=seed, progress=progress, cancelled=cancelled)

    def to_frame(self) -> pd.DataFrame:
        """Return the curve as a table: one row for each of `varied`, one column for each quantity."""
        import pandas as pd

        return pd.DataFrame({self.vary: self.varied, **self.precision})

    def __repr__(self) -> str:
        lines = [f"Plan: {self.sentence}"]
        first = max(map(len, QUANTITIES))
        for name in QUANTITIES:
            wanted = f"   wanted ± {self.targets[name]:.4g}" if name in self.targets else ""
            planned, now = f"± {self.bound[name]:.4g}", f"now ± {self.present_bound[name]:.4g}"
            lines.append(f"  {name:<{first}}  {planned:<12} {now}{wanted}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>± {self.bound[name]:.4g}</td><td>± {self.present_bound[name]:.4g}</td>"
            f"<td>{f'± {self.targets[name]:.4g}' if name in self.targets else ''}</td></tr>"
            for name in QUANTITIES
        )
        head = "<tr><th></th><th>planned</th><th>now</th><th>wanted</th></tr>"
        return f"<p>{escape(self.sentence)}</p><table>{head}{rows}</table>"


def _wanted(targets: Mapping[str, float]) -> str:
    parts = [f"{name.replace('fwhm', 'FWHM')} to ± {target:.4g}" for name, target in targets.items()]
    return parts[0] if len(parts) == 1 else f"{', the '.join(parts[:-1])} and the {parts[-1]}"


def _setting(vary: str, value: Setting) -> str:
    if isinstance(value, tuple):
        return f"the window from {value[0]:.4g} to {value[1]:.4g}"
    return f"{value} points" if vary == "samples" else f"noise of {value:.4g}"

"""The page that gaussapp's speed is measured against: the same plots and table, written by hand for a Bokeh server.

Run with ``bokeh serve benchmarks/reference_app.py`` and open ``/reference_app?samples=1000``. It uses Bokeh, NumPy and
SciPy only and does what a good Bokeh programmer does: figures are made once, a slider move patches each data source
with one assignment, ranges are set by the server (auto-ranges would send two patches back), drawing is on a canvas.
The fit starts from the true values, which nobody has in real life.

The table is an HTML table in a ``Div``. ``?table=datatable`` shows it as a Bokeh ``DataTable`` instead, which was
measured to be slower (see README.md beside this file), so that the comparison is with the faster of the two.
"""

import numpy as np
from bokeh.io import curdoc
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, DataTable, Div, Range1d, Slider, TableColumn
from bokeh.plotting import figure
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import t as student_t

LOW, HIGH = -2.0, 2.0  # the window of x
CURVE_POINTS = 400  # the curves are smooth to the eye with half a point a pixel
FWHM = 2 * np.sqrt(2 * np.log(2))  # of a peak of width 1
NAMES = ("amplitude", "center", "width", "offset")
COLUMNS = ("parameter", "true", "fitted", "error", "interval", "pull", "bound")
HEADINGS = ("parameter", "true", "fitted", "std error", "95 % interval", "pull", "bound")
DATA, TRUTH, FIT = "#0072B2", "#009E73", "#D55E00"  # Okabe-Ito

Array = NDArray[np.float64]


def peak(x: Array, amplitude: float, center: float, width: float, offset: float) -> Array:
    """Return a Gaussian on a constant baseline, shape (N,)."""
    return amplitude * np.exp(-0.5 * ((x - center) / width) ** 2) + offset


def jacobian(x: Array, amplitude: float, center: float, width: float, offset: float) -> Array:
    """Return the gradient of `peak` with respect to its four parameters, shape (N, 4)."""
    z = (x - center) / width
    bell = np.exp(-0.5 * z**2)
    return np.column_stack([bell, amplitude * bell * z / width, amplitude * bell * z**2 / width, np.ones_like(x)])


class Experiment:
    """One simulated experiment and its fit: everything the page shows, computed by `run`."""

    def __init__(self, samples: int) -> None:
        self.true = {"amplitude": 3.0, "center": 0.0, "width": 0.5, "offset": 0.0}
        self.noise = 0.3
        self.resample(samples)

    def resample(self, samples: int) -> None:
        """Draw the unit noise anew for another number of samples."""
        self.x = np.linspace(LOW, HIGH, samples)
        self.unit_noise = np.random.default_rng(1).standard_normal(samples)
        self.grid = np.linspace(LOW, HIGH, CURVE_POINTS)

    def run(self) -> None:
        """Simulate, fit, and derive what is plotted and tabulated."""
        start = list(self.true.values())
        self.y = peak(self.x, *start) + self.noise * self.unit_noise
        self.values, covariance = curve_fit(peak, self.x, self.y, p0=start, jac=jacobian)
        self.errors = np.sqrt(np.diag(covariance))
        self.residuals = self.y - peak(self.x, *self.values)
        self.dof = len(self.x) - len(NAMES)
        self.chi2 = float(self.residuals @ self.residuals)
        self.rms = np.sqrt(self.chi2 / self.dof)
        self.r_squared = 1 - self.chi2 / float(np.sum((self.y - self.y.mean()) ** 2))
        self.quantile = float(student_t.ppf(0.975, self.dof))
        information = jacobian(self.x, *start)
        self.bound = self.noise * np.sqrt(np.diag(np.linalg.pinv(information.T @ information)))
        self.truth, self.curve = peak(self.grid, *start), peak(self.grid, *self.values)
        gradient = jacobian(self.grid, *self.values)
        half = self.quantile * np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))
        self.low, self.high = self.curve - half, self.curve + half
        amplitude, width = self.values[0], self.values[2]
        slope = np.sqrt(2 * np.pi) * np.array([width, 0, amplitude, 0])
        self.derived = {
            "FWHM": (FWHM * self.true["width"], FWHM * width, FWHM * self.errors[2]),
            "area": (
                np.sqrt(2 * np.pi) * self.true["amplitude"] * self.true["width"],
                np.sqrt(2 * np.pi) * amplitude * width,
                np.sqrt(slope @ covariance @ slope),
            ),
        }

    def points(self) -> dict[str, Array]:
        """Columns of the data source both plots' markers share."""
        return {"x": self.x, "y": self.y, "residual": self.residuals / self.rms}

    def curves(self) -> dict[str, Array]:
        """Columns of the data source of the two lines and the band."""
        return {"x": self.grid, "truth": self.truth, "fit": self.curve, "low": self.low, "high": self.high}

    def limits(self) -> tuple[float, float]:
        """Limits of y that only move when something would leave the plot, so that the axis stands still."""
        low, high = min(self.y.min(), self.low.min()), max(self.y.max(), self.high.max())
        return float(np.floor(low - 0.1)), float(np.ceil(high + 0.1))

    def rows(self) -> list[tuple[str, ...]]:
        """Rows of the parameter table as text."""
        rows = []
        for name, fitted, error, bound in zip(NAMES, self.values, self.errors, self.bound, strict=True):
            true, reach = self.true[name], self.quantile * error
            interval = f"[{fitted - reach:.3f}, {fitted + reach:.3f}]"
            numbers = (f"{true:.3f}", f"{fitted:.3f}", f"{error:.3f}", interval, f"{(fitted - true) / error:+.2f}")
            rows.append((name, *numbers, f"{bound:.3f}"))
        for name, (true, value, error) in self.derived.items():
            rows.append(
                (name, f"{true:.3f}", f"{value:.3f}", f"{error:.3f}", "–", f"{(value - true) / error:+.2f}", "–")
            )
        return rows

    def summary(self) -> str:
        """Goodness of fit in one line."""
        return f"<p>RMS {self.rms:.3f} &nbsp; R² {self.r_squared:.4f} &nbsp; {len(self.x)} points, {self.dof} dof</p>"

    def html(self) -> str:
        """Return the parameter table as HTML."""
        head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
        body = "".join(
            f'<tr data-parameter="{cells[0]}">'
            + "".join(f'<td data-column="{name}">{cell}</td>' for name, cell in zip(COLUMNS, cells, strict=True))
            + "</tr>"
            for cells in self.rows()
        )
        style = "border-spacing:12px 2px;font-variant-numeric:tabular-nums"
        return f'<table class="parameters" style="{style}"><tr>{head}</tr>{body}</table>{self.summary()}'


def build() -> None:
    """Put the page into the current document."""
    document = curdoc()
    arguments = document.session_context.request.arguments if document.session_context else {}
    samples = int(arguments.get("samples", [b"25"])[0])
    as_html = arguments.get("table", [b"html"])[0] != b"datatable"
    experiment = Experiment(samples)
    experiment.run()

    points, curves = ColumnDataSource(experiment.points()), ColumnDataSource(experiment.curves())
    y_range = Range1d(*experiment.limits())
    fit = figure(name="fit", width=930, height=310, x_range=(LOW, HIGH), y_range=y_range, output_backend="canvas")
    fit.varea("x", "low", "high", source=curves, fill_color=FIT, fill_alpha=0.2, legend_label="95 % band")
    fit.scatter("x", "y", source=points, size=5, fill_color=DATA, line_color=None, legend_label="data")
    fit.line("x", "truth", source=curves, color=TRUTH, line_width=2, line_dash="dashed", legend_label="truth")
    fit.line("x", "fit", source=curves, color=FIT, line_width=2, legend_label="fit")
    fit.legend.update(click_policy="hide", orientation="horizontal")
    fit.add_layout(fit.legend[0], "above")
    residuals = figure(
        name="residuals", width=930, height=165, x_range=fit.x_range, y_range=(-4, 4), output_backend="canvas"
    )
    residuals.scatter("x", "residual", source=points, size=4, fill_color=DATA, line_color=None)
    residuals.hspan(y=0, line_color=FIT)

    if as_html:
        table = Div(text=experiment.html(), width=900, disable_math=True)
        summary = None
    else:
        columns = [TableColumn(field=name, title=title) for name, title in zip(COLUMNS, HEADINGS, strict=True)]
        cells = ColumnDataSource(_cells(experiment))
        table = DataTable(source=cells, columns=columns, width=900, height=200, index_position=None)
        summary = Div(text=experiment.summary(), disable_math=True)

    def refresh() -> None:
        experiment.run()
        points.data = experiment.points()
        curves.data = experiment.curves()
        limits = experiment.limits()
        if limits != (y_range.start, y_range.end):
            y_range.update(start=limits[0], end=limits[1])
        if summary is None:
            table.text = experiment.html()
        else:
            cells.data = _cells(experiment)
            summary.text = experiment.summary()

    def follow(name: str):
        def changed(_attribute: str, _old: float, new: float) -> None:
            if name == "samples":
                experiment.resample(int(new))
            elif name == "noise":
                experiment.noise = new
            else:
                experiment.true[name] = new
            refresh()

        return changed

    settings = {
        "amplitude": (1, 5, 0.05, 3),
        "center": (-5, 5, 0.05, 0),
        "width": (0.05, 2, 0.05, 0.5),
        "noise": (0.01, 1, 0.01, 0.3),
        "offset": (-1, 1, 0.05, 0),
        "samples": (5, max(1000, samples), 1, samples),
    }
    sliders = []
    for name, (start, end, step, value) in settings.items():
        slider = Slider(name=name, title=name, start=start, end=end, step=step, value=value, width=240)
        slider.on_change("value", follow(name))
        sliders.append(slider)
    below = [table] if summary is None else [table, summary]
    document.add_root(row(column(*sliders, width=260), column(fit, residuals, *below)))
    document.title = "reference"


def _cells(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    return dict(zip(COLUMNS, zip(*experiment.rows(), strict=True), strict=True))


if __name__.startswith("bokeh"):  # the name Bokeh's server runs it under
    build()

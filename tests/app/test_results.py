"""The table, the goodness of fit and the findings: the right numbers, with sensible digits, safe to show."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaussapp.app.board import PLACE
from gaussapp.app.results import MARKS, results
from gaussapp.app.scene import Request, Scene, compute
from gaussapp.app.sheet import DASH, decimals, number
from gaussapp.app.state import FitSettings
from gaussapp.data import Data, sample
from gaussapp.fitting import Verdict
from gaussapp.model import GaussianModel


def scene_of(data=None, noise=0.3, **settings):
    return compute(GaussianModel().simulate() if data is None else data, Request.of(FitSettings(**settings), noise))


class Page(HTMLParser):
    """What a reader gets: the rows of the table, the findings, and the other paragraphs."""

    VOID = frozenset({"img", "br", "input"})

    def __init__(self, scene):
        super().__init__()
        self.rows, self.heads, self.findings, self.tags, self.text = {}, [], [], [], ""
        self._stack, self._row = [], None
        self.written = results(scene)
        self.feed(self.written.html)
        self.close()
        assert self._stack == [], "every tag is closed"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag not in self.VOID:
            self._stack.append((tag, attributes))
        if tag == "tr" and "data-parameter" in attributes:
            self._row = self.rows[attributes["data-parameter"]] = {}
        if tag == "td":
            assert attributes["data-label"]
            self._row[attributes["data-column"]] = ""
        if tag == "li":
            self.findings.append(attributes | {"text": ""})

    def handle_endtag(self, tag):
        assert self._stack.pop()[0] == tag

    def handle_data(self, text):
        self.text += text
        tags = [tag for tag, _ in self._stack]
        if "td" in tags:
            self._row[dict(self._stack[-1][1])["data-column"]] += text
        elif "th" in tags:
            self.heads.append(text)
        elif "li" in tags:
            self.findings[-1]["text"] += text


def shown(text):
    return float(text.replace("−", "-").replace("∞", "inf"))


# The table -----------------------------------------------------------------------------------------------------------

GOLDEN = """
parameter  true   fitted  ± std error  95 % interval    pull  bound
amplitude  3.00   2.91    0.17         [2.55, 3.27]     −0.5  0.17
center     0.000  −0.005  0.028        [−0.062, 0.053]  −0.2  0.031
width      0.500  0.430   0.033        [0.362, 0.498]   −2.1  0.039
offset     0.000  0.174   0.084        [−0.001, 0.349]  +2.1  0.100
FWHM       1.177  1.013   0.077        [0.853, 1.173]   −2.1  0.091
area       3.76   3.14    0.26         [2.60, 3.68]     −2.4  0.33
"""


"""The numbers are those of `scipy.optimize.curve_fit`, propagated by hand."""


def as_text(page):
    rows = [page.heads[: len(next(iter(page.rows.values()))) + 1]]
    rows += [
        [title, *cells.values()] for title, cells in zip(page.heads[len(rows[0]) :], page.rows.values(), strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n" + "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


def test_a_typical_table():
    assert as_text(Page(scene_of())) == GOLDEN


def test_the_table_shows_the_numbers_of_the_fit():
    scene = scene_of(GaussianModel(samples=400).simulate())
    page, fit = Page(scene), scene.fit
    intervals = fit.interval(0.95)
    assert list(page.rows) == [*fit.names, *fit.derived]
    for name in fit.names:
        row, error = page.rows[name], fit.errors[name]
        assert shown(row["fitted"]) == pytest.approx(fit.values[name], abs=error / 10)
        assert shown(row["error"]) == pytest.approx(error, rel=0.05)
        assert shown(row["true"]) == pytest.approx(scene.data.truth[name], abs=error / 10)
        assert shown(row["pull"]) == pytest.approx((fit.values[name] - scene.data.truth[name]) / error, abs=0.051)
        assert shown(row["bound"]) == pytest.approx(scene.bound[name], abs=error / 10)
        low, high = map(shown, row["interval"].strip("[]").split(", "))
        assert (low, high) == pytest.approx(intervals[name], abs=error / 10)
    for name, estimate in fit.derived.items():
        assert shown(page.rows[name]["fitted"]) == pytest.approx(estimate.value, abs=estimate.error / 10)
        assert shown(page.rows[name]["error"]) == pytest.approx(estimate.error, rel=0.05)
        assert shown(page.rows[name]["bound"]) == pytest.approx(scene.bound[name], abs=estimate.error / 10)


def test_fwhm_and_area_have_their_truth():
    rows = Page(scene_of(GaussianModel(amplitude=2.0, width=0.7, samples=900).simulate())).rows
    assert shown(rows["fwhm"]["true"]) == pytest.approx(2.3548 * 0.7, abs=0.01)
    assert shown(rows["area"]["true"]) == pytest.approx(2.5066 * 2.0 * 0.7, abs=0.01)


@pytest.mark.parametrize("level", [0.68, 0.9, 0.95, 0.99])
def test_the_interval_says_its_level(level):
    scene = scene_of(level=level)
    page = Page(scene)
    assert f"{round(100 * level)} % interval" in page.heads
    low, high = map(shown, page.rows["center"]["interval"].strip("[]").split(", "))
    assert (low, high) == pytest.approx(scene.fit.interval(level)["center"], abs=0.001)


def test_measured_data_have_no_truth_to_compare_with():
    page = Page(scene_of(sample("eckerle4"), baseline="none"))
    assert page.heads[:4] == ["parameter", "fitted", "± std error", "95 % interval"]
    assert set(page.rows["center"]) == {"fitted", "error", "interval"}
    assert page.rows["center"]["fitted"] == "451.541"
    assert page.rows["center"]["error"] == "0.047"
    assert page.rows["width"]["fitted"] == "4.089"


@pytest.mark.parametrize("peaks", [2, 3])
def test_each_of_several_peaks_has_its_rows(peaks):
    x = np.linspace(0, 40, 400)
    y = sum((3 + k) * np.exp(-0.5 * (x - 8 - 12 * k) ** 2) for k in range(peaks))
    y = y + np.random.default_rng(1).normal(0, 0.1, x.size)
    page = Page(scene_of(Data(x, y), peaks=peaks))
    expected = [f"{name}_{k + 1}" for k in range(peaks) for name in ("amplitude", "center", "width")]
    assert list(page.rows)[: 3 * peaks + 1] == [*expected, "offset"]
    for k in range(peaks):
        assert shown(page.rows[f"center_{k + 1}"]["fitted"]) == pytest.approx(8 + 12 * k, abs=0.1)
        assert f"fwhm_{k + 1}" in page.rows
        assert f"area_{k + 1}" in page.rows
    assert "FWHM 2" in page.heads
    assert "amplitude 2" in page.heads


def test_several_peaks_fitted_to_one_have_no_truth_but_a_table():
    page = Page(scene_of(peaks=2))
    assert page.rows["amplitude_1"]["true"] == DASH
    assert page.rows["fwhm_2"]["pull"] == DASH
    assert shown(page.rows["offset"]["true"]) == 0.0
    assert "have one peak and 2 are fitted: no peak has a true value or a bound" in page.text


def test_a_column_that_could_say_nothing_is_left_out():
    assert {"true", "pull", "bound"} <= set(Page(scene_of()).heads)
    assert {"true", "pull"} <= set(Page(scene_of(noise=None)).heads)
    assert "bound" not in Page(scene_of(noise=None)).heads
    assert "bound" not in Page(scene_of(peaks=2)).heads
    assert not {"true", "pull", "bound"} & set(Page(scene_of(peaks=2, baseline="none")).heads)
    simulated = GaussianModel().simulate()
    assert not {"true", "pull", "bound"} & set(Page(scene_of(Data(simulated.x, simulated.y))).heads)


@pytest.mark.parametrize(
    ("baseline", "names"),
    [
        ("none", []),
        ("constant", ["offset"]),
        ("linear", ["offset", "slope"]),
        ("exponential", ["decay_amplitude", "decay_rate"]),
    ],
)
def test_each_baseline_has_its_rows(baseline, names):
    page = Page(scene_of(noise=None, baseline=baseline))
    assert list(page.rows) == ["amplitude", "center", "width", *names, "fwhm", "area"]
    if baseline == "linear":
        assert shown(page.rows["slope"]["true"]) == 0


def test_what_is_not_determined_is_shown_as_such():
    """As many points as parameters, nothing to scale the errors with."""
    scene = scene_of(GaussianModel(samples=4).simulate())
    assert scene.fit.dof == 0
    page = Page(scene)
    for row in page.rows.values():
        assert not math.isfinite(shown(row["error"].replace(DASH, "nan")))
        assert row["pull"] == DASH
    assert "nan" not in page.text.lower()
    assert "inf" not in page.text.lower().replace("information", "")


def test_a_perfect_fit_has_a_table():
    """Noise 0: errors of the size of rounding, or none at all."""
    page = Page(scene_of(GaussianModel(noise=0.0).simulate(), noise=None))
    assert shown(page.rows["amplitude"]["fitted"]) == pytest.approx(3, abs=1e-9)
    assert "nan" not in page.text.lower()
    assert all(len(cell) < 40 for row in page.rows.values() for cell in row.values())


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, 1e9), (1e-9, 0.0), (1e9, 0.0), (1.0, 5e4), (1e-3, 1e3), (1e-6, 7.0)], ids=str
)
def test_a_center_is_shown_as_exactly_as_it_is_known(scale, shift):
    plain = GaussianModel(samples=200, center=0.123).simulate()
    scene = scene_of(Data(plain.x * scale + shift, plain.y))
    center, error = scene.fit.values["center"], scene.fit.errors["center"]
    row = Page(scene).rows["center"]
    assert shown(row["fitted"]) == pytest.approx(center, abs=error / 5, rel=0)
    low, high = map(shown, row["interval"].strip("[]").split(", "))
    assert (low, high) == pytest.approx(scene.fit.interval(0.95)["center"], abs=error / 5, rel=0)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-6, 1e6, 1e12, 1e30, 1e100])
def test_y_may_be_of_any_magnitude(scale):
    plain = GaussianModel(samples=200).simulate()
    scene = scene_of(Data(plain.x, plain.y * scale))
    row = Page(scene).rows["amplitude"]
    error = scene.fit.errors["amplitude"]
    assert shown(row["fitted"]) == pytest.approx(scene.fit.values["amplitude"], abs=error / 5, rel=0)
    assert shown(row["error"]) == pytest.approx(error, rel=0.05)
    assert len(row["interval"]) < 40


# Goodness of fit, and which errors these are -------------------------------------------------------------------------


def test_against_a_known_sigma_the_misfit_is_chi_square():
    scene = scene_of(GaussianModel(sigma_known=True).simulate())
    page = Page(scene)
    assert f"χ²/dof {scene.fit.reduced_chi2:.3g}" in page.text
    assert "Standard errors are absolute" in page.text


def test_without_sigma_chi_square_would_mean_nothing():
    scene = scene_of()
    page = Page(scene)
    assert "χ²" not in page.text
    assert f"RMS residual {scene.fit.rmse:.3g}" in page.text
    assert "because no sigma is known" in page.text


def test_a_sigma_that_only_weighs_is_said_to():
    page = Page(scene_of(GaussianModel(sigma_known=True).simulate(), errors="scaled"))
    assert "sigma counts only relatively" in page.text


def test_points_degrees_of_freedom_and_rows_left_out():
    data = GaussianModel(samples=1200).simulate()
    assert "1,200 points, 1,196 degrees of freedom" in Page(scene_of(data)).text
    assert "left out" not in Page(scene_of(data)).text
    y = data.y.copy()
    y[:3] = np.nan
    assert "3 rows left out" in Page(scene_of(Data(data.x, y))).text


# Findings ------------------------------------------------------------------------------------------------------------


def test_every_verdict_is_shown_with_its_mark():
    scene = scene_of(GaussianModel(samples=5, noise=1.0).simulate())
    page = Page(scene)
    assert len(page.findings) == len(scene.fit.verdicts) >= 1
    for finding, verdict in zip(page.findings, scene.fit.verdicts, strict=True):
        assert finding["data-code"] == verdict.code
        assert finding["class"] == verdict.severity
        assert finding["data-mark"] == MARKS[verdict.severity]
        assert verdict.message in finding["text"]
        assert verdict.advice in finding["text"]


def test_without_a_fit_there_is_one_finding_and_no_table():
    scene = scene_of(GaussianModel(samples=2).simulate())
    page = Page(scene)
    (finding,) = page.findings
    assert finding["class"] == "bad"
    assert finding["text"].strip() == scene.problem
    assert "table" not in page.tags
    assert page.rows == {}


NASTY = "<img src=x onerror=alert(1)>\"&'<script>alert(2)</script><!--text-->"


def test_what_a_user_named_is_never_read_as_html():
    data = GaussianModel().simulate()
    scene = scene_of(Data(data.x, data.y, name=NASTY), fit_range=(50.0, 60.0))
    assert "onerror" in scene.problem  # otherwise this test shows nothing
    page = Page(scene)
    assert "img" not in page.tags
    assert "script" not in page.tags
    assert scene.problem in page.text
    assert "onerror" not in page.written.form


def test_no_text_of_a_verdict_is_read_as_html():
    scene = scene_of()
    bad = Scene(scene.data, scene.request, None, NASTY)
    assert NASTY in Page(bad).text
    written = results(bad)
    assert written.form.count(PLACE) == len(written.texts)


def test_the_form_stays_while_only_numbers_change():
    """So that only texts travel when a slider moves."""
    forms = {
        results(scene_of(GaussianModel(seed=seed, amplitude=3 + seed / 10).simulate())).form for seed in range(1, 6)
    }
    assert len(forms) == 1


def test_the_verdict_of_no_fit_looks_like_the_others():
    page = Page(Scene(Data([1.0], [1.0]), Request.of(FitSettings(), None), None, "Too few."))
    assert page.findings[0]["data-code"] == "no_fit"
    assert Verdict._fields == ("code", "severity", "message", "advice")


# Digits --------------------------------------------------------------------------------------------------------------

ANY = st.floats() | st.sampled_from([0.0, -0.0, 1e-7, 1e5, 1e9, 0.0995, 0.00995, 9.95, 99.5, 1000.0, 5e-324, 1.8e308])


@given(ANY, ANY, ANY, st.booleans(), st.booleans())
@example(5e-324, 0.0, 0.0, False, False)
@example(math.inf, math.nan, -math.inf, True, True)
def test_no_number_breaks_the_table(error, value, other, true, sign):
    for each in (error, value, other):
        text = number(each, decimals(error, value), true=true, sign=sign)
        assert text
        assert "-" not in text
        assert "nan" not in text
        assert "inf" not in text


@given(
    st.floats(-12, 12).map(lambda power: 10.0**power),
    st.floats(-18, 9).map(lambda power: 10.0**power),
    st.sampled_from([-1, 1]),
)
@example(1.0, 0.00996, 1)
@example(5.0, 2e-8, 1)
@example(1e9, 1e-10, 1)
@example(1.0, 1e-17, 1)
def test_a_value_is_shown_to_the_place_of_its_error(value, relative, sign):
    value, error = sign * value, value * relative
    places = decimals(error, value)
    if error > 1e-11 * abs(value):
        assert shown(number(error, places)) == pytest.approx(error, rel=0.051)
    assert shown(number(value, places)) == pytest.approx(value, abs=error / 5, rel=1e-12)
    assert len(number(value, places)) <= 24


@pytest.mark.parametrize(
    ("value", "error", "texts"),
    [
        (3.04159, 0.0831, ("3.042", "0.083")),
        (-3.04159, 0.0831, ("−3.042", "0.083")),
        (451.54121844, 0.0468, ("451.541", "0.047")),
        (1234.5, 12.3, ("1234", "12")),
        (0.0, 0.5, ("0.00", "0.50")),
        (3.0, 0.0, ("3.00000", "0.00000")),
        (3.0, math.inf, ("3.00000", "∞")),
        (3.0, math.nan, ("3.00000", DASH)),
        (0.0, 0.0, ("0.0000", "0.0000")),
        (2.5e-30, 1.2e-32, ("2.500e−30", "1.2e−32")),
    ],
)
def test_examples_of_digits(value, error, texts):
    places = decimals(error, value)
    assert (number(value, places), number(error, places)) == texts


def test_what_the_page_advises_can_be_done_on_the_page():
    y = np.random.default_rng(2).standard_t(2, size=2000) + 5 * GaussianModel(samples=2000, noise=0).simulate().y
    scene = scene_of(Data(np.linspace(-2, 2, 2000), y))
    assert "residuals_not_normal" in [verdict.code for verdict in scene.fit.verdicts]
    assert "loss=" not in Page(scene).text

"""A stack of data sets is fitted as each of them would be alone, whatever the others are."""

import dataclasses
import pickle
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gaussapp
from gaussapp import fit, fit_many
from gaussapp.fitting.solve import layout_of
from gaussapp.fitting.stack import many
from gaussapp.fitting.stack import search as stack_search
from gaussapp.fitting.stack.fits import TOGETHER
from gaussapp.fitting.stack.verdict import CODES

X = np.linspace(-2.0, 2.0, 25)


def data_sets(count, snr, baseline="none", x=X, sigma=None, seed=0):
    """Return peaks of all kinds of widths and centers on a baseline, with noise, (count, N)."""
    random = np.random.default_rng(seed)
    center, width = random.uniform(-1.5, 1.5, (count, 1)), random.uniform(0.15, 0.8, (count, 1))
    noise = 3.0 / snr * (1.0 if sigma is None else sigma)
    y = 3.0 * np.exp(-0.5 * ((x - center) / width) ** 2) + noise * random.standard_normal((count, x.size))
    return y + {"none": 0.0, "constant": 0.5, "linear": 0.5 + 0.4 * x, "exponential": 1.5 * np.exp(-0.7 * x)}[baseline]


def row(part, i):
    return part if part is None or part.ndim < 2 else part[i]


def assert_as_alone(fits, x, y, sigma=None, rows=None, **options):
    """Hold rows of a stack against `fit`: 1e-6 of a value or of its error, and the same findings."""
    for i in range(len(fits)) if rows is None else rows:
        alone = fit(row(x, i), y[i], row(sigma, i), **options)
        errors = np.array(list(alone.errors.values()))
        values = np.array(list(alone.values.values()))
        finite = np.isfinite(errors) & np.isfinite(values)
        close = 1e-6 * np.maximum(abs(values), errors)[finite]
        assert np.all(abs(fits.values[i][finite] - values[finite]) <= close), i
        np.testing.assert_allclose(fits.values[i][~finite], values[~finite], rtol=1e-6)
        np.testing.assert_allclose(fits.errors[i], errors, rtol=1e-6)
        for name in ("chi2", "reduced_chi2", "r_squared", "aic", "bic"):
            np.testing.assert_allclose(getattr(fits, name)[i], getattr(alone, name), rtol=1e-6, atol=1e-9)
        for name, (value, error) in alone.derived.items():
            np.testing.assert_allclose([fits.value(name)[i], fits.error(name)[i]], [value, error], rtol=1e-6)
        assert set(fits.codes(i)) == {verdict.code for verdict in alone.verdicts}, i
        assert fits.trustworthy[i] == alone.trustworthy
        assert (fits.points[i], fits.dof[i], fits.left_out[i]) == (alone.y.size, alone.dof, alone.left_out)


@pytest.mark.parametrize("baseline", ["none", "constant"])
def test_many_data_sets_are_fitted_as_each_alone(baseline):
    y = data_sets(700, 10.0, baseline, seed=3)
    assert_as_alone(fit_many(X, y, baseline=baseline), X, y, baseline=baseline)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "sigma"])
@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
@pytest.mark.parametrize("snr", [10.0, 2.0])
def test_every_baseline_and_little_signal_too(baseline, snr, weighted):
    sigma = np.linspace(0.8, 1.3, X.size) * 3.0 / snr if weighted else None
    count = 20 if baseline == "exponential" else 60
    y = data_sets(count, snr, baseline, sigma=None if sigma is None else sigma * snr / 3.0, seed=4)
    assert_as_alone(fit_many(X, y, sigma, baseline=baseline), X, y, sigma, baseline=baseline)


@pytest.mark.parametrize("points", [7, 80, 250, 500])
def test_few_points_and_more_than_there_are_bins(points):
    x = np.sort(np.random.default_rng(0).uniform(-2.0, 2.0, points))
    y = data_sets(40, 5.0, "constant", x)
    assert_as_alone(fit_many(x, y, baseline="constant"), x, y, baseline="constant")


def test_noise_alone_and_constant_sigma_that_is_wrong():
    y = np.random.default_rng(0).standard_normal((20, 25))
    for sigma in (0.3, 5.0):
        assert_as_alone(fit_many(X, y, sigma), X, y, np.full(25, sigma))
        given_as_weights = fit_many(X, y, sigma, absolute_sigma=False)
        assert_as_alone(given_as_weights, X, y, np.full(25, sigma), absolute_sigma=False)


def test_every_set_may_have_its_own_x_sigma_and_missing_points_in_any_order():
    random = np.random.default_rng(1)
    x = random.uniform(-2.0, 2.0, (40, 25)) + random.uniform(-100.0, 100.0, (40, 1))
    y = 3.0 * np.exp(-2.0 * (x - x.mean(axis=1, keepdims=True)) ** 2) + 0.2 * random.standard_normal(x.shape)
    sigma = random.uniform(0.1, 0.3, x.shape)
    y[random.random(y.shape) < 0.1] = np.nan
    sigma[random.random(y.shape) < 0.05] = 0.0
    fits = fit_many(x, y, sigma, baseline="constant")
    assert fits.left_out.sum() > 100
    assert_as_alone(fits, x, y, sigma, baseline="constant")
    assert_as_alone(fit_many(x[0], y), x[0], y)
    assert_as_alone(fit_many(x, y[:1].repeat(40, axis=0)), x, y[:1].repeat(40, axis=0))
    masked = np.ma.masked_invalid(y)
    assert np.array_equal(fit_many(x, masked).values, fit_many(x, y).values)


def test_several_peaks():
    x = np.linspace(0.0, 10.0, 60)
    random = np.random.default_rng(2)
    y = np.exp(-((x - 3.0) ** 2)) + 2.0 * np.exp(-0.5 * (x - 7.0) ** 2) + 0.05 * random.standard_normal((4, 60))
    fits = fit_many(x, y, peaks=2, baseline="constant")
    assert fits.fwhm.shape == (4, 2)
    assert_as_alone(fits, x, y, peaks=2, baseline="constant")


def test_rows_that_fail_say_so_and_do_not_disturb_the_others():
    y = data_sets(50, 10.0)
    fine = fit_many(X, y)
    y[7] = np.nan
    y[20, 2:] = np.inf
    y[31] = 1e308
    y[32] = -1.7e308
    fits = fit_many(X, y)
    assert dict(fits.failures) == {
        7: "none of the 25 rows can be used: x and y must be finite, and sigma above zero",
        20: "2 usable points are fewer than the 3 parameters of one peak; add points or choose a simpler model",
        31: fits.failures[31],
        32: fits.failures[32],
    }
    assert "change its unit" in fits.failures[32] or fits.ok[32]
    others = np.setdiff1d(np.arange(50), [7, 20, 31, 32])
    np.testing.assert_allclose(fits.values[others], fine.values[others], rtol=1e-12)
    assert np.isnan(fits.values[[7, 20]]).all()
    assert not fits.ok[[7, 20]].any()
    assert not fits.trustworthy[[7, 20]].any()
    with pytest.raises(ValueError, match="data set 7 could not be fitted: none of the 25"):
        fits[7]
    frame = fits.to_frame()
    assert frame["failure"][20] == fits.failures[20]
    assert frame["failure"][0] == ""


def test_all_x_equal_or_too_long_fails_in_a_sentence():
    x = np.array([X, np.ones(25), X * 1e300])
    fits = fit_many(x, data_sets(3, 10.0))
    assert list(fits.failures) == [1, 2]
    assert fits.failures[1] == "all 25 points have the same x = 1.0; a peak needs points at different x"
    assert all("same x" in text for text in fit_many(np.ones(25), data_sets(5, 10.0)).failures.values())


@pytest.mark.parametrize("factor", [1e-290, 1e-160, 1e160, 1e300])
def test_extreme_units_of_y_change_nothing(factor):
    y = data_sets(20, 10.0)
    np.testing.assert_allclose(fit_many(X, y * factor).values[:, 0] / factor, fit_many(X, y).values[:, 0], rtol=1e-9)


def test_data_without_noise_or_without_anything():
    y = np.array([3.0 * np.exp(-2.0 * (X - center) ** 2) for center in np.linspace(-1.0, 1.0, 20)])
    fits = fit_many(X, y)
    np.testing.assert_allclose(fits.value("center"), np.linspace(-1.0, 1.0, 20), atol=1e-9)
    assert fits.has("perfect_fit").all()
    nothing = np.zeros((6, 25))
    nothing[3:] = 4.2
    assert_as_alone(fit_many(X, nothing, baseline="constant"), X, nothing, baseline="constant")


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(12)), shift=st.sampled_from([0.0, 1e9]), scale=st.sampled_from([1.0, 1e-9, -1e6]))
def test_order_of_rows_and_units_change_nothing(order, shift, scale):
    y = data_sets(12, 10.0, seed=6)
    base, other = fit_many(X, y), fit_many(X + shift, scale * y[order])
    np.testing.assert_allclose(other.value("amplitude"), scale * base.value("amplitude")[order], rtol=1e-5)
    np.testing.assert_allclose(other.value("center") - shift, base.value("center")[order], atol=1e-6)


def test_size_of_the_chunks_changes_nothing(monkeypatch):
    y = data_sets(300, 3.0, "constant")
    y[::7, 3] = np.nan
    whole = fit_many(X, y, baseline="constant")
    monkeypatch.setattr(many, "CHUNK_ROWS", 37)
    parts = fit_many(X, y, baseline="constant")
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-8, atol=1e-9)
    assert np.array_equal(parts._columns.bits, whole._columns.bits)


@pytest.mark.parametrize("snr", [10.0, 6.0])
def test_starts_that_are_not_followed_would_have_led_nowhere(monkeypatch, snr):
    y = np.concatenate([data_sets(500, snr, "linear", seed=8), data_sets(500, snr, "linear", seed=9)])
    y[:500] += data_sets(500, np.inf, seed=10) / 3.0
    few = fit_many(X, y, baseline="linear")._columns
    monkeypatch.setattr(stack_search, "PROMISED", -np.inf)  # every start is followed
    every = fit_many(X, y, baseline="linear")._columns
    for name in ("values", "rival", "bits"):
        np.testing.assert_allclose(getattr(few, name), getattr(every, name), rtol=1e-6, atol=1e-9)


def test_one_row_is_the_whole_fit():
    y = data_sets(30, 6.0, "linear")
    fits = fit_many(X, y, baseline="linear")
    for i in (0, 4, -1):
        np.testing.assert_allclose(list(fits[i].values.values()), fits.values[i], rtol=1e-10)
        np.testing.assert_allclose(list(fits[i].errors.values()), fits.errors[i], rtol=1e-8)
        assert {verdict.code for verdict in fits[i].verdicts} == set(fits.codes(i % 30))
    assert [one.y[0] for one in fits[2:5]] == list(y[2:5, 0])
    assert len(list(fits)) == len(fits) == 30
    with pytest.raises(IndexError, match="there is no data set 30: the stack has 30"):
        fits[30]


def test_results_are_arrays_by_name_and_cannot_be_changed():
    fits = fit_many(X, data_sets(10, 10.0), baseline="constant")
    assert fits.names == ("amplitude", "center", "width", "offset")
    assert fits.values.shape == fits.errors.shape == (10, 4)
    assert np.array_equal(fits.value("fwhm"), fits.fwhm)
    assert np.array_equal(fits.error("area"), fits.area_error)
    for array in (fits.values, fits.errors, fits.chi2, fits.fwhm, fits.area, fits.points, fits.trustworthy):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(ValueError, match="there is no 'slope' in these fits; they have amplitude, center"):
        fits.value("slope")
    with pytest.raises(ValueError, match="there is no verdict 'fine'; there are"):
        fits.has("fine")
    again = pickle.loads(pickle.dumps(fits))
    assert np.array_equal(again.values, fits.values)
    assert again[3].values == fits[3].values
    frame = fits.to_frame()
    assert frame.shape[0] == 10
    assert list(frame["center"]) == list(fits.value("center"))
    assert set(frame["verdicts"][0].split()) == set(fits.codes(0))


def test_text_says_what_was_fitted_and_what_failed():
    y = data_sets(20, 10.0)
    y[3] = np.nan
    text = repr(fit_many(X, y))
    assert re.match(r"20 fits of amplitude, center, width: \d+ trustworthy, 1 failed\n  amplitude  median ", text)
    assert "data set 3: none of the 25 rows" in text
    assert repr(fit_many(X, np.empty((0, 25)))) == "0 fits of amplitude, center, width: 0 trustworthy, 0 failed"


def test_data_may_lie_in_a_file_and_progress_is_told(tmp_path):
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float32, (5500, 25))
    y[:] = np.resize(data_sets(50, 20.0), (5500, 25))
    seen = []
    fits = fit_many(X, y, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(5000, 5500), (5500, 5500)]
    np.testing.assert_allclose(fits[5400].values["center"], fits.value("center")[5400], rtol=1e-10)


def test_memory_grows_with_the_rows_by_their_results_alone(tmp_path):
    x = np.linspace(-2.0, 2.0, 200)
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float64, (6000, 200))
    y[:] = np.resize(data_sets(50, 20.0, x=x), y.shape)
    fit_many(x, y[:2000])  # what is made once is made
    peaks = []
    for rows in (2000, 6000):
        tracemalloc.start()
        fits = fit_many(x, y[:rows])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    results = sum(getattr(fits._columns, column.name).nbytes for column in dataclasses.fields(fits._columns)) / 6000
    assert results < 400
    assert (peaks[1] - peaks[0]) / 4000 < 2.5 * results  # twice, as parts and joined; a row of y has 1600 bytes


@pytest.mark.parametrize(
    ("arguments", "options", "error", "sentence"),
    [
        ((X, np.ones(25)), {}, ValueError, "Y must have two dimensions, one row a data set, not 1"),
        (
            (X[:3], np.ones((2, 25))),
            {},
            ValueError,
            r"x must have the shape \(25,\) or \(2, 25\) to go with Y, not \(3,\)",
        ),
        ((X, np.ones((2, 25)), np.ones(3)), {}, ValueError, r"sigma must be one number or have the shape \(25,\) or"),
        ((X, [[1.0], [2.0, 3.0]]), {}, ValueError, "Y must be an array with rows of equal length"),
        ((X, np.ones((2, 25), complex)), {}, TypeError, "Y must be an array of real numbers, not of complex128"),
        ((X, np.full((2, 25), "a")), {}, TypeError, "Y must be an array of real numbers, not of <U1"),
        ((X, np.ones((2, 25))), {"peaks": 0}, ValueError, "peaks must be between 1 and 40, not 0"),
        ((X, np.ones((2, 25))), {"peaks": 1.5}, TypeError, "peaks must be a whole number, not 1.5"),
        ((X, np.ones((2, 25))), {"baseline": "flat"}, ValueError, "baseline must be one of none, constant"),
    ],
)
def test_impossible_input_is_refused_in_a_sentence(arguments, options, error, sentence):
    with pytest.raises(error, match=sentence):
        fit_many(*arguments, **options)


def test_every_finding_on_a_single_fit_has_its_bit():
    folder = Path(gaussapp.__file__).parent / "fitting" / "verdicts"
    source = "".join((folder / name).read_text() for name in ("verdict.py", "residuals.py", "caution.py"))
    number_chosen = {"peaks_chosen"}  # every row of a stack has as many peaks
    assert set(re.findall(r'Verdict\(\s*"(\w+)"', source)) - number_chosen <= set(CODES)


def test_noise_of_any_distribution_has_the_findings_of_a_single_fit():
    random = np.random.default_rng(5)
    peak = 20 * np.exp(-0.5 * ((X - 0.2) / 0.4) ** 2)
    counts = random.poisson(peak + 3, (40, 25)).astype(float)
    skewed = peak + random.exponential(1.0, (40, 25)) ** 2
    runs = peak + np.sign(np.sin(4 * X)) * random.uniform(0.5, 1.5, (40, 25))
    fits = fit_many(X, np.concatenate([counts, skewed, runs]), baseline="constant")
    assert_as_alone(fits, X, np.concatenate([counts, skewed, runs]), baseline="constant")
    assert fits.has("counts_suspected")[:40].all()
    assert not fits.has("counts_suspected")[40:].any()
    assert fits.has("residuals_not_normal")[40:80].sum() > 10


def counts(height, background, points=25, rows=25, slope=0.0, seed=6):
    """Return counts of a peak, (R, N), and their positions."""
    x = np.linspace(-2.0, 2.0, points)
    mean = height * np.exp(-0.5 * ((x - 0.1) / 0.5) ** 2) + background + slope * (x + 2.0)
    return x, np.random.default_rng(seed).poisson(mean, (rows, points)).astype(float)


@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
@pytest.mark.parametrize(("height", "background", "points"), [(100, 20, 25), (10, 0, 50), (3, 1, 25), (50, 5, 260)])
def test_counts_are_fitted_as_each_alone(baseline, height, background, points):
    few = height == 3
    x, y = counts(height, background, points, 8 if few else 12, 1.0 if baseline == "linear" and background else 0.0)
    fits = fit_many(x, y, baseline=baseline, loss="poisson")
    assert_as_alone(fits, x, y, baseline=baseline, loss="poisson")
    assert few or fits._columns.how.max() == fits._columns.how.min() == TOGETHER
    if background == 0 and baseline != "none":  # what lies under the counts ends at zero in some rows, and is not free
        assert fits.has("bound_active").sum() > 0
        assert np.all(fits.dof[fits.has("bound_active")] > points - len(fits.names))


def test_counts_that_scatter_more_or_have_an_outlier_or_a_gap_are_noticed_as_alone():
    x, y = counts(100, 20, 30, 12)
    y[:4] = np.round(y[:4] * np.random.default_rng(0).uniform(0.5, 1.5, (4, 30)))
    y[4:8, 3] += 60
    y[8:, 10:12] = np.nan
    fits = fit_many(x[::-1], y, baseline="constant", loss="poisson")
    assert_as_alone(fits, x[::-1], y, baseline="constant", loss="poisson")
    assert fits.has("counts_scatter_more")[:4].all()
    assert fits.has("outliers")[4:8].all()
    assert fits.has("rows_left_out")[8:].all()


def test_rows_that_hold_no_counts_say_so_and_the_others_are_fitted():
    x, y = counts(100, 20, rows=8)
    y[1, 3], y[2, 4], y[3] = -1.0, 0.5, 0.0
    y[4, 4:] = np.nan
    fits = fit_many(x, y, baseline="constant", loss="poisson")
    assert "y[3] = -1.0 is negative" in fits.failures[1]
    assert "y[4] = 0.5 is not a whole number" in fits.failures[2]
    assert set(fits.failures) == {1, 2}
    assert fits.has("no_peak_found")[3]
    with pytest.raises(ValueError, match="is not a whole number"):
        fits[2]
    assert_as_alone(fits, x, y, rows=[0, 5, 6, 7], baseline="constant", loss="poisson")


@pytest.mark.parametrize(
    ("loss", "peaks", "baseline"), [("robust", 1, "linear"), ("poisson", 2, "none"), ("poisson", 1, "exponential")]
)
def test_every_other_loss_and_model_is_fitted_as_each_alone_too(loss, peaks, baseline):
    x, y = counts(100, 20, 30, 3)
    y += np.random.default_rng(3).poisson(60 * np.exp(-0.5 * ((x + 1.2) / 0.3) ** 2), y.shape) * (peaks - 1)
    fits = fit_many(x, y, baseline=baseline, loss=loss, peaks=peaks)
    assert_as_alone(fits, x, y, baseline=baseline, loss=loss, peaks=peaks)
    assert fits.loss == fits[1].loss == pickle.loads(pickle.dumps(fits)).loss == loss


@pytest.mark.parametrize(
    ("sigma", "options", "sentence"),
    [
        (None, {"loss": "huber"}, "loss must be one of least squares, poisson, robust, not 'huber'"),
        (1.0, {"loss": "poisson"}, "knows the noise of counts from their mean and takes no sigma"),
        (None, {"loss": "poisson", "absolute_sigma": False}, "so that absolute_sigma=False cannot hold"),
        (1.0, {"loss": "robust", "absolute_sigma": True}, "so that absolute_sigma=True cannot hold"),
    ],
)
def test_a_loss_is_refused_in_the_words_of_a_single_fit(sigma, options, sentence):
    x, y = counts(100, 20, rows=2)
    for fitted, values in ((fit, y[0]), (fit_many, y)):
        with pytest.raises(ValueError, match=sentence):
            fitted(x, values, sigma, **options)


def test_from_the_truth_counts_end_in_the_same_place_where_there_is_signal():
    x, y = counts(100, 20, rows=20)
    start = {"amplitude": 100.0, "center": 0.1, "width": 0.5, "offset": 20.0, "slope": 0.0, "decay_amplitude": 20.0}
    start |= {"decay_rate": 0.0}
    for baseline in ("constant", "linear", "exponential"):
        rows = slice(3 if baseline == "exponential" else None)
        near, _ = many.fit_rows(x, y[rows], None, layout_of(1, baseline), True, loss="poisson", start=start)
        found = fit_many(x, y[rows], baseline=baseline, loss="poisson")
        np.testing.assert_allclose(near.values, found.values, rtol=1e-6, atol=1e-6)

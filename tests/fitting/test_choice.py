"""The number of peaks is found, explained, and never the work of noise."""

import copy
import math
import pickle

import numpy as np
import pytest

from gaussapp.fitting import fit
from gaussapp.fitting.choice import Choice, Trial, ordinal

X = np.linspace(0, 20, 160)


def row(centers, heights=None, widths=None, snr=20.0, seed=0, x=X, below=0.0):
    """Return peaks with noise."""
    random = np.random.default_rng(seed)
    heights = heights or [1.0] * len(centers)
    widths = widths or [0.8] * len(centers)
    y = sum(h * np.exp(-0.5 * ((x - c) / w) ** 2) for h, c, w in zip(heights, centers, widths, strict=True))
    return y + below + random.standard_normal(x.size) / snr


BELOW = {"none": 0 * X, "constant": 0.5 + 0 * X, "linear": 1 - 0.05 * X, "exponential": 2 * np.exp(-0.2 * X)}


@pytest.mark.parametrize("sigma", [None, 0.05], ids=["sigma unknown", "sigma known"])
@pytest.mark.parametrize("baseline", list(BELOW))
@pytest.mark.parametrize("centers", [[9.0], [6.0, 8.5], [5.0, 7.5, 13.0, 15.5]], ids=len)
def test_the_right_number_is_found_on_every_baseline(centers, baseline, sigma):
    y = row(centers, below=BELOW[baseline])
    result = fit(X, y, sigma, baseline=baseline, peaks="auto")
    assert result.peaks == len(centers)
    found = [value for name, value in result.values.items() if name.startswith("center")]
    assert found == pytest.approx(centers, abs=0.2)
    (chosen,) = [verdict for verdict in result.verdicts if verdict.code == "peaks_chosen"]
    assert chosen.severity == "note"
    assert chosen.message == result.choice.reason


def test_the_choice_says_why_with_the_numbers_of_the_fits():
    y = row([6.0, 8.5, 14.0], below=0.5)
    result = fit(X, y, baseline="constant", peaks="auto")
    less, same, more = (fit(X, y, baseline="constant", peaks=count) for count in (2, 3, 4))
    assert result.bic == pytest.approx(same.bic, abs=1e-6)
    trials = {trial.peaks: trial for trial in result.choice.trials}
    assert set(trials) >= {0, 1, 2, 3, 4}
    assert trials[2].bic - trials[3].bic == pytest.approx(less.bic - same.bic, abs=0.1)
    assert trials[4].bic - trials[3].bic >= more.bic - same.bic - 1e-6
    assert f"3 peaks: BIC {trials[2].bic - trials[3].bic:.1f} lower than with 2; adding a 4th " in result.choice.reason
    assert result.choice.peaks == result.peaks == 3


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (
            [(0, 50, 1), (1, 9, 0), (2, 14.1, 1)],
            "1 peak: BIC 41.0 lower than with none; adding a 2nd raises it by 5.1.",
        ),
        (
            [(0, 50, 1), (1, 9, 0), (2, 8, 0.07)],
            "1 peak: BIC 41.0 lower than with none; adding a 2nd lowers it by 1.0, but noise alone holds one as good in "
            "7 % of cases.",
        ),
        (
            [(0, 50, 1), (1, 9, 0), (2, 8, 0.001, True)],
            "1 peak: BIC 41.0 lower than with none; adding a 2nd lowers it by 1.0, but the data do not determine "
            "that fit.",
        ),
        (
            [(0, 5, 1), (1, 9, 0.4), (2, 20, 1)],
            "1 peak: noise alone holds one as good in 40 % of cases; adding a 2nd raises it by 11.0.",
        ),
        ([(0, 5, 1), (1, 2, 0.001)], "1 peak: BIC 3.0 lower than with none; no more were tried."),
    ],
)
def test_every_reason_is_a_sentence(trials, reason):
    assert Choice(1, tuple(Trial(*numbers) for numbers in trials)).reason == reason


def test_ordinals_are_english():
    assert [ordinal(n) for n in (2, 3, 4, 8, 11, 12, 13, 18, 21, 22)] == [
        *("a 2nd", "a 3rd", "a 4th", "an 8th", "an 11th", "a 12th", "a 13th", "an 18th", "a 21st", "a 22nd")
    ]


@pytest.mark.parametrize("sigma", [None, 1.0], ids=["sigma unknown", "sigma known"])
@pytest.mark.parametrize("points", [15, 60])
def test_noise_has_one_peak_that_counts_as_none(points, sigma):
    random = np.random.default_rng(points)
    x = np.linspace(0, 1, points)
    results = [fit(x, random.standard_normal(points), sigma, baseline="constant", peaks="auto") for _ in range(12)]
    assert sum(result.peaks > 1 for result in results) <= 1
    for result in results:
        if result.peaks == 1 and result.choice.trials[1].chance > 0.01:
            assert "no_peak_found" in {verdict.code for verdict in result.verdicts}
            assert "noise alone holds one as good in" in result.choice.reason
    assert sum("no_peak_found" in {verdict.code for verdict in result.verdicts} for result in results) >= 11


def test_one_peak_is_hardly_ever_taken_for_two():
    random = np.random.default_rng(5)
    x = np.linspace(-3, 3, 80)
    counts = []
    for _ in range(12):
        width = random.uniform(0.4, 1.0)
        y = np.exp(-0.5 * ((x - random.uniform(-1, 1)) / width) ** 2) + random.standard_normal(80) / 15
        counts.append(fit(x, y, baseline="constant", peaks="auto").peaks)
    assert sum(count != 1 for count in counts) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_odd_points_of_uneven_noise_are_no_peaks(seed):
    """As in a spectrum of counts that is fitted by least squares: beside such a peak all errors would be infinite."""
    x = np.arange(260.0)
    mean = 10 + 300 * np.exp(-0.5 * ((x - 160) / 12) ** 2) + 80 * np.exp(-0.5 * ((x - 60) / 6) ** 2)
    result = fit(x, np.random.default_rng(seed).poisson(mean), baseline="constant", peaks="auto")
    assert {"narrower_than_sampling", "not_identified"}.isdisjoint(found.code for found in result.verdicts)
    assert np.all(np.isfinite(list(result.errors.values())))
    for center in (60.0, 160.0):
        assert min(abs(result.values[f"center_{k + 1}"] - center) for k in range(result.peaks)) < 1.0


def test_peaks_that_overlap_are_told_apart_where_the_data_can():
    """Less than two widths apart there is one hump, without a dip in it."""
    near = [9.0, 10.5]
    slopes = np.diff(row(near, snr=math.inf)[60:100])
    assert np.count_nonzero(np.diff(np.sign(slopes))) == 1
    assert fit(X, row(near, snr=60), peaks="auto").peaks == 2
    assert fit(X, row(near, snr=3), peaks="auto").peaks == 1


def test_peaks_and_dips_together_need_strong_evidence():
    x = np.linspace(0, 14, 120)
    result = fit(
        x, row([4.0, 7.0, 10.0], widths=[1.0] * 3, snr=6, seed=3, x=x, below=1.0), baseline="constant", peaks="auto"
    )
    assert result.peaks == 3
    assert min(value for name, value in result.values.items() if name.startswith("amplitude")) > 0
    truly = fit(X, row([6.0, 12.0], heights=[1.0, -0.8], snr=20), baseline="constant", peaks="auto")
    assert [round(truly.values[f"amplitude_{k}"], 1) for k in (1, 2)] == [1.0, -0.8]


def test_data_without_noise_are_taken_apart_exactly():
    result = fit(X, row([5.0, 8.0, 12.0], heights=[1.0, 0.6, 2.0], snr=math.inf), peaks="auto")
    assert result.peaks == 3
    assert [result.values[f"center_{k}"] for k in (1, 2, 3)] == pytest.approx([5.0, 8.0, 12.0], abs=1e-6)


def test_many_points_give_the_number_that_few_give():
    x = np.linspace(0, 20, 20_000)
    y = row([5.0, 8.0, 12.0], widths=[0.8, 0.8, 0.01], snr=10, x=x, below=1.0)
    result = fit(x, y, baseline="constant", peaks="auto")
    assert result.peaks == 3
    assert result.values["width_3"] == pytest.approx(0.01, rel=0.3)


def test_few_points_limit_what_is_tried():
    x = np.arange(8.0)
    y = row([2.0, 5.0], widths=[0.6, 0.6], x=x)
    result = fit(x, y, peaks="auto")
    assert max(trial.peaks for trial in result.choice.trials) <= 2
    assert fit(x[:3], y[:3], peaks="auto").peaks == 1
    limited = fit(X, row([5.0, 10.0, 15.0]), peaks="auto", max_peaks=2)
    assert limited.peaks == 2
    assert limited.choice.reason.endswith("; no more were tried.")


def test_a_choice_survives_copies_and_pickles():
    result = fit(X, row([6.0, 12.0]), peaks="auto")
    assert pickle.loads(pickle.dumps(result)).choice == result.choice == copy.deepcopy(result).choice
    assert fit(X, row([6.0])).choice is None


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"peaks": "many"}, TypeError, "peaks must be a whole number or \"auto\", not 'many'"),
        ({"peaks": "auto", "max_peaks": 0}, ValueError, "max_peaks must be between 1 and 40, not 0"),
        ({"peaks": "auto", "max_peaks": 2.0}, TypeError, "max_peaks must be a whole number, not 2.0"),
        ({"peaks": "auto", "start": {"center": 1.0}}, ValueError, 'start cannot be given with peaks="auto"'),
    ],
)
def test_impossible_choices_are_refused_with_a_sentence(options, kind, words):
    with pytest.raises(kind) as caught:
        fit(X, row([6.0]), **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("loss", ["poisson", "robust"])
@pytest.mark.parametrize("centers", [[9.0], [6.0, 9.0]], ids=len)
def test_counts_and_data_with_outliers_have_as_many_peaks_as_their_own_likelihood_calls_for(loss, centers):
    random = np.random.default_rng(1)
    mean = 2.0 + sum(30 * np.exp(-0.5 * ((X - c) / 0.8) ** 2) for c in centers)
    y = random.poisson(mean) if loss == "poisson" else mean + random.standard_t(2, X.size)
    result = fit(X, y, baseline="constant", peaks="auto", loss=loss)
    assert (result.peaks, result.choice.peaks, result.loss) == (len(centers), len(centers), loss)
    same = fit(X, y, baseline="constant", peaks=len(centers), loss=loss)
    assert result.values == same.values
    assert {trial.peaks: trial.bic for trial in result.choice.trials}[len(centers)] == same.bic
    assert pickle.loads(pickle.dumps(result)).choice == result.choice
    assert "BIC" in result.choice.reason or "raises it" in result.choice.reason


@pytest.mark.parametrize("option", ["fixed", "bounds", "ties", "start"])
def test_parameters_have_no_names_before_their_number_is_chosen(option):
    given = {"fixed": {"width": 1}, "bounds": {"width": (0, 1)}, "ties": {"width_2": "width_1"}, "start": {"center": 1}}
    with pytest.raises(ValueError, match=f"{option} cannot be given with peaks"):
        fit(X, row([9.0]), peaks="auto", **{option: given[option]})


def test_an_odd_count_is_no_peak():
    """From a measured gamma line: one channel lies above the curve by chance."""
    counts = [176, 184, 169, 192, 175, 198, 186, 199, 268, 339, 416, 557, 717, 860, 945, 1000, 1183, 1063, 890, 719]
    counts += [603, 455, 357, 339, 259, 256, 245]
    found = fit(np.arange(27.0), counts, baseline="linear", loss="poisson", peaks="auto")
    assert found.peaks == 1
    assert found.values["center"] == pytest.approx(15.6, abs=0.1)
    assert np.isfinite(list(found.errors.values())).all()
    assert any(trial.undetermined for trial in found.choice.trials)


@pytest.mark.parametrize("height", [150.0, -150.0])
@pytest.mark.parametrize("place", [5, 29, 35])
def test_an_outlier_is_no_peak_of_a_robust_fit(place, height):
    x = np.arange(40.0)
    y = 900.0 * np.exp(-0.5 * ((x - 18.0) / 3.4) ** 2) + 200.0 + 10.0 * np.random.default_rng(1).normal(size=40)
    y[place] += height
    found = fit(x, y, baseline="constant", loss="robust", peaks="auto")
    assert found.peaks == 1
    assert found.values["center"] == pytest.approx(18.0, abs=0.2)


def test_no_peak_outside_the_data_is_chosen_where_fewer_lie_in_it():
    x = np.linspace(0.0, 10.0, 200)
    y = 5.0 * np.exp(-0.5 * ((x - 4.0) / 0.5) ** 2) + 20.0 / (1.0 + (x + 3.0) ** 2)
    found = fit(x, y + 0.05 * np.random.default_rng(0).normal(size=200), baseline="constant", peaks="auto")
    centers = [value for name, value in found.values.items() if name.startswith("center")]
    assert all(0.0 <= center <= 10.0 for center in centers)
    assert any(abs(center - 4.0) < 0.1 for center in centers)

"""Verdicts hold what they say: few false alarms on clean data, few peaks in pure noise."""

import itertools

import numpy as np
import pytest

from gaussapp.fitting import fit
from gaussapp.fitting.verdicts.chance import (
    chance_of_few_runs,
    chance_of_normal,
    chance_of_peak,
    chance_of_peak_in_known_noise,
    shortest_runs,
)
from gaussapp.fitting.verdicts.finding import UNLIKELY

FITS = 400


def codes(result):
    return {verdict.code for verdict in result.verdicts if verdict.severity in ("warning", "bad")}


@pytest.mark.parametrize(("points", "baseline"), [(25, "none"), (25, "constant"), (100, "constant"), (1000, "linear")])
def test_clean_data_rarely_raise_an_alarm(points, baseline):
    """At most 2 % of fits, by all findings together; with 400 fits 3.5 standard errors above 1 %."""
    random = np.random.default_rng(points)
    x = np.linspace(-2, 2, points)
    alarms = []
    for _ in range(FITS):
        y = 10 * np.exp(-0.5 * ((x - random.uniform(-1, 1)) / random.uniform(0.25, 0.6)) ** 2)
        y += random.standard_normal(points) + {"none": 0, "constant": 3, "linear": 3 + 2 * x}[baseline]
        result = fit(x, y, baseline=baseline)
        if not result.trustworthy:
            alarms.append(codes(result))
    assert len(alarms) <= 0.0275 * FITS, alarms


@pytest.mark.parametrize(("points", "baseline"), [(12, "none"), (25, "constant"), (100, "linear")])
def test_one_noise_data_set_in_a_hundred_has_a_peak(points, baseline):
    random = np.random.default_rng(points)
    x = np.linspace(-2, 2, points)
    results = [fit(x, random.standard_normal(points), baseline=baseline) for _ in range(FITS)]
    found = sum("no_peak_found" not in codes(result) for result in results)
    assert found <= 0.01 * FITS + 3.5 * np.sqrt(0.01 * FITS)
    assert sum(result.trustworthy for result in results) <= 0.01 * FITS + 2


@pytest.mark.parametrize("baseline", ["none", "constant", "linear"])
def test_a_clear_peak_is_never_taken_for_noise(baseline):
    random = np.random.default_rng(1)
    x = np.linspace(-2, 2, 25)
    for _ in range(100):
        y = 6 * np.exp(-0.5 * ((x - random.uniform(-1, 1)) / random.uniform(0.3, 0.6)) ** 2)
        assert "no_peak_found" not in codes(fit(x, y + random.standard_normal(25), baseline=baseline))


def test_chance_of_a_peak_is_a_probability_and_falls_with_its_size():
    shares = np.linspace(0, 1, 50)
    chances = [chance_of_peak(share, 24, 25) for share in shares]
    assert chances[0] == 1
    assert chances[-1] == 0
    assert all(first >= second for first, second in itertools.pairwise(chances))
    # With many dimensions the two formulas are one: the noise is as good as known.
    many = 100_000
    assert chance_of_peak(40 / many, many, 100) == pytest.approx(chance_of_peak_in_known_noise(40, 100), rel=0.01)
    assert chance_of_peak(0.5, 3, 4) == 1


def test_findings_are_listed_gravest_first():
    order = {"bad": 0, "warning": 1, "good": 2, "note": 3}
    result = fit(np.r_[np.linspace(0, 1, 30), np.nan], np.r_[np.random.default_rng(0).standard_normal(30), 1])
    ranks = [order[verdict.severity] for verdict in result.verdicts]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0
    assert ranks[-1] == 3


def test_several_peaks_are_judged_each():
    x = np.linspace(0, 10, 100)
    y = 5 * np.exp(-0.5 * ((x - 3) / 0.5) ** 2) + 0.3 * np.random.default_rng(1).standard_normal(100)
    result = fit(x, y, peaks=2)
    assert any(verdict.code == "no_peak_found" and "for number" in verdict.message for verdict in result.verdicts)
    assert not result.trustworthy


@pytest.mark.parametrize(("above", "below"), [(3, 4), (1, 6), (5, 5)])
def test_the_chance_of_few_runs_counts_all_orders(above, below):
    orders = set(itertools.permutations([1] * above + [0] * below)) if above + below < 8 else None
    if orders is None:
        orders = {tuple(int(i in chosen) for i in range(10)) for chosen in itertools.combinations(range(10), above)}
    runs = [1 + sum(first != second for first, second in itertools.pairwise(order)) for order in orders]
    for most in range(2, above + below + 1):
        expected = sum(count <= most for count in runs) / len(runs)
        assert chance_of_few_runs(most, above, below) == pytest.approx(expected)


def test_the_exact_and_the_normal_chance_of_few_runs_meet():
    assert chance_of_few_runs(80, 100, 100) == pytest.approx(chance_of_few_runs(80, 100, 101), rel=0.2)


def test_the_normality_test_has_its_level_and_sees_skewed_noise():
    random = np.random.default_rng(1)
    chances = [chance_of_normal(random.standard_normal(40)) for _ in range(2000)]
    for level in (0.05, 0.01):
        assert np.mean(np.array(chances) < level) == pytest.approx(level, abs=3.5 * np.sqrt(level / 2000))
    x = np.linspace(-2, 2, 200)
    y = 30 * np.exp(-0.5 * (x / 0.5) ** 2)
    skewed = fit(x, y + random.exponential(1.0, 200), baseline="constant")
    (finding,) = [verdict for verdict in skewed.verdicts if verdict.code == "residuals_not_normal"]
    assert finding.severity == "note"
    assert "skewed to higher values" in finding.message


def test_residuals_that_keep_their_sign_are_seen_beside_an_outlier():
    """A far outlier widens the noise so much that the correlation of neighbours vanishes in it."""
    x = np.linspace(-2, 2, 100)
    y = 10 * np.exp(-0.5 * (x / 0.5) ** 2) + 0.5 * np.sin(5 * x) + 0.05 * np.random.default_rng(0).standard_normal(100)
    y[80] += 30
    (finding,) = [
        verdict for verdict in fit(x, y, baseline="constant").verdicts if verdict.code == "residuals_not_noise"
    ]
    assert "keep their sign too long" in finding.message


def test_the_p_value_is_uniform_with_the_right_sigma_and_unknown_without():
    random = np.random.default_rng(3)
    x = np.linspace(-2, 2, 30)
    y = 10 * np.exp(-0.5 * (x / 0.5) ** 2)
    values = np.sort([fit(x, y + random.standard_normal(30), 1.0).p_value for _ in range(150)])
    assert np.max(abs(values - np.linspace(0, 1, 150))) < 0.13  # Kolmogorov and Smirnov, 1 %
    assert np.isnan(fit(x, y + random.standard_normal(30)).p_value)
    assert np.isnan(fit(x, y + 0.1, 1.0, absolute_sigma=False).p_value)


@pytest.mark.parametrize("points", [8, 15, 25, 60, 200, 500])
def test_runs_that_are_not_counted_as_few_are_not_unlikely(points):
    for above in range(1, points):
        runs = int(shortest_runs(points, above)) + 1
        assert chance_of_few_runs(runs, above, points - above) > UNLIKELY
    assert np.allclose(shortest_runs(points, np.array([3, 4])), [shortest_runs(points, 3), shortest_runs(points, 4)])


def test_the_chance_of_normal_values_is_the_same_row_by_row():
    values = np.random.default_rng(0).exponential(1.0, (5, 40))
    np.testing.assert_allclose(chance_of_normal(values), [float(chance_of_normal(row)) for row in values], rtol=1e-12)

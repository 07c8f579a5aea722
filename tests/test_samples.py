"""The samples: complete, as certified, and ready to be fitted with what they suggest."""

import math

import numpy as np
import pytest

from gaussapp.data import read_table, sample, samples
from gaussapp.fitting import fit

NAMES = ["eckerle4", "gamma", "gauss1", "gauss2", "gauss3"]
CERTIFIED = ["eckerle4", "gauss1", "gauss2", "gauss3"]


def test_all_samples_are_there_with_source_and_licence():
    assert list(samples()) == NAMES
    for name, item in samples().items():
        assert item.name == name
        for text in (item.title, item.description, item.source, item.licence, item.x_label, item.y_label):
            assert text.strip()
        assert item.source in item.data().source
        assert item.licence in item.data().source


@pytest.mark.parametrize(("name", "points"), [("eckerle4", 35), ("gamma", 1024), ("gauss1", 250), ("gauss3", 250)])
def test_a_sample_is_whole(name, points):
    data = sample(name)
    assert len(data) == points
    assert data.name == name
    assert np.isfinite(data.x).all()
    assert np.isfinite(data.y).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_also_an_ordinary_table(name):
    item = samples()[name]
    data = read_table(item.text(), x=item.x, y=item.y)
    np.testing.assert_array_equal(data.x, sample(name).x)
    np.testing.assert_array_equal(data.y, sample(name).y)
    assert data.counts == item.counts == sample(name).counts


def test_an_unknown_sample_is_refused():
    with pytest.raises(ValueError, match="there is no sample called 'iris': choose one of eckerle4, gamma"):
        sample("iris")


def test_a_sample_cannot_be_spoiled_for_others():
    samples()["eckerle4"].certified["values"]["width"] = 0.0
    assert samples()["eckerle4"].certified["values"]["width"] > 4


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_numbers_are_those_of_nist_in_our_parameters(name):
    """The residual sum of squares of the certified curve is the certified one: nothing was mixed up in converting."""
    item = samples()[name]
    b = [item.certified["original"]["values"][f"b{i}"] for i in range(1, len(item.certified["original"]["values"]) + 1)]
    values = item.certified["values"]
    data = item.data()
    if name == "eckerle4":
        assert values["amplitude"] * values["width"] * math.sqrt(2 * math.pi) == pytest.approx(
            values["area"], rel=1e-14
        )
        curve = values["amplitude"] * np.exp(-0.5 * ((data.x - values["center"]) / values["width"]) ** 2)
        np.testing.assert_allclose(curve, b[0] / b[1] * np.exp(-0.5 * ((data.x - b[2]) / b[1]) ** 2), rtol=1e-13)
    else:
        curve = values["decay_amplitude"] * np.exp(-values["decay_rate"] * data.x)
        for k in (1, 2):
            z = (data.x - values[f"center_{k}"]) / values[f"width_{k}"]
            curve = curve + values[f"amplitude_{k}"] * np.exp(-0.5 * z**2)
    rss = float(((data.y - curve) ** 2).sum())
    assert rss == pytest.approx(item.certified["residual_sum_of_squares"], rel=1e-9)
    assert item.certified["degrees_of_freedom"] == len(data) - len(b)
    assert len(item.certified["starts"]) == 2


@pytest.mark.parametrize("name", CERTIFIED)
def test_the_certified_numbers_are_found_without_a_start(name):
    item = samples()[name]
    found = fit(item.data(), baseline=item.baseline, peaks=item.peaks)
    reached = {**found.values, **{key: estimate.value for key, estimate in found.derived.items()}}
    errors = {**found.errors, **{key: estimate.error for key, estimate in found.derived.items()}}
    for key, value in item.certified["values"].items():
        assert reached[key] == pytest.approx(value, rel=1e-8)
    for key, error in item.certified["errors"].items():
        assert errors[key] == pytest.approx(error, rel=1e-8)


def test_the_window_of_the_counts_holds_one_peak_on_a_line():
    """With the noise of counts, the suggested model leaves what noise leaves."""
    item = samples()["gamma"]
    data = item.data().select(*item.window)
    assert len(data) > 40
    found = fit(data.x, data.y, np.sqrt(np.maximum(data.y, 1)), baseline=item.baseline, peaks=item.peaks)
    assert found.values["center"] == pytest.approx(400, abs=1)
    assert 0.7 < found.reduced_chi2 < 1.5

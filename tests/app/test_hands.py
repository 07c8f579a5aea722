"""Peaks added and removed, parameters held and released, as the plot and the table ask for it."""

import numpy as np
import pytest

from gaussapp.data import Data

from .conftest import ask, centers, double_click, three_peaks


def test_a_double_click_adds_a_peak_and_all_are_drawn(shown):
    app = shown.app
    app.data = three_peaks()
    assert app.fit.peaks == 1
    double_click(shown, 14.1)
    double_click(shown, 21.8)
    assert app.settings.peaks == 3
    assert centers(app) == pytest.approx([8, 14, 22], abs=0.1)
    lines = shown.source("components").data
    assert np.count_nonzero(np.isnan(lines["x"])) == 3
    drawn = np.nanmax(lines["y"].reshape(3, -1), axis=1) - app.fit.values["offset"]
    assert drawn == pytest.approx([app.fit.values[f"amplitude_{k}"] for k in (1, 2, 3)], rel=0.01)
    legend = [item.label.value for item in shown.figure("fit").legend[0].items if item.visible]
    assert {"components", "baseline"} <= set(legend)


def test_a_click_in_the_wrong_place_does_not_make_the_fit_worse(app):
    app.data = three_peaks()
    app.settings.peaks = 2
    without = app.fit
    app.settings.start = {"center_2": 29.9}
    assert app.fit.chi2 <= without.chi2 * (1 + 1e-9)


def test_the_sum_of_the_components_is_the_fit(shown):
    app = shown.app
    app.data = three_peaks()
    app.settings.peaks = 3
    fit, lines, baseline = (shown.source(name).data for name in ("fit", "components", "baseline"))
    heights = np.nan_to_num(lines["y"].reshape(3, -1)[:, :-1] - baseline["y"])
    np.testing.assert_allclose(baseline["y"] + heights.sum(axis=0), fit["y"], atol=3 * 3e-3)


def test_one_peak_has_no_components_and_several_send_only_what_changes(shown):
    app = shown.app
    assert len(shown.source("components").data["x"]) == 0
    app.data = three_peaks()
    app.settings.peaks = 3
    before = shown.source("components").data["x"]
    app.settings.fixed = {"width_1": 1.1}
    assert shown.source("components").data["x"] is before


def test_removing_a_peak_keeps_the_others_where_they_are(app):
    app.data = three_peaks()
    app.settings.peaks = 3
    ask(app, action="remove", peak="3")
    assert app.settings.peaks == 2
    assert app.settings.start == pytest.approx({"center_1": 8, "width_1": 1, "center_2": 14, "width_2": 1.2}, abs=0.1)
    assert centers(app) == pytest.approx([8, 14], abs=0.1)
    ask(app, action="remove", peak="1")
    assert app.settings.peaks == 1
    assert app.settings.start == pytest.approx({"center": 14, "width": 1.2}, abs=0.1)


def test_from_where_peaks_were_left_a_better_answer_elsewhere_is_a_verdict(app):
    app.data = three_peaks()
    app.settings.param.update(peaks=1, start={"center": 22.0, "width": 0.8})
    assert app.fit.values["center"] == pytest.approx(22, abs=0.5)
    assert "two_answers" in [verdict.code for verdict in app.fit.verdicts]


def test_the_last_peak_stays_and_more_than_twelve_are_refused_with_a_sentence(app):
    ask(app, action="remove", peak="1")
    assert app.settings.peaks == 1
    app.settings.peaks = 12
    app._hands.add(0.0)
    assert app.settings.peaks == 12
    assert "12 peaks" in app._message.object


def test_a_click_outside_the_fitted_part_is_told(app):
    app.data = three_peaks()
    app.settings.fit_range = (5.0, 18.0)
    app._hands.add(22.0)
    assert app.settings.peaks == 1
    assert "22" in app._message.object
    assert "outside" in app._message.object


def test_where_peaks_were_clicked_belongs_to_the_data(app):
    app._hands.add(0.5)
    assert app.settings.start == {"center_2": 0.5}
    app.model.amplitude = 2.0
    assert app.settings.start == {}
    assert app.settings.peaks == 2


def test_the_number_of_peaks_can_be_chosen_by_the_data_and_why_is_said(shown):
    app = shown.app
    app.data = three_peaks()
    app.settings.peaks = "auto"
    assert app.fit.peaks == 3
    assert any("BIC" in text for text in shown.table)
    double_click(shown, 25.0)
    assert app.settings.peaks == 4


def test_a_peak_more_is_one_refresh(shown, counts):
    app = shown.app
    app.data = three_peaks()
    frames = app._pace._drawn_frames
    counts.taken()
    double_click(shown, 14.0)
    assert app._pace._drawn_frames == frames + 1
    assert counts.taken()[1] == 2  # from the click and without it: the better one is shown


# Losses --------------------------------------------------------------------------------------------------------------


def test_counts_are_offered_their_likelihood_and_have_their_bound(app):
    app.model.param.update(distribution="Poisson counts", amplitude=30.0, offset=3.0)
    assert 'data-action="loss" data-value="poisson"' in app._results.form
    ask(app, action="loss", value="poisson")
    assert app.fit.loss == "poisson"
    assert 'data-value="poisson"' not in app._results.form
    assert 0 < app.scene.bound["center"] < 1
    app.settings.loss = "least squares"


def test_outliers_are_offered_a_robust_fit(app):
    data = three_peaks().select(4.0, 11.0)
    y = data.y.copy()
    y[[10, 40]] += 4.0
    app.data = Data(data.x, y)
    assert 'data-action="loss" data-value="robust"' in app._results.form
    ask(app, action="loss", value="robust")
    assert app.fit.values["center"] == pytest.approx(8, abs=0.05)
    assert any("robust" in text for text in app._results.texts)


def test_data_that_are_no_counts_say_so_and_lead_back(app):
    app.settings.loss = "poisson"
    assert app.fit is None
    assert "counts" in app.problem
    assert 'data-value="least squares"' in app._results.form
    ask(app, action="loss", value="least squares")
    assert app.fit is not None


# Intervals -----------------------------------------------------------------------------------------------------------


def test_where_symmetric_intervals_cover_too_little_the_table_has_asymmetric_ones_and_says_so(shown):
    app = shown.app
    assert app.scene.profile is None
    app.model.param.update(noise=0.9)
    expected = app.fit.interval(0.95, kind="profile", of=[*app.fit.names, "fwhm", "area"])
    assert app.scene.profile == expected
    low, high = expected["width"]
    assert any(f"{low:.2f}, {high:.2f}"[:4] in text for text in shown.table)
    assert any("asymmetric" in text for text in shown.table)
    app.settings.intervals = "symmetric"
    assert app.scene.profile is None
    assert not any("asymmetric" in text for text in shown.table)


def test_asymmetric_intervals_can_be_asked_for(app):
    app.settings.param.update(intervals="profile", level=0.9)
    assert app.scene.profile["center"] == pytest.approx(app.fit.interval(0.9, kind="profile")["center"])
    app.settings.loss = "robust"
    assert app.scene.profile["center"] == pytest.approx(app.fit.interval(0.9, kind="profile")["center"])
    assert any("profile of the robust loss" in text for text in app._results.texts)


def test_with_as_many_points_as_parameters_there_are_no_asymmetric_intervals(app):
    app.settings.intervals = "profile"
    app.model.samples = 4
    assert app.fit.dof == 0
    assert app.scene.profile is None
    assert any("no profile" in text for text in app._results.texts)


# Correlations and certified numbers ----------------------------------------------------------------------------------


def test_the_correlations_are_unfolded_on_demand(app):
    texts = len(app._results.texts)
    ask(app, action="correlations")
    assert app.settings.correlations
    assert len(app._results.texts) == texts + 10
    shown = f"{app.fit.correlation[2, 0]:.2f}".replace("-", "−")
    assert shown in app._results.texts[-10:]
    ask(app, action="correlations")
    assert len(app._results.texts) == texts


@pytest.mark.parametrize("name", ["eckerle4", "gauss1", "gauss3"])
def test_certified_samples_show_the_digits_that_are_reached(name, app):
    app.source.sample = name
    (sentence,) = [text for text in app._results.texts if text.startswith("NIST certifies")]
    assert 'data-column="digits"' in app._results.form
    digits = [float(word) for word in sentence.split() if word.replace(".", "").isdigit() and "." in word]
    assert min(digits) >= 9
    app.settings.baseline = "linear"
    assert "digits" not in app._results.form


def test_what_is_saved_has_nothing_to_click(app):
    from gaussapp.app.results import results

    app.settings.peaks = 2
    assert "<button" in results(app.scene).html
    saved = results(app.scene, live=False).html
    assert "<button" not in saved
    assert "data-action" not in saved

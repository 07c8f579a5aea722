"""One state of the settings becomes data, a fit or the reason why there is none, and the bound."""

import math
import threading
import tracemalloc

import numpy as np
import pytest

from gaussapp.app.scene import Request, compute, profile_of
from gaussapp.app.state import FitSettings
from gaussapp.data import Data
from gaussapp.fitting import bound, fit
from gaussapp.model import GaussianModel


def request(noise=None, **settings):
    return Request.of(FitSettings(**settings), noise)


def test_the_fit_is_the_one_that_python_gets():
    data = GaussianModel().simulate()
    scene = compute(data, request())
    alone = fit(data, baseline="constant")
    assert scene.data is data
    assert scene.fit.values == alone.values
    assert scene.problem == ""


def test_only_the_part_that_was_asked_for_is_fitted():
    data = GaussianModel(samples=100).simulate()
    scene = compute(data, request(fit_range=(-1.0, 1.5)))
    assert len(scene.data.x) == 100
    assert len(scene.fit.x) == np.count_nonzero((data.x >= -1) & (data.x <= 1.5))


@pytest.mark.parametrize("baseline", ["none", "constant", "linear", "exponential"])
def test_every_baseline_can_be_put_under_the_simulated_peak(baseline):
    scene = compute(GaussianModel(offset=0.5).simulate(), request(noise=0.3, baseline=baseline))
    assert scene.fit.baseline == baseline
    assert set(scene.bound) == {*scene.fit.names, *scene.fit.derived}
    assert all(0.0 < value < math.inf for value in scene.bound.values())


def test_an_exponential_over_a_constant_of_zero_has_no_bound():
    """Its rate is any number, so that nothing would be compared with the spread of a fit that looks for one."""
    assert compute(GaussianModel(offset=0.0).simulate(), request(noise=0.3, baseline="exponential")).bound == {}


@pytest.mark.parametrize(
    ("data", "settings", "reason"),
    [
        (Data([1.0, 2.0], [1.0, 2.0]), {}, "2 usable points"),
        (Data(np.ones(10), np.arange(10.0)), {}, "x"),
        (Data([1.0, np.nan], [np.nan, 1.0]), {}, "none of the 2 rows"),
        (GaussianModel().simulate(), {"fit_range": (50.0, 60.0)}, "50"),
        (GaussianModel().simulate(), {"fit_range": (1.0, -1.0)}, "1"),
        (GaussianModel(samples=5).simulate(), {"peaks": 3}, "5 usable points"),
    ],
    ids=["too few", "all x equal", "no number", "nothing there", "wrong way round", "too many peaks"],
)
def test_where_there_is_nothing_to_fit_a_sentence_says_why(data, settings, reason):
    scene = compute(data, request(**settings))
    assert scene.fit is None
    assert reason in scene.problem
    assert len(scene.problem.split()) > 4
    assert scene.data is data
    assert scene.bound == {}


def test_the_bound_is_that_of_the_points_that_are_fitted():
    data = GaussianModel(samples=60).simulate()
    scene = compute(data, request(noise=0.3, fit_range=(-1.0, 1.0)))
    part = data.select(-1, 1)
    assert scene.bound == bound(part.x, data.truth, 0.3, baseline="constant", derived=True)


def test_a_thinned_bound_is_the_bound():
    """Of very many points only some are used: the number must not show it."""
    few, many = (GaussianModel(samples=samples).simulate() for samples in (2000, 100_000))
    exact = bound(few.x, few.truth, 0.3 * np.sqrt(2000 / 100_000), baseline="constant", derived=True)
    assert compute(many, request(noise=0.3)).bound == pytest.approx(exact, rel=0.01)


def test_the_bound_of_many_points_needs_no_memory_to_speak_of():
    """Some megabytes, not the square of the number of points."""
    data = GaussianModel(samples=2000).simulate()
    tracemalloc.start()
    try:
        compute(data, request(noise=0.3))
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_there_is_no_bound_where_none_is_known():
    data = GaussianModel().simulate()
    assert compute(data, request(noise=None)).bound == {}
    assert compute(data, request(noise=0.3, peaks=2)).bound == {}
    assert compute(Data(data.x, data.y), request(noise=0.3)).bound == {}


def test_a_request_does_not_follow_the_settings():
    """It is computed in another thread while the settings go on moving."""
    settings = FitSettings()
    before = Request.of(settings, 0.1)
    settings.param.update(baseline="linear", fit_range=(0.0, 1.0), errors="scaled")
    assert (before.baseline, before.fit_range, before.absolute_sigma) == ("constant", None, None)
    after = Request.of(settings, 0.1)
    assert (after.baseline, after.fit_range, after.absolute_sigma) == ("linear", (0.0, 1.0), False)


def test_it_can_be_computed_in_another_thread():
    data, wanted, found = GaussianModel().simulate(), request(noise=0.3), []
    thread = threading.Thread(target=lambda: found.append(compute(data, wanted)))
    thread.start()
    thread.join()
    assert found[0].fit.values == compute(data, wanted).fit.values


def test_an_area_whose_amplitude_and_width_are_tied_has_its_symmetric_interval():
    asked = request(ties={"amplitude": "6 * width"}, intervals="profile")
    fitted = compute(GaussianModel().simulate(), asked).fit
    intervals = profile_of(fitted, asked)
    assert intervals["area"] == fitted.interval(asked.level, of=["area"])["area"]
    assert intervals["width"] != fitted.interval(asked.level)["width"]
    assert set(intervals) == {*fitted.names, *fitted.derived}

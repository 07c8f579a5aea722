"""What the tabs repeat is fitted with the loss of the page, and they say so."""

from types import SimpleNamespace

import pytest

from gaussapp import GaussianModel, replicate
from gaussapp.app.maps.cells import Cells, repeated
from gaussapp.app.maps.grid import MapSettings, computed_from, settings_of, wanted
from gaussapp.app.planner.search import PlanSettings, question_of
from gaussapp.app.planner.tab import experiment_at
from gaussapp.app.planner.words import headline
from gaussapp.app.precision import words as precision_words
from gaussapp.app.precision.tab import experiment_for
from gaussapp.app.scene import Request, compute
from gaussapp.app.state import FitSettings
from gaussapp.study import experiment_of

COUNTS = GaussianModel(amplitude=20, width=0.5, offset=2, distribution="Poisson counts")


def request(**settings):
    return Request.of(FitSettings(baseline="constant", **settings), None)


def scene_of(model, **settings):
    return compute(model.simulate(), request(**settings))


@pytest.mark.parametrize("loss", ["least squares", "poisson", "robust"])
def test_the_experiment_of_the_precision_tab_has_the_loss_of_the_page(loss):
    experiment = experiment_for(scene_of(COUNTS, loss=loss), COUNTS)
    assert experiment.loss == loss
    measured = experiment_for(scene_of(COUNTS, loss=loss), None)
    assert measured.loss == loss
    assert measured.absolute_sigma == (loss == "poisson")


def test_a_loss_that_the_noise_cannot_go_with_is_a_sentence():
    model = GaussianModel()
    with pytest.raises(ValueError, match='loss="poisson" needs counts, but the noise of this experiment is normal'):
        experiment_for(SimpleNamespace(request=request(loss="poisson"), fit=None), model)


def test_the_headline_says_the_loss_where_it_matters():
    said = {
        loss: precision_words.headline(replicate(COUNTS, 20, loss=loss), 20) for loss in ("least squares", "poisson")
    }
    assert said["poisson"].endswith("Poisson counts, Poisson loss")
    assert said["least squares"].endswith("Poisson counts, least squares")
    assert precision_words.headline(replicate(GaussianModel(), 20), 20).endswith("points, normal noise")
    assert precision_words.headline(replicate(GaussianModel(), 3, loss="robust"), 3).endswith("noise, robust loss")


def test_cells_of_a_map_are_of_one_loss_and_a_map_says_when_it_is_another():
    choices = MapSettings(map_across="amplitude", map_across_steps=2, map_upwards_steps=2, map_experiments=20)
    choices.map_across_range, choices.map_upwards_range = (20.0, 40.0), (25, 50)
    counted = wanted(choices, COUNTS, request(loss="poisson"))
    plain = wanted(choices, COUNTS, request())
    place = next(counted.places())
    assert counted.key(place) != plain.key(place)
    cells = Cells()
    cells.add(counted, place, repeated(counted, place, lambda: False))
    assert not cells.has(plain, place)
    assert cells.sweep(counted).loss == "poisson"
    left = counted.left(settings_of(COUNTS), request(), computed_from(choices))
    assert left == "This map is of loss poisson (now least squares): compute it anew to follow."


def test_a_plan_is_verified_with_the_loss_of_the_page():
    question = question_of(scene_of(COUNTS, loss="poisson"), COUNTS, PlanSettings())
    assert not question.same(question_of(scene_of(COUNTS), COUNTS, PlanSettings()))
    plan = question.answer(lambda: False)
    assert experiment_at("answer", plan, question).loss == experiment_at("present", plan, question).loss == "poisson"
    assert experiment_of(plan.model, loss="robust").loss == "robust"
    assert headline({}, "poisson") == "Solved from the exact Cramér-Rao bound."

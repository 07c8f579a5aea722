"""Repeated experiments are the same to the last digit whoever computes them."""

import numpy as np
import pytest

from gaussapp import GaussianModel, replicate

FITS = 7000  # several blocks


def same(one, other):
    return all(
        np.array_equal(getattr(one.block, name), getattr(other.block, name), equal_nan=True)
        for name in ("first", "estimates", "errors", "area_errors", "bits", "trustworthy", "ok")
    )


@pytest.fixture(scope="module")
def expected():
    return replicate(GaussianModel(), FITS, workers=1)


def test_two_processes_give_the_same_study(expected):
    seen = []
    study = replicate(GaussianModel(), FITS, workers=2, progress=lambda done, every: seen.append((done, every)))
    assert same(study, expected)
    assert len(seen) == 4
    assert seen[-1] == (FITS, FITS)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_done_when_it_is_cancelled_is_a_study_from_the_first_experiment_on(expected, workers):
    many = 10 * FITS  # more blocks than two processes have at hand at once
    study = replicate(GaussianModel(), many, workers=workers, cancelled=lambda: True)
    assert 0 < len(study) < many
    both = min(len(study), FITS)
    assert np.array_equal(study.estimates[:both], expected.estimates[:both])


def test_an_unreachable_scheduler_is_a_sentence(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("gaussapp.workers.PATIENCE", 0.5)
    with pytest.raises(ConnectionError, match="no Dask scheduler answers at 'tcp://localhost:1'"):
        replicate(GaussianModel(), 10, scheduler="tcp://localhost:1")

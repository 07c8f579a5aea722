"""On a Dask cluster everything has the same numbers to the last digit, though a worker is killed in the middle."""

import json
import os
import signal

import numpy as np
import pandas as pd
import pytest

import gaussapp
from gaussapp import GaussianModel, fit_files, replicate, sweep
from gaussapp.__main__ import main
from gaussapp.workers import computed

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="localhost:0", silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def killer(cluster):
    """Return what kills a worker when it is first told that something is done."""
    killed = []

    def kill(done, _):
        if done and not killed:
            killed.append(next(worker.pid for worker in cluster.workers.values() if worker.pid))
            os.kill(killed[0], signal.SIGKILL)

    yield kill
    assert killed


def in_order(found):
    return [value for _, value in sorted(found)]


def test_results_are_the_same_by_its_address_or_a_client(cluster):
    expected = [abs(number) for number in range(-30, 0)]
    assert in_order(computed(abs, range(-30, 0), scheduler=cluster.scheduler_address)) == expected
    with distributed.Client(cluster, set_as_default=False) as client:
        assert in_order(computed(abs, range(-30, 0), scheduler=client)) == expected
        assert client.status == "running", "it is not ours to close"


def test_a_mistake_in_a_task_comes_back(cluster):
    with pytest.raises(TypeError, match="bad operand"):
        list(computed(abs, ["one"], scheduler=cluster.scheduler_address))


def test_another_version_there_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(gaussapp, "__version__", "9.9")
    with pytest.raises(ImportError, match=r"have gaussapp \d.*, and here it is 9.9: install the same"):
        list(computed(abs, [1], scheduler=cluster.scheduler_address))


def test_files_are_fitted_the_same(cluster, killer, tmp_path, capsys):
    x = np.linspace(-2, 2, 25)
    for number in range(20):
        y = 3 * np.exp(-0.5 * ((x - 0.01 * number) / 0.5) ** 2) + 0.1 * np.cos(99 * x * (number + 1))
        rows = "".join(f"{a:.5f},{b:.5f}\n" for a, b in zip(x, y, strict=True))
        (tmp_path / f"{number:02d}.csv").write_text("x,y\n" + rows)
    (tmp_path / "03.csv").write_text("x,y\n1,2\n3,oops\n5,6\n")
    files = [*map(str, sorted(tmp_path.glob("*.csv"))), str(tmp_path / "missing.csv")]
    here = fit_files(files, workers=1)
    assert (here["error"] != "").sum() == 2
    there = fit_files(files, tmp_path / "results.csv", scheduler=cluster.scheduler_address, progress=killer)
    pd.testing.assert_frame_equal(there, here, check_exact=True)
    out = tmp_path / "more.csv"
    assert main(["fit", *files, "--out", str(out), "--scheduler", cluster.scheduler_address]) == 1
    assert out.read_bytes() == (tmp_path / "results.csv").read_bytes()
    assert "19 of 21 files fitted" in capsys.readouterr().out


def test_a_study_is_the_same(cluster, killer):
    here = replicate(GaussianModel(), 7000, workers=1)
    with distributed.Client(cluster, set_as_default=False) as client:
        there = replicate(GaussianModel(), 7000, scheduler=client, progress=killer)
    for name in ("estimates", "errors", "area_errors", "bits", "trustworthy", "ok"):
        assert np.array_equal(getattr(here.block, name), getattr(there.block, name), equal_nan=True)


def test_the_cells_of_a_sweep_are_the_same(cluster, killer):
    grid = {"noise": [0.1, 0.3, 0.5], "samples": [20, 30]}
    here = sweep(GaussianModel(), 200, workers=1, **grid)
    there = sweep(GaussianModel(), 200, scheduler=cluster.scheduler_address, progress=killer, **grid)
    assert json.dumps(here.cells) == json.dumps(there.cells)

"""Work done in this process, in others and on a cluster: the same results, and sentences where it cannot be done."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gaussapp
from gaussapp import workers
from gaussapp.workers import computed

ROOT = Path(gaussapp.__file__).parent.parent


def in_order(found):
    return [value for _, value in sorted(found)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_task_is_computed_once_and_known_by_its_position(count):
    found = list(computed(abs, range(-40, 0), workers=count))
    assert sorted(found) == [(position, 40 - position) for position in range(40)]
    assert list(computed(abs, [], workers=count)) == []


def test_tasks_are_taken_only_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    results = computed(abs, tasks(), workers=2)
    next(results)
    results.close()
    assert len(taken) < 10


def test_a_mistake_in_a_task_comes_back_as_it_is():
    with pytest.raises(ValueError, match=r"math domain error|nonnegative") as caught:
        list(computed(__import__("math").sqrt, [1.0, -1.0, 2.0], workers=2))
    assert "serve" in caught.value.__notes__[0]


def test_a_task_whose_process_is_killed_is_done_again(tmp_path):
    """The first process to find no mark makes one and kills itself."""
    mark = tmp_path / "killed"
    program = (
        "import os, signal\n"
        f"if not os.path.exists({str(mark)!r}):\n"
        f"    open({str(mark)!r}, 'w').close(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert in_order(computed(exec, [program] * 6, workers=2)) == [None] * 6
    assert mark.exists()


def test_a_task_that_ends_every_process_is_given_up_with_a_sentence():
    with pytest.raises(RuntimeError, match="ended 3 times at the same task: is there enough memory"):
        list(computed(os._exit, [1], workers=2))


def test_what_a_task_prints_does_not_get_between_the_results(capfd):
    assert in_order(computed(print, ["one", "two"], workers=2)) == [None, None]
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "one" in captured.err


def test_processes_end_with_the_one_that_started_them():
    program = (
        "import time; from gaussapp.workers import computed\n"
        "found = computed(eval, ['__import__(\"os\").getpid()'] * 2 + ['__import__(\"time\").sleep(0.4)'] * 2, workers=2)\n"
        "print(next(found)[1], flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    worker = int(run.stdout.readline())
    assert alive(worker)
    run.kill()
    run.wait()
    run.stdout.close()
    for _ in range(200):
        if not alive(worker):
            return
        time.sleep(0.05)
    raise AssertionError("the worker process is still there")


def alive(process):
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and ") Z" not in stat.read_text()


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({"workers": 0}, ValueError, "workers must be 1 or more, not 0"),
        ({"workers": -2}, ValueError, "not -2"),
        ({"workers": "two"}, TypeError, "workers must be a whole number, not 'two'"),
        ({"workers": True}, TypeError, "whole number"),
        ({"workers": 2, "scheduler": "tcp://localhost:1"}, ValueError, "give one of the two"),
        ({"scheduler": 8786}, TypeError, "scheduler must be an address such as"),
    ],
)
def test_impossible_choices_are_sentences(choices, error, words):
    with pytest.raises(error, match=words):
        list(computed(abs, [1], **choices))


# A cluster that is not there -------------------------------------------------------------------------------------------


def test_a_scheduler_without_workers_is_a_sentence(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "WORKER_PATIENCE", 0.3)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=True, dashboard_address="localhost:0", silence_logs=50
        ) as empty,
        pytest.raises(ConnectionError, match=r"has no worker that answers within 0.3 s: start one with 'dask worker"),
    ):
        list(computed(abs, [1], scheduler=empty.scheduler_address))


@pytest.mark.parametrize("address", ["tcp://localhost:{port}", "nonsense://x", "localhost:{port}", ""])
def test_an_unreachable_scheduler_is_a_sentence_within_seconds(address, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "PATIENCE", 1.0)
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        port = taken.getsockname()[1]
    started = time.monotonic()
    with pytest.raises((ConnectionError, ValueError), match="Dask scheduler"):
        list(computed(abs, [1], scheduler=address.format(port=port)))
    assert time.monotonic() - started < 20


def test_without_dask_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'gaussapp\[distributed\]'"):
        list(computed(abs, [1], scheduler="tcp://localhost:1"))

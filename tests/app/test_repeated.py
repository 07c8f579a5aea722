"""Experiments are repeated in other processes, with the same numbers and without holding up the page."""

import os
import threading

import pytest

from gaussapp.app import repeated
from gaussapp.model import GaussianModel
from gaussapp.study import experiment_of, merged, replicate_block, timed_block
from gaussapp.workers import Processes

EXPERIMENT = experiment_of(GaussianModel(samples=25, seed=3))


@pytest.fixture
def one_process(monkeypatch):
    """A single process, which gives way to this one."""
    processes = Processes(1, repeated.NICENESS)
    monkeypatch.setattr(repeated, "processes", lambda: processes)
    yield processes
    processes.stop()
    processes.end()


def test_another_process_gives_the_same_numbers_to_the_last_digit(one_process):
    (there, seconds), here = repeated.elsewhere((EXPERIMENT, 5, 40)), replicate_block(EXPERIMENT, 5, 40)
    assert 0.0 < seconds < 10.0
    assert there.estimates.tobytes() == here.estimates.tobytes()
    assert there.errors.tobytes() == here.errors.tobytes()
    job = repeated.Job(EXPERIMENT, None, 700)
    job.run(lambda: False, repeated.elsewhere)
    assert merged(job.blocks).count == job.done == 700
    assert not job.error


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system knows no niceness")
def test_it_gives_way_to_the_page(one_process):
    """Linux may share cores out to sessions first: niceness counts only within one."""
    assert one_process.compute(os.nice, 0) == os.nice(0) + repeated.NICENESS
    assert one_process.compute(os.getsid, 0) == os.getsid(0)


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="this system knows no groups of processes")
def test_an_interrupt_from_the_keyboard_does_not_reach_it(one_process):
    assert one_process.compute(os.getpgid, 0) != os.getpgid(0)


def test_several_who_ask_at_once_share_it(one_process):
    blocks = {}
    asked = [
        threading.Thread(
            target=lambda first=first: blocks.update({first: repeated.elsewhere((EXPERIMENT, first, 20))[0]})
        )
        for first in (0, 20, 40)
    ]
    for each in asked:
        each.start()
    for each in asked:
        each.join()
    assert merged(blocks.values()).count == 60


def test_without_room_for_a_process_the_work_is_done_here(monkeypatch):
    class Full:
        @staticmethod
        def compute(function, task):
            assert (function, task) == (timed_block, (EXPERIMENT, 0, 10))
            raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(repeated, "processes", Full)
    assert repeated.elsewhere((EXPERIMENT, 0, 10))[0].count == 10


def test_a_core_is_left_to_the_page(monkeypatch):
    counts = []
    monkeypatch.undo()  # the processes of the page, not what stands for them in other tests
    made = repeated.processes.__wrapped__
    monkeypatch.setattr(repeated, "Processes", lambda count, niceness: counts.append(count))
    for cores in (1, 2, 4, 64):
        monkeypatch.setattr(repeated, "cores", lambda cores=cores: cores)
        made()
    assert counts == [1, 1, 3, repeated.MOST_PROCESSES]


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [(1e-6, [60, 2000, 2000]), (4e-4, [60, 250, 250]), (1e-2, [60, 10, 10])],
    ids=["easy", "as planned", "hard"],
)
def test_blocks_take_a_fixed_time_however_long_an_experiment_takes(seconds, counts, monkeypatch):
    """Of easy experiments few at a time would take several times as long, of hard ones many would be out of date."""
    asked = []

    def compute(task):
        asked.append(task[2])
        return replicate_block(EXPERIMENT, task[1], 1), seconds * task[2]

    job = repeated.Job(EXPERIMENT, None, 10_000)
    monkeypatch.setattr(repeated.Job, "done", property(lambda self: sum(asked)))
    job.run(lambda: len(asked) == len(counts), compute)
    assert asked == counts

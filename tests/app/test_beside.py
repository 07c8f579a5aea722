"""Long work beside the event loop: looked at while it runs, ended at its next step, never in the way of what moves."""

import asyncio
import gc
import time
import weakref

import pytest

from gaussapp.app import beside
from gaussapp.app.beside import Beside

from .conftest import on_a_loop


class Page:
    """Something that looks at what is done."""

    def __init__(self):
        self.looks = 0
        self.beside = Beside(self.look)

    def look(self):
        self.looks += 1


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(beside, "TICK", 20)
    return Page()


def counting(steps, done, pause=0.01):
    def work(ends):
        for step in range(steps):
            if ends():
                return
            done.append((step, on_a_loop()))
            time.sleep(pause)

    return work


async def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def test_without_a_loop_all_is_done_at_once(page):
    done = []
    page.beside.start(counting(5, done, 0.0))
    assert len(done) == 5
    assert page.looks == 1
    assert not page.beside.busy


def test_on_a_loop_as_in_a_notebook_it_is_done_beside_it_and_looked_at(page):
    done = []

    async def cell():
        page.beside.start(counting(20, done))
        assert page.beside.busy
        await until(lambda: not page.beside.busy)

    asyncio.run(cell())
    assert len(done) == 20
    assert not any(held for _, held in done)
    assert page.looks > 2


def test_what_is_begun_ends_what_was_begun_before(page):
    first, second = [], []

    async def cell():
        page.beside.start(counting(1000, first))
        await until(lambda: first)
        page.beside.start(counting(3, second))
        await until(lambda: not page.beside.busy)

    asyncio.run(cell())
    assert len(first) < 200
    assert len(second) == 3


def test_what_is_stopped_is_looked_at_once_more_and_what_is_forgotten_is_not(page):
    done = []

    async def cell():
        page.beside.start(counting(1000, done))
        await until(lambda: done)
        page.beside.stop()
        await until(lambda: not page.beside.busy)
        looks = page.looks
        page.beside.start(counting(1000, done))
        page.beside.forget()
        await asyncio.sleep(0.1)
        assert page.looks == looks

    asyncio.run(cell())
    assert page.looks > 0
    assert len(done) < 500


def test_it_waits_while_something_moves(page, monkeypatch):
    monkeypatch.setattr(beside, "QUIET", 0.2)
    done = []

    async def cell():
        page.beside.start(counting(1000, done))
        await until(lambda: done)
        page.beside.give_way()
        await asyncio.sleep(0.05)
        before = len(done)
        await asyncio.sleep(0.08)
        assert len(done) == before
        await until(lambda: len(done) > before)
        page.beside.stop()

    asyncio.run(cell())


def test_what_goes_wrong_is_raised_where_it_is_told(page):
    def broken(_ends):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        page.beside.start(broken)
    assert not page.beside.busy
    assert page.looks == 1


def test_work_ends_when_nobody_is_left_to_look(page):
    done = []

    async def cell():
        page = Page()
        page.beside.start(counting(1000, done))
        await until(lambda: done)
        there = weakref.ref(page)
        del page
        await until(lambda: (gc.collect(), there())[1] is None)
        await asyncio.sleep(0.1)
        before = len(done)
        await asyncio.sleep(0.1)
        assert len(done) == before

    asyncio.run(cell())

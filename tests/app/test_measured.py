"""My data: every table that can be read is taken, every other one refused in a sentence, and nothing is lost."""

import asyncio

import numpy as np
import pytest

from gaussapp.app.measured import Measured
from gaussapp.app.state import Source
from gaussapp.data import samples

TWO = "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(10))
THREE = "time,signal,error\n" + "".join(f"{i},{i * i},{0.1 + i}\n" for i in range(10))
FOUR = "a,b,c,note\n" + "".join(f"{i},{2 * i},{3 * i},word\n" for i in range(10))


class Desk:
    """The panel for own data, and what it tells the user."""

    def __init__(self, **source):
        self.told = []
        self.source = Source(**source)
        self.panel = Measured(self.source, lambda sentence, severity: self.told.append((severity, sentence)))
        self.changes = []
        self.panel.param.watch(self.changes.append, "data")

    def read(self, content, name="table.csv"):
        content = content.encode() if isinstance(content, str) else content
        asyncio.run(self.panel._read(content, name))
        return self.panel.data

    def menus(self):
        return [getattr(self.panel, name) for name in ("x", "y", "sigma")]


@pytest.fixture
def desk():
    return Desk()


# Reading -------------------------------------------------------------------------------------------------------------


def test_a_table_is_taken_and_becomes_what_is_fitted(desk):
    data = desk.read(TWO, "peak.csv")
    np.testing.assert_array_equal(data.x, np.arange(10))
    np.testing.assert_array_equal(data.y, np.arange(10) ** 2)
    assert "peak" in data.name
    assert desk.source.mode == "My data"
    assert desk.told == []


def test_pasted_text_is_a_table_too(desk):
    desk.panel.text.value = "1;2,5\n2;3,5\n3;4,5\n"
    asyncio.run(desk.panel._pasted(None))
    np.testing.assert_array_equal(desk.panel.data.y, [2.5, 3.5, 4.5])


@pytest.mark.parametrize("content", [TWO.encode(), TWO.encode("utf-16")], ids=["utf-8", "utf-16"])
def test_a_file_that_arrives_is_read(content, desk):
    asyncio.run(desk.panel._uploaded(type("Event", (), {"new": [("peak.csv", content)]})))
    assert len(desk.panel.data.x) == 10


def test_one_table_is_one_change(desk):
    """Every change is a fit, and a fit of many points is long."""
    desk.read(THREE)
    assert len(desk.changes) == 1
    desk.read(FOUR)
    assert len(desk.changes) == 2
    desk.source.sample = "gamma"
    assert len(desk.changes) == 3


REFUSED = {
    "empty": b"",
    "one column": b"1\n2\n3\n",
    "binary": bytes(range(256)) * 40,
    "prose": b"Dear Sir,\nno numbers today.\nYours",
    "names only": b"x,y\n",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_told_and_what_was_there_stays(content, desk):
    before = desk.read(TWO)
    assert desk.read(content, "bad.dat") is before
    ((severity, sentence),) = desk.told
    assert severity == "error"
    assert len(sentence.split()) > 4
    assert [menu.value for menu in desk.menus()][:2] == ["x", "y"]


def test_a_refused_table_does_not_leave_the_simulated_peak(desk):
    desk.read(b"")
    assert desk.source.mode == "Simulate"
    assert desk.panel.data is None


def test_of_two_tables_the_one_that_came_last_stays(desk, monkeypatch):
    """A large file that takes long to read must not replace the small one that was dropped after it."""
    from gaussapp.app import measured

    parse = measured.parse_table

    def parse_slowly(content, **options):
        if len(content) > 200:
            import time

            time.sleep(0.3)
        return parse(content, **options)

    monkeypatch.setattr(measured, "parse_table", parse_slowly)

    async def drop_both():
        large = asyncio.create_task(desk.panel._read(b"1,2\n" * 100, "large.csv"))
        await asyncio.sleep(0.05)
        await desk.panel._read(TWO.encode(), "small.csv")
        await large

    asyncio.run(drop_both())
    assert len(desk.panel.data.x) == 10


def test_while_a_table_is_read_others_are_served(desk, monkeypatch):
    import threading

    from gaussapp.app import measured

    parse, threads = measured.parse_table, []

    def noted(*args, **options):
        threads.append(threading.current_thread())
        return parse(*args, **options)

    monkeypatch.setattr(measured, "parse_table", noted)
    desk.read(TWO)
    assert threads
    assert threads[0] is not threading.main_thread()


# Columns -------------------------------------------------------------------------------------------------------------


def test_a_column_that_is_named_like_an_error_is_the_error(desk):
    data = desk.read(THREE)
    np.testing.assert_allclose(data.sigma, 0.1 + np.arange(10))
    assert [menu.value for menu in desk.menus()] == ["time", "signal", "error"]
    assert all(menu.visible for menu in desk.menus())


def test_other_columns_can_be_chosen(desk):
    desk.read(FOUR)
    desk.panel.y.value = "c"
    np.testing.assert_array_equal(desk.panel.data.y, 3 * np.arange(10))
    assert desk.source.y == "c"
    desk.source.x = "b"
    np.testing.assert_array_equal(desk.panel.data.x, 2 * np.arange(10))
    desk.panel.sigma.value = "a"
    np.testing.assert_array_equal(desk.panel.data.sigma, np.arange(10))


def test_sigma_can_be_left_out(desk):
    desk.read(THREE)
    desk.panel.sigma.value = "-"
    assert desk.panel.data.sigma is None
    assert desk.source.sigma == "-"


def test_a_sigma_that_nobody_left_out_is_taken_from_the_next_table(desk):
    """That the first table had none is no choice of the user's."""
    desk.read(TWO)
    data = desk.read(THREE)
    assert data.sigma is not None


def test_columns_of_an_address_are_taken_as_far_as_the_table_has_them():
    desk = Desk(x="b", y="nonsense", sigma="-")
    data = desk.read(FOUR)
    np.testing.assert_array_equal(data.x, 2 * np.arange(10))
    assert data.sigma is None
    assert desk.told == []


def test_a_column_without_numbers_is_refused_and_the_others_stay(desk):
    before = desk.read(FOUR)
    desk.source.y = "note"
    if desk.panel.data is before:
        assert desk.told
    else:  # not among the columns that can be chosen
        assert np.isfinite(desk.panel.data.y).all()
    desk.source.y = "c"
    np.testing.assert_array_equal(desk.panel.data.y, 3 * np.arange(10))


def test_a_table_without_a_choice_offers_none(desk):
    desk.source.sample = "gauss1"
    assert not any(menu.visible for menu in desk.menus())


# Names ---------------------------------------------------------------------------------------------------------------

NASTY = "<img src=x onerror=alert(1)>"


def test_names_are_never_read_as_html(desk):
    rows = "".join(f"{i},{i},{i}\n" for i in range(9))
    desk.read(f'"{NASTY}","<b>y</b>",third\n{rows}1,oops{NASTY},3\n', f"{NASTY}.csv")
    assert "<img" not in desk.panel.notes.object
    desk.read(b"", f"{NASTY}.csv")
    assert desk.told  # GaussApp.tell escapes it


def test_a_name_of_ten_thousand_characters_is_shortened_where_it_is_shown(desk):
    name = "n" * 10_000
    data = desk.read(f"{name},y\n" + "1,2\n2,3\n3,5\n")
    assert all(len(label) <= 100 for label in desk.panel.x.options)
    assert len(data.x) == 3


def test_two_long_names_that_begin_alike_can_both_be_chosen(desk):
    one, other = "n" * 200 + "1", "n" * 200 + "2"
    desk.read(f"{one},{other},y\n" + "1,2,3\n2,3,4\n3,5,6\n")
    assert set(desk.panel.x.options.values()) == {one, other, "y"}


# Samples and uploads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(samples()))
def test_a_sample_says_where_it_comes_from(name, desk):
    desk.source.sample = name
    assert desk.panel.data.name == name
    assert samples()[name].licence in desk.panel.notes.object
    assert desk.source.mode == "My data"


def test_a_sample_of_an_address_is_there_at_once():
    desk = Desk()
    sampled = Source()
    sampled.param.sample.objects = desk.source.param.sample.objects
    sampled.sample = "gamma"
    assert Measured(sampled, lambda *_: None).data.name == "gamma"


def test_after_a_sample_an_own_table_is_shown_as_one(desk):
    desk.source.sample = "gamma"
    desk.read(THREE)
    assert desk.source.sample == ""
    assert desk.panel.suggestion == {}
    assert desk.panel.data.name != "gamma"

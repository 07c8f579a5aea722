"""Plots stay in step with their data: ranges that fit and stay, the newest state wins, only what changed travels."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from panel.io.state import set_curdoc

from gaussapp.app import live
from gaussapp.app.live import FRAMES_UNDER_WAY, PATIENCE, Drawn, Echo, Labels, LivePlot, Pace, settled
from gaussapp.app.turns import in_document

# Ranges --------------------------------------------------------------------------------------------------------------

SIZES = st.floats(-300, 300).map(lambda power: 10.0**power)
NUMBERS = st.one_of(
    st.builds(lambda size, sign: sign * size, SIZES, st.sampled_from([-1.0, 1.0])),
    st.just(0.0),
    st.floats(-1e300, 1e300),
)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda ends: (min(ends), max(ends)))
FAR_AWAY = st.builds(
    lambda width, offset: (width * offset, width * offset + width),
    st.floats(-200, 200).map(lambda power: 10.0**power),
    st.floats(-1e9, 1e9),
)


@given(SPANS | FAR_AWAY, st.none() | SPANS.filter(lambda ends: ends[0] < ends[1]), st.sampled_from([0.02, 0.06]))
@example((0.0, 0.0), None, 0.06)
@example((-1e300, 1e300), None, 0.06)
@example((1e300, 1e300), None, 0.06)
@example((5e-324, 5e-324), None, 0.06)
@example((1e9, math.nextafter(1e9, 2e9)), None, 0.02)
@example((1e16, 1e16 + 2), None, 0.06)
@settings(max_examples=500)
def test_everything_is_in_view(ends, now, room):
    low, high = ends
    start, end = settled(now, low, high, room)
    assert math.isfinite(start)
    assert math.isfinite(end)
    assert start < end
    assert start <= low
    assert high <= end


@given(FAR_AWAY | SPANS.filter(lambda ends: ends[0] < ends[1]))
def test_nothing_gets_lost_in_too_much_room(ends):
    """The data fill a good part of the plot, as far as the numbers are apart in double precision."""
    low, high = ends
    start, end = settled(None, low, high)
    grain = np.spacing(max(abs(low), abs(high)))
    assert high - low >= 0.45 * (end - start) - 4 * grain


@given(SPANS | FAR_AWAY)
def test_a_range_that_was_chosen_stays(ends):
    chosen = settled(None, *ends)
    assert settled(chosen, *ends) == chosen


@given(FAR_AWAY, st.floats(0, 0.2), st.floats(0, 0.2))
def test_an_axis_does_not_jump_while_what_it_shows_still_fits(now, left, right):
    wide = now[1] - now[0]
    low, high = now[0] + left * wide, now[1] - right * wide
    assert settled(now, low, high) == now


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.2), (-0.1, 1.0), (0.0, 0.4), (0.3, 0.7), (2.0, 3.0)])
def test_an_axis_moves_when_something_would_be_cut_off_or_lost(low, high):
    start, end = settled((0.0, 1.0), low, high)
    assert (start, end) != (0.0, 1.0)
    assert start <= low < high <= end


def test_limits_are_round():
    assert settled(None, -2.0, 2.0) == pytest.approx((-2.4, 2.4))
    assert settled(None, 400, 700) == pytest.approx((380, 720))
    assert settled(None, -0.0137, 3.0213) == pytest.approx((-0.2, 3.4))


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (0.0, math.inf), (-math.inf, math.inf), (math.nan, math.nan)])
def test_what_is_not_finite_moves_nothing(bad):
    assert settled((3.0, 4.0), *bad) == (3.0, 4.0)
    assert settled(None, *bad) == (0.0, 1.0)


# Pace ----------------------------------------------------------------------------------------------------------------


class FakeSession:
    """A document in a session whose timers go off when the test says so."""

    def __init__(self):
        self.document = Document()
        self.document._session_context = lambda: self

    def timers_go_off(self):
        due = list(self.document.session_callbacks)
        for callback in due:
            self.document.callbacks._session_callbacks.discard(callback)
            callback.callback()
        return len(due)


class PaceMachine(RuleBasedStateMachine):
    """A user who moves sliders at any speed, and a browser that receives at any other, or not at all."""

    def __init__(self):
        super().__init__()
        self.session = FakeSession()
        self.pace = Pace(self.draw)
        self.state = 0
        self.sent = {}
        self.depth = 0
        self.asks_while_drawing = 0
        self.broken = False

    def draw(self, frame):
        self.depth += 1
        assert self.depth == 1, "drawn while drawing"
        assert frame == len(self.sent) + 1, "frames are numbered one after the other"
        self.sent[frame] = self.state
        if self.asks_while_drawing:
            self.asks_while_drawing -= 1
            self.state += 1
            self.pace.ask()
        self.depth -= 1
        if self.broken:
            self.broken = False
            raise ZeroDivisionError

    @rule(more=st.integers(0, 3))
    def move(self, more):
        self._move(more, broken=False)

    @rule()
    def move_badly(self):
        self._move(0, broken=True)

    def _move(self, more, broken):
        self.state += 1
        self.asks_while_drawing, self.broken = more, broken
        try:
            with set_curdoc(self.session.document):
                self.pace.ask()
        except ZeroDivisionError:
            pass
        self.asks_while_drawing, self.broken = 0, False

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def receive(self, data):
        """Any frame, in any order, also one that was reported before."""
        with set_curdoc(self.session.document):
            self.pace.received(data.draw(st.integers(1, len(self.sent))))

    @rule(frame=st.integers(-(2**40), 2**40))
    def lie(self, frame):
        """Any client may report anything."""
        with set_curdoc(self.session.document):
            self.pace.received(frame)

    @rule()
    def forget(self):
        with set_curdoc(self.session.document):
            self.pace.forget()

    @rule()
    def time_goes_by(self):
        with set_curdoc(self.session.document):
            self.session.timers_go_off()

    @invariant()
    def never_too_many_frames_under_way(self):
        assert 0 <= self.pace.under_way <= FRAMES_UNDER_WAY

    @invariant()
    def at_most_one_timer_is_set(self):
        assert len(self.session.document.session_callbacks) <= 1

    @invariant()
    def whoever_waits_will_be_woken(self):
        """By a frame that is on its way, and if its report never comes, by a timer."""
        if self.pace.wanted:
            assert self.pace.under_way
            assert self.session.document.session_callbacks

    def teardown(self):
        """Once everything is received, the newest state is what is shown."""
        with set_curdoc(self.session.document):
            for _ in range(10):
                self.pace.received(len(self.sent))
        assert not self.pace.wanted
        assert self.pace.under_way == 0
        if self.sent:
            assert self.sent[len(self.sent)] == self.state


TestPace = PaceMachine.TestCase
TestPace.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def paced():
    session, sent = FakeSession(), []
    return session, sent, Pace(sent.append)


def test_moves_that_arrive_while_one_is_on_its_way_become_one_frame():
    session, sent, pace = paced()
    with set_curdoc(session.document):
        for _ in range(180):  # a drag of three seconds
            pace.ask()
        assert sent == [1]
        pace.received(1)
        assert sent == [1, 2]
        pace.received(2)
        assert sent == [1, 2]


def test_a_frame_that_is_never_reported_holds_nothing_up_for_ever(monkeypatch):
    session, sent, pace = paced()
    now = [100.0]
    monkeypatch.setattr("gaussapp.app.live.time.monotonic", lambda: now[0])
    with set_curdoc(session.document):
        for _ in range(FRAMES_UNDER_WAY + 1):
            pace.ask()
        now[0] += PATIENCE / 2
        assert session.timers_go_off() == 1  # too early
        assert len(sent) == FRAMES_UNDER_WAY
        now[0] += PATIENCE
        assert session.timers_go_off() == 1
    assert len(sent) == FRAMES_UNDER_WAY + 1
    assert not pace.wanted


def test_without_a_session_nobody_reports_and_every_state_is_drawn():
    _, sent, pace = paced()
    for _ in range(10):
        pace.ask()
    assert sent == list(range(1, 11))


def test_a_frame_that_fails_is_told_and_the_next_one_is_drawn():
    session, sent, _ = paced()

    def draw(frame):
        sent.append(frame)
        if frame == 1:
            raise ValueError("no")

    pace = Pace(draw)
    with set_curdoc(session.document):
        with pytest.raises(ValueError, match="no"):
            pace.ask()
        pace.ask()
    assert sent == [1, 2]


def test_a_newer_state_is_drawn_even_if_the_frame_before_it_failed():
    session, sent, _ = paced()

    def draw(frame):
        sent.append(frame)
        if frame == 1:
            pace.ask()
            raise ValueError("no")

    pace = Pace(draw)
    with set_curdoc(session.document):
        with pytest.raises(ValueError, match="no"):
            pace.ask()
        session.timers_go_off()
    assert sent == [1, 2]


# Writing into a plot -------------------------------------------------------------------------------------------------


@dataclass
class Listened:
    """A plot in a document, and what is sent of it."""

    drawn: Drawn
    document: Document
    events: list = field(default_factory=list)

    def sent(self):
        """What was sent since the last time: (kind of model, attribute, columns)."""
        told = [
            (type(event.model).__name__, event.attr, sorted(getattr(event, "cols", None) or []))
            for event in self.events
        ]
        self.events.clear()
        return sorted(told)


LABELS = Labels("x", "y", {"dots": "data", "line": "fit"})


@pytest.fixture
def plot():
    there = figure(x_range=Range1d(0, 1), y_range=Range1d(0, 1))
    drawn = Drawn(there)
    for glyph, draw in {"dots": there.scatter, "line": there.line}.items():
        drawn.sources[glyph] = ColumnDataSource({"x": np.arange(3.0), "y": np.arange(3.0)})
        drawn.renderers[glyph] = draw("x", "y", source=drawn.sources[glyph], legend_label=glyph)
    document = Document()
    document.add_root(there)
    listened = Listened(drawn, document)
    fill(listened)
    document.on_change(listened.events.append)
    return listened


def columns(dots=None, line=None):
    grid = np.arange(3.0)
    return {
        "dots": {"x": grid, "y": grid if dots is None else dots},
        "line": {"x": grid, "y": grid if line is None else line},
        "elsewhere": {"x": grid},
    }


def fill(plot, made=None, x=(0.0, 1.0), y=(0.0, 1.0), labels=LABELS):
    LivePlot.fill(plot.drawn, made or columns(), x, y, labels)


def test_what_is_there_already_is_not_sent_again(plot):
    fill(plot)
    fill(plot, columns(dots=np.arange(3.0)))  # equal, though another array
    assert plot.sent() == []


def test_only_the_column_that_changed_travels(plot):
    fill(plot, columns(line=np.array([5.0, 6.0, 7.0])))
    assert plot.sent() == [("ColumnDataSource", "data", ["y"])]
    np.testing.assert_array_equal(plot.drawn.sources["line"].data["y"], [5, 6, 7])


def test_columns_of_another_length_come_all_at_once(plot):
    """Bokeh complains about columns of different lengths, even for a moment."""
    longer = {"x": np.arange(4.0), "y": np.arange(4.0)}
    fill(plot, columns() | {"dots": longer})
    assert plot.sent() == [("ColumnDataSource", "data", [])]  # no columns named: all of them
    assert {len(column) for column in plot.drawn.sources["dots"].data.values()} == {4}


def test_columns_that_hold_nan_are_compared_sensibly(plot):
    bad = np.array([0.0, math.nan, 2.0])
    fill(plot, columns(dots=bad))
    plot.sent()
    fill(plot, columns(dots=bad))
    assert plot.sent() == []


def test_a_picture_is_sent_only_when_it_changed(plot):
    ink = np.zeros((2, 2), np.uint8)
    source = plot.drawn.sources["picture"] = ColumnDataSource({"image": [ink], "x": [0.0]})
    plot.document.add_root(source)
    plot.events.clear()
    fill(plot, columns() | {"picture": {"image": [ink.copy()], "x": [0.0]}})
    assert plot.sent() == []
    fill(plot, columns() | {"picture": {"image": [ink + 1], "x": [0.0]}})
    assert plot.sent() == [("ColumnDataSource", "data", ["image"])]
    fill(plot, columns() | {"picture": {"image": [np.ones((3, 2), np.uint8)], "x": [0.0]}})
    assert plot.sent() == [("ColumnDataSource", "data", ["image"])]


def test_ranges_and_labels_travel_only_when_they_change(plot):
    fill(plot, x=(0.0, 2.0))
    assert plot.sent() == [("Range1d", "end", [])]
    fill(plot, x=(0.0, 2.0), y=(-1.0, 1.0))
    assert plot.sent() == [("Range1d", "start", [])]
    fill(plot, x=(0.0, 2.0), y=(-1.0, 1.0), labels=Labels("time (s)", "y", LABELS.legend))
    assert plot.sent() == [("LinearAxis", "axis_label", [])]


def test_legend_entries_appear_change_and_go(plot):
    items = plot.drawn.figure.legend[0].items
    assert [(item.visible, item.label.value) for item in items] == [(True, "data"), (True, "fit")]
    fill(plot, labels=Labels("x", "y", {"dots": "data", "line": ""}))
    assert [item.visible for item in items] == [True, False]
    plot.sent()
    fill(plot, labels=Labels("x", "y", {"dots": "data", "line": "95 % band"}))
    assert [(item.visible, item.label.value) for item in items] == [(True, "data"), (True, "95 % band")]
    assert plot.sent() == [("LegendItem", "label", []), ("LegendItem", "visible", [])]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=8))
def test_after_any_sequence_the_plot_shows_the_last(sequence):
    there = figure(x_range=Range1d(0, 1), y_range=Range1d(0, 1))
    drawn = Drawn(there, {"dots": ColumnDataSource({"x": [], "y": []})})
    there.scatter("x", "y", source=drawn.sources["dots"])
    for length, seed, reverse in sequence:
        x = np.arange(float(length))
        y = np.random.default_rng(seed).normal(size=length)[:: -1 if reverse else 1]
        LivePlot.fill(drawn, {"dots": {"x": x, "y": y}}, (0.0, 1.0), (0.0, 1.0), Labels("x", "y"))
        np.testing.assert_array_equal(drawn.sources["dots"].data["x"], x)
        np.testing.assert_array_equal(drawn.sources["dots"].data["y"], y)


# Reports from the browser --------------------------------------------------------------------------------------------


@pytest.fixture
def reports():
    """Two documents with an echo each, and what it calls."""
    received, again = [], []
    echo = Echo(received.append, again.append)
    documents = [Document(), Document()]
    for document in documents:
        there = figure()
        echo.attach(Drawn(there))
        document.add_root(there)
    return echo, documents, received, again


def test_the_browser_reports_the_frame_it_receives(reports):
    echo, documents, received, again = reports
    echo.send(documents[0], 7)
    (model,), (other,) = (document.select({"name": "frames"}) for document in documents)
    assert (model.end, other.end) == (7, 0)
    model.start = model.end  # as the script in the browser does
    assert received == [7]
    assert again == []


def test_a_browser_that_was_cut_off_gets_an_answer_and_everything_again(reports):
    _, documents, received, again = reports
    model = documents[1].select_one({"name": "frames"})
    model.start = -1.25
    assert again == [documents[1]]
    assert model.end == -1.25
    assert received == []


@pytest.mark.parametrize("lie", [math.nan, math.inf, -math.inf, 1e300])
def test_a_report_that_is_no_number_breaks_nothing(lie, reports):
    """Any client may set any property of its session."""
    _, documents, received, _ = reports
    documents[0].select_one({"name": "frames"}).start = lie
    assert all(isinstance(frame, int) for frame in received)


# Where it runs -------------------------------------------------------------------------------------------------------


def test_work_in_another_session_waits_for_its_turn():
    here, there = FakeSession(), FakeSession()
    done = []
    with set_curdoc(here.document):
        in_document(here.document, lambda: done.append("here"))
        assert done == ["here"]
        in_document(there.document, lambda: done.append("there"))
        assert done == ["here"]
        assert there.timers_go_off() == 1
        assert done == ["here", "there"]


def test_work_in_a_document_without_a_session_is_done_at_once():
    done = []
    in_document(Document(), lambda: done.append("notebook"))
    in_document(None, lambda: done.append("nowhere"))
    assert done == ["notebook", "nowhere"]


def test_size_of_a_frame_is_at_most_that_of_a_large_screen():
    sizes = {(30_000, 30_000): live.LARGEST_SIZE, (-5, 0): (1, 1), (800, 300): (800, 300)}
    for (width, height), kept in sizes.items():
        assert live._inner_size(SimpleNamespace(inner_width=width, inner_height=height)) == kept

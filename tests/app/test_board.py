"""Results are changed in place: the form travels only when it changes, and texts are never read as HTML."""

from hypothesis import given
from hypothesis import strategies as st

from gaussapp.app.board import PLACE, Board, Written


@given(st.lists(st.text()))
def test_texts_are_escaped_and_in_order(texts):
    form = "<p>" + "".join(f"<b>{PLACE}</b>" for _ in texts) + "</p>"
    html = Written(form, tuple(texts)).html
    assert html.count("<b>") == html.count("<") / 2 - 1 == len(texts)
    assert html.count(">") == html.count("<")


def test_a_text_that_looks_like_a_place_is_only_a_text():
    assert Written(f"<i>{PLACE}</i>{PLACE}", (PLACE, "a & b")).html == "<i>&lt;!--text--&gt;</i>a &amp; b"


def test_only_what_changed_is_announced():
    board, seen = Board(), []
    board.param.watch(lambda *events: seen.append(sorted(event.name for event in events)), ["form", "texts"])
    board.show(Written(f"<p>{PLACE}</p>", ("1",)))
    board.show(Written(f"<p>{PLACE}</p>", ("2",)))
    board.show(Written(f"<p>{PLACE}</p>", ("2",)))
    board.show(Written(f"<b>{PLACE}</b>", ("3",)))
    assert seen == [["form", "texts"], ["texts"], ["form", "texts"]]
    assert (board.form, board.texts) == (f"<b>{PLACE}</b>", ["3"])


def test_the_browser_gets_texts_as_text():
    """No text may reach innerHTML."""
    assert "innerHTML = model.form" in Board._esm
    assert Board._esm.count("innerHTML") == 1
    assert "createTextNode" in Board._esm

"""The place for files: parts become files again, and the limits hold whatever a client sends."""

import pytest

from gaussapp.app.files.rows import MOST_FILES
from gaussapp.app.upload import Upload
from gaussapp.data import MAX_BYTES


class Arrived:
    """An upload, what it has received and what it has said."""

    def __init__(self):
        self.upload, self.files, self.told = Upload(), [], []
        self.upload.param.watch(lambda event: event.new and self.files.append(event.new), "received")
        self.upload.param.watch(lambda event: event.new and self.told.append(event.new), "refused")

    def send(self, *files, end=True):
        """Send files, each a name and its parts."""
        self.upload._handle_msg({"status": "begin"})
        for name, *parts in files:
            for number, part in enumerate(parts, 1):
                message = {"status": "part", "name": name, "data": part, "last": number == len(parts)}
                self.upload._handle_msg(message)
        if end:
            self.upload._handle_msg({"status": "end"})


@pytest.fixture
def arrived():
    return Arrived()


def test_parts_become_files_in_their_order_and_nothing_of_them_is_kept(arrived):
    arrived.send(("a.csv", b"x,y\n", b"1,2\n"), ("b.csv", b"3"), ("empty.csv", b""), ("a.csv", b"again"))
    assert arrived.files == [[("a.csv", b"x,y\n1,2\n"), ("b.csv", b"3"), ("empty.csv", b""), ("a.csv", b"again")]]
    assert arrived.upload.received == arrived.upload._whole == arrived.upload._parts == []
    arrived.send(("c.csv", memoryview(b"4")))
    assert arrived.files[1] == [("c.csv", b"4")]
    assert arrived.told == []


def test_an_upload_that_breaks_off_leaves_nothing_to_the_next(arrived):
    arrived.send(("a.csv", b"1"), ("b.csv", b"2"), end=False)
    arrived.send(("c.csv", b"3"))
    assert arrived.files == [[("c.csv", b"3")]]


def test_the_size_of_a_file_is_checked_here_and_the_others_are_taken(arrived):
    part = bytes(MAX_BYTES // 2 + 1)
    arrived.send(("large.csv", part, part, part, part))
    (sentence,) = arrived.told
    assert f"large.csv is larger than the {MAX_BYTES // 2**20} MB" in sentence
    assert arrived.files == []
    arrived.send(("large.csv", part, part), ("small.csv", b"1"))
    assert len(arrived.told) == 2  # told every time
    assert arrived.files == [[("small.csv", b"1")]]


def test_a_file_of_the_largest_size_is_taken(arrived):
    arrived.send(("large.csv", bytes(MAX_BYTES)))
    assert arrived.told == []
    assert len(arrived.files[0][0][1]) == MAX_BYTES


def test_too_many_files_are_refused_once_and_nothing_of_them_is_kept(arrived):
    arrived.send(*[(f"{number}.csv", b"12345") for number in range(MOST_FILES + 10)])
    (sentence,) = arrived.told
    assert f"{MOST_FILES:,} files" in sentence
    assert arrived.files == []
    arrived.send(("one.csv", b"12345"))
    assert arrived.files == [[("one.csv", b"12345")]]


def test_files_that_are_too_large_together_are_refused(arrived):
    part = bytes(MAX_BYTES // 2)
    arrived.send(*[(f"{number}.csv", part) for number in range(3)], end=False)
    (sentence,) = arrived.told
    assert f"{MAX_BYTES // 2**20} MB together" in sentence
    assert arrived.upload._whole == arrived.upload._parts == []


def test_what_the_browser_cannot_read_is_a_sentence(arrived):
    arrived.send(("a.csv", b"1"), end=False)
    arrived.upload._handle_msg({"status": "unreadable", "name": "folder<b>"})
    assert "cannot read folder<b>" in arrived.told[0]
    arrived.upload._handle_msg({"status": "end"})
    assert arrived.files == []


@pytest.mark.parametrize(
    "message",
    [
        None,
        "end",
        3,
        {},
        {"status": "part"},
        {"status": "part", "name": "a", "data": 10**12, "last": True},
        {"status": "part", "name": 3},
        {"status": "unreadable"},
        {"status": ["part"], "name": "a"},
    ],
)
def test_what_no_page_sends_is_left_alone(arrived, message):
    arrived.upload._handle_msg(message)
    arrived.upload._handle_msg({"status": "end"})
    assert arrived.files == []

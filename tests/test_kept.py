"""Finished work on disk: nothing of it is lost, no half of it is read, and two runs do not mix theirs."""

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import gaussapp
from gaussapp.kept import Kept, disk_full, replaced

ROOT = Path(gaussapp.__file__).parent.parent
HEADER = {"kind": "squares", "settings": {"power": 2, "part": (0.5, 1.5), "name": None}}


def kept(path, header=HEADER):
    return Kept(path, header, "number")


def test_what_was_added_is_there_again_and_the_last_of_several_counts(tmp_path):
    path = tmp_path / "new" / "squares.jsonl"
    with kept(path) as first:
        assert first.pieces == {}
        first.add([{"number": 1, "square": 1.0}, {"number": 2, "square": 0.1 + 0.2}])
        first.add([{"number": 1, "square": "σ"}])
    with kept(path) as again:
        assert again.pieces == {1: {"number": 1, "square": "σ"}, 2: {"number": 2, "square": 0.1 + 0.2}}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == json.loads(json.dumps(HEADER))
    assert len(lines) == 4


@pytest.mark.parametrize("torn", [b'{"number": 3, "squ', b'{"number": 3, "square": 9}'])
def test_a_line_that_was_cut_off_is_dropped_and_written_over(tmp_path, torn):
    path = tmp_path / "squares.jsonl"
    with kept(path) as first:
        first.add([{"number": 1}])
    with path.open("ab") as file:
        file.write(torn)
    with kept(path) as again:
        assert list(again.pieces) == [1]
        again.add([{"number": 4}])
    with kept(path) as last:
        assert list(last.pieces) == [1, 4]


def test_a_disk_that_is_full_loses_nothing_that_is_finished(tmp_path, monkeypatch):
    path = tmp_path / "squares.jsonl"
    with kept(path) as first:
        first.add([{"number": 1}])
        write = os.write

        def full(file, text):
            if len(text) > 5:
                return write(file, text[:5])
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(
                OSError, match=r"squares.jsonl': the disk is full; make room: 1 finished are kept there"
            ):
                first.add([{"number": 2}])
        assert path.read_bytes().endswith(b'{"number": 1}\n')
        first.add([{"number": 3}])
    with kept(path) as again:
        assert list(again.pieces) == [1, 3]


def test_other_errors_of_a_disk_are_said_as_they_are():
    assert "cannot be written (Input/output" in str(disk_full(OSError(errno.EIO, "Input/output"), Path("a"), "try"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {**HEADER["settings"], "power": 3}}, "was made with power 2, and now it is 3"),
        ({"settings": {**HEADER["settings"], "part": (0.5, 2)}}, r"was made with part \[0.5, 1.5\]"),
        ({"settings": {**HEADER["settings"], "name": "a"}}, "was made with name nothing, and now it is a"),
        ({"kind": "cubes"}, "was made with kind squares, and now it is cubes"),
    ],
)
def test_other_work_is_refused_with_what_differs(tmp_path, change, words):
    with kept(tmp_path / "a.jsonl"):
        pass
    with pytest.raises(ValueError, match=words):
        kept(tmp_path / "a.jsonl", {**HEADER, **change})
    with kept(tmp_path / "a.jsonl"):  # the refused run has not kept the lock
        pass


@pytest.mark.parametrize("content", ["x,y\n1,2\n", '{"kind": "squares"', "[1]\n", "\x00\xff\n"])
def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="utf-8")
    if not content.endswith("\n"):
        with kept(path) as begun:  # a header that was cut off: nothing was kept yet
            assert begun.pieces == {}
        return
    with pytest.raises(ValueError, match=r"line 1 of .* is not what gaussapp writes"):
        kept(path)
    assert path.read_text(encoding="utf-8") == content


def test_a_second_run_is_refused_with_who_holds_the_file(tmp_path):
    path = tmp_path / "a.jsonl"
    with kept(path):
        with pytest.raises(FileExistsError, match=rf"another run \(process {os.getpid()} on {socket.gethostname()}\)"):
            kept(path)
        program = f"from gaussapp.kept import Kept; Kept({str(path)!r}, {HEADER!r}, 'number')"
        run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
        assert "FileExistsError" in run.stderr
        assert f"process {os.getpid()}" in run.stderr
    with kept(path):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_lock_of_a_run_that_was_killed_is_taken_over(tmp_path):
    path = tmp_path / "a.jsonl"
    program = (
        "import os, signal; from gaussapp.kept import Kept\n"
        f"work = Kept({str(path)!r}, {HEADER!r}, 'number'); work.add([dict(number=5)]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert (tmp_path / "a.jsonl.lock").exists()
    with kept(path) as work:
        assert list(work.pieces) == [5]


def test_the_lock_of_another_machine_is_believed(tmp_path):
    path = tmp_path / "a.jsonl"
    (tmp_path / "a.jsonl.lock").write_text('{"process": 7, "host": "elsewhere"}')
    with pytest.raises(FileExistsError, match=r"process 7 on elsewhere.*if that run is no more, remove .*a.jsonl.lock"):
        kept(path)
    (tmp_path / "a.jsonl.lock").unlink()
    with kept(path):
        pass


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        kept(tmp_path / "file" / "a.jsonl")


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with replaced(path) as draft:
            draft.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text() == "old"
    with replaced(path) as draft:
        draft.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]

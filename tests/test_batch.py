"""Many files: one row a file, the same wherever it was computed, whatever happened in between."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gaussapp
from gaussapp import batch, fit_files, read_table
from gaussapp import fit as fit_alone
from gaussapp.__main__ import main

ROOT = Path(gaussapp.__file__).parent.parent


def write(path, center, points=25, seed=0):
    x = np.linspace(-2, 2, points)
    y = 3 * np.exp(-0.5 * ((x - center) / 0.5) ** 2) + 0.1 * np.random.default_rng(seed).normal(size=points)
    path.write_text("x,y\n" + "".join(f"{a:.5f},{b:.5f}\n" for a, b in zip(x, y, strict=True)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return 40 files, of which two cannot be fitted and one is not there."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(38):
        write(folder / f"peak{number:02d}.csv", 0.01 * number, 25 + number % 3, number)
    (folder / "peak03.csv").write_text("x,y\n1,2\n3,oops\n5,6\n")
    (folder / "peak38.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))
    return [str(folder / f"peak{number:02d}.csv") for number in range(40)]


@pytest.fixture(scope="module")
def expected(files):
    return fit_files(files, workers=1)


def kept_rows(out):
    lines = Path(f"{out}.kept.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_a_row_has_the_numbers_of_a_fit_of_that_file_alone(files, expected):
    assert list(expected["file"]) == files
    for number in (0, 17):
        alone = fit_alone(read_table(files[number]))
        row = expected.iloc[number]
        assert row["center"] == alone.values["center"]
        assert row["area_error"] == alone.area.error
        assert (row["width_low"], row["width_high"]) == alone.interval(0.95)["width"]
        assert row["error"] == ""


def test_a_bad_file_is_a_row_with_its_sentence_and_stops_nothing(files, expected):
    bad = expected[expected["error"] != ""]
    assert list(bad.index) == [3, 38, 39]
    assert "holds text: 'oops' in line 3" in bad["error"][3]
    assert "a picture: a table of numbers is needed" in bad["error"][38]
    assert "there is no file" in bad["error"][39]
    assert bad["center"].isna().all()


def test_columns_have_the_same_types_whatever_is_in_them(expected, tmp_path):
    nothing = fit_files([tmp_path / "missing.csv"])
    assert list(nothing.dtypes) == list(expected.dtypes)
    assert str(expected["center"].dtype) == "float64"
    assert str(expected["points"].dtype) == "Int64"
    assert str(expected["trustworthy"].dtype) == "boolean"


def test_a_mistake_of_ours_is_a_row_too(files, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(batch, "fit", broken)
    found = fit_files(files[:2], workers=1)
    assert found["error"][0] == "the fit failed (ZeroDivisionError: of ours): please report this file"


@pytest.mark.parametrize("workers", [2, 3])
def test_the_rows_do_not_depend_on_the_number_of_workers(files, expected, workers):
    pd.testing.assert_frame_equal(fit_files(files, workers=workers), expected, check_exact=True)


def test_the_table_is_what_the_command_line_prints(files, tmp_path, capsys):
    out = tmp_path / "results.csv"
    fit_files(files, out, workers=1)
    main(["fit", *files, "--csv"])
    assert out.read_text(encoding="utf-8") == capsys.readouterr().out
    table = pd.read_csv(io.StringIO(out.read_text(encoding="utf-8")))
    assert len(table) == 40


def test_patterns_are_the_files_they_match_in_the_order_of_their_names(files, tmp_path):
    folder = Path(files[0]).parent
    found = fit_files([str(folder / "peak1?.csv"), files[0], str(tmp_path / "*.dat")], workers=1)
    assert [Path(file).name for file in found["file"]] == [*[f"peak1{k}.csv" for k in range(10)], "peak00.csv", "*.dat"]
    assert "there is no file" in found["error"][11]


def test_choices_are_those_of_a_single_fit(tmp_path):
    path = tmp_path / "table.csv"
    x = np.linspace(0, 10, 40)
    curve = 1 + 5 * np.exp(-0.5 * ((x - 4) / 0.7) ** 2) + 0.01 * np.cos(37 * x)
    rows = [f"{i},{b},{a},0.1" for i, (a, b) in enumerate(zip(x, curve, strict=True))]
    path.write_text("\n".join(["n,signal,position,error", *rows]))
    made = fit_files(path, x="position", y="1", part=(1, 8), baseline="constant", level=0.5, absolute_sigma=False)
    data = read_table(path, x="position", y="signal").select(1, 8)
    alone = fit_alone(data, baseline="constant", absolute_sigma=False)
    assert made["center"][0] == alone.values["center"]
    assert made["offset_high"][0] == alone.interval(0.5)["offset"][1]
    without = fit_files(path, x="position", y="signal", sigma="none", baseline="constant")
    assert without["chi2"][0] == pytest.approx(40 * without["rmse"][0] ** 2)


def test_what_is_finished_is_kept_and_only_what_is_new_or_changed_is_fitted(files, expected, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    copies = []
    for file in files[:10]:
        copies.append(str(folder / Path(file).name))
        Path(copies[-1]).write_bytes(Path(file).read_bytes())
    out = tmp_path / "results.csv"
    fitted = []
    fit_block = batch.fit_block

    def counted(tasks):
        fitted.extend(Path(file).name for _, file, _ in tasks)
        return fit_block(tasks)

    monkeypatch.setattr(batch, "fit_block", counted)
    fit_files(copies[:8], out, workers=1)
    assert len(fitted) == 8
    fitted.clear()
    assert list(fit_files(copies[:8], out, workers=1)["center"])[4] == expected["center"][4]
    assert fitted == []
    write(Path(copies[5]), 0.7)  # changed
    os.utime(copies[6], ns=(0, 0))  # another time of change
    again = fit_files(copies, out, workers=1)
    assert fitted == ["peak05.csv", "peak06.csv", "peak08.csv", "peak09.csv"]
    assert again["center"][5] == pytest.approx(0.7, abs=0.1)
    assert list(again["file"]) == copies
    assert len(pd.read_csv(out)) == 10
    fitted.clear()
    fit_files(copies[::-1], out, workers=1)  # another order is not other work
    assert fitted == []
    assert list(pd.read_csv(out)["file"]) == copies[::-1]
    with pytest.raises(ValueError, match="was made with baseline none, and now it is constant"):
        fit_files(copies, out, baseline="constant")


def test_an_interrupted_run_keeps_what_is_finished_and_continues(files, expected, tmp_path):
    out = tmp_path / "results.csv"

    def impatient(done, every):
        assert every == 40
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_files(files, out, workers=2, progress=impatient)
    assert not out.exists()
    assert 8 <= len(kept_rows(out)) < 40
    seen = []
    found = fit_files(files, out, workers=2, progress=lambda done, every: seen.append((done, every)))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert seen[0][0] >= 8 - 2  # all but those that could not be fitted because they are not there
    assert seen[-1] == (40, 40)


def test_a_run_that_is_killed_keeps_what_is_finished_and_continues(files, expected, tmp_path):
    """Killed, not asked to stop: nothing of it runs any more."""
    out = tmp_path / "results.csv"
    program = (
        "import os; from gaussapp import fit_files\n"
        f"fit_files({files!r}, {str(out)!r}, workers=2, progress=lambda done, _: done >= 8 and os.kill(os.getpid(), 9))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert run.returncode == -signal.SIGKILL
    assert Path(f"{out}.kept.jsonl.lock").exists()
    pd.testing.assert_frame_equal(fit_files(files, out, workers=1), expected, check_exact=True)


def test_two_runs_do_not_write_to_the_same_table(files, tmp_path):
    out = tmp_path / "results.csv"

    def second(done, _):
        if done:
            with pytest.raises(FileExistsError, match="is being written by another run"):
                fit_files(files, out)

    fit_files(files[:3], out, workers=1, progress=second)


def test_a_full_disk_is_a_sentence_and_finished_rows_are_kept(files, tmp_path, monkeypatch):
    out = tmp_path / "results.csv"
    write, room = os.write, [2]

    def filling(file, text):
        if len(text) < 200:  # the lock
            return write(file, text)
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, text)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match=r"the disk is full; make room: .* finished are kept there, run it again"):
            fit_files(files[:20], out, workers=1)
    rows = kept_rows(out)
    assert 0 < len(rows) < 20
    assert list(fit_files(files[:20], out, workers=1)["file"]) == files[:20]

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(batch, "write_csv", no_room)
    with pytest.raises(OSError, match=r"results.csv': the disk is full; make room: all 20 rows are kept in"):
        fit_files(files[:20], out, workers=1)
    assert len(pd.read_csv(out)) == 20, "the table of before is still there"


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({"paths": []}, ValueError, "there are no files to fit"),
        ({"baseline": "cubic"}, ValueError, "baseline must be one of"),
        ({"peaks": 0}, ValueError, "peaks must be between 1 and 40, not 0"),
        ({"peaks": 1.5}, TypeError, "peaks must be a whole number"),
        ({"level": 1}, ValueError, "level must be between 0 and 1"),
        ({"part": (2, 1)}, ValueError, "the part of x from 2 to 1 is empty"),
        ({"workers": 0}, ValueError, "workers must be 1 or more"),
        ({"out": "results.xlsx"}, ValueError, "can be written as .csv or .parquet, not as '.xlsx'"),
        ({"out": "peak00.csv"}, ValueError, "is both a file to fit and the place for the results"),
        ({"out": "notes.csv"}, FileExistsError, "is there already and is not the result of an earlier run"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_fitted(files, tmp_path, monkeypatch, choices, error, words):
    monkeypatch.chdir(Path(files[0]).parent)
    monkeypatch.setattr(batch, "fit_block", lambda _: pytest.fail("something was fitted"))
    (tmp_path / "notes.csv").write_text("mine")
    if choices.get("out") == "notes.csv":
        choices = {"out": tmp_path / "notes.csv"}
    with pytest.raises(error, match=words):
        fit_files(**{"paths": files, **choices})


def test_parquet_is_resumed_and_holds_the_numbers_of_csv(files, expected, tmp_path, monkeypatch, capsys):
    out, table = tmp_path / "results.parquet", tmp_path / "results.csv"
    assert main(["fit", *files[:3], "--out", str(out), "--workers", "1"]) == 0
    fitted, fit_block = [], batch.fit_block

    def counted(tasks):
        fitted.extend(file for _, file, _ in tasks)
        return fit_block(tasks)

    monkeypatch.setattr(batch, "fit_block", counted)
    assert main(["fit", *files[:6], "--out", str(out), "--workers", "1"]) == 1
    assert capsys.readouterr().out.endswith(f"{out}: 5 of 6 files fitted\n")
    assert fitted == files[3:6]
    assert main(["fit", *files[:6], "--out", str(table), "--workers", "1"]) == 1
    found, text = pd.read_parquet(out), pd.read_csv(table, dtype=str)
    pd.testing.assert_frame_equal(found, expected[:6], check_exact=True)
    assert list(text) == list(found)
    for name in found.select_dtypes("number"):
        np.testing.assert_array_equal(found[name].to_numpy(float), [float(number) for number in text[name]])
    assert "oops" in found["error"][3]
    assert found["center"].isna()[3]


def test_without_pyarrow_a_sentence_says_what_to_install_before_anything_is_fitted(
    files, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(batch, "fit_block", lambda _: pytest.fail("something was fitted"))
    with pytest.raises(ImportError, match=r"needs pyarrow.*: pip install 'gaussapp\[parquet\]'"):
        fit_files(files[:3], tmp_path / "results.parquet")
    assert main(["fit", *files[:3], "--out", str(tmp_path / "results.parquet")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("gaussapp fit: writing .parquet needs pyarrow")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# The command line ----------------------------------------------------------------------------------------------------


def test_the_command_writes_the_table_and_names_what_could_not_be_fitted(files, tmp_path, capsys):
    out = tmp_path / "results.csv"
    assert main(["fit", *files, "--out", str(out), "--workers", "2"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{out}: 37 of 40 files fitted\n"
    assert captured.err.count("\n") == 3
    assert "oops" in captured.err
    assert main(["fit", *files[:3], "--out", str(out)]) == 0


def test_the_command_shows_progress_on_a_terminal(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["fit", *files[:3], "--out", str(tmp_path / "results.csv"), "--workers", "1"]) == 0
    assert "3/3" in capsys.readouterr().err


def test_the_command_says_what_is_wrong_in_a_sentence(files, tmp_path, capsys):
    assert main(["fit", *files, "--out", str(tmp_path / "results.xlsx")]) == 1
    assert capsys.readouterr().err.startswith("gaussapp fit: the results can be written as .csv or .parquet")
    for more in (["--json", "--out", "a.csv"], ["--workers", "2"], ["--scheduler", "tcp://localhost:1"]):
        with pytest.raises(SystemExit):
            main(["fit", files[0], *more])
        assert "--out" in capsys.readouterr().err


def test_an_interrupt_from_the_keyboard_keeps_what_is_finished(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(300):
        write(folder / f"peak{number:04d}.csv", 0.1, 60, number)
    out = tmp_path / "results.csv"
    # Two peaks take so long that a busy machine looks before the last of them.
    command = ["fit", str(folder / "*.csv"), "--out", str(out), "--peaks", "2", "--workers", "2"]
    # What a shell runs in the background, as it may run these tests, begins with interrupts ignored.
    program = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gaussapp.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.Popen([sys.executable, "-c", program, *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    record = Path(f"{out}.kept.jsonl")
    for _ in range(6000):  # a busy machine takes its time to start
        if record.exists() and record.read_bytes().count(b"\n") > 2:
            break
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate()
    assert run.returncode == 130
    assert errors == f"interrupted: run the same again to continue with what {out} lacks\n"
    assert len(kept_rows(out)) >= 2
    assert not Path(f"{record}.lock").exists()


def test_what_is_held_and_the_loss_go_to_every_file_and_are_part_of_what_is_kept(files, tmp_path):
    out = tmp_path / "held.csv"
    options = {
        "fixed": {"width": 0.5},
        "bounds": {"center": (None, 0.15)},
        "start": {"center": 0.1},
        "loss": "robust",
        "baseline": "constant",
    }
    table = fit_files(files[8:20], out, workers=1, **options)
    alone = fit_alone(read_table(files[12]), **options)
    assert table["center"][4] == alone.values["center"]
    assert set(table["width"]) == {0.5}
    assert table["center"].max() == 0.15
    assert "bound_active" in table["verdicts"][11]
    with pytest.raises(ValueError, match=r"made with center \[null, 0.15\], and now it is \[null, 0.2\]"):
        fit_files(files[8:20], out, **{**options, "bounds": {"center": (None, 0.2)}})
    with pytest.raises(ValueError, match=r"low 2\.0 is above high 1\.0"):
        fit_files(files, bounds={"center": (2, 1)})


def test_the_number_of_peaks_may_be_chosen_for_every_file(tmp_path):
    x = np.linspace(0, 20, 120)
    for number, centers in enumerate([[6.0], [6.0, 9.0]]):
        y = sum(np.exp(-0.5 * ((x - c) / 0.8) ** 2) for c in centers)
        y = y + 0.05 * np.random.default_rng(number).normal(size=x.size)
        (tmp_path / f"{number}.csv").write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x, y, strict=True)))
    out = tmp_path / "chosen.csv"
    assert main(["fit", str(tmp_path / "?.csv"), "--peaks", "auto", "--baseline", "constant", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert table["peaks"].tolist() == [1, 2]
    assert table["center_1"].tolist() == pytest.approx([6, 6], abs=0.1)
    assert table["area_2_error"].isna().tolist() == [True, False]
    assert "center" not in table
    assert "offset" in table

"""Reading tables: what people and instruments write is read right, or refused in a sentence that says where."""

import contextlib
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest

from gaussapp.data import Data, parse_table, read_table
from gaussapp.data.layout import Style

FILES = Path(__file__).parent / "data"
NAN = float("nan")


@pytest.mark.parametrize(
    ("file", "labels", "x", "y"),
    [
        ("excel_german.csv", ("Wellenlänge (µm)", "Intensität (V)"), [1.5, 1.6, 1.7], [2.25, -3.5, 4.125]),
        ("excel_sep_line.csv", ("x", "y"), [1.5, 2.5, 3.5], [2, 3, 4]),
        ("excel_unicode_text.txt", ("Zeit (s)", "Strom (µA)"), [0.5, 1, 1.5], [1.5, 2, 2.5]),
        ("excel_trailing_columns.csv", ("x", "y"), [1, 2, 3, 4], [10, 20, NAN, 40]),
        ("excel_line_break_in_name.csv", ("Wavelength (nm)", "Intensity (a.u.)"), [400, 401, 402], [1.5, 2.5, 3.5]),
        ("excel_thousands.csv", ("channel", "counts"), [1, 2, 3], [1234, 12345, 1234567]),
        ("utf8_bom.csv", ("x", "y"), [1, 3, 5], [2, 4, 6]),
        ("utf16_no_bom.csv", ("x", "y"), [1, 3, 5], [2, 4, 6]),
        ("old_macintosh.csv", ("x", "y"), [1, 3, 5], [2, 4, 6]),
        ("spectrometer.txt", ("column 1", "column 2"), [339.12, 339.31, 339.5], [-12.5, 14.25, 13]),
        ("numpy_savetxt.txt", ("x", "y"), [1, 2, 3], [2.5, -3.5, NAN]),
        ("pandas_with_index.csv", ("wavelength", "intensity"), [400, 400.5, 401], [1.5, 2.5, 3.5]),
        ("origin_export.txt", ("Energy (eV)", "Counts (cts)"), [10, 11, 12], [100, 101, 107]),
        ("oscilloscope.csv", ("column 4", "column 5"), [-5e-4, -4e-4, -3e-4], [0.04, 0.08, 0.12]),
        ("fortran.dat", ("column 1", "column 2"), [1, 2, 10], [1, 2, 3]),
        ("comments_everywhere.csv", ("x", "y"), [1, 3, 5], [2, 4, 6]),
        ("names_in_other_style.txt", ("Wave length (nm)", "Mean signal"), [400, 401, 402], [1.5, 2.5, 3.5]),
        ("labelled_rows.csv", ("x", "y"), [1, 2, 3], [2, 3, 5]),
        ("french.csv", ("x", "y"), [1234.5, 1235.5, 1236.5], [2, 3, 4]),
        (
            "nasty_names.csv",
            ("<script>alert(1)</script>", "</style><img src=x onerror=alert(2)>"),
            [1, 3, 5],
            [2, 4, 6],
        ),
    ],
)
def test_what_programs_and_instruments_write_is_read(file, labels, x, y):
    data = read_table(FILES / file)
    assert (data.x_label, data.y_label) == labels
    np.testing.assert_array_equal(data.x[: len(x)], x)
    np.testing.assert_array_equal(data.y[: len(y)], y)
    assert data.name == file


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("not_a_table.bin", "not_a_table.bin is a binary file"),
        ("one_column.txt", "one_column.txt has one column, and a fit needs x and y"),
        ("prose.txt", "holds no row of numbers; it begins with 'Dear reader"),
        ("ragged.csv", "line 3 of ragged.csv has 3 cells where the table has 2 columns: '3,4,5'"),
        ("cut_off.csv", "line 4 of cut_off.csv has 1 cell where the table has 2 columns"),
        ("text_in_numbers.csv", "column 'y', to be used as y, holds text: 'overflow' in line 4"),
        ("empty.csv", "empty.csv is empty"),
        ("only_names.csv", "holds no row of numbers"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(file, words):
    with pytest.raises(ValueError, match=words):
        read_table(FILES / file)


TABLES = {
    "decimal commas": "x;y\n1,5;2,5\n3,5;4,5\n",
    "decimal commas and blanks": "1,5 2,5\n3,5 4,5\n",
    "decimal commas in quotes": '"x","y"\n"1,5","2,5"\n"3,5","4,5"\n',
    "no names": "1.5,2.5\n3.5,4.5\n",
    "tabs": "x\ty\n1.5\t2.5\n3.5\t4.5",
    "tabs for alignment": "x\t\ty\n1.5\t\t2.5\n3.5\t\t4.5",
    "bars": "x|y\n1.5|2.5\n3.5|4.5\n",
    "blanks before and behind": "  1.5   2.5  \n  3.5 4.5\n",
    "blanks behind commas": "x, y\n1.5, 2.5\n3.5, 4.5\n",
    "quotes": '"x","y"\n"1.5","2.5"\n"3.5","4.5"\n',
    "quoted names with a comma": '"x, in m","y"\n1.5,2.5\n3.5,4.5\n',
    "units in brackets": "x,y\n[nm],[a.u.]\n1.5,2.5\n3.5,4.5\n",
    "units": "x,y\nnm,counts/s\n1.5,2.5\n3.5,4.5\n",
    "one unit": "x,y\nnm,\n1.5,2.5\n3.5,4.5\n",
    "remark with names": "# x y\n1.5 2.5\n3.5 4.5\n",
    "remark with names and commas": "# x, y\n1.5,2.5\n3.5,4.5\n",
    "settings above": "Gain,5\nOperator,Ann\nx,y\n1.5,2.5\n3.5,4.5\n",
    "settings above, no names": "Gain,5\nSpeed,7\n1.5,2.5\n3.5,4.5\n",
    "words above": "A measurement\n\nx,y\n1.5,2.5\n3.5,4.5\n",
    "words below": "x,y\n1.5,2.5\n3.5,4.5\n\nmeasured in spring\n",
    "typographic minus and exponent": "x,y\n15e-1,+2.5\n0.35D+1,45E-1\n",
    "spaces for thousands": "x;y\n0 001,5;2,5\n3,5;4,5\n".replace("0 001", "1"),
    "nul behind the end": "x,y\n1.5,2.5\n3.5,4.5\n\x00\x00\x1a",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_the_same_table_in_all_clothes(text):
    data = read_table(text)
    assert data.x.tolist() == [1.5, 3.5]
    assert data.y.tolist() == [2.5, 4.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\nabc,2\n3,4\n5,6\n", "column 'x', to be used as x, holds text: 'abc' in line 2 of the text"),
        ("1,abc\n3,4\n5,6\n", "column 'column 2', to be used as y, holds text: 'abc' in line 1"),
        ("x,y\n\n# remark\n1,2\n3,1O\n5,6\n", "holds text: '1O' in line 5"),
        ("x,y\n1,a\n2,b\n", "one column of numbers.*column 'y' holds text, 'a' in line 2"),
        ("x;y\n1,5;2.5\n2,5;3\n3,5;4\n", "column 'y', to be used as y, holds text: '2.5' in line 2"),
        ("x,y\n1,2\n3\n5,6\n", "line 3 of the text has 1 cell where"),
        ("x,y\n1,2\n3,4\nPeaks\n1,2\n", "line 4 of the text has 1 cell where the table has 2 columns: 'Peaks'"),
        ("x,y\n1,1_000\n2,3\n4,5\n", "holds text: '1_000' in line 2"),
        ("x,y\n1,2+3j\n2,3\n4,5\n", "holds text: '2\\+3j'"),
        ("x,y\n1,1e308\n2,3\n", "y holds 1e\\+308 in row 1 of 2"),
        ("\n\n  \n", "is empty"),
        ("1," * 200_000 + "\n1,2\n", "has a line of more than 200000 characters"),
        ("1,2\n" + "hello\n" * 10_001 + "1,2\n", "line 2 of the text has 1 cell"),
        ("hello\n" * 10_001 + "1,2\n3,4\n", "none of the first 10000 lines has numbers"),
        ("1,2\n" * 500 + "a,2\n" * 1001, "text in more than 1000 lines, first 'a' in line 501"),
        (",".join("1" * 1001) + "\n", "has 1001 columns, and at most 1000"),
        ("a\nb\n1\n2\n", "has one column"),
        ("x,y\nnan,nan\nnan,nan\n", "holds no row of numbers"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, words):
    with pytest.raises(ValueError, match=words):
        read_table(text)


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("x,y\n1,2\n3,4\n", ()),
        ("x;y\n1,5;2\n3;4\n", ("Commas were read as decimal points.",)),
        ('x,y\n"1,234",2\n"3,456.5",4\n', ("Commas were read as separators of thousands.",)),
        (
            "x;y\n1.234,5;2\n3;4\n",
            ("Commas were read as decimal points.", "Points were read as separators of thousands."),
        ),
        ("hello\nworld\n1,2\n3,4\n", ("2 lines above the table were skipped.",)),
        ("x,y\n1,2\n3,4\nend\n", ("1 line below the table was left out: 'end'.",)),
        ("angle,5\n1,2\n3,4\n", ("The line 'angle,5' was taken for names.",)),
    ],
)
def test_what_was_assumed_is_said(text, notes):
    assert parse_table(text).notes == notes


def test_a_late_decimal_comma_counts_for_the_whole_table():
    """The lines looked at first hold whole numbers only, which look the same in both styles."""
    text = "x;y\n" + "1;2\n" * 5000 + "1,5;2,5\n" + "1;2\n" * 5000
    data = read_table(text)
    assert len(data) == 10001
    assert data.y[5000] == 2.5


@pytest.mark.parametrize("rows", [5, 40_000], ids=["small", "large enough for pandas"])
def test_text_and_gaps_are_found_in_small_and_large_tables(rows):
    lines = [f"{i}.5,{2 * i}.25" for i in range(rows)]
    lines[rows - 2] = f"{rows},"
    assert np.isnan(read_table("\n".join(["x,y", *lines])).y).nonzero()[0].tolist() == [rows - 2]
    lines[rows - 2] = f"{rows},oops"
    with pytest.raises(ValueError, match=f"'oops' in line {rows}"):
        read_table("\n".join(["x,y", *lines]))
    lines[rows - 2] = f"{rows}"
    with pytest.raises(ValueError, match=f"line {rows} of the text has 1 cell"):
        read_table("\n".join(["x,y", *lines]))
    lines[rows - 2] = "1,2,3"
    with pytest.raises(ValueError, match=f"line {rows} of the text has 3 cells"):
        read_table("\n".join(["x,y", *lines]))
    lines[rows - 2] = "# remark"
    assert len(read_table("\n".join(["x,y", *lines]))) == rows - 1


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("x,y", ("x", "y", None)),
        ("x,y,sigma", ("x", "y", "sigma")),
        ("x,y,σ", ("x", "y", "σ")),
        ("x,y,±", ("x", "y", "±")),
        ("x,y,+/-", ("x", "y", "+/-")),
        ("x,y,dy", ("x", "y", "dy")),
        ("x,y,y_err", ("x", "y", "y_err")),
        ("x,y,yerr", ("x", "y", "yerr")),
        ("x,y,Std. Dev.", ("x", "y", "Std. Dev.")),
        ("x,y,standard deviation (V)", ("x", "y", "standard deviation (V)")),
        ("x,y,Uncertainty", ("x", "y", "Uncertainty")),
        ("x,dx,y,dy", ("x", "y", "dy")),
        ("x,x error,y,y error", ("x", "y", "y error")),
        ("wavelength,wavelength error,signal,signal error", ("wavelength", "signal", "signal error")),
        ("x,y,xerr", ("x", "y", None)),
        ("x,y,z", ("x", "y", None)),
        ("x,y,mirror", ("x", "y", None)),
        ("x,y,z,z_err", ("x", "y", None)),
        ("index,x,y", ("x", "y", None)),
        ("sigma,x,y", ("x", "y", "sigma")),
        ("Q,I,dI", ("Q", "I", "dI")),
        ("Q,I,dQ,dI", ("Q", "I", "dI")),
        ("V,dI/dV,dI", ("V", "dI/dV", "dI")),
        ("bias,dI/dV", ("bias", "dI/dV", None)),
    ],
)
def test_columns_are_recognised_by_name(names, chosen):
    count = names.count(",") + 1
    rows = "\n".join(",".join(str(i + 10 * j * bool(j)) for j in range(count)) for i in range(3))
    assert parse_table(f"{names}\n{rows}\n").choice() == chosen


ROWS = np.arange(40)
SCALE = 2.0 + 0.1 * ROWS
SIGNAL = np.round(5.0 * np.exp(-0.5 * ((SCALE - 4.0) / 0.5) ** 2) + 0.1 * np.cos(37.0 * ROWS), 4)
FLAT = np.full(40, 7.0)


def chosen_of(**columns):
    rows = ("\t".join(repr(float(value)) for value in row) for row in zip(*columns.values(), strict=True))
    return parse_table("\n".join(["\t".join(columns), *rows])).choice()


@pytest.mark.parametrize("number", [ROWS, ROWS + 1, ROWS + 100, FLAT], ids=["from 0", "from 1", "from 100", "constant"])
@pytest.mark.parametrize("scale", [SCALE, SCALE[::-1], np.round(SCALE / 3.0, 2), SCALE + 0.005 * SCALE**2])
@pytest.mark.parametrize("name", ["Point", "Channel", "whatever"])
def test_a_column_that_numbers_the_rows_of_a_scale_is_not_x(name, number, scale):
    assert chosen_of(**{name: number}, energy=scale, signal=SIGNAL) == ("energy", "signal", None)


def test_channels_are_x_where_no_other_scale_follows():
    assert chosen_of(channel=ROWS, counts=SIGNAL) == ("channel", "counts", None)
    assert chosen_of(channel=ROWS, energy=SCALE) == ("channel", "energy", None)
    assert chosen_of(channel=ROWS, counts=SIGNAL, more=SIGNAL[::-1]) == ("channel", "counts", None)
    assert chosen_of(channel=ROWS, counts=np.exp(-ROWS / 10.0), more=SIGNAL) == ("channel", "counts", None)
    assert chosen_of(channel=ROWS, line=SCALE, line_err=FLAT) == ("channel", "line", "line_err")


def test_y_is_neither_constant_nor_a_second_scale_where_another_column_is_left():
    assert chosen_of(theta=SCALE, H=FLAT, K=0.0 * FLAT, counts=SIGNAL) == ("theta", "counts", None)
    assert chosen_of(theta=SCALE, epoch=1.7e9 + 3.0 * ROWS, H=FLAT, counts=SIGNAL) == ("theta", "counts", None)
    assert chosen_of(x=SCALE, y=FLAT) == ("x", "y", None)
    assert chosen_of(x=SCALE, y=FLAT, sigma=FLAT) == ("x", "y", "sigma")


def test_x_runs_one_way_where_a_column_does():
    assert chosen_of(signal=SIGNAL, energy=SCALE) == ("energy", "signal", None)
    assert chosen_of(signal=SIGNAL, energy=SCALE[::-1], more=SIGNAL[::-1]) == ("energy", "signal", None)
    assert chosen_of(a=SIGNAL, b=SIGNAL[::-1]) == ("a", "b", None)
    assert chosen_of(x=SIGNAL, y=SCALE) == ("x", "y", None)
    repeated = np.repeat(SCALE[:20], 2)
    assert chosen_of(dose=repeated, response=SIGNAL) == ("dose", "response", None)


@pytest.mark.parametrize(
    "head", ["##TITLE=polystyrene\n##JCAMP-DX=4.24\n", "\n##title= a\n", "$$ made by hand\n##JCAMPDX= 5.0\n"]
)
def test_jcamp_is_refused_by_name(head):
    with pytest.raises(ValueError, match=r"JCAMP-DX.*export x and y as two columns"):
        read_table(head + "##XYDATA=(X++(Y..Y))\n400 1 2 3\n403 4 5 6\n406 7 8 9\n##END=\n")
    assert read_table("## title\n1 2\n2 3\n").y.tolist() == [2, 3]


@pytest.mark.parametrize("row", ['"{}"', "{}", '"r{}"'])
@pytest.mark.parametrize("delimiter", [" ", "\t", ","])
def test_names_may_stand_over_all_but_the_names_of_the_rows(row, delimiter):
    rows = [delimiter.join([row.format(i + 1), f"{SCALE[i]:.2f}", f"{SIGNAL[i]:.4f}"]) for i in ROWS]
    table = parse_table("\n".join([f'"energy"{delimiter}"signal"', *rows]))
    assert table.choice() == ("energy", "signal", None)


def test_sigma_follows_the_y_that_was_chosen():
    table = parse_table("x,a,a_err,b,b_err\n1,2,3,4,5\n2,3,4,5,6\n")
    assert table.choice() == ("x", "a", "a_err")
    assert table.choice(y="b") == ("x", "b", "b_err")
    assert table.choice(y="b", sigma="a_err") == ("x", "b", "a_err")
    assert table.choice(y="b", sigma=False) == ("x", "b", None)


def test_sigma_without_a_name_of_its_own_is_the_one_behind_y():
    table = parse_table("t,a,error,b,error\n1,2,3,4,5\n2,3,4,5,6\n")
    assert table.choice() == ("t", "a", "error")
    assert table.choice(y="b") == ("t", "b", "error (2)")


def test_a_comma_behind_a_number_is_no_decimal_sign():
    assert Style(" ", ",").number("1,5") == 1.5
    assert Style(" ", ",").number("1,") is None


def test_columns_can_be_chosen_by_name_or_position():
    text = "t,Long  Name,3\n1,2,3\n4,5,6\n"
    for column in ("Long Name", "long name", " LONG NAME ", 1, np.int64(1)):
        assert read_table(text, y=column).y.tolist() == [2, 5]
    assert read_table(text, x="3", y="t").x.tolist() == [3, 6]
    assert read_table(text, sigma=2).sigma.tolist() == [3, 6]


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({"x": "z"}, ValueError, "there is no column 'z' in the text: it has 'x', 'y'"),
        ({"x": 2}, ValueError, "there is no column 2 in the text: its 2 columns are counted from 0"),
        ({"x": -1}, ValueError, "there is no column -1"),
        ({"x": "y", "y": "y"}, ValueError, "column 'y' is chosen twice"),
        ({"sigma": "x"}, ValueError, "column 'x' is chosen twice"),
        ({"x": 1.5}, TypeError, "by its name or position, not by 1.5"),
        ({"x": True}, TypeError, "by its name or position, not by True"),
    ],
)
def test_a_wrong_choice_is_refused(choice, error, words):
    with pytest.raises(error, match=words):
        read_table("x,y\n1,2\n3,4\n", **choice)


def test_choosing_a_column_of_text_is_refused_and_others_do_not_matter():
    text = "label,x,y\na,1,2\nb,3,4\n"
    assert read_table(text).x.tolist() == [1, 3]
    with pytest.raises(ValueError, match="column 'label', to be used as x, holds text: 'a' in line 2"):
        read_table(text, x="label")


def test_equal_and_missing_names_are_told_apart():
    assert parse_table("a,a,,a\n1,2,3,4\n5,6,7,8\n").names == ("a", "a (2)", "column 3", "a (3)")


def test_long_names_are_kept_but_labels_are_short():
    name = "<b>" + "x" * 10_000
    table = parse_table(f"{name},y\n1,2\n3,4\n")
    assert table.names[0] == name
    assert len(table.to_data().x_label) == 80
    assert table.to_data(x=name).x.tolist() == [1, 3]
    assert len(parse_table("x,y\n1,2\n", name="n" * 10_000).to_data().name) == 80
    with pytest.raises(ValueError, match="there is no column") as refusal:
        table.to_data(x="n" * 10_000)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("y", "counts"),
    [
        ([0, 1, 5, 9, 4, 2, 1, 0], True),
        ([0, 1, 0, 1, 0, 0, 0, 1], False),
        ([0, 1, 5, 9.5, 4, 2, 1, 0], False),
        ([0, 1, -5, 9, 4, 2, 1, 0], False),
        ([0, 100, 200, 500, 400, 200, 100, 0], False),
        ([1, 2, 3], False),
    ],
)
def test_counts_are_recognised(y, counts):
    assert read_table("x,y\n" + "\n".join(f"{i},{v}" for i, v in enumerate(y))).counts is counts


def test_the_same_table_from_every_source(tmp_path):
    text = "x,y\n1,2\n3,4\n"
    path = tmp_path / "table.csv"
    path.write_text(text)
    sources = [text, text.encode(), bytearray(text.encode()), memoryview(text.encode()), path, str(path)]
    sources += [os.fsencode(path).decode(), io.StringIO(text), io.BytesIO(text.encode())]
    for source in sources:
        assert read_table(source).y.tolist() == [2, 4]
    with open(path) as opened:
        data = read_table(opened)
    assert data.name == "table.csv"


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("no such file.csv", ValueError, "there is no file 'no such file.csv'"),
        ("", ValueError, "path of the file is empty"),
        ("https://example.org/data.csv", ValueError, "is an address, and nothing is fetched"),
        ("s3://bucket/data.csv", ValueError, "is an address, and nothing is fetched"),
        ("file:///etc/hostname", ValueError, "is an address, and nothing is fetched"),
        ("x" * 5000, ValueError, "cannot be read: File name too long"),
        ("a\0b", ValueError, "cannot be read"),
        (None, TypeError, "not from NoneType"),
        ([[1, 2]], TypeError, "not from list"),
        (b"", ValueError, "is empty"),
        (b"PK\x03\x04rest", ValueError, "a workbook or another zip archive"),
        (b"\x1f\x8b\x08rest", ValueError, "a gzip archive: unpack it"),
        (b"%PDF-1.7\n1 2\n3 4\n", ValueError, "a PDF document"),
        (b"\xff\xfe1\x00,\x002", ValueError, "is damaged: it is not utf-16"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        read_table(source)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a directory"):
        read_table(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\n")
    path.chmod(0)
    with pytest.raises(ValueError, match="may not be read"):
        read_table(path)


def test_something_that_reads_no_text_is_refused():
    class Odd:
        def read(self, _size):
            return 5

    with pytest.raises(TypeError, match="gave int, not bytes or text"):
        read_table(Odd())


def test_too_large_a_table_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("x,y\n" + "1,2\n" * 1000)
    with pytest.raises(ValueError, match=r"large\.csv is larger than 0\.00191 MB: cut it down"):
        read_table(path, max_bytes=2000)
    assert len(read_table(path, max_bytes=None)) == 1000

    class Endless:
        asked = 0

        def read(self, size):
            self.asked += size
            return b"1,2\n" * (size // 4 + 1)

    endless = Endless()
    with pytest.raises(ValueError, match="is larger than"):
        read_table(endless, max_bytes=10_000)
    assert endless.asked == 10_001


def test_a_table_is_described_and_made_to_data():
    table = parse_table("x,y\n1,2\n3,4\n", name="mine")
    assert repr(table) == "Table('mine', 2 rows, columns 'x', 'y')"
    assert isinstance(table.to_data(), Data)
    assert not table.columns[0].flags.writeable


HOSTILE = {
    "a name of brackets": "(" * 150_000 + ",y\n1,2\n3,4\n",
    "a line of delimiters": "," * 150_000 + "\n1,2\n3,4\n",
    "quotes that are not closed": '"1,2\n' * 100_000,
    "quotes only": '"\n' * 200_000,
    "broken quotes in the head": '"a\n' * 20_000 + "1,2\n" * 10,
    "a number of many digits": "9" * 150_000 + ",1\n1,2\n",
    "blanks": (" " * 1000 + "\n") * 1000 + "1 2\n3 4\n",
    "remarks": "#\n" * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_tables_do_not_take_for_ever(text):
    """What would take minutes if the time grew with the square of the size; it takes a tenth of a second."""
    start = time.process_time()
    with contextlib.suppress(ValueError):
        read_table(text)
    assert time.process_time() - start < 5


def test_columns_that_all_run_along_a_line_keep_their_order():
    data = read_table("a,b,c\n" + "".join(f"{i},{2 * i},{3 * i}\n" for i in range(10)))
    assert (data.x_label, data.y_label) == ("a", "b")

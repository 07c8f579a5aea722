"""Reading tables: what holds for any table in any style, and for anything else that is called one."""

import csv
import io
import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaussapp.data import LARGEST, parse_table, read_table
from gaussapp.data.layout import likely_layouts, sampled_lines
from gaussapp.data.rows import Rows

NUMBERS = st.floats(-LARGEST, LARGEST) | st.integers(-(10**25), 10**25).map(float)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252")


@st.composite
def written_tables(draw):
    """Return a table's columns and its bytes in some style; a point is never a decimal sign beside a comma's."""
    rows = draw(st.integers(1, 12))
    columns = draw(st.integers(2, 4))
    values = [[draw(NUMBERS) for _ in range(columns)] for _ in range(rows)]
    decimal = draw(st.sampled_from(".,"))
    delimiter = draw(st.sampled_from(["\t", ";", "|", " ", "   "] + ([","] if decimal == "." else [])))
    quoted = draw(st.booleans())
    names = draw(st.sampled_from([None, ["x", "y", "z", "w"], ["Länge", "Höhe", "Breite", "Tiefe"]]))
    units = names and draw(st.sampled_from([None, ["nm", "V", "s", "K"], ["[µm]", "(a.u.)", "[s]", "(K)"]]))
    lines = [line[:columns] for line in (names, units) if line]
    lines += [[repr(value).replace(".", decimal) for value in row] for row in values]
    cells = [[f'"{cell}"' if quoted else cell for cell in line] for line in lines]
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = ends.join(delimiter.join(line) for line in cells) + draw(st.sampled_from(["", ends]))
    return np.array(values), text.encode(draw(st.sampled_from(ENCODINGS)))


@example((np.array([[0.0, 100.0]]), b"0,0 100,0"))
@example((np.array([[0.1, 100.0], [0.2, 250.5]]), b"0,1 100,0\n0,2 250,5"))
@given(written_tables())
def test_what_was_written_is_read_to_the_last_digit(written):
    values, content = written
    table = parse_table(content)
    np.testing.assert_array_equal(np.column_stack(table.columns), values)
    data = table.to_data(0, 1, sigma=False)
    np.testing.assert_array_equal(data.y, values[:, 1])


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12),
    st.sampled_from(["excel", "excel-tab", "unix"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50),
)
def test_any_name_survives_the_csv_module(rows, dialect, name):
    """Names are kept as they are, delimiters, quotes and all; only blanks are evened out."""
    text = io.StringIO()
    csv.writer(text, dialect).writerows([["x" + name, "y"], *rows])
    if not name.lstrip().startswith('"'):
        table = parse_table(text.getvalue())
        assert table.names == (" ".join(("x" + name).split()), "y")
        assert table.columns[1].tolist() == [row[1] for row in rows]


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(content):
    check_read_or_refused(content)


NEARLY_TABLES = st.lists(
    st.sampled_from(
        [
            *"0123456789.,;:\t |\"'-+eE#%\n\n\r\0",
            "nan",
            "x",
            "sep=",
            "1,5",
            "\n1,2",
            "\n3;4",
            "\n5 6",
            "inf",
            "1e999",
            "é",
        ]
    ),
    max_size=60,
).map("".join)


@settings(max_examples=400)
@given(NEARLY_TABLES, st.sampled_from(ENCODINGS))
def test_nearly_a_table_is_read_or_refused(text, encoding):
    check_read_or_refused(text.encode(encoding))
    check_read_or_refused(text + "\n")


def check_read_or_refused(source):
    try:
        data = read_table(source)
    except (ValueError, TypeError) as refusal:
        sentence = str(refusal)
        assert sentence
        assert len(sentence) < 600
        assert "\n" not in sentence
    else:
        assert len(data.x) == len(data.y) > 0
        assert np.isfinite(data.x).any()


@given(st.lists(st.lists(st.sampled_from(["1.5", "-2e3", "", "nan", " 7", "inf"]), min_size=3, max_size=3), min_size=1))
def test_the_fast_and_the_careful_way_read_the_same(rows):
    """Large tables are read by pandas where possible: it must not see anything else in them."""
    text = "\n".join(",".join(row) for row in [["1", "2", "3"], *rows])
    (layout, *_) = likely_layouts(sampled_lines(text), ",")
    careful = Rows(layout, "careful")
    careful.read(text, 0, 1)
    fast = Rows(layout, "fast")._bulk(text)
    if fast is not None:
        np.testing.assert_array_equal(fast, careful.columns()[0])


@given(st.text("0123456789.,'’ \u00a0+-−eEdD_x%", max_size=12))
def test_a_cell_is_a_number_in_at_most_the_way_it_is_written(cell):
    """No style sees a number where Python, with the signs of that style put into its own, sees none."""
    from gaussapp.data.layout import _STYLES

    for style in _STYLES:
        value = style.number(cell)
        if value is not None and not math.isnan(value):
            plain = cell
            for sign in (style.thousands, *" ’'\u00a0"):
                plain = plain.replace(sign, "") if sign else plain
            plain = plain.replace(style.decimal, ".").replace("−", "-").lower().replace("d", "e")
            assert float(plain) == value
            assert "_" not in cell

"""Points to be fitted: as arrays, read from tables, and the samples that ship with the package.

`points` holds them, `catalogue` the samples; `table` reads tables with the help of `source` (from bytes to text),
`layout` (how a table is written), `heading` (names and units), `rows` (numbers) and `columns` (which are meant).
"""

from gaussapp.data.catalogue import Sample, sample, samples
from gaussapp.data.points import LARGEST, Array, Data, shortened
from gaussapp.data.source import MAX_BYTES
from gaussapp.data.table import Table, parse_table, read_table

__all__ = [
    "LARGEST",
    "MAX_BYTES",
    "Array",
    "Data",
    "Sample",
    "Table",
    "parse_table",
    "read_table",
    "sample",
    "samples",
    "shortened",
]

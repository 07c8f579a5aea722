"""From a path, bytes, text or an open file to text, or to a sentence that says why that is not a table."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gaussapp.data.points import shortened

__all__ = ["MAX_BYTES", "Source", "read_text"]

MAX_BYTES = 64 * 2**20
"""The largest table that is read unless more is asked for: some millions of rows."""

LONGEST_LINE = 200_000

Source = Any
"""A path, bytes, text of more than one line, or an open file: see `read_text`."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f]")
_HEAD = 65536
# Spreadsheets break the lines of long names: kept as a vertical tab, so that a row is one line everywhere after.
_BREAK_IN_CELL = re.compile(r'(?:^|(?<=[,;\t|\n]))"[^"\n]{0,300}(?:\n[^"\n]{0,300}){1,5}"(?=[,;\t|\n])')
_SIGNATURES = (
    (b"PK\x03\x04", "a workbook or another zip archive: save the sheet with the peak as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the sheet with the peak as CSV"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"%PDF", "a PDF document: copy the table out of it"),
    (b"\x89PNG", "a picture: a table of numbers is needed"),
    (b"\xff\xd8\xff", "a picture: a table of numbers is needed"),
    (b"\x89HDF", "an HDF5 file: write the table out as CSV"),
    (b"PAR1", "a Parquet file: write the table out as CSV"),
    (b"\x93NUMPY", "a NumPy file: load it in Python and make gaussapp.Data of its arrays"),
    (b"SIMPLE  =", "a FITS file: write the table out as CSV"),
)


def read_text(source: Source, name: str | None = None, max_bytes: int | None = MAX_BYTES) -> tuple[str, str]:
    r"""Return the text of a table, its lines ended by ``\n``, and what to call it.

    Parameters
    ----------
    source : path, bytes, str or file-like
        A str with a line break is the text itself, any other str a path. Nothing is ever fetched from an address.
    name : str, optional
        What to call it; by default the name of the file.
    max_bytes : int or None
        Where to stop, None for no limit.

    Raises
    ------
    TypeError
        If source is none of these.
    ValueError
        If it cannot be opened, is empty, too large, binary, or in no known encoding.
    """
    content, found = _open(source, max_bytes)
    name = shortened(name or found)
    if max_bytes is not None and len(content) > max_bytes:
        raise ValueError(
            f"{name} is larger than {max_bytes / 2**20:.3g} MB: cut it down to the part with the peak, or pass a "
            "larger max_bytes to gaussapp.read_table"
        )
    text = content if isinstance(content, str) else _decode(content, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\0\x1a \t\n").lstrip("\ufeff")
    text = _BREAK_IN_CELL.sub(lambda cell: cell[0].replace("\n", "\v"), text[:_HEAD]) + text[_HEAD:]
    if not text.strip():
        raise ValueError(f"{name} is empty: a table of x and y is needed")
    head = text[:_HEAD]
    if len(_CONTROL.findall(head)) > len(head) / 1000:
        raise ValueError(f"{name} is a binary file, not a table in text: save or export it as CSV")
    _refuse_long_lines(text, name)
    return text, name


def _refuse_long_lines(text: str, name: str) -> None:
    """Raise ValueError if a line is too long to be a point, rather than look for a million columns in it."""
    start = 0
    while start + LONGEST_LINE < len(text):
        end = text.rfind("\n", start, start + LONGEST_LINE) + 1
        if not end:
            raise ValueError(
                f"{name} has a line of more than {LONGEST_LINE} characters: a table has one point a line; is it on its "
                "side?"
            )
        start = end


def _open(source: Source, max_bytes: int | None) -> tuple[bytes | str, str]:
    """Return what source holds, at most one byte or character more than allowed, and its name."""
    wanted = -1 if max_bytes is None else max_bytes + 1
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "the data"
    if isinstance(source, str) and ("\n" in source or "\r" in source):
        return source, "the text"
    if isinstance(source, (str, os.PathLike)):
        return _open_file(os.fspath(source), wanted)
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        content = source.read(wanted)
        if not isinstance(content, (bytes, str)):
            raise TypeError(f"reading {source!r} gave {type(content).__name__}, not bytes or text")
        return content, os.path.basename(name) if isinstance(name, str) and name else "the data"
    raise TypeError(
        f"a table is read from a path, bytes, text or an open file, not from {type(source).__name__}; "
        "of arrays or columns make gaussapp.Data(x, y)"
    )


def _open_file(path: str | bytes, wanted: int) -> tuple[bytes, str]:
    place = os.fsdecode(path)
    name = shortened(place)
    if not place.strip():
        raise ValueError("the path of the file is empty")
    if _ADDRESS.match(place):
        raise ValueError(f"{name} is an address, and nothing is fetched from the network: download the file first")
    try:
        with open(place, "rb") as file:
            return file.read(wanted), Path(place).name
    except FileNotFoundError:
        raise ValueError(
            f"there is no file {name!r} (text is taken for a table itself when it has more than one line)"
        ) from None
    except IsADirectoryError:
        raise ValueError(f"{name!r} is a directory: give the files in it") from None
    except PermissionError:
        raise ValueError(f"{name!r} may not be read: its permissions forbid it, or it is a directory") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{name!r} cannot be read: {reason}") from None


def _decode(content: bytes, name: str) -> str:
    """Return the text in UTF-8, UTF-16 or UTF-32 where marked or recognisable as such, else in Windows' Latin-1."""
    for signature, what in _SIGNATURES:
        if content.startswith(signature):
            raise ValueError(f"{name} is {what}")
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        if error.encoding.startswith("utf-16") or error.encoding.startswith("utf-32"):
            raise ValueError(f"{name} is damaged: it is not {error.encoding} throughout ({error.reason})") from None
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _encoding(content: bytes) -> str:
    for mark, encoding in (
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return encoding
    head = content[:4096]
    pairs = len(head) // 2
    # Latin text in UTF-16 has a zero in every second byte; a few other characters may be in between.
    if pairs and head[1::2].count(0) > 0.7 * pairs and not head[0::2].count(0):
        return "utf-16-le"
    if pairs and head[0::2].count(0) > 0.7 * pairs and not head[1::2].count(0):
        return "utf-16-be"
    return "utf-8-sig"

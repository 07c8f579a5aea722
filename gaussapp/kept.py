"""Finished work on disk: a header, then one line of JSON for each piece of it, held against a second run.

The format is described in docs/files.md. What was written stays whatever happens: a line that an interruption cut off
is dropped when the file is opened again, and a disk that is full loses nothing but the line that did not fit.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Kept", "disk_full", "replaced"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no room."""

LOCKED_BYTE = 1 << 20
"""Where the lock is, far behind what is written: Windows lets nobody read a byte that is locked."""


class Kept:
    """A file of finished work, open for more. Use it in a ``with`` statement.

    Parameters
    ----------
    path
        The file; it and its folder are made if they are not there. Beside it stands ``….lock`` while it is open.
    header
        What the work is: everything that its numbers depend on, ready for JSON. A file with another one is refused.
    key
        The field that tells one piece of work from another; of several lines with the same one the last counts.

    Attributes
    ----------
    pieces : dict
        All that is finished, by key.

    Raises
    ------
    FileExistsError
        If another run holds the file.
    ValueError
        If it holds other work, or is no such file.
    OSError
        If it cannot be read or written, or the disk is full.
    """

    def __init__(self, path: str | os.PathLike[str], header: Mapping[str, Any], key: str) -> None:
        self.path = Path(path)
        self.key = key
        self.pieces: dict[Any, dict[str, Any]] = {}
        self._header = json.loads(json.dumps(header))
        self._end = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(_lock_path(self.path), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OSError(f"{str(self.path)!r} cannot be written: {error.strerror or error}") from None
        self._lock = _locked(self.path, lock)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self._load()
            except BaseException:
                os.close(self._file)
                raise
        except BaseException:
            _unlocked(self.path, self._lock)
            raise

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)
        _unlocked(self.path, self._lock)

    def add(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        """Write finished pieces of work, whole lines or nothing of them.

        Raises
        ------
        OSError
            If the disk is full; what was there before still is.
        """
        new = [dict(piece) for piece in pieces]
        self._write(new)
        self.pieces.update((piece[self.key], piece) for piece in new)

    def _load(self) -> None:
        with open(self.path, "rb") as file:
            content = file.read()
        self._end = content.rfind(b"\n") + 1  # a last line without an end was cut off
        lines = content[: self._end].splitlines()
        if not lines:
            self._end = 0
            self._write([self._header])
            return
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found.append(json.loads(line))
                if not isinstance(found[-1], dict) or (number > 1 and self.key not in found[-1]):
                    raise ValueError
            except ValueError:
                text = line[:60].decode(errors="replace")
                raise ValueError(
                    f"line {number} of {str(self.path)!r} is not what gaussapp writes: {text!r}; remove the line, or "
                    "the file to begin anew"
                ) from None
        self._compare(found[0])
        self.pieces = {piece[self.key]: piece for piece in found[1:]}

    def _compare(self, found: Mapping[str, Any]) -> None:
        """Refuse work that is not ours to continue, and say in what it differs."""
        for name, there, here in _differences(found, self._header):
            raise ValueError(
                f"{str(self.path)!r} was made with {name} {_shown(there)}, and now it is {_shown(here)}: choose "
                "another place for the new results, or remove the file to begin anew"
            )

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n" for line in lines).encode()
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            os.ftruncate(self._file, self._end)
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)  # no half lines
            raise disk_full(error, self.path, f"{len(self.pieces)} finished are kept there, run it again") from error
        self._end += len(text)


def disk_full(error: OSError, path: Path, advice: str) -> OSError:
    """Return the error as a sentence."""
    reason = "the disk is full" if error.errno in FULL else f"it cannot be written ({error.strerror or error})"
    return OSError(f"{str(path)!r}: {reason}; make room: {advice}")


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a place to write a file at that takes the place of `path` when it is complete, and not before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _differences(found: Any, wanted: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            yield from _differences(found.get(key), wanted.get(key), key)
    elif found != wanted:
        yield name, found, wanted


def _shown(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)


# The lock -------------------------------------------------------------------------------------------------------------


def _locked(path: Path, lock: int) -> int:
    """Take the lock beside a file, which was opened; return its descriptor.

    The system gives a lock back when its process ends however it ends, so that one left behind does no harm on the same
    machine. Whether it also sees locks of other machines depends on the file system, so a name left by another machine
    is believed.
    """
    place = _lock_path(path)
    while True:
        holder = _holder(lock)
        free = _try_lock(lock)
        if free and not _same_file(lock, place):  # who held it has removed it meanwhile
            os.close(lock)
            lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
            continue
        other = holder.get("host", socket.gethostname()) != socket.gethostname()
        if free and not other:
            break
        os.close(lock)
        who = f"process {holder.get('process', '?')} on {holder.get('host', 'this machine')}"
        raise FileExistsError(
            f"{str(path)!r} is being written by another run ({who}): wait for it or choose another place"
            + (f"; if that run is no more, remove {str(place)!r}" if other else "")
        )
    try:
        os.ftruncate(lock, 0)
        os.write(lock, json.dumps({"process": os.getpid(), "host": socket.gethostname()}).encode())
    except OSError:  # a full disk: the lock holds without a name in it, and the first line written will say it
        pass
    return lock


def _unlocked(path: Path, lock: int) -> None:
    with contextlib.suppress(OSError):
        _lock_path(path).unlink()
    os.close(lock)


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _holder(lock: int) -> dict[str, Any]:
    """Return process and host in a lock; nothing where there is none or it cannot be read."""
    os.lseek(lock, 0, os.SEEK_SET)
    try:
        found = json.loads(os.read(lock, 4096) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _same_file(lock: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), os.stat(place))
    except FileNotFoundError:
        return False


def _try_lock(lock: int) -> bool:
    """Take the system's lock on an open file, if nobody has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(lock, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
            os.lseek(lock, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True

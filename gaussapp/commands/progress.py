"""How far a command is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]


@contextmanager
def progress_bar(unit: str) -> Iterator[Progress | None]:
    """Give what shows progress on stderr, if that is a terminal: it is called with how many of how many are done."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", leave=False, dynamic_ncols=True) as bar:

        def show(done: int, every: int) -> None:
            bar.total = every
            bar.update(done - bar.n)
            if done == every:
                bar.refresh()

        yield show

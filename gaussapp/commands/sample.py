"""``gaussapp sample``: the data sets that ship with the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gaussapp.data import samples


def run(arguments: Sequence[str]) -> int:
    """List the samples, or print one; 1 if there is none of that name."""
    parser = argparse.ArgumentParser(
        prog="gaussapp sample",
        description="List the samples, or print one as CSV.",
        epilog="For example: gaussapp sample gamma | gaussapp fit - --range 370 425 --baseline linear",
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one to print")
    name = parser.parse_args(arguments).name
    known = samples()
    if name is None:
        widest = max(map(len, known))
        for item in known.values():
            print(f"{item.name:<{widest}}  {item.title}")
            print(f"{'':<{widest}}  {item.source}; {item.licence}")
        return 0
    if name not in known:
        print(f"there is no sample called {name!r}: choose one of {', '.join(known)}", file=sys.stderr)
        return 1
    print(known[name].text(), end="")
    return 0

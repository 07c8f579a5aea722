"""``gaussapp compare``: several models on the same table, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from gaussapp.batch import Choices
from gaussapp.commands.fit import BASELINES, add_held, held_of, read
from gaussapp.fitting import compare


def run(arguments: Sequence[str]) -> int:
    """Print the comparison; 1 if nothing could be fitted."""
    parser = argparse.ArgumentParser(
        prog="gaussapp compare",
        description="Fit several numbers of peaks on several baselines to one table and show the models side by side.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a table in text; - reads the standard input")
    column = "name, or position from 0"
    parser.add_argument("--x", metavar="COL", help=f"column with x: {column}")
    parser.add_argument("--y", metavar="COL", help=f"column with y: {column}")
    parser.add_argument("--sigma", metavar="COL", help=f"column with the standard deviation of y: {column}, or 'none'")
    parser.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="the part of x to fit")
    parser.add_argument("--peaks", type=int, nargs="+", default=[1, 2, 3], metavar="K", help="numbers of peaks (1 2 3)")
    parser.add_argument(
        "--baselines",
        nargs="+",
        choices=BASELINES,
        default=["none", "constant", "linear"],
        help="baselines (none constant linear)",
    )
    add_held(parser)
    parser.add_argument("--same-width", action="store_true", help="all peaks of a model have one width")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        part = tuple(options.range) if options.range else None
        _, _, data = read(options.file, Choices(x=options.x, y=options.y, sigma=options.sigma, part=part))
        held = {**held_of(options), "same_width": options.same_width}
        found = compare(data, peaks=options.peaks, baselines=options.baselines, **held)
    except (ValueError, TypeError) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    if options.json:
        json.dump(found.to_dict(), sys.stdout, indent=1, allow_nan=False, ensure_ascii=False)
        print()
    else:
        print(found)
    return 0 if found.fits else 1

"""``gaussapp plan``: how many points, which noise or which window gives a wanted precision."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence

from gaussapp.commands.settings import model_of, pairs
from gaussapp.planning import BASELINES, QUANTITIES, VARIED, plan


def run(arguments: Sequence[str]) -> int:
    """Plan an experiment; 1 if the targets cannot be reached, or the question has no sense."""
    parser = argparse.ArgumentParser(
        prog="gaussapp plan",
        description="Say how many points, which noise or which window gives a wanted precision.",
        epilog="For example: gaussapp plan center=0.01 --vary samples --model amplitude=3 width=0.5 noise=0.3",
        allow_abbrev=False,
    )
    parser.add_argument(
        "targets",
        nargs="+",
        metavar="QUANTITY=DEVIATION",
        help="the wanted standard deviation of amplitude, center, width, fwhm or area",
    )
    parser.add_argument("--vary", choices=list(VARIED), default="samples", help="what to look for (samples)")
    parser.add_argument(
        "--baseline", choices=BASELINES, default="constant", help="the baseline to be fitted (constant)"
    )
    parser.add_argument(
        "--model", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the model other than its own"
    )
    parser.add_argument("--csv", action="store_true", help="print the curve of precision as CSV instead")
    options = parser.parse_args(arguments)
    try:
        targets = pairs(options.targets)
        for name in targets:
            if name not in QUANTITIES:
                raise ValueError(f"there is no {name!r} to plan for: choose one or more of {', '.join(QUANTITIES)}")
        found = plan(model_of(options.model), vary=options.vary, baseline=options.baseline, **targets)
    except (TypeError, ValueError) as error:
        print(f"gaussapp plan: {error}", file=sys.stderr)
        return 1
    if options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([found.vary, *found.precision])
        writer.writerows(
            zip(found.varied.tolist(), *(curve.tolist() for curve in found.precision.values()), strict=True)
        )
    else:
        print(found)
    return int(not found.reachable)

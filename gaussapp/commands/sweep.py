"""``gaussapp sweep``: repeat the experiment at every cell of a grid of settings and print a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gaussapp.commands.progress import progress_bar
from gaussapp.commands.settings import model_of, settings_of
from gaussapp.fitting.constrained.objective import LOSSES
from gaussapp.fitting.peak import BASELINES


def run(arguments: Sequence[str]) -> int:
    """Compute a map of precision; 1 if it could not be done or a cell gave nothing."""
    parser = argparse.ArgumentParser(
        prog="gaussapp sweep",
        description="Repeat the experiment at every cell of a grid of settings; print one row a cell as CSV.",
        epilog="For example: gaussapp sweep noise=0.1,0.2,0.3 samples=25,50,100 --fits 1000 --keep map",
        allow_abbrev=False,
    )
    parser.add_argument("grid", nargs="+", metavar="NAME=VALUE,VALUE…", help="a setting and the values it takes")
    parser.add_argument("--fits", type=int, default=1000, metavar="N", help="experiments in each cell (1000)")
    parser.add_argument("--baseline", choices=list(BASELINES), default="constant", help="what is fitted (constant)")
    parser.add_argument("--level", type=float, default=0.95, help="probability of the intervals (0.95)")
    parser.add_argument("--loss", choices=LOSSES, default="least squares", help="what is made small (least squares)")
    parser.add_argument("--model", nargs="+", default=[], metavar="NAME=VALUE", help="settings that do not vary")
    parser.add_argument("--keep", metavar="FOLDER", help="keep finished cells there; an interrupted sweep continues")
    parser.add_argument("--out", metavar="TABLE", help="write the table to this file instead of printing it")
    parser.add_argument("--workers", type=int, metavar="N", help="processes on this machine (one for each core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="compute on the Dask cluster of this scheduler instead")
    options = parser.parse_args(arguments)
    try:
        with progress_bar("cells") as progress:
            from gaussapp.grid import sweep

            grid: dict[str, Any] = {
                name: value if isinstance(value, tuple) else (value,)
                for name, value in settings_of(options.grid).items()
            }
            found = sweep(
                model_of(options.model),
                options.fits,
                baseline=options.baseline,
                level=options.level,
                loss=options.loss,
                keep=options.keep,
                progress=progress,
                workers=options.workers,
                scheduler=options.scheduler,
                **grid,
            )
        text = found.to_frame().to_csv(index=False, lineterminator="\n")
        if options.out:
            Path(options.out).write_text(text, encoding="utf-8")
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        print(f"gaussapp sweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.keep:
            print(f"interrupted: run the same again to continue with what {options.keep} lacks", file=sys.stderr)
        raise
    if options.out:
        print(f"{options.out}: {len(found.cells)} cells")
    else:
        print(text, end="")
    for cell, sentence in found.problems.items():
        print(f"{cell}: {sentence}", file=sys.stderr)
    return int(bool(found.problems))

"""``gaussapp certify``: fit NIST's certified data sets on this machine and show how many digits agree."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from gaussapp.certificate import DIGITS, certify


def run(arguments: Sequence[str]) -> int:
    """Print the digits; 1 if any number has fewer than are asked for."""
    parser = argparse.ArgumentParser(
        prog="gaussapp certify",
        description="Fit NIST's certified data sets (Eckerle4, Gauss1, Gauss2, Gauss3) from no start and from both "
        "certified starts, and show how many digits of every certified number are reached.",
        epilog=f"The exit code is 1 if any has fewer than {DIGITS} digits.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    certificate = certify()
    if options.json:
        json.dump(certificate.to_dict(), sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        print(certificate)
    return int(not certificate.passed)

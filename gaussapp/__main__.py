"""The command line: ``python -m gaussapp``, also installed as ``gaussapp``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

HELP = """\
gaussapp: from a noisy Gaussian peak to a number you can trust

Serve the page (every flag of `panel serve` works):
  gaussapp [FLAGS]              for example: gaussapp --show --port 5010
  gaussapp serve [FLAGS]        the same; `gaussapp serve --help` lists the flags
  gaussapp public --origin HOST[:PORT] [FLAGS]
                                in the open: signed sessions, one allowed origin, bounded messages

Without a page:
  gaussapp fit FILE...          fit a peak in each table; `gaussapp fit --help` lists the choices
  gaussapp fit FILE... --out TABLE
                                thousands of files into one table, on all cores; goes on where it was interrupted
  gaussapp plan QUANTITY=DEVIATION...
                                how many points, which noise or which window gives a wanted precision
  gaussapp sweep NAME=VALUE,VALUE...
                                repeat the experiment over a grid of settings: spread, bias, coverage, the bound
  gaussapp compare FILE         1, 2, 3 peaks on several baselines, side by side
  gaussapp certify              how many digits of NIST's certified results this machine reaches
  gaussapp sample [NAME]        list the samples, or print one as CSV
  gaussapp check [URL]          open a session of a running server and look whether there is a page in it

  gaussapp --version
  gaussapp --help

`python -m gaussapp` is the same as `gaussapp`.
"""

COMMANDS = ("fit", "compare", "certify", "plan", "sweep", "sample", "check", "serve", "public")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return 0 if all went well, 1 if something could not be done, 2 if the command was not understood.

    Parameters
    ----------
    argv : sequence of str, optional
        What stands behind the program's name, by default that of this process.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no σ shows a question mark
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if first in ("-V", "--version"):
        from gaussapp import __version__

        print(f"gaussapp {__version__}")
        return 0
    if first and not first.startswith("-") and first not in COMMANDS:
        print(
            f"gaussapp has no command {first!r}: it has {', '.join(COMMANDS)}. "
            f"To fit a file: gaussapp fit {first}. To read more: gaussapp --help",
            file=sys.stderr,
        )
        return 2
    command = first if first in COMMANDS else "serve"
    module = import_module(f"gaussapp.commands.{command}")
    try:
        code: int = module.run(arguments[1:] if first in COMMANDS else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has seen enough (gaussapp fit … | head): not an error, and nothing to write to.
        sys.stdout = None
        return 0
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())

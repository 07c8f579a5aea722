"""``gaussapp``: serve the page with all flags of ``panel serve``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def run(flags: Sequence[str]) -> int:
    """Serve until stopped."""
    from panel.command import main

    # Panel looks at sys.argv itself, and passes it on to the processes that --num-procs starts.
    sys.argv = ["panel", "serve", str(Path(__file__).resolve().parent.parent), *flags]
    main()
    return 0

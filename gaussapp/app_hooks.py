"""What the server runs once in each of its processes, before the first visitor comes.

Bokeh knows this file by its name.

Panel finds the scripts and fonts of panel-material-ui only in a process that has imported it: with ``--num-procs``, one
that has not would answer 404 and the page would stay blank.
"""

import sys
from pathlib import Path


def on_server_loaded(_server_context: object) -> None:
    """Import what a page needs; this also takes the wait from the first visitor."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Bokeh resets the path after running this file
    import gaussapp.app.view  # noqa: F401

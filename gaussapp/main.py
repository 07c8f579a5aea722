"""What ``panel serve gaussapp`` runs.

The server executes this file by its path, with its own folder first on ``sys.path`` and without a package around it, so
it first makes the package importable. Everything else is in `gaussapp.app`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gaussapp.app.serve import serve_page

serve_page()

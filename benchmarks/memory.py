"""How much memory `fit_many` and `fit_blocks` take at their peak, by the number of data sets in a file.

``python benchmarks/memory.py [rows …]`` writes data sets of 25 points on a constant to a file and fits them in a
process of its own: with `fit_many` as a `numpy.memmap`, and with `fit_blocks` in blocks that a generator reads, of
which the centers are written to a file before they are let go. Sizes in MiB, from Linux's /proc. Pages of the file that
the system keeps at hand count as the process's memory too, but are given back when needed elsewhere; "bytes a row"
leaves them out.
(`getrusage` would do, did a new process not begin with the peak of the one that started it.)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from comparison import table

X = np.linspace(-2.0, 2.0, 25)
BLOCK = 50_000

CHILD = """
import sys
import numpy as np
import gaussapp
def mebibytes(*names):
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return [int(lines[name].split()[0]) / 1024 for name in names]
x = np.linspace(-2.0, 2.0, 25)
way, path = sys.argv[1:]
y = np.load(path, mmap_mode="r")
gaussapp.fit_many(x, np.array(y[:5000]), baseline="constant")
before = mebibytes("VmHWM")
if way == "fit_many":
    fits = gaussapp.fit_many(x, y, baseline="constant")
    fitted = int(np.isfinite(fits.values).all(axis=1).sum())
else:
    rows, header = y.shape[0], y.offset
    del y
    def blocks(file):
        file.seek(header)
        while (part := np.fromfile(file, count=100_000 * 25)).size:
            yield part.reshape(-1, 25)
    fitted = 0
    with open(path, "rb") as file, open(path + ".centers", "wb") as out:
        for fits in gaussapp.fit_blocks(x, blocks(file), baseline="constant"):
            fits.value("center").tofile(out)
            fitted += int(np.isfinite(fits.values).all(axis=1).sum())
print(*before, *mebibytes("VmHWM", "RssAnon", "RssFile"), fitted)
"""


def write(path: Path, rows: int) -> None:
    """Write data sets at signal-to-noise 10 to a file."""
    y = np.lib.format.open_memmap(path, "w+", np.float64, (rows, X.size))
    random = np.random.default_rng(1)
    curve = 0.3 + np.exp(-0.5 * (X / 0.5) ** 2)
    for first in range(0, rows, BLOCK):
        part = y[first : first + BLOCK]
        part[:] = curve + 0.1 * random.standard_normal(part.shape)
    y.flush()


def main() -> None:
    """Print the table."""
    rows = []
    for count in [int(word) for word in sys.argv[1:]] or [100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "y.npy"
            write(path, count)
            size = path.stat().st_size / 2**20
            for way in ("fit_many", "fit_blocks"):
                command = [sys.executable, "-c", CHILD, way, str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                before, peak, kept, pages, fitted = map(float, done.stdout.split())
                each = 2**20 * (peak - before - (size if way == "fit_many" else 0.0)) / count
                numbers = count, size, before, peak, kept, pages, each, fitted
                rows.append((way, *(f"{number:.0f}" for number in numbers)))
                print(*rows[-1], flush=True)
    head = (
        "way",
        "data sets",
        "file",
        "peak of one chunk",
        "peak",
        "kept",
        "pages of files",
        "bytes a row",
        "fitted",
    )
    print(table(head, rows))


if __name__ == "__main__":
    main()

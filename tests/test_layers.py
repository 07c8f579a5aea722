"""Imports point one way: each layer is imported in a fresh interpreter, and what came with it is looked at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gaussapp

ROOT = Path(gaussapp.__file__).parent.parent
PAGE = {"panel", "holoviews", "bokeh", "panel_material_ui", "gaussapp.app"}
HEAVY = {"numpy", "scipy", "pandas", "param", *PAGE}


def imported_by(statement: str) -> set[str]:
    """Return all modules that are there after a statement, in an interpreter of its own."""
    program = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        ("import gaussapp", HEAVY),
        ("import gaussapp.__main__", HEAVY),
        ("import gaussapp.fitting", {"pandas", "param", "gaussapp.data", "gaussapp.model", *PAGE}),
        ("import gaussapp.data", {"pandas", "scipy", "param", "gaussapp.fitting", "gaussapp.model", *PAGE}),
        ("import gaussapp.noise", {"pandas", "param", "gaussapp.fitting", "gaussapp.data", *PAGE}),
        ("import gaussapp.model", {"pandas", "gaussapp.fitting", *PAGE}),
        ("import gaussapp.study", {"pandas", *PAGE}),
        ("from gaussapp import fit_many", {"pandas", "param", *PAGE}),
        ("from gaussapp import replicate", {"pandas", *PAGE}),
        ("import gaussapp.commands.fit", {"pandas", "param", "gaussapp.model", *PAGE}),
        ("import gaussapp.planning", {"pandas", "param", "gaussapp.model", *PAGE}),
        ("import gaussapp.batch", {"pandas", "param", "gaussapp.model", "distributed", "tqdm", *PAGE}),
        ("import gaussapp.grid", {"pandas", "distributed", *PAGE}),
        ("import gaussapp.workers, gaussapp.kept", {*HEAVY, "distributed"}),
        ("import gaussapp.commands.certify", {"pandas", "param", *PAGE}),
        ("import gaussapp.commands.sample", {"pandas", "param", "scipy", *PAGE}),
        ("import gaussapp.commands.check", HEAVY),
        ("from gaussapp import fit, read_table, sample", {"param", *PAGE}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_imports_nothing_from_above_it(statement, never):
    assert imported_by(statement) & never == set()


def test_fitting_a_file_needs_no_page_and_a_small_one_no_pandas():
    statement = (
        "import contextlib, io; from gaussapp.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['fit', 'gaussapp/samples/eckerle4.csv'])"
    )
    assert imported_by(statement) & {"pandas", "param", *PAGE} == set()


def test_importing_the_package_costs_next_to_nothing():
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import gaussapp"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    times = {name: int(own) for own, _, name in re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", run.stderr)}
    ours = {name: time for name, time in times.items() if name.partition(".")[0] == "gaussapp"}
    assert set(ours) == {"gaussapp"}
    assert ours["gaussapp"] < 50_000  # microseconds; it is about one thousand, on a machine that does nothing else


def test_no_module_beside_main_is_named_like_one_of_the_standard_library():
    """``panel serve gaussapp`` puts the package's own directory first on the path."""
    names = {path.stem for path in (ROOT / "gaussapp").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert names & (set(sys.stdlib_module_names) - {"__main__"}) == set()

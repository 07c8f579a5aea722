"""What tests of all kinds share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("gaussapp", deadline=None)  # the machines that run the tests are slow in bursts
settings.load_profile("gaussapp")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network and without leaving anything in the checkout."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "gaussapp", folder / "gaussapp", ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    made = subprocess.run([sys.executable, "-c", build], cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drive the browser last: from then on its event loop runs in this process, and no other can."""
    items.sort(key=lambda item: item.path.parent.name == "browser")

"""What the project says about itself agrees with itself: metadata, commands, changes, and what is packaged."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

import gaussapp

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
PROJECT = yaml.safe_load((ROOT / "anaconda-project.yml").read_text(encoding="utf-8"))


def fenced(heading: str) -> list[str]:
    """Return the lines of the first block of code under a heading of README.md."""
    block = re.search(rf"^## {heading}\n.*?^```\w*\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert block, f"README.md has no code under {heading!r}"
    return block[1].splitlines()


def tracked_files() -> list[Path]:
    """Return the text files that belong to the project."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    else:
        folders = [ROOT / name for name in ("gaussapp", "tests", "examples", "docs", "benchmarks")]
        files = [*ROOT.glob("*.*"), *(file for folder in folders for file in folder.rglob("*.*"))]
    pictures = {".png", ".ico"}
    return [
        file for file in files if file.is_file() and file.suffix not in pictures and "__pycache__" not in file.parts
    ]


def test_version_is_the_same_everywhere():
    assert SETUP["metadata"]["version"] == gaussapp.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == gaussapp.__version__


# anaconda-project.yml -------------------------------------------------------------------------------------------------


def test_anaconda_project_has_only_fields_that_the_tool_knows():
    assert set(PROJECT) <= {
        *("name", "description", "channels", "packages", "dependencies", "commands", "variables", "downloads"),
        *("platforms", "user_fields", *PROJECT.get("user_fields", [])),
    }
    assert {"name", "description", "channels", "packages", "dependencies", "commands", "platforms"} <= set(PROJECT)
    for command in PROJECT["commands"].values():
        assert set(command) <= {"unix", "windows", "supports_http_options", "notebook", "description", "env_spec"}


def test_anaconda_project_describes_this_package():
    assert PROJECT["name"] == SETUP["metadata"]["name"]
    assert PROJECT["description"] == SETUP["metadata"]["description"]
    assert {"serve", "notebook", "test"} <= set(PROJECT["commands"])
    assert PROJECT["dependencies"] == PROJECT["packages"], (
        "`conda env create` reads the one, anaconda-project the other"
    )


@pytest.mark.parametrize("spec", PROJECT["packages"])
def test_anaconda_project_packages_are_valid_match_specs(spec):
    MatchSpec(spec, strict=True)


def test_anaconda_project_pins_are_those_of_setup_cfg():
    options, extras = SETUP["options"], SETUP["options.extras_require"]
    wanted = {f"python{options['python_requires']}", "pip"}
    wanted.update(options["install_requires"].split(), extras["notebook"].split())
    assert {spec.replace(" ", "") for spec in PROJECT["packages"]} == wanted


def test_anaconda_project_commands_name_files_that_exist():
    for command in PROJECT["commands"].values():
        named = [word for line in (command["unix"], command["windows"]) for word in re.split(r"[\s\"']+", line)]
        paths = [word.replace("\\", "/") for word in named if re.search(r"[\\/]|\.(py|ipynb)$|^gaussapp$", word)]
        for path in paths:
            if not path.startswith(("$", "%")):
                assert (ROOT / path).exists(), f"{path} in {command}"
    assert "examples/demo.ipynb" in PROJECT["commands"]["notebook"]["unix"]
    assert "gaussapp" in PROJECT["commands"]["serve"]["unix"].split()


# Commands and files ---------------------------------------------------------------------------------------------------


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = fenced("Test")
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert f"{command} || exit" in lines, "without `|| exit` a failing install would go unnoticed: && suspends set -e"


def test_readme_start_command_installs_and_serves_without_anything_else():
    (command,) = fenced("Start")
    assert command == "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/gaussapp --show"


def test_readme_links_to_files_that_exist():
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{target} in {document.relative_to(ROOT)}"


def test_example_notebook_has_no_outputs():
    notebook = json.loads((ROOT / "examples" / "demo.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "they carry the page's scripts, megabytes of them"
        assert cell.get("execution_count") is None


def test_no_file_names_a_package_registry_or_a_machine():
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "anaconda" + ".org", "files." + "python", "conda." + "anaconda"]
    folders = ["/" + "root/", "/" + "work/", "/" + "home/", "/" + "Users/", "/" + "tmp/", "C:" + "\\Users"]
    for file in tracked_files():
        text = file.read_text(encoding="utf-8", errors="replace")
        found = [word for word in hosts + folders if word in text]
        assert not found, f"{file.relative_to(ROOT)} has {found}"


def test_wheel_has_what_the_app_needs_to_run(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("gaussapp/")}
    files = [file.relative_to(ROOT) for file in (ROOT / "gaussapp").rglob("*") if file.is_file()]
    assert packed == {file.as_posix() for file in files if "__pycache__" not in file.parts}


def test_console_script_is_the_command_line():
    name, place = SETUP["options.entry_points"]["console_scripts"].split("=")
    module, function = place.strip().split(":")
    assert name.strip() == "gaussapp"
    assert callable(getattr(import_module(module), function))

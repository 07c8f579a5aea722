"""What docs/deployment.md tells an operator to type is understood, and its numbers are those of the code."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from panel.command.serve import Serve

from gaussapp.__main__ import main
from gaussapp.commands import public, serve

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "deployment.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:ExecStart=\S*/)?gaussapp (public .*)$", TEXT, re.MULTILINE)


@pytest.fixture
def served(monkeypatch):
    """Catch the flags that would have gone to ``panel serve``."""
    flags = []
    monkeypatch.setattr(serve, "run", lambda given: flags.extend(given) or 0)
    monkeypatch.setattr(public, "_bound_unpacking", lambda: None)
    monkeypatch.setenv("BOKEH_SECRET_KEY", "a key")
    monkeypatch.setenv("BOKEH_SIGN_SESSIONS", "yes")
    return flags


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_commands_are_understood(command, served):
    assert main(shlex.split(command)) == 0
    parser = ArgumentParser(exit_on_error=False)
    Serve(parser)
    understood = parser.parse_args(["gaussapp", *served])
    assert understood.allow_websocket_origin == ["gauss.example.org"]
    assert understood.session_ids == "signed"


def test_there_are_documented_commands():
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("flag", ["--prefix", "--unused-session-lifetime", "--check-unused-sessions", "--num-procs"])
def test_documented_flags_are_those_of_the_server(flag):
    parser = ArgumentParser()
    Serve(parser)
    assert f"`{flag}" in TEXT
    assert flag in parser.format_help()


def test_documented_bounds_are_those_of_the_code():
    row = next(line for line in TEXT.splitlines() if line.startswith("| A message is at most"))
    assert re.findall(r"(\d+) MiB", row) == [str(public.MESSAGE_BYTES // 2**20), str(public.UNPACKED_BYTES // 2**20)]
    refused = next(line for line in TEXT.splitlines() if "are refused, with the reason" in line)
    assert set(re.findall(r"`(--[\w-]+)`", refused)) <= set(public.REFUSED)

"""Finds a browser of Chromium's family, and gets one where there is none."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge", "microsoft-edge")

PATIENCE = 600.0
"""Seconds that getting a browser may take."""

Say = Callable[[str], None]


def start(playwright: Playwright, flags: list[str], say: Say) -> Browser:
    """Start the browser named in GAUSSAPP_BROWSER, the system's, or Playwright's own; get one where none starts."""
    try:
        return launched(playwright, flags)
    except Error as error:
        first = error
    if "GAUSSAPP_BROWSER" in os.environ:
        pytest.fail(f"GAUSSAPP_BROWSER names no browser that starts. {first}", pytrace=False)
    lock = Path(tempfile.gettempdir()) / f"gaussapp-browser-{os.getuid()}.lock"
    with lock.open("w") as held:  # the tests run in several processes: one of them gets the browser
        fcntl.flock(held, fcntl.LOCK_EX)
        failures = []
        for get in (None, by_playwright, by_apt):
            if get is not None:
                failure = get(say)
                if failure:
                    failures.append(failure)
                    continue
            try:
                return launched(playwright, flags)
            except Error as error:
                failures.append(str(error).splitlines()[0])
    pytest.fail(
        "The browser tests need a browser of Chromium's family, and none could be installed: " + "; ".join(failures),
        pytrace=False,
    )


def launched(playwright: Playwright, flags: list[str]) -> Browser:
    """Start the first browser that is named or found, or else Playwright's own."""
    candidates = [os.environ.get("GAUSSAPP_BROWSER"), *map(shutil.which, NAMES)]
    return playwright.chromium.launch(executable_path=next(filter(None, candidates), None), args=flags)


def by_playwright(say: Say) -> str | None:
    """Let Playwright download its Chromium; return why it could not."""
    return carried_out([[sys.executable, "-m", "playwright", "install", "chromium"]], say)


def by_apt(say: Say) -> str | None:
    """Install the Chromium of Debian or Ubuntu, which only root can; return why it could not."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get"
    if os.getuid() != 0:
        return "apt-get can install chromium for root only"
    install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"]
    return carried_out([["apt-get", "update", "-qq"], install], say)


def carried_out(commands: list[list[str]], say: Say) -> str | None:
    """Run commands one after the other, saying each; return what went wrong."""
    for command in commands:
        say(f"the browser tests need a browser: {' '.join(command)}")
        variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return f"{' '.join(command)} took longer than {PATIENCE:.0f} s"
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            reason = next((line for line in said if "rror" in line or line.startswith("E:")), "".join(said[-1:]))
            return f"{' '.join(command)} failed: {reason.strip()}"
    return None

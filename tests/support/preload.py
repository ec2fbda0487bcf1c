"""Libraries between a program and the system, built from C files here and told what to do through a page in memory."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path


def build(source: Path, folder: Path) -> Path | None:
    """A library to be loaded before others, from a C file; None where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    library = folder / f"{source.stem}.so"
    options = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run([compiler, *options], check=True)
    return library


def build_with_page(source: Path, folder: Path, layout: struct.Struct) -> tuple[Path, Path] | None:
    """An empty page and the library that reads it; None where there is no compiler."""
    library = build(source, folder)
    if library is None:
        return None
    page = folder / f"{source.stem}.page"
    page.write_bytes(bytes(layout.size))
    return page, library


def opened(page: Path, layout: struct.Struct) -> mmap.mmap:
    """The page, shared with the programs that run under the library."""
    with page.open("r+b") as file:
        return mmap.mmap(file.fileno(), layout.size)

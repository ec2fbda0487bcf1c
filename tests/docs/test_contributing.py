"""The rooms of CONTRIBUTING.md exist, and import what it says they may."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| (`(?:inngest_nb|server_extension)/.*?) \| .*? \| (.*?) ?\|$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")
_HEAVY = ("pandas", "anywidget", "jupyter_server")


def rooms() -> list[tuple[str, list[str]]]:
    """Each room and what it must not import."""
    rows = _ROW.findall((ROOT / "CONTRIBUTING.md").read_text())
    return [(room, _NAME.findall(forbidden)) for first, forbidden in rows for room in _NAME.findall(first)[:2]]


def files(room: str) -> list[Path]:
    """The modules of a room."""
    return sorted(ROOT.glob(room)) if "*" in room or room.endswith(".py") else sorted((ROOT / room).rglob("*.py"))


def imports(file: Path) -> set[str]:
    """What a module imports when it runs; imports for type checkers alone do not count."""
    found: set[str] = set()
    for node in _running(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return found


def _running(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return []
    return [node, *(inner for child in ast.iter_child_nodes(node) for inner in _running(child))]


@pytest.mark.parametrize(("room", "forbidden"), rooms(), ids=lambda value: value if isinstance(value, str) else "")
def test_rooms_import_what_they_may(room: str, forbidden: list[str]) -> None:
    assert files(room), f"there is no {room}"
    for name in forbidden:
        package = f"inngest_nb.{name}" if (ROOT / "inngest_nb" / name.split(".")[0]).exists() else "jupyter"
        for file in files(room):
            assert not {i for i in imports(file) if i.startswith(package)}, f"{file.relative_to(ROOT)} imports {name}"


def test_every_room_is_described() -> None:
    described = {room.strip("/") for room, _ in rooms()}
    packages = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "inngest_nb").glob("*/__init__.py")}
    assert {package for package in packages if package not in described} <= {"inngest_nb/demo"}


def test_the_package_is_light() -> None:
    program = f"import sys, inngest_nb; print([name for name in {_HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"

"""Imports point one way, and importing the package stays light."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "inngest_nb"
SERVER = ROOT / "server_extension" / "inngest_nb_server"
#: How much more than the packages it needs `import inngest_nb` may take: a ratio holds on a busy machine too.
IMPORT_RATIO = 2.1

#: What a folder must not import from this package.
FORBIDDEN = {
    "worker": ("engine", "hub", "store", "links", "client", "widgets", "history"),
    "engine": ("worker", "links", "client", "function", "run", "widgets", "history", "demo"),
    "hub": ("engine", "worker", "links", "client", "widgets", "history"),
    "store": ("engine", "worker", "hub", "links", "client", "widgets", "history", "realtime"),
    "expressions": ("engine", "worker", "hub", "store", "links", "client", "widgets", "history", "realtime"),
    "realtime": ("engine", "worker", "hub", "store", "links", "client", "widgets", "history"),
    "history": ("engine.engine", "worker", "hub", "links", "client", "widgets"),
    "hooks": ("engine", "worker", "hub", "store", "widgets", "history"),
    "links": ("client", "widgets", "history"),
    "official": ("engine", "hub", "store", "links", "client", "widgets", "history"),
    "protocol.py": ("engine", "worker", "hub", "store", "links", "client", "widgets", "history"),
}
#: Packages of others, and the only places that may import them.
ONLY_IN = {
    "jupyter_server": ("server_extension",),
    "jupyter": ("server_extension",),
    "notebook": ("server_extension",),
    "anywidget": ("inngest_nb/widgets",),
    "ipywidgets": ("inngest_nb/widgets",),
    "pandas": ("inngest_nb/history", "inngest_nb/run.py", "inngest_nb/diff.py"),  # what makes DataFrames
    "pyarrow": ("inngest_nb/history",),
    "polars": ("inngest_nb/history",),
    "opentelemetry": ("inngest_nb/history",),
    "IPython": ("inngest_nb/magics.py", "inngest_nb/widgets"),
    "tornado": (
        "server_extension",
        "inngest_nb/links/server.py",
        "inngest_nb/links/official.py",
        "inngest_nb/realtime/connecting.py",
        "inngest_nb/ai.py",
    ),
    "inngest_nb_server": ("server_extension",),
    "inngest": ("inngest_nb/official", "inngest_nb/links/official.py"),
    "jwt": ("inngest_nb/realtime/tokens.py",),
}
#: What `import inngest_nb` must not load.
HEAVY = (
    "pandas",
    "numpy",
    "anywidget",
    "ipywidgets",
    "jupyter_server",
    "jupyter_client",
    "IPython",
    "tornado",
    "traitlets",
    "comm",
    "pyarrow",
    "polars",
    "opentelemetry",
    "matplotlib",
    "sqlite3",
    "jwt",
    "inngest",
)
#: What of this package waits until somebody uses it.
LATER = ("engine", "hub", "store", "history", "widgets", "hooks", "testing", "expressions", "worker.worker", "cron")


class Import(NamedTuple):
    """One import statement."""

    file: str
    line: int
    module: str
    deferred: bool  # within a function, or for type checkers only


def python_files() -> list[Path]:
    """All modules of the product."""
    return [*PACKAGE.rglob("*.py"), *SERVER.rglob("*.py")]


def imports_of(path: Path) -> Iterator[Import]:
    """All imports of a file, with relative names made absolute."""
    file = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (Import(file, node.lineno, name, _is_deferred(node)) for name in names)


def _is_deferred(node: ast.AST) -> bool:
    while (parent := getattr(node, "parent", None)) is not None:
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return True
        if isinstance(parent, ast.If) and "TYPE_CHECKING" in ast.dump(parent.test):
            return True
        node = parent
    return False


def is_within(module: str, package: str) -> bool:
    """Whether a module is a package or below it."""
    return module == package or module.startswith(f"{package}.")


ALL = [found for path in python_files() for found in imports_of(path)]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_layers_import_downwards_only(folder: str) -> None:
    here = f"inngest_nb/{folder}" + ("" if folder.endswith(".py") else "/")
    assert any(found.file.startswith(here) for found in ALL), f"there is no {here}"
    wrong = [
        f"{found.file}:{found.line} imports {found.module}"
        for found in ALL
        for layer in FORBIDDEN[folder]
        if found.file.startswith(here) and is_within(found.module, f"inngest_nb.{layer}") and not _for_types(found)
    ]
    assert wrong == []


def _for_types(found: Import) -> bool:
    line = (ROOT / found.file).read_text().splitlines()[: found.line]
    return found.deferred and any("if TYPE_CHECKING:" in text for text in line)


@pytest.mark.parametrize("module", ONLY_IN)
def test_packages_of_others_are_imported_in_their_places_only(module: str) -> None:
    wrong = [
        f"{found.file}:{found.line}"
        for found in ALL
        if is_within(found.module, module) and not found.file.startswith(ONLY_IN[module])
    ]
    assert wrong == []


def test_the_history_and_what_it_brings_are_imported_within_functions_only() -> None:
    heavy = ("pandas", "pyarrow", "polars", "numpy", "inngest_nb.history")
    wrong = [
        f"{found.file}:{found.line} imports {found.module}"
        for found in ALL
        if any(is_within(found.module, module) for module in heavy)
        and not found.deferred
        and not found.file.startswith(("inngest_nb/history/", "inngest_nb/magics.py"))
    ]
    assert wrong == []


def test_the_server_extension_needs_neither_the_client_nor_the_widgets() -> None:
    wrong = [
        f"{found.file}:{found.line} imports {found.module}"
        for found in ALL
        if found.file.startswith("server_extension/")
        and any(
            is_within(found.module, f"inngest_nb.{layer}") for layer in ("client", "function", "widgets", "history")
        )
    ]
    assert wrong == []


PROBE = """
import json, sys, time
before = set(sys.modules)
began = time.process_time()
{what}
ms = (time.process_time() - began) * 1000
print(json.dumps({{"ms": ms, "modules": sorted(set(sys.modules) - before)}}))
"""


def _import(what: str) -> tuple[float, set[str]]:
    """Processor time of an import in a fresh process, the best of some, and what it loaded."""
    best, modules, code = float("inf"), set[str](), PROBE.format(what=what)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:  # byte code, as an installed package has it: the first run writes it
        for _ in range(6):
            ran = subprocess.run(
                [sys.executable, "-X", f"pycache_prefix={cache}", "-c", code],
                check=True, capture_output=True, text=True, cwd=ROOT, env=environment,
            )  # fmt: skip
            told = json.loads(ran.stdout)
            best, modules = min(best, told["ms"]), set(told["modules"])
    return best, modules


def test_importing_the_package_is_quick_and_loads_nothing_heavy() -> None:
    ms, modules = _import("import inngest_nb")
    assert {name.partition(".")[0] for name in modules} & set(HEAVY) == set()
    assert [name for name in modules for later in LATER if is_within(name, f"inngest_nb.{later}")] == []
    of_others, _ = _import("import asyncio, orjson\nfrom pydantic import BaseModel, TypeAdapter")
    print(f"import inngest_nb: {ms:.0f} ms, of which {of_others:.0f} ms packages of others")  # noqa: T201  # see with -rP
    assert ms < IMPORT_RATIO * of_others

"""Where a test finds a function: an import, or for one that was written in a notebook its source with all it refers to."""

from __future__ import annotations

import builtins
import importlib
import inspect
import symtable
import sys
import textwrap
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from inngest_nb.client import Inngest
from inngest_nb.errors import InngestError
from inngest_nb.function import Function
from inngest_nb.jsontext import dumps

_NOTEBOOK = "__main__"


def definition(function: Function[Any], import_from: str | None) -> tuple[str, str]:
    """The code that gives a test the function, and the name it has there.

    Raises:
        InngestError: it refers to something of the notebook that cannot be written down.
    """
    handler = function.handler
    module = import_from or handler.__module__
    if module == _NOTEBOOK:
        return _Notebook(handler.__globals__).define(function)
    return f"from {module} import {_name_in(module, function)}", _name_in(module, function)


def _name_in(module: str, function: Function[Any]) -> str:
    """The name that the module has for the function; that of its handler if the module is not to be had."""
    loaded = sys.modules.get(module)
    if loaded is None:
        try:
            loaded = importlib.import_module(module)
        except ImportError:
            return function.handler.__name__
    found = (name for name, value in vars(loaded).items() if isinstance(value, Function) and value.id == function.id)
    return next(found, function.handler.__name__)


class _Notebook:
    """Writes definitions of a notebook after what they need."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._written: dict[str, str] = {}
        self._unknown: list[str] = []

    def define(self, function: Function[Any]) -> tuple[str, str]:
        name = function.handler.__name__
        self._write(name, function)
        if self._unknown:
            raise InngestError(
                f"no test can be written for function {function.id!r}: it uses {', '.join(self._unknown)} of the notebook. "
                'Put the function into a module and pass import_from="that_module"'
            )
        imports = sorted(text for text in self._written.values() if text.startswith(("import ", "from ")))
        others = [text for text in self._written.values() if not text.startswith(("import ", "from "))]
        return "\n".join(imports) + "\n\n" + "\n\n\n".join(others), name

    def _write(self, name: str, value: Any) -> None:
        if name in self._written:
            return
        source = self._source(name, value)
        if source is None:
            self._unknown.append(f"{name} ({type(value).__name__})")
            return
        self._written[name] = ""  # what it needs may need it
        for needed in _names_in(source):
            if needed in self._names:
                self._write(needed, self._names[needed])
        del self._written[name]
        self._written[name] = source

    def _source(self, name: str, value: Any) -> str | None:
        if isinstance(value, ModuleType):
            return f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
        if isinstance(value, Inngest):
            return f'{name} = inngest_nb.Inngest(app_id={value.app_id!r}, engine="embedded", data_dir=":memory:")'
        defined = value.handler if isinstance(value, Function) else value
        if isinstance(defined, (FunctionType, type)):
            if defined.__module__ != _NOTEBOOK:
                original = defined.__qualname__.partition(".")[0]
                return f"from {defined.__module__} import {original}" + ("" if original == name else f" as {name}")
            return textwrap.dedent(inspect.getsource(defined)).rstrip()
        try:
            dumps(value)
        except TypeError:
            return None
        return f"{name} = {value!r}"


def _names_in(source: str) -> list[str]:
    """Every global name that the source refers to."""
    found = dict.fromkeys(_globals_of(symtable.symtable(source, "<notebook>", "exec")))
    return [name for name in found if not hasattr(builtins, name)]


def _globals_of(table: symtable.SymbolTable) -> Iterator[str]:
    outermost = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (outermost or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _globals_of(inner)

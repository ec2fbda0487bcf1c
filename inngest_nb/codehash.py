"""Short hashes of code, to tell what a cell's edit has changed: of a function, and of everything its steps may call."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

_SHORT = 12


@lru_cache(maxsize=4096)
def hash_code(code: types.CodeType) -> str:
    """A hash of what the code does: instructions, names and constants, not line numbers or comments."""
    digest = hashlib.sha1(code.co_code, usedforsecurity=False)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode())
    for constant in code.co_consts:
        inner = hash_code(constant) if isinstance(constant, types.CodeType) else repr(constant)
        digest.update(inner.encode(errors="replace"))
    return digest.hexdigest()[:_SHORT]


def hash_callable(function: Callable[..., Any]) -> str | None:
    """The hash of a function, method, partial or callable object; None where there is no Python code."""
    if type(function) is types.FunctionType:  # nearly always
        return hash_code(function.__code__)
    target: Any = getattr(function, "func", function)
    target = getattr(target, "__func__", target)
    code = getattr(target, "__code__", None)
    if code is None:  # an object that is called
        code = getattr(vars(type(target)).get("__call__"), "__code__", None)
    return hash_code(code) if isinstance(code, types.CodeType) else None


def reachable_hashes(function: Callable[..., Any]) -> list[str]:
    """Hashes of the function, of the functions inside it, and of the ones it refers to by name."""
    return sorted({hash_code(code) for code in _reachable(function, set())})


def _reachable(function: Any, seen: set[int]) -> Iterator[types.CodeType]:
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType) or id(code) in seen:
        return
    seen.add(id(code))
    names = getattr(function, "__globals__", {})
    for inner in _nested(code):
        yield inner
        for name in inner.co_names:
            yield from _reachable(names.get(name), seen)
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield from _reachable(cell.cell_contents, seen)
        except ValueError:  # a cell that is not filled yet
            continue


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)

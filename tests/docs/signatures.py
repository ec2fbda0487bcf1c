"""Public objects as Markdown: their signature, what their docstring says, and their public members."""

from __future__ import annotations

import functools
import inspect
import operator
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin

_SECTION = re.compile(r"^(Args|Arguments|Raises|Returns|Examples?|Parameters)(?: \(.*\))?:?$")
_SKIPPED = ("Example", "Examples")
_NAMES = {"Parameters": "Args", "Arguments": "Args"}
_MODULES = re.compile(r"\b(?:inngest_nb|collections|typing|logging)(?:\.\w+)*\.(?=[A-Z])|\b(?:datetime|dt)\.(?=[a-z])")
#: Methods that other parts of the package call.
_INTERNAL = frozenset({
    "args", "add_note", "with_traceback", "block", "call", "call_of", "config", "failure_function", "register",
})  # fmt: skip


class _Raw:
    """An annotation that shows as it was written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def describe_class(cls: type, *, made_by_users: bool) -> str:
    """A class with its public members, and its constructor if users call it."""
    constructor = _call(cls.__name__, cls) if made_by_users else []
    parts = [f"### `{cls.__name__}`", *constructor, *_text(cls)]
    for name, member in _members(cls):
        parts += _member(name, member)
    return "\n\n".join(parts)


def describe_function(function: Callable[..., Any]) -> str:
    """A function with its signature."""
    name = function.__name__
    return "\n\n".join([f"### `{name}`", *_call(name, function), *_text(function)])


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    seen = set(_INTERNAL)
    for base in cls.__mro__:
        if not base.__module__.startswith("inngest_nb"):
            continue
        for name, member in vars(base).items():
            shown = inspect.isfunction(member) or isinstance(member, property)
            if shown and not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, member


def _member(name: str, member: Any) -> list[str]:
    if isinstance(member, property):
        text = " ".join(_text(member.fget)) or "."
        return [f"**`.{name}`** · {text}"]
    prefix = "await ." if inspect.iscoroutinefunction(member) else "."
    return [f"**`{prefix}{name}`**", *_call(name, member), *_text(member)]


def _call(name: str, called: Callable[..., Any]) -> list[str]:
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return []
    parameters = [
        _shown(parameter)
        for parameter in signature.parameters.values()
        if parameter.name != "self" and not parameter.name.startswith("_")
    ]
    returns = signature.return_annotation
    result = inspect.Signature.empty if isinstance(called, type) else _unquoted(returns)
    return [f"```py\n{name}{_wrapped(parameters, result)}\n```"]


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    shown = parameter.replace(annotation=_unquoted(parameter.annotation))
    if callable(shown.default) or repr(shown.default).startswith("<"):
        shown = shown.replace(default=_Raw("…")) if shown.default is not inspect.Parameter.empty else shown
    return shown


def _unquoted(annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(_plain(annotation))
    return _Raw(_MODULES.sub("", text))


def _plain(annotation: Any) -> Any:
    """The type without what pydantic notes on it."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_plain, get_args(annotation)))
    return annotation


def _wrapped(parameters: list[inspect.Parameter], result: Any) -> str:
    line = str(inspect.Signature(parameters, return_annotation=result))
    if len(line) <= 96:
        return line
    arguments: list[str] = []
    starred = False
    for parameter in parameters:
        starred |= parameter.kind is inspect.Parameter.VAR_POSITIONAL
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            arguments.append("*")
            starred = True
        arguments.append(str(parameter))
    tail = "" if result is inspect.Signature.empty else f" -> {result!r}"
    return "(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){tail}"


def _text(documented: Any) -> list[str]:
    """What the docstring says, its sections as lists, without examples."""
    lines = inspect.cleandoc(documented.__doc__ or "").splitlines()
    kept: list[str] = []
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        heading = _SECTION.match(line)
        if heading:
            current = sections.setdefault(_NAMES.get(heading[1], heading[1]), [])
        elif current is not None and (line.startswith(" ") or set(line) <= {"-"} or _is_numpy_name(line)):
            current.append(line)
        else:
            current = None
            kept.append(line)
    shown = [textwrap.dedent("\n".join(kept).partition(">>>")[0]).strip()]
    shown += [_listed(name, body) for name, body in sections.items() if name not in _SKIPPED]
    return [part for part in shown if part]


def _is_numpy_name(line: str) -> bool:
    return re.fullmatch(r"[\w., ]+", line) is not None


def _listed(name: str, body: list[str]) -> str:
    """A section, in Google's style or in numpy's, as one list."""
    lines = [line for line in body if line]
    numpy = lines[0].startswith("-")
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    entries: list[list[str]] = []
    for line in lines[1:] if numpy else lines:
        if not line[indent].isspace():
            entries.append([])
        entries[-1].append(line.strip())
    return f"{name}:\n\n" + "\n".join(f"- {_numpy(entry) if numpy else _google(entry)}" for entry in entries)


def _numpy(entry: list[str]) -> str:
    return f"`{entry[0]}`: {' '.join(entry[1:])}"


def _google(entry: list[str]) -> str:
    head, _, rest = " ".join(entry).partition(": ")
    return f"`{head}`: {rest}"

"""A syntax tree compiled into closures, and the scope in which they run.

A pure selection such as event.data.a.b that leads nowhere is unknown, as is any shorter selection on that way within
the same expression. One that Inngest does not register beforehand (behind an index, as the receiver of a method, inside
a macro or a list) fails instead with "no such key". `used_paths` knows which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.dialect import call
from inngest_nb.expressions.folds import FOLDS
from inngest_nb.expressions.functions import (
    BINARY,
    CLOCK,
    FIELDS,
    TYPE_NAMES,
    UNARY,
    Function,
    arities,
    select,
    shifted,
)
from inngest_nb.expressions.nodes import Call, Choice, Const, Fold, Glued, Has, Ident, ListOf, Logic, MapOf, Node, Path
from inngest_nb.expressions.values import UNKNOWN, Failure, MapValue, TypeName, adapt, elements, is_truthy, map_key
from inngest_nb.times import Timestamp

Names = tuple[str, ...]
_ABSENT = object()


class Scope:
    """The variables of one evaluation."""

    __slots__ = ("hidden", "locals", "missing", "now_ns", "roots")

    def __init__(self, roots: Mapping[str, object], used: frozenset[Names], now_ns: Callable[[], int]) -> None:
        self.roots = roots
        self.now_ns = now_ns
        self.locals: dict[str, object] = {}
        self.missing = {path for path in used if not _exists(roots, path)}
        self.hidden = {path[:length] for path in self.missing for length in range(1, len(path) + 1)}


Step = Callable[[Scope], object]


def _exists(roots: Mapping[str, object], path: Names) -> bool:
    here: object = roots
    for name in path:
        here = here.get(name, _ABSENT) if isinstance(here, Mapping) else _ABSENT
        if here is _ABSENT:
            return False
    return True


def used_paths(node: Node) -> frozenset[Names]:
    """The selections that count as unknown, not as failed, when they lead nowhere."""
    return frozenset(_used(node))


def _used(node: Node) -> Iterator[Names]:
    stack = [node]
    while stack:
        match stack.pop():
            case Has(path=path):
                stack.append(path)
            case Path(base=base, quals=quals):
                if isinstance(quals[-1], Node):
                    stack.append(Path(base.at, base, quals[:-1]) if quals[:-1] else base)
                    stack.append(quals[-1])
                elif isinstance(base, Ident) and all(isinstance(qual, str) for qual in quals):
                    yield (base.name, *(qual for qual in quals if isinstance(qual, str)))
            case Call(args=args, member=member):
                stack.extend(args[1:] if member else args)
            case Logic(terms=terms):
                stack.extend(terms)
            case Choice(test=test, then=then, other=other):
                stack.extend((test, then, other))
            case Fold(over=over):
                stack.append(over)


def build(node: Node) -> Step:
    """The closure that evaluates `node`.

    Raises:
        ExpressionError: a known function has the wrong number of arguments.
    """
    match node:
        case Const(value=value):
            return lambda _scope: value
        case Glued():
            return lambda _scope: UNKNOWN
        case Ident(name=name):
            return lambda scope: _resolve(scope, name, (), test=False)
        case Path() | Has():
            return _build_path(node)
        case Call():
            return _build_call(node)
        case Logic(is_or=is_or, terms=terms):
            return _build_logic(tuple(map(build, terms)), is_or=is_or)
        case Choice(test=test, then=then, other=other):
            return _build_choice(build(test), build(then), build(other))
        case ListOf(items=items):
            return _build_list(tuple(map(build, items)))
        case MapOf(pairs=pairs):
            return _build_map(tuple((build(key), build(value)) for key, value in pairs))
        case Fold():
            return _build_fold(node)
    raise AssertionError(node)


def _build_path(node: Path | Has) -> Step:
    test = isinstance(node, Has)
    path = node.path if isinstance(node, Has) else node
    quals = tuple(qual if isinstance(qual, str) else build(qual) for qual in path.quals)
    if isinstance(path.base, Ident):
        return _from_name(path.base.name, quals, test=test)
    base = build(path.base)

    def from_value(scope: Scope) -> object:
        value = base(scope)
        if value is UNKNOWN or isinstance(value, Failure):
            return value
        keys = _keys(scope, quals)
        return keys if not isinstance(keys, tuple) else _descend(value, keys, test=test)

    return from_value


def _from_name(name: str, quals: tuple[str | Step, ...], *, test: bool) -> Step:
    static = tuple(qual for qual in quals if isinstance(qual, str))
    if len(static) == len(quals):
        return lambda scope: _resolve(scope, name, static, test=test)

    def dynamic(scope: Scope) -> object:
        keys = _keys(scope, quals)
        return _resolve(scope, name, keys, test=test) if isinstance(keys, tuple) else keys

    return dynamic


def _keys(scope: Scope, quals: tuple[str | Step, ...]) -> tuple[object, ...] | object:
    """The keys of a path, or the unknown or failed value among them."""
    keys = tuple(qual if isinstance(qual, str) else qual(scope) for qual in quals)
    return next((key for key in keys if key is UNKNOWN or isinstance(key, Failure)), keys)


def _resolve(scope: Scope, name: str, keys: tuple[object, ...], *, test: bool) -> object:
    """The value of a variable and what is selected from it."""
    if name in scope.locals:
        return _descend(scope.locals[name], keys, test=test)
    if scope.missing and _is_hidden(scope, (name, *keys)):
        return UNKNOWN
    value = scope.roots.get(name, _ABSENT)
    if value is _ABSENT:
        if name in TYPE_NAMES and not keys:
            return TypeName(name)
        return Failure(f"no such attribute(s): {'.'.join(map(str, (name, *keys)))}")
    return _descend(adapt(value), keys, test=test)


def _is_hidden(scope: Scope, path: tuple[object, ...]) -> bool:
    if not all(isinstance(name, (str, int, float)) for name in path):
        return False
    return path in scope.hidden or any(path[:length] in scope.missing for length in range(2, len(path)))


def _descend(value: object, keys: tuple[object, ...], *, test: bool) -> object:
    for position, key in enumerate(keys):
        found = select(value, key)
        if isinstance(found, Failure):
            return False if test and position == len(keys) - 1 else found
        value = found
    return True if test else value


def _build_call(node: Call) -> Step:
    name, count = node.name, len(node.args)
    known = arities(name)
    if known and count not in known:
        wanted = " or ".join(map(str, sorted(known)))
        raise ExpressionError(f"{name}() takes {wanted} argument(s), this one has {count} (position {node.at + 1})")
    args = tuple(map(build, node.args))
    if name in CLOCK:
        return _build_clock(name, args)
    function = _function(name, count)

    def step(scope: Scope) -> object:
        return call(name, function, [arg(scope) for arg in args])

    return step


def _function(name: str, count: int) -> Function:
    found = FIELDS.get(name) or (UNARY if count == 1 else BINARY if count == 2 else {}).get(name)
    return found or (lambda *_args: Failure(f"no such overload: {name}"))


def _build_clock(name: str, args: tuple[Step, ...]) -> Step:
    if name == "now":
        return lambda scope: Timestamp(scope.now_ns())
    sign = 1 if name == "now_plus" else -1
    return lambda scope: call(name, lambda value: shifted(value, scope.now_ns(), sign), [args[0](scope)])


def _build_logic(terms: tuple[Step, ...], *, is_or: bool) -> Step:
    """The first term that decides (true for ||, false for &&) by JavaScript's truthiness, or the last."""

    def step(scope: Scope) -> object:
        value: object = None
        for term in terms:
            value = term(scope)
            if is_truthy(value) is is_or:
                break
        return value

    return step


def _build_choice(test: Step, then: Step, other: Step) -> Step:
    return lambda scope: then(scope) if is_truthy(test(scope)) else other(scope)


def _build_list(items: tuple[Step, ...]) -> Step:
    def step(scope: Scope) -> object:
        values = tuple(item(scope) for item in items)
        return next((value for value in values if value is UNKNOWN or isinstance(value, Failure)), values)

    return step


def _build_map(pairs: tuple[tuple[Step, Step], ...]) -> Step:
    def step(scope: Scope) -> object:
        entries: dict[object, tuple[object, object]] = {}
        for key_step, value_step in pairs:
            key, value = key_step(scope), value_step(scope)
            for part in (key, value):
                if part is UNKNOWN or isinstance(part, Failure):
                    return part
            if not isinstance(key, (bool, int, str)):
                return Failure("unsupported key type")
            entries[map_key(key)] = (key, value)
        return MapValue(entries)

    return step


def _build_fold(node: Fold) -> Step:
    over, body, name = build(node.over), build(node.body), node.var
    where = build(node.where) if node.where is not None else None
    fold = FOLDS[node.kind]

    def step(scope: Scope) -> object:
        whole = over(scope)
        values = elements(whole)
        if values is None:
            return whole if whole is UNKNOWN or isinstance(whole, Failure) else Failure("no such overload")
        outer = scope.locals
        scope.locals = inner = dict(outer)

        def of_element(step: Step) -> Callable[[object], object]:
            def evaluate(value: object) -> object:
                inner[name] = value
                return step(scope)

            return evaluate

        try:
            return fold(values, of_element(body), None if where is None else of_element(where))
        finally:
            scope.locals = outer

    return step

"""Tokens into a syntax tree: CEL's grammar by precedence climbing, one or two stack frames for each level of nesting."""

from __future__ import annotations

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.lexer import Lexer, Problem, Token, fail
from inngest_nb.expressions.nodes import (
    Call,
    Choice,
    Const,
    Fold,
    Glued,
    Has,
    Ident,
    ListOf,
    Logic,
    MapOf,
    Node,
    Path,
    children,
)

MAX_DEPTH = 250  # of parentheses and other nesting in the text
MAX_HEIGHT = 200  # of the tree: its readers recurse, and must fit under any caller's stack

_LITERALS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset(
    {
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    }
)  # fmt: skip
_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY = range(1, 8)
_BINARY = {
    "?": _TERNARY, "||": _OR, "&&": _AND, "==": _RELATION, "!=": _RELATION, "<": _RELATION, "<=": _RELATION,
    ">": _RELATION, ">=": _RELATION, "in": _RELATION, "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT,
}  # fmt: skip
_MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "map": (2, 3), "filter": (2,)}


class Parser:
    """One use per text."""

    def __init__(self, text: str) -> None:
        self.text = text
        lexer = Lexer(text)
        self.tokens = lexer.tokens()
        self.problems: list[Problem] = lexer.problems
        self.index = 0
        self.depth = 0

    def parse(self) -> Node:
        """The tree of the whole text."""
        node = self.expression(_TERNARY)
        if self.peek.kind != "end":
            raise self.error("an operator or the end", self.peek)
        return node

    @property
    def peek(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def accept(self, kind: str) -> bool:
        if self.peek.kind == kind:
            self.index += 1
            return True
        return False

    def expect(self, kind: str) -> Token:
        if self.peek.kind != kind:
            raise self.error(repr(kind), self.peek)
        return self.take()

    def error(self, wanted: str, token: Token) -> ExpressionError:
        found = (
            "the end"
            if token.kind == "end"
            else repr(self.text[token.at : token.at + max(1, len(token.text or token.kind))])
        )
        return fail(self.text, token.at, f"expected {wanted}, found {found}")

    def too_deep(self, at: int, most: int) -> ExpressionError:
        return fail(self.text, at, f"an expression may be nested {most} deep, this one is deeper")

    def expression(self, lowest: int) -> Node:
        """Everything that binds at least as tightly as `lowest`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep(self.peek.at, MAX_DEPTH)
        left = self.operand()
        while True:
            token = self.peek
            operator = "in" if token.kind == "word" and token.text == "in" else token.kind
            level = _BINARY.get(operator, 0)
            if level < lowest:
                break
            self.index += 1
            left = self.combine(left, operator, level, token)
        self.depth -= 1
        return left

    def combine(self, left: Node, operator: str, level: int, token: Token) -> Node:
        if operator == "?":
            then = self.expression(_OR)  # CEL: another choice in the middle needs parentheses
            self.expect(":")
            return Choice(left.at, left, then, self.expression(_TERNARY))
        right = self.expression(level + 1)
        if operator in ("&&", "||"):
            return self.chained(left, right, operator)
        return Call(token.at, operator, (left, right))

    def chained(self, left: Node, right: Node, operator: str) -> Node:
        """Collect a whole run of && or || at once: flat, so that its length costs no depth."""
        terms = [left, right]
        while self.accept(operator):
            terms.append(self.expression(_BINARY[operator] + 1))
        return Logic(left.at, operator == "||", tuple(terms))

    def operand(self) -> Node:
        """A value with its prefix operators."""
        token = self.peek
        if token.kind not in ("!", "-"):
            return self.postfix(self.primary())
        count = 0
        while self.accept(token.kind):
            count += 1
        literal = self.peek.value
        if token.kind == "-" and count == 1 and type(literal) in (int, float):
            self.take()
            return self.postfix(Const(token.at, -literal))  # type: ignore[operator]
        inner = self.postfix(self.primary())
        return Call(token.at, token.kind, (inner,)) if count % 2 else inner

    def primary(self) -> Node:
        token = self.take()
        match token.kind:
            case "const":
                return Const(token.at, self.checked_int(token))
            case "glued":
                return Glued(token.at, token.text)
            case "word":
                return self.word(token)
            case ".":
                return self.word(self.expect("word"))
            case "(":
                inner = self.expression(_TERNARY)
                self.expect(")")
                return inner
            case "[":
                return ListOf(token.at, self.arguments("]"))
            case "{":
                return self.map_literal(token)
        raise self.error("a value", token)

    def checked_int(self, token: Token) -> object:
        if type(token.value) is int and token.value == 1 << 63:
            raise fail(self.text, token.at, f"{token.text} does not fit into 64 bits")
        return token.value

    def word(self, token: Token) -> Node:
        if token.text in _LITERALS:
            return Const(token.at, _LITERALS[token.text])
        if token.text in _RESERVED or token.text == "in":
            raise fail(self.text, token.at, f"{token.text!r} is a reserved word")
        if not self.accept("("):
            return Ident(token.at, token.text)
        args = self.arguments(")")
        if token.text == "has" and len(args) == 1:
            return self.has(token, args[0])
        return Call(token.at, token.text, args)

    def has(self, token: Token, arg: Node) -> Node:
        if isinstance(arg, Path) and isinstance(arg.quals[-1], str):
            return Has(token.at, arg)
        raise fail(self.text, token.at, "has() takes a field such as has(event.data.name)")

    def arguments(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.accept(closing):
            found.append(self.expression(_TERNARY))
            if not self.accept(","):
                self.expect(closing)
                break
            if closing == ")" and self.peek.kind == ")":
                raise self.error("a value", self.peek)
        return tuple(found)

    def map_literal(self, token: Token) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self.accept("}"):
            key = self.expression(_TERNARY)
            self.expect(":")
            pairs.append((key, self.expression(_TERNARY)))
            if not self.accept(","):
                self.expect("}")
                break
        return MapOf(token.at, tuple(pairs))

    def postfix(self, node: Node) -> Node:
        """Selections, indexes and method calls after a value."""
        quals: list[str | Node] = []
        while True:
            if self.accept("["):
                quals.append(self.expression(_TERNARY))
                self.expect("]")
            elif self.accept("."):
                token = self.field()
                if self.accept("("):
                    node, quals = self.method(_qualified(node, quals), token), []
                else:
                    quals.append(token.text)
            else:
                return _qualified(node, quals)

    def field(self) -> Token:
        token = self.expect("word")
        if token.text in _LITERALS or token.text == "in":
            raise fail(self.text, token.at, f"{token.text!r} is a reserved word; write ['{token.text}']")
        return token

    def method(self, receiver: Node, token: Token) -> Node:
        args = self.arguments(")")
        if len(args) in _MACROS.get(token.text, ()):
            return self.fold(receiver, token, args)
        return Call(token.at, token.text, (receiver, *args), member=True)

    def fold(self, over: Node, token: Token, args: tuple[Node, ...]) -> Node:
        variable = args[0]
        if not isinstance(variable, Ident):
            raise fail(self.text, variable.at, f"the first argument of {token.text}() is a plain name")
        kind = "exists_one" if token.text == "existsOne" else token.text
        where = args[1] if len(args) == 3 else None
        return Fold(token.at, kind, over, variable.name, args[-1], where)


def _qualified(node: Node, quals: list[str | Node]) -> Node:
    if not quals:
        return node
    if isinstance(node, Path):  # as in (a.b).c
        return Path(node.at, node.base, (*node.quals, *quals))
    return Path(node.at, node, tuple(quals))


def parse(text: str) -> tuple[Node, list[Problem]]:
    """The tree of `text`, and what registration refuses in it.

    Raises:
        ExpressionError: it is not an expression; the message shows where.
    """
    if not text.strip():
        raise ExpressionError("an expression is empty; write one such as event.data.id == 'x', or leave it out")
    parser = Parser(text)
    node = parser.parse()
    stack = [(node, 1)]
    while stack:  # a long sum is as deep as it is long, since its tree leans left
        current, height = stack.pop()
        if height > MAX_HEIGHT:
            raise parser.too_deep(current.at, MAX_HEIGHT)
        stack.extend((child, height + 1) for child in children(current))
    return node, parser.problems

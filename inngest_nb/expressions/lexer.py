"""Text of an expression into tokens, with what is wrong in it noted rather than raised where Inngest's evaluator goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.values import UInt

MAX_LENGTH = 100_000

_SKIP = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"0x[0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?")
_GLUE = re.compile(r"[A-Za-z0-9_.]*")
_STRING = re.compile(r"([rRbB]{0,2})(\"\"\"|'''|\"|')")
_OPERATOR = re.compile(r"&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()\[\]{}]")
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.)|$)", re.DOTALL)
_PLAIN_ESCAPES = dict(zip("abfnrtv\\'\"`?", "\a\b\f\n\r\t\v\\'\"`?", strict=True))


@dataclass(frozen=True, slots=True)
class Token:
    """One token: kind is "word", "const", "glued", "end" or the operator itself."""

    kind: str
    at: int
    text: str = ""
    value: object = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that registration refuses although evaluation goes on."""

    at: int
    message: str


def fail(text: str, at: int, message: str) -> ExpressionError:
    """An error that shows the line of `text` with a caret under position `at`."""
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:].split("\n", 1)[0]
    column = at - line_start
    shown_from = max(0, column - 60)
    shown = line[shown_from : column + 60]
    where = f"line {text.count(chr(10), 0, at) + 1}, column {column + 1}"
    return ExpressionError(f"{message} ({where})\n  {shown}\n  {' ' * (column - shown_from)}^")


class Lexer:
    """Walks once over the text; every method starts at `self.at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.problems: list[Problem] = []

    def tokens(self) -> list[Token]:
        """All tokens, ending with one of kind "end"."""
        if len(self.text) > MAX_LENGTH:
            raise ExpressionError(f"an expression may have {MAX_LENGTH} characters, this one has {len(self.text)}")
        found = []
        while True:
            token = self._next()
            found.append(token)
            if token.kind == "end":
                return found

    def _next(self) -> Token:
        self.at = _span_end(_SKIP, self.text, self.at)
        start = self.at
        if start == len(self.text):
            return Token("end", start)
        if string := _STRING.match(self.text, start):
            return self._string(string)
        if number := _NUMBER.match(self.text, start):
            return self._number(number)
        if word := _WORD.match(self.text, start):
            return self._word(word)
        if operator := _OPERATOR.match(self.text, start):
            self.at = operator.end()
            return Token(operator[0], start)
        raise fail(self.text, start, f"{self.text[start]!r} is not part of an expression")

    def _word(self, word: re.Match[str]) -> Token:
        self.at = word.end()
        if self.at < len(self.text) and self.text[self.at] in "'\"":
            return self._glued(word.start(), "a name cannot stand directly before a string")
        return Token("word", word.start(), word[0])

    def _number(self, number: re.Match[str]) -> Token:
        start, self.at = number.span()
        if self._touches("'\"."):
            return self._glued(start, "a number cannot stand directly before this")
        value = _number_value(number[0])
        if value is None:
            raise fail(self.text, start, f"{number[0]} does not fit into 64 bits")
        return Token("const", start, number[0], value)

    def _string(self, opening: re.Match[str]) -> Token:
        start, quote = opening.start(), opening[2]
        raw = "r" in opening[1].lower()
        end = self._closing(opening.end(), quote, raw=raw)
        if end is None:
            self.problems.append(Problem(start, f"the string that begins here has no closing {quote}"))
            end = len(self.text)
        content = self.text[opening.end() : end]
        self.at = min(len(self.text), end + len(quote))
        if self._touches("'\""):
            return self._glued(start, "a string cannot stand directly before this")
        value = content if raw else self._unescaped(content, opening.end())
        if "b" in opening[1].lower():
            return Token("const", start, content, value.encode("utf-8", "replace"))
        return Token("const", start, content, value)

    def _closing(self, at: int, quote: str, *, raw: bool) -> int | None:
        while True:
            end = self.text.find(quote, at)
            if end < 0:
                return None
            slash = -1 if raw else self.text.find("\\", at, end)
            if slash < 0:
                return end
            at = slash + 2  # an escaped character never closes the string

    def _unescaped(self, content: str, at: int) -> str:
        if "\\" not in content:
            return content

        def replace(match: re.Match[str]) -> str:
            code = match[1] or match[2] or match[3]
            number = int(code, 16) if code else int(match[4], 8) if match[4] else None
            if number is not None and number < 0x110000 and not 0xD800 <= number < 0xE000:
                return chr(number)
            if match[5] in _PLAIN_ESCAPES:
                return _PLAIN_ESCAPES[match[5]]
            self.problems.append(
                Problem(at + match.start(), f"{match[0]} is not an escape; write \\\\ for a backslash")
            )
            return match[0]  # Inngest decodes no escape at all, so patterns such as '\d' work there

        return _ESCAPE.sub(replace, content)

    def _touches(self, more: str) -> bool:
        following = self.text[self.at : self.at + 1]
        return following != "" and (following in more or _WORD.match(following) is not None or following.isdigit())

    def _glued(self, start: int, message: str) -> Token:
        """Take everything that sticks together as one token."""
        self.problems.append(Problem(self.at, message))
        while self.at < len(self.text):
            end = _span_end(_GLUE, self.text, self.at)
            if end == self.at and (quote := self.text[end]) in "'\"":
                closing = self._closing(end + 1, quote, raw=False)
                end = len(self.text) if closing is None else closing + 1
            if end == self.at:
                break
            self.at = end
        return Token("glued", start, self.text[start : self.at])


def _span_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _number_value(text: str) -> object:
    """The value of a number literal, or None when it is out of range."""
    unsigned = text[-1] in "uU"
    digits = text[:-1] if unsigned else text
    if digits.startswith("0x"):
        number: int | float = int(digits, 16)
    elif digits.isdigit():
        number = int(digits) if len(digits) < 40 else 1 << 70
    else:
        number = float(digits)
    if isinstance(number, float):
        return None if unsigned else number
    if unsigned:
        return UInt(number) if number < 1 << 64 else None
    return number if number <= 1 << 63 else None  # 2**63 itself is right after a minus sign

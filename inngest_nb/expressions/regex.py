"""RE2's regular expressions, searched in time linear in the text whatever the pattern: no backtracking, one pass.

Python's `re` can take exponential time on text that came with an event, and its syntax is another one. A pattern is
parsed into a small program of characters, splits and assertions; a search follows all its branches at once.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_PROGRAM = 10_000
MAX_REPEAT = 1000
MAX_NESTING = 100

Matcher = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern is not RE2 syntax; the message says why."""


@dataclass(slots=True)
class _Op:
    """One instruction: consume a character that `matches`, or pass if `holds`, then go on at each of `to`."""

    to: list[int]
    matches: Matcher | None = None
    holds: Callable[[str, int], bool] | None = None


_PERL: dict[str, Matcher] = {
    "d": lambda char: "0" <= char <= "9",
    "s": lambda char: char in " \t\n\f\r",
    "w": lambda char: char.isascii() and (char.isalnum() or char == "_"),
}
_POSIX: dict[str, Matcher] = {
    "alnum": lambda char: char.isascii() and char.isalnum(),
    "alpha": lambda char: char.isascii() and char.isalpha(),
    "ascii": str.isascii,
    "blank": lambda char: char in " \t",
    "cntrl": lambda char: char < " " or char == "\x7f",
    "digit": _PERL["d"],
    "graph": lambda char: "!" <= char <= "~",
    "lower": lambda char: "a" <= char <= "z",
    "print": lambda char: " " <= char <= "~",
    "punct": lambda char: "!" <= char <= "~" and not char.isalnum(),
    "space": lambda char: char in " \t\n\v\f\r",
    "upper": lambda char: "A" <= char <= "Z",
    "word": _PERL["w"],
    "xdigit": lambda char: char in "0123456789abcdefABCDEF",
}
_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REPEAT = re.compile(r"\{(\d{1,4})(,(\d{1,4})?)?\}")
_CODE = re.compile(r"x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([0-7]{3})")
_GROUP = re.compile(r"\?(?:P?<([A-Za-z_]\w*)>|([imsU]*)(?:-([imsU]+))?([:)]))")
_PROPERTY = re.compile(r"([pP])(?:\{(\^?)(\w+)\}|([A-Z]))")


def _word_at(text: str, at: int) -> bool:
    return 0 <= at < len(text) and _PERL["w"](text[at])


_ASSERTIONS: dict[str, Callable[[str, int], bool]] = {
    "A": lambda _text, at: at == 0,
    "z": lambda text, at: at == len(text),
    "b": lambda text, at: _word_at(text, at - 1) != _word_at(text, at),
    "B": lambda text, at: _word_at(text, at - 1) == _word_at(text, at),
    "^": lambda text, at: at == 0 or text[at - 1] == "\n",
    "$": lambda text, at: at == len(text) or text[at] == "\n",
}


@dataclass(slots=True)
class _Compiler:
    """Recursive descent over the pattern; a fragment is (first instruction, instructions whose end is open)."""

    pattern: str
    at: int = 0
    flags: frozenset[str] = frozenset()
    nesting: int = 0
    program: list[_Op] = field(default_factory=list)

    def emit(self, op: _Op) -> int:
        if len(self.program) >= MAX_PROGRAM:
            raise PatternError("expression too large")
        self.program.append(op)
        return len(self.program) - 1

    def more(self, stop: str = "") -> bool:
        return self.at < len(self.pattern) and self.pattern[self.at] not in stop

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def accept(self, char: str) -> bool:
        if self.pattern.startswith(char, self.at):
            self.at += len(char)
            return True
        return False

    def alternatives(self) -> tuple[int, int]:
        """`a|b|c`: first and last instruction; the last one's `to` is open."""
        flags = self.flags
        split, end = self.emit(_Op([])), self.emit(_Op([]))
        while True:
            first, last = self.sequence()
            self.program[split].to.append(first)
            self.program[last].to.append(end)
            if not self.accept("|"):
                break
        self.flags = flags
        return split, end

    def sequence(self) -> tuple[int, int]:
        first = last = self.emit(_Op([]))
        while self.more("|)"):
            start = self.at
            head, tail = self.atom()
            if operator := self.repeat():
                head, tail = self.repeated(start, head, tail, *operator)
                if self.repeat():
                    raise PatternError("invalid nested repetition operator")
            self.program[last].to.append(head)
            last = tail
        return first, last

    def repeat(self) -> tuple[int, int | None] | None:
        """Least and most of the repetition that stands here; None without one, or for a brace that is only text."""
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self.pattern[self.at : self.at + 1])
        if simple is not None:
            self.at += 1
        else:
            counted = _REPEAT.match(self.pattern, self.at)
            if counted is None:
                return None
            self.at = counted.end()
            least = int(counted[1])
            simple = (least, int(counted[3]) if counted[3] else None if counted[2] else least)
            if max(least, simple[1] or 0) > MAX_REPEAT or (simple[1] is not None and simple[1] < least):
                raise PatternError("invalid repeat count")
        self.accept("?")  # lazy or greedy decides what is captured, not whether it matches
        return simple

    def repeated(self, start: int, head: int, tail: int, least: int, most: int | None) -> tuple[int, int]:
        """The atom compiled so far, and as many further copies as needed."""
        end = self.at
        copies = [(head, tail)]
        for _ in range(max(least, most or 0, 1) - 1):
            self.at = start
            copies.append(self.atom())
        self.at = end
        entry = last = self.emit(_Op([]))
        exit_ = self.emit(_Op([]))
        for number, (first, final) in enumerate(copies if most != 0 else []):
            if number >= least:
                self.program[last].to.append(exit_)
            self.program[last].to.append(first)
            last = final
        if most is None:
            self.program[last].to.append(copies[-1][0])
        self.program[last].to.append(exit_)
        return entry, exit_

    def atom(self) -> tuple[int, int]:
        char = self.take()
        if char == "(":
            return self.group()
        if char in "*+?":
            raise PatternError(f"missing argument to repetition operator: {char}")
        if char == "^":
            return self.assertion("^" if "m" in self.flags else "A")
        if char == "$":
            return self.assertion("$" if "m" in self.flags else "z")
        if char == "\\" and self.more() and self.pattern[self.at] in "AzbB":
            return self.assertion(self.take())
        if char == "\\" and self.accept("Q"):
            return self.quoted()
        return self.one(self.matcher(char))

    def matcher(self, char: str) -> Matcher:
        if char == ".":
            return (lambda _char: True) if "s" in self.flags else (lambda found: found != "\n")
        if char == "[":
            return self.folded(self.char_class())
        return self.folded(self.escape() if char == "\\" else _is(char))

    def one(self, matcher: Matcher) -> tuple[int, int]:
        index = self.emit(_Op([], matches=matcher))
        return index, index

    def assertion(self, name: str) -> tuple[int, int]:
        index = self.emit(_Op([], holds=_ASSERTIONS[name]))
        return index, index

    def quoted(self) -> tuple[int, int]:
        first = last = self.emit(_Op([]))
        end = self.pattern.find("\\E", self.at)
        for char in self.pattern[self.at : end if end >= 0 else None]:
            index, _ = self.one(self.folded(_is(char)))
            self.program[last].to.append(index)
            last = index
        self.at = end + 2 if end >= 0 else len(self.pattern)
        return first, last

    def group(self) -> tuple[int, int]:
        if self.nesting >= MAX_NESTING:
            raise PatternError("expression nests too deeply")
        outer = self.flags
        if self.pattern.startswith("?", self.at):
            opening = _GROUP.match(self.pattern, self.at)
            if opening is None:
                raise PatternError("invalid or unsupported Perl syntax after (?")
            self.at = opening.end()
            self.flags = (self.flags | set(opening[2] or "")) - set(opening[3] or "")
            if opening[4] == ")":  # flags for the rest of the surrounding group
                index = self.emit(_Op([]))
                return index, index
        self.nesting += 1
        fragment = self.alternatives()
        self.nesting -= 1
        if not self.accept(")"):
            raise PatternError("missing closing )")
        self.flags = outer
        return fragment

    def folded(self, matcher: Matcher) -> Matcher:
        if "i" not in self.flags:
            return matcher
        return lambda char: matcher(char) or matcher(char.lower()) or matcher(char.upper())

    def escape(self) -> Matcher:
        """What follows a backslash, outside or inside a class."""
        if not self.more():
            raise PatternError("trailing backslash at end of expression")
        if code := _CODE.match(self.pattern, self.at):
            self.at = code.end()
            number = int(code[1] or code[2], 16) if code[1] or code[2] else int(code[3], 8)
            if number > 0x10FFFF:
                raise PatternError("invalid escape sequence")
            return _is(chr(number))
        if found := _PROPERTY.match(self.pattern, self.at):
            self.at = found.end()
            name, negated = found[3] or found[4], (found[1] == "P") != bool(found[2])
            return lambda char: unicodedata.category(char).startswith(name) != negated
        char = self.take()
        if char.lower() in _PERL:
            known, wanted = _PERL[char.lower()], char.islower()
            return lambda found: known(found) == wanted
        if char in _CONTROL:
            return _is(_CONTROL[char])
        if char.isalnum():
            raise PatternError(f"invalid escape sequence: \\{char}")
        return _is(char)

    def char_class(self) -> Matcher:
        negated = self.accept("^")
        parts: list[Matcher] = []
        while not parts or not self.pattern.startswith("]", self.at):
            if not self.more():
                raise PatternError("missing closing ]")
            parts.append(self.class_part())
        self.at += 1
        return lambda char: any(part(char) for part in parts) != negated

    def class_part(self) -> Matcher:
        if posix := re.match(r"\[:(\^?)(\w+):\]", self.pattern[self.at : self.at + 12]):
            self.at += posix.end()
            if posix[2] not in _POSIX:
                raise PatternError(f"invalid character class range: {posix[0]}")
            known, wanted = _POSIX[posix[2]], not posix[1]
            return lambda char: known(char) == wanted
        first = self.class_end()
        if not isinstance(first, str) or not re.match(r"-[^\]]", self.pattern[self.at : self.at + 2]):
            return _is(first) if isinstance(first, str) else first
        self.at += 1
        last = self.class_end()
        if not isinstance(last, str) or last < first:
            raise PatternError("invalid character class range")
        return lambda char: first <= char <= last

    def class_end(self) -> str | Matcher:
        """A character of a class, or the matcher of an escape that stands for many."""
        char = self.take()
        if char != "\\":
            return char
        matcher = self.escape()
        return getattr(matcher, "only", matcher)


class _Is:
    """Matches one character, and tells which."""

    __slots__ = ("only",)

    def __init__(self, only: str) -> None:
        self.only = only

    def __call__(self, char: str) -> bool:
        return char == self.only


_is = _Is


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> tuple[list[_Op], int, int]:
    """The program of a pattern, with its first and last instruction.

    Raises:
        PatternError: it is not RE2 syntax, or too large.
    """
    compiler = _Compiler(pattern)
    try:
        first, last = compiler.alternatives()
    except RecursionError:
        raise PatternError("expression nests too deeply") from None
    if compiler.more():
        raise PatternError("unexpected )")
    return compiler.program, first, last


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text.

    Raises:
        PatternError: it is not RE2 syntax, or too large.
    """
    program, first, last = compiled(pattern)
    waiting: list[int] = []
    for at in range(len(text) + 1):
        reached = set(_reached(program, [first, *waiting], text, at))
        if last in reached:
            return True
        if at < len(text):
            waiting = [target for index in reached for target in _targets(program[index], text[at])]
    return False


def _targets(op: _Op, char: str) -> list[int]:
    return op.to if op.matches is not None and op.matches(char) else []


def _reached(program: list[_Op], start: list[int], text: str, at: int) -> Iterator[int]:
    """Every instruction that can be reached without consuming a character."""
    seen: set[int] = set()
    stack = start
    while stack:
        index = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        yield index
        op = program[index]
        if op.matches is None and (op.holds is None or op.holds(text, at)):
            stack.extend(op.to)

"""Regular expressions: RE2's syntax, in linear time."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_nb.expressions.regex import PatternError, search

_PIECES = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "(",
        ")",
        "|",
        "*",
        "+",
        "?",
        "[ab]",
        "[^a]",
        ".",
        "^",
        "$",
        "a{1,2}",
        "(?:b)",
        r"\b",
        r"\d",
        "a{0}",
    ]
)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a{2}", "a", False), ("a{2}", "aa", True), ("^a{2,3}b", "aaab", True), ("^a{2,3}b", "aaaab", False), ("^a{0}b", "b", True),
        ("(?i)ABC", "xabc", True), ("x(?i)a", "xA", True), ("x(?i:a)b", "xAB", False), ("(?-i)a", "A", False),
        ("[^a-c]", "abc", False), ("[]a]", "]", True), ("[a-]", "-", True), (r"[\d-]", "-", True), ("[[:alpha:]]", "1", False),
        (r"\pL", "é", True), (r"\p{Lu}", "é", False), (r"\PL", "é", False), (r"\x41\x{42}\103", "ABC", True),
        (r"\Qa.b\E+", "a.bb", True), (r"\Qa.b", "axb", False), ("^abc$", "abc\n", False), ("(?m)^b$", "a\nb\nc", True), ("a.c", "a\nc", False),
        ("(?s)a.c", "a\nc", True), (r"\bfoo\b", "a foo b", True), (r"o\Bo", "foo", True), ("(?P<x>a)(?<y>b)", "ab", True), ("a{,3}", "a{,3}", True),
        ("", "abc", True), (r"\w\s\W", "a !", True), (r"\D\S", "ab", True), (r"\n\t", "\n\t", True), (r"\.", "x", False),
    ],
)  # fmt: skip
def test_re2_syntax(pattern: str, text: str, found: bool) -> None:
    assert search(pattern, text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "(",
        "a)",
        "*a",
        "a**",
        "a{3}{2}",
        "a{1001}",
        "a{2,1}",
        "(?=a)",
        r"(a)\1",
        r"\y",
        "\\",
        "[b-a]",
        "[[:foo:]]",
        r"\x{110000}",
        "(" * 101,
        "((a{100}){100}){100}",
    ],
)
def test_what_re2_refuses_is_a_pattern_error(pattern: str) -> None:
    with pytest.raises(PatternError):
        search(pattern, "a")


def test_no_pattern_takes_exponential_time() -> None:
    assert not search("(a*)*b", "a" * 5000)
    assert not search("(a|aa)+$", "a" * 5000 + "b")


@settings(max_examples=500)
@given(st.lists(_PIECES, max_size=8).map("".join), st.text("abc1 \n", max_size=8))
def test_agrees_with_python_where_both_know_the_syntax(pattern: str, text: str) -> None:
    try:
        found, other = search(pattern, text), re.compile(pattern.replace("$", r"\Z"))
    except (PatternError, re.error):
        return
    assert found is (other.search(text) is not None)


@given(st.text(max_size=30), st.text(max_size=10))
def test_any_pattern_matches_or_is_a_pattern_error(pattern: str, text: str) -> None:
    with contextlib.suppress(PatternError):
        assert search(pattern, text) in (True, False)

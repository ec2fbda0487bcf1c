"""Whatever the text and the data: an answer or an ExpressionError, and nothing else."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_nb import expressions
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.values import go_text
from tests.unit.vectors import cases, load

_EVENT = load("cel")["events"]["E1"]
_TEXTS = [case["input"]["expression"] for case in cases("cel") if len(case["input"]["expression"]) < 300]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abnsx"), inner, max_size=3),
    max_leaves=10,
)
_ATOMS = st.sampled_from(
    [
        "event.data", "event.data.a", "event.data.missing", "async.data.b", "event.data['s']", "event.data.list[0]", "1", "-1", "2u", "0.0", "1e308",
        "9223372036854775807", "'x'", "b'x'", "null", "true", "[1, 'a']", "{'a': 1}", "foo", "x", "duration('1h')", "date('2024-02-29')", "type(1)",
    ]
)  # fmt: skip
_BINARY = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"])
_CALLS = st.sampled_from(
    [
        "size({})", "int({})", "uint({})", "double({})", "string({})", "bool({})", "bytes({})", "timestamp({})", "duration({})", "date({})", "type({})",
        "dyn({})", "lowercase({})", "uppercase({})", "b64decode({})", "json_parse({})", "!({})", "-({})", "({}).x", "({})[0]", "({})['a']", "({}).getHours()",
        "({}).map(x, x)", "({}).filter(x, x == 1)", "({}).all(x, x)", "({}).exists(x, x > 1)", "({}).exists_one(x, x == x)", "[{}]", "{{'k': {}}}", "now_plus({})",
    ]
)  # fmt: skip
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: (
        st.tuples(inner, _BINARY, inner).map(lambda parts: f"({' '.join(parts)})")
        | st.tuples(_CALLS, inner).map(lambda pair: pair[0].format(pair[1]))
        | st.tuples(inner, inner, inner).map("({0[0]} ? {0[1]} : {0[2]})".format)
    ),
    max_leaves=8,
)


def answer(text: str, event: object) -> None:
    with contextlib.suppress(ExpressionError):
        value = expressions.compile(text).evaluate({"data": event}, _EVENT)
        assert isinstance(go_text(value), str)
        expressions.bind(text, {"data": event}).matches(_EVENT)
        expressions.check(text, variables=("event", "async"))


@settings(max_examples=400, deadline=None)
@given(_EXPRESSIONS, _JSON)
def test_every_expression_on_any_data(text: str, data: object) -> None:
    answer(text, {"a": data, "list": [data], "s": data})


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    answer(text, {})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_TEXTS), st.integers(0, 300), st.text(max_size=3), st.integers(0, 3))
def test_any_damage_to_a_real_expression(text: str, at: int, inserted: str, removed: int) -> None:
    answer(text[:at] + inserted + text[at + removed :], _EVENT["data"])


def test_data_nested_beyond_the_stack() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    answer("event.data.a == event.data.b", {"a": deep, "b": [deep]})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_printed_numbers_read_back(number: float) -> None:
    assert float(expressions.key("event.data.n", {"data": {"n": number}})) == number

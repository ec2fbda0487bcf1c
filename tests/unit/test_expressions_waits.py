"""Waits: binding to the trigger event, matching, and the index over many of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_nb import expressions
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import WaitIndex, bind
from inngest_nb.expressions.wait_index import Terms, decode_terms, encode_terms, terms_of
from tests.unit.vectors import cases, label, load

EVENTS: dict[str, Any] = load("cel")["events"]

#: Inngest puts the text of a value into the text of the condition. Where that text cannot be read back, or the value
#: sits in a call that it cannot take apart, no event matches there. Ours puts in the value: the first event matches.
VALUES_INSTEAD_OF_TEXT = {
    "event.data.quote == async.data.q": "a text with quotes",
    "event.data.nl == async.data.nl": "a text with a newline",
    "has(event.data.missing) || async.data.ok == true": "a missing value that stands alone",
    "async.data.s.startsWith(event.data.s)": "a value inside a call",
    "async.data.list.exists(x, x == event.data.id)": "a value inside a macro",
}


@pytest.mark.parametrize("case", cases("cel", "wait"), ids=label)
def test_waits_match_as_on_the_server(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    bound = bind(given["expression"], EVENTS[given["event"]])
    found = [bound.matches(EVENTS[name]) for name in given["async_events"]]
    if given["expression"] in VALUES_INSTEAD_OF_TEXT:
        assert found == [True, False, False, False]
        return
    assert found == [match is True for match in expected["matches"]]  # an error counts as no match
    assert bound.never or not expected["never_matches"]
    assert not (bound.never and any(found))


def test_the_residual_is_readable() -> None:
    event = {"data": {"id": "u_1", "ok": True, "n": 5}}
    assert bind("event.data.id == async.data.id && event.data.ok", event).residual == '("u_1" == async.data.id) && true'
    assert bind("event.data.ok && async.data.n > event.data.n", event).residual == "async.data.n > 5.0"
    assert bind("event.data.id == 'other' && async.data.ok", event).never
    assert bind(None, event).residual == "true"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("async.data.id == event.data.id", ((("data", "id"), "u_1"),)),
        ("'pre-' + event.data.id == async.data.id && async.data.ok", ((("data", "id"), "pre-u_1"),)),
        ("async.data.ok && async.data.n == 5", ((("data", "n"), 5.0),)),
        ("async['data'].id == 'a' || async.data.id == null", ((("data", "id"), "a"), (("data", "id"), (None,)))),
        ("async.data.id == 'a' || async.data.n > 3", ((("data", "id"), "a"), None)),
        ("async.data.list == event.data.list", (None,)),
        ("!(async.data.id == 'a')", (None,)),
    ],
)
def test_index_terms_are_the_first_equality_of_each_alternative(text: str, terms: tuple[object, ...]) -> None:
    assert bind(text, {"data": {"id": "u_1", "list": [1]}}).index_terms == terms


def test_a_malformed_wait_is_an_error_at_once() -> None:
    with pytest.raises(ExpressionError, match="expected a value"):
        bind("async.data.id ==", {"data": {}})


def test_the_index_forgets_what_is_removed() -> None:
    index: WaitIndex[int] = WaitIndex()
    for wait in range(10):
        index.add(wait, "a", _terms(wait))
    index.add(3, "b", terms_of(None))
    event = {"name": "a", "data": {"id": 1}}
    assert index.candidates(event) == [1, 3, 5, 7, 9]
    assert index.candidates({"name": "b"}) == [3]
    index.remove(3, "b", ())
    for wait in range(10):
        index.remove(wait, "a", _terms(wait))
    assert (index.candidates(event), index._names) == ([], {})


def _terms(wait: int) -> Terms:
    return terms_of(bind("async.data.id == event.data.id || async.data.n == 1", {"data": {"id": wait % 2}}))


_VALUES = st.sampled_from(["a", "b", "", 0, 1, -0.0, 1.5, True, False, None, [1], {"a": 1}, 2**70])
_DATA = st.dictionaries(st.sampled_from(["x", "y", "z"]), _VALUES)
_TERMS = st.sampled_from(
    [
        "async.data.x == event.data.x", "event.data.y == async.data.y", "async.data.z == 1", "async.data.z == null", "async.data.x",
        "async['data'].y == true", "async.data.x != event.data.x", "async.data.x == async.data.y", "async.data.x.a == 1", "async.data.x == 0",
        "event.data.missing == async.data.x", "async.data.x in [event.data.x]", "event.data.z == 1", "async.data.y > 1", "!async.data.y",
    ]
)  # fmt: skip
_CONDITIONS = st.recursive(
    _TERMS,
    lambda inner: st.tuples(inner, st.sampled_from([" && ", " || "]), inner).map(lambda parts: f"({''.join(parts)})"),
    max_leaves=5,
)


@given(st.lists(st.tuples(_CONDITIONS, _DATA), max_size=20), _DATA)
def test_the_index_finds_all_that_matches(waits: list[tuple[str, dict[str, object]]], data: dict[str, object]) -> None:
    index: WaitIndex[int] = WaitIndex()
    event = {"name": "reply", "data": data}
    matching = []
    for number, (text, trigger) in enumerate(waits):
        bound = bind(text, {"name": "start", "data": trigger})
        terms = terms_of(bound)
        assert decode_terms(encode_terms(terms)) == terms
        index.add(number, "reply", terms)
        if bound.matches(event):
            matching.append(number)
    assert set(index.candidates(event)) >= set(matching)


@given(_CONDITIONS, _DATA, _DATA)
def test_binding_first_gives_what_evaluating_at_once_gives(
    text: str, trigger: dict[str, object], data: dict[str, object]
) -> None:
    """Where nothing of the trigger event is missing: that is where the server's order of work shows."""
    start, reply = {"name": "s", "data": {"x": "a", "y": 1, "z": 2, **trigger}}, {"name": "r", "data": data}
    if "event.data.missing" in text:
        return
    try:
        at_once = expressions.matches(text, start, reply)
    except ExpressionError:
        at_once = False
    assert bind(text, start).matches(reply) is at_once

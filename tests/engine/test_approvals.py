"""Questions with a form: what does not fit is refused, what only the type can tell is asked for again."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

import inngest_nb
from inngest_nb import realtime
from inngest_nb.approvals import HEADLESS
from inngest_nb.engine.answers import problems
from inngest_nb.errors import AnswerInvalidError
from inngest_nb.source import Source
from tests.engine.embedded import GO, LIMIT_S

desk = realtime.channel(name="desk", topics={"questions": dict})()


class Publish(BaseModel):
    """What is decided about a text."""

    audience: Literal["all", "team", "nobody"]
    priority: int = Field(3, ge=1, le=5)
    on: datetime.date | None = None
    tags: list[str] = []

    @field_validator("priority")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


DRAFT = Publish(audience="team", tags=["howto"])


@pytest.fixture
def run(client: inngest_nb.Inngest) -> inngest_nb.Run:
    """A run that asks for a Publish."""

    @client.create_function(fn_id="ask", trigger=GO)
    async def ask(ctx: inngest_nb.Context) -> Any:
        decision = await ctx.step.request_approval(
            "confirm", desk.questions, message="Publish?", schema=Publish, draft=DRAFT, timeout="1h"
        )
        if decision is None:
            return None
        kind = type(decision.data).__name__
        data = decision.data.model_dump(mode="json") if kind == "Publish" else decision.data
        return [decision.approved, kind, data, decision.reason]

    return ask.start()


def questions(client: inngest_nb.Inngest) -> Iterator[dict[str, Any]]:
    """What is asked, as it comes."""
    for message in client.realtime.subscribe(channel=desk, since="start"):
        if message.kind == "data":
            yield message.data


def answer(client: inngest_nb.Inngest, question: dict[str, Any], *, approved: bool = True, **more: Any) -> None:
    data = {"question_id": question["question_id"], "approved": approved, **more}
    client.send_sync(inngest_nb.Event(name="approval/decided", data=data))


def test_a_question_carries_its_form_its_draft_and_its_deadline(
    client: inngest_nb.Inngest, run: inngest_nb.Run
) -> None:
    question = next(questions(client))
    assert question["schema"] == Publish.model_json_schema()
    assert question["draft"] == {"audience": "team", "priority": 3, "on": None, "tags": ["howto"]}
    left = question["expires_at"] / 1000 - datetime.datetime.now(datetime.UTC).timestamp()
    assert 3500 < left <= 3600
    run.cancel()


def test_an_approval_has_the_type_of_the_schema(client: inngest_nb.Inngest, run: inngest_nb.Run) -> None:
    filled_in = {"audience": "all", "priority": 5, "on": "2026-11-24"}
    answer(client, next(questions(client)), data=filled_in)
    assert run.result(LIMIT_S) == [True, "Publish", {**filled_in, "tags": []}, None]


def test_fields_may_stand_beside_the_question(client: inngest_nb.Inngest, run: inngest_nb.Run) -> None:
    question = next(questions(client))
    answer(client, question, **{key: question[key] for key in ("message", "schema", "draft")}, audience="all")
    assert run.result(LIMIT_S)[2]["audience"] == "all"


def test_a_rejection_needs_no_form_and_may_say_why(client: inngest_nb.Inngest, run: inngest_nb.Run) -> None:
    answer(client, next(questions(client)), approved=False, reason="Cites the wrong version.")
    assert run.result(LIMIT_S) == [False, "dict", {}, "Cites the wrong version."]


def test_what_does_not_fit_is_refused_with_its_places_and_the_question_stays_open(
    client: inngest_nb.Inngest, run: inngest_nb.Run
) -> None:
    question = next(questions(client))
    bad = {"audience": "everybody", "priority": 9, "on": "tomorrow", "tags": ["a", 2]}
    with pytest.raises(AnswerInvalidError) as caught:
        client._link().call("send", {"events": [_event(question, bad)], "key": None})
    assert sorted(map(tuple, (error["path"] for error in caught.value.errors))) == [
        ("audience",),
        ("on",),
        ("priority",),
        ("tags", 1),
    ]
    answer(client, question, data={"audience": "nobody"})
    assert run.result(LIMIT_S)[0] is True


def test_a_view_gets_422_with_the_places(client: inngest_nb.Inngest, run: inngest_nb.Run) -> None:
    question = next(questions(client))
    status, body = Source(client._link()).request("POST", "events", _event(question, {"priority": 1}))
    assert (status, body["code"]) == (422, "answer_invalid")
    assert body["errors"] == [{"path": ["audience"], "message": "Field required"}]
    run.cancel()


def test_an_answer_delivered_again_is_taken_for_the_first(client: inngest_nb.Inngest, run: inngest_nb.Run) -> None:
    event = _event(next(questions(client)), {"audience": "all"})
    sent = [client._link().call("send", {"events": [event], "key": "k"}) for _ in range(2)]
    assert sent[0] == sent[1]
    assert run.result(LIMIT_S)[0] is True


def test_what_only_the_type_can_tell_is_asked_again_with_what_was_filled_in(
    client: inngest_nb.Inngest, run: inngest_nb.Run
) -> None:
    asked = questions(client)
    first = next(asked)
    answer(client, first, data={"audience": "all", "priority": 4})
    second = next(asked)
    assert second["again"] == first["question_id"] != second["question_id"]
    assert second["errors"] == [{"path": ["priority"], "message": "Value error, must be odd"}]
    assert second["draft"] == {"audience": "all", "priority": 4}
    assert abs(second["expires_at"] - first["expires_at"]) < 1000
    answer(client, second, data={"audience": "all", "priority": 5})
    assert run.result(LIMIT_S)[2]["priority"] == 5


def test_nobody_at_home_answers_with_the_draft(
    client: inngest_nb.Inngest, run: inngest_nb.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HEADLESS, "approve")
    view = inngest_nb.Approval(desk, topic="questions", client=client)
    assert run.result(LIMIT_S)[2]["tags"] == ["howto"]
    view.close()


def _event(question: dict[str, Any], filled_in: Any) -> dict[str, Any]:
    data = {"question_id": question["question_id"], "approved": True, "data": filled_in}
    return {"name": "approval/decided", "data": data}


@pytest.mark.parametrize(
    ("schema", "value", "places"),
    [
        ({"type": "integer"}, 1, []),
        ({"type": "integer"}, "1", [[]]),
        ({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]}, 4, [[]]),
        ({"type": "object", "required": ["a", "b"]}, {}, [["a"], ["b"]]),
        ({"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"x": {"minLength": 2}}}}}, {"x": "a"}, [["x"]]),
    ],
)
def test_problems_are_found_where_they_are(schema: dict[str, Any], value: Any, places: list[list[str]]) -> None:
    assert [problem["path"] for problem in problems(schema, value)] == places

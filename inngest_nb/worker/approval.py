"""`request_approval`: a question to a person and the wait for the answer, in the order that cannot miss it."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_nb.durations import Duration
from inngest_nb.errors import SchemaError
from inngest_nb.jsontext import dumps
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.stephash import step_hash
from inngest_nb.worker.waits import for_event

if TYPE_CHECKING:
    from inngest_nb.event import Event
    from inngest_nb.worker.execution import Execution

DECIDED_EVENT = "approval/decided"
_OF_THE_QUESTION = ("message", "question_id", "schema", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided. `data` is what they filled in, as the schema's type where there was one."""

    approved: bool
    data: Any
    user: dict[str, Any] | None
    decided_at: datetime.datetime


async def request_approval(
    execution: Execution, step_id: str, ref: TopicRef[Any], *, message: str, schema: Any, timeout: Duration
) -> Decision | None:
    """Wait first, then ask: an answer that comes at once finds the wait."""
    question_id = step_hash(f"{execution.run_id}:{step_id}")[:20]
    question: dict[str, Any] = {"message": message, "question_id": question_id}
    if schema is not None:
        question["schema"] = _adapter(schema).json_schema()
    condition = f"async.data.question_id == '{question_id}'"
    now_us = execution.worker.clock.now()
    waiting = asyncio.ensure_future(
        execution.wait(step_id, "wait_for_event", for_event(step_id, DECIDED_EVENT, timeout, condition, now_us))
    )
    await asyncio.sleep(0)  # the wait is on its way to the engine before the question is
    publication = {"channel": ref.channel, "topic": ref.topic, "data": dumps(question)}
    await execution.step(f"{step_id}:ask", "realtime.publish", lambda: question, publish=publication)
    return _decision(step_id, schema, await waiting)


def _decision(step_id: str, schema: Any, answer: Any) -> Decision | None:
    from inngest_nb.event import event_from_text

    if answer is None:
        return None
    event: Event = event_from_text(answer)
    data: Any = {key: value for key, value in event.data.items() if key not in _OF_THE_QUESTION}
    approved = event.data.get("approved") is True
    if schema is not None and approved:
        data = _typed(step_id, schema, data)
    return Decision(
        approved=approved,
        data=data,
        user=dict(event.user) if event.user else None,
        decided_at=datetime.datetime.fromtimestamp(event.ts / 1000, datetime.UTC),
    )


def _typed(step_id: str, schema: Any, data: dict[str, Any]) -> Any:
    import pydantic

    try:
        return _adapter(schema).validate_python(data)
    except pydantic.ValidationError as exc:
        fields = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise SchemaError(f"the answer to step {step_id!r} does not fit its schema: {fields}") from exc


def _adapter(schema: Any) -> Any:
    import pydantic

    return pydantic.TypeAdapter(schema)

"""`request_approval`: a question to a person and the wait for the answer, in the order that cannot miss it."""

from __future__ import annotations

import asyncio
import datetime
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_nb.approvals import DECIDED_EVENT, answer_data
from inngest_nb.durations import Duration, to_milliseconds
from inngest_nb.errors import SchemaError
from inngest_nb.jsontext import dumps
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.stephash import step_hash
from inngest_nb.worker.waits import for_event

if TYPE_CHECKING:
    import pydantic

    from inngest_nb.event import Event
    from inngest_nb.worker.execution import Execution

_LEAST_MS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided. `data` is what they filled in, as the schema's type where there was one."""

    approved: bool
    data: Any
    user: dict[str, Any] | None
    decided_at: datetime.datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Asker:
    """Where and what is asked; `form` is the JSON Schema of the answer."""

    execution: Execution
    ref: TopicRef[Any]
    message: str
    form: dict[str, Any] | None

    async def ask(self, step_id: str, timeout: Duration, about: dict[str, Any]) -> tuple[dict[str, Any], Event | None]:
        """Wait first, then ask: an answer that comes at once finds the wait. Returns the question and what came."""
        from inngest_nb.event import event_from_text

        execution, now_us = self.execution, self.execution.worker.clock.now()
        question = self._question(step_id, now_us // 1000 + to_milliseconds(timeout, field="timeout"), about)
        condition = f"async.data.question_id == '{question['question_id']}'"
        wait = for_event(step_id, DECIDED_EVENT, timeout, condition, now_us)
        if self.form is not None:
            wait["opts"] = dumps({"schema": self.form})  # the engine refuses what does not fit, even without a kernel
        waiting = asyncio.ensure_future(execution.wait(step_id, "wait_for_event", wait))
        await asyncio.sleep(0)  # the wait is on its way to the engine before the question is
        publication = {"channel": self.ref.channel, "topic": self.ref.topic, "data": dumps(question)}
        asked = await execution.step(f"{step_id}:ask", "realtime.publish", lambda: question, publish=publication)
        answer = await waiting
        return asked, None if answer is None else event_from_text(answer)

    def _question(self, step_id: str, expires_at: int, about: dict[str, Any]) -> dict[str, Any]:
        question_id = step_hash(f"{self.execution.run_id}:{step_id}")[:20]
        form = {} if self.form is None else {"schema": self.form}
        return {"message": self.message, "question_id": question_id, "expires_at": expires_at, **form, **about}


async def request_approval(
    execution: Execution,
    step_id: str,
    ref: TopicRef[Any],
    *,
    message: str,
    schema: Any,
    timeout: Duration,
    draft: Any = None,
) -> Decision | None:
    """Ask until the answer fits, or until the deadline of the first question."""
    adapter = None if schema is None else _adapter(schema)
    form = adapter and adapter.json_schema()
    about = {} if draft is None or adapter is None else {"draft": _json(step_id, adapter, draft)}
    asker, asking = _Asker(execution, ref, message, form), step_id
    for turn in itertools.count(2):
        question, answer = await asker.ask(asking, timeout, about)
        if answer is None:
            return None
        filled_in = answer_data(answer.data, form)
        data, errors = _typed(adapter, filled_in) if answer.data.get("approved") is True else (filled_in, [])
        if not errors:
            return _decision(answer, data)
        # Only the type itself knows checks that a JSON Schema cannot say; who answered sees them beside the fields.
        left_ms = question["expires_at"] - execution.worker.clock.now() // 1000
        timeout, asking = max(left_ms, _LEAST_MS), f"{step_id}:{turn}"
        about = {"draft": filled_in, "errors": errors, "again": question["question_id"]}
    raise AssertionError  # the turns do not end


def _decision(answer: Event, data: Any) -> Decision:
    reason = answer.data.get("reason")
    return Decision(
        approved=answer.data.get("approved") is True,
        data=data,
        user=dict(answer.user) if answer.user else None,
        decided_at=datetime.datetime.fromtimestamp(answer.ts / 1000, datetime.UTC),
        reason=reason if isinstance(reason, str) else None,
    )


def _typed(adapter: pydantic.TypeAdapter[Any] | None, filled_in: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The answer as the schema's type, or where it does not fit."""
    import pydantic

    if adapter is None:
        return filled_in, []
    try:
        return adapter.validate_json(dumps(filled_in)), []
    except pydantic.ValidationError as exc:
        return None, [{"path": list(error["loc"]), "message": error["msg"]} for error in exc.errors()]


def _json(step_id: str, adapter: pydantic.TypeAdapter[Any], draft: Any) -> Any:
    """A draft as JSON: a value of the schema's type, or what is to become one."""
    import pydantic

    try:
        return adapter.dump_python(draft, mode="json", warnings="error")
    except (pydantic.ValidationError, ValueError, TypeError) as exc:
        if isinstance(draft, dict):
            return draft
        raise SchemaError(f"the draft of step {step_id!r} is neither of its schema nor a dict: {exc}") from exc


def _adapter(schema: Any) -> pydantic.TypeAdapter[Any]:
    import pydantic

    return pydantic.TypeAdapter(schema)

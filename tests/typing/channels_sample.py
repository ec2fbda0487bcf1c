"""What checkers accept and reject of channels; every ignored line must really be an error, or the ignore is one."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict, TypeVar, assert_type, overload

import pydantic

from inngest_nb import realtime

T = TypeVar("T")


class Publish(Protocol):
    """The two forms that every publish has."""

    @overload
    async def __call__(self, ref: realtime.TopicRef[T], data: T, /) -> None: ...
    @overload
    async def __call__(self, ref: realtime.Publication[T], /) -> None: ...


class Status(pydantic.BaseModel):
    message: str


class Usage(TypedDict):
    input_tokens: int


class AgentChat(realtime.Channel, name="agent-chat:{thread_id}"):
    thread_id: str
    status: realtime.Topic[Status]
    logs: realtime.Topic[str]
    usage: realtime.StaticTopic[Usage]


class Alerts(realtime.Channel, name="system:alerts"):
    alert: realtime.Topic[Status]


def thread_channel(thread_id: str) -> str:
    """Return a name of parameters with types."""
    return f"agent-chat:{thread_id}"


async def accepted(publish: Publish) -> None:
    """Every line is right."""
    chat = AgentChat(thread_id="t1")
    assert_type(chat.name, str)
    assert_type(chat.thread_id, str)
    assert_type(chat.status, realtime.TopicRef[Status])
    assert_type(chat.status.type, type[Status])
    assert_type(Alerts.alert, realtime.TopicRef[Status])
    assert_type(chat.logs("x"), realtime.Publication[str])
    await publish(chat.status, Status(message="Thinking..."))
    await publish(chat.status(Status(message="Thinking...")))
    await publish(chat.usage, Usage(input_tokens=3))
    await publish(chat.usage({"input_tokens": 3}))  # mypy reads a literal as a TypedDict only in this form
    await publish(Alerts.alert, Status(message="up"))
    declared = realtime.channel(name=thread_channel, topics={"status": Status, "n": realtime.static_schema(int)})
    assert_type(declared(thread_id="t1").status, realtime.TopicRef[Any])
    await publish(declared("t1").status, {"message": "dynamic channels are checked at run time"})
    static = realtime.channel("system:alerts").add_topic(realtime.topic("logs").type(str))
    await publish(static().logs("hi"))
    await publish(static.logs, "hi")


async def rejected(publish: Publish) -> None:
    """Every ignored line is wrong."""
    chat = AgentChat(thread_id="t1")
    await publish(chat.status, {"wrong": 1})  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await publish(chat.status, "wrong")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await publish(chat.logs, 5)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await publish(chat.usage, {"input_tokens": "3"})  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await publish(chat.status("wrong"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await publish(chat.status)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    _ = chat.statsu  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    declared = realtime.channel(name=thread_channel, topics={"status": Status})
    declared(thread_id=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    declared(thread="t1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    realtime.channel(name=5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]

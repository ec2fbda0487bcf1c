"""What checkers accept and reject of channels; every ignored line must really be an error, or the ignore is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, TypedDict, TypeVar, assert_type, overload

import pydantic

import inngest_nb
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


class Pipeline(realtime.Channel, name="pipeline:{run_id}"):
    """Topics with a schema beside topics that have only a type."""

    run_id: str
    status: realtime.Topic[Status]
    usage: realtime.StaticTopic[Usage]
    steps: realtime.Topic[list[int]]


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


async def accepted_everywhere(client: inngest_nb.Inngest, ctx: inngest_nb.Context, message: realtime.Message) -> None:
    """The same in every place that publishes, and in what subscribers do."""
    chat, pipeline = AgentChat(thread_id="t1"), Pipeline(run_id="r1")
    await client.realtime.publish(chat.status, Status(message="x"))
    await client.realtime.publish(chat.logs("x"))
    client.realtime.publish_sync(chat.logs, "x")
    await client.realtime.publish(chat.logs, words())
    await ctx.publish(chat.status, Status(message="x"))
    await ctx.publish(pipeline.usage, Usage(input_tokens=1))
    await ctx.publish(pipeline.steps([1, 2]))
    await ctx.step.realtime.publish("done", chat.status, Status(message="x"))
    assert_type(chat.status.of(message), Status | None)
    if (status := chat.status.of(message)) is not None:
        assert_type(status.message, str)
    assert_type(pipeline.usage.type, type[Usage])
    assert_type(AgentChat.params, Mapping[str, Any])
    assert_type(chat.topics, Mapping[str, realtime.TopicConfig[Any]])
    subscription = client.realtime.subscribe(channel=chat, topics=["status", chat.logs])
    assert_type(subscription, realtime.Subscription)
    assert_type(await subscription, realtime.Subscription)
    async for received in subscription:
        assert_type(received, realtime.Message)
    for received in realtime.subscribe(channel=chat, token="..."):
        assert_type(received.offset, int | None)
    hook = inngest_nb.use_realtime(
        chat, ["status"], token=lambda: client.realtime.token(channel=chat), history_limit=None
    )
    assert_type(hook.messages.all, list[realtime.Message])


async def words() -> AsyncIterator[str]:
    """Some text."""
    yield "x"


async def rejected_everywhere(client: inngest_nb.Inngest, ctx: inngest_nb.Context) -> None:
    """Every ignored line is wrong."""
    chat = AgentChat(thread_id="t1")
    await client.realtime.publish(chat.status, "wrong")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    client.realtime.publish_sync(chat.logs, 5)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await ctx.publish(chat.status, {"wrong": 1})  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await ctx.publish(chat.logs)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await ctx.step.realtime.publish("done", chat.logs, 5)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    client.realtime.subscribe(chat)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    realtime.subscribe(channel=chat)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    inngest_nb.use_realtime(chat, histroy_limit=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


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

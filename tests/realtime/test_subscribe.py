"""Subscriptions as users write them: loops, callbacks and streams, over the embedded engine."""

from __future__ import annotations

import asyncio
import datetime
import gc
import logging
import threading
from collections.abc import AsyncIterable
from typing import Any, TypeVar

import orjson
import pytest

import inngest_nb
from inngest_nb import links, realtime
from inngest_nb.engine.subscriptions import MAX_SUBSCRIPTIONS
from inngest_nb.errors import ChannelError, SchemaError
from inngest_nb.hub.subscription import BATCH
from inngest_nb.links.embedded import EmbeddedLink
from inngest_nb.realtime.inbox import FULL
from tests.realtime.news import LIMIT_S, Status, first, news, publish
from tests.support.waiting import until

T = TypeVar("T")


#: The same channel as somebody declares it who knows less.
loose = realtime.channel(
    "news", topics={"status": realtime.static_schema(object), "line": realtime.static_schema(object)}
)


async def afirst(messages: AsyncIterable[T], count: int) -> list[T]:
    found: list[T] = []
    async with asyncio.timeout(LIMIT_S):
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found


# -- loops ---------------------------------------------------------------------------------------


async def test_async_for_gives_messages_of_the_topics_types_in_order(client: inngest_nb.Inngest) -> None:
    subscription = await client.realtime.subscribe(channel=news, topics=["status", "line"])
    await client.realtime.publish(news.any, "of another topic")
    await client.realtime.publish(news.status, Status(text="Thinking..."))
    await client.realtime.publish(news.line, "one")
    messages = await afirst(subscription, 2)
    assert [message.data for message in messages] == [Status(text="Thinking...", progress=0), "one"]
    assert [(message.topic, message.kind, message.offset) for message in messages] == [
        ("status", "data", 1),
        ("line", "data", 2),
    ]
    assert messages[0].channel == "news"
    assert messages[0].run_id is None
    assert messages[0].created_at.tzinfo is not None


def test_for_in_a_script(client: inngest_nb.Inngest) -> None:
    publish(client, "one", "two", "three")
    subscription = client.realtime.subscribe(channel=news, since="start")
    assert [message.data for message in first(subscription, 3)] == ["one", "two", "three"]


async def test_for_in_a_cell_where_a_loop_runs(client: inngest_nb.Inngest) -> None:
    publish(client, "one")
    assert [message.data for message in first(client.realtime.subscribe(channel=news, since="start"), 1)] == ["one"]


def test_what_is_published_after_subscribe_is_seen(client: inngest_nb.Inngest) -> None:
    publish(client, "before")
    for number in range(50):
        subscription = client.realtime.subscribe(channel=news)
        publish(client, str(number))
        assert next(iter(subscription)).data == str(number)
        subscription.close()


async def test_readers_of_one_subscription_are_independent(client: inngest_nb.Inngest) -> None:
    publish(client, "before")
    subscription = client.realtime.subscribe(channel=news)
    publish(client, "a", "b", "c")
    both = asyncio.gather(afirst(subscription, 3), afirst(subscription.get_json_stream(), 4), afirst(subscription, 2))
    publish(client, "d")
    one, two, three = await both
    assert [message.data for message in one] == ["a", "b", "c"]
    assert [message["data"] for message in two] == ["a", "b", "c", "d"]
    assert [message.data for message in three] == ["a", "b"]


def test_an_iterator_that_is_kept_goes_on_after_a_break(client: inngest_nb.Inngest) -> None:
    publish(client, "a", "b", "c")
    messages = iter(client.realtime.subscribe(channel=news, since="start"))
    for message in messages:
        assert message.data == "a"
        break
    assert [message.data for message in first(messages, 1)] == ["b"]


def test_a_loop_that_was_left_follows_no_longer(client: inngest_nb.Inngest) -> None:
    publish(client, "a")
    link = client._link()
    for _ in client.realtime.subscribe(channel=news, since="start"):
        assert len(link._following) == 1
        break
    until(lambda: not link._following)


def test_a_subscription_that_nobody_holds_follows_no_longer(client: inngest_nb.Inngest) -> None:
    link = client._link()
    for _ in range(5):
        subscription = client.realtime.subscribe(channel=news).ready()  # as in a cell that is executed again
    assert len(link._following) == 1
    heard: list[str] = []
    client.realtime.subscribe(channel=news, on_message=lambda message: heard.append(message.data))
    messages = iter(subscription)
    del subscription
    gc.collect()
    publish(client, "a")
    assert next(messages).data == "a"
    until(lambda: heard == ["a"])
    del messages
    until(lambda: len(link._following) == 1)


def test_close_ends_loops_behind_what_has_arrived(client: inngest_nb.Inngest) -> None:
    subscription = client.realtime.subscribe(channel=news)
    messages = iter(subscription)
    publish(client, "a")
    assert next(messages).data == "a"
    threading.Timer(0.05, subscription.close).start()
    assert list(messages) == []
    assert list(subscription) == []
    subscription.unsubscribe()
    assert repr(subscription) == "<Subscription news closed>"


def test_the_end_of_the_engine_ends_loops(client: inngest_nb.Inngest) -> None:
    messages = iter(client.realtime.subscribe(channel=news).ready())
    threading.Timer(0.05, links.close_links).start()
    assert list(messages) == []


@pytest.mark.parametrize("since", ["start", 1, "time"])
def test_since(client: inngest_nb.Inngest, since: Any) -> None:
    publish(client, "a")
    between = datetime.datetime.now(datetime.UTC)
    publish(client, "b", "c")
    given = between if since == "time" else since
    expected = ["a", "b", "c"] if since == "start" else ["b", "c"]
    found = first(client.realtime.subscribe(channel=news, since=given), len(expected))
    assert [message.data for message in found] == expected


async def test_an_iterator_that_was_closed_gives_nothing_more(client: inngest_nb.Inngest) -> None:
    publish(client, "a", "b")
    messages = aiter(client.realtime.subscribe(channel=news, since="start"))
    assert (await anext(messages)).data == "a"
    await messages.aclose()
    assert [message async for message in messages] == []


async def test_a_wait_that_was_given_up_loses_nothing(client: inngest_nb.Inngest) -> None:
    messages = aiter(await client.realtime.subscribe(channel=news))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(messages), 0.01)
    await client.realtime.publish(news.line, "a")
    assert (await asyncio.wait_for(anext(messages), LIMIT_S)).data == "a"


@pytest.mark.parametrize(
    "since",
    [
        datetime.datetime.min,  # noqa: DTZ901  # as people write it: local time
        datetime.datetime(2026, 1, 1),  # noqa: DTZ001
        datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC),
    ],
)
def test_a_time_long_ago_is_the_start(client: inngest_nb.Inngest, since: datetime.datetime) -> None:
    publish(client, "a", "b")
    assert [message.data for message in first(client.realtime.subscribe(channel=news, since=since), 2)] == ["a", "b"]


def test_the_time_of_a_message_is_its_place_to_the_microsecond(client: inngest_nb.Inngest) -> None:
    publish(client, *map(str, range(50)))
    for message in first(client.realtime.subscribe(channel=news, since="start"), 50):
        (found,) = first(client.realtime.subscribe(channel=news, since=message.created_at), 1)
        assert found.created_at == message.created_at


def test_an_offset_that_is_not_there_yet_is_now(client: inngest_nb.Inngest) -> None:
    subscription = client.realtime.subscribe(channel=news, since=1_000_000).ready()
    publish(client, "a")
    assert [message.data for message in first(subscription, 1)] == ["a"]


@pytest.mark.parametrize("wrong", [{"on_message": 5}, {"on_error": "print"}])
def test_what_cannot_be_called_back_is_refused_at_once(client: inngest_nb.Inngest, wrong: Any) -> None:
    with pytest.raises(ChannelError, match="must be a function"):
        client.realtime.subscribe(channel=news, **wrong)


@pytest.mark.parametrize("since", ["later", -1, True, 1.5, None, 2**70, datetime.timedelta(minutes=5)])
def test_a_wrong_since_is_refused_at_once(client: inngest_nb.Inngest, since: Any) -> None:
    with pytest.raises(ChannelError, match="since must be"):
        client.realtime.subscribe(channel=news, since=since)


def test_an_unknown_topic_is_refused_at_once(client: inngest_nb.Inngest) -> None:
    with pytest.raises(ChannelError, match="did you mean 'status'"):
        client.realtime.subscribe(channel=news, topics=["statsu"])


def test_a_subscription_that_the_engine_refuses_raises_where_it_is_read(client: inngest_nb.Inngest) -> None:
    others = [client.realtime.subscribe(channel="x") for _ in range(MAX_SUBSCRIPTIONS)]
    subscription = client.realtime.subscribe(channel="x")
    with pytest.raises(ChannelError, match="already follows 1000 channels"):
        subscription.ready()
    with pytest.raises(ChannelError, match="already follows"):
        next(iter(subscription))
    for other in others:
        other.close()


# -- validation ----------------------------------------------------------------------------------


def bad_one_between(client: inngest_nb.Inngest) -> None:
    client.realtime.publish_sync(loose.status, {"text": "a"})
    client.realtime.publish_sync(loose.status, {"text": 5, "progress": "no"})
    client.realtime.publish_sync(loose.status, {"text": "b", "progress": "7"})


def test_data_that_does_not_fit_goes_to_on_error_and_is_left_out(client: inngest_nb.Inngest) -> None:
    bad_one_between(client)
    errors: list[Exception] = []
    subscription = client.realtime.subscribe(channel=news, since="start", on_error=errors.append)
    assert [message.data for message in first(subscription, 2)] == [Status(text="a"), Status(text="b", progress=7)]
    (error,) = errors
    assert isinstance(error, SchemaError)
    assert "message 1 was left out" in error.message
    assert "text: Input should be a valid string, got 5" in error.message


def test_without_on_error_it_is_logged(client: inngest_nb.Inngest, caplog: pytest.LogCaptureFixture) -> None:
    bad_one_between(client)
    with caplog.at_level(logging.WARNING, "inngest_nb"):
        assert len(first(client.realtime.subscribe(channel=news, since="start"), 2)) == 2
    assert "subscription to 'news': data for topic 'status'" in caplog.text


@pytest.mark.parametrize("channel", [news, "news"])
def test_validate_false_and_a_channel_by_name_take_what_comes(client: inngest_nb.Inngest, channel: Any) -> None:
    bad_one_between(client)
    subscription = client.realtime.subscribe(channel=channel, since="start", validate=False)
    assert [message.data for message in first(subscription, 2)] == [{"text": "a"}, {"text": 5, "progress": "no"}]


@pytest.mark.parametrize("text", ["123", "null", '{"a": 1}', "", "é\n\u2028", "true"])
def test_a_string_stays_a_string(client: inngest_nb.Inngest, text: str) -> None:
    publish(client, text)
    assert next(iter(client.realtime.subscribe(channel=news, since="start"))).data == text


# -- streams -------------------------------------------------------------------------------------


async def test_json_and_encoded_streams_carry_what_was_validated(client: inngest_nb.Inngest) -> None:
    await client.realtime.publish(loose.status, {"text": "é\n", "unknown": 1})
    subscription = client.realtime.subscribe(channel=news, since="start")
    (message,) = await afirst(subscription.get_json_stream(), 1)
    assert message["data"] == {"text": "é\n", "progress": 0}
    assert message.keys() == {"channel", "topic", "kind", "data", "created_at", "offset"}
    (frame,) = await afirst(subscription.get_encoded_stream(), 1)
    assert frame.startswith(b"data: {")
    assert frame.endswith(b"}\n\n")
    assert frame.count(b"\n") == 2
    assert orjson.loads(frame.removeprefix(b"data: ")) == message


async def test_an_encoded_stream_ends_with_the_subscription(client: inngest_nb.Inngest) -> None:
    async with client.realtime.subscribe(channel=news) as subscription:
        stream = subscription.get_encoded_stream()
        publish(client, "a")
        assert b'"a"' in await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


# -- memory, gaps, runs --------------------------------------------------------------------------


def burst(client: inngest_nb.Inngest, count: int) -> None:
    for number in range(count):
        client._link().post(
            {"op": "publish", "channel": "news", "topic": "line", "data": f'"{number}"', "created_at": 1}
        )


def test_what_nobody_reads_is_not_in_memory_and_nothing_is_lost(client: inngest_nb.Inngest) -> None:
    subscription = client.realtime.subscribe(channel=news).ready()
    count = 8 * FULL
    burst(client, count)
    publish(client, "last")
    (inbox,) = subscription._inboxes
    until(lambda: len(inbox._items) >= FULL)
    assert len(inbox._items) < FULL + BATCH
    assert not client._link()._following
    assert [message.offset for message in first(subscription, count)] == list(range(count))


def test_a_callback_subscription_retains_nothing(client: inngest_nb.Inngest) -> None:
    seen: list[int | None] = []
    subscription = client.realtime.subscribe(channel=news, on_message=lambda message: seen.append(message.offset))
    burst(client, 3 * FULL)
    until(lambda: len(seen) == 3 * FULL)
    assert seen == list(range(3 * FULL))
    (inbox,) = subscription._inboxes
    assert not inbox._items


def test_messages_that_are_gone_are_told_as_a_gap(client: inngest_nb.Inngest) -> None:
    publish(client, "a", "b", "c")
    link = client._link()
    assert isinstance(link, EmbeddedLink)
    link.engine.core.hub.log("news").first = 2
    gap, message = first(client.realtime.subscribe(channel=news, since=0), 2)
    assert (gap.kind, gap.topic, gap.data, gap.offset) == ("gap", "$gap", {"from": 0, "to": 2, "lost": 2}, 0)
    assert (message.data, message.offset) == ("c", 2)


@pytest.fixture
def likes(client: inngest_nb.Inngest) -> inngest_nb.Function[Any]:
    @client.create_function(fn_id="like", trigger=inngest_nb.TriggerEvent(event="app/like"), retries=0)
    async def like(ctx: inngest_nb.Context) -> str:
        await ctx.publish(news.line, "liked")
        if ctx.event.data.get("fail"):
            raise ValueError("no")
        return "done"

    return like


@pytest.mark.parametrize(("fail", "status"), [(False, "completed"), (True, "failed")])
def test_the_end_of_a_run_is_told_on_channels_it_published_to_whatever_the_topics(
    client: inngest_nb.Inngest, likes: inngest_nb.Function[Any], fail: bool, status: str
) -> None:
    subscription = client.realtime.subscribe(channel=news, topics=["line"])
    run = likes.start({"fail": fail})
    data, end = first(subscription, 2)
    assert (data.data, data.run_id, data.fn_id) == ("liked", run.id, "app-like")
    assert (end.kind, end.run_id, end.data["status"]) == ("run", run.id, status)

"""`use_realtime` on a real engine: pauses, runs, rollbacks, what observers see."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from traitlets import TraitError

import inngest_nb
from inngest_nb import realtime
from inngest_nb.errors import ChannelError
from inngest_nb.hooks.hook import HELD, Realtime
from inngest_nb.links.embedded import EmbeddedLink
from tests.support.waiting import until

LIMIT_S = 10.0


class Status(BaseModel):
    text: str


pipeline = realtime.channel(lambda run_id: f"pipeline:{run_id}", topics={"status": Status, "tokens": str})
ch = pipeline("p1")


async def reached(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(until, condition, within_s=LIMIT_S)


@pytest.fixture
def tokens(client: inngest_nb.Inngest) -> Callable[..., None]:
    def publish(*texts: str) -> None:
        for text in texts:
            client.realtime.publish_sync(ch.tokens, text)

    return publish


def data(messages: list[realtime.Message]) -> list[Any]:
    return [message.data for message in messages]


def watched(hook: Realtime) -> list[str]:
    """The statuses that a hook goes through from now on."""
    statuses: list[str] = []
    hook.observe(lambda change: statuses.append(change["new"]), "connection_status")
    return statuses


async def opened(*args: Any, **options: Any) -> Realtime:
    hook = inngest_nb.use_realtime(*args, **options)
    await reached(lambda: hook.connection_status == "open")
    return hook


@pytest.fixture
def pipe(client: inngest_nb.Inngest) -> inngest_nb.Function[Any]:
    """Publishes what its event says, fails the step where it says so, and returns a text."""

    @client.create_function(fn_id="pipe", trigger=inngest_nb.TriggerEvent(event="app/pipe"), retries=1, backoff=0)
    async def pipe(ctx: inngest_nb.Context) -> str:
        await ctx.publish(ch.status, Status(text="begun"))
        attempts = iter([ctx.event.data.get("first", []), ctx.event.data.get("second", [])])
        tries: list[int] = []

        async def say() -> None:
            tries.append(1)
            for word in next(attempts):
                await ctx.publish(ch.tokens, word)
            if len(tries) == 1 and ctx.event.data.get("second"):
                raise ConnectionError("cut off")

        await ctx.step.run("say", say)
        if ctx.event.data.get("fail"):
            raise inngest_nb.NonRetriableError("no")
        return "the end"

    return pipe


async def test_a_run_from_the_first_message_to_its_result(pipe: inngest_nb.Function[Any]) -> None:
    hook = inngest_nb.use_realtime(channel=ch, topics=["status", "tokens"])
    statuses = watched(hook)
    assert (hook.connection_status, hook.run_status) == ("connecting", "unknown")
    await reached(lambda: hook.connection_status == "open")
    assert hook.run_status == "unknown"
    runs: list[str] = []
    hook.observe(lambda change: runs.append(change["new"]), "run_status")
    pipe.start({"first": ["a", "b"]})
    await reached(lambda: hook.connection_status == "closed")
    assert statuses == ["open", "closed"]
    assert runs == ["running", "completed"]
    assert hook.result == "the end"
    assert data(hook.messages.all) == [Status(text="begun"), "a", "b"]
    assert hook.messages.by_topic["status"].data.text == "begun"
    assert hook.messages.last is hook.messages.all[-1]
    assert hook.error is None


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
async def test_runs_that_do_not_complete(client: inngest_nb.Inngest, ending: str) -> None:
    @client.create_function(fn_id="end", trigger=inngest_nb.TriggerEvent(event="app/end"), retries=0)
    async def end(ctx: inngest_nb.Context) -> None:
        await ctx.publish(ch.tokens, "x")
        if ending == "failed":
            raise ValueError("no")
        await ctx.step.sleep("long", "1h")

    hook = await opened(ch)
    runs: list[str] = []
    hook.observe(lambda change: runs.append(change["new"]), "run_status")
    run = end.start()
    await reached(lambda: runs[:1] == ["running"])
    if ending == "cancelled":
        run.cancel()
    await reached(lambda: hook.run_status == ending)
    assert hook.result is None
    assert hook.connection_status == "closed"


async def test_a_rolled_back_attempt_leaves_all(pipe: inngest_nb.Function[Any]) -> None:
    deltas: list[Any] = []
    hook = await opened(ch, topics=["tokens"])
    hook.observe(
        lambda change: deltas.extend(m.kind if m.kind != "data" else m.data for m in change["new"].delta), "messages"
    )
    pipe.start({"first": ["Hel"], "second": ["Hello", "!"]})
    await reached(lambda: hook.run_status == "completed")
    assert data(hook.messages.all) == ["Hello", "!"]
    assert deltas == ["Hel", "rollback", "Hello", "!"]


async def test_delta_is_lossless_in_a_burst(tokens: Callable[..., None]) -> None:
    words = [str(number) for number in range(500)]
    hook = await opened(ch, history_limit=10)
    deltas: list[list[Any]] = []
    hook.observe(lambda change: deltas.append(data(change["new"].delta)), "messages")
    threading.Thread(target=tokens, args=words).start()
    await reached(lambda: len(deltas) == len(words))
    assert deltas == [[word] for word in words]
    assert data(hook.messages.all) == words[-10:]


async def test_buffering_shows_batches_and_by_topic_at_once(tokens: Callable[..., None]) -> None:
    words = [str(number) for number in range(100)]
    hook = await opened(ch, buffer_interval=60_000, history_limit=None)
    tokens(*words)
    await reached(lambda: "tokens" in hook.messages.by_topic and hook.messages.by_topic["tokens"].data == "99")
    assert (hook.messages.all, hook.messages.delta, hook.messages.last) == ([], [], None)
    hook.buffer_interval = 0
    assert data(hook.messages.all) == data(hook.messages.delta) == words
    hook.buffer_interval = 5
    tokens("a", "b")
    await reached(lambda: data(hook.messages.all) == [*words, "a", "b"])


async def test_hidden_stands_still_and_misses_nothing(tokens: Callable[..., None]) -> None:
    called: list[Any] = []
    hook = await opened(ch, on_message=lambda message: called.append(message.data))
    hook.visible = False
    assert (hook.connection_status, hook.is_paused, hook.pause_reason) == ("paused", True, "hidden")
    tokens("a", "b")
    await reached(lambda: called == ["a", "b"])
    assert hook.messages.all == []
    assert hook.messages.by_topic == {}
    hook.visible = True
    assert (hook.connection_status, hook.is_paused, hook.pause_reason) == ("open", False, None)
    assert data(hook.messages.delta) == data(hook.messages.all) == ["a", "b"]


async def test_hidden_for_long_holds_little_and_misses_nothing(client: inngest_nb.Inngest) -> None:
    hook = await opened("burst", history_limit=None)
    hook.visible = False
    count = 4 * HELD
    for number in range(count):
        client._link().post({"op": "publish", "channel": "burst", "topic": "t", "data": str(number), "created_at": 1})
    await reached(lambda: len(hook._state.buffer) >= HELD)
    await reached(lambda: not client._link()._following)
    assert len(hook._state.buffer) == HELD
    hook.visible = True
    await reached(lambda: len(hook.messages.all) == count)
    assert data(hook.messages.all) == list(range(count))


async def test_hidden_does_not_matter_without_pause_on_hidden(tokens: Callable[..., None]) -> None:
    hook = await opened(ch, pause_on_hidden=False)
    hook.visible = False
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])
    assert hook.connection_status == "open"


async def test_disabled_goes_on_where_it_was(tokens: Callable[..., None], client: inngest_nb.Inngest) -> None:
    hook = await opened(ch)
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])
    hook.enabled = False
    assert (hook.connection_status, hook.is_paused, hook.pause_reason) == ("paused", True, "disabled")
    tokens("b", "c")
    until(lambda: not client._link()._following)
    hook.enabled = True
    assert hook.connection_status == "connecting"
    await reached(lambda: data(hook.messages.all) == ["a", "b", "c"])


async def test_disabled_from_the_beginning_needs_no_channel() -> None:
    hook = inngest_nb.use_realtime(enabled=False)
    assert (hook.connection_status, hook.pause_reason) == ("paused", "disabled")
    hook.enabled = True
    await reached(lambda: hook.connection_status == "error")
    assert isinstance(hook.error, ChannelError)
    assert "needs a channel" in str(hook.error)


async def test_a_channel_that_comes_later(tokens: Callable[..., None]) -> None:
    hook = inngest_nb.use_realtime(enabled=False, topics=["tokens"])
    hook.channel = ch
    hook.enabled = True
    await reached(lambda: hook.connection_status == "open")
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])


@pytest.mark.parametrize("change", [{"channel": pipeline("p2")}, {"topics": ["status"]}, {"key": "2"}])
async def test_another_channel_topics_or_key_forget_everything(
    tokens: Callable[..., None], change: dict[str, Any]
) -> None:
    hook = await opened(ch)
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])
    for name, value in change.items():
        setattr(hook, name, value)
    assert hook.messages.all == []
    assert hook.connection_status == "connecting"
    await reached(lambda: hook.connection_status == "open")


async def test_the_same_channel_again_changes_nothing(tokens: Callable[..., None]) -> None:
    hook = await opened(ch)
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])
    hook.channel = pipeline(run_id="p1")
    assert data(hook.messages.all) == ["a"]
    assert hook.connection_status == "open"


async def test_after_the_end_of_a_run_only_reset_goes_on_and_misses_nothing(
    pipe: inngest_nb.Function[Any], tokens: Callable[..., None]
) -> None:
    hook = await opened(ch, topics=["tokens"])
    pipe.start({"first": ["a"]})
    await reached(lambda: hook.run_status == "completed")
    tokens("between")
    hook.enabled = False
    hook.enabled = True
    hook.visible = False
    hook.visible = True
    assert hook.connection_status == "closed"
    hook.reset()
    assert (hook.run_status, hook.result, hook.messages.all) == ("unknown", None, [])
    await reached(lambda: data(hook.messages.all) == ["between"])


async def test_without_auto_close_it_stays_open(pipe: inngest_nb.Function[Any], tokens: Callable[..., None]) -> None:
    hook = await opened(ch, topics=["tokens"], auto_close_on_terminal=False)
    pipe.start()
    await reached(lambda: hook.run_status == "completed")
    assert hook.connection_status == "open"
    tokens("more")
    await reached(lambda: data(hook.messages.all) == ["more"])
    hook.auto_close_on_terminal = True
    assert hook.connection_status == "closed"


async def test_close_ends_it(tokens: Callable[..., None], client: inngest_nb.Inngest) -> None:
    hook = await opened(ch)
    hook.close()
    assert hook.connection_status == "closed"
    until(lambda: not client._link()._following)


async def test_what_does_not_fit_is_told_and_left_out(client: inngest_nb.Inngest, tokens: Callable[..., None]) -> None:
    errors: list[Exception] = []
    hook = await opened(ch, on_error=errors.append)
    await client.realtime.publish(realtime.channel(ch.name, topics={"tokens": int}).tokens, 5)
    tokens("a")
    await reached(lambda: data(hook.messages.all) == ["a"])
    assert ["message 0 was left out" in str(error) for error in errors] == [True]


async def test_observers_and_callbacks_that_fail_stop_nothing(tokens: Callable[..., None]) -> None:
    errors: list[str] = []

    async def on_message(message: realtime.Message) -> None:
        await asyncio.sleep(0)
        raise LookupError("callback")

    def observer(change: Any) -> None:
        raise LookupError("observer")

    hook = await opened(ch, on_message=on_message, on_error=lambda error: errors.append(str(error)))
    hook.observe(observer, "messages")
    tokens("a", "b")
    await reached(lambda: len(errors) == 4)
    assert errors == ["observer", "callback"] * 2
    assert data(hook.messages.all) == ["a", "b"]


async def test_changes_happen_on_the_loop_of_the_cell(tokens: Callable[..., None]) -> None:
    hook = await opened(ch)
    threads: set[str] = set()
    hook.observe(lambda change: threads.add(threading.current_thread().name), "messages")
    tokens("a")
    await reached(lambda: bool(threads))
    assert threads == {"MainThread"}


async def test_what_is_published_right_after_it_was_made_is_seen(tokens: Callable[..., None]) -> None:
    hook = inngest_nb.use_realtime(ch)
    tokens("a", "b")  # before the loop has had a turn
    await reached(lambda: data(hook.messages.all) == ["a", "b"])


def test_in_a_script_too(client: inngest_nb.Inngest, tokens: Callable[..., None]) -> None:
    for number in range(20):
        hook = inngest_nb.use_realtime(ch)
        tokens(str(number))
        until(lambda hook=hook: bool(hook.messages.all))  # type: ignore[misc]
        assert data(hook.messages.all) == [str(number)]
        hook.close()


def test_in_a_script_they_happen_on_a_thread_of_the_hooks(
    client: inngest_nb.Inngest, tokens: Callable[..., None]
) -> None:
    called: list[str] = []
    hook = inngest_nb.use_realtime(ch, client=client, on_message=lambda message: called.append(message.data))
    until(lambda: hook.connection_status == "open")
    tokens("a", "b")
    until(lambda: called == ["a", "b"])
    assert data(hook.messages.all) == ["a", "b"]
    hook.close()
    until(lambda: hook.connection_status == "closed")


@pytest.mark.parametrize(
    "options", [{"buffer_interval": -1}, {"history_limit": "many"}, {"reconnect_min_ms": -5}, {"enabled": "yes"}]
)
async def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TraitError):
        inngest_nb.use_realtime(ch, **options)


async def test_a_wrong_channel_is_refused_at_once() -> None:
    with pytest.raises(ChannelError, match="needs a channel"):
        inngest_nb.use_realtime()
    with pytest.raises(ChannelError, match="call it with its parameters first"):
        inngest_nb.use_realtime(pipeline)
    with pytest.raises(ChannelError, match="did you mean 'tokens'"):
        inngest_nb.use_realtime(ch, topics=["token"])


async def test_since_start_and_gaps(client: inngest_nb.Inngest, tokens: Callable[..., None]) -> None:
    tokens("a", "b", "c")
    link = client._link()
    assert isinstance(link, EmbeddedLink)
    link.engine.core.hub.log(ch.name).first = 1
    hook = await opened(ch, since=0)
    await reached(lambda: len(hook.messages.all) == 3)
    assert [message.kind for message in hook.messages.all] == ["gap", "data", "data"]
    assert hook.messages.all[0].data["lost"] == 1


def test_it_is_exported_where_it_is_looked_for() -> None:
    assert inngest_nb.use_realtime is realtime.use_realtime
    assert repr(inngest_nb.use_realtime(enabled=False)).startswith("<Realtime ")

"""`use_realtime` when what it was given fails: token functions, callbacks, options; and what it says of it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from traitlets import TraitError

import inngest_nb
from inngest_nb import realtime
from inngest_nb.errors import ChannelError, LinkError
from tests.support.waiting import until

LIMIT_S = 10.0
QUICKLY: Any = {"reconnect_min_ms": 5, "reconnect_max_ms": 20}
news = realtime.channel("news", topics={"line": str, "n": int})


async def reached(condition: Any) -> None:
    await asyncio.to_thread(until, condition, within_s=LIMIT_S)


async def test_one_topic_may_be_given_by_itself(client: inngest_nb.Inngest) -> None:
    for topics in ("line", news.line, ("line",), {"line": None}, iter(["line"])):
        hook = inngest_nb.use_realtime(news, topics, client=client)
        await reached(lambda hook=hook: hook.connection_status == "open")
        await client.realtime.publish(news.n, 1)
        await client.realtime.publish(news.line, "a")
        await reached(lambda hook=hook: [message.data for message in hook.messages.all] == ["a"])
        hook.close()


async def test_a_token_function_that_fails_is_tried_again_though_only_the_token_knows_the_channel(
    client: inngest_nb.Inngest,
) -> None:
    calls: list[str] = []

    async def fetch() -> Any:
        calls.append("")
        if len(calls) < 3:
            raise LookupError("not logged in")
        return await client.realtime.token(channel=news)

    hook = inngest_nb.use_realtime(token=fetch, client=client, **QUICKLY)
    seen: list[tuple[str, str]] = []
    hook.observe(lambda change: seen.append((change["new"], str(hook.error))), "connection_status")
    await reached(lambda: hook.connection_status == "open")
    told = ("error", "no token: LookupError: not logged in")
    assert seen == [told, ("connecting", "None"), told, ("connecting", "None"), ("open", "None")]
    await client.realtime.publish(news.line, "a")
    await reached(lambda: [message.data for message in hook.messages.all] == ["a"])


async def test_without_reconnect_a_token_function_is_called_once(client: inngest_nb.Inngest) -> None:
    calls: list[str] = []

    def fetch() -> str:
        calls.append("")
        raise LookupError("no")

    hook = inngest_nb.use_realtime(token=fetch, client=client, reconnect=False, **QUICKLY)
    await reached(lambda: hook.connection_status == "error")
    assert isinstance(hook.error, LinkError)
    hook.reset()
    assert hook.error is None
    assert calls == [""]


async def test_a_token_function_that_blocks_holds_up_nobody_else(client: inngest_nb.Inngest) -> None:
    release = threading.Event()

    def slow() -> Any:
        release.wait(LIMIT_S)
        return client.realtime.token_sync(channel=news)

    stuck = [inngest_nb.use_realtime(news, token=slow, client=client), inngest_nb.use_realtime(token=slow)]
    begun = time.monotonic()
    other = inngest_nb.use_realtime(news, token=lambda: client.realtime.token(channel=news), client=client)
    await reached(lambda: other.connection_status == "open")
    assert time.monotonic() - begun < LIMIT_S / 2
    assert [hook.connection_status for hook in stuck] == ["connecting", "connecting"]
    release.set()
    await reached(lambda: [hook.connection_status for hook in stuck] == ["open", "open"])


async def test_an_on_error_that_fails_or_is_async_stops_nothing(
    client: inngest_nb.Inngest, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def on_message(message: realtime.Message) -> None:
        raise LookupError(message.data)

    async def tell(error: Exception) -> None:
        await asyncio.sleep(0)
        told.append(str(error))

    def fail(error: Exception) -> None:
        raise RuntimeError("on_error itself")

    hooks = [inngest_nb.use_realtime(news, on_message=on_message, on_error=on_error) for on_error in (tell, fail)]
    await reached(lambda: all(hook.connection_status == "open" for hook in hooks))
    with caplog.at_level(logging.ERROR, "inngest_nb"):
        await client.realtime.publish(news.line, "a")
        await client.realtime.publish(news.line, "b")
        await reached(lambda: all(len(hook.messages.all) == 2 for hook in hooks) and told == ["a", "b"])
    assert [hook.connection_status for hook in hooks] == ["open", "open"]
    assert "on_error of use_realtime failed" in caplog.text


async def test_an_option_that_is_none_is_refused_with_the_one_that_is_meant(client: inngest_nb.Inngest) -> None:
    hook: Any = inngest_nb.use_realtime(news)
    with pytest.raises(AttributeError, match="has no option 'bufferInterval'; did you mean 'buffer_interval'"):
        hook.bufferInterval = 100
    hook.buffer_interval = 100
    with pytest.raises(TraitError, match="read-only"):
        hook.connection_status = "open"
    hook.close()


@pytest.mark.parametrize("wrong", [{"on_message": "print"}, {"on_error": 5}])
async def test_what_cannot_be_called_back_is_refused_at_once(client: inngest_nb.Inngest, wrong: Any) -> None:
    with pytest.raises(ChannelError, match="must be a function"):
        inngest_nb.use_realtime(news, **wrong)

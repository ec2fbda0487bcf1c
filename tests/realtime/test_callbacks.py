"""Subscriptions with callbacks: where they are called, in which order, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import pytest

import inngest_nb
from inngest_nb import realtime
from tests.realtime.news import LIMIT_S, first, news, publish
from tests.support.waiting import until


def test_a_sync_callback_is_called_while_this_thread_is_busy(client: inngest_nb.Inngest) -> None:
    seen: queue.SimpleQueue[tuple[Any, str]] = queue.SimpleQueue()
    client.realtime.subscribe(channel=news, on_message=lambda m: seen.put((m.data, threading.current_thread().name)))
    publish(client, "a", "b")
    found = [seen.get(timeout=LIMIT_S) for _ in range(2)]
    assert [data for data, _ in found] == ["a", "b"]
    assert {name for _, name in found} == {"inngest-nb subscriber"}


async def test_an_async_callback_runs_on_the_loop_of_the_caller_one_after_the_other(client: inngest_nb.Inngest) -> None:
    seen: list[Any] = []
    inside = 0
    done = asyncio.Event()

    async def on_message(message: realtime.Message) -> None:
        nonlocal inside
        assert threading.current_thread() is threading.main_thread()
        assert inside == 0
        inside += 1
        await asyncio.sleep(0)
        inside -= 1
        seen.append(message.data)
        if len(seen) == 20:
            done.set()

    client.realtime.subscribe(channel=news, on_message=on_message)
    publish(client, *map(str, range(20)))
    await asyncio.wait_for(done.wait(), LIMIT_S)
    assert seen == list(map(str, range(20)))


def test_an_async_callback_without_a_loop_has_one_of_its_own(client: inngest_nb.Inngest) -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def on_message(message: realtime.Message) -> None:
        await asyncio.sleep(0)
        seen.put(message.data)

    client.realtime.subscribe(channel=news, on_message=on_message)
    publish(client, "a")
    assert seen.get(timeout=LIMIT_S) == "a"


@pytest.mark.parametrize("is_async", [True, False])
def test_a_callback_that_fails_is_told_of_and_called_again(client: inngest_nb.Inngest, is_async: bool) -> None:
    errors: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def fail(message: realtime.Message) -> None:
        raise LookupError(message.data)

    async def put(error: Exception) -> None:
        errors.put(error)

    client.realtime.subscribe(channel=news, on_message=fail, on_error=put if is_async else errors.put)
    publish(client, "a", "b")
    assert [str(errors.get(timeout=LIMIT_S)) for _ in range(2)] == ["a", "b"]


def test_a_slow_callback_delays_nobody_else(client: inngest_nb.Inngest) -> None:
    gate = threading.Event()
    slow = client.realtime.subscribe(channel=news, on_message=lambda message: gate.wait(LIMIT_S))
    publish(client, "a", "b")
    assert [message.data for message in first(client.realtime.subscribe(channel=news, since="start"), 2)] == ["a", "b"]
    gate.set()
    slow.close()


def test_a_callback_may_close_and_hears_nothing_more(client: inngest_nb.Inngest) -> None:
    seen: list[Any] = []
    made = threading.Event()

    def on_message(message: realtime.Message) -> None:
        seen.append(message.data)
        made.wait()
        subscription.close()

    publish(client, "a", "b", "c")
    subscription = client.realtime.subscribe(channel=news, since="start", on_message=on_message)
    made.set()
    until(lambda: not any(thread.name == "inngest-nb subscriber" for thread in threading.enumerate()))
    assert seen == ["a"]

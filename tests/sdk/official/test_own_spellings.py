"""engine="inngest": what handlers of this package write, in the operations of the official SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

import inngest_nb as inngest
from inngest_nb import realtime
from tests.sdk.official.server import InngestServer, link_of
from tests.support.waiting import until


class TestOwnSpellings:
    """What handlers of this package write, in the operations of the official SDK."""

    def _ask(self, client: inngest.Inngest, fn_id: str, **steps: Any) -> httpx.Response:
        event = {"name": "own/go", "data": {"n": 1}, "id": "e1", "ts": 1_795_259_000_000}
        ctx = {
            "attempt": 0,
            "disable_immediate_execution": False,
            "run_id": "r1",
            "stack": {"stack": list(steps)},
            "max_attempts": 5,
        }
        body = {"ctx": ctx, "event": event, "events": [event], "steps": steps, "use_api": False}
        until(lambda: f"wire-{fn_id}" in link_of(client).app.functions)
        return httpx.post(f"{link_of(client).served_at}?fnId=wire-{fn_id}&stepId=step", json=body, timeout=10)

    def test_durations_in_words(self, client: inngest.Inngest) -> None:
        @client.create_function(fn_id="words", trigger=inngest.TriggerEvent(event="own/go"))
        async def words(ctx: inngest.Context) -> None:
            await ctx.step.wait_for_event("answer", event="own/answer", timeout="1h30m")

        (op,) = self._ask(client, "words").json()
        assert (op["op"], op["name"], op["opts"]["timeout"]) == ("WaitForEvent", "own/answer", "90m")

    def test_channels(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name=lambda thread: f"chat:{thread}", topics={"tokens": dict})

        @client.create_function(fn_id="chat", trigger=inngest.TriggerEvent(event="own/go"))
        async def answer(ctx: inngest.Context) -> str:
            async def pieces() -> Any:
                for word in ("durable ", "functions"):
                    yield word

            topic = chat(thread="t1").tokens
            text = await ctx.stream(topic, pieces(), to=lambda word: {"text": word})
            await ctx.step.realtime.publish("done", topic, {"text": "."})
            return text

        (op,) = self._ask(client, "chat").json()
        assert (op["op"], op["name"], op["data"]) == ("StepRun", "done", {"text": "."})
        assert [body["text"] for body in server.calls("/v1/realtime/publish")] == ["durable ", "functions", "."]
        assert self._ask(client, "chat", **{op["id"]: {"data": op["data"]}}).json() == "durable functions"
        paths = {path for _, path, _, _ in server.asked if "realtime" in path}
        assert paths == {"/v1/realtime/publish?channel=chat%3At1&topic=tokens"}

    def test_an_iterator_is_published_piece_by_piece(self, client: inngest.Inngest, server: InngestServer) -> None:
        """Its beginning and end are marks of ours, at which subscribers of a real server fail."""
        chat = realtime.channel(name="chat", topics={"tokens": dict})

        async def pieces() -> Any:
            for word in ("a", "b"):
                yield {"text": word}

        @client.create_function(fn_id="pieces", trigger=inngest.TriggerEvent(event="own/go"))
        async def publish_pieces(ctx: inngest.Context) -> None:
            await ctx.publish(chat().tokens, pieces())

        self._ask(client, "pieces")
        asyncio.run(client.realtime.publish(chat().tokens, pieces()))
        assert server.calls("/v1/realtime/publish") == [{"text": "a"}, {"text": "b"}] * 2

    def test_sync_handlers(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"tokens": dict})

        @client.create_function(fn_id="sync", trigger=inngest.TriggerEvent(event="own/go"))
        def total(ctx: inngest.ContextSync) -> int:
            ctx.publish(chat().tokens, {"text": "adding"})

            def add(a: int, b: int) -> int:
                return a + b

            return ctx.step.run("add", add, 1, ctx.event.data["n"])

        (op,) = self._ask(client, "sync").json()
        assert (op["op"], op["data"]) == ("StepRun", 2)
        assert server.calls("/v1/realtime/publish") == [{"text": "adding"}]

    def test_data_that_does_not_fit_its_topic_is_not_sent(self, client: inngest.Inngest, server: InngestServer) -> None:
        chat = realtime.channel(name="chat", topics={"count": int})

        @client.create_function(fn_id="misfit", trigger=inngest.TriggerEvent(event="own/go"))
        async def misfit(ctx: inngest.Context) -> None:
            await ctx.publish(chat().count, "many")

        answer = self._ask(client, "misfit")
        assert (answer.status_code, answer.json()["name"]) == (500, "SchemaError")
        assert server.calls("/v1/realtime/publish") == []

    def test_what_the_server_cannot_do_is_said(self, client: inngest.Inngest) -> None:
        chat = realtime.channel(name="chat", topics={"questions": dict})

        @client.create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="own/go"))
        async def ask(ctx: inngest.Context) -> None:
            await ctx.step.request_approval("ok", chat().questions, message="Proceed?", timeout="15m")

        answer = self._ask(client, "ask").json()
        assert answer["name"] == "LinkError"
        assert "request_approval" in answer["message"]

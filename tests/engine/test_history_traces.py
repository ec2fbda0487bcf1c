"""Runs of a real engine as OpenTelemetry spans, over HTTP to a collector and in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inngest_nb as nb
from inngest_nb import realtime
from inngest_nb.errors import TraceExportFailed
from inngest_nb.experimental.ai import openai
from tests.engine.embedded import LIMIT_S
from tests.support.collector import Collector, attributes_of
from tests.support.llm import ScriptedModel

ai = realtime.channel("ai", topics={"tokens": str, "usage": dict})
OK, ERROR = 1, 2
CLIENT = 3


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def parent(client: nb.Inngest) -> nb.Run:
    """A run with a retried step, a call of a model, and an invoked function that fails."""

    @client.create_function(fn_id="child", trigger=nb.TriggerEvent(event="app/child"), retries=0)
    async def child(ctx: nb.Context) -> None:
        raise ValueError("no such document")

    tries: list[int] = []

    async def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError(f"try {len(tries)}")
        return "fetched"

    @client.create_function(fn_id="parent", trigger=nb.TriggerEvent(event="app/parent"), backoff=0)
    async def parent(ctx: nb.Context) -> str:
        async def generate() -> str:
            text = await ctx.stream(ai.tokens, _words())
            await ctx.publish(ai.usage, {"model": "small-1", "prompt_tokens": 12, "completion_tokens": 3})
            return text

        await ctx.step.run("fetch", flaky)
        await ctx.step.run("generate", generate)
        try:
            await ctx.step.invoke("look-up", function=child)
        except nb.StepError:
            return "not found"
        return "found"

    run = parent.start()
    assert run.result(LIMIT_S) == "not found"
    return run


async def _words() -> Any:
    for word in ("so ", "much ", "depends "):
        yield word


def test_spans_have_the_right_parents_times_and_status(
    client: nb.Inngest, parent: nb.Run, collector: Collector
) -> None:
    assert client.history.export_traces(collector.url, headers={"x-key": "secret"}) == 5
    [(path, headers, _)] = collector.requests
    assert (path, headers["x-key"]) == ("/v1/traces", "secret")
    spans = {span.name: span for span in collector.spans}
    root, failed = spans["invoke_workflow app-parent"], spans["invoke_workflow app-child"]
    fetch, generate, look_up = spans["fetch"], spans["chat small-1"], spans["look-up"]
    assert {span.trace_id for span in collector.spans} == {root.trace_id}, "one trace, with what it invoked"
    assert root.parent_span_id == b""
    assert {span.parent_span_id for span in (fetch, generate, look_up)} == {root.span_id}
    assert failed.parent_span_id == look_up.span_id
    assert [span.status.code for span in (root, fetch, generate, look_up, failed)] == [OK, OK, OK, ERROR, ERROR]
    assert failed.status.message == "no such document"
    run = client.history.runs(run_id=parent).iloc[0]
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (run.queued_at.value, run.ended_at.value)
    assert fetch.end_time_unix_nano <= generate.start_time_unix_nano


def test_failed_attempts_are_events_of_their_step(client: nb.Inngest, parent: nb.Run, collector: Collector) -> None:
    client.history.export_traces(collector.url, run_id=parent)
    (fetch,) = [span for span in collector.spans if span.name == "fetch"]
    events = [(event.name, attributes_of(event)["inngest.attempt"]) for event in fetch.events]
    assert events == [("exception", 0), ("inngest.retry", 1), ("exception", 1), ("inngest.retry", 2)]
    about = attributes_of(fetch.events[0])
    assert (about["exception.type"], about["exception.message"]) == ("ConnectionError", "try 1")
    assert "flaky" in about["exception.stacktrace"]
    assert attributes_of(fetch)["inngest.step.attempts"] == 3


def test_calls_of_models_carry_the_names_of_the_conventions(
    client: nb.Inngest, parent: nb.Run, collector: Collector
) -> None:
    client.history.export_traces(collector.url)
    (span,) = [span for span in collector.spans if span.name == "chat small-1"]
    told = attributes_of(span)
    assert span.kind == CLIENT
    assert told["gen_ai.operation.name"] == "chat"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (12, 3)
    assert 0 <= told["gen_ai.response.time_to_first_chunk"] < LIMIT_S
    assert "inngest.output" not in told, "content goes along only when it is asked for"
    client.history.export_traces(collector.url, content=True)
    (span,) = [span for span in collector.spans[5:] if span.name == "chat small-1"]
    assert json.loads(attributes_of(span)["inngest.output"]) == "so much depends "


def test_what_step_ai_asked_and_was_answered_is_known(
    client: nb.Inngest, collector: Collector, scripted_llm: ScriptedModel
) -> None:
    adapter = openai.Adapter(auth_key="very-secret", model="scripted", base_url=scripted_llm.base_url)

    @client.create_function(fn_id="asks", trigger=nb.TriggerEvent(event="app/asks"))
    async def asks(ctx: nb.Context) -> None:
        await ctx.step.ai.infer("ask", adapter=adapter, body={"messages": [{"role": "user", "content": "hello"}]})

    asks.start().result(LIMIT_S)
    client.history.export_traces(collector.url, content=True)
    (span,) = [span for span in collector.spans if span.name == "chat scripted"]
    told = attributes_of(span)
    assert (told["gen_ai.provider.name"], told["gen_ai.request.model"]) == ("openai", "scripted")
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert "very-secret" not in str(collector.requests)


def test_a_file_holds_the_same_and_exporting_again_changes_nothing(
    client: nb.Inngest, parent: nb.Run, collector: Collector, tmp_path: Path
) -> None:
    client.history.export_traces(collector.url)
    first, again = tmp_path / "traces.jsonl", tmp_path / "again.jsonl"
    client.history.export_traces(first)
    client.history.export_traces(again)
    assert first.read_bytes() == again.read_bytes()
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    spans = [span for line in lines for r in line["resourceSpans"] for s in r["scopeSpans"] for span in s["spans"]]
    assert [(span["traceId"], span["spanId"], span.get("parentSpanId", "")) for span in spans] == [
        (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) for span in collector.spans
    ]
    assert {type(span["startTimeUnixNano"]) for span in spans} == {str}
    assert lines[0]["resourceSpans"][0]["resource"]["attributes"][0]["value"] == {"stringValue": "app"}


def test_a_fork_is_linked_with_its_origin_and_has_no_span_for_what_it_took_over(
    client: nb.Inngest, parent: nb.Run, collector: Collector
) -> None:
    fork = parent.rerun(from_step="look-up")
    fork.result(LIMIT_S)
    client.history.export_traces(collector.url, run_id=parent)
    (origin,) = [span for span in collector.spans if span.name.startswith("invoke_workflow")]
    collector.requests.clear()
    client.history.export_traces(collector.url, run_id=fork)
    assert [span.name for span in collector.spans] == ["invoke_workflow app-parent", "look-up"]
    assert collector.spans[0].links[0].span_id == origin.span_id
    assert collector.spans[0].trace_id != origin.trace_id


def test_runs_that_go_on_are_exported_once_they_have_ended(client: nb.Inngest, collector: Collector) -> None:
    @client.create_function(fn_id="asks", trigger=nb.TriggerEvent(event="app/asks"))
    async def asks(ctx: nb.Context) -> None:
        await ctx.step.wait_for_event("answer", event="app/answer", timeout="1h")

    run = asks.start()
    assert client.history.export_traces(collector.url) == 0
    run.cancel("enough")
    assert client.history.export_traces(collector.url) == len(collector.spans)
    assert collector.spans[0].status.code == 0
    waits = [attributes_of(span) for span in collector.spans[1:]]
    assert [told.get("inngest.wait.event.name") for told in waits] in ([], ["app/answer"])


@pytest.mark.filterwarnings("ignore")
def test_a_collector_that_refuses_is_an_error(client: nb.Inngest, parent: nb.Run, collector: Collector) -> None:
    collector.status = 400
    with pytest.raises(TraceExportFailed, match=r"http://127.0.0.1:\d+/v1/traces did not take 5 spans"):
        client.history.export_traces(collector.url)


def test_the_environment_may_name_the_collector(
    client: nb.Inngest, parent: nb.Run, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    assert client.history.export_traces(function="parent", status="completed") == 4
    assert len(collector.spans) == 4


def test_what_is_not_installed_is_named(client: nb.Inngest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(ImportError, match=r"pip install 'inngest-nb\[otel\]'"):
        client.history.export_traces(tmp_path / "t.jsonl")

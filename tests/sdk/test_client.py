"""The client's own settings."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.errors import EventInvalidError
from inngest_nb.testing import TestEngine, trigger

GO = inngest.Event(name="app/go")
TRIGGER = inngest.TriggerEvent(event="app/go")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INNGEST_DEV", "INNGEST_BASE_URL", "INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY", "INNGEST_ENV"):
        monkeypatch.delenv(name, raising=False)


def test_settings_of_the_cloud_are_kept_for_code_that_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given = inngest.Inngest(
        app_id="app", api_base_url="https://api.test/", event_api_base_url="https://e.test/", app_version="2", env="branch",
        event_key="ek", signing_key="sk", is_production=True,
    )  # fmt: skip
    assert (given.api_origin, given.event_api_origin) == ("https://api.test/", "https://e.test/")
    assert (given.app_version, given.env, given.event_key, given.signing_key) == ("2", "branch", "ek", "sk")
    assert given.is_production
    monkeypatch.setenv("INNGEST_EVENT_KEY", "from-env")
    monkeypatch.setenv("INNGEST_DEV", "http://dev.test:8288")
    found = inngest.Inngest(app_id="app")
    assert (found.event_key, found.api_origin, found.event_api_origin) == ("from-env", *["http://dev.test:8288"] * 2)
    assert not found.is_production
    assert "sk" not in repr(given._cloud)


def test_app_id_is_given_by_name() -> None:
    make: Any = inngest.Inngest
    with pytest.raises(TypeError):
        make("app")


def test_the_logger_can_be_replaced_and_is_silent_in_replays(
    client: inngest.Inngest, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([RuntimeError("once")])
    client.set_logger(logging.getLogger("mine"))

    @client.create_function(fn_id="fn", trigger=TRIGGER, retries=1)
    async def fn(ctx: inngest.Context) -> None:
        ctx.logger.info("begins")
        await ctx.step.run("one", lambda: 1)
        ctx.logger.info("goes on at attempt %d", ctx.attempt)
        if failure := next(failures, None):
            raise failure

    with caplog.at_level("INFO", "mine"):
        assert trigger(fn, GO).status == "completed"
    assert [record.getMessage() for record in caplog.records if record.name == "mine"] == [
        "begins", "goes on at attempt 0", "goes on at attempt 1",
    ]  # fmt: skip


async def test_send_takes_one_event_or_several(client: inngest.Inngest, engine: TestEngine) -> None:
    assert len(await client.send(GO)) == 1
    assert len(set(client.send_sync([GO, GO]))) == 2
    with pytest.raises(EventInvalidError, match="an Event can be sent"):
        await client.send({"name": "app/go"})  # type: ignore[arg-type]


def test_a_function_tells_what_it_is(client: inngest.Inngest) -> None:
    async def failed(ctx: inngest.Context) -> None: ...

    @client.create_function(fn_id="fn", name="A name", trigger=TRIGGER, on_failure=failed)
    async def fn(ctx: inngest.Context) -> None: ...

    @client.create_function(fn_id="plain", trigger=TRIGGER)
    def plain(ctx: inngest.ContextSync) -> None: ...

    assert (fn.id, fn.get_id(), fn.local_id, fn.name) == ("app-fn", "app-fn", "fn", "A name")
    assert (fn.is_handler_async, fn.is_on_failure_handler_async, fn.on_failure_fn_id) == (True, True, "app-fn-failure")
    assert (plain.name, plain.is_handler_async, plain.on_failure_fn_id) == ("plain", False, None)
    failure = fn.failure_function()
    assert failure is not None
    assert failure.config() | {"code_hash": None, "step_hashes": []} == {
        "id": "app-fn-failure", "app_id": "app", "name": "A name (failure)", "retries": 0, "backoff": None, "options": {},
        "triggers": [
            {"event": "inngest/function.failed", "expression": "event.data.function_id == 'app-fn'"},
        ],
        "on_failure": False, "code_hash": None, "step_hashes": [],
    }  # fmt: skip

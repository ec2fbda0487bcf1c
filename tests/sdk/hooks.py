"""What tests of middleware share."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import inngest_nb as inngest
from inngest_nb.middleware import UninitializedMiddleware
from inngest_nb.testing import Result, trigger

GO = inngest.Event(name="app/go", data={"n": 1})


def recorder(name: str, log: list[str]) -> type[inngest.MiddlewareSync]:
    """A middleware that notes every call of a hook."""

    class Recorder(inngest.MiddlewareSync):
        def __init__(self, client: inngest.Inngest, raw_request: object) -> None:
            super().__init__(client, raw_request)
            log.append(f"{name}.new")

        def transform_input(
            self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
        ) -> None:
            log.append(f"{name}.transform_input({steps.size})")

        def before_execution(self) -> None:
            log.append(f"{name}.before_execution")

        def after_execution(self) -> None:
            log.append(f"{name}.after_execution")

        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            log.append(f"{name}.transform_output({result.step.id if result.step else None})")

        def before_response(self) -> None:
            log.append(f"{name}.before_response")

        def before_send_events(self, events: list[inngest.Event]) -> None:
            log.append(f"{name}.before_send_events")

        def after_send_events(self, result: inngest.SendEventsResult) -> None:
            log.append(f"{name}.after_send_events")

    return Recorder


def run_once(
    client: inngest.Inngest, body: Callable[..., Any], *middleware: UninitializedMiddleware, **options: Any
) -> Result:
    """Make a function of a body and take one run of it to its end."""
    settings = {"retries": 0, **options, "fn_id": "fn", "trigger": inngest.TriggerEvent(event="app/go")}
    return trigger(client.create_function(middleware=list(middleware), **settings)(body), GO).result()


class Sealed(inngest.MiddlewareSync):
    """Nothing that is kept can be read: events, steps and results are encoded."""

    def transform_input(
        self, ctx: inngest.Context | inngest.ContextSync, function: inngest.Function[Any], steps: inngest.StepMemos
    ) -> None:
        for event in (ctx.event, *ctx.events):
            event.data = opened(event.data)
        for output in steps.values():
            output.data = opened(output.data)
            if isinstance(output.data, dict) and "data" in output.data:  # an event that was waited for
                output.data["data"] = opened(output.data["data"])

    def transform_output(self, result: inngest.TransformOutputResult) -> None:
        if result.has_output():
            result.output = sealed(result.output)

    def before_send_events(self, events: list[inngest.Event]) -> None:
        for event in events:
            event.data = sealed(event.data)


def sealed(value: Any) -> dict[str, str]:
    return {"sealed": base64.b64encode(json.dumps(value).encode()).decode()}


def opened(value: Any) -> Any:
    is_sealed = isinstance(value, dict) and set(value) == {"sealed"}
    return json.loads(base64.b64decode(value["sealed"])) if is_sealed else value


class Async(inngest.Middleware):
    """Does nothing, but awaits."""

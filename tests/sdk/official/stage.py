"""Handlers that were recorded with the official SDK, defined with this package."""

from __future__ import annotations

import asyncio
import datetime
import textwrap
from typing import Any

import httpx

import inngest_nb as inngest
from inngest_nb.experimental import realtime as experimental
from tests.sdk.official.server import link_of

HELPERS = """
@fn("child")
async def child(ctx): return {"double": ctx.event.data["n"] * 2, "event_name": ctx.event.name}
@fn("child-fails", retries=0)
async def child_fails(ctx): raise ValueError("child boom")
@fn("child-slow")
async def child_slow(ctx): await ctx.step.sleep("z", 60_000)
"""


class Stage:
    """The recorded handlers, written for the official SDK, with our module in its place."""

    def __init__(self, client: inngest.Inngest) -> None:
        self.client, self.functions = client, dict[str, inngest.Function[Any]]()
        exec(HELPERS, self._names())  # the text above

    def _names(self) -> dict[str, Any]:
        async def on_failure(ctx: inngest.Context) -> str:
            async def clean_up() -> Any:
                return ctx.event.data["run_id"]

            await ctx.step.run("cleanup", clean_up)
            return "handled"

        modules = {"asyncio": asyncio, "datetime": datetime, "inngest": inngest, "realtime": experimental}
        mode = inngest.ParallelMode.RACE
        return {
            "fn": self._define,
            "FN": self.functions,
            "onf": on_failure,
            "client": self.client,
            "mode": mode,
            **modules,
        }

    def _define(self, fn_id: str, **options: Any) -> Any:
        def decorate(handler: Any) -> Any:
            trigger = inngest.TriggerEvent(event=f"wire/{fn_id}")
            self.functions[fn_id] = self.client.create_function(fn_id=fn_id, trigger=trigger, **options)(handler)
            return self.functions[fn_id]

        return decorate

    def define(self, case: dict[str, Any]) -> None:
        """Define the handler of a case."""
        code = textwrap.dedent(case["code"])
        if not code.startswith("@fn"):
            code += f'\nfn("{case["id"]}")(h)\n'
        exec(code, self._names())  # a recorded handler

    def call(self, request: dict[str, Any]) -> httpx.Response:
        """A recorded call of the server."""
        query = request["path"].partition("?")[2]
        body = _filled(request["json"])
        headers = {name: value for name, value in request["headers"].items() if name.startswith("x-")}
        return httpx.post(f"{link_of(self.client).served_at}?{query}", json=body, headers=headers, timeout=10)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return 1_795_259_000_000 if value == "<ms>" else value

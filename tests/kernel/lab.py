"""A Jupyter server as a person sees it: the cells of an agent, and what the routes tell of its runs."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from inngest_nb.realtime.messages import Message, fold_rollbacks
from tests.support.kernels import KernelServer, until
from tests.support.llm import TOKENS, ScriptedModel

TEXT = "".join(TOKENS)
_threads = itertools.count()

AGENT = """
import os
os.environ.update({environment!r})
import openai
import inngest_nb as inngest
from inngest_nb import realtime

client = inngest.Inngest(app_id="lab")
chat = realtime.channel(name=lambda thread: f"chat:{{thread}}", topics={{"tokens": dict, "questions": dict, "result": dict}})

@client.create_function(fn_id="agent-{thread}", trigger=inngest.TriggerEvent(event="lab/agent-{thread}"), backoff=0.05)
async def agent(ctx):
    channel = chat(thread="{thread}")

    async def generate():
        model = openai.AsyncOpenAI(max_retries=0)
        messages = [{{"role": "user", "content": "Say what durable functions do."}}]
        stream = await model.chat.completions.create(model="scripted", messages=messages, stream=True)
        return await ctx.stream(channel.tokens, stream, to=lambda chunk: {{"text": chunk.choices[0].delta.content or ""}})

    text = await ctx.step.run("generate", generate)
    decision = await ctx.step.request_approval("confirm", channel.questions, message="Publish?", timeout="15m")
    if decision is None or not decision.approved:
        return {{"text": text, "approved": False}}
    await ctx.step.realtime.publish("publish", channel.result, {{"text": text}})
    return {{"text": text, "approved": True, "by": decision.user}}
"""


class Lab:
    """The server's routes, and the cells of one agent whose ids are its own."""

    def __init__(self, server: KernelServer, model: ScriptedModel) -> None:
        self.server, self.model = server, model
        self.thread = f"t{next(_threads)}-{secrets.token_hex(2)}"
        self.channel = f"chat:{self.thread}"
        self.agent = AGENT.format(thread=self.thread, environment=model.environment)

    def run(self, run_id: str) -> dict[str, Any]:
        """RunState."""
        state: dict[str, Any] = self.server.request(f"inngest/api/runs/{run_id}")["run"]
        return state

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """StepStates."""
        steps: list[dict[str, Any]] = self.server.request(f"inngest/api/runs/{run_id}")["steps"]
        return steps

    def until_status(self, run_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until the run has one of these statuses; its state."""

        def reached() -> dict[str, Any] | None:
            state = self.run(run_id)
            return state if state["status"] in statuses else None

        state = until(reached, f"status {' or '.join(statuses)} of run {run_id}")
        assert state is not None
        return state

    def messages(self, channel: str | None = None) -> list[Message]:
        """The log of a channel, which must have no hole."""
        name = quote(channel or self.channel, safe="")
        found = self.server.request(f"inngest/api/channels/{name}/messages?since=0&limit=1000")["messages"]
        assert [message["offset"] for message in found] == list(range(len(found)))
        return [Message.from_wire(message) for message in found]

    def until_message(self, wanted: Callable[[Message], bool], what: str) -> Message:
        """Wait for a message on the agent's channel."""
        return until(lambda: next((m for m in self.messages() if wanted(m)), None), what)  # type: ignore[return-value]

    def transcript(self) -> str:
        """The agent's text as views show it: without what was rolled back."""
        return "".join(m.data["text"] for m in fold_rollbacks(self.messages()) if m.topic == "tokens")

    def approve(self, key: str | None = None) -> list[str]:
        """Answer the agent's question as the button does; the ids of the event."""
        question = self.until_message(lambda m: m.topic == "questions", "the question")
        data = {"question_id": question.data["question_id"], "approved": True}
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        ids: list[str] = self.server.request(
            "inngest/api/events", {"name": "approval/decided", "data": data}, headers=headers
        )["ids"]
        return ids

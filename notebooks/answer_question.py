# ruff: noqa: INP001, T201  # a program, which prints
"""The function of quickstart.ipynb as a program: asks a model, asks you, and survives being killed.

    python notebooks/answer_question.py "Why should a program save its progress?"

Kill it and start it again without a question: the run that was under way goes on.
"""

from __future__ import annotations

import os
import sys
import uuid

from pydantic import BaseModel

import inngest_nb as nb
from inngest_nb import demo, realtime

client = nb.Inngest(app_id="quickstart", engine="embedded")
llm = demo.model()  # a small offline model, or OpenAI's if OPENAI_API_KEY or OPENAI_BASE_URL is set


class Status(BaseModel):
    message: str


class Token(BaseModel):
    token: str


class Question(BaseModel):
    message: str
    confirmation_uuid: str


class Result(BaseModel):
    text: str
    words: int


class Chat(realtime.Channel, name="chat:{thread_id}"):
    thread_id: str
    status: realtime.Topic[Status]
    tokens: realtime.Topic[Token]
    approvals: realtime.Topic[Question]
    result: realtime.Topic[Result]


@client.create_function(fn_id="answer-question", trigger=nb.TriggerEvent(event="app/question.asked"))
async def answer_question(ctx: nb.Context) -> str | None:
    chat = Chat(thread_id=ctx.event.data["thread_id"])
    await ctx.publish(chat.status, Status(message="Asking the model"))

    async def ask_model() -> str:
        messages = [{"role": "user", "content": ctx.event.data["question"]}]
        stream = await llm.client.chat.completions.create(
            model=llm.name, messages=messages, stream=True, max_tokens=200
        )
        text = ""
        async for chunk in stream:
            token = (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if token:
                text += token
                await ctx.publish(chat.tokens, Token(token=token))
        return text

    text = await ctx.step.run("ask-model", ask_model)

    confirmation_uuid = await ctx.step.run("mint-confirmation", lambda: str(uuid.uuid4()))
    question = Question(message="Publish this answer?", confirmation_uuid=confirmation_uuid)
    await ctx.publish(chat.approvals, question)
    confirmation = await ctx.step.wait_for_event(
        "wait-for-confirmation",
        event="app/answer.confirmed",
        if_exp=f"async.data.confirmation_uuid == '{confirmation_uuid}'",
        timeout="15m",
    )
    if confirmation is None or not confirmation.data["approved"]:
        await ctx.publish(chat.status, Status(message="Not published"))
        return None

    result = Result(text=text, words=len(text.split()))
    await ctx.step.realtime.publish("publish-result", chat.result, result)
    return text


def follow(run: nb.Run) -> None:
    """Print what the run publishes, and ask on the terminal what it asks."""
    chat = Chat(thread_id=run.event.data["thread_id"])
    with client.realtime.subscribe(channel=chat, since="start") as messages:
        for message in messages:
            if message.kind == "run":
                return
            if message.kind == "data":
                show(run, message.data)


def show(run: nb.Run, data: BaseModel) -> None:
    """Print one message of the chat."""
    match data:
        case Token():
            print(data.token, end="", flush=True)
        case Status():
            print(f"[{data.message}]")
        case Question():
            print()
            answer(run, data)
        case Result():
            print(f"[published {data.words} words]")


def answer(run: nb.Run, question: Question) -> None:
    """Ask the person at the terminal, once the run waits for it."""
    with client.realtime.subscribe(channel=run.id, topics=["$step"], since="start") as steps:
        for step in steps:
            if step.kind == "run" and step.data["status"] in ("completed", "failed", "cancelled"):
                return  # answered before
            if step.kind == "step" and step.data["status"] == "waiting":
                break
    decision = os.environ.get("INNGEST_NB_HEADLESS") or input(f"{question.message} [approve/reject] ")
    data = {"confirmation_uuid": question.confirmation_uuid, "approved": decision.startswith("a")}
    client.send_sync(nb.Event(name="app/answer.confirmed", data=data))


def main() -> None:
    """Start a run for the question on the command line, or go on with the last one."""
    if len(sys.argv) > 1:
        run = answer_question.start({"thread_id": uuid.uuid4().hex[:8], "question": sys.argv[1]})
    else:
        runs = client.runs(function=answer_question, limit=1)
        if not runs:
            sys.exit('usage: python answer_question.py "a question"')
        run = runs[0]
    follow(run)
    print(run)


if __name__ == "__main__":
    main()

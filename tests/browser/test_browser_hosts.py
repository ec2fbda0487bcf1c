"""Hosts without our extension, Jupyter's and another one: the kernel's own engine, and everything over the widget's comm."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Open
from tests.browser.notebook import LIMIT_MS, Notebook
from tests.support.jupyter import REPOSITORY, JupyterServer, free_port
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DEFINE = """
import asyncio, warnings
warnings.simplefilter("ignore")  # that there is no extension is said, and is the point here
import inngest_nb as nb
from inngest_nb import realtime
from pydantic import BaseModel, Field

class Talk(realtime.Channel, name="talk:{about}"):
    about: str
    words: realtime.Topic[str]
    questions: realtime.Topic[dict]

class Volume(BaseModel):
    level: int = Field(3, ge=1, le=5)

client = nb.Inngest(app_id="bare")

@client.create_function(fn_id="talk", trigger=nb.TriggerEvent(event="bare/talk"))
async def talk(ctx: nb.Context) -> int:
    channel = Talk(about="it")

    async def speak() -> str:
        for word in ("Said ", "by ", "the ", "kernel."):
            await ctx.publish(channel.words, word)
            await asyncio.sleep(0.05)
        return "spoken"

    await ctx.step.run("speak", speak)
    decision = await ctx.step.request_approval("how-loud", channel.questions, message="How loud?", schema=Volume, timeout="5m")
    return decision.data.level
"""
SHOW = """
run = talk.start()
channel = Talk(about="it")
display(nb.TokenStream(channel, topics=["words"]), nb.RunTimeline(run), nb.Approval(channel, topic="questions"))
"""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[JupyterServer]:
    """A JupyterLab that does not know the extension."""
    arguments = ("--ServerApp.jpserver_extensions={'inngest_nb_server': False}",)
    with JupyterServer(tmp_path / "bare", arguments=arguments) as server:
        yield server


def test_stream_timeline_and_approval_work_over_the_comm(bare: JupyterServer, open_notebook: Open) -> None:
    notebook = open_notebook(bare, DEFINE, SHOW)
    ours: list[str] = []
    notebook.page.on("request", lambda request: ours.append(request.url) if "/inngest/" in request.url else None)
    notebook.run(0, 1)
    assert notebook.run_source(2, "print(client._link().kind)").strip() == "embedded"
    for view in ("stream", "timeline", "approval"):
        notebook.wait_for_connection(view, "kernel")
        assert "Live via kernel" in notebook.view(view).locator(".inb-conn").inner_text()
    notebook.until_true(lambda: notebook.text() == "Said by the kernel.")

    timeline = notebook.view("timeline")
    timeline.locator(".row", has_text="speak").click()
    timeline.get_by_role("tab", name="Messages").click()
    timeline.locator(".messages td.preview", has_text="kernel.").wait_for()

    answers_a_form(notebook)
    notebook.wait_for_status("timeline", "completed")
    assert notebook.run_source(2, "print(run.result(timeout=10))").strip() == "5"
    assert ours == []
    assert not [url for url in notebook.sockets if "inngest" in url]

    timeline.get_by_role("button", name="Rerun from here").click()
    timeline.locator(".inb-rerun").get_by_role("button", name="Rerun", exact=True).click()
    timeline.get_by_text("was started").wait_for()


def answers_a_form(notebook: Notebook) -> None:
    """Wrong at first, as the view says, then right."""
    level = notebook.view("approval").get_by_label("Level")
    level.fill("9")
    notebook.button("Approve").click()
    notebook.view("approval").get_by_text("At most 5.").wait_for()
    level.fill("5")
    notebook.button("Approve").click()
    notebook.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()


MARIMO = """
import marimo

app = marimo.App()

@app.cell
def _():
    import asyncio

    import inngest_nb as nb
    from inngest_nb import realtime

    client = nb.Inngest(app_id="marimo", engine="embedded", data_dir=":memory:")
    talk = realtime.channel("talk", topics={"words": str, "questions": dict})

    @client.create_function(fn_id="say", trigger=nb.TriggerEvent(event="marimo/say"))
    async def say(ctx: nb.Context) -> bool:
        async def speak() -> None:
            for word in ("Said ", "in ", "marimo."):
                await ctx.publish(talk.words, word)
                await asyncio.sleep(0.05)

        await ctx.step.run("speak", speak)
        decision = await ctx.step.request_approval("confirm", talk.questions, message="Go on?", timeout="5m")
        return decision.approved

    run = say.start()
    return client, nb, run, talk

@app.cell
def _(nb, talk):
    nb.TokenStream(talk.words)

@app.cell
def _(run):
    run.timeline()

@app.cell
def _(nb, talk):
    nb.Approval(talk.questions)

@app.cell
def _(client, nb):
    nb.RunTable(client)

@app.cell
def _(nb, talk):
    nb.MessageFeed(talk)

if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def marimo(tmp_path: Path) -> Iterator[str]:
    """A marimo server with a notebook of ours; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    notebook = tmp_path / "notebook.py"
    notebook.write_text(MARIMO)
    command = [sys.executable, "-m", "marimo", "run", str(notebook), "--headless", f"--port={port}", "--no-token"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path), "MARIMO_SKIP_UPDATE_CHECK": "1"}
    with (tmp_path / "marimo.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: _answers(url) or process.poll() is not None, within_s=60)
        assert process.poll() is None, (tmp_path / "marimo.log").read_text()[-2000:]
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    """Whether there is a server."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5) as response:
        return bool(response.status == 200)
    return False


def test_marimo_has_the_same_views(marimo: str, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(marimo)
    views = {
        name: page.locator(f".inb-live.inb-{name}")
        for name in ("stream", "timeline", "approval", "run-table", "message-feed")
    }
    for view in views.values():
        expect(view.locator(".inb-conn")).to_have_text("Live via kernel", timeout=LIMIT_MS)
    expect(views["stream"].locator(".inb-text")).to_have_text("Said in marimo.", timeout=LIMIT_MS)
    expect(views["timeline"].locator(".row", has_text="speak")).to_be_visible()
    expect(views["run-table"].locator("[data-run][data-status=waiting]")).to_contain_text("Needs you")
    views["approval"].get_by_role("button", name="Approve").click()
    expect(views["approval"].locator(".inb-answer[data-phase=approved]")).to_be_visible(timeout=LIMIT_MS)
    expect(views["run-table"].locator("[data-run][data-status=completed]")).to_be_visible(timeout=LIMIT_MS)
    expect(views["message-feed"].locator("[data-offset]", has_text="marimo.")).to_be_visible()
    page.close()

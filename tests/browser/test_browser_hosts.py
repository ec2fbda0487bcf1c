"""A host without our extension: the kernel's own engine, and everything over the widget's comm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.notebook import Notebook
from tests.support.jupyter import JupyterServer

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

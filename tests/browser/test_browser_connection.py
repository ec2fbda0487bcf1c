"""The page's connection: reloads, lost servers, closed notebooks, one socket for all, and hosts without the extension."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mistune
import pytest
from playwright.sync_api import WebSocket, WebSocketRoute

from tests.browser.conftest import ANSWER, HALF, STREAM, Open, make_server
from tests.browser.notebook import START, Notebook
from tests.support.jupyter import JupyterServer
from tests.support.llm import ScriptedModel

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

REALTIME = "inngest/api/realtime"


def plain(markdown: str) -> str:
    """The words of a text, as a page shows them."""
    return " ".join(html.unescape(re.sub("<[^>]+>", "", str(mistune.html(markdown)))).split())


class Frames:
    """What arrived at the sockets of a page, by channel."""

    def __init__(self, notebook: Notebook) -> None:
        self.offsets: dict[tuple[str, str], list[int]] = {}
        self._feeds: dict[str, tuple[str, str]] = {}
        notebook.page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if socket.url.endswith(REALTIME):
            socket.on("framesent", lambda frame: self._sent(json.loads(frame)))
            socket.on("framereceived", lambda frame: self._received(json.loads(frame)))

    def _sent(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "subscribe":
            self._feeds[frame["id"]] = (frame["channel"], ",".join(frame["topics"] or ()))

    def _received(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "messages":
            offsets = [message["offset"] for message in frame["messages"] if message["kind"] == "data"]
            self.offsets.setdefault(self._feeds[frame["id"]], []).extend(offsets)


def test_a_reload_in_the_middle_of_the_stream_shows_everything_once(
    half_an_answer: ScriptedModel, quickstart: Notebook
) -> None:
    quickstart.ask()
    half = quickstart.page.locator(f".inb-stream[data-inb-tokens='{HALF}']")
    half.wait_for()
    quickstart.save()
    frames = Frames(quickstart)
    quickstart.reload()
    half.wait_for()
    quickstart.wait_for_connection("stream", "live")
    quickstart.wait_for_status("stream", "running")
    half_an_answer.release()
    quickstart.button("Approve").wait_for()

    assert quickstart.text() == plain(ANSWER)
    assert quickstart.view("stream").get_attribute("data-inb-tokens") == str(len(STREAM.tokens))
    log = quickstart.history().messages(channel=quickstart.channel, topic="tokens", kind="data")
    assert "".join(data["token"] for data in log["data"]) == ANSWER
    assert frames.offsets[quickstart.channel, "tokens"] == log["offset"].tolist()
    quickstart.button("Approve").click()
    quickstart.wait_for_status("timeline", "completed")


def test_all_views_of_a_page_share_one_socket_and_closing_it_ends_their_subscriptions(quickstart: Notebook) -> None:
    assert quickstart.readers() == {}
    quickstart.ask()
    quickstart.button("Approve").wait_for()
    channel, run_id = quickstart.channel, quickstart.run_id
    assert [url.partition("/alice/")[2] for url in quickstart.sockets if REALTIME in url] == [REALTIME]
    # Of the page: the stream and the approval follow the channel, and each view the run. One more is the kernel's.
    assert quickstart.readers()[channel] > 2
    assert quickstart.readers()[run_id] >= 3
    quickstart.shut_down()
    quickstart.until_true(lambda: quickstart.readers().get(channel) == 2)
    quickstart.save()
    quickstart.command("application:close")
    quickstart.until_true(lambda: quickstart.readers() == {})


class Cable:
    """The page's socket to the engine, which can be pulled out and plugged in."""

    def __init__(self, notebook: Notebook) -> None:
        self._pulled = False
        self._sockets: list[WebSocketRoute] = []
        notebook.page.route_web_socket(re.compile(REALTIME), self._opened)

    def _opened(self, socket: WebSocketRoute) -> None:
        if self._pulled:
            socket.close()
            return
        socket.connect_to_server()
        self._sockets.append(socket)

    def pull(self) -> None:
        """Break the connection, and every new one."""
        self._pulled = True
        for socket in self._sockets:
            socket.close()

    def plug(self) -> None:
        """Let new connections through."""
        self._pulled = False


def test_a_broken_connection_is_said_and_resumed_without_gap(
    half_an_answer: ScriptedModel, quickstart: Notebook
) -> None:
    cable = Cable(quickstart)
    quickstart.ask()
    quickstart.page.locator(f".inb-stream[data-inb-tokens='{HALF}']").wait_for()
    cable.pull()
    quickstart.wait_for_connection("stream", "reconnecting")
    stream = quickstart.view("stream")
    assert f"Shown up to offset {HALF}" in stream.locator(".inb-note").first.inner_text()
    half_an_answer.release()
    history = quickstart.history()
    channel = quickstart.channel
    quickstart.until_true(lambda: len(history.messages(channel=channel, topic="approvals")))
    assert stream.get_attribute("data-inb-tokens") == str(HALF)
    cable.plug()
    quickstart.wait_for_connection("stream", "live")
    quickstart.button("Approve").click()
    quickstart.wait_for_status("timeline", "completed")
    assert quickstart.text() == plain(ANSWER)
    assert stream.get_attribute("data-inb-tokens") == str(len(STREAM.tokens))


@pytest.fixture
def own_server(tmp_path: Path, llm: ScriptedModel) -> Iterator[JupyterServer]:
    """A server that may be stopped."""
    with make_server(tmp_path / "own", llm) as server:
        yield server


def test_a_restart_of_the_server_is_said_and_survived(own_server: JupyterServer, open_notebook: Open) -> None:
    notebook = open_notebook(own_server)
    notebook.dismiss_dialogs()
    notebook.ask()
    notebook.button("Approve").wait_for()
    own_server.stop()
    for view in ("stream", "timeline", "approval"):
        notebook.wait_for_connection(view, "reconnecting")
    banner = notebook.view("stream").locator(".inb-note").first.inner_text()
    assert "Connection lost" in banner
    assert notebook.view("stream").locator(".inb-status").inner_text().strip() == "Was waiting"
    # An answer given now is kept by the page and sent when the server is back.
    notebook.view("approval").locator(".inb-question .inb-b.primary").click()

    own_server.start()
    notebook.wait_for_connection("stream", "live")
    notebook.view("approval").locator(".inb-answer[data-phase=approved]").wait_for()
    assert notebook.text() == plain(ANSWER)
    messages = notebook.history().messages(channel=notebook.channel, kind="data")
    assert len(messages[messages["topic"] == "tokens"]) == len(STREAM.tokens)


EMBEDDED = """
import uuid
import inngest_nb as nb
from inngest_nb import realtime
from pydantic import BaseModel

class Piece(BaseModel):
    text: str

class Question(BaseModel):
    message: str
    confirmation_uuid: str

class Talk(realtime.Channel, name="talk:{about}"):
    about: str
    pieces: realtime.Topic[Piece]
    questions: realtime.Topic[Question]

client = nb.Inngest(app_id="alone", engine="embedded", data_dir=":memory:")

@client.create_function(fn_id="talk", trigger=nb.TriggerEvent(event="app/talk"))
async def talk(ctx: nb.Context) -> bool:
    channel = Talk(about=ctx.event.data["about"])
    for piece in ("Said ", "by ", "the ", "kernel."):
        await ctx.publish(channel.pieces, Piece(text=piece))
    key = await ctx.step.run("mint", lambda: str(uuid.uuid4()))
    await ctx.publish(channel.questions, Question(message="Go on?", confirmation_uuid=key))
    answer = await ctx.step.wait_for_event(
        "wait", event="app/confirmed", if_exp=f"async.data.confirmation_uuid == '{key}'", timeout="5m")
    return answer.data["approved"]
"""
SHOW = """
channel = Talk(about="one")
run = talk.start({"about": "one"})
display(nb.TokenStream(channel, topics=["pieces"]), nb.RunTimeline(run), nb.Approval(channel, topic="questions"))
"""


def test_an_embedded_engine_is_live_through_the_kernel(lab: JupyterServer, open_notebook: Open) -> None:
    notebook = open_notebook(lab, EMBEDDED, SHOW)
    notebook.run(0, 1)
    for view in ("stream", "timeline", "approval"):
        notebook.wait_for_connection(view, "kernel")
    assert notebook.text() == "Said by the kernel."
    assert not [url for url in notebook.sockets if REALTIME in url]
    notebook.button("Approve").click()
    notebook.wait_for_status("timeline", "completed")
    assert notebook.run_source(2, "print(run.result(timeout=5))").strip() == "True"


def test_notebook_7_has_the_same_views(lab: JupyterServer, open_notebook: Open) -> None:
    notebook = open_notebook(lab, app="notebook")
    notebook.ask()
    notebook.button("Approve").click()
    notebook.wait_for_status("timeline", "completed")
    assert notebook.text() == plain(ANSWER)
    cell = notebook.page.locator(".jp-Cell").nth(START)
    assert cell.locator(".inb-live:visible").count() == 3
    assert cell.locator(".inb-snapshot:visible").count() == 0

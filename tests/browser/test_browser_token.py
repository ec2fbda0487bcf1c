"""A second browser, of somebody who has a token for one topic and nothing else: it watches that topic, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.jupyter import TOKEN, JupyterServer

pytestmark = pytest.mark.browser

# What anybody can write who knows Inngest's API: a plain page, without anything of ours.
WATCH = """<!doctype html><title>Watching</title><ul></ul><script>
const [address, token] = location.hash.slice(1).split("|");
window.heard = { socket: [], events: [], refused: [] };
const note = (by, text) => {
  const { kind, channel, topic, data } = JSON.parse(text);
  if (kind === "data") window.heard[by].push(`${channel}/${topic}: ${data}`);
  if (kind === "refused") window.heard.refused.push(data.error);
  if (kind === "subscribed") window.heard[by].push("open");
};
window.socket = new WebSocket(`${address.replace("http", "ws")}v1/realtime/connect?token=${token}`);
socket.onmessage = event => note("socket", event.data);
new EventSource(`${address}v1/realtime/sse?token=${token}`).onmessage = event => note("events", event.data);
</script>"""
# Status of a request in every way to show a token; a socket's is whether it opened.
TRY = """async ([path, token, method]) => {
  const url = new URL(path, location.href), shown = new URL(url);
  shown.searchParams.set("token", token);
  const ask = (address, headers) => fetch(address, { method, headers, body: method === "POST" ? "[]" : undefined });
  const answers = [await ask(url, { Authorization: `Bearer ${token}` }), await ask(url, { Authorization: `token ${token}` }), await ask(shown, {})];
  return answers.map(answer => answer.status);
}"""
OPENS = """([path, token]) => new Promise(resolve => {
  const url = new URL(path, location.href.replace("http", "ws"));
  url.searchParams.set("token", token);
  const socket = new WebSocket(url, path.endsWith("worker") ? ["inngest-nb.v1"] : []);
  socket.onopen = () => resolve(true);
  socket.onclose = () => resolve(false);
})"""
REFUSED = [
    ("GET", "inngest/api/runs"), ("POST", "inngest/api/events"), ("POST", "inngest/api/realtime/token"), ("GET", "inngest/api/status"),
    ("GET", "inngest/api/channels/news/messages"), ("GET", "inngest/api/channels/news/browse"), ("GET", "inngest/api/overview/channels"),
    ("POST", "v1/realtime/token"), ("POST", "v1/realtime/publish?channel=news&topic=n"), ("POST", "v1/realtime/publish/tee?channel=news"),
    ("GET", "v1/events"), ("POST", "e/key"), ("GET", "api/contents"), ("GET", "api/kernels"),
]  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path / "jupyter", app="server") as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A web server of another origin, with nothing but the page."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(WATCH.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    web = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/"
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser that has never seen the server: no cookie, no storage."""
    context = browser.new_context()
    page = context.new_page()
    yield page
    assert not [cookie for cookie in context.cookies() if cookie["name"].startswith("username")], "it never logged in"
    context.close()


def minted(server: JupyterServer, channel: str, *topics: str) -> str:
    asked = [{"channel": channel, "name": name, "kind": "run"} for name in topics]
    return str(
        server.request("v1/realtime/token?expires_in=5m", asked, headers={"Authorization": f"Bearer {TOKEN}"})["jwt"]
    )


def publish(server: JupyterServer, channel: str, topic: str, data: str) -> None:
    path = f"v1/realtime/publish?channel={channel}&topic={topic}"
    server.request(path, data, headers={"Authorization": f"Bearer {TOKEN}"})


def test_it_sees_the_live_messages_of_its_topic_and_of_no_other(
    server: JupyterServer, page: Page, elsewhere: str
) -> None:
    token = minted(server, "news", "n")
    page.goto(f"{elsewhere}#{server.url}|{token}")
    page.wait_for_function("heard.socket.length === 1 && heard.events.length === 1")
    for channel, topic in (("news", "secret"), ("other", "n"), ("news", "n"), ("news", "N"), ("news", "n")):
        publish(server, channel, topic, f"to {topic}")
    expected = ["open", "news/n: to n", "news/n: to n"]
    page.wait_for_function("heard.socket.length >= 3 && heard.events.length >= 3")
    assert page.evaluate("heard") == {"socket": expected, "events": expected, "refused": []}

    head, _, signature = token.split(".")
    forged = f"{head}.{minted(server, 'other', 'n').split('.')[1]}.{signature}"
    page.evaluate("token => socket.send(JSON.stringify({ kind: 'sub', data: token }))", forged)
    page.wait_for_function("heard.refused.length === 1")
    publish(server, "other", "n", "not for it")
    publish(server, "news", "n", "last")
    page.wait_for_function("heard.socket.at(-1) === 'news/n: last' && heard.events.at(-1) === 'news/n: last'")
    assert page.evaluate("heard.socket") == page.evaluate("heard.events") == [*expected, "news/n: last"]


def test_it_is_refused_everything_else(server: JupyterServer, page: Page) -> None:
    """Asked from a page of the server's own origin, so that no rule of the browser's stands before the server's."""
    token = minted(server, "news", "n")
    page.goto(f"{server.url}login")
    assert page.evaluate(OPENS, ["v1/realtime/connect", token]), "what it is for"
    for method, path in REFUSED:
        for status in page.evaluate(TRY, [path, token, method]):
            assert status in (401, 403), (method, path, status)
    for path in ("inngest/api/worker", "inngest/api/realtime", "terminals/websocket/1"):
        assert not page.evaluate(OPENS, [path, token]), path
    assert "Traceback" not in server.log.read_text()

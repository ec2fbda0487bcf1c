"""What objects look like at the end of a cell: small, escaped, the same text every time, and never an error."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter
from pydantic import BaseModel

import inngest_nb as nb
from inngest_nb import links, realtime
from tests.engine.embedded import LIMIT_S
from tests.support.waiting import until

EVIL = "<script>alert(1)</script>"


class Status(BaseModel):
    """A message."""

    text: str


class Tags(HTMLParser):
    """The tags and the text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """A tag begins."""
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += f"{data} "


@pytest.fixture
def echo(client: nb.Inngest) -> nb.Function[Any]:
    @client.create_function(fn_id="echo", trigger=nb.TriggerEvent(event="app/echo"), retries=0)
    async def echo(ctx: nb.Context) -> Any:
        if "error" in ctx.event.data:
            raise ValueError(ctx.event.data["error"])
        return ctx.event.data["say"]

    return echo


def shown(obj: object) -> tuple[str, Tags]:
    """The text and the HTML that a notebook stores."""
    bundle, _ = DisplayFormatter().format(obj)  # type: ignore[no-untyped-call]
    assert len(bundle["text/html"]) < 100_000
    return bundle["text/plain"], Tags(bundle["text/html"])


def test_a_run_shows_how_it_ended(echo: nb.Function[Any]) -> None:
    run = echo.start({"say": EVIL + "x" * 10_000})
    run.result(LIMIT_S)
    text, html = shown(run)
    assert text == f"Run('{run.id}', 'app-echo', completed)"
    assert set(html.tags) == {"table", "caption", "code", "tr", "th", "td"}
    assert EVIL in html.text, "as text"
    assert len(html.text) < 500
    assert (text, html.text) == (shown(run)[0], shown(run)[1].text)


def test_a_run_shows_its_error(echo: nb.Function[Any]) -> None:
    run = echo.start({"error": EVIL})
    until(lambda: run.status == "failed", within_s=LIMIT_S)
    assert f"ValueError: {EVIL}" in shown(run)[1].text


def test_a_run_whose_engine_is_gone_is_shown_as_it_was(client: nb.Inngest) -> None:
    @client.create_function(fn_id="waits", trigger=nb.TriggerEvent(event="app/waits"))
    async def waits(ctx: nb.Context) -> None:
        await ctx.step.sleep("long", "1d")

    run = waits.start()
    until(lambda: run.status == "waiting", within_s=LIMIT_S)
    assert "waiting" in shown(run)[1].text
    links.close_links()
    assert "waiting" in shown(run)[1].text


def test_a_channel_shows_its_topics_with_their_types() -> None:
    chat = realtime.channel(name=lambda thread: f"chat:{thread}", topics={"status": Status, "tokens": str})
    text, html = shown(chat("<b>"))
    assert text == "ChannelInstance('chat:<b>')"
    assert html.text.split() == ["channel", "chat:<b>", "status", f"{Status.__module__}.Status", "tokens", "str"]
    assert "b" not in html.tags


def test_a_frame_shows_little_of_much_and_escapes_it(client: nb.Inngest, echo: nb.Function[Any]) -> None:
    for _ in range(30):
        echo.start({"say": {"html": EVIL, "long": ["y" * 1000] * 20}}).result(LIMIT_S)
    text, html = shown(client.history.runs())
    assert EVIL[:8] in html.text
    assert "script" not in html.tags
    assert text == shown(client.history.runs())[0]

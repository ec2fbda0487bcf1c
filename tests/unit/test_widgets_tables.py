"""Tables in a kernel without a page: their parameters, what they show of a real engine, and what is saved of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import inngest_nb as inngest
from inngest_nb.links import close_links
from inngest_nb.widgets.snapshot import snapshot_html
from tests.support.waiting import until


@pytest.fixture
def client() -> Iterator[inngest.Inngest]:
    """A client of an engine that keeps nothing."""
    client = inngest.Inngest(app_id="tables", engine="embedded", data_dir=":memory:")

    @client.create_function(fn_id="add", trigger=inngest.TriggerEvent(event="app/add"))
    async def add(ctx: inngest.Context) -> Any:
        return await ctx.step.run("sum", lambda: sum(ctx.event.data["numbers"]))

    @client.create_function(fn_id="fails", trigger=inngest.TriggerEvent(event="app/fail"), retries=0)
    async def fails(ctx: inngest.Context) -> None:
        raise ValueError("<script>alert(1)</script>")

    yield client
    close_links()


def test_a_table_shows_the_runs_of_the_engine(client: inngest.Inngest) -> None:
    client.send_sync([inngest.Event(name="app/add", data={"numbers": [1, 2]}), inngest.Event(name="app/fail")])
    table = inngest.RunTable(client)
    status, page = table._source.request("GET", "overview/runs")
    until(lambda: {run.status for run in client.runs()} == {"completed", "failed"})
    status, page = table._source.request("GET", "overview/runs?group=failed")
    assert status == 200
    assert [row["run"]["name"] for row in page["rows"]] == ["fails"]
    html = table.snapshot()
    assert "Completed" in html
    assert "2 of 2 runs" in html
    assert "<script" not in html
    assert table._source.request("GET", "overview/nothing")[0] == 400
    assert table._source.request("GET", "overview/health")[1]["commit_ms"] > 0
    table.close()


def test_a_table_follows_changes_over_the_comm(client: inngest.Inngest) -> None:
    table = inngest.RunTable(client, function="add")
    heard: list[dict[str, Any]] = []
    stop = table._source.subscribe("$runs", None, "now", heard.extend, lambda gap: None)
    until(lambda: client._link().call("extent", {"channel": "$runs"}) is not None)
    client.send_sync(inngest.Event(name="app/add", data={"numbers": [1]}))
    until(lambda: bool(heard) and heard[-1]["data"]["status"] == "completed")
    assert "result" not in heard[-1]["data"]
    stop()
    table.close()


def test_what_a_table_is_narrowed_down_to(client: inngest.Inngest) -> None:
    assert inngest.RunTable(client, function="add", status="failed").params == {
        "group": "failed",
        "function": "tables-add",
    }
    assert repr(inngest.RunTable(client)) == "RunTable()"
    with pytest.raises(ValueError, match="status must be one of all, running"):
        inngest.RunTable(client, status="lost")


@pytest.mark.parametrize("page", [None, {}, {"rows": [], "counts": {}}])
def test_nothing_known_is_said(page: Any) -> None:
    html = snapshot_html("run-table", {"group": "all", "function": None}, {"saved_at": 0, "page": page})
    assert "No runs yet" in html


def test_a_feed_shows_and_saves_what_was_published(client: inngest.Inngest) -> None:
    for word in ("Once ", "upon ", "a ", "<b>time</b>"):
        client.realtime.publish_sync(inngest.realtime.channel("tale", topics={"words": dict}).words, {"token": word})
    feed = inngest.MessageFeed("tale", client=client)
    status, found = feed._source.request("GET", "channels/tale/browse?limit=2")
    assert (status, [message["offset"] for message in found["messages"]], found["reached"]) == (200, [2, 3], 2)
    assert feed._source.request("GET", "channels/tale/browse?path=token&value=a%20")[1]["messages"][0]["offset"] == 2
    assert feed._source.request("GET", "channels/tale/topics")[1]["topics"] == [
        {"topic": "words", "kind": "data", "count": 4}
    ]
    html = feed.snapshot()
    assert "Once upon a &lt;b&gt;time&lt;/b&gt;" in html
    assert "4 pieces" in html
    assert repr(feed) == "MessageFeed('tale')"
    feed.close()


@pytest.mark.parametrize("messages", [None, []])
def test_an_empty_feed_says_so(messages: Any) -> None:
    assert "No messages yet" in snapshot_html(
        "message-feed", {"channel": "c", "topics": None}, {"saved_at": 0, "messages": messages}
    )


def test_without_a_server_there_is_no_page(client: inngest.Inngest) -> None:
    with pytest.raises(inngest.errors.LinkError, match="there is no page without a Jupyter server"):
        _ = client.page

"""Widgets in a process with IPython but without a page: outputs, refreshing, and the comm fallback."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from inngest_nb import realtime
from inngest_nb.errors import ChannelError
from inngest_nb.widgets import Approval, MessageFeed, RunTimeline, TokenStream, views
from inngest_nb.widgets.bundle import MISSING, assets
from inngest_nb.widgets.refresh import Refresher
from inngest_nb.widgets.relay import Relay
from inngest_nb.widgets.view import View
from tests.unit import view_story as story
from tests.unit.view_story import CHANNEL, RUN, Story


class Recorded:
    """A source that tells a story; `go_on` replaces it by a later one."""

    kind = "embedded"

    def __init__(self, told: Story) -> None:
        self.told = told
        self.changed: Callable[[], None] | None = None
        self.followed: dict[str, tuple[Any, ...]] = {}
        self.closed: list[str] = []
        self.requests: list[tuple[Any, ...]] = []

    def go_on(self, told: Story) -> None:
        self.told = told
        assert self.changed is not None
        self.changed()

    def extent(self, channel: str) -> tuple[int, int]:
        known = self.messages(channel)
        return (known[0]["offset"], known[-1]["offset"] + 1) if known else (0, 0)

    def messages(self, channel: str) -> list[dict[str, Any]]:
        return [message for message in self.told.messages if message["channel"] == channel]

    def subscribe(self, channel: str, topics: Any, since: Any, on_messages: Any, on_gap: Any) -> Callable[[], None]:
        if not channel:
            raise ChannelError("no channel")
        self.followed[channel] = (topics, since, on_messages, on_gap)
        return lambda: self.closed.append(channel)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        self.requests.append((method, path, body, headers))
        if path == "broken":
            raise RuntimeError("no engine")
        return 200, {"path": path}

    def snapshot(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.told.initial(20_000)

    def answer(self, params: dict[str, Any], decision: str) -> Callable[[], None]:
        raise AssertionError(f"nobody asked for {decision!r}")

    def watch(self, params: dict[str, Any], changed: Callable[[], None]) -> Callable[[], None]:
        self.changed = changed
        return lambda: self.closed.append("watch")


class Kernel(InteractiveShell):
    """A shell that looks as if it had a page."""

    kernel = "here"


@pytest.fixture
def shell() -> Iterator[Any]:
    Kernel.clear_instance()
    shell = Kernel.instance()
    shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    yield shell
    Kernel.clear_instance()


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded(story.asked())
    monkeypatch.setattr(views, "source_of", lambda *_: recorded)
    return recorded


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        threading.Event().wait(0.005)


def show(shell: Any, view: View) -> list[dict[str, Any]]:
    view._ipython_display_()
    outputs: list[dict[str, Any]] = shell.display_pub.outputs
    return outputs


def test_a_display_is_a_snapshot_and_then_the_widget(shell: Any, source: Recorded) -> None:
    with_text = RunTimeline(RUN)
    snapshot, widget = show(shell, with_text)
    assert snapshot["data"]["text/html"].startswith('<div class="inb-snapshot"')
    assert snapshot["transient"]["display_id"].startswith("inngest-nb-")
    assert not snapshot["update"]
    assert widget["data"]["application/vnd.jupyter.widget-view+json"]["model_id"] == with_text.model_id
    assert widget["data"]["text/html"] == ""
    assert snapshot["data"]["text/plain"] == widget["data"]["text/plain"] == f"RunTimeline('{RUN}')"
    with_text.close()


def test_a_terminal_gets_one_line(source: Recorded) -> None:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    view = RunTimeline(RUN)
    assert len(show(shell, view)) == 1
    view.close()
    InteractiveShell.clear_instance()


def test_the_traits_are_what_the_page_expects(source: Recorded) -> None:
    chat = realtime.channel("ai:1", {"tokens": dict, "approvals": dict})
    stream = TokenStream(chat, topics=[chat.tokens], field="token", run=RUN)
    assert (stream.view, stream.transport) == ("token-stream", "comm")
    assert stream.params == {"channel": "ai:1", "topics": ["tokens"], "field": "token", "run_id": RUN}
    assert TokenStream("ai:1").params == {"channel": "ai:1", "topics": None, "field": None, "run_id": None}
    assert Approval(chat, chat.approvals, event="e").params == {"channel": "ai:1", "topic": "approvals", "event": "e"}
    assert RunTimeline(RUN).params == {"run_id": RUN}
    assert RunTimeline([RUN, "another"]).params == {"run_id": RUN, "other_id": "another"}
    assert stream.initial["saved_at"] > 0
    source.kind = "server"
    assert TokenStream("ai:1").transport == "server"


def test_reprs_are_stable_and_wrong_arguments_are_named(source: Recorded) -> None:
    assert repr(TokenStream("ai:1")) == "TokenStream('ai:1')"
    assert repr(Approval("ai:1")) == "Approval('ai:1')"
    with pytest.raises(TypeError, match="expected a run or its id"):
        RunTimeline(5)
    with pytest.raises(ChannelError, match="did you mean 'tokens'"):
        TokenStream(realtime.channel("ai:1", {"tokens": dict}), "token")


def test_a_topic_of_a_channel_is_a_place_too(source: Recorded) -> None:
    chat = realtime.channel("ai:1", {"tokens": dict, "approvals": dict})
    assert TokenStream(chat.tokens).params["topics"] == ["tokens"]
    assert Approval(chat.approvals).params == {"channel": "ai:1", "topic": "approvals", "event": None}
    assert MessageFeed(chat.tokens).params["topics"] == ["tokens"]


def test_a_view_that_could_not_be_made_is_closed_in_silence(source: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    for make in (Approval, TokenStream, MessageFeed):
        with pytest.raises(ChannelError):
            make(None)
    gc.collect()
    assert lost == []


def test_the_snapshot_is_replaced_in_place_when_something_changed(shell: Any, source: Recorded) -> None:
    view = RunTimeline(RUN)
    shown = show(shell, view)
    source.go_on(story.finished())
    until(lambda: len(shown) == 3)
    assert shown[2]["update"]
    assert shown[2]["transient"] == shown[0]["transient"]
    assert "Completed" in shown[2]["data"]["text/html"]
    until(lambda: source.closed == ["watch"])
    assert view._refresher is not None
    assert view._refresher.join(10)


def test_both_places_of_a_view_that_is_shown_twice_are_replaced(shell: Any, source: Recorded) -> None:
    view = RunTimeline(RUN)
    show(shell, view)
    shown = show(shell, view)
    source.go_on(story.finished())
    until(lambda: len(shown) == 6)
    assert {o["transient"]["display_id"] for o in shown if o["update"]} == set(view._display_ids)


def test_after_each_cell_what_changed_is_shown_at_once(shell: Any, source: Recorded) -> None:
    view = TokenStream(CHANNEL)
    shown = show(shell, view)
    until(lambda: view._refresher is not None and not view._refresher._changed.is_set())
    source.told = story.finished()  # nobody told that it changed
    shell.run_cell("1")
    assert "Completed" in shown[-1]["data"]["text/html"]
    count = len(shown)
    shell.run_cell("2")
    assert len(shown) == count
    view.close()


def test_an_ended_run_is_not_watched(shell: Any, source: Recorded) -> None:
    source.told = story.finished()
    show(shell, RunTimeline(RUN))
    assert source.changed is None


def test_an_output_that_cannot_be_replaced_disturbs_nobody(shell: Any, source: Recorded) -> None:
    view = RunTimeline(RUN)
    show(shell, view)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("output is gone")

    shell.display_pub.publish = broken
    source.go_on(story.finished())
    result = shell.run_cell("40 + 2")
    assert result.result == 42
    assert view._refresher is not None
    assert view._refresher._thread.is_alive()
    view.close()


def test_closing_ends_thread_watch_and_subscriptions(shell: Any, source: Recorded) -> None:
    view = TokenStream(CHANNEL)
    show(shell, view)
    assert view._relay is not None
    view._relay.receive({"op": "subscribe", "id": "a", "channel": CHANNEL})
    view.close()
    assert sorted(source.closed) == sorted([CHANNEL, "watch"])
    assert view._refresher is not None
    assert view._refresher.join(10)
    assert shell.run_cell("1").success


def test_refreshing_is_never_faster_than_allowed() -> None:
    times: list[float] = []
    enough = threading.Event()

    def refresh() -> bool:
        times.append(time.monotonic())
        if len(times) == 4:
            enough.set()
        return len(times) == 4

    refresher = Refresher(refresh, None, every_s=0.05)
    while not enough.is_set():
        refresher.changed()
        threading.Event().wait(0.002)
    assert refresher.join(10)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.05


def test_what_goes_on_changing_is_refreshed_more_and_more_rarely() -> None:
    times: list[float] = []
    refreshed = threading.Semaphore(0)

    def refresh() -> bool:
        times.append(time.monotonic())
        refreshed.release()
        return False

    refresher = Refresher(refresh, None, every_s=0.1)
    refresher.changed()
    for _ in range(4):
        assert refreshed.acquire(timeout=10)
        refresher.changed()  # it goes on
    assert refreshed.acquire(timeout=10)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.4), strict=True)] == [True] * 4
    refresher.stop()
    assert refresher.join(10)


def test_without_the_built_front_end_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    module, style = assets(tmp_path)
    assert isinstance(module, str)
    assert "make lab" in MISSING
    assert "`make lab`" in module
    assert style == ""
    (tmp_path / "widget.js").write_text("export default {}")
    (tmp_path / "widget.css").write_text("")
    assert assets(tmp_path) == (tmp_path / "widget.js", tmp_path / "widget.css")


# -- the comm fallback -----------------------------------------------------------------------------


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def relay(sent: list[dict[str, Any]]) -> Relay:
    return Relay(Recorded(story.asked()), sent.append)


def recorded(relay: Relay) -> Recorded:
    source = relay._source
    assert isinstance(source, Recorded)
    return source


def test_a_subscription_gets_the_frames_of_the_socket(relay: Relay, sent: list[dict[str, Any]]) -> None:
    relay.receive({"op": "subscribe", "id": "s1", "channel": CHANNEL, "topics": ["tokens"], "since": 3})
    topics, since, on_messages, on_gap = recorded(relay).followed[CHANNEL]
    assert (topics, since) == (["tokens"], 3)
    known = recorded(relay).messages(CHANNEL)
    assert sent == [{"op": "subscribed", "id": "s1", "channel": CHANNEL, "first": 0, "next": len(known)}]
    on_messages(known[3:5])
    on_gap({"op": "gap", "id": "f1", "from": 5, "to": 15, "lost": 10})
    assert sent[1:] == [
        {"op": "messages", "id": "s1", "messages": known[3:5], "next": 5},
        {"op": "gap", "id": "s1", "from": 5, "to": 15, "lost": 10},
    ]
    relay.receive({"op": "unsubscribe", "id": "s1"})
    relay.receive({"op": "unsubscribe", "id": "s1"})
    assert recorded(relay).closed == [CHANNEL]


def test_a_channel_without_messages_begins_at_nothing(relay: Relay, sent: list[dict[str, Any]]) -> None:
    relay.receive({"op": "subscribe", "id": "s1", "channel": "empty"})
    assert (sent[0]["first"], sent[0]["next"]) == (0, 0)
    assert recorded(relay).followed["empty"][:2] == (None, "now")


def test_subscribing_again_under_an_id_replaces_and_too_many_drop_the_oldest(relay: Relay) -> None:
    for channel in ("a", "b"):
        relay.receive({"op": "subscribe", "id": "same", "channel": channel})
    assert recorded(relay).closed == ["a"]
    for number in range(64):
        relay.receive({"op": "subscribe", "id": f"s{number}", "channel": f"c{number}"})
    assert recorded(relay).closed == ["a", "b"]


def test_a_refused_subscription_is_told(relay: Relay, sent: list[dict[str, Any]]) -> None:
    relay.receive({"op": "subscribe", "id": "s1", "channel": ""})
    assert sent[-1] == {"op": "error", "id": "s1", "error": "no channel"}


def test_requests_are_answered_under_their_id(relay: Relay, sent: list[dict[str, Any]]) -> None:
    frame = {"op": "request", "id": 7, "method": "POST", "path": "events", "body": {"name": "e"}}
    relay.receive({**frame, "headers": {"Idempotency-Key": "k"}})
    until(lambda: len(sent) == 1)
    assert sent == [{"op": "response", "id": 7, "status": 200, "body": {"path": "events"}}]
    assert recorded(relay).requests == [("POST", "events", {"name": "e"}, {"Idempotency-Key": "k"})]


def test_a_request_that_fails_is_answered_too(relay: Relay, sent: list[dict[str, Any]]) -> None:
    relay.receive({"op": "request", "id": 8, "method": "GET", "path": "broken"})
    until(lambda: len(sent) == 1)
    assert sent == [{"op": "response", "id": 8, "status": 503, "body": {"error": "no engine"}}]


@pytest.mark.parametrize("frame", [None, "text", {}, {"op": "else"}, []])
def test_other_frames_are_ignored(relay: Relay, sent: list[dict[str, Any]], frame: Any) -> None:
    relay.receive(frame)
    assert sent == []

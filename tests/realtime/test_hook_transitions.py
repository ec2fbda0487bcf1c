"""The states of a connection as `use_realtime` shows them: a table of transitions."""

from __future__ import annotations

from typing import Any

import pytest

from inngest_nb.hooks.connection import Connection, after, shown

LOST = ConnectionError("lost")
TRANSITIONS: list[tuple[Connection, Any, Exception | None, Connection]] = [
    (Connection("idle"), "begin", None, Connection("connecting")),
    (Connection("closed"), "begin", None, Connection("connecting")),
    (Connection("error", LOST), "begin", None, Connection("connecting")),
    (Connection("connecting"), "open", None, Connection("open")),
    (Connection("connecting"), "failed", LOST, Connection("error", LOST)),
    (Connection("open"), "lost", None, Connection("closed")),
    (Connection("open"), "lost", LOST, Connection("closed", LOST)),
    (Connection("open"), "stop", None, Connection("closed")),
    (Connection("open"), "end", None, Connection("closed")),
    (Connection("connecting"), "end", LOST, Connection("error", LOST)),
    (Connection("error", LOST), "stop", None, Connection("closed", LOST)),
]


@pytest.mark.parametrize(("before", "event", "error", "expected"), TRANSITIONS)
def test_transitions(before: Connection, event: Any, error: Exception | None, expected: Connection) -> None:
    assert after(before, event, error) == expected


@pytest.mark.parametrize("status", ["connecting", "open", "closed", "error"])
@pytest.mark.parametrize(
    ("enabled", "hidden", "expected"),
    [(True, False, None), (True, True, "hidden"), (False, False, "disabled"), (False, True, "disabled")],
)
def test_a_pause_is_shown_whatever_the_connection_does(status: Any, enabled: bool, hidden: bool, expected: Any) -> None:
    found = shown(Connection(status), enabled=enabled, hidden=hidden)
    assert found == ((status, None) if expected is None else ("paused", expected))

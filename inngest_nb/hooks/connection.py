"""The connection of a hook as people see it: one of Inngest's words, and why it is paused."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Connection", "ConnectionEvent", "ConnectionStatus", "PauseReason", "after", "shown"]

ConnectionStatus = Literal["idle", "connecting", "open", "paused", "closed", "error"]
PauseReason = Literal["hidden", "disabled"]
ConnectionEvent = Literal["begin", "open", "lost", "failed", "end", "stop"]


class Connection(NamedTuple):
    """The connection itself, whether or not anybody looks."""

    status: ConnectionStatus = "idle"
    error: Exception | None = None


def after(connection: Connection, event: ConnectionEvent, error: Exception | None = None) -> Connection:
    """What becomes of a connection; its error stays until the next attempt.

    `begin` of an attempt, `open`, `lost` after it was open, `failed` before, `end` for good, `stop` by us.
    """
    match event:
        case "begin":
            return Connection("connecting")
        case "open":
            return Connection("open")
        case "lost":
            return Connection("closed", error)
        case "failed":
            return Connection("error", error)
        case "end":
            return Connection("closed" if error is None else "error", error)
        case "stop":
            return Connection("closed", connection.error)


def shown(connection: Connection, *, enabled: bool, hidden: bool) -> tuple[ConnectionStatus, PauseReason | None]:
    """The status to show: a hook that is switched off, or that nobody sees, is paused whatever its connection does."""
    if not enabled:
        return "paused", "disabled"
    if hidden:
        return "paused", "hidden"
    return connection.status, None

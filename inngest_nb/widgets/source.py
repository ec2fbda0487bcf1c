"""Where views get their data from: what they need of an engine, and which engine that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from inngest_nb.client import Inngest
    from inngest_nb.run import Run

__all__ = ["Closer", "OnGap", "OnMessages", "ViewSource", "source_of"]

OnMessages = Callable[[list[dict[str, Any]]], None]
OnGap = Callable[[dict[str, Any]], None]
Closer = Callable[[], None]


class ViewSource(Protocol):
    """An engine as views see it; `inngest_nb.source.Source` is one. Callbacks may come from any thread."""

    @property
    def kind(self) -> str:
        """Return "server" if the page can reach the engine at its Jupyter server."""
        ...

    def subscribe(
        self, channel: str, topics: list[str] | None, since: str | int, on_messages: OnMessages, on_gap: OnGap
    ) -> Closer:
        """Follow a channel; `on_gap` gets the frame that says which messages are lost."""
        ...

    def extent(self, channel: str) -> tuple[int, int]:
        """Return the first offset of a channel's log, and the one after its last."""
        ...

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """Return what is in a channel's log now."""
        ...

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Answer a request to a route under `inngest/api/` with its status and body; blocks."""
        ...

    def snapshot(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return what is known now of the channel or run in a view's params: `messages`, `run`, `runs`."""
        ...

    def watch(self, params: dict[str, Any], changed: Callable[[], None]) -> Closer:
        """Call `changed` whenever `snapshot(params)` may differ."""
        ...

    def answer(self, params: dict[str, Any], decision: str) -> Closer:
        """Answer every question of an approval's channel with one decision; returns the way to stop."""
        ...


def source_of(client: Inngest | None, run: Run | str | None = None) -> ViewSource:
    """Return the engine of the client or of the run, else the one that this process uses."""
    from inngest_nb.source import Source

    if client is not None:
        return Source(client._link())  # noqa: SLF001  # what the client itself talks to
    return Source(None if run is None or isinstance(run, str) else run._link)  # noqa: SLF001

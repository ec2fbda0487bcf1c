"""Connected peers: which of them can run which function, and which runs each of them holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inngest_nb.engine.records import Run
from inngest_nb.protocol import Message


@dataclass(slots=True, kw_only=True, eq=False)
class Peer:
    """One connection: a kernel, a script, or the host's own worker."""

    id: str
    send: Callable[[Message], Any]
    acknowledge: Callable[[list[Message]], None] | None = None  # the same for any thread, where that is possible
    user: str | None = None
    pid: int | None = None
    host: str = ""
    label: str = ""
    functions: dict[str, None] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    connected: bool = True


class Peers:
    """All peers; the newest one that has a function gets its runs."""

    def __init__(self) -> None:
        self._by_function: dict[str, dict[str, Peer]] = {}
        self._by_id: dict[str, Peer] = {}

    def add(self, peer: Peer) -> None:
        """A peer said hello."""
        self._by_id[peer.id] = peer

    def get(self, peer_id: str) -> Peer | None:
        """The peer of this id, connected or waited for."""
        return self._by_id.get(peer_id)

    def offer(self, peer: Peer, fn_id: str) -> None:
        """The peer has the function; it is now the first to be asked."""
        peer.functions[fn_id] = None
        holders = self._by_function.setdefault(fn_id, {})
        holders.pop(peer.id, None)
        holders[peer.id] = peer

    def remove(self, peer: Peer) -> None:
        """The connection is gone for good; one that took its place stays."""
        if self._by_id.get(peer.id) is peer:
            del self._by_id[peer.id]
        for fn_id in peer.functions:
            holders = self._by_function.get(fn_id, {})
            if holders.get(peer.id) is peer:
                del holders[peer.id]

    def for_function(self, fn_id: str) -> Peer | None:
        """The newest connected peer that has the function."""
        for peer in reversed(self._by_function.get(fn_id, {}).values()):
            if peer.connected:
                return peer
        return None

    @property
    def all(self) -> list[Peer]:
        """Every peer that is connected."""
        return [peer for peer in self._by_id.values() if peer.connected]

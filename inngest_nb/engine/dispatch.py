"""Who runs what: leases runs to peers, gives a run of a vanished peer to the next one that has its function."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import orjson

from inngest_nb.engine import limits
from inngest_nb.engine.admission import slots_of
from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import READ_TOGETHER, SQL
from inngest_nb.engine.peers import Peer
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.engine.retelling import retell
from inngest_nb.engine.slices import Slices
from inngest_nb.engine.throttled import Throttled
from inngest_nb.engine.timers import Due
from inngest_nb.protocol import ErrorInfo, Message

GRACE_S = 3.0
_MEMOS = ("completed", "timed_out", "failed")
_PLACE = attrgetter("place")
_HOST = socket.gethostname()


class Dispatch:
    """Takes queued and woken runs to peers."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._throttled = Throttled(core)
        self._queued: dict[str, OrderedDict[str, None]] = {}  # function id → run ids without a peer
        self._on_hold: dict[str, list[tuple[Run, Callable[[], None]]]] = {}  # of paused functions: what goes on later

    # -- runs that want a peer -----------------------------------------------------------------

    def created(self, run: Run) -> None:
        """A run is in the journal: start it, now or when its event says."""
        if run.status in ENDED:  # it was skipped
            return
        self._core.hub.begin(run.id)
        self._core.lifecycle.run_changed(run, self._core.functions.get(run.fn_id))
        if run.wake_at is not None:
            self._core.timers.add(Due(run.wake_at, "start", run.id))
            return
        self._core.runs[run.id] = run
        self.place(run)

    def due(self, run_id: str) -> None:
        """A delayed start or a function-level retry has come."""
        run = self._core.find(run_id)
        if run is None or run.status in ENDED or run.peer is not None:
            return
        run.wake_at = None
        self.place(run)

    def place(self, run: Run) -> None:
        """Bring the run to a peer: past pause, throttle and concurrency, or remember what it waits for."""
        self._core.runs[run.id] = run
        if run.keeping:  # what its last worker reported is on its way to the disk: the next one must be told of it
            run.placed_when_kept = True
            return
        function = self._core.functions.get(run.fn_id)
        if function is None or function.paused or self._core.peers.for_function(run.fn_id) is None:
            self._queued.setdefault(run.fn_id, OrderedDict())[run.id] = None
            return
        self._queued.get(run.fn_id, OrderedDict()).pop(run.id, None)
        if not self._throttled.hold(run, function):
            self.pass_throttle(run)

    def kept(self, run: Run, report: tuple[str, int]) -> None:
        """A report about the run is in the journal."""
        run.keeping.discard(report)
        if run.placed_when_kept and not run.keeping:
            run.placed_when_kept = False
            if run.status not in ENDED and run.peer is None:
                self.place(run)

    def pass_throttle(self, run: Run) -> None:
        """The run may start as far as its rate goes: wait for concurrency."""
        run.passed_throttle = True
        self._acquire(run, lambda: self._to_peer(run))

    def _acquire(self, run: Run, go: Callable[[], None]) -> None:
        if not self._core.capacity.acquire(run, slots_of(run), go):
            ahead = self._core.capacity.ahead_of(run.id)
            run.reason = f"{ahead} {'run' if ahead == 1 else 'runs'} ahead under its concurrency limit"
            self._core.lifecycle.run_changed(run, self._core.functions.get(run.fn_id))

    def _to_peer(self, run: Run) -> None:
        if run.peer is not None:
            return
        peer = self._core.peers.for_function(run.fn_id)
        if run.status in ENDED:
            self._core.capacity.release(run.id)
        elif peer is None or self._is_paused(run.fn_id):
            self._core.capacity.release(run.id)
            self._queued.setdefault(run.fn_id, OrderedDict())[run.id] = None
        else:
            self._lease(run, peer)

    def _is_paused(self, fn_id: str) -> bool:
        function = self._core.functions.get(fn_id)
        return function is not None and function.paused

    def has_backlog(self, fn_id: str) -> bool:
        """Whether a run of the function waits for somebody to have it."""
        return self._core.peers.for_function(fn_id) is None and bool(self._queued.get(fn_id))

    # -- runs that go on -------------------------------------------------------------------------

    def go_on(self, run: Run, tell: Callable[[], None]) -> None:
        """Something of a leased run may execute again: `tell` its peer, once the function is not paused and there is room."""
        if self._is_paused(run.fn_id):
            self._on_hold.setdefault(run.fn_id, []).append((run, tell))
        elif run.peer is None:
            run.status = "queued"
            self.place(run)  # what was to be told comes with the run
        elif run.status == "running" and (not slots_of(run) or self._core.capacity.holds(run.id)):
            tell()
        else:
            if run.status == "waiting":
                run.status = "queued"
            self._acquire(run, lambda: self._resume(run, tell))

    def _resume(self, run: Run, tell: Callable[[], None]) -> None:
        if run.status in ENDED or run.peer is None:
            return
        run.parked = False
        if run.status != "running":
            run.status, run.reason = "running", None
            self._core.journal.keep([(SQL.set_run_status, ("running", run.id))])
            self._core.lifecycle.run_changed(run, self._core.functions.get(run.fn_id))
        tell()

    def throttle_due(self, due: Due) -> None:
        """More runs of a throttled function may start."""
        self._throttled.due(due)

    def resumed(self, fn_id: str) -> None:
        """A function is no longer paused: go on with what waited."""
        for held, tell in self._on_hold.pop(fn_id, ()):
            if held.status not in ENDED:
                self.go_on(held, tell)
        for run_id in list(self._queued.get(fn_id, ())):
            run = self._core.find(run_id)
            if run is not None and run.peer is None:
                self.place(run)

    def wants_peer(self, fn_id: str, run_id: str) -> None:
        """At start: a run that was under way and goes on when a peer comes."""
        self._queued.setdefault(fn_id, OrderedDict())[run_id] = None

    def functions_offered(self, peer: Peer, fn_ids: list[str]) -> None:
        """A peer has functions: give it their runs that wait for one."""
        for fn_id in fn_ids:
            self._core.peers.offer(peer, fn_id)
            self._release_dead_holders(fn_id)
        if any(self._queued.get(fn_id) for fn_id in fn_ids):
            self._core.spawn(self._place_queued(fn_ids))

    async def _place_queued(self, fn_ids: list[str]) -> None:
        slices = Slices()
        for fn_id in fn_ids:
            queued = list(self._queued.get(fn_id, ()))
            for first in range(0, len(queued), READ_TOGETHER):
                self._place_some(fn_id, queued[first : first + READ_TOGETHER])
                await slices.breathe()

    def _place_some(self, fn_id: str, run_ids: list[str]) -> None:
        with self._core.journal.at_hand([run_id for run_id in run_ids if run_id not in self._core.runs]):
            for run_id in run_ids:
                run = self._core.find(run_id)
                if run is None or run.status in ENDED:
                    self._queued[fn_id].pop(run_id, None)
                elif run.peer is None and run_id in self._queued[fn_id]:
                    self.place(run)

    # -- leases --------------------------------------------------------------------------------

    def _lease(self, run: Run, peer: Peer) -> None:
        function = self._core.functions.require(run.fn_id)
        now = self._core.clock.now()
        run.peer, run.lease = peer, self._core.clock.ulid()
        run.offered.clear()
        first = run.started_at is None
        run.status, run.started_at, run.reason = "running", run.started_at or now, None
        peer.runs[run.id] = run
        message = self._run_start(run, function.max_attempts)
        start = (SQL.start_run, (run.started_at, run.attempt, function.code_hash, run.id))
        self._core.journal.keep([start])
        peer.send(message)
        if first:
            self._core.lifetime.started(run, function)
        self._core.lifecycle.run_changed(run, function)

    def _run_start(self, run: Run, max_attempts: int) -> Message:
        memos: dict[str, str] = {}
        errors: dict[str, ErrorInfo] = {}
        waiting: list[str] = []
        retrying: dict[str, int] = {}
        late: list[Due] = []
        rows = [] if run.fresh else self._core.journal.steps(run.id)
        if run.steps is None:
            limits.take_stock(run, rows)
        if run.touched is None:  # it was read from the journal
            retell(self._core, run, rows)
        for row in rows:
            run.next_index = max(run.next_index, row.index + 1)
            if row.status in ("completed", "timed_out"):
                memos[row.hash] = row.output or "null"
            elif row.status == "failed":
                errors[row.hash] = orjson.loads(row.error or "{}")
            elif row.status == "waiting":
                waiting.append(row.hash)
            elif row.status == "retrying":
                retrying[row.hash] = row.attempt + 1
                late.append(Due(row.retry_at or 0, "retry", run.id, row.hash, row.attempt + 1))
        for due in late:
            if due.hash not in memos and due.hash not in errors and due.attempt == retrying[due.hash]:
                self._core.timers.add(due)  # past due times fire at once; the worker waits for step.again
        self._core.lifecycle.roll_back_lost(run, "the worker was lost")
        return {
            "op": "run.start", "run_id": run.id, "lease": run.lease, "fn_id": run.fn_id,
            "event": run.event.as_text(), "events": [event.as_text() for event in run.events],
            "attempt": run.attempt, "max_attempts": max_attempts,
            "memos": memos, "errors": errors, "waiting": waiting,
            "retrying": {h: n for h, n in retrying.items() if h not in memos and h not in errors},
            "limited": bool(run.slots), "order": [row.hash for row in sorted(rows, key=_PLACE) if row.status in _MEMOS],
        }  # fmt: skip

    def release(self, run: Run) -> None:
        """The run's peer holds it no more, and it executes nothing."""
        self._core.capacity.release(run.id)
        if run.peer is not None:
            run.peer.runs.pop(run.id, None)
        run.peer, run.lease = None, ""

    def drop(self, run: Run) -> None:
        """No peer holds the run any more, and memory neither: it comes back when one of its waits ends."""
        self.release(run)
        self._core.runs.pop(run.id, None)

    def taken(self, run: Run) -> None:
        """A peer that came back still holds the run."""
        if run.status == "running":
            self._core.capacity.occupy(run.id, slots_of(run))
        self._queued.get(run.fn_id, OrderedDict()).pop(run.id, None)

    def forget(self, run: Run) -> None:
        """The run ended: drop it from memory and tell its peer."""
        peer = run.peer
        if peer is not None and peer.connected:
            peer.send({"op": "run.stop", "run_id": run.id, "lease": run.lease, "reason": run.status})
        self.release(run)
        self._core.runs.pop(run.id, None)
        self._queued.get(run.fn_id, OrderedDict()).pop(run.id, None)

    # -- peers that come back, or do not ---------------------------------------------------------

    def peer_lost(self, peer: Peer) -> None:
        """A connection ended. Its runs wait a moment for it, unless its process is dead."""
        peer.connected = False
        if not peer.runs or is_dead(peer):
            self._abandon(peer)
        else:
            self._core.loop.call_later(GRACE_S, self._abandon_if_still_lost, peer)

    def _abandon_if_still_lost(self, peer: Peer) -> None:
        if not peer.connected and self._core.peers.get(peer.id) is peer:
            self._abandon(peer)

    def _abandon(self, peer: Peer) -> None:
        self._core.peers.remove(peer)
        for run in list(peer.runs.values()):
            self.release(run)
            self._core.lifecycle.roll_back_lost(run, "the worker was lost")
            run.fresh = False
            if run.status == "waiting" and run.parked:
                self.drop(run)
            else:
                self.place(run)  # also what only waits, as far as anybody knows: more of it may have been executing

    def _release_dead_holders(self, fn_id: str) -> None:
        for run in [run for run in self._core.runs.values() if run.fn_id == fn_id and run.peer is not None]:
            holder = run.peer
            if holder is not None and not holder.connected and is_dead(holder):
                self._abandon(holder)


def is_dead(peer: Peer) -> bool:
    """Whether the peer's process, on this machine, is known to be gone."""
    if peer.pid is None or peer.host != _HOST:
        return False
    try:
        os.kill(peer.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(peer.pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split(maxsplit=1)[0] == "Z"
    except OSError:
        return False

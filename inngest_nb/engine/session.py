"""One connection to an engine: turns a peer's messages into calls, and answers into messages."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from inngest_nb.engine.browsing import browse, topics
from inngest_nb.engine.engine import Engine
from inngest_nb.engine.forks import GOOD
from inngest_nb.engine.lifecycle import run_state
from inngest_nb.engine.listing import Listing
from inngest_nb.engine.peers import Peer
from inngest_nb.engine.records import Run
from inngest_nb.engine.slices import Slices
from inngest_nb.engine.subscriptions import Subscriptions
from inngest_nb.engine.views import attempts, read_log, run_view, step_messages
from inngest_nb.errors import AnswerInvalidError, ChannelError, InngestError
from inngest_nb.hub import Publish
from inngest_nb.protocol import PUBLISHED_KINDS, VERSION, ErrorInfo, Message
from inngest_nb.realtime.tokens import TopicClaim

Method = Callable[[dict[str, Any]], Awaitable[Any]]
_log = logging.getLogger(__name__)
_LATER_S = 0.25


class Session:
    """A worker's or client's side of the conversation; `send` takes one message and must not block."""

    def __init__(
        self,
        engine: Engine,
        send: Callable[[Message], Any],
        *,
        user: str | None = None,
        acknowledge: Callable[[list[Message]], None] | None = None,
    ) -> None:
        self._engine, self._send, self._user = engine, send, user
        self._acknowledge = acknowledge
        self._peer: Peer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions = Subscriptions(engine.core.hub, send)
        progress, waiting = engine.core.progress, engine.core.waiting
        self._reports: dict[str, Callable[[Run, Message], None]] = {
            "step.begin": progress.step_begun,
            "step.done": progress.step_done,
            "step.wait": waiting.begun,
            "step.drop": waiting.dropped,
            "run.idle": waiting.idle,
            "run.park": waiting.park,
            "run.busy": waiting.busy,
            "run.done": progress.run_done,
            "run.error": progress.run_error,
        }
        self._methods: dict[str, Method] = {
            "send": self._send_events,
            "start": self._start,
            "run": self._run,
            "runs": self._runs,
            "result": self._result,
            "cancel": self._cancel,
            "publish": self._publish_again,
            "view": self._view,
            "attempts": self._attempts,
            "step_messages": self._step_messages,
            "memos": self._memos,
            "rerun": self._rerun,
            "retry_now": self._retry_now,
            "preview": self._preview,
            "pause": self._pause,
            "cancel_runs": self._cancel_runs,
            "replay": self._replay,
            "backfill": self._backfill,
            "messages": self._messages,
            "extent": self._extent,
            "browse": self._browse,
            "topics": self._topics,
            "page": self._page,
            "overview": self._overview,
            "token": self._token,
        }

    def receive(self, messages: list[Message]) -> None:
        """Act on what the peer said, in order."""
        for message in messages:
            op = message["op"]
            report = self._reports.get(op)
            if report is not None:
                self._about_run(message, report)
            else:
                self._other(op, message)

    def close(self) -> None:
        """The connection ended."""
        self._subscriptions.close()
        for task in self._tasks:
            task.cancel()
        if self._peer is not None:
            self._engine.core.dispatch.peer_lost(self._peer)

    # -- what a worker reports -----------------------------------------------------------------

    def _about_run(self, message: Message, report: Callable[[Run, Message], None]) -> None:
        run = self._peer.runs.get(message["run_id"]) if self._peer else None
        if run is None or run.lease != message["lease"]:
            self._send({"op": "run.stop", "run_id": message["run_id"], "lease": message["lease"], "reason": "lost"})
            return
        if run.acknowledging:
            self._engine.core.progress.catch_up(run)
        try:
            report(run, message)
        except sqlite3.Error:  # the disk does not answer at the moment
            _log.warning("%s of run %s is taken later", message["op"], run.id, exc_info=True)
            self._engine.core.loop.call_later(_LATER_S, self._about_run, message, report)
        except Exception as exc:  # noqa: BLE001  # whatever it was, the peer must not wait for ever
            _log.exception("%s of run %s", message["op"], run.id)
            self._engine.core.progress.end(run, "failed", error=_not_taken(message, exc))

    # -- everything else -----------------------------------------------------------------------

    def _other(self, op: str, message: Message) -> None:
        if op == "publish":
            self._publish_unacknowledged(message)
        elif op == "request" and message["method"] == "publish" and "again" not in message["params"]:
            self._publish_acknowledged(message)
        elif op == "request":
            task = self._engine.core.loop.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif op == "hello":
            self._hello(message)
        elif op == "register" and self._peer is not None:
            self._register(self._peer, message["functions"])
        elif op in ("subscribe", "unsubscribe"):
            self._subscriptions.handle(message)

    def _hello(self, message: Message) -> None:
        core = self._engine.core
        peer = Peer(
            id=message["worker_id"],
            send=self._send,
            acknowledge=self._acknowledge,
            user=self._user,
            pid=message.get("pid"),
            host=message.get("host", ""),
            label=message.get("label", ""),
        )
        known = core.peers.get(peer.id)
        self._peer = peer
        remembered = message.get("live", {}).keys() & core.runs.keys()
        kept = self._adopt(peer, known, message.get("live", {}))
        core.peers.add(peer)
        self._send(
            {
                "op": "ready",
                "version": VERSION,
                "engine_id": self._engine.id,
                "data_dir": str(self._engine.data_dir),
                "kept": kept,
            }
        )
        for run_id in kept:
            core.progress.peer_back(core.runs[run_id], remembered=run_id in remembered)
        self._register(peer, message["functions"])

    def _adopt(self, peer: Peer, known: Peer | None, live: dict[str, str]) -> list[str]:
        """Runs that the peer still executes: it keeps those that nobody else was given."""
        core = self._engine.core
        kept: list[str] = []
        for run_id, lease in live.items():
            run = core.find(run_id)
            held = run is not None and run.peer is not None and run.peer is not known
            if run is None or run.ended_at is not None or held:
                self._send({"op": "run.stop", "run_id": run_id, "lease": lease, "reason": "lost"})
                continue
            run.peer, run.lease = peer, lease
            if run.status == "queued" and not core.capacity.has_waiter(run.id):
                run.status = "running"
            peer.runs[run_id] = run
            core.dispatch.taken(run)
            kept.append(run_id)
        if known is not None:
            for run in [run for run_id, run in known.runs.items() if run_id not in live]:
                core.dispatch.release(run)
                core.dispatch.place(run)
            core.peers.remove(known)
        return kept

    def _register(self, peer: Peer, configs: list[Any]) -> None:
        try:
            fn_ids = self._engine.register(configs)
        except InngestError as exc:
            self._send({"op": "refused", "error": {"code": exc.code, "message": exc.message}})
            return
        self._engine.core.dispatch.functions_offered(peer, fn_ids)

    def _publish_unacknowledged(self, message: Message) -> None:
        try:
            self._publish(message)
        except InngestError as exc:  # nobody waits for an answer, and what follows must not suffer
            _log.warning("a message was not published: %s", exc.message)
        except (TypeError, ValueError):
            _log.exception("a message on channel %r was not published", message.get("channel"))

    def _publish_acknowledged(self, message: Message) -> None:
        """Answered with the others of its group: a task for each would cost more than the message does."""
        try:
            self._publish(message["params"])
        except Exception as exc:  # noqa: BLE001  # whatever it was, the peer must not wait for ever
            self._send(_failure(message, exc))
        else:
            self._engine.core.hub.after(self._published, message["id"])

    def _published(self, ids: list[int]) -> None:
        self._send({"op": "response", "ids": ids} if len(ids) > 1 else {"op": "response", "id": ids[0], "result": None})

    def _publish(self, message: Message) -> None:
        run_id = message.get("run_id")
        run = self._engine.core.runs.get(run_id) if run_id else None
        step_id, attempt = message.get("step_id"), message.get("attempt")
        fate = None if run is None else self._fate(run, message)
        if fate == "rollback":
            return
        about = (run_id, message.get("fn_id"), step_id, attempt, message.get("created_at", 0))
        kind = message.get("kind", "data")
        if kind not in PUBLISHED_KINDS:
            raise ChannelError(f"a publish is of kind {', '.join(PUBLISHED_KINDS)}, not {kind!r}")
        publish = Publish(
            message["channel"], message["topic"], message["data"], kind, *about, stream_id=message.get("stream_id")
        )
        self._engine.core.hub.publish(publish)
        if run is None:
            return
        if run.touched is not None:
            run.touched.add(message["channel"])
        if step_id is not None and fate is None:
            run.unsettled.setdefault(step_id, set()).add(message["channel"])

    def _fate(self, run: Run, message: Message) -> str | None:
        """What is decided about a publish already: its worker has lost the run, or the attempt of its step has ended."""
        if run.peer is not self._peer:
            return "rollback"
        last, stands = run.settled.get(message.get("hash") or "", (-1, False))
        attempt = message.get("attempt") or 0
        if attempt > last:
            return None
        return "commit" if stands and attempt == last else "rollback"

    # -- requests ------------------------------------------------------------------------------

    async def _answer(self, message: Message) -> None:
        try:
            result = await self._methods[message["method"]](message["params"])
        except Exception as exc:  # noqa: BLE001  # whatever it was, the peer must not wait for ever
            self._send(_failure(message, exc))
        else:
            self._send({"op": "response", "id": message["id"], "result": result})

    async def _send_events(self, params: dict[str, Any]) -> Any:
        return await self._engine.send(params["events"], key=params.get("key"))

    async def _start(self, params: dict[str, Any]) -> Any:
        run = await self._engine.start_function(params["fn_id"], params["event"], key=params.get("key"))
        return self._state(run)

    async def _run(self, params: dict[str, Any]) -> Any:
        return self._state(self._engine.run(params["run_id"]))

    async def _runs(self, params: dict[str, Any]) -> Any:
        slices, states = Slices(), list[str]()
        for run_id in self._engine.run_ids(**params):
            states.append(self._state(self._engine.run(run_id)))
            await slices.breathe()
        return states

    async def _result(self, params: dict[str, Any]) -> Any:
        return self._state(await self._engine.ended(params["run_id"]))

    async def _cancel(self, params: dict[str, Any]) -> Any:
        return self._state(await self._engine.cancel(params["run_id"], params.get("reason")))

    async def _publish_again(self, params: dict[str, Any]) -> Any:
        """The connection broke before the answer: it may be in the log."""
        hub = self._engine.core.hub
        await hub.written()
        if not hub.has(params["channel"], params["topic"], params["created_at"]):
            self._publish(params)
        await hub.written()

    async def _retry_now(self, params: dict[str, Any]) -> Any:
        return await self._engine.retry_now(**params)

    async def _rerun(self, params: dict[str, Any]) -> Any:
        return self._state(await self._engine.rerun(**params))

    async def _preview(self, params: dict[str, Any]) -> Any:
        return self._engine.preview(**params)

    async def _cancel_runs(self, params: dict[str, Any]) -> Any:
        return await self._engine.bulk.cancel(open=1, **params)

    async def _replay(self, params: dict[str, Any]) -> Any:
        return [self._state(run) for run in await self._engine.bulk.replay(open=0, **params)]

    async def _backfill(self, params: dict[str, Any]) -> Any:
        return [self._state(run) for run in await self._engine.bulk.backfill(**params)]

    async def _pause(self, params: dict[str, Any]) -> Any:
        await self._engine.pause(params["fn_id"], paused=params["paused"])

    async def _view(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(run_view(self._engine, params["run_id"])).decode()

    async def _step_messages(self, params: dict[str, Any]) -> Any:
        found = await step_messages(self._engine, params["run_id"], params["hash"], params["limit"])
        return orjson.dumps(found).decode()

    async def _memos(self, params: dict[str, Any]) -> Any:
        rows = self._engine.core.journal.steps(params["run_id"])
        return orjson.dumps({row.hash: row.output or "null" for row in rows if row.status in GOOD}).decode()

    async def _attempts(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(attempts(self._engine, params["run_id"], params["hash"])).decode()

    async def _messages(self, params: dict[str, Any]) -> Any:
        channel, since = params["channel"], params.get("since", 0)
        if "last" in params:
            since = max(0, self._engine.core.hub.log(channel).visible - params["last"])
        messages, following = await read_log(self._engine, channel, since, params["limit"])
        return orjson.dumps({"messages": messages, "next": following}).decode()

    async def _extent(self, params: dict[str, Any]) -> Any:
        return self._engine.core.hub.extent(params["channel"])

    async def _browse(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(await browse(self._engine, params["channel"], params["query"])).decode()

    async def _topics(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(await topics(self._engine, params["channel"])).decode()

    async def _page(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(await self._engine.listings.page(Listing.of(params["query"]))).decode()

    async def _overview(self, params: dict[str, Any]) -> Any:
        return orjson.dumps(await self._engine.overview.of(params["what"])).decode()

    async def _token(self, params: dict[str, Any]) -> Any:
        topics = [TopicClaim(channel=params["channel"], name=name, kind="run") for name in params["topics"]]
        key = self._engine.tokens.mint(topics, params["expires_in"], publish=params.get("publish", False))
        return {"key": key, "api_base_url": self._engine.api_base_url}

    def _state(self, run: Run) -> str:
        """The run as JSON text: RunState with its output and its events."""
        state = run_state(run, self._engine.core.functions.get(run.fn_id))
        state["events"] = [orjson.Fragment(event.as_text()) for event in run.events]
        return orjson.dumps(state).decode()


def _not_taken(message: Message, exc: Exception) -> ErrorInfo:
    """A report that the engine cannot act on ends its run: nobody shall wait for an answer that does not come."""
    about = f"step {message['step_id']!r}" if message.get("step_id") else "its function"
    text = f"the engine could not take what was reported of {about}: {type(exc).__name__}: {exc}"
    return {"code": "report_not_taken", "name": "InngestError", "message": text, "stack": None}


def _failure(message: Message, exc: Exception) -> Message:
    """What a request is answered that could not be carried out."""
    if isinstance(exc, InngestError):
        more = {"errors": exc.errors} if isinstance(exc, AnswerInvalidError) else {}
        error = {"type": type(exc).__name__, "message": exc.message, **more}
    else:
        _log.error("a request of %r failed", message["method"], exc_info=exc)
        text = f"the engine could not answer {message['method']!r}: {type(exc).__name__}: {exc}"
        error = {"type": "InngestError", "message": text}
    return {"op": "response", "id": message["id"], "error": error}

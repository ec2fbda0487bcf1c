"""What a view needs of an engine, over any link: frames, requests, and the state to draw before anything is live."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from inngest_nb.approvals import Policy
from inngest_nb.errors import (
    AnswerInvalidError,
    FunctionNotFoundError,
    InngestError,
    JournalUnavailable,
    RunNotFoundError,
)
from inngest_nb.jsontext import loads
from inngest_nb.links import current_link
from inngest_nb.realtime.following import Listener

if TYPE_CHECKING:
    from inngest_nb.links.link import Link

SNAPSHOT_MESSAGES = 5_000
SNAPSHOT_RUNS = 60
OnMessages = Callable[[list[dict[str, Any]]], None]
OnGap = Callable[[dict[str, Any]], None]


class Source:
    """The engine as views see it. Callbacks come from the link's thread."""

    def __init__(self, link: Link | None = None) -> None:
        self._link = link or current_link()

    @property
    def kind(self) -> str:
        """Which engine it is, server or embedded."""
        return self._link.kind

    @property
    def link(self) -> Link:
        """The link underneath."""
        return self._link

    # -- live ------------------------------------------------------------------------------------

    def subscribe(
        self, channel: str, topics: list[str] | None, since: str | int, on_messages: OnMessages, on_gap: OnGap
    ) -> Callable[[], None]:
        """Follow a channel; returns the way to stop."""
        return self._link.follow(channel, topics, since, Listener(on_messages=on_messages, on_gap=on_gap)).stop

    def watch(self, params: dict[str, Any], changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever `snapshot(params)` may differ; returns the way to stop."""
        one = None if params.get("function") else params.get("run_id")
        name = params.get("channel") or one or "$runs"
        return self.subscribe(name, None, "now", lambda messages: changed(), lambda gap: changed())

    # -- requests, as the server's REST routes answer them -----------------------------------------

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Answer what a view asks for over its comm: status and JSON body."""
        try:
            return 200, self._route(method, path, body, headers or {})
        except (RunNotFoundError, FunctionNotFoundError) as exc:
            return 404, {"error": exc.message, "code": exc.code}
        except AnswerInvalidError as exc:
            return 422, {"error": exc.message, "code": exc.code, "errors": exc.errors}
        except JournalUnavailable as exc:
            return 503, {"error": exc.message, "code": exc.code}
        except InngestError as exc:
            return 400, {"error": exc.message, "code": exc.code}

    def _route(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        place, _, query = path.partition("?")
        parts = [unquote(part) for part in place.strip("/").split("/")]
        match (method, parts):
            case ("POST", ["events"]):
                events = body if isinstance(body, list) else [body]
                key = {name.lower(): value for name, value in headers.items()}.get("idempotency-key")
                return {"ids": self._link.call("send", {"events": events, "key": key})}
            case ("GET", ["runs", run_id]):
                return loads(self._link.call("view", {"run_id": run_id}))
            case ("POST", ["runs", run_id, "cancel"]):
                return {
                    "run": loads(self._link.call("cancel", {"run_id": run_id, "reason": "cancelled in the notebook"}))
                }
            case ("GET", ["runs", run_id, "steps", step_hash]):
                return {"attempts": loads(self._link.call("attempts", {"run_id": run_id, "hash": step_hash}))}
            case ("POST", ["runs", run_id, "retry"]):
                step = body.get("step") if isinstance(body, dict) else None
                return {"retried": self._link.call("retry_now", {"run_id": run_id, "step": step})}
            case ("POST", ["runs", run_id, "plan"]):
                return {"steps": self._link.call("preview", {"run_id": run_id, **_choice(body)})}
            case ("POST", ["runs", run_id, "rerun"]):
                return {"run": loads(self._link.call("rerun", {"run_id": run_id, **_choice(body)}))}
        if method == "GET":
            return self._read(parts, dict(parse_qsl(query)))
        raise RunNotFoundError(f"there is no route {method} {path}")

    def _read(self, parts: list[str], query: dict[str, str]) -> Any:
        """Answer the routes of lists."""
        match parts:
            case ["overview", "runs"]:
                return loads(self._link.call("page", {"query": query}))
            case ["overview", what]:
                return loads(self._link.call("overview", {"what": what}))
            case ["runs", run_id, "steps", step_hash, "messages"]:
                params = {"run_id": run_id, "hash": step_hash, "limit": int(query.get("limit", 200))}
                return {"messages": loads(self._link.call("step_messages", params))}
            case ["channels", channel, "browse"]:
                return loads(self._link.call("browse", {"channel": channel, "query": query}))
            case ["channels", channel, "topics"]:
                return loads(self._link.call("topics", {"channel": channel}))
            case ["channels", channel, "messages"]:
                since, limit = int(query.get("since", 0)), int(query.get("limit", 1000))
                return loads(self._link.call("messages", {"channel": channel, "since": since, "limit": limit}))
        raise RunNotFoundError(f"there is no route GET {'/'.join(parts)}")

    def answer(self, params: dict[str, Any], decision: str) -> Callable[[], None]:
        """Answer every question of an approval's channel with one decision; returns the way to stop."""
        policy = Policy(self._link, params["channel"], params.get("topic"), params.get("event"), decision)
        return policy.close

    # -- the state to draw first -------------------------------------------------------------------

    def snapshot(self, params: dict[str, Any]) -> dict[str, Any]:
        """The last known state for a view's params; what cannot be had is left out."""
        initial: dict[str, Any] = {"saved_at": time.time() * 1000}
        with contextlib.suppress(InngestError):
            if "channel" in params:
                initial["messages"] = self.messages(params["channel"], params.get("last", SNAPSHOT_MESSAGES))
                initial["runs"] = {run_id: self.view(run_id) for run_id in _runs_in(initial["messages"])}
            elif run_id := self._run_of(params):
                initial["run"] = self.view(run_id)
                if params.get("other_id"):
                    initial["other"] = self.view(params["other_id"])
            elif "group" in params:
                query = {"group": params["group"], "function": params.get("function"), "limit": str(SNAPSHOT_RUNS)}
                initial["page"] = loads(self._link.call("page", {"query": query}))
        return initial

    def _run_of(self, params: dict[str, Any]) -> str | None:
        """The run of a timeline: the one that it names, or the newest of its function."""
        if "group" in params or not params.get("function"):
            return params.get("run_id")
        newest = loads(self._link.call("page", {"query": {"function": params["function"], "limit": "1"}}))["rows"]
        return newest[0]["run"]["run_id"] if newest else None

    def extent(self, channel: str) -> tuple[int, int]:
        """The first offset of a channel's log, and the one after its last."""
        first, following = self._link.call("extent", {"channel": channel})
        return first, following

    def messages(self, channel: str, last: int = SNAPSHOT_MESSAGES) -> list[dict[str, Any]]:
        """The newest messages of a channel's log, oldest first."""
        params = {"channel": channel, "last": last, "limit": last}
        found: list[dict[str, Any]] = loads(self._link.call("messages", params))["messages"]
        return found

    def view(self, run_id: str) -> dict[str, Any]:
        """{"run": RunState, "steps": [StepState, …]}."""
        view: dict[str, Any] = loads(self._link.call("view", {"run_id": run_id}))
        return view


def _choice(body: Any) -> dict[str, Any]:
    """Which steps a rerun keeps, and with which outputs."""
    given = body or {}
    return {"from_step": given.get("from_step"), "steps": given.get("steps") or {}, "resume": bool(given.get("resume"))}


def _runs_in(messages: list[dict[str, Any]]) -> list[str]:
    """The runs that published, the latest ones, in order."""
    return list(dict.fromkeys(m["run_id"] for m in messages if m.get("run_id")))[-8:]

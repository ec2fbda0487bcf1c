"""The link to a real Inngest server: our functions are served by the official SDK, on a loopback port of this process.

What an engine of this package answers from its journal, this link asks of the server's REST API; what that does not have is
refused with a sentence.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import logging
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from inngest_nb import errors
from inngest_nb.errors import ChannelError, InngestError, LinkError, RunNotFoundError
from inngest_nb.jsontext import dumps, loads
from inngest_nb.links.link import Link
from inngest_nb.loops import LoopThread
from inngest_nb.official import OfficialApp
from inngest_nb.official.convert import event_there
from inngest_nb.protocol import Message
from inngest_nb.realtime.backoff import Backoff
from inngest_nb.realtime.connecting import TokenSource
from inngest_nb.realtime.following import Followed, Listener, Place
from inngest_nb.settings import CloudSettings
from inngest_nb.store.secret import Secret

_PORTS = range(20_000, 30_000)
_STATUS = {"Scheduled": "queued", "Skipped": "cancelled"}
_ENDED = ("completed", "failed", "cancelled")
_POLL_S = 0.5
_SYNC_BACKOFF_S = (1.0, 30.0)
_log = logging.getLogger("inngest_nb")


class OfficialLink(Link):
    """Serves one app. Its address stays the same for one data directory: servers know an app by it."""

    kind = "inngest"

    def __init__(self, app_id: str, settings: CloudSettings, *, data_dir: Path, serializer: Any, label: str) -> None:
        super().__init__(label)
        self.app = OfficialApp(app_id, settings, serializer=serializer)
        self.data_dir = data_dir
        self._settings, self.url = settings, settings.api_origin
        self._thread = LoopThread("inngest-nb official")
        self._loop = self._thread.loop
        self._changed = asyncio.Event()
        self._closed = False
        self._followed_by_token: list[tuple[Followed, Listener]] = []
        self.served_at: str = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        asyncio.run_coroutine_threadsafe(self._keep_synced(), self._loop)
        atexit.register(self.close)

    async def _open(self) -> str:
        """Listen at an address that only the server is told: in dev mode nothing else protects the functions."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = hashlib.sha256(Secret(self.data_dir).read() + self.app.client.app_id.encode()).hexdigest()
        path = f"/api/inngest/{secret[:32]}"
        self._http = httpx.AsyncClient(timeout=30)
        self._server = HTTPServer(Application([(path, _Handler, {"link": self})]))
        sockets = _bind(_PORTS[int(secret[32:40], 16) % len(_PORTS)])
        self._server.add_sockets(sockets)
        return f"http://127.0.0.1:{sockets[0].getsockname()[1]}{path}"

    # -- what the process says to its engine ---------------------------------------------------

    def _schedule(self) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        for message in self._drain():
            if message["op"] == "register":
                self._register(message)
            elif message["op"] == "request":
                self._loop.create_task(self._request(message))

    def _register(self, message: Message) -> None:
        for config in message["functions"]:
            try:
                self.app.add(self.worker.handlers[config["id"]])  # type: ignore[arg-type]  # ours are Functions
            except InngestError as exc:
                self._incoming([{"op": "refused", "error": {"type": type(exc).__name__, "message": exc.message}}])
        self._changed.set()

    async def _request(self, message: Message) -> None:
        method = getattr(self, f"_do_{message['method']}", None)
        answer: Message = {"op": "response", "id": message["id"]}
        try:
            if method is None:
                raise LinkError(
                    f'{message["method"]!r} is not there with engine="inngest": a real Inngest server does not have it'
                )
            answer["result"] = await method(**message["params"])
        except InngestError as exc:
            answer["error"] = {"type": type(exc).__name__, "message": exc.message}
        except Exception as exc:  # noqa: BLE001  # whatever the SDK raises is for who asked
            answer["error"] = {"type": "LinkError", "message": f"{message['method']}: {exc}"}
        self._incoming([answer])

    # -- subscriptions -------------------------------------------------------------------------

    def follow(
        self,
        channel: str,
        topics: list[str] | None,
        since: Place,
        listener: Listener,
        *,
        epoch: int | None = None,
        backoff: Backoff | None = None,
    ) -> Followed:
        """Follow a channel with a token of the server's for each connection, as Inngest's own SDK does.

        Raises:
            ChannelError: no topics are given.
        """
        if not topics:
            raise ChannelError('with engine="inngest" a subscription names its topics: pass topics=["…"]')
        asked = {"channel": channel, "topics": topics}
        source = TokenSource(token=lambda: self.ask("token", asked), backoff=backoff or Backoff())
        followed = source.follow(channel, topics, since, listener, epoch=epoch)
        self._followed_by_token.append((followed, listener))
        return followed

    # -- requests ------------------------------------------------------------------------------

    async def _do_send(self, events: list[dict[str, Any]], key: str) -> list[str]:
        try:
            return await self.app.client.send([event_there(event) for event in events])
        except InngestError:
            raise
        except Exception as exc:
            raise errors.SendEventsError(f"{self._settings.event_api_origin} did not take the events: {exc}") from exc

    async def _do_publish(self, channel: str, topic: str, data: str, *, kind: str = "data", **about: Any) -> None:
        """Where a stream begins and ends is not told there: subscribers of that server fail at it."""
        if kind != "data":
            return
        path = f"/v1/realtime/publish?channel={quote(channel, safe='')}&topic={quote(topic, safe='')}"
        await self._api("POST", path, data.encode())

    async def _do_token(
        self, channel: str, topics: list[str], *, publish: bool = False, **options: Any
    ) -> dict[str, Any]:
        """A token of the server's; how long it lives is the server's business."""
        if publish:
            raise LinkError('with engine="inngest" a token is for reading only')
        claims = dumps([{"channel": channel, "name": topic, "kind": "run"} for topic in topics])
        key = (await self._api("POST", "/v1/realtime/token", claims.encode()))["jwt"]
        return {"key": key, "api_base_url": self._settings.api_origin}

    async def _do_run(self, run_id: str) -> str:
        return dumps(_state(await self._api("GET", f"/v1/runs/{quote(run_id, safe='')}")))

    async def _do_runs(
        self, *, event_id: str | None, limit: int, function: str | None, status: str | None
    ) -> list[str]:
        if event_id is None:
            raise LinkError('with engine="inngest" runs are found by event_id only')
        runs = [_state(run) for run in await self._api("GET", f"/v1/events/{quote(event_id, safe='')}/runs")]
        return [dumps(run) for run in runs[:limit] if status in (None, run["status"])]

    async def _do_cancel(self, run_id: str, **more: Any) -> str:
        await self._api("DELETE", f"/v1/runs/{quote(run_id, safe='')}")
        return await self._do_run(run_id)

    async def _do_result(self, run_id: str) -> str:
        while True:
            state = await self._do_run(run_id)
            if loads(state)["status"] in _ENDED:
                return state
            await asyncio.sleep(_POLL_S)

    async def _api(self, method: str, path: str, body: bytes | None = None) -> Any:
        """One call of the REST API; the data of its envelope. Errors are told by status or only in the body."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self._settings.signing_key:
            headers["Authorization"] = f"Bearer {_hashed(self._settings.signing_key)}"
        try:
            answer = await self._http.request(
                method, urljoin(self._settings.api_origin, path), content=body, headers=headers
            )
            said = answer.json() if answer.content.strip() else {}
        except (httpx.HTTPError, ValueError) as exc:
            raise LinkError(
                f"the Inngest server at {self._settings.api_origin} did not answer properly: {exc}"
            ) from exc
        status = max(answer.status_code, said.get("status") or 0 if isinstance(said, dict) else 0)
        if status in (404, 500) and path.startswith("/v1/runs/"):
            raise RunNotFoundError(
                f"the Inngest server at {self._settings.api_origin} does not know this run: {said.get('error')}"
            )
        if status >= 400:
            raise LinkError(
                f"the Inngest server at {self._settings.api_origin} refused {method} {path}: {status} {said}"
            )
        return said.get("data", said) if isinstance(said, dict) else said

    # -- registration --------------------------------------------------------------------------

    async def _keep_synced(self) -> None:
        """Tell the server what there is, after every change, until it has understood."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(0.05)  # cells define functions in quick succession
            delay, most = _SYNC_BACKOFF_S
            while (fault := await self._sync()) is not None and not self._changed.is_set():
                _log.warning("inngest_nb: the functions are not registered (yet): %s", fault)
                await asyncio.sleep(delay)
                delay = min(delay * 2, most)

    async def _sync(self) -> str | None:
        try:
            reply = await self.app.answer("PUT", self.served_at, {}, {}, b"")
        except Exception as exc:  # noqa: BLE001  # the SDK's client may raise anything
            return repr(exc)
        return None if reply.status == 200 else reply.body.decode(errors="replace")

    # -- life ----------------------------------------------------------------------------------

    def describe(self) -> str:
        """Where the server is."""
        return f"the functions are served at {self.served_at} for the Inngest server at {self._settings.api_origin}"

    def readable_dir(self) -> Path:
        """There is no journal here."""
        raise LinkError('the history of engine="inngest" is kept by its server, which has a dashboard for it')

    def close(self) -> None:
        """Stop serving."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.worker.close()
        for followed, listener in self._followed_by_token:
            followed.stop()
            listener.on_end(None)
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._thread.stop()

    async def _stop(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()
        await self._http.aclose()
        await self.app.close()


class _Handler(RequestHandler):
    """What the server calls."""

    def initialize(self, link: OfficialLink) -> None:
        self._link = link

    async def get(self) -> None:
        """What is served here."""
        await self._answer()

    post = put = get

    async def _answer(self) -> None:
        query = {name: values[-1].decode(errors="replace") for name, values in self.request.query_arguments.items()}
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        method = self.request.method or "GET"
        reply = await self._link.app.answer(method, self._link.served_at, query, headers, self.request.body)
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        self.finish(reply.body)


def _bind(port: int) -> list[socket.socket]:
    try:
        return bind_sockets(port, "127.0.0.1", family=socket.AF_INET)
    except OSError:  # somebody else has it: the server is told another address
        return bind_sockets(0, "127.0.0.1", family=socket.AF_INET)


def _hashed(signing_key: str) -> str:
    from inngest._internal.transforms import hash_signing_key

    return hash_signing_key(signing_key)


def _state(run: dict[str, Any]) -> dict[str, Any]:
    """A run of the REST API as RunState."""
    status = _STATUS.get(run["status"], run["status"].lower())
    state: dict[str, Any] = {
        "run_id": run["run_id"],
        "fn_id": run["function_id"],
        "name": run["function_id"],
        "status": status,
    }
    state |= {"events": [], "event": {"id": run["event_id"], "name": ""}}
    if status == "completed":
        state["result"] = run["output"]
    if status == "failed":
        state["error"] = run["output"]
    return state

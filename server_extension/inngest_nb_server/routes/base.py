"""What all handlers share: the authorization resource, the engine, and errors as one JSON sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from inngest_nb.engine.lifecycle import run_state
from inngest_nb.errors import (
    AnswerInvalidError,
    DataDirLocked,
    FunctionNotFoundError,
    InngestError,
    JournalCorrupt,
    JournalUnavailable,
    PayloadError,
    RunNotFoundError,
    TokenError,
)

if TYPE_CHECKING:
    from inngest_nb.engine.engine import Engine
    from inngest_nb.engine.records import Run
    from inngest_nb_server.host import EngineHost

AUTH_RESOURCE = "inngest"
MAX_BODY_BYTES = 3_000_000
_STATUS: list[tuple[type[InngestError], int]] = [
    (RunNotFoundError, 404),
    (FunctionNotFoundError, 404),
    (AnswerInvalidError, 422),
    (PayloadError, 413),
    (TokenError, 401),
    (JournalUnavailable, 503),
    (JournalCorrupt, 503),
    (DataDirLocked, 503),
]


def status_of(error: InngestError) -> int:
    """The HTTP status that says the same."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


if TYPE_CHECKING:
    _Handler = JupyterHandler  # what the mixin is mixed into
else:
    _Handler = object


class EngineMixin(_Handler):
    """Access to the engine for any handler."""

    @property
    def engine(self) -> Engine:
        """The running engine; raises the reason if there is none."""
        host: EngineHost = self.settings["inngest_host"]
        return host.engine

    @property
    def user_name(self) -> str:
        """Who Jupyter says this is."""
        return str(getattr(self.current_user, "username", "") or "")

    def state(self, run: Run) -> dict[str, Any]:
        """RunState of a run."""
        return run_state(run, self.engine.core.functions.get(run.fn_id))


class Handler(EngineMixin, APIHandler):
    """A REST handler: answers JSON, and errors as {"error": sentence, "code": word}."""

    auth_resource = AUTH_RESOURCE

    def answer(self, body: Any) -> None:
        """Finish with a JSON body."""
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(body))

    def json_body(self) -> Any:
        """The request's JSON.

        Raises:
            HTTPError: 400 when it is not JSON, 413 when it is too large.
        """
        if len(self.request.body) > MAX_BODY_BYTES:
            raise HTTPError(
                413, reason=f"the body has {len(self.request.body)} bytes; at most {MAX_BODY_BYTES} are taken"
            )
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError as exc:
            raise HTTPError(400, reason=f"the body is not JSON: {exc}") from exc

    def query(self) -> dict[str, str]:
        """The query string; of what is there twice the last."""
        return {name: self.get_query_argument(name) for name in self.request.query_arguments}

    def integer(self, name: str, default: int, *, most: int) -> int:
        """A whole number from the query string."""
        text = self.get_query_argument(name, str(default)) or str(default)
        if not text.isdecimal():
            raise HTTPError(400, reason=f"{name} must be a whole number, not {text!r}")
        return min(int(text), most)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what happened, in one sentence."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.set_header("Content-Type", "application/json")
        code, details = "http_error", {}
        if isinstance(error, InngestError):
            status_code = status_of(error)
            self.set_status(status_code)
            text, code = error.message, error.code
            details = {"errors": error.errors} if isinstance(error, AnswerInvalidError) else {}
        elif isinstance(error, HTTPError):
            text = error.reason or error.log_message or "the request was refused"
        else:
            text = "the server failed on this request; its log says more"
        self.finish(orjson.dumps({"error": text, "code": code, "status": status_code, **details}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Errors for the user are answers, not tracebacks in the log."""
        if not isinstance(value, InngestError):
            super().log_exception(typ, value, tb)


class Socket(EngineMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A WebSocket for those whom the authorizer lets `action` on our resource."""

    auth_resource = AUTH_RESOURCE
    action = "read"

    async def authorize(self) -> None:
        """Refuse before the upgrade: 403 without identity, 403 when not allowed, 503 without an engine."""
        user = self.current_user
        if user is None:
            raise HTTPError(403)
        if not await ensure_async(self.authorizer.is_authorized(self, user, self.action, self.auth_resource)):
            raise HTTPError(403, reason=f"not allowed to {self.action} {self.auth_resource}")
        try:
            self.engine  # noqa: B018  # raises why there is none
        except InngestError as exc:
            raise HTTPError(503, reason=" ".join(exc.message.split())[:400]) from exc

"""What every route of the compatible API shares: its own authentication, CORS for any page, and errors in Inngest's shapes.

A cookie counts for nothing here: it is taken off the request before anything looks at it. That is why no XSRF token is asked
for, and why pages of any origin may call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from inngest_nb.errors import InngestError
from inngest_nb_server.credentials import Caller, Keys, bearer, is_key
from inngest_nb_server.routes.base import AUTH_RESOURCE, EngineMixin, status_of

NOT_AUTHENTICATED = "Not authenticated"
_MAX_AGE_S = "3600"
_METHODS = {"get", "post", "delete"}


class Refusal(HTTPError):
    """An answer with a status other than 2xx and one sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status)
        self.text = text


if TYPE_CHECKING:

    class _Handler(EngineMixin, JupyterHandler):
        """What the mixin is mixed into."""

else:
    _Handler = EngineMixin


class CompatMixin(_Handler):
    """Admits a request, or refuses it before its method runs. Stands before a handler of Jupyter or of WebSockets."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Tell a server that wants to know of each method (`allow_unauthenticated_access = False`): `prepare` asks who it is."""
        super().__init_subclass__(**options)
        for name in _METHODS & vars(cls).keys():
            setattr(cls, name, allow_unauthenticated(vars(cls)[name]))

    auth_resource = AUTH_RESOURCE
    content_type = "application/json"
    caller: Caller

    def set_default_headers(self) -> None:
        """Of Jupyter's none: these answers are for programs."""
        self.set_header("X-Inngest-Server-Kind", "dev")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Origin")
        if origin := self.request.headers.get("Origin"):
            self.set_header("Access-Control-Allow-Origin", origin)

    async def prepare(self) -> None:  # type: ignore[override]
        """Let nobody through who has not said who he is."""
        if "Cookie" in self.request.headers:
            del self.request.headers["Cookie"]
        if not self.check_host():
            raise Refusal(403, "this server is not called by that name; see ServerApp.allow_remote_access")
        if self.request.method == "OPTIONS":
            return
        caller = await self.authenticate()
        if caller is None:
            raise Refusal(401, NOT_AUTHENTICATED)
        self.caller = caller
        await self._ask_authorizer(caller)

    async def authenticate(self) -> Caller | None:
        """Who this is by its Authorization header; a route may know further credentials."""
        given = bearer(self.request.headers.get("Authorization", ""))
        if not given:
            return None
        if self.keys.signs(given):
            return Caller(by="signing key")
        return self.token_holder(given) or await self._jupyter_user()

    @property
    def keys(self) -> Keys:
        """The keys of this server."""
        keys: Keys = self.settings["inngest_keys"]
        return keys

    def token_holder(self, given: str) -> Caller | None:
        """Who has the token of this server: as it is, or hashed by an SDK that was told it as its signing key."""
        provider = self.identity_provider
        if not (provider.token and is_key(provider.token, given)):
            return None
        return Caller(by="token", user=provider.generate_anonymous_user(self))

    async def _jupyter_user(self) -> Caller | None:
        """Whom an identity provider of another kind knows by a token, as JupyterHub's does."""
        user = self.current_user = await ensure_async(self.identity_provider.get_user(self))
        known = user is not None and self.identity_provider.is_token_authenticated(self)
        return Caller(by="jupyter", user=user) if known else None

    async def _ask_authorizer(self, caller: Caller) -> None:
        """Keys carry their own right; what users of Jupyter may do, its authorizer says."""
        self.current_user = self._jupyter_current_user = caller.user
        if caller.user is None:
            return
        action = HTTP_METHOD_TO_AUTH_ACTION[self.request.method or "GET"]
        if not await ensure_async(self.authorizer.is_authorized(self, caller.user, action, self.auth_resource)):
            raise Refusal(403, f"not allowed to {action} {self.auth_resource}")

    def check_xsrf_cookie(self) -> None:
        """No request is taken for its cookie."""

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **kwargs: Any) -> None:
        """None is given out either."""

    @allow_unauthenticated
    def options(self, *args: str, **kwargs: str) -> None:
        """CORS: any page may ask, as long as it brings a credential."""
        asked = self.request.headers
        if "Origin" in asked and "Access-Control-Request-Method" in asked:
            self.set_header("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
            self.set_header("Access-Control-Allow-Methods", asked["Access-Control-Request-Method"])
            self.set_header("Access-Control-Max-Age", _MAX_AGE_S)
            if names := asked.get("Access-Control-Request-Headers"):
                self.set_header("Access-Control-Allow-Headers", names)
        self.finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what happened, in one sentence, in the shape of this route."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, InngestError):
            status_code, text = status_of(error), error.message
        elif isinstance(error, HTTPError):
            text = getattr(error, "text", None) or error.reason or self._reason
        else:
            text = "the server failed on this request; its log says more"
        self.set_status(status_code)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._methods()))
            self.finish()
        else:
            self.refuse(status_code, text)

    def refuse(self, status: int, text: str) -> None:
        """The body of an error."""
        self.answer({"error": text, "data": None, "status": status})

    def answer(self, body: Any) -> None:
        """Finish with a JSON body and, as Inngest's server does, a newline."""
        self.set_header("Content-Type", self.content_type)
        self.finish(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))

    def _methods(self) -> list[str]:
        mine = {
            name
            for kind in type(self).__mro__
            if kind.__module__.startswith("inngest_nb_server")
            for name in vars(kind)
        }
        return [method for method in ("GET", "POST", "DELETE") if method.lower() in mine]

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Errors for the user are answers, not tracebacks in the log."""
        if not isinstance(value, (InngestError, Refusal)):
            super().log_exception(typ, value, tb)


class CompatHandler(CompatMixin, JupyterHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A REST handler of the compatible API."""

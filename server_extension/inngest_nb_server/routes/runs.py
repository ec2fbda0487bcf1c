"""Runs, their steps, and the messages of channels, for views and scripts."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from inngest_nb.engine.browsing import browse, topics
from inngest_nb.engine.views import attempts, read_log, run_view, step_messages
from inngest_nb.errors import ForkError
from inngest_nb_server.routes.base import Handler


class RunsHandler(Handler):
    """The list of runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Runs, newest first: ?function=&status=&event_id=&limit=."""
        filters = {name: self.get_query_argument(name, "") or None for name in ("function", "status", "event_id")}
        runs = self.engine.runs(**filters, limit=self.integer("limit", 100, most=1000))
        self.answer({"runs": [self.state(run) for run in runs]})


class RunHandler(Handler):
    """One run with its steps."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """RunState and the StepStates of all attempts."""
        self.answer(run_view(self.engine, run_id))


class StepHandler(Handler):
    """One step with what went in and came out."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str, step_hash: str) -> None:
        """All attempts with output and error."""
        self.answer({"attempts": attempts(self.engine, run_id, step_hash)})


class StepMessagesHandler(Handler):
    """What one step has published."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str, step_hash: str) -> None:
        """Its messages on all channels, the earliest first: ?limit=."""
        limit = self.integer("limit", 200, most=5000)
        self.answer({"messages": await step_messages(self.engine, run_id, step_hash, limit)})


class CancelHandler(Handler):
    """Cancelling."""

    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        """Cancel the run if it has not ended."""
        run = await self.engine.cancel(run_id, reason=f"cancelled by {self.user_name}" if self.user_name else None)
        self.answer({"run": self.state(run)})


class RetryHandler(Handler):
    """Not waiting for a backoff."""

    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        """Make what waits for its next attempt now, of the step {"step": id or hash} or of the whole run."""
        body = (self.json_body() if self.request.body else None) or {}
        step = body.get("step") if isinstance(body, dict) else 0
        if not isinstance(step, str | None):
            raise web.HTTPError(400, reason='a retry is {"step": step id, hash or null}')
        self.answer({"retried": await self.engine.retry_now(run_id, step)})


class ForkHandler(Handler):
    """What planning and starting a rerun have in common: which steps are kept, and with which outputs."""

    def choice(self) -> dict[str, Any]:
        """{"from_step", "steps", "resume"} of the body, each with its default.

        Raises:
            ForkError: the body is not such an object.
        """
        body = self.json_body() if self.request.body else {}
        from_step, steps = (body.get("from_step"), body.get("steps") or {}) if isinstance(body, dict) else (0, {})
        if not isinstance(from_step, str | None) or not isinstance(steps, dict):
            raise ForkError('a rerun is {"from_step": step id, hash or null, "steps": {step: output}, "resume": false}')
        return {"from_step": from_step, "steps": steps, "resume": body.get("resume") is True}


class PlanHandler(ForkHandler):
    """What a rerun would do."""

    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        """Each step with whether it is reused or runs again; nothing happens."""
        self.answer({"steps": self.engine.preview(run_id, **self.choice())})


class RerunHandler(ForkHandler):
    """Running again."""

    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        """Start a new run from this one."""
        self.answer({"run": self.state(await self.engine.rerun(run_id, **self.choice()))})


class MessagesHandler(Handler):
    """The log of a channel."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Messages of a channel from an offset on: ?since=&limit=."""
        since, limit = self.integer("since", 0, most=2**62), self.integer("limit", 1000, most=10_000)
        messages, following = await read_log(self.engine, name, since, limit)
        self.answer({"messages": messages, "next": following})


class BrowseHandler(Handler):
    """Looking through the log of a channel."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Messages below an offset that fit: ?before=&limit=&topics=&kind=&run=&text=&path=&value=."""
        self.answer(await browse(self.engine, name, self.query()))


class TopicsHandler(Handler):
    """What is in the log of a channel."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """How many messages there are of each topic and kind."""
        self.answer(await topics(self.engine, name))


ROUTES = [
    (r"runs", RunsHandler),
    (r"runs/([^/]+)", RunHandler),
    (r"runs/([^/]+)/steps/([^/]+)", StepHandler),
    (r"runs/([^/]+)/steps/([^/]+)/messages", StepMessagesHandler),
    (r"runs/([^/]+)/cancel", CancelHandler),
    (r"runs/([^/]+)/retry", RetryHandler),
    (r"runs/([^/]+)/plan", PlanHandler),
    (r"runs/([^/]+)/rerun", RerunHandler),
    (r"channels/([^/]+)/messages", MessagesHandler),
    (r"channels/([^/]+)/browse", BrowseHandler),
    (r"channels/([^/]+)/topics", TopicsHandler),
]

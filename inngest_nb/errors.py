"""Every error of the package, drawn as one tree; a class docstring says when it is raised.

InngestError
├── FunctionConfigInvalidError   a function, trigger or option that cannot be registered
├── FunctionNotFoundError        a function id that nobody registered
├── ForkError                    a rerun that cannot be made of this run
├── StartRefused                 flow control dropped a start
├── ListingError                 a list that is asked for in a way that is not understood
├── RunNotFoundError             a run id that the engine does not know
├── EventInvalidError            an event that intake refuses
│   └── AnswerInvalidError       an answer that does not fit the form of its question
├── SendEventsError              a send that was refused or could not be made durable
├── ExpressionError              a malformed, unknown or failing expression
├── ChannelError                 a channel or topic used in a way that cannot work
├── SchemaError                  data that does not fit its topic's schema
├── PayloadError                 data that is too large or is not JSON
├── TokenError                   a subscription token that is refused
│   └── TokenExpired             one that has ended
├── OutputUnserializableError    a step or function that returned something that is not JSON
├── AsyncUnsupportedError        async middleware around a sync function
├── StepNestedError              a step called inside another step
├── StepDuplicateError           one step id met twice at the same time in parallel code
├── StepInvalidError             a step that was called in a way that cannot work
├── InferError                   a provider of models that did not answer properly
├── RunFailed / RunCancelled     what awaiting a run raises when it did not complete
├── LinkError                    no engine could be reached
│   ├── ServerExtensionMissing   the kernel's Jupyter server has no inngest_nb extension
│   └── LinkRefused              the server refused this kernel's credential
├── DataDirLocked                a second engine on one data directory
├── JournalUnavailable           the journal cannot be written now; nothing was acknowledged
│   └── EngineStarting           the engine of a server that has only just begun
├── JournalCorrupt               the journal's file is damaged
├── TraceExportFailed            a collector that did not take spans
└── (control flow, part of the official API)
    ├── NonRetriableError, RetryAfterError
    └── StepError                a step that used up its attempts
"""

from __future__ import annotations

import datetime
import traceback
from typing import Any

__all__ = [
    "AnswerInvalidError",
    "AsyncUnsupportedError",
    "ChannelError",
    "DataDirLocked",
    "EngineStarting",
    "EventInvalidError",
    "ExpressionError",
    "ForkError",
    "FunctionConfigInvalidError",
    "FunctionNotFoundError",
    "InferError",
    "InngestError",
    "JournalCorrupt",
    "JournalUnavailable",
    "LinkError",
    "LinkRefused",
    "ListingError",
    "NonRetriableError",
    "OutputUnserializableError",
    "PayloadError",
    "RetryAfterError",
    "RunCancelled",
    "RunFailed",
    "RunNotFoundError",
    "SchemaError",
    "SendEventsError",
    "ServerExtensionMissing",
    "StartRefused",
    "StepDuplicateError",
    "StepError",
    "StepInvalidError",
    "StepNestedError",
    "TokenError",
    "TokenExpired",
    "TraceExportFailed",
]


class InngestError(Exception):
    """Base of every error of this package; `code` is the word used on the wire."""

    code = "unknown"
    is_retriable = True

    @property
    def message(self) -> str:
        """What happened, where, and what to do."""
        return str(self.args[0]) if self.args else (self.__doc__ or "").splitlines()[0]


class FunctionConfigInvalidError(InngestError):
    """A function, trigger or option that cannot be registered."""

    code = "function_config_invalid"


class FunctionNotFoundError(InngestError):
    """A function id that nobody registered."""

    code = "function_not_found"


class RunNotFoundError(InngestError):
    """A run id that the engine does not know."""

    code = "run_not_found"


class ForkError(InngestError):
    """A rerun that cannot be made of this run."""

    code = "fork_invalid"


class StartRefused(InngestError):
    """Flow control dropped a start: rate limit, idempotency, or an event id that ran already."""

    code = "start_refused"


class ListingError(InngestError):
    """A list of runs or messages that was asked for in a way that is not understood."""

    code = "listing_invalid"


class EventInvalidError(InngestError):
    """An event that intake refuses."""

    code = "event_invalid"
    is_retriable = False


class AnswerInvalidError(EventInvalidError):
    """An answer that does not fit the form of its question; `errors` are [{"path": [...], "message": ...}]."""

    code = "answer_invalid"

    def __init__(self, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.errors = list(errors or [])


class SendEventsError(InngestError):
    """A send that was refused or could not be made durable; `ids` were accepted before it."""

    code = "send_event_failed"

    def __init__(self, message: str, ids: list[str] | None = None) -> None:
        super().__init__(message)
        self.ids = list(ids or [])


class ExpressionError(InngestError):
    """A malformed, unknown or failing expression."""

    code = "expression_invalid"


class ChannelError(InngestError):
    """A channel or topic used in a way that cannot work."""

    code = "channel_invalid"


class SchemaError(InngestError):
    """Data that does not fit its topic's schema; nothing was sent."""

    code = "schema_invalid"


class PayloadError(InngestError):
    """Data that is too large or is not JSON; nothing was sent."""

    code = "payload_invalid"


class TokenError(InngestError):
    """A subscription token that is refused: forged, changed, revoked, or for other topics."""

    code = "token_invalid"


class TokenExpired(TokenError):
    """A subscription token that has ended; ask for a new one."""

    code = "token_expired"


class OutputUnserializableError(InngestError):
    """A step or function returned something that is not JSON."""

    code = "output_unserializable"
    is_retriable = False


class AsyncUnsupportedError(InngestError):
    """Async middleware around a sync function or a sync send."""

    code = "async_unsupported"
    is_retriable = False


class StepNestedError(InngestError):
    """A step was called inside another step."""

    code = "step_nested"
    is_retriable = False


class StepDuplicateError(InngestError):
    """One step id was met a second time while the first was still running."""

    code = "step_duplicate"
    is_retriable = False


class StepInvalidError(InngestError, TypeError, ValueError):
    """A step was called in a way that cannot work: a wrong id, duration, or something that is no function."""

    code = "step_invalid"
    is_retriable = False


class InferError(InngestError):
    """A provider of models that refused a request, or could not be reached; `status` is HTTP's, None without an answer."""

    code = "infer_failed"

    def __init__(self, message: str, status: int | None = None, *, is_retriable: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.is_retriable = is_retriable


class RunFailed(InngestError):
    """The run failed; `error` is {"code", "name", "message", "stack"} of the original."""

    code = "run_failed"

    def __init__(self, run_id: str, error: dict[str, Any]) -> None:
        super().__init__(f"run {run_id} failed: {error.get('name')}: {error.get('message')}")
        self.run_id = run_id
        self.error = error


class RunCancelled(InngestError):
    """The run was cancelled before it completed."""

    code = "run_cancelled"

    def __init__(self, run_id: str, reason: str | None = None) -> None:
        super().__init__(f"run {run_id} was cancelled" + (f": {reason}" if reason else ""))
        self.run_id = run_id
        self.reason = reason


class LinkError(InngestError):
    """No engine could be reached."""

    code = "link_failed"


class ServerExtensionMissing(LinkError):
    """The kernel's Jupyter server runs without the inngest_nb extension."""

    code = "server_extension_missing"


class LinkRefused(LinkError):
    """The Jupyter server refused this kernel's credential."""

    code = "link_refused"


class DataDirLocked(InngestError):
    """Another engine owns this data directory."""

    code = "data_dir_locked"


class JournalUnavailable(InngestError):
    """The journal cannot be written now; nothing was acknowledged, and nothing that was is lost."""

    code = "journal_unavailable"


class EngineStarting(JournalUnavailable):
    """The engine of this Jupyter server is being started; it takes up what was under way before it answers."""

    code = "engine_starting"


class JournalCorrupt(InngestError):
    """The journal's file is damaged."""

    code = "journal_corrupt"


class TraceExportFailed(InngestError):
    """A collector did not take the spans that the history exported to it."""

    code = "trace_export_failed"


class _RaisedByUsers(InngestError):
    """What is told of an error, without asking its class."""

    @property
    def name(self) -> str:
        """The name of the class; of a `StepError` that of the original error."""
        return type(self).__name__

    @property
    def stack(self) -> str | None:
        """The traceback as text; of a `StepError` that of the original error."""
        return "".join(traceback.format_exception(self))


class NonRetriableError(_RaisedByUsers):
    """Raised by user code: do not try again."""

    code = "non_retriable_error"
    is_retriable = False

    def __init__(self, message: str | None = None, quiet: bool = False) -> None:
        super().__init__(message or "")
        self.quiet = quiet


class RetryAfterError(_RaisedByUsers):
    """Raised by user code: try again, but not before `retry_after` (ms, timedelta or datetime)."""

    code = "retry_after_error"

    def __init__(
        self,
        message: str | None,
        retry_after: int | datetime.timedelta | datetime.datetime,
        quiet: bool = False,
    ) -> None:
        super().__init__(message or "")
        self.quiet = quiet
        self._asked = datetime.timedelta(milliseconds=retry_after) if isinstance(retry_after, int) else retry_after

    @property
    def retry_after(self) -> datetime.datetime:
        """When the next attempt is wanted; a delay counts from now."""
        asked = self._asked
        return asked if isinstance(asked, datetime.datetime) else datetime.datetime.now(datetime.UTC) + asked

    def delay_ms(self, now: datetime.datetime) -> float:
        """Milliseconds from `now` until the next attempt is wanted."""
        asked = self._asked
        delay = asked.astimezone(datetime.UTC) - now if isinstance(asked, datetime.datetime) else asked
        return delay.total_seconds() * 1000


class StepError(_RaisedByUsers):
    """A step used up its attempts; `name`, `message` and `stack` are the original error's."""

    code = "step_errored"
    is_retriable = False

    def __init__(self, message: str, name: str = "Error", stack: str | None = None) -> None:
        super().__init__(message)
        self._name, self._stack = name, stack

    @property
    def name(self) -> str:
        """The original error's class."""
        return self._name

    @property
    def stack(self) -> str | None:
        """The original error's traceback."""
        return self._stack

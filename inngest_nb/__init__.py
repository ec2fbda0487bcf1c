"""Inngest's durable functions and Realtime, native to the Jupyter notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_nb import realtime
from inngest_nb._version import __version__
from inngest_nb.client import Inngest
from inngest_nb.diff import diff
from inngest_nb.errors import NonRetriableError, RetryAfterError, RunCancelled, RunFailed, StepError
from inngest_nb.event import Event
from inngest_nb.function import Function
from inngest_nb.middleware import Middleware, MiddlewareSync, StepMemos, TransformOutputResult
from inngest_nb.options import (
    Batch,
    Cancel,
    Concurrency,
    Debounce,
    Priority,
    RateLimit,
    Singleton,
    Throttle,
    Timeouts,
)
from inngest_nb.realtime import channel, get_client_subscription_token, static_schema, topic
from inngest_nb.retention import Retention
from inngest_nb.run import Run
from inngest_nb.serializers import PydanticSerializer, Serializer
from inngest_nb.triggers import TriggerCron, TriggerEvent
from inngest_nb.types import JSON, SendEventsResult, Streaming
from inngest_nb.worker import Context, ContextSync
from inngest_nb.worker.barrier import ParallelMode
from inngest_nb.worker.steps import Step
from inngest_nb.worker.steps_sync import StepSync

if TYPE_CHECKING:
    from inngest_nb.hooks import use_realtime
    from inngest_nb.widgets import Approval, MessageFeed, RunTable, RunTimeline, TokenStream

__all__ = [
    "JSON",
    "Approval",
    "Batch",
    "Cancel",
    "Concurrency",
    "Context",
    "ContextSync",
    "Debounce",
    "Event",
    "Function",
    "Inngest",
    "MessageFeed",
    "Middleware",
    "MiddlewareSync",
    "NonRetriableError",
    "ParallelMode",
    "Priority",
    "PydanticSerializer",
    "RateLimit",
    "Retention",
    "RetryAfterError",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunTable",
    "RunTimeline",
    "SendEventsResult",
    "Serializer",
    "Singleton",
    "Step",
    "StepError",
    "StepMemos",
    "StepSync",
    "Streaming",
    "Throttle",
    "Timeouts",
    "TokenStream",
    "TransformOutputResult",
    "TriggerCron",
    "TriggerEvent",
    "__version__",
    "channel",
    "diff",
    "get_client_subscription_token",
    "realtime",
    "static_schema",
    "topic",
    "use_realtime",
]

_WIDGETS = frozenset({"Approval", "MessageFeed", "RunTable", "RunTimeline", "TokenStream"})


def __getattr__(name: str) -> Any:
    """Load on first use what most scripts never need: anywidget, traitlets, IPython."""
    if name in _WIDGETS:
        from inngest_nb import widgets

        return getattr(widgets, name)
    if name == "use_realtime":
        from inngest_nb.hooks import use_realtime

        return use_realtime
    if name == "load_ipython_extension":
        from inngest_nb.magics import load_ipython_extension

        return load_ipython_extension
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

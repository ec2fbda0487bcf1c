"""Writes what the reference pages take from the code: `python -m tests.docs.reference`.

A page holds `<!-- generated: name -->` and `<!-- end -->`; what stands between them is made here. A test compares.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inngest_nb_server.app import InngestApp

import inngest_nb
from inngest_nb import demo, errors, experimental, middleware, options, protocol, realtime, testing
from inngest_nb import history as history_package
from inngest_nb.engine import dispatch, subscriptions
from inngest_nb.engine.flow import backoff, events
from inngest_nb.history import History, tables
from inngest_nb.history.frames import HistoryFrame
from inngest_nb.hooks import Messages, Realtime
from inngest_nb.hub import hub, subscription
from inngest_nb.lint import Finding
from inngest_nb.publishing import ClientRealtime
from inngest_nb.realtime.subscription import Subscription
from inngest_nb.registration import MAX_RETRIES
from inngest_nb.types import SendEventsResult
from inngest_nb.worker import steps, steps_sync
from inngest_nb.worker.approval import Decision
from inngest_nb.worker.barrier import Group, GroupSync, ParallelMode
from tests.docs import figures, signatures
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "reference"
_MARKED = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

DTYPES = {
    "text": "`str`",
    "time": "`datetime64[us, UTC]`",
    "span": "`timedelta64[us]`",
    "int": "`Int64`",
    "count": "`int64`",
    "number": "`float64`",
    "flag": "`bool`",
    "json": "`object`",
    "enum": "`category`",
}


def pages() -> list[Path]:
    """The pages that have generated parts."""
    return [page for page in sorted((ROOT / "docs").rglob("*.md")) if _MARKED.search(page.read_text())]


def rendered(page: Path) -> str:
    """The page as it should be."""
    return _MARKED.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]().strip()}\n\n{part[4]}", page.read_text())


#: What users are handed, and do not make themselves.
_HANDED = (
    inngest_nb.Function, inngest_nb.Context, inngest_nb.ContextSync, inngest_nb.Step, inngest_nb.StepSync,
    steps.StepRealtime, steps_sync.StepRealtimeSync, steps.StepAI, steps_sync.StepAISync, Group, GroupSync, ParallelMode,
    Decision, inngest_nb.Run, ClientRealtime, realtime.SubscriptionToken, realtime.ClientSubscriptionToken, inngest_nb.StepMemos, testing.Triggered, testing.Result, testing.StepResult, SendEventsResult, middleware.TransformOutputResult,
    Subscription, Realtime, Messages, HistoryFrame, realtime.TopicRef, realtime.StaticTopic, realtime.TopicDefinition, demo.Model,
    demo.DemoUnavailable, Finding,
)  # fmt: skip


def _objects(*objects: Any) -> str:
    return "\n\n".join(map(_object, objects))


def _object(documented: Any) -> str:
    if isinstance(documented, type):
        return signatures.describe_class(documented, made_by_users=documented not in _HANDED)
    return signatures.describe_function(documented)


def _functions() -> str:
    return _objects(
        inngest_nb.Inngest, inngest_nb.Function, inngest_nb.TriggerEvent, inngest_nb.TriggerCron, inngest_nb.Event,
        inngest_nb.Retention,
    )  # fmt: skip


def _steps() -> str:
    of_async = [inngest_nb.Context, inngest_nb.Step, steps.StepAI, steps.StepRealtime, Group, ParallelMode, Decision]
    of_sync = [inngest_nb.StepSync, steps_sync.StepAISync, steps_sync.StepRealtimeSync, GroupSync]
    return _objects(*of_async, inngest_nb.ContextSync, *of_sync)


def _options() -> str:
    return _objects(*(getattr(options, name) for name in options.__all__ if name != "Options"))


def _experimental() -> str:
    return _objects(*(getattr(experimental, name) for name in experimental.__all__))


def _testing() -> str:
    about = (testing.__doc__ or "").strip()
    code = textwrap.dedent(re.search(r"(?:^    .*\n)+", about, re.MULTILINE)[0])  # type: ignore[index]
    text = re.sub(r"(?:^    .*\n)+", f"```py\n{code}```\n", about, count=1, flags=re.MULTILINE)
    shown = [testing.trigger, testing.Triggered, testing.Result, testing.StepResult]
    return f"{text}\n\n" + _objects(*shown, testing.TestEngine, testing.TestClock, testing.Timeout)


def _middleware() -> str:
    passed = [inngest_nb.StepMemos, middleware.TransformOutputResult, SendEventsResult]
    order = inspect.cleandoc(middleware.__doc__ or "").partition("\n\n")[2]
    return f"{order}\n\n" + _objects(
        middleware.Middleware, middleware.MiddlewareSync, *passed, inngest_nb.Serializer, inngest_nb.PydanticSerializer
    )


def _runs() -> str:
    return _objects(inngest_nb.Run, inngest_nb.diff, Finding)


def _realtime() -> str:
    declared = [realtime.channel, realtime.topic, realtime.static_schema, realtime.Channel]
    passed = [realtime.TopicRef, realtime.StaticTopic, realtime.TopicDefinition, realtime.Message]
    handed_out = [realtime.SubscriptionToken, realtime.ClientSubscriptionToken]
    tokens = [*handed_out, realtime.get_subscription_token, realtime.get_client_subscription_token]
    return _objects(
        *declared, *passed, realtime.fold_rollbacks, realtime.text_piece, ClientRealtime, Subscription,
        realtime.subscribe, realtime.use_realtime, Realtime, Messages, *tokens,
    )  # fmt: skip


def _history() -> str:
    return _objects(history_package.open, history_package.read_parquet, History, HistoryFrame)


def _demo() -> str:
    return _objects(demo.model, demo.Model, demo.DemoUnavailable)


def _views() -> str:
    return _objects(*(getattr(inngest_nb, name) for name in sorted(inngest_nb._WIDGETS)))


def _columns() -> str:
    parts: list[str] = []
    for table, columns in tables.TABLES.items():
        parts.append(f"### `{table}`\n\n| column | dtype | holds |\n|---|---|---|")
        for column in columns:
            holds = " ".join(f"`{choice}`" for choice in column.choices) or column.says
            holds = holds or ("JSON" if column.kind == "json" else "")
            parts[-1] += f"\n| `{column.name}` | {DTYPES[column.kind]} | {holds} |"
    return "\n\n".join(parts)


def _tree() -> str:
    return f"```text\n{(errors.__doc__ or '').partition(chr(10))[2].strip()}\n```"


def _codes() -> str:
    from inngest_nb_server.routes import base

    lines = ["| error | `code` | HTTP |", "|---|---|---|"]
    for name in errors.__all__:
        error = getattr(errors, name)
        status = next((status for kind, status in base._STATUS if issubclass(error, kind)), 400)
        lines.append(f"| `{name}` | `{error.code}` | {status} |")
    return "\n".join(lines)


def _traits() -> str:
    lines = ["| option | type | default | meaning |", "|---|---|---|---|"]
    for name, trait in sorted(InngestApp.class_own_traits(config=True).items()):
        kind = type(trait).__name__
        lines.append(f"| `InngestApp.{name}` | {kind} | `{trait.default()!r}` | {trait.help} |")
    return "\n".join(lines)


def _limits() -> str:
    first, most = backoff.NOTEBOOK_FIRST_MS / 1000, backoff.NOTEBOOK_MOST_MS / 1000
    rows = [
        ("retries of a function", f"{MAX_RETRIES}"),
        ("notebook backoff", f"{first:g} s, doubling up to {most:g} s"),
        (
            "RetryAfterError",
            f"{backoff.LEAST_RETRY_AFTER_MS / 1000:g} s to {backoff.MOST_RETRY_AFTER_MS // 3_600_000} h",
        ),
        ("event", f"{events.MAX_EVENT_BYTES:,} bytes"),
        ("output of a step or run", f"{protocol.MAX_OUTPUT_BYTES:,} bytes"),
        ("data of a message", f"{hub.MAX_DATA_BYTES:,} bytes"),
        ("messages in one batch to a subscriber", f"{subscription.BATCH}"),
        ("pause between batches of a stream", f"{subscriptions.FRAME_S * 1000:g} ms"),
        ("subscriptions of one connection", f"{subscriptions.MAX_SUBSCRIPTIONS:,}"),
        ("messages that may wait for the disk", f"{hub.MAX_UNWRITTEN:,}"),
        ("grace time of a lost kernel's leases", f"{dispatch.GRACE_S:g} s"),
    ]
    return "| limit | value |\n|---|---|\n" + "\n".join(f"| {what} | {value} |" for what, value in rows)


def _schema(package: str) -> str:
    return f"```sql\n{(ROOT / 'inngest_nb' / package / 'schema.sql').read_text().strip()}\n```"


def _operations() -> str:
    return f"```text\n{(protocol.__doc__ or '').strip()}\n```"


PARTS: dict[str, Callable[[], str]] = {
    "functions": _functions,
    "options": _options,
    "middleware": _middleware,
    "steps": _steps,
    "experimental": _experimental,
    "testing": _testing,
    "runs": _runs,
    "realtime": _realtime,
    "history": _history,
    "demo": _demo,
    "views": _views,
    "columns": _columns,
    "tree": _tree,
    "codes": _codes,
    "traits": _traits,
    "limits": _limits,
    "journal": lambda: _schema("engine/journal"),
    "messages": lambda: _schema("hub"),
    "operations": _operations,
    "pixels": figures.pixels,
}

if __name__ == "__main__":
    for changed in pages():
        changed.write_text(rendered(changed))

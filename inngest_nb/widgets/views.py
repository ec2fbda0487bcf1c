"""The views: a token stream, the table of runs, a run's timeline, and the questions of a channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inngest_nb.approvals import headless_decision
from inngest_nb.function import Function
from inngest_nb.realtime.channels import channel_name, topic_names
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.widgets.source import Closer, source_of
from inngest_nb.widgets.view import View

__all__ = ["Approval", "MessageFeed", "RunTable", "RunTimeline", "TokenStream"]

#: So many messages of a feed are saved with the notebook.
SAVED_MESSAGES = 200
#: A list of more runs than this is named by its length.
_LISTED = 4
#: What a table of runs can be narrowed down to.
GROUPS = ("all", "running", "asking", "failed", "recent", "queued", "waiting", "completed", "cancelled")


class TokenStream(View):
    """The text that a model writes, as it writes it.

    Parameters
    ----------
    channel
        A channel, its name, or one of its topics.
    topics
        The topics that carry text; all if not given.
    field
        The field of the data that holds the piece; else data itself if it is text, or its field token, text, content
        or delta.
    run
        Show one run only; the view ends with it.
    client
        The client whose engine to ask, if there are several.
    """

    def __init__(
        self,
        channel: Any,
        topics: Iterable[str | TopicRef[Any]] | str | None = None,
        *,
        field: str | None = None,
        run: Any = None,
        client: Any = None,
    ) -> None:
        name, wanted = _place_of(channel, topics)
        params = {
            "channel": name,
            "topics": wanted,
            "field": field,
            "run_id": None if run is None else _run_id(run),
        }
        super().__init__(source_of(client, run), f"TokenStream({params['channel']!r})", "token-stream", params)


class RunTimeline(View):
    """Where the time of a run goes, step by step.

    Parameters
    ----------
    run
        A run or its id; several of them: the second is compared with the first, and of more you choose; or a Function,
        whose newest run is shown.
    client
        The client whose engine to ask, if there are several.
    """

    def __init__(self, run: Any, *, client: Any = None) -> None:
        about = list(run) if _are_several(run) else run
        params, label = _timeline_of(about)
        if isinstance(about, list):
            about = about[0] if about else None
        if isinstance(about, Function):
            client, about = client or about._client, None  # noqa: SLF001  # its own client
        super().__init__(source_of(client, about), f"RunTimeline({label})", "run-timeline", params)


class RunTable(View):
    """Every run of an engine, live: to find, open, cancel and run again. `client.history.runs()` is the same as a DataFrame.

    Parameters
    ----------
    client
        The client whose engine to ask, if there are several.
    function
        Show the runs of one function: a Function, its local or its full id.
    status
        What is shown first: a status, or one of "running" (queued ones too), "asking" (they need a person), "recent".
    """

    def __init__(self, client: Any = None, *, function: Any = None, status: str | None = None) -> None:
        group = status or "all"
        if group not in GROUPS:
            raise ValueError(f"status must be one of {', '.join(GROUPS)}, not {status!r}")
        params = {"group": group, "function": _fn_id(client, function)}
        about = ", ".join(
            f"{name}={value!r}" for name, value in (("function", params["function"]), ("status", status)) if value
        )
        super().__init__(source_of(client), f"RunTable({about})", "run-table", params)


class MessageFeed(View):
    """Every message of a channel in order, to read along and to look through. `client.history.messages()` has them all.

    Parameters
    ----------
    channel
        A channel, its name, or one of its topics.
    topics
        The topics that are shown first; all if not given.
    client
        The client whose engine to ask, if there are several.
    """

    def __init__(
        self, channel: Any, topics: Iterable[str | TopicRef[Any]] | str | None = None, *, client: Any = None
    ) -> None:
        name, wanted = _place_of(channel, topics)
        params = {"channel": name, "topics": wanted, "last": SAVED_MESSAGES}
        super().__init__(source_of(client), f"MessageFeed({params['channel']!r})", "message-feed", params)


class Approval(View):
    """The questions that runs ask on a channel, with the buttons that answer them.

    Parameters
    ----------
    channel
        A channel, its name, or one of its topics.
    topic
        The topic of the questions; else every message that looks like one.
    event
        The name of the event that answers; else the one that the question's wait is for.
    client
        The client whose engine to ask, if there are several.

    Where nobody can click, `INNGEST_NB_HEADLESS=approve` or `=reject` answers every question.
    """

    # Set here too: a widget whose constructor raised is closed by its finaliser.
    _policy: Closer | None = None

    def __init__(
        self, channel: Any, topic: str | TopicRef[Any] | None = None, *, event: str | None = None, client: Any = None
    ) -> None:
        name, topics = _place_of(channel, None if topic is None else [topic])
        params = {"channel": name, "topic": topics[0] if topics else None, "event": event}
        source = source_of(client)
        super().__init__(source, f"Approval({params['channel']!r})", "approval", params)
        decision = headless_decision()
        self._policy = source.answer(params, decision) if decision else None

    def close(self) -> None:
        """End the live view, and the policy that answered in place of people; the snapshot stays."""
        if self._policy is not None:
            self._policy()
        super().close()


def _run_id(run: Any) -> str:
    run_id = getattr(run, "id", run)
    if not isinstance(run_id, str) or not run_id:
        raise TypeError(f"expected a run or its id, got {type(run).__name__} {run!r:.80}")
    return run_id


def _fn_id(client: Any, function: Any) -> str | None:
    if function is None or not isinstance(function, str):
        return None if function is None else str(function.id)
    prefix = "" if client is None else f"{client.app_id}-"
    return function if function.startswith(prefix) else f"{prefix}{function}"


def _timeline_of(run: Any) -> tuple[dict[str, Any], str]:
    """The params of a timeline, and what it is of."""
    if _are_several(run):
        return _timeline_of_several([_run_id(each) for each in run])
    if isinstance(run, Function):
        newest = run._client.runs(function=run, limit=1)  # noqa: SLF001  # its own client
        run_id = newest[0].id if newest else ""
        return {"run_id": run_id, "function": run.id, "fn_name": run.local_id}, repr(run.id)
    run_id = _run_id(run)
    return {"run_id": run_id}, repr(run_id)


def _timeline_of_several(run_ids: list[str]) -> tuple[dict[str, Any], str]:
    """The first one is shown and the second laid over it; of more a reader chooses."""
    params: dict[str, Any] = {"run_id": run_ids[0] if run_ids else ""}
    if len(run_ids) > 1:
        params["other_id"] = run_ids[1]
    if len(run_ids) > 2:
        params["runs"] = list(dict.fromkeys(run_ids))
    return params, repr(run_ids) if len(run_ids) < _LISTED else f"{len(run_ids)} runs"


def _are_several(run: Any) -> bool:
    return isinstance(run, Iterable) and not isinstance(run, str)


def _place_of(channel: Any, topics: Iterable[str | TopicRef[Any]] | str | None) -> tuple[str, list[str] | None]:
    """The names of a channel and its topics; a topic of a channel, `chat.tokens`, is both."""
    if isinstance(channel, TopicRef):
        return channel.channel, [channel.topic] if topics is None else topic_names(channel.channel, topics)
    return channel_name(channel), topic_names(channel, topics)

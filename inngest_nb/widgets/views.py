"""The views: a token stream, a run's timeline, and the questions of a channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inngest_nb.approvals import headless_decision
from inngest_nb.realtime.channels import channel_name, topic_names
from inngest_nb.realtime.refs import TopicRef
from inngest_nb.widgets.source import source_of
from inngest_nb.widgets.view import View

__all__ = ["Approval", "RunTimeline", "TokenStream"]


class TokenStream(View):
    """The text that a model writes, as it writes it.

    Parameters
    ----------
    channel
        A channel or its name.
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
        params = {
            "channel": channel_name(channel),
            "topics": topic_names(channel, topics),
            "field": field,
            "run_id": None if run is None else _run_id(run),
        }
        super().__init__(source_of(client, run), f"TokenStream({params['channel']!r})", "token-stream", params)


class RunTimeline(View):
    """Where the time of a run goes, step by step.

    Parameters
    ----------
    run
        A run or its id.
    client
        The client whose engine to ask, if there are several.
    """

    def __init__(self, run: Any, *, client: Any = None) -> None:
        run_id = _run_id(run)
        super().__init__(source_of(client, run), f"RunTimeline({run_id!r})", "run-timeline", {"run_id": run_id})


class Approval(View):
    """The questions that runs ask on a channel, with the buttons that answer them.

    Parameters
    ----------
    channel
        A channel or its name.
    topic
        The topic of the questions; else every message that looks like one.
    event
        The name of the event that answers; else the one that the question's wait is for.
    client
        The client whose engine to ask, if there are several.

    Where nobody can click, `INNGEST_NB_HEADLESS=approve` or `=reject` answers every question.
    """

    def __init__(
        self, channel: Any, topic: str | TopicRef[Any] | None = None, *, event: str | None = None, client: Any = None
    ) -> None:
        topics = topic_names(channel, None if topic is None else [topic])
        params = {"channel": channel_name(channel), "topic": topics[0] if topics else None, "event": event}
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

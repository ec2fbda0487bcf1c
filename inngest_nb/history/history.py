"""Everything that happened, as DataFrames read from the stores of a data directory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from inngest_nb.history.reading import SQL, Filters, connected, make_filters, rows_of
from inngest_nb.history.tables import TABLES
from inngest_nb.realtime.channels import channel_name
from inngest_nb.realtime.refs import TopicRef

if TYPE_CHECKING:
    from inngest_nb.history.frames import HistoryFrame
    from inngest_nb.history.streams import StreamKey, StreamText
    from inngest_nb.realtime.channels import BoundChannel

__all__ = ["History"]

#: One value or several; runs and functions may be given themselves instead of their ids.
Some = Any
When = str | dt.datetime | dt.timedelta | None
To = Literal["pandas", "arrow", "polars"]
Other = Literal["arrow", "polars"]


class _Filters(TypedDict, total=False):
    function: Some
    run_id: Some
    since: When
    until: When
    limit: int | None


class _RunFilters(_Filters, total=False):
    status: Some


class _StepFilters(_RunFilters, total=False):
    step_id: Some


class _MessageFilters(_Filters, total=False):
    channel: str | BoundChannel | Iterable[str | BoundChannel] | None
    topic: str | TopicRef[Any] | Iterable[str | TopicRef[Any]] | None
    kind: Some


class _EventFilters(TypedDict, total=False):
    name: Some
    run_id: Some
    since: When
    until: When
    limit: int | None


class _WaitFilters(_Filters, total=False):
    outcome: Some


class History:
    """The journal and the message log of one data directory, for reading.

    It reads beside a running engine and from copied files alike, and never writes. Every method returns the newest
    `limit` rows, oldest first; the columns and dtypes are those of `inngest_nb.history.tables`, the same for an empty
    store. `since` and `until` are datetimes (UTC unless they say otherwise), ISO text, or a timedelta back from now.
    `to="arrow"` and `to="polars"` give tables of those libraries, in which JSON columns are text.

    Parameters
    ----------
    path
        A data directory, or its `journal.db`, or a copy of that; `messages.db` is looked for beside it.
    """

    def __init__(self, path: str | Path) -> None:
        given = Path(path).expanduser()
        folder = given if given.is_dir() or not given.suffix else given.parent
        self._messages = given if given.name.startswith("messages") and given.suffix else folder / "messages.db"
        self._journal = folder / "journal.db" if given in (folder, self._messages) else given

    def __repr__(self) -> str:
        return f"History({str(self._journal.parent)!r})"

    @overload
    def runs(self, *, to: Literal["pandas"] = ..., **filters: Unpack[_RunFilters]) -> HistoryFrame: ...
    @overload
    def runs(self, *, to: Other, **filters: Unpack[_RunFilters]) -> Any: ...
    def runs(
        self,
        *,
        function: Some = None,
        status: Some = None,
        run_id: Some = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
        to: To = "pandas",
    ) -> Any:
        """One row per run; times filter on `queued_at`. `event_id` is the id that `send` returned."""
        filters = {"status": status, "run_id": run_id, "since": since, "until": until}
        return self._table("runs", filters, limit, to, function)

    @overload
    def steps(self, *, to: Literal["pandas"] = ..., **filters: Unpack[_StepFilters]) -> HistoryFrame: ...
    @overload
    def steps(self, *, to: Other, **filters: Unpack[_StepFilters]) -> Any: ...
    def steps(
        self,
        *,
        run_id: Some = None,
        function: Some = None,
        status: Some = None,
        step_id: Some = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
        to: To = "pandas",
    ) -> Any:
        """One row per finished attempt, sleep or wait; times filter on `started_at`.

        `memoized` says that the output was taken over from the run that this one was forked from.
        """
        filters = {"run_id": run_id, "status": status, "step_id": step_id, "since": since, "until": until}
        return self._table("steps", filters, limit, to, function)

    @overload
    def events(self, *, to: Literal["pandas"] = ..., **filters: Unpack[_EventFilters]) -> HistoryFrame: ...
    @overload
    def events(self, *, to: Other, **filters: Unpack[_EventFilters]) -> Any: ...
    def events(
        self,
        *,
        name: Some = None,
        run_id: Some = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
        to: To = "pandas",
    ) -> Any:
        """One row per accepted event with the runs that it started; times filter on `received_at`."""
        return self._table("events", {"name": name, "run_id": run_id, "since": since, "until": until}, limit, to)

    @overload
    def waits(self, *, to: Literal["pandas"] = ..., **filters: Unpack[_WaitFilters]) -> HistoryFrame: ...
    @overload
    def waits(self, *, to: Other, **filters: Unpack[_WaitFilters]) -> Any: ...
    def waits(
        self,
        *,
        run_id: Some = None,
        function: Some = None,
        outcome: Some = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
        to: To = "pandas",
    ) -> Any:
        """One row per wait for an event: asked, answered, by whom, how long; times filter on `asked_at`."""
        filters = {"run_id": run_id, "outcome": outcome, "since": since, "until": until}
        return self._table("waits", filters, limit, to, function)

    @overload
    def messages(self, *, to: Literal["pandas"] = ..., **filters: Unpack[_MessageFilters]) -> HistoryFrame: ...
    @overload
    def messages(self, *, to: Other, **filters: Unpack[_MessageFilters]) -> Any: ...
    def messages(
        self,
        *,
        channel: Any = None,
        topic: Any = None,
        kind: Some = None,
        run_id: Some = None,
        function: Some = None,
        since: When = None,
        until: When = None,
        limit: int | None = None,
        to: To = "pandas",
    ) -> Any:
        """One row per published or lifecycle message, rolled back or not."""
        from inngest_nb.history import messages as reader

        filters = self._message_filters(channel, topic, function, kind=kind, run_id=run_id, since=since, until=until)
        columns = reader.read_messages(self._messages, filters, limit, parse=to == "pandas")
        if to == "pandas":
            from inngest_nb.history import frames

            return frames.frame_of_messages(columns)
        from inngest_nb.history import arrow

        table = arrow.table_of_messages(columns)
        return arrow.polars_of(table) if to == "polars" else table

    def transcript(
        self, run_id: Some = None, *, channel: Any = None, topic: Any = None, field: str | None = None
    ) -> HistoryFrame:
        """The text of each stream: pieces joined, without what was rolled back.

        `field` names the field of the data that holds the piece; else it is data itself if that is text, or its field
        token, text, content or delta.
        """
        from inngest_nb.history import frames, streams

        rows = streams.transcript_rows(self._streams(run_id, channel, topic, field))
        return frames.frame_of_rows("transcript", rows, parsed=True)

    def latency(
        self, run_id: Some = None, *, channel: Any = None, topic: Any = None, field: str | None = None
    ) -> HistoryFrame:
        """How fast each stream came: time to first token since the step began, gaps between tokens, tokens per second."""
        from inngest_nb.history import frames, streams

        found = self._streams(run_id, channel, topic, field)
        rows = streams.latency_rows(found, self._started({key.run_id for key in found if key.run_id}))
        return frames.frame_of_rows("latency", rows, parsed=True)

    def export(self, path: str | Path) -> Path:
        """Write every table as `<path>/<table>.parquet` and return the folder; needs `inngest-nb[arrow]`."""
        from inngest_nb.history import arrow

        arrow.require_arrow()
        folder = Path(path).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        for table in ("runs", "steps", "messages", "events", "waits"):
            arrow.write_parquet(getattr(self, table)(to="arrow"), folder / f"{table}.parquet")
        return folder

    def _table(self, table: str, given: dict[str, Any], limit: int | None, to: To, function: Some = None) -> Any:
        filters = make_filters({**given, "function": self._function_ids(function)})
        rows = rows_of(self._journal, table, filters, limit)
        if to == "pandas":
            from inngest_nb.history import frames

            return frames.frame_of_rows(table, rows)
        from inngest_nb.history import arrow

        result = arrow.table_of_rows(table, rows)
        return arrow.polars_of(result) if to == "polars" else result

    def _function_ids(self, function: Some) -> list[str] | None:
        """Return full ids: `summarize` may mean the function of that name in any app."""
        if function is None:
            return None
        asked = make_filters({"function": function})
        with connected(self._journal) as connection:
            return [id_ for (id_,) in connection.execute(SQL.function_ids, asked)] if connection else []

    def _message_filters(self, channel: Any, topic: Any, function: Some, **given: Any) -> Filters:
        channels = None if channel is None else [channel_name(c) for c in _several(channel)]
        topics = None if topic is None else _topics(topic)
        return make_filters({"channel": channels, "topic": topics, "function": self._function_ids(function), **given})

    def _streams(self, run_id: Some, channel: Any, topic: Any, field: str | None) -> dict[StreamKey, StreamText]:
        from inngest_nb.history import messages, streams

        kinds = ["data", "rollback", "commit"]
        filters = self._message_filters(channel, None, None, run_id=run_id, kind=kinds)
        columns = messages.read_messages(self._messages, filters, None)
        return streams.streams_of(columns, None if topic is None else _topics(topic), field)

    def _started(self, run_ids: set[str]) -> dict[tuple[str | None, str | None, int | None], int]:
        """Return when each attempt of each step began, and each run under (run, None, None)."""
        filters = make_filters({"run_id": sorted(run_ids)})
        run, step, attempt = (_index("steps", name) for name in ("run_id", "step_id", "attempt"))
        begun = _index("steps", "started_at")
        steps = {(r[run], r[step], r[attempt]): r[begun] for r in rows_of(self._journal, "steps", filters, None)}
        run, begun = _index("runs", "run_id"), _index("runs", "started_at")
        runs = {
            (r[run], None, None): r[begun]
            for r in rows_of(self._journal, "runs", filters, None)
            if r[begun] is not None
        }
        return {**steps, **runs}


def _index(table: str, column: str) -> int:
    return [c.name for c in TABLES[table]].index(column)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _topics(topic: Any) -> list[str]:
    return [item.topic if isinstance(item, TopicRef) else item for item in _several(topic)]
